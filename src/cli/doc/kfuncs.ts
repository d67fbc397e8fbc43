import { KFUNCS } from '../../isa/kfuncs.generated.ts';
import { prototypeText } from '../../isa/prototype.ts';
import { facts, type Page, type Shelf } from './page.ts';

/** The kernel's `Documentation/bpf/kfuncs.rst`, in our words. */
const FLAGS: Readonly<Record<string, string>> = {
  KF_ACQUIRE: 'answers an object that must be released',
  KF_RELEASE: 'releases the object that it is given',
  KF_RET_NULL: 'may answer NULL',
  KF_TRUSTED_ARGS: 'takes only pointers that are known to be valid',
  KF_SLEEPABLE: 'may sleep: for sleepable programs',
  KF_DESTRUCTIVE: 'may harm the machine: needs CAP_SYS_BOOT',
  KF_RCU: 'takes pointers that RCU protects',
  KF_ITER_NEW: 'begins an iteration',
  KF_ITER_NEXT: 'answers the next element of an iteration, or NULL',
  KF_ITER_DESTROY: 'ends an iteration',
  KF_RCU_PROTECTED: 'needs RCU to be held',
  KF_ARENA_RET: 'answers a pointer into the arena',
  KF_ARENA_ARG1: 'its first argument is a pointer into the arena',
  KF_ARENA_ARG2: 'its second argument is a pointer into the arena',
  KF_FASTCALL: 'leaves r1 to r5 alone where the verifier can tell',
};

function page(name: string): Page {
  const { returns, params, flags, programs, since } = KFUNCS[name]!;
  const prototype = prototypeText(name, { returns, params });
  const types =
    programs === 'all'
      ? 'all'
      : programs?.length
        ? programs.map((type) => type.toLowerCase()).join(', ')
        : undefined;
  return {
    kind: 'kfunc',
    name,
    summary: `${prototype};`,
    blocks: [
      { kind: 'code', language: 'c', text: `extern ${prototype} __ksym;` },
      facts(
        ['Linux', since],
        ['programs', types],
        ...flags.map((flag): [string, string] => [
          flag,
          FLAGS[flag] ?? 'see the documentation of the kernel',
        ]),
      ),
    ],
    data: { prototype, returns, params, flags, programs: programs ?? null, since: since ?? null },
  };
}

export const kfuncs: Shelf = {
  kind: 'kfunc',
  title: 'Kernel functions',
  file: 'docs/reference/kfuncs.md',
  introduction:
    'Functions of the kernel that programs call by name, when a line `.extern NAME` has declared them. They are no fixed interface: these are those of Linux 6.18 on x86-64, without those of modules. Every kernel tells its own in its BTF.',
  list: () => Object.keys(KFUNCS).map((name) => ({ name, summary: prototypeText(name, KFUNCS[name]!) })),
  find: (name) => [name, `bpf_${name}`].filter((one) => Object.hasOwn(KFUNCS, one)).map(page),
  *spellings() {
    for (const name of Object.keys(KFUNCS)) yield* new Set([name, name.replace(/^bpf_/, '')]);
  },
};
