import { HELPER_DOCS } from '../../isa/helper-docs.ts';
import { HELPER_PROTOS, HELPERS_BY_PROG_TYPE } from '../../isa/helper-protos.generated.ts';
import { HELPERS, type Helper } from '../../isa/helpers.generated.ts';
import { MAP_DOCS } from '../../isa/map-docs.ts';
import { prototypeText } from '../../isa/prototype.ts';
import { facts, type Page, type Shelf } from './page.ts';

/** The program types that may call a helper, in lower case. */
export function callersOf({ id }: Helper): string[] {
  return Object.entries(HELPERS_BY_PROG_TYPE)
    .filter(([, ids]) => ids.includes(id))
    .map(([type]) => type.toLowerCase());
}

/** All types but a few are told by the few. */
function callersText(types: readonly string[]): string {
  const all = Object.keys(HELPERS_BY_PROG_TYPE).map((type) => type.toLowerCase());
  const others = all.filter((type) => !types.includes(type));
  if (others.length === 0) return 'all';
  return others.length <= 6 ? `all but ${others.join(', ')}` : types.join(', ');
}

function page(helper: Helper): Page {
  const { id, name, gplOnly, since } = helper;
  const proto = HELPER_PROTOS[name]!;
  const prototype = prototypeText(name, proto);
  const programs = callersOf(helper);
  const maps = Object.entries(MAP_DOCS)
    .filter(([, doc]) => doc.helpers.includes(name))
    .map(([type]) => type.toLowerCase());
  return {
    kind: 'helper',
    name,
    summary: HELPER_DOCS[name]!,
    blocks: [
      { kind: 'code', language: 'c', text: `${prototype};` },
      { kind: 'text', text: HELPER_DOCS[name]! },
      facts(
        ['number', `${id}, BPF_FUNC_${name.slice('bpf_'.length)}`],
        ['Linux', since],
        ['licence', gplOnly ? 'only programs with a GPL-compatible one' : 'any'],
        ['programs', callersText(programs)],
        ['maps', maps.length === 0 ? undefined : maps.join(', ')],
      ),
    ],
    data: { id, prototype, returns: proto.returns, params: proto.params, gplOnly, since, programs, maps },
  };
}

export const helpers: Shelf = {
  kind: 'helper',
  title: 'Helpers',
  file: 'docs/reference/helpers.md',
  introduction:
    'Functions of the kernel that programs call by number: `call bpf_ktime_get_ns`. Arguments go into r1 to r5, which are lost, and the answer is in r0. Where no answer is told, a helper answers 0, or a negative error number. What struct_ops and freplace programs may call depends on what they stand for, so the lists of programs leave them out.',
  list: () => HELPERS.map(({ name }) => ({ name, summary: HELPER_DOCS[name]! })),
  find: (name) => HELPERS.filter((helper) => helper.name === name || helper.name === `bpf_${name}`).map(page),
  *spellings() {
    for (const { name } of HELPERS) yield* [name, name.slice('bpf_'.length)];
  },
};
