// What a program's return value means to the kernel: names from `linux/bpf.h` and `linux/pkt_cls.h`, ranges as the
// verifier of Linux 6.18 enforces them, meanings in our words.
import { AttachType, ProgType, SkAction, XdpAction } from './kernel-tables.generated.ts';
import { ReturnValue, TcAction } from './named-constants.ts';

/** One return value. */
export interface ReturnCode {
  /** The kernel's constant, or undefined where the value has no name. */
  readonly name: string | undefined;
  readonly value: number;
  readonly meaning: string;
}

/** What programs of one type, at one attach type or at any, may return. */
export interface ReturnCodes {
  readonly progType: ProgType;
  /** The expected attach types that it holds for; undefined: all that no other entry names. */
  readonly attachTypes: readonly AttachType[] | undefined;
  /** The values that mean something of their own. */
  readonly codes: readonly ReturnCode[];
  /** The verifier refuses a program that may return anything outside of this; undefined where it does not care. */
  readonly range: readonly [min: number, max: number] | undefined;
  /** What other values mean, or what the value is where it is no code. */
  readonly otherwise: string | undefined;
}

const T = ProgType;
const A = AttachType;

const code = (name: string | undefined, value: number, meaning: string): ReturnCode => ({
  name,
  value,
  meaning,
});

const XDP_CODES: readonly ReturnCode[] = [
  code(
    'XDP_ABORTED',
    XdpAction.ABORTED,
    'drop the frame and report an error to the tracepoint xdp:xdp_exception',
  ),
  code('XDP_DROP', XdpAction.DROP, 'drop the frame'),
  code('XDP_PASS', XdpAction.PASS, 'hand the frame to the network stack'),
  code('XDP_TX', XdpAction.TX, 'send the frame out of the interface that it came in by'),
  code('XDP_REDIRECT', XdpAction.REDIRECT, 'send the frame where bpf_redirect or bpf_redirect_map said'),
];

const TC_CODES: readonly ReturnCode[] = [
  code(
    'TC_ACT_UNSPEC',
    TcAction.UNSPEC,
    'go on with the next filter; in direct-action mode, do what the filter says',
  ),
  code('TC_ACT_OK', TcAction.OK, 'let the packet pass and end the classification'),
  code('TC_ACT_RECLASSIFY', TcAction.RECLASSIFY, 'classify the packet again from the first filter on'),
  code('TC_ACT_SHOT', TcAction.SHOT, 'drop the packet'),
  code('TC_ACT_PIPE', TcAction.PIPE, 'go on with the next action'),
  code('TC_ACT_STOLEN', TcAction.STOLEN, 'the packet is taken: drop it, the sender sees no error'),
  code('TC_ACT_QUEUED', TcAction.QUEUED, 'the packet is queued elsewhere: as TC_ACT_STOLEN'),
  code('TC_ACT_REPEAT', TcAction.REPEAT, 'run the action again'),
  code('TC_ACT_REDIRECT', TcAction.REDIRECT, 'send the packet where bpf_redirect said'),
  code('TC_ACT_TRAP', TcAction.TRAP, 'hardware gives the packet to the CPU; in software as TC_ACT_STOLEN'),
];

/** TCX takes the same numbers under names of its own (`enum tcx_action_base`). */
const TCX_CODES: readonly ReturnCode[] = [
  code(
    'TCX_NEXT',
    ReturnValue.TCX_NEXT,
    'go on with the next program, and behind the last one with what comes after tcx',
  ),
  code('TCX_PASS', ReturnValue.TCX_PASS, 'let the packet pass and end here'),
  code('TCX_DROP', ReturnValue.TCX_DROP, 'drop the packet'),
  code('TCX_REDIRECT', ReturnValue.TCX_REDIRECT, 'send the packet where bpf_redirect said'),
];

const NETKIT_CODES: readonly ReturnCode[] = [
  code(
    'NETKIT_NEXT',
    ReturnValue.NETKIT_NEXT,
    'go on with the next program; behind the last one as NETKIT_PASS',
  ),
  code('NETKIT_PASS', ReturnValue.NETKIT_PASS, 'hand the packet to the peer device'),
  code('NETKIT_DROP', ReturnValue.NETKIT_DROP, 'drop the packet'),
  code('NETKIT_REDIRECT', ReturnValue.NETKIT_REDIRECT, 'send the packet where bpf_redirect said'),
];

const LWT_CODES: readonly ReturnCode[] = [
  code('BPF_OK', ReturnValue.BPF_OK, 'go on with the packet'),
  code('BPF_DROP', ReturnValue.BPF_DROP, 'drop the packet'),
];
const LWT_REDIRECT: ReturnCode = code(
  'BPF_REDIRECT',
  ReturnValue.BPF_REDIRECT,
  'send the packet where bpf_redirect said',
);
const LWT_REROUTE: ReturnCode = code(
  'BPF_LWT_REROUTE',
  ReturnValue.BPF_LWT_REROUTE,
  'the packet has new headers: look up its route again',
);

const SK_CODES: readonly ReturnCode[] = [
  code('SK_DROP', SkAction.DROP, 'drop'),
  code('SK_PASS', SkAction.PASS, 'pass, or go where a redirect helper said'),
];

const ALLOW: readonly ReturnCode[] = [
  code(undefined, 0, 'refuse: the system call fails with EPERM'),
  code(undefined, 1, 'allow'),
];
const ALWAYS: readonly ReturnCode[] = [code(undefined, 1, 'the only value: the call cannot be refused')];
const IGNORED = 'the value is ignored';

function entry(progType: ProgType, parts: Partial<Omit<ReturnCodes, 'progType'>>): ReturnCodes {
  return Object.freeze({
    progType,
    attachTypes: parts.attachTypes,
    codes: parts.codes ?? [],
    range: parts.range,
    otherwise: parts.otherwise,
  });
}

const NETWORK: readonly ReturnCodes[] = [
  entry(T.SOCKET_FILTER, {
    codes: [code(undefined, 0, 'the socket does not get the packet')],
    otherwise: 'how many bytes of the packet the socket gets; -1 for all',
  }),
  entry(T.XDP, { codes: XDP_CODES, otherwise: 'dropped like XDP_ABORTED, with a warning in the kernel log' }),
  entry(T.SCHED_CLS, {
    codes: TC_CODES,
    otherwise: 'without direct action: 0 no match, -1 the class of the filter, else a class',
  }),
  entry(T.SCHED_CLS, {
    attachTypes: [A.TCX_INGRESS, A.TCX_EGRESS],
    codes: TCX_CODES,
    otherwise: 'as TCX_NEXT',
  }),
  entry(T.SCHED_CLS, {
    attachTypes: [A.NETKIT_PRIMARY, A.NETKIT_PEER],
    codes: NETKIT_CODES,
    otherwise: 'dropped',
  }),
  entry(T.SCHED_ACT, { codes: TC_CODES, otherwise: 'as TC_ACT_UNSPEC' }),
  entry(T.LWT_IN, { codes: [...LWT_CODES, LWT_REROUTE], otherwise: 'dropped' }),
  entry(T.LWT_OUT, { codes: LWT_CODES, otherwise: 'dropped' }),
  entry(T.LWT_XMIT, { codes: [...LWT_CODES, LWT_REDIRECT, LWT_REROUTE], otherwise: 'dropped' }),
  entry(T.LWT_SEG6LOCAL, {
    codes: [
      ...LWT_CODES,
      code('BPF_REDIRECT', ReturnValue.BPF_REDIRECT, 'go where bpf_lwt_seg6_action said'),
    ],
    otherwise: 'dropped',
  }),
  entry(T.FLOW_DISSECTOR, {
    codes: [
      code('BPF_OK', ReturnValue.BPF_OK, 'the keys are filled in'),
      code('BPF_DROP', ReturnValue.BPF_DROP, 'the packet cannot be dissected'),
      code(
        'BPF_FLOW_DISSECTOR_CONTINUE',
        ReturnValue.BPF_FLOW_DISSECTOR_CONTINUE,
        'leave it to the dissector of the kernel',
      ),
    ],
    otherwise: 'as BPF_DROP',
  }),
  entry(T.NETFILTER, {
    codes: [
      code('NF_DROP', ReturnValue.NF_DROP, 'drop the packet'),
      code('NF_ACCEPT', ReturnValue.NF_ACCEPT, 'let the packet go on'),
    ],
    range: [0, 1],
  }),
];

const SOCKETS: readonly ReturnCodes[] = [
  entry(T.SOCK_OPS, {
    codes: [code(undefined, 1, 'the reply field of the context holds the answer')],
    range: [0, 1],
    otherwise: 'no answer: the default of the kernel holds',
  }),
  entry(T.SK_SKB, { codes: SK_CODES, otherwise: 'dropped' }),
  entry(T.SK_SKB, {
    attachTypes: [A.SK_SKB_STREAM_PARSER],
    codes: [code(undefined, 0, 'the message has not come whole yet')],
    otherwise: 'the length of the message in bytes; a negative number is an error',
  }),
  entry(T.SK_MSG, { codes: SK_CODES, otherwise: 'dropped' }),
  entry(T.SK_REUSEPORT, {
    codes: [
      code('SK_DROP', SkAction.DROP, 'drop the packet'),
      code(
        'SK_PASS',
        SkAction.PASS,
        'take the socket that bpf_sk_select_reuseport chose, or the one that the hash gives',
      ),
    ],
    otherwise: 'dropped',
  }),
  entry(T.SK_LOOKUP, {
    codes: [
      code('SK_DROP', SkAction.DROP, 'no socket takes the packet'),
      code(
        'SK_PASS',
        SkAction.PASS,
        'take the socket of bpf_sk_assign, or go on looking where none was assigned',
      ),
    ],
    range: [0, 1],
  }),
];

const CGROUPS: readonly ReturnCodes[] = [
  entry(T.CGROUP_SKB, {
    attachTypes: [A.CGROUP_INET_INGRESS],
    codes: [code(undefined, 0, 'drop the packet'), code(undefined, 1, 'let it pass')],
    range: [0, 1],
  }),
  entry(T.CGROUP_SKB, {
    attachTypes: [A.CGROUP_INET_EGRESS],
    codes: [
      code(undefined, 0, 'drop the packet'),
      code(undefined, 1, 'let it pass'),
      code(undefined, 2, 'drop the packet and tell TCP of congestion'),
      code(undefined, 3, 'let it pass and tell TCP of congestion'),
    ],
    range: [0, 3],
  }),
  entry(T.CGROUP_SOCK, { codes: ALLOW, range: [0, 1] }),
  entry(T.CGROUP_SOCK_ADDR, { codes: ALLOW, range: [0, 1] }),
  entry(T.CGROUP_SOCK_ADDR, {
    attachTypes: [A.CGROUP_INET4_BIND, A.CGROUP_INET6_BIND],
    codes: [
      ...ALLOW,
      code(undefined, 2, 'refuse; the second bit is for the privileged-port check'),
      code(undefined, 3, 'allow, and do not ask for CAP_NET_BIND_SERVICE'),
    ],
    range: [0, 3],
  }),
  entry(T.CGROUP_SOCK_ADDR, {
    attachTypes: [
      A.CGROUP_UDP4_RECVMSG,
      A.CGROUP_UDP6_RECVMSG,
      A.CGROUP_UNIX_RECVMSG,
      A.CGROUP_INET4_GETPEERNAME,
      A.CGROUP_INET6_GETPEERNAME,
      A.CGROUP_UNIX_GETPEERNAME,
      A.CGROUP_INET4_GETSOCKNAME,
      A.CGROUP_INET6_GETSOCKNAME,
      A.CGROUP_UNIX_GETSOCKNAME,
    ],
    codes: ALWAYS,
    range: [1, 1],
  }),
  entry(T.CGROUP_DEVICE, { codes: ALLOW, range: [0, 1] }),
  entry(T.CGROUP_SYSCTL, { codes: ALLOW, range: [0, 1] }),
  entry(T.CGROUP_SOCKOPT, { codes: ALLOW, range: [0, 1] }),
];

const TRACE: readonly ReturnCodes[] = [
  entry(T.KPROBE, {
    codes: [code(undefined, 0, 'nothing goes to perf')],
    otherwise: 'the event goes to perf buffers too, where there are any',
  }),
  entry(T.KPROBE, {
    attachTypes: [A.TRACE_KPROBE_SESSION, A.TRACE_UPROBE_SESSION],
    codes: [code(undefined, 0, 'run at the return too'), code(undefined, 1, 'do not run at the return')],
    range: [0, 1],
  }),
  entry(T.TRACEPOINT, {
    codes: [code(undefined, 0, 'nothing goes to perf')],
    otherwise: 'the event goes to perf buffers too, where there are any',
  }),
  entry(T.PERF_EVENT, {
    codes: [code(undefined, 0, 'the sample is not recorded')],
    otherwise: 'the sample is recorded',
  }),
  entry(T.RAW_TRACEPOINT, { otherwise: IGNORED }),
  entry(T.RAW_TRACEPOINT_WRITABLE, { otherwise: IGNORED }),
  entry(T.TRACING, {
    attachTypes: [A.TRACE_FENTRY, A.TRACE_FEXIT],
    codes: [code(undefined, 0, 'the only value')],
    range: [0, 0],
  }),
  entry(T.TRACING, { attachTypes: [A.TRACE_RAW_TP], otherwise: IGNORED }),
  entry(T.TRACING, {
    attachTypes: [A.MODIFY_RETURN],
    codes: [code(undefined, 0, 'the function runs')],
    otherwise: 'the function does not run and returns this',
  }),
  entry(T.TRACING, {
    attachTypes: [A.TRACE_ITER],
    codes: [
      code(undefined, 0, 'go on with the next element'),
      code(undefined, 1, 'call again with this one'),
    ],
    range: [0, 1],
  }),
  entry(T.LSM, {
    codes: [code(undefined, 0, 'allow, as far as this program goes')],
    otherwise:
      'a negative errno (-4095 to -1) refuses; hooks without a value take 0, those that answer yes or no take 0 or 1',
  }),
  entry(T.LSM, { attachTypes: [A.LSM_CGROUP], codes: ALLOW, range: [0, 1] }),
  entry(T.LIRC_MODE2, { otherwise: IGNORED }),
  entry(T.SYSCALL, { otherwise: 'goes to the caller of BPF_PROG_TEST_RUN as retval' }),
  entry(T.STRUCT_OPS, { otherwise: 'what the function of the struct returns' }),
  entry(T.EXT, { otherwise: 'what the function that is replaced returns' }),
];

/** Every type of program, some of them once for each group of attach types. */
export const RETURN_CODES: readonly ReturnCodes[] = Object.freeze([
  ...NETWORK,
  ...SOCKETS,
  ...CGROUPS,
  ...TRACE,
]);

/**
 * What the programs of a type may return: the entry that names the attach type, else the one for all.
 *
 * @example
 * ```ts
 * returnCodes(ProgType.XDP)?.codes.map(({ name }) => name); // ['XDP_ABORTED', 'XDP_DROP', …]
 * returnCodes(ProgType.CGROUP_SKB, AttachType.CGROUP_INET_EGRESS)?.range; // [0, 3]
 * ```
 */
export function returnCodes(progType: ProgType, attachType?: number): ReturnCodes | undefined {
  const ofType = RETURN_CODES.filter((row) => row.progType === progType);
  return (
    ofType.find(({ attachTypes }) => attachTypes?.some((known) => known === attachType)) ??
    ofType.find(({ attachTypes }) => attachTypes === undefined)
  );
}
