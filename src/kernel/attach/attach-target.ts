import type { Btf, BtfKindName } from '../../btf/index.ts';
import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import type { KernelFacts, ProgramKind } from '../../object/spec.ts';
import type { Fd } from '../../syscall/fd.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { ModuleFds } from '../load/module-btf.ts';
import type { Program } from '../load/program.ts';
import { functionInProgram } from '../load/program-btf.ts';
import { progTypeName } from '../names.ts';

/** What a tracing, LSM or freplace program is loaded for: `attach_btf_id` and `attach_prog_fd`. */
export interface AttachTarget {
  /** The target's number among the types of the kernel, of a module or of a program. */
  readonly btfId: number;
  /** A descriptor of the module's types or of the program; left out, the kernel's. */
  readonly fd?: number | undefined;
}

/** A function of a loaded program: what freplace, fentry, fexit and fmod_ret programs may be for. */
export interface ProgramTarget {
  readonly program: Program;
  /** Left out, what the section names behind its slash. */
  readonly function?: string;
}

/**
 * What a program is loaded for in place of what its section names: a function of a loaded program, or a
 * tracepoint, LSM hook, iterator or function of the kernel, written as behind the slash of a section.
 */
export type TargetOption = ProgramTarget | string;

/** How the kernel's types call what a section names. */
interface TargetRow {
  readonly prefix: string;
  readonly kind: BtfKindName;
  readonly what: string;
  /** Where the names are, for who finds none that is near. */
  readonly listed: string;
}

const FUNCTION: TargetRow = {
  prefix: '',
  kind: 'func',
  what: 'function',
  listed: 'the compiler may have inlined it, or its module is not loaded: /proc/kallsyms has what there is',
};
const HOOK: TargetRow = {
  prefix: 'bpf_lsm_',
  kind: 'func',
  what: 'LSM hook',
  listed: 'the hooks are those of security/ in the kernel: file_open, bprm_check_security, socket_connect …',
};

/** Linux, `kernel/bpf/verifier.c`, bpf_check_attach_target(). */
const ROWS: Readonly<Partial<Record<number, TargetRow>>> = {
  [AttachType.TRACE_RAW_TP]: {
    prefix: 'btf_trace_',
    kind: 'typedef',
    what: 'tracepoint',
    listed: 'the names are those of tracefs without their folder: sched_switch, sys_enter',
  },
  [AttachType.TRACE_ITER]: {
    prefix: 'bpf_iter_',
    kind: 'func',
    what: 'iterator',
    listed:
      'there are task, task_file, task_vma, bpf_map, bpf_map_elem, bpf_prog, bpf_link, tcp, udp, unix, netlink, ksym, cgroup and others',
  },
  [AttachType.TRACE_FENTRY]: FUNCTION,
  [AttachType.TRACE_FEXIT]: FUNCTION,
  [AttachType.MODIFY_RETURN]: FUNCTION,
  [AttachType.LSM_MAC]: HOOK,
  [AttachType.LSM_CGROUP]: HOOK,
};

/** All that a row may name, as its user would write it. Walks all types: for errors alone. */
function* targetNames(btf: Btf, { kind, prefix }: TargetRow): Generator<string> {
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== kind) continue;
    const type = btf.type(id);
    const name = 'name' in type ? String(type.name) : '';
    if (name.startsWith(prefix)) yield name.slice(prefix.length);
  }
}

/** Whether programs of this kind name their target when they are loaded. */
export function namesTargetAtLoad(kind: Pick<ProgramKind, 'progType' | 'expectedAttachType'>): boolean {
  const ofType = kind.progType === ProgType.TRACING || kind.progType === ProgType.LSM;
  return ofType && ROWS[kind.expectedAttachType] !== undefined;
}

function ofProgram(
  given: ProgramTarget | undefined,
  { attachTo }: ProgramKind,
  program: string,
): AttachTarget {
  const name = given?.function ?? attachTo;
  if (given && name !== undefined)
    return { btfId: functionInProgram(given.program, name), fd: given.program.fd.number };
  throw new TsbpfError(
    'ATTACH_TARGET_MISSING',
    `program '${program}' does not say which ${given ? 'function' : "program's function"} it is for`,
    {
      hint: given
        ? 'name it behind the slash of its section, as in freplace/filter, or in targets'
        : `name the program when it is loaded: targets: { ${program}: { program } }`,
    },
  );
}

function namedLater(program: string, { progType }: ProgramKind): TsbpfError {
  const type = progType === undefined ? 'no type' : `type ${progTypeName(progType)}`;
  return new TsbpfError('OPTIONS', `program '${program}' of ${type} is loaded for no target`, {
    hint: 'it is told where it goes when it is attached',
  });
}

/** The targets of one load's programs; modules' types stay open until the programs are loaded. */
export class AttachTargets {
  readonly #facts: KernelFacts;
  readonly #programs: Readonly<Record<string, TargetOption>>;
  readonly #modules: ModuleFds;

  /** @param programs for programs of the load, by name */
  constructor(
    facts: KernelFacts,
    own: (fd: Fd) => Fd,
    programs: Readonly<Record<string, TargetOption>> = {},
  ) {
    this.#facts = facts;
    this.#modules = new ModuleFds(own);
    this.#programs = programs;
  }

  /**
   * @returns undefined for kinds that name no target at load
   * @throws {TsbpfError} `ATTACH_TARGET_MISSING`, `ATTACH_TARGET_NOT_FOUND`, `KERNEL_BTF_UNAVAILABLE`, `OPTIONS`
   */
  of(kind: ProgramKind, program: string): AttachTarget | undefined {
    const given = this.#programs[program];
    const named = typeof given === 'string' ? given : undefined;
    if (typeof given === 'object' || kind.progType === ProgType.EXT)
      return ofProgram(typeof given === 'object' ? given : undefined, kind, program);
    const row = namesTargetAtLoad(kind) ? ROWS[kind.expectedAttachType] : undefined;
    if (!row) {
      if (named !== undefined) throw namedLater(program, kind);
      return undefined;
    }
    const name = named ?? kind.attachTo;
    if (name === undefined) {
      throw new TsbpfError(
        'ATTACH_TARGET_MISSING',
        `program '${program}' does not say which ${row.what} it is for`,
        {
          hint: 'name it behind the slash of its section, as in tp_btf/sched_switch or fentry/do_unlinkat, or in targets',
        },
      );
    }
    return this.#find(row, name);
  }

  #find(row: TargetRow, text: string): AttachTarget {
    const { btf, moduleBtf } = this.#facts;
    if (!btf) {
      throw new TsbpfError(
        'KERNEL_BTF_UNAVAILABLE',
        `the types of the kernel are not known, so '${text}' is not found`,
        {
          hint: 'the kernel needs CONFIG_DEBUG_INFO_BTF',
        },
      );
    }
    const colon = text.indexOf(':');
    const [module, name] = colon < 0 ? ['', text] : [text.slice(0, colon), text.slice(colon + 1)];
    if (module === '' || module === 'vmlinux') {
      const btfId = btf.findByName(row.prefix + name, row.kind);
      if (btfId !== undefined) return { btfId };
    }
    for (const [owner, types] of moduleBtf ?? []) {
      if (module !== '' && module !== owner) continue;
      const btfId = types.findByName(row.prefix + name, row.kind);
      // Those of the kernel itself have the lower numbers.
      if (btfId !== undefined && btfId >= types.firstId)
        return { btfId, fd: this.#modules.open(owner).number };
    }
    throw new TsbpfError(
      'ATTACH_TARGET_NOT_FOUND',
      `the kernel has no ${row.what} '${name}'${module && ` in ${module}`}`,
      { hint: didYouMean(name, targetNames(btf, row))[0] ?? row.listed },
    );
  }

  close(): void {
    this.#modules.close();
  }
}
