import { closeSync } from 'node:fs';
import { encodeInsns, makeInsn } from '../src/isa/index.ts';
import { AttachType, ProgType } from '../src/isa/kernel-tables.generated.ts';
import { logText, tryProgLoad } from '../src/syscall/bpf-prog.ts';

/** Types that load without a target; together they may call every helper but those of TRACING and LSM alone. */
const TYPES: readonly (readonly [ProgType, number])[] = [
  [ProgType.SOCKET_FILTER, 0],
  [ProgType.KPROBE, 0],
  [ProgType.SCHED_CLS, 0],
  [ProgType.TRACEPOINT, 0],
  [ProgType.XDP, 0],
  [ProgType.PERF_EVENT, 0],
  [ProgType.CGROUP_SKB, 0],
  [ProgType.CGROUP_SOCK, AttachType.CGROUP_INET_SOCK_CREATE],
  [ProgType.LWT_IN, 0],
  [ProgType.LWT_XMIT, 0],
  [ProgType.LWT_SEG6LOCAL, 0],
  [ProgType.SOCK_OPS, AttachType.CGROUP_SOCK_OPS],
  [ProgType.SK_SKB, AttachType.SK_SKB_STREAM_VERDICT],
  [ProgType.SK_MSG, AttachType.SK_MSG_VERDICT],
  [ProgType.RAW_TRACEPOINT, 0],
  [ProgType.CGROUP_SOCK_ADDR, AttachType.CGROUP_INET4_CONNECT],
  [ProgType.SK_REUSEPORT, AttachType.SK_REUSEPORT_SELECT],
  [ProgType.CGROUP_SYSCTL, AttachType.CGROUP_SYSCTL],
  [ProgType.CGROUP_SOCKOPT, AttachType.CGROUP_SETSOCKOPT],
  [ProgType.SK_LOOKUP, AttachType.SK_LOOKUP],
  [ProgType.SYSCALL, 0],
];
const BPF_F_SLEEPABLE = 16;

type Answer = 'not for this type' | 'gpl only' | 'allowed';

/** What the kernel says to a program without licence that calls a helper at once. */
function ask(type: ProgType, expectedAttachType: number, id: number): Answer {
  const code = encodeInsns([
    makeInsn('call', { imm: id }),
    makeInsn('mov_k', { dst: 0, imm: 0 }),
    makeInsn('exit'),
  ]);
  const buffer = new Uint8Array(4096);
  const flags = type === ProgType.SYSCALL ? BPF_F_SLEEPABLE : 0;
  const { result } = tryProgLoad({
    name: 'gpl',
    type,
    expectedAttachType,
    code,
    license: '',
    flags,
    log: { level: 1, buffer },
  });
  if (result >= 0) closeSync(result);
  const log = logText(buffer);
  if (log.includes('cannot call GPL-restricted function')) return 'gpl only';
  // The first wording is that of kernels before 6.9 or so.
  return /unknown func|cannot use helper/.test(log) ? 'not for this type' : 'allowed';
}

/**
 * Whether the running kernel keeps a helper for GPL-compatible programs in all the types that may
 * call it; undefined where none of those that can be tried here may.
 */
export function isGplOnly(id: number): boolean | undefined {
  const answers = TYPES.map(([type, attach]) => ask(type, attach, id)).filter(
    (answer) => answer !== 'not for this type',
  );
  return answers.length === 0 ? undefined : answers.every((answer) => answer === 'gpl only');
}
