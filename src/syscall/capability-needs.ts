import { MapType, ProgType } from '../isa/kernel-tables.generated.ts';
import type { BpfCommandName, CommandContext } from './explain.ts';
import type { Capability } from './privileges.ts';

// What the kernel asks of a process, in one place (Linux 6.18, `kernel/bpf/syscall.c`, `kernel/events/core.c`
// and the targets' own checks). CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON.

function has(types: readonly number[], type: number | undefined): boolean {
  return type !== undefined && types.includes(type);
}

/** map_create(): types behind CAP_NET_ADMIN. */
const NET_ADMIN_MAPS: readonly number[] = [
  MapType.SOCKMAP,
  MapType.SOCKHASH,
  MapType.DEVMAP,
  MapType.DEVMAP_HASH,
  MapType.XSKMAP,
];
/** is_net_admin_prog_type(). */
const NET_ADMIN_PROGS: readonly number[] = [
  ProgType.SCHED_CLS,
  ProgType.SCHED_ACT,
  ProgType.XDP,
  ProgType.LWT_IN,
  ProgType.LWT_OUT,
  ProgType.LWT_XMIT,
  ProgType.LWT_SEG6LOCAL,
  ProgType.SK_SKB,
  ProgType.SK_MSG,
  ProgType.FLOW_DISSECTOR,
  ProgType.CGROUP_DEVICE,
  ProgType.CGROUP_SOCK,
  ProgType.CGROUP_SOCK_ADDR,
  ProgType.CGROUP_SOCKOPT,
  ProgType.CGROUP_SYSCTL,
  ProgType.SOCK_OPS,
  ProgType.EXT,
  ProgType.NETFILTER,
];
/** is_perfmon_prog_type(). */
const PERFMON_PROGS: readonly number[] = [
  ProgType.KPROBE,
  ProgType.TRACEPOINT,
  ProgType.PERF_EVENT,
  ProgType.RAW_TRACEPOINT,
  ProgType.RAW_TRACEPOINT_WRITABLE,
  ProgType.TRACING,
  ProgType.LSM,
  ProgType.STRUCT_OPS,
  ProgType.EXT,
];
/** Types whose targets are the kernel's own code, so that attaching is tracing. */
const TRACERS: readonly number[] = PERFMON_PROGS.filter((type) => type !== ProgType.STRUCT_OPS);

type Needs = readonly Capability[] | ((context: CommandContext) => readonly Capability[]);

const BPF: Needs = ['CAP_BPF'];
const SYS_ADMIN: Needs = ['CAP_SYS_ADMIN'];
const attaching: Needs = ({ progType }) =>
  has(TRACERS, progType) ? ['CAP_BPF', 'CAP_PERFMON'] : ['CAP_BPF', 'CAP_NET_ADMIN'];

/** By the commands of bpf(2). */
const COMMAND_NEEDS: Readonly<Record<BpfCommandName, Needs>> = {
  MAP_CREATE: ({ mapType }) => (has(NET_ADMIN_MAPS, mapType) ? ['CAP_BPF', 'CAP_NET_ADMIN'] : ['CAP_BPF']),
  PROG_LOAD: ({ progType }) => [
    'CAP_BPF',
    ...(has(NET_ADMIN_PROGS, progType) ? (['CAP_NET_ADMIN'] as const) : []),
    ...(has(PERFMON_PROGS, progType) ? (['CAP_PERFMON'] as const) : []),
  ],
  BTF_LOAD: BPF,
  TOKEN_CREATE: BPF,
  MAP_LOOKUP_ELEM: BPF,
  MAP_UPDATE_ELEM: BPF,
  MAP_DELETE_ELEM: BPF,
  MAP_GET_NEXT_KEY: BPF,
  MAP_LOOKUP_AND_DELETE_ELEM: BPF,
  MAP_LOOKUP_BATCH: BPF,
  MAP_LOOKUP_AND_DELETE_BATCH: BPF,
  MAP_UPDATE_BATCH: BPF,
  MAP_DELETE_BATCH: BPF,
  MAP_FREEZE: BPF,
  PROG_TEST_RUN: BPF,
  PROG_STREAM_READ_BY_FD: BPF,
  OBJ_PIN: BPF,
  OBJ_GET: BPF,
  OBJ_GET_INFO_BY_FD: BPF,
  LINK_CREATE: attaching,
  LINK_UPDATE: attaching,
  LINK_DETACH: attaching,
  PROG_ATTACH: attaching,
  PROG_DETACH: attaching,
  PROG_QUERY: attaching,
  RAW_TRACEPOINT_OPEN: attaching,
  ITER_CREATE: attaching,
  PROG_GET_NEXT_ID: SYS_ADMIN,
  MAP_GET_NEXT_ID: SYS_ADMIN,
  LINK_GET_NEXT_ID: SYS_ADMIN,
  BTF_GET_NEXT_ID: SYS_ADMIN,
  PROG_GET_FD_BY_ID: SYS_ADMIN,
  MAP_GET_FD_BY_ID: SYS_ADMIN,
  LINK_GET_FD_BY_ID: SYS_ADMIN,
  BTF_GET_FD_BY_ID: SYS_ADMIN,
  ENABLE_STATS: SYS_ADMIN,
};

/** Every command of bpf(2) that is called here. */
export const BPF_COMMANDS: readonly BpfCommandName[] = Object.keys(COMMAND_NEEDS) as BpfCommandName[];

/** The capabilities that a command needs. */
export function requiredCapabilities(
  command: BpfCommandName,
  context: CommandContext = {},
): readonly Capability[] {
  const needs = COMMAND_NEEDS[command];
  return typeof needs === 'function' ? needs(context) : needs;
}
