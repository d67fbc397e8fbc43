import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { Errno } from '../../syscall/errno.ts';
import { requiredCapabilities } from '../../syscall/explain.ts';
import { type FeatureAnswer, no, refusal, unknown, yes } from './features-answer.ts';
import { type ProgramProbe, probeProgram, probeWithLog, returns } from './features-probe.ts';
import type { KernelTypes } from './features-types.ts';

export type ProgTypeName = Exclude<keyof typeof ProgType, 'UNSPEC'>;
export type AttachTypeName = keyof typeof AttachType;

/** BPF_F_SLEEPABLE: programs of type SYSCALL are nothing else. */
const SLEEPABLE = 1 << 4;

/** What a program of a type is loaded as. */
export interface Variant {
  readonly attachType?: AttachTypeName;
  /** What it may return, where 0 is not allowed. */
  readonly returns?: number;
  readonly flags?: number;
  /** What of the kernel it is attached to: the first that this one has. */
  readonly targets?: readonly string[];
  readonly targetKind?: 'func' | 'typedef';
}

const FUNCTIONS = ['bpf_fentry_test1', 'security_file_open', 'do_unlinkat'];

const TRACING: readonly Variant[] = [
  {
    attachType: 'TRACE_RAW_TP',
    targets: ['btf_trace_sched_switch', 'btf_trace_sys_enter'],
    targetKind: 'typedef',
  },
  { attachType: 'TRACE_ITER', targets: ['bpf_iter_bpf_map', 'bpf_iter_task'] },
  { attachType: 'TRACE_FENTRY', targets: FUNCTIONS },
  { attachType: 'TRACE_FEXIT', targets: FUNCTIONS },
  { attachType: 'MODIFY_RETURN', targets: ['security_file_open', 'bpf_modify_return_test'] },
];

/** Types that are loaded as something; all others are loaded as nothing. The first that loads counts. */
const VARIANTS: Readonly<Partial<Record<ProgTypeName, readonly Variant[]>>> = {
  XDP: [{ attachType: 'XDP' }],
  CGROUP_SKB: [{ attachType: 'CGROUP_INET_INGRESS', returns: 1 }],
  CGROUP_SOCK: [
    { attachType: 'CGROUP_INET_SOCK_CREATE', returns: 1 },
    { attachType: 'CGROUP_INET4_POST_BIND', returns: 1 },
  ],
  CGROUP_SOCK_ADDR: (
    [
      'CGROUP_INET4_CONNECT',
      'CGROUP_INET4_BIND',
      'CGROUP_UDP4_SENDMSG',
      'CGROUP_INET4_GETPEERNAME',
      'CGROUP_UNIX_CONNECT',
    ] as const
  ).map((attachType) => ({ attachType, returns: 1 })),
  CGROUP_SOCKOPT: [
    { attachType: 'CGROUP_GETSOCKOPT', returns: 1 },
    { attachType: 'CGROUP_SETSOCKOPT', returns: 1 },
  ],
  CGROUP_SYSCTL: [{ attachType: 'CGROUP_SYSCTL', returns: 1 }],
  CGROUP_DEVICE: [{ attachType: 'CGROUP_DEVICE', returns: 1 }],
  SOCK_OPS: [{ attachType: 'CGROUP_SOCK_OPS' }],
  SK_SKB: [{ attachType: 'SK_SKB_STREAM_VERDICT', returns: 1 }],
  SK_MSG: [{ attachType: 'SK_MSG_VERDICT', returns: 1 }],
  SK_LOOKUP: [{ attachType: 'SK_LOOKUP', returns: 1 }],
  SK_REUSEPORT: [{ attachType: 'SK_REUSEPORT_SELECT', returns: 1 }],
  FLOW_DISSECTOR: [{ attachType: 'FLOW_DISSECTOR' }],
  LIRC_MODE2: [{ attachType: 'LIRC_MODE2' }],
  NETFILTER: [{ attachType: 'NETFILTER', returns: 1 }],
  SYSCALL: [{ flags: SLEEPABLE }],
  TRACING,
  LSM: [
    { attachType: 'LSM_MAC', targets: ['bpf_lsm_file_open'] },
    { attachType: 'LSM_CGROUP', targets: ['bpf_lsm_socket_bind', 'bpf_lsm_socket_post_create'], returns: 1 },
  ],
};

const PLAIN: readonly Variant[] = [{}];

export function variantsOf(type: ProgTypeName): readonly Variant[] {
  return VARIANTS[type] ?? PLAIN;
}

/** A program of a type, as one of its variants; what is missing where this kernel has no target for it. */
export function programOf(
  type: ProgTypeName,
  variant: Variant,
  types: KernelTypes,
  code: Uint8Array = returns(variant.returns ?? 0),
): ProgramProbe | FeatureAnswer {
  const { attachType, targets, flags } = variant;
  const attachBtfId = targets && types.firstOf(targets, variant.targetKind ?? 'func');
  if (targets && attachBtfId === undefined) {
    return types.known
      ? unknown(`the kernel has none of ${targets.join(', ')} to attach to`)
      : unknown('the kernel shows no types, which attaching needs');
  }
  return {
    type: ProgType[type],
    code,
    attachType: attachType === undefined ? 0 : AttachType[attachType],
    attachBtfId,
    flags,
  };
}

export function isAnswer(made: ProgramProbe | FeatureAnswer): made is FeatureAnswer {
  return 'state' in made;
}

/** Types that load only with something of the kernel's or another program to stand in for. */
const UNPROBED: Readonly<Partial<Record<ProgTypeName, string>>> = {
  EXT: 'Linux refuses one that replaces nothing, once the verifier has seen it',
  STRUCT_OPS: 'Linux answers ENOTSUPP to one that belongs to no struct',
};

/** Asks with a program of two instructions. Its type's name has been found in the kernel's types, if there are any. */
export function probeVariant(
  type: ProgTypeName,
  variant: Variant,
  types: KernelTypes,
  version: number,
): FeatureAnswer {
  if (UNPROBED[type] !== undefined) return probeUnattachable(type, types, version);
  const probe = programOf(type, variant, types);
  if (isAnswer(probe)) return probe;
  const result = probeProgram(probe, version);
  if (result >= 0) return yes('a program loads');
  // The verifier's: it has come that far.
  if (result === -Errno.EACCES) return yes('the verifier looks at such programs');
  if (result === -Errno.EINVAL) return no('the kernel does not take such programs (EINVAL)', Errno.EINVAL);
  return refusal(-result, requiredCapabilities('PROG_LOAD', { progType: probe.type }));
}

function probeUnattachable(type: ProgTypeName, types: KernelTypes, version: number): FeatureAnswer {
  // Type 1 is an integer in every kernel: neither a function nor a struct.
  const target = type === 'EXT' ? types.firstOf(FUNCTIONS, 'func') : 1;
  const probe = { type: ProgType[type], code: returns(0), attachBtfId: target ?? 1 };
  const { result, log } = probeWithLog(probe, version);
  if (result >= 0) return yes('a program loads');
  if (result === -Errno.ENOTSUPP || result === -Errno.EACCES) return yes(UNPROBED[type]!);
  if (result !== -Errno.EINVAL)
    return refusal(-result, requiredCapabilities('PROG_LOAD', { progType: probe.type }));
  // A type that is not there is refused before the verifier, which then writes nothing.
  return log === ''
    ? no('the kernel does not take such programs (EINVAL)', Errno.EINVAL)
    : yes(UNPROBED[type]!);
}
