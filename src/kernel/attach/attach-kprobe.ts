import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { Errno } from '../../syscall/errno.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { Program } from '../load/program.ts';
import { attachToEvent, EVERY_PROCESS, type PerfAttachOptions, probePmu } from './attach-perf.ts';
import { requireType } from './attach-type.ts';
import { sessionOr } from './attach-uprobe.ts';
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
}

/**
 * Attaches a program to a function of the kernel.
 *
 * @throws {TsbpfError} `KPROBE_UNAVAILABLE` where the kernel has none, `PROG_TYPE_WRONG`
 * @throws {SyscallError} ENOENT (no such function), EINVAL (cannot be probed), EACCES
 */
export function attachKprobe(program: Program, options: KprobeOptions): Attached {
  requireType(program, [ProgType.KPROBE], 'a kprobe');
  const pmu = probePmu('kprobe');
  const { offset = 0, address, ret = false } = options;
  if (options.function === undefined && address === undefined)
    throw new TsbpfError('PROBE_PLACE_MISSING', 'a kprobe needs a function or an address');
  if (ret && offset !== 0)
    throw new TsbpfError(
      'PROBE_PLACE_INVALID',
      'a function returns as a whole: no offset goes with a kretprobe',
    );
  const place = options.function ?? `0x${address!.toString(16)}`;
  const target = `${ret ? 'kretprobe' : 'kprobe'} ${place}${offset ? `+0x${offset.toString(16)}` : ''}`;
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
    {
      explain: (errno) => {
        if (errno === Errno.ENOENT || errno === Errno.EADDRNOTAVAIL)
          return {
            explanation: `the kernel has no function '${place}' that can be probed`,
            hint: 'compilers inline functions and rename them (.isra, .part): see /proc/kallsyms',
          };
        if (errno === Errno.EINVAL)
          return { explanation: `'${place}' may not be probed, or no instruction begins there` };
        return undefined;
      },
    },
  );
}

export interface KprobeMultiOptions {
  /** Functions of the kernel; or `addresses`. */
  readonly functions?: readonly string[];
  readonly addresses?: readonly bigint[];
  /** One for each function. */
  readonly cookies?: readonly bigint[];
  /** True: when the functions return. */
  readonly ret?: boolean;
}

/** BPF_F_KPROBE_MULTI_RETURN (Linux, `include/uapi/linux/bpf.h`). */
const KPROBE_MULTI_RETURN = 1;

/**
 * Attaches a program of a `kprobe.multi` or `kprobe.session` section to many functions by one link
 * (Linux 5.18, sessions 6.10).
 *
 * @throws {SyscallError} EOPNOTSUPP without CONFIG_FPROBE, ESRCH (no such function)
 */
export function attachKprobeMulti(program: Program, options: KprobeMultiOptions): Link {
  requireType(program, [ProgType.KPROBE], 'kprobe.multi');
  const { functions, addresses, cookies, ret } = options;
  const count = functions?.length ?? addresses?.length ?? 0;
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
    `${count} functions of the kernel (kprobe.multi)`,
  );
}
