import { AttachType, ProgType } from '../isa/kernel-tables.generated.ts';
import type { ProgramKind } from './spec.ts';

/** `prog_flags` of BPF_PROG_LOAD (Linux, `include/uapi/linux/bpf.h`). */
const SLEEPABLE = 1 << 4;
const XDP_HAS_FRAGS = 1 << 5;

/** What a section's name means, before a target is read from its tail. */
interface SectionRow {
  readonly name: string;
  readonly progType: ProgType;
  readonly attachType: AttachType | 0;
  readonly flags: number;
}

const T = ProgType;
/** With those that came after Linux 6.18, which the generated table is of (`enum bpf_attach_type`). */
const A = {
  ...AttachType,
  TRACE_FSESSION: 58 as AttachType,
  TRACE_FENTRY_MULTI: 59 as AttachType,
  TRACE_FEXIT_MULTI: 60 as AttachType,
  TRACE_FSESSION_MULTI: 61 as AttachType,
} as const;

function rows(names: string, progType: ProgType, attachType: AttachType | 0 = 0, flags = 0): SectionRow[] {
  return names.split(' ').map((name) => ({ name, progType, attachType, flags }));
}

/** Each name, and its sleepable twin `name.s`. */
function withSleepable(names: string, progType: ProgType, attachType: AttachType | 0 = 0): SectionRow[] {
  const twins = names.split(' ').map((name) => `${name}.s`);
  return [...rows(names, progType, attachType), ...rows(twins.join(' '), progType, attachType, SLEEPABLE)];
}

/**
 * Every section name that says what its programs are: those of libbpf
 * (https://docs.kernel.org/bpf/libbpf/program_types.html), and a few of its older versions.
 */
const SECTION_ROWS: readonly SectionRow[] = [
  ...rows('kprobe kretprobe ksyscall kretsyscall', T.KPROBE),
  ...withSleepable('uprobe uretprobe usdt', T.KPROBE),
  ...rows('kprobe.multi kretprobe.multi', T.KPROBE, A.TRACE_KPROBE_MULTI),
  ...rows('kprobe.session', T.KPROBE, A.TRACE_KPROBE_SESSION),
  ...withSleepable('uprobe.multi uretprobe.multi', T.KPROBE, A.TRACE_UPROBE_MULTI),
  ...withSleepable('uprobe.session', T.KPROBE, A.TRACE_UPROBE_SESSION),
  ...withSleepable('tracepoint tp', T.TRACEPOINT),
  ...withSleepable('raw_tracepoint raw_tp', T.RAW_TRACEPOINT),
  ...rows('raw_tracepoint.w raw_tp.w', T.RAW_TRACEPOINT_WRITABLE),
  ...withSleepable('tp_btf', T.TRACING, A.TRACE_RAW_TP),
  ...withSleepable('fentry', T.TRACING, A.TRACE_FENTRY),
  ...withSleepable('fexit', T.TRACING, A.TRACE_FEXIT),
  ...withSleepable('fsession', T.TRACING, A.TRACE_FSESSION),
  ...withSleepable('fentry.multi', T.TRACING, A.TRACE_FENTRY_MULTI),
  ...withSleepable('fexit.multi', T.TRACING, A.TRACE_FEXIT_MULTI),
  ...withSleepable('fsession.multi', T.TRACING, A.TRACE_FSESSION_MULTI),
  ...withSleepable('fmod_ret', T.TRACING, A.MODIFY_RETURN),
  ...withSleepable('iter', T.TRACING, A.TRACE_ITER),
  ...withSleepable('lsm', T.LSM, A.LSM_MAC),
  ...rows('lsm_cgroup', T.LSM, A.LSM_CGROUP),
  ...rows('freplace', T.EXT),
  ...rows('perf_event', T.PERF_EVENT),
  ...rows('syscall', T.SYSCALL, 0, SLEEPABLE),
  ...withSleepable('struct_ops', T.STRUCT_OPS),

  ...rows('socket', T.SOCKET_FILTER),
  ...rows('sk_reuseport', T.SK_REUSEPORT, A.SK_REUSEPORT_SELECT),
  ...rows('sk_reuseport/migrate', T.SK_REUSEPORT, A.SK_REUSEPORT_SELECT_OR_MIGRATE),
  ...rows('xdp', T.XDP, A.XDP),
  ...rows('xdp.frags', T.XDP, A.XDP, XDP_HAS_FRAGS),
  ...rows('xdp/devmap xdp_devmap', T.XDP, A.XDP_DEVMAP),
  ...rows('xdp.frags/devmap', T.XDP, A.XDP_DEVMAP, XDP_HAS_FRAGS),
  ...rows('xdp/cpumap xdp_cpumap', T.XDP, A.XDP_CPUMAP),
  ...rows('xdp.frags/cpumap', T.XDP, A.XDP_CPUMAP, XDP_HAS_FRAGS),
  ...rows('tc classifier', T.SCHED_CLS),
  ...rows('action', T.SCHED_ACT),
  ...rows('tc/ingress tcx/ingress', T.SCHED_CLS, A.TCX_INGRESS),
  ...rows('tc/egress tcx/egress', T.SCHED_CLS, A.TCX_EGRESS),
  ...rows('netkit/primary', T.SCHED_CLS, A.NETKIT_PRIMARY),
  ...rows('netkit/peer', T.SCHED_CLS, A.NETKIT_PEER),
  ...rows('lwt_in', T.LWT_IN),
  ...rows('lwt_out', T.LWT_OUT),
  ...rows('lwt_xmit', T.LWT_XMIT),
  ...rows('lwt_seg6local', T.LWT_SEG6LOCAL),
  ...rows('sockops', T.SOCK_OPS, A.CGROUP_SOCK_OPS),
  ...rows('sk_skb', T.SK_SKB),
  ...rows('sk_skb/stream_parser', T.SK_SKB, A.SK_SKB_STREAM_PARSER),
  ...rows('sk_skb/stream_verdict', T.SK_SKB, A.SK_SKB_STREAM_VERDICT),
  ...rows('sk_skb/verdict', T.SK_SKB, A.SK_SKB_VERDICT),
  ...rows('sk_msg', T.SK_MSG, A.SK_MSG_VERDICT),
  ...rows('lirc_mode2', T.LIRC_MODE2, A.LIRC_MODE2),
  ...rows('flow_dissector', T.FLOW_DISSECTOR, A.FLOW_DISSECTOR),
  ...rows('sk_lookup', T.SK_LOOKUP, A.SK_LOOKUP),
  ...rows('netfilter', T.NETFILTER, A.NETFILTER),

  ...rows('cgroup_skb/ingress', T.CGROUP_SKB, A.CGROUP_INET_INGRESS),
  ...rows('cgroup_skb/egress', T.CGROUP_SKB, A.CGROUP_INET_EGRESS),
  ...rows('cgroup/skb', T.CGROUP_SKB),
  ...rows('cgroup/sock_create cgroup/sock', T.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE),
  ...rows('cgroup/sock_release', T.CGROUP_SOCK, A.CGROUP_INET_SOCK_RELEASE),
  ...rows('cgroup/post_bind4', T.CGROUP_SOCK, A.CGROUP_INET4_POST_BIND),
  ...rows('cgroup/post_bind6', T.CGROUP_SOCK, A.CGROUP_INET6_POST_BIND),
  ...rows('cgroup/bind4', T.CGROUP_SOCK_ADDR, A.CGROUP_INET4_BIND),
  ...rows('cgroup/bind6', T.CGROUP_SOCK_ADDR, A.CGROUP_INET6_BIND),
  ...rows('cgroup/connect4', T.CGROUP_SOCK_ADDR, A.CGROUP_INET4_CONNECT),
  ...rows('cgroup/connect6', T.CGROUP_SOCK_ADDR, A.CGROUP_INET6_CONNECT),
  ...rows('cgroup/connect_unix', T.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_CONNECT),
  ...rows('cgroup/sendmsg4', T.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_SENDMSG),
  ...rows('cgroup/sendmsg6', T.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_SENDMSG),
  ...rows('cgroup/sendmsg_unix', T.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_SENDMSG),
  ...rows('cgroup/recvmsg4', T.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_RECVMSG),
  ...rows('cgroup/recvmsg6', T.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_RECVMSG),
  ...rows('cgroup/recvmsg_unix', T.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_RECVMSG),
  ...rows('cgroup/getpeername4', T.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETPEERNAME),
  ...rows('cgroup/getpeername6', T.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETPEERNAME),
  ...rows('cgroup/getpeername_unix', T.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETPEERNAME),
  ...rows('cgroup/getsockname4', T.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETSOCKNAME),
  ...rows('cgroup/getsockname6', T.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETSOCKNAME),
  ...rows('cgroup/getsockname_unix', T.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETSOCKNAME),
  ...rows('cgroup/sysctl', T.CGROUP_SYSCTL, A.CGROUP_SYSCTL),
  ...rows('cgroup/getsockopt', T.CGROUP_SOCKOPT, A.CGROUP_GETSOCKOPT),
  ...rows('cgroup/setsockopt', T.CGROUP_SOCKOPT, A.CGROUP_SETSOCKOPT),
  ...rows('cgroup/dev', T.CGROUP_DEVICE, A.CGROUP_DEVICE),
];

const byName: ReadonlyMap<string, SectionRow> = new Map(SECTION_ROWS.map((row) => [row.name, row]));

const LONGEST_NAME = Math.max(...SECTION_ROWS.map((row) => row.name.length));

/** Every section name that the table has, for messages and completion. */
export const sectionNames: readonly string[] = [...byName.keys()];

/** The attach types that programs of a type may be loaded for, as their sections have them. */
export function attachTypesOf(progType: number): readonly number[] {
  return [...new Set(SECTION_ROWS.filter((row) => row.progType === progType).map((row) => row.attachType))];
}

/** What may stand between a known name and the rest: `xdp/icmp`, `xdp_drop`, `xdp-root`, `tc.main`, `socket1`. */
const SEPARATOR = /[/_.:\-0-9]/;

/**
 * What the title of a section says about its programs: the longest known name that it begins with
 * decides. A leading `?` means that the program is not loaded unless it is asked for.
 *
 * @returns undefined for a title that begins with no known name
 *
 * @example
 * ```ts
 * programKind('xdp/icmp');       // { progType: 6, expectedAttachType: 37, attachTo: 'icmp', … }
 * programKind('?tc/ingress');    // { progType: 3, expectedAttachType: 46, autoload: false, … }
 * programKind('.text');          // undefined
 * ```
 */
export function programKind(title: string): ProgramKind | undefined {
  const autoload = !title.startsWith('?');
  const name = autoload ? title : title.slice(1);
  for (let end = Math.min(name.length, LONGEST_NAME); end > 0; end--) {
    if (end < name.length && !SEPARATOR.test(name[end]!)) continue;
    const row = byName.get(name.slice(0, end));
    if (row) return Object.freeze(kindOf(row, targetOf(name.slice(end)), autoload));
  }
  return undefined;
}

function targetOf(rest: string): string | undefined {
  const target = /[0-9]/.test(rest[0] ?? '') ? rest : rest.slice(1);
  return target === '' ? undefined : target;
}

function kindOf(row: SectionRow, attachTo?: string, autoload = true): ProgramKind {
  const { progType, attachType, flags } = row;
  return { progType, expectedAttachType: attachType, flags, attachTo, autoload };
}

/** The kind of a program whose section says nothing. */
export const UNKNOWN_KIND: ProgramKind = Object.freeze({
  progType: undefined,
  expectedAttachType: 0,
  flags: 0,
  attachTo: undefined,
  autoload: true,
});

/**
 * The kind that somebody names outright, as in `--type xdp`: a section name, or a program type as
 * the kernel calls it, in either case.
 *
 * @example `kindOfTypeName('sched_cls')`, `kindOfTypeName('BPF_PROG_TYPE_XDP')`, `kindOfTypeName('tc/ingress')`
 */
export function kindOfTypeName(text: string): ProgramKind | undefined {
  const name = text.toLowerCase().replace(/^bpf_prog_type_/, '');
  const row = byName.get(name);
  if (row) return Object.freeze(kindOf(row));
  const progType = (ProgType as Readonly<Record<string, ProgType>>)[name.toUpperCase()];
  return progType === undefined || progType === ProgType.UNSPEC
    ? undefined
    : Object.freeze({ ...UNKNOWN_KIND, progType });
}
