import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import type { LinkCreateParams } from '../../syscall/bpf-link.ts';
import { tryLinkCreate } from '../../syscall/bpf-link.ts';
import { Errno } from '../../syscall/errno.ts';
import { requiredCapabilities } from '../../syscall/explain.ts';
import { Fd } from '../../syscall/fd.ts';
import { type FeatureAnswer, no, refusal, unknown, yes } from './features-answer.ts';
import { openProgram, returns } from './features-probe.ts';
import {
  type AttachTypeName,
  isAnswer,
  type ProgTypeName,
  probeVariant,
  programOf,
  type Variant,
  variantsOf,
} from './features-programs.ts';
import type { KernelTypes } from './features-types.ts';

/** How an attach type is asked about. */
type Ask =
  /** Loading a program for it tells. */
  | { readonly kind: 'load'; readonly variant?: Variant }
  /** It is looked at when something is attached, which needs a device or a group: its name in the kernel's types tells. */
  | { readonly kind: 'name' }
  /** A link to something that is not there: the errno tells whether the kernel came to look for it. */
  | {
      readonly kind: 'link';
      readonly link: Omit<LinkCreateParams, 'progFd' | 'attachType'>;
      /** The errno of "no such target". */
      readonly missing: number;
    };

interface Row {
  readonly type: ProgTypeName;
  readonly ask: Ask;
}

const load = (type: ProgTypeName): Row => ({ type, ask: { kind: 'load' } });
const byName = (type: ProgTypeName): Row => ({ type, ask: { kind: 'name' } });

/** No interface has the highest index, no process opens the highest descriptor, no file has this name. */
const NOWHERE = 0x7fff_ffff;
const NO_FILE = '/nonexistent/file/to/probe';
const NO_FUNCTION = 'nonexistent_function_to_probe';

const linked = (
  type: ProgTypeName,
  missing: number,
  link: Omit<LinkCreateParams, 'progFd' | 'attachType'>,
): Row => ({ type, ask: { kind: 'link', missing, link } });

const ordered = (type: ProgTypeName): Row =>
  linked(type, Errno.ENODEV, { target: NOWHERE, arm: { kind: 'order' } });
const kprobes: Row = linked('KPROBE', Errno.ESRCH, {
  arm: { kind: 'kprobe-multi', flags: 0, symbols: [NO_FUNCTION] },
});
const uprobes: Row = linked('KPROBE', Errno.ENOENT, {
  arm: { kind: 'uprobe-multi', path: NO_FILE, offsets: [0n], flags: 0, pid: 0 },
});

/** By attach type, in the order of their numbers (Linux, `kernel/bpf/syscall.c`, bpf_prog_load_check_attach()). */
export const ATTACH_TYPES: Readonly<Record<AttachTypeName, Row>> = {
  CGROUP_INET_INGRESS: load('CGROUP_SKB'),
  CGROUP_INET_EGRESS: load('CGROUP_SKB'),
  CGROUP_INET_SOCK_CREATE: load('CGROUP_SOCK'),
  CGROUP_SOCK_OPS: byName('SOCK_OPS'),
  SK_SKB_STREAM_PARSER: byName('SK_SKB'),
  SK_SKB_STREAM_VERDICT: byName('SK_SKB'),
  CGROUP_DEVICE: byName('CGROUP_DEVICE'),
  SK_MSG_VERDICT: byName('SK_MSG'),
  CGROUP_INET4_BIND: load('CGROUP_SOCK_ADDR'),
  CGROUP_INET6_BIND: load('CGROUP_SOCK_ADDR'),
  CGROUP_INET4_CONNECT: load('CGROUP_SOCK_ADDR'),
  CGROUP_INET6_CONNECT: load('CGROUP_SOCK_ADDR'),
  CGROUP_INET4_POST_BIND: load('CGROUP_SOCK'),
  CGROUP_INET6_POST_BIND: load('CGROUP_SOCK'),
  CGROUP_UDP4_SENDMSG: load('CGROUP_SOCK_ADDR'),
  CGROUP_UDP6_SENDMSG: load('CGROUP_SOCK_ADDR'),
  LIRC_MODE2: byName('LIRC_MODE2'),
  FLOW_DISSECTOR: byName('FLOW_DISSECTOR'),
  CGROUP_SYSCTL: byName('CGROUP_SYSCTL'),
  CGROUP_UDP4_RECVMSG: load('CGROUP_SOCK_ADDR'),
  CGROUP_UDP6_RECVMSG: load('CGROUP_SOCK_ADDR'),
  CGROUP_GETSOCKOPT: load('CGROUP_SOCKOPT'),
  CGROUP_SETSOCKOPT: load('CGROUP_SOCKOPT'),
  TRACE_RAW_TP: load('TRACING'),
  TRACE_FENTRY: load('TRACING'),
  TRACE_FEXIT: load('TRACING'),
  MODIFY_RETURN: load('TRACING'),
  LSM_MAC: load('LSM'),
  TRACE_ITER: load('TRACING'),
  CGROUP_INET4_GETPEERNAME: load('CGROUP_SOCK_ADDR'),
  CGROUP_INET6_GETPEERNAME: load('CGROUP_SOCK_ADDR'),
  CGROUP_INET4_GETSOCKNAME: load('CGROUP_SOCK_ADDR'),
  CGROUP_INET6_GETSOCKNAME: load('CGROUP_SOCK_ADDR'),
  XDP_DEVMAP: byName('XDP'),
  CGROUP_INET_SOCK_RELEASE: load('CGROUP_SOCK'),
  XDP_CPUMAP: byName('XDP'),
  SK_LOOKUP: load('SK_LOOKUP'),
  XDP: byName('XDP'),
  SK_SKB_VERDICT: byName('SK_SKB'),
  SK_REUSEPORT_SELECT: load('SK_REUSEPORT'),
  SK_REUSEPORT_SELECT_OR_MIGRATE: load('SK_REUSEPORT'),
  PERF_EVENT: linked('TRACEPOINT', Errno.EBADF, { target: NOWHERE, arm: { kind: 'perf-event' } }),
  TRACE_KPROBE_MULTI: kprobes,
  LSM_CGROUP: load('LSM'),
  STRUCT_OPS: byName('STRUCT_OPS'),
  NETFILTER: load('NETFILTER'),
  TCX_INGRESS: ordered('SCHED_CLS'),
  TCX_EGRESS: ordered('SCHED_CLS'),
  TRACE_UPROBE_MULTI: uprobes,
  CGROUP_UNIX_CONNECT: load('CGROUP_SOCK_ADDR'),
  CGROUP_UNIX_SENDMSG: load('CGROUP_SOCK_ADDR'),
  CGROUP_UNIX_RECVMSG: load('CGROUP_SOCK_ADDR'),
  CGROUP_UNIX_GETPEERNAME: load('CGROUP_SOCK_ADDR'),
  CGROUP_UNIX_GETSOCKNAME: load('CGROUP_SOCK_ADDR'),
  NETKIT_PRIMARY: ordered('SCHED_CLS'),
  NETKIT_PEER: ordered('SCHED_CLS'),
  TRACE_KPROBE_SESSION: kprobes,
  TRACE_UPROBE_SESSION: uprobes,
};

/** @param programType what the kernel answers about programs of a type */
export function probeAttachType(
  name: AttachTypeName,
  types: KernelTypes,
  version: number,
  programType: (type: ProgTypeName) => FeatureAnswer,
): FeatureAnswer {
  const known = types.enumHas('bpf_attach_type', `BPF_${name}`);
  if (known === false) return no('the types of this kernel do not name it');
  const { type, ask } = ATTACH_TYPES[name];
  const ofType = programType(type);
  if (ofType.state !== 'yes') return ofType;
  if (ask.kind === 'load') return probeVariant(type, variantFor(type, name), types, version);
  if (ask.kind === 'link') return probeLink(name, type, ask, types, version);
  return known
    ? yes('the types of this kernel name it, and its programs load')
    : unknown('the kernel shows no types, and looks at it only when something is attached');
}

function variantFor(type: ProgTypeName, name: AttachTypeName): Variant {
  const variants = variantsOf(type);
  return variants.find(({ attachType }) => attachType === name) ?? { ...variants[0], attachType: name };
}

function probeLink(
  name: AttachTypeName,
  type: ProgTypeName,
  { link, missing }: Extract<Ask, { kind: 'link' }>,
  types: KernelTypes,
  version: number,
): FeatureAnswer {
  // As one of its own: programs for many probes are told by what they were loaded for.
  const expects = type === 'KPROBE';
  const probe = programOf(type, expects ? { attachType: name } : {}, types, returns(0));
  if (isAnswer(probe)) return probe;
  const program = openProgram(probe, version);
  const capabilities = requiredCapabilities('PROG_LOAD', { progType: ProgType[type] });
  if (typeof program === 'number') {
    return program === -Errno.EINVAL
      ? no('the kernel loads no program for it (EINVAL)', Errno.EINVAL)
      : refusal(-program, capabilities);
  }
  using held = program;
  const result = tryLinkCreate({ ...link, progFd: held.number, attachType: AttachType[name] });
  if (result >= 0) {
    new Fd(result, 'a link').close();
    return yes('a link was made');
  }
  if (result === -missing) return yes('the kernel looks for what a link is to be attached to');
  if (result === -Errno.EINVAL) return no('the kernel makes no such link (EINVAL)', Errno.EINVAL);
  if (result === -Errno.EOPNOTSUPP)
    return no('the kernel was built without what such a link needs (EOPNOTSUPP)', Errno.EOPNOTSUPP);
  return refusal(-result, capabilities);
}
