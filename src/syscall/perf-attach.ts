import { encodeText } from '../util/bytes.ts';
import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { type Explanation, explainPermission } from './explain.ts';
import type { Fd } from './fd.ts';
import { addressOf, invoke } from './native.ts';
import { PerfAttrFlag, perfEventAttr } from './perf-event-attr.ts';
import { type Capability, readPrivileges } from './privileges.ts';

/** Linux, `include/uapi/linux/perf_event.h`. */
const PERF_FLAG_FD_CLOEXEC = 8;
const PERF_EVENT_IOC_ENABLE = 0x2400;
const PERF_EVENT_IOC_SET_BPF = 0x40042408;
/** The bit `freq`: `sample_period` is a frequency. */
const FREQ = 1n << 10n;
/** The bit `exclude_kernel`, `exclude_user`: hardware breakpoints on user memory want the former. */
const EXCLUDE_KERNEL = 1n << 5n;

/** `enum perf_type_id`. */
export const PerfType = {
  HARDWARE: 0,
  SOFTWARE: 1,
  TRACEPOINT: 2,
  HW_CACHE: 3,
  RAW: 4,
  BREAKPOINT: 5,
} as const;

/** `enum perf_sw_ids`. */
export const SoftwareEvent = {
  'cpu-clock': 0,
  'task-clock': 1,
  'page-faults': 2,
  'context-switches': 3,
  'cpu-migrations': 4,
  'minor-faults': 5,
  'major-faults': 6,
  'alignment-faults': 7,
  'emulation-faults': 8,
  dummy: 9,
  'cgroup-switches': 11,
} as const;

/** `enum perf_hw_id`. */
export const HardwareEvent = {
  cycles: 0,
  instructions: 1,
  'cache-references': 2,
  'cache-misses': 3,
  branches: 4,
  'branch-misses': 5,
  'bus-cycles': 6,
  'stalled-cycles-frontend': 7,
  'stalled-cycles-backend': 8,
  'ref-cycles': 9,
} as const;

export interface PerfEventParams {
  readonly type: number;
  readonly config: bigint;
  /** A path or a function's name; lies in `config1`. */
  readonly text?: string | undefined;
  readonly config1?: bigint | undefined;
  readonly config2?: bigint | undefined;
  /** Every so many events. */
  readonly period?: bigint | undefined;
  /** So many times a second. */
  readonly frequency?: number | undefined;
  /** Of breakpoints: what is watched for, 1 reading, 2 writing, 4 executing. */
  readonly breakpointType?: number | undefined;
  /** -1: every process; then the event is of one CPU. */
  readonly pid: number;
  /** -1: every CPU; then the event is of one process. */
  readonly cpu: number;
}

/** perf_event_open(2). @returns the descriptor, or minus the errno */
export function tryPerfEventOpen(params: PerfEventParams): number {
  const text = params.text === undefined ? undefined : encodeText(`${params.text}\0`);
  const { frequency, breakpointType } = params;
  const attr = perfEventAttr.encode({
    type: params.type,
    size: perfEventAttr.size,
    config: params.config,
    sample_period: frequency === undefined ? (params.period ?? 0n) : BigInt(frequency),
    flags:
      (frequency === undefined ? 0n : FREQ) |
      (breakpointType === undefined ? 0n : PerfAttrFlag.DISABLED | EXCLUDE_KERNEL),
    bp_type: breakpointType ?? 0,
    config1: text ? BigInt(addressOf(text)) : (params.config1 ?? 0n),
    config2: params.config2 ?? 0n,
  });
  const held = text ? [attr, text] : [attr];
  return invoke('perf_event_open', held, addressOf(attr), params.pid, params.cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/** Puts a program on an event. @returns 0, or minus the errno */
export function tryPerfSetBpf(fd: Fd, progFd: number): number {
  return invoke('ioctl', [], fd.number, PERF_EVENT_IOC_SET_BPF, progFd);
}

/** @throws {SyscallError} */
export function perfEnable(fd: Fd): void {
  const result = invoke('ioctl', [], fd.number, PERF_EVENT_IOC_ENABLE, 0);
  if (result < 0) throw perfError('ioctl', -result, `enable ${fd.what}`);
}

/** Words for an errno where the caller knows better than its own text. */
export type ExplainPerf = (errno: number) => Explanation | undefined;

/** A refusal of perf_event_open(2) or of its ioctls, with EACCES and EPERM told apart. */
export function perfError(
  syscall: string,
  errno: number,
  doing: string,
  explain?: ExplainPerf,
  needs: readonly Capability[] = ['CAP_PERFMON'],
): SyscallError {
  const denied = errno === Errno.EACCES || errno === Errno.EPERM;
  const meaning =
    explain?.(errno) ??
    (denied ? explainPermission(needs, { logEmpty: false }, readPrivileges()) : undefined);
  return new SyscallError({ syscall, errno, doing, ...meaning });
}
