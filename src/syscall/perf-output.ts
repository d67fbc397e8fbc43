import type { StructValue } from '../util/struct.ts';
import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { type Explanation, explainPermission } from './explain.ts';
import { Fd } from './fd.ts';
import { addressOf, invoke } from './native.ts';
import {
  PERF_COUNT_SW_BPF_OUTPUT,
  PERF_SAMPLE_RAW,
  PERF_TYPE_SOFTWARE,
  PerfAttrFlag,
  perfEventAttr,
} from './perf-event-attr.ts';
import { readPrivileges } from './privileges.ts';

/** PERF_FLAG_FD_CLOEXEC (Linux, `include/uapi/linux/perf_event.h`). */
const PERF_FLAG_FD_CLOEXEC = 8;
/** _IO('$', 0) and _IOW('$', 9, __u32), from the same file. */
const PERF_EVENT_IOC_ENABLE = 0x2400;
const PERF_EVENT_IOC_PAUSE_OUTPUT = 0x40042409;

export interface PerfOutputParams {
  readonly cpu: number;
  /** The reader is woken once this many records are there, or this many bytes. */
  readonly wakeup: { readonly events: number } | { readonly bytes: number };
  /** Written from the end of the ring to its beginning, so that the newest record is found first. */
  readonly backward?: boolean;
}

/** @returns the descriptor, or minus the errno */
function tryPerfOutputOpen(params: PerfOutputParams): number {
  const { cpu, wakeup } = params;
  const attr = perfEventAttr.encode({
    type: PERF_TYPE_SOFTWARE,
    size: perfEventAttr.size,
    config: PERF_COUNT_SW_BPF_OUTPUT,
    sample_period: 1n,
    sample_type: PERF_SAMPLE_RAW,
    flags: flagsOf(params),
    wakeup_events: 'events' in wakeup ? wakeup.events : wakeup.bytes,
  } satisfies Partial<StructValue<typeof perfEventAttr.fields>>);
  return invoke('perf_event_open', [attr], addressOf(attr), -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

function flagsOf({ wakeup, backward }: PerfOutputParams): bigint {
  const watermark = 'bytes' in wakeup ? PerfAttrFlag.WATERMARK : 0n;
  return PerfAttrFlag.DISABLED | watermark | (backward ? PerfAttrFlag.WRITE_BACKWARD : 0n);
}

/**
 * The perf event that bpf_perf_event_output on one CPU writes to, not enabled yet.
 *
 * @returns undefined where the CPU is offline
 * @throws {SyscallError} EACCES with the capability that is missing
 */
export function openPerfOutput(params: PerfOutputParams): Fd | undefined {
  const what = `the perf ring of CPU ${params.cpu}`;
  const result = tryPerfOutputOpen(params);
  if (result >= 0) return new Fd(result, what);
  if (result === -Errno.ENODEV) return undefined;
  throw refused('perf_event_open', -result, `open ${what}`);
}

/** From now on records are kept. @throws {SyscallError} */
export function enablePerfOutput(fd: Fd): void {
  const result = invoke('ioctl', [], fd.number, PERF_EVENT_IOC_ENABLE, 0);
  if (result < 0) throw refused('ioctl', -result, `enable ${fd.what}`);
}

/** While it is paused nothing is written; what comes meanwhile is lost. @throws {SyscallError} */
export function pausePerfOutput(fd: Fd, paused: boolean): void {
  const result = invoke('ioctl', [], fd.number, PERF_EVENT_IOC_PAUSE_OUTPUT, paused ? 1 : 0);
  if (result < 0) throw refused('ioctl', -result, `${paused ? 'pause' : 'resume'} ${fd.what}`);
}

function refused(syscall: string, errno: number, doing: string): SyscallError {
  const denied = errno === Errno.EACCES || errno === Errno.EPERM;
  const meaning: Explanation | undefined = denied
    ? explainPermission(['CAP_PERFMON'], { logEmpty: false }, readPrivileges())
    : undefined;
  return new SyscallError({ syscall, errno, doing, ...meaning });
}
