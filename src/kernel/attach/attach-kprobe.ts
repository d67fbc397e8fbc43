import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import type { Lookup } from '../../object/spec.ts';
import { Errno } from '../../syscall/errno.ts';
import { type ExplainPerf, PerfType } from '../../syscall/perf-attach.ts';
import { TsbpfError } from '../../util/errors.ts';
import { runningKernel } from '../facts.ts';
import type { Program } from '../load/program.ts';
import { attachToEvent, EVERY_PROCESS, type PerfAttachOptions, probePmu } from './attach-perf.ts';
import { requireType } from './attach-type.ts';
import { cookiesOf, sessionOr } from './attach-uprobe.ts';
import { attachByTracefs, matchingFunctions, tracefsKprobes } from './kprobe-events.ts';
import { type Attached, createLink, type Link } from './link.ts';

export interface KprobeOptions extends PerfAttachOptions {
  /** A function of the kernel. */
  readonly function?: string;
  /** Added to it. */
  readonly offset?: number;
  /** In place of both. */
  readonly address?: bigint;
  /** True: when the function returns. */
  readonly ret?: boolean;
  /**
   * What makes the probe: perf_event_open(2), or a line in `kprobe_events` of tracefs, as before Linux
   * 4.17. Left out, the former, and the other where the kernel has no source of events named `kprobe`.
   */
  readonly events?: 'pmu' | 'tracefs';
}

/**
 * Attaches a program to a function of the kernel.
 *
 * @throws {TsbpfError} `KPROBE_UNAVAILABLE` where the kernel has none, `PROBE_PLACE_MISSING`, `PROBE_PLACE_INVALID`, `PROG_TYPE_WRONG`
 * @throws {SyscallError} ENOENT (no such function), EINVAL (cannot be probed), EACCES
 */
export function attachKprobe(program: Program, options: KprobeOptions): Attached {
  requireType(program, [ProgType.KPROBE], 'a kprobe');
  const { offset = 0, address, ret = false, events } = options;
  if (options.function === undefined && address === undefined)
    throw new TsbpfError('PROBE_PLACE_MISSING', 'a kprobe needs a function or an address');
  if (ret && offset !== 0)
    throw new TsbpfError(
      'PROBE_PLACE_INVALID',
      'a function returns as a whole: no offset goes with a kretprobe',
    );
  const name = options.function ?? `0x${address!.toString(16)}`;
  const place = options.function !== undefined && offset !== 0 ? `${name}+0x${offset.toString(16)}` : name;
  const target = `${ret ? 'kretprobe' : 'kprobe'} ${place}`;
  const explain = explainPlace(name);
  const byTracefs = events === 'tracefs' || (events === undefined && !hasPmu() && tracefsKprobes());
  if (byTracefs) {
    return attachByTracefs({ ret, place }, `attach program '${program.name}' to ${target}`, explain, (id) =>
      attachToEvent(
        program,
        { type: PerfType.TRACEPOINT, config: BigInt(id), ...EVERY_PROCESS },
        target,
        options,
      ),
    );
  }
  const pmu = probePmu('kprobe');
  return attachToEvent(
    program,
    {
      type: pmu.type,
      config: ret ? 1n << pmu.retprobeBit : 0n,
      text: options.function,
      config2: options.function === undefined ? address : BigInt(offset),
      ...EVERY_PROCESS,
    },
    target,
    options,
    { explain },
  );
}

function hasPmu(): boolean {
  try {
    probePmu('kprobe');
    return true;
  } catch {
    return false;
  }
}

const explainPlace =
  (name: string): ExplainPerf =>
  (errno) => {
    const known = runningKernel().kallsyms;
    // tracefs says EINVAL of either.
    const missing = errno === Errno.EINVAL && known !== undefined && !hasSymbol(known, name);
    if (errno === Errno.ENOENT || errno === Errno.EADDRNOTAVAIL || (missing && !name.startsWith('0x')))
      return {
        explanation: `the kernel has no function '${name}' that can be probed`,
        hint: 'compilers inline functions and rename them (.isra, .part): see /proc/kallsyms',
      };
    if (errno === Errno.EINVAL || errno === Errno.EILSEQ)
      return { explanation: `'${name}' may not be probed, or no instruction begins there` };
    return undefined;
  };

/** How the kernel calls the function behind a system call. */
const SYSCALL_PREFIXES: Readonly<Record<string, string>> = {
  x64: '__x64_sys_',
  arm64: '__arm64_sys_',
  riscv64: '__riscv_sys_',
  s390x: '__s390x_sys_',
};

/**
 * Attaches a program to a system call by its name. On x86-64, arm64, riscv64 and s390x the function
 * takes one argument, which points to the registers that hold those of the call.
 *
 * @param name `openat`
 * @throws {TsbpfError} `SYSCALL_NOT_FOUND`, and as {@link attachKprobe}
 */
export function attachKsyscall(
  program: Program,
  name: string,
  options: Pick<KprobeOptions, 'cookie' | 'events' | 'ret' | 'via'> = {},
): Attached {
  requireType(program, [ProgType.KPROBE], 'a system call');
  return attachKprobe(program, { ...options, function: syscallFunction(name, process.arch) });
}

function syscallFunction(name: string, arch: string): string {
  const names = [`${SYSCALL_PREFIXES[arch] ?? '__se_sys_'}${name}`, `__se_sys_${name}`, `sys_${name}`];
  const { kallsyms } = runningKernel();
  const found = kallsyms ? names.find((each) => hasSymbol(kallsyms, each)) : names[0];
  if (found !== undefined) return found;
  throw new TsbpfError('SYSCALL_NOT_FOUND', `the kernel has no system call '${name}'`, {
    hint: `its function would be ${names[0]}: see /proc/kallsyms`,
  });
}

function hasSymbol(symbols: Lookup<bigint>, name: string): boolean {
  try {
    return symbols.get(name) !== undefined;
  } catch {
    return true; // hidden, or there several times
  }
}

export interface KprobeMultiOptions {
  /** Functions of the kernel by name, or by a predicate, which takes tracefs; or `addresses`. */
  readonly functions?: readonly string[] | ((name: string) => boolean);
  readonly addresses?: readonly bigint[];
  /** One for each function, in their order. */
  readonly cookies?: readonly bigint[];
  /** In place of `cookies`: the same for all. */
  readonly cookie?: bigint;
  /** True: when the functions return. */
  readonly ret?: boolean;
}

/** BPF_F_KPROBE_MULTI_RETURN (Linux, `include/uapi/linux/bpf.h`). */
const KPROBE_MULTI_RETURN = 1;

/**
 * Attaches a program of a `kprobe.multi` or `kprobe.session` section to many functions by one link
 * (Linux 5.18, sessions 6.10).
 *
 * @throws {TsbpfError} `TRACEFS_UNAVAILABLE`, `KERNEL_FUNCTION_NOT_FOUND`, `PROBE_PLACE_MISSING`, `PROBE_COUNT`
 * @throws {SyscallError} EOPNOTSUPP without CONFIG_FPROBE, ESRCH (no such function)
 */
export function attachKprobeMulti(program: Program, options: KprobeMultiOptions): Link {
  requireType(program, [ProgType.KPROBE], 'kprobe.multi');
  const { addresses, ret } = options;
  const functions =
    typeof options.functions === 'function' ? matchingFunctions(options.functions) : options.functions;
  const count = functions?.length ?? addresses?.length ?? 0;
  if (count === 0) throw new TsbpfError('PROBE_PLACE_MISSING', 'kprobe.multi needs functions or addresses');
  const cookies = cookiesOf(options, count);
  return createLink(
    program,
    {
      attachType: sessionOr(program, AttachType.TRACE_KPROBE_SESSION, AttachType.TRACE_KPROBE_MULTI),
      arm: {
        kind: 'kprobe-multi',
        flags: ret ? KPROBE_MULTI_RETURN : 0,
        ...(functions ? { symbols: functions } : { addresses: addresses ?? [] }),
        ...(cookies && { cookies }),
      },
    },
    `${count} function${count === 1 ? '' : 's'} of the kernel (kprobe.multi)`,
  );
}
