import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { tryLinkCreate, tryRawTracepointOpen } from '../../syscall/bpf-link.ts';
import { Errno } from '../../syscall/errno.ts';
import type { Program } from '../load/program.ts';
import { functionInProgram } from '../load/program-btf.ts';
import { requireType } from './attach-type.ts';
import { attachContext, type Link, ownLink } from './link.ts';

export interface RawTracepointOptions {
  /** What bpf_get_attach_cookie() answers (Linux 6.10). */
  readonly cookie?: bigint;
}

/**
 * Attaches a program to a tracepoint of the kernel as it is called, before its arguments are laid
 * out for tracefs.
 *
 * @param name without a category: `sched_switch`, `sys_enter`
 * @throws {SyscallError} ENOENT (no such tracepoint), EINVAL
 */
export function attachRawTracepoint(
  program: Program,
  name: string,
  options: RawTracepointOptions = {},
): Link {
  requireType(program, [ProgType.RAW_TRACEPOINT, ProgType.RAW_TRACEPOINT_WRITABLE], 'a raw tracepoint');
  const target = `raw tracepoint '${name}'`;
  const result = tryRawTracepointOpen(program.fd.number, name, options.cookie);
  if (result >= 0) return ownLink(result, program, target);
  throw bpfError('RAW_TRACEPOINT_OPEN', -result, `attach program '${program.name}' to ${target}`, {
    progType: program.type,
  });
}

/** What was chosen when the program was loaded, by its type. */
const LOADED_FOR: Readonly<Partial<Record<number, string>>> = {
  [ProgType.TRACING]: 'its target of tracing',
  [ProgType.LSM]: 'its LSM hook',
  [ProgType.EXT]: 'the function that it replaces',
};

/** For another target than the load named: freplace only. */
export interface TracingOptions extends RawTracepointOptions {
  /** The program whose function is replaced, and the function: its name, or its number among the program's types. */
  readonly replace?: { readonly program: Program } & (
    | { readonly function: string }
    | { readonly btfId: number }
  );
}

/**
 * Attaches a program whose target was named when it was loaded: fentry, fexit, fmod_ret, tp_btf, LSM
 * and freplace.
 *
 * @throws {TsbpfError} `PROG_TYPE_WRONG`, `ATTACH_TARGET_NOT_FOUND` @throws {SyscallError} EBUSY where the target takes no more
 */
export function attachTracing(program: Program, options: TracingOptions = {}): Link {
  requireType(program, [ProgType.TRACING, ProgType.LSM, ProgType.EXT], 'a target of tracing');
  const target = LOADED_FOR[program.type]!;
  const { cookie, replace } = options;
  const attachType =
    program.traits.expectedAttachType ?? (program.type === ProgType.LSM ? AttachType.LSM_MAC : 0);
  let result = tryLinkCreate({
    progFd: program.fd.number,
    target: replace?.program.fd.number ?? 0,
    attachType,
    arm: {
      kind: 'tracing',
      ...(replace && {
        targetBtfId:
          'btfId' in replace ? replace.btfId : functionInProgram(replace.program, replace.function),
      }),
      ...(cookie !== undefined && { cookie }),
    },
  });
  // Before Linux 5.18 these links came from the older command, which takes neither cookie nor other target.
  if (result === -Errno.EINVAL && cookie === undefined && replace === undefined) {
    result = tryRawTracepointOpen(program.fd.number);
  }
  if (result >= 0) return ownLink(result, program, target);
  const doing = `attach program '${program.name}' to ${target}`;
  throw bpfError('LINK_CREATE', -result, doing, attachContext(program, attachType));
}
