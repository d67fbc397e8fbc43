// What each program type is, in our words; the facts are those of Linux 6.18. First versions are from ebpf-docs
// (BSD-2-Clause, see THIRD-PARTY-NOTICES.md).
import type { ProgType } from './kernel-tables.generated.ts';

/** What a reader wants to know of a program type. */
export interface ProgDoc {
  readonly text: string;
  /** What r1 points to where it is no struct of its own. */
  readonly context?: string;
  /** The first kernel that has it. */
  readonly since: string;
}

/** By the name of {@link ProgType}. */
export const PROG_DOCS: Readonly<Record<Exclude<keyof typeof ProgType, 'UNSPEC'>, ProgDoc>> = {
  SOCKET_FILTER: { text: 'Decides what a socket gets of each packet.', since: '3.19' },
  KPROBE: {
    text: 'Runs where a function of the kernel or of a process begins or returns, or at any instruction.',
    since: '4.1',
  },
  SCHED_CLS: {
    text: 'Runs on every packet of an interface, in or out, through tc, tcx or netkit: inspects, changes, drops, redirects.',
    since: '4.1',
  },
  SCHED_ACT: { text: 'An action of tc that a filter calls.', since: '4.1' },
  TRACEPOINT: {
    text: 'Runs at a tracepoint of the kernel.',
    context: 'the fields that the format file of the tracepoint in tracefs lists',
    since: '4.7',
  },
  XDP: {
    text: 'Runs on every frame that a network driver receives, before the kernel makes a packet of it.',
    since: '4.8',
  },
  PERF_EVENT: {
    text: 'Runs when a perf event overflows: so many cycles, so many milliseconds.',
    since: '4.9',
  },
  CGROUP_SKB: { text: 'Lets packets of the sockets of a cgroup pass, or not.', since: '4.10' },
  CGROUP_SOCK: { text: 'Runs when a process of a cgroup makes, binds or closes a socket.', since: '4.10' },
  LWT_IN: { text: 'Runs on packets that come in by a route with a BPF tunnel.', since: '4.10' },
  LWT_OUT: { text: 'Runs on packets that go out by a route with a BPF tunnel.', since: '4.10' },
  LWT_XMIT: {
    text: 'Runs on packets just before they are sent by a route with a BPF tunnel; may change and redirect them.',
    since: '4.10',
  },
  SOCK_OPS: {
    text: 'Runs at events of the TCP sockets of a cgroup: connected, round trip measured, state changed.',
    since: '4.13',
  },
  SK_SKB: { text: 'Splits and redirects what sockets of a sockmap receive.', since: '4.14' },
  CGROUP_DEVICE: {
    text: 'Decides whether processes of a cgroup may open or make a device file.',
    since: '4.15',
  },
  SK_MSG: {
    text: 'Runs on what is sent by sockets of a sockmap; may redirect it to another socket.',
    since: '4.17',
  },
  RAW_TRACEPOINT: {
    text: 'Runs at a tracepoint with its arguments as they are, which is faster.',
    since: '4.17',
  },
  CGROUP_SOCK_ADDR: {
    text: 'Sees and changes the addresses that processes of a cgroup bind, connect and send to.',
    since: '4.17',
  },
  LWT_SEG6LOCAL: {
    text: 'Runs on packets of Segment Routing over IPv6 as an action of a route.',
    since: '4.18',
  },
  LIRC_MODE2: {
    text: 'Decodes what an infrared receiver saw.',
    context: 'one u32: a pulse or a space, and how long it was',
    since: '4.18',
  },
  SK_REUSEPORT: {
    text: 'Chooses which socket of a reuseport group gets a packet or a connection.',
    since: '4.19',
  },
  FLOW_DISSECTOR: {
    text: 'Takes the place of what finds addresses and ports in packets, for one network namespace.',
    since: '4.20',
  },
  CGROUP_SYSCTL: {
    text: 'Sees, changes and refuses what processes of a cgroup read and write under /proc/sys.',
    since: '5.2',
  },
  RAW_TRACEPOINT_WRITABLE: {
    text: 'As raw_tracepoint, where the tracepoint lets its first argument be written.',
    since: '5.2',
  },
  CGROUP_SOCKOPT: {
    text: 'Sees, changes and refuses getsockopt and setsockopt of processes of a cgroup.',
    since: '5.3',
  },
  TRACING: {
    text: 'Runs at the entry or exit of a kernel function, at a tracepoint, or for each object of a kind, with typed arguments.',
    context: 'an array of u64: the arguments, as the BTF of the target types them',
    since: '5.5',
  },
  STRUCT_OPS: {
    text: 'Implements a function of a struct of the kernel, such as a congestion control or a scheduler.',
    context: 'an array of u64: the arguments of the function',
    since: '5.6',
  },
  EXT: {
    text: 'Takes the place of a global function of another program that is loaded.',
    context: 'what the function that it replaces takes',
    since: '5.6',
  },
  LSM: {
    text: 'Runs at a hook of the security modules, and may refuse.',
    context: 'an array of u64: the arguments of the hook',
    since: '5.7',
  },
  SK_LOOKUP: {
    text: 'Chooses the socket for a connection or a packet when the kernel looks for a listener.',
    since: '5.9',
  },
  SYSCALL: {
    text: 'Runs once when it is asked to, may sleep and may call bpf(2): loaders in BPF.',
    context: 'the bytes that the caller gave, or NULL',
    since: '5.14',
  },
  NETFILTER: { text: 'Runs at a netfilter hook, as nftables rules do.', since: '6.4' },
};
