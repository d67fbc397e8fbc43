import { enumName } from '../isa/enum-name.ts';
import { MapType, ProgType } from '../isa/kernel-tables.generated.ts';
import { Errno } from './errno.ts';
import { attachCapabilities, explainAttach } from './explain-link.ts';
import { type Capability, missingCapabilities, type Privileges, readPrivileges } from './privileges.ts';

/** What is known about a refused command, so that its errno can be told in words. */
export interface CommandContext {
  readonly progType?: number | undefined;
  readonly mapType?: number | undefined;
  /** Attaching: what is asked for. */
  readonly attachType?: number | undefined;
  /** Attaching: what the program was loaded for, where that is known. */
  readonly expectedAttachType?: number | undefined;
  /** PROG_LOAD: the verifier wrote nothing. */
  readonly logEmpty?: boolean | undefined;
  /** Map elements: what the map holds at most. */
  readonly maxEntries?: number | undefined;
  /** Map elements: the index that was asked for. */
  readonly index?: number | undefined;
  readonly path?: string | undefined;
  readonly id?: number | undefined;
  /** Bytes of the packet of a test run. */
  readonly dataSize?: number | undefined;
}

export interface Explanation {
  readonly explanation: string;
  readonly hint?: string | undefined;
}

export type BpfCommandName =
  | 'MAP_CREATE'
  | 'MAP_LOOKUP_ELEM'
  | 'MAP_UPDATE_ELEM'
  | 'MAP_DELETE_ELEM'
  | 'MAP_GET_NEXT_KEY'
  | 'MAP_FREEZE'
  | 'PROG_LOAD'
  | 'PROG_TEST_RUN'
  | 'LINK_CREATE'
  | 'LINK_UPDATE'
  | 'LINK_DETACH'
  | 'PROG_ATTACH'
  | 'PROG_DETACH'
  | 'PROG_QUERY'
  | 'RAW_TRACEPOINT_OPEN'
  | 'ITER_CREATE'
  | 'OBJ_PIN'
  | 'OBJ_GET'
  | 'OBJ_GET_INFO_BY_FD'
  | 'PROG_GET_NEXT_ID'
  | 'MAP_GET_NEXT_ID'
  | 'LINK_GET_NEXT_ID'
  | 'BTF_GET_NEXT_ID'
  | 'PROG_GET_FD_BY_ID'
  | 'MAP_GET_FD_BY_ID'
  | 'LINK_GET_FD_BY_ID'
  | 'BTF_GET_FD_BY_ID'
  | 'BTF_LOAD';

function has(types: readonly number[], type: number | undefined): boolean {
  return type !== undefined && types.includes(type);
}

/** Linux, `kernel/bpf/syscall.c`, map_create(): types behind CAP_NET_ADMIN. */
const NET_ADMIN_MAPS: readonly number[] = [
  MapType.SOCKMAP,
  MapType.SOCKHASH,
  MapType.DEVMAP,
  MapType.DEVMAP_HASH,
  MapType.XSKMAP,
];
/** Linux, `kernel/bpf/syscall.c`, is_net_admin_prog_type(). */
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
/** Linux, `kernel/bpf/syscall.c`, is_perfmon_prog_type(). */
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
/** Types that some kernels refuse outright, before the verifier, even to full capabilities. */
const OFTEN_REFUSED_PROGS: readonly number[] = [ProgType.TRACING, ProgType.LSM, ProgType.EXT];

/** The capabilities that a command needs. */
export function requiredCapabilities(
  command: BpfCommandName,
  context: CommandContext = {},
): readonly Capability[] {
  switch (command) {
    case 'MAP_CREATE':
      return has(NET_ADMIN_MAPS, context.mapType) ? ['CAP_BPF', 'CAP_NET_ADMIN'] : ['CAP_BPF'];
    case 'PROG_LOAD':
      return [
        'CAP_BPF',
        ...(has(NET_ADMIN_PROGS, context.progType) ? (['CAP_NET_ADMIN'] as const) : []),
        ...(has(PERFMON_PROGS, context.progType) ? (['CAP_PERFMON'] as const) : []),
      ];
    case 'PROG_GET_NEXT_ID':
    case 'MAP_GET_NEXT_ID':
    case 'LINK_GET_NEXT_ID':
    case 'BTF_GET_NEXT_ID':
    case 'PROG_GET_FD_BY_ID':
    case 'MAP_GET_FD_BY_ID':
    case 'LINK_GET_FD_BY_ID':
    case 'BTF_GET_FD_BY_ID':
      return ['CAP_SYS_ADMIN'];
    case 'LINK_CREATE':
    case 'LINK_UPDATE':
    case 'LINK_DETACH':
    case 'PROG_ATTACH':
    case 'PROG_DETACH':
    case 'PROG_QUERY':
    case 'RAW_TRACEPOINT_OPEN':
    case 'ITER_CREATE':
      return attachCapabilities(context.progType);
    case 'MAP_LOOKUP_ELEM':
    case 'MAP_UPDATE_ELEM':
    case 'MAP_DELETE_ELEM':
    case 'MAP_GET_NEXT_KEY':
    case 'MAP_FREEZE':
    case 'PROG_TEST_RUN':
    case 'OBJ_PIN':
    case 'OBJ_GET':
    case 'OBJ_GET_INFO_BY_FD':
    case 'BTF_LOAD':
      return ['CAP_BPF'];
  }
}

/** EPERM told apart: capability, type refused by this kernel, user namespace, lockdown, or something else. */
export function explainPermission(
  wanted: readonly Capability[],
  context: CommandContext,
  privileges: Privileges,
): Explanation {
  const missing = missingCapabilities(privileges, wanted);
  if (missing.length > 0) {
    const closed =
      (privileges.unprivilegedBpfDisabled ?? 0) > 0
        ? `, and kernel.unprivileged_bpf_disabled=${privileges.unprivilegedBpfDisabled} closes bpf(2) to everybody else`
        : '';
    return {
      explanation: `this process lacks ${missing.join(' and ')}${missing.includes('CAP_BPF') ? closed : ''}`,
      hint: `run as root, or give the process ${missing.join(' and ')}`,
    };
  }
  if (!privileges.initialUserNamespace) {
    return {
      explanation: 'this process is in a user namespace, where its capabilities do not count for BPF',
      hint: 'run outside of the container, or use a BPF token (Linux 6.9 or later)',
    };
  }
  if (has(OFTEN_REFUSED_PROGS, context.progType) && context.logEmpty !== false) {
    return {
      explanation: `this kernel refuses programs of type ${enumName(ProgType, context.progType)} before the verifier sees them, although this process has the capabilities`,
      hint: 'try a kernel that allows this type; tracepoints, raw tracepoints and uprobes may serve instead',
    };
  }
  if (privileges.lockdown !== undefined && privileges.lockdown !== 'none') {
    return {
      explanation: `refused although no capability is missing; kernel lockdown is in mode '${privileges.lockdown}'`,
    };
  }
  return {
    explanation:
      'refused although no capability is missing: a security module, a seccomp filter or kernel lockdown forbids it',
  };
}

type Explain = (context: CommandContext) => Explanation | string;

const outOfIndex: Explain = ({ index, maxEntries }) =>
  index === undefined
    ? `the map is full: it holds at most ${maxEntries} entries`
    : `index ${index} is out of range: the map has ${maxEntries} entries, 0 to ${(maxEntries ?? 1) - 1}`;

const noSuchId: Explain = ({ id }) => `nothing has id ${id} (any more)`;
const notBpffs: Explain = ({ path }) => ({
  explanation: `${path} is not in a BPF file system, or its name has a '.'`,
  hint: 'mount one: mount -t bpf bpf /sys/fs/bpf; names of pins may not have a dot',
});

const ETHERNET_HEADER_SIZE = 14;

/** What an errno means for a command, where that is more than the errno's own text. */
const MEANINGS: Partial<Record<BpfCommandName, Readonly<Record<number, Explain>>>> = {
  MAP_CREATE: {
    [Errno.E2BIG]: () => 'the map is too large, or this kernel does not know a field that was set',
    [Errno.ENOMEM]: () => 'not enough memory for the map, or over the memory limit of the cgroup',
  },
  MAP_LOOKUP_ELEM: {
    [Errno.EPERM]: () => 'user space may not read this map (BPF_F_WRONLY)',
    [Errno.ENOTSUPP]: () => 'maps of this type cannot be read from user space',
    [Errno.EOPNOTSUPP]: () => 'maps of this type cannot be read from user space',
  },
  MAP_UPDATE_ELEM: {
    [Errno.EPERM]: () => 'user space may not write to this map: it is frozen or was made with BPF_F_RDONLY',
    [Errno.E2BIG]: outOfIndex,
    [Errno.EEXIST]: () => 'the key exists already, and the flag NOEXIST asks for a new one',
    [Errno.ENOENT]: () => 'there is no such key, and the flag EXIST asks for one',
    [Errno.ENOMEM]: () => 'not enough memory for another entry',
    [Errno.EBUSY]: () => 'another update of the same bucket is under way; try again',
  },
  MAP_DELETE_ELEM: {
    [Errno.EPERM]: () => 'user space may not write to this map: it is frozen or was made with BPF_F_RDONLY',
    [Errno.E2BIG]: outOfIndex,
    [Errno.EINVAL]: ({ index }) =>
      index === undefined
        ? 'maps of this type have no entries to delete'
        : 'entries of an array cannot be deleted; set them to zero instead',
  },
  MAP_FREEZE: {
    [Errno.EPERM]: () => 'the map is frozen already, or was opened for reading only',
    [Errno.EBUSY]: () => 'the map is frozen already, is being written to, or is mapped for writing',
    [Errno.ENOTSUPP]: () => 'maps of this type cannot be frozen',
  },
  PROG_LOAD: {
    [Errno.EACCES]: () => 'the verifier rejected it',
    [Errno.E2BIG]: () => 'it has too many instructions, or this kernel does not know a field that was set',
    [Errno.ENOSPC]: () => 'the log did not fit its buffer',
  },
  PROG_TEST_RUN: {
    [Errno.ENOTSUPP]: ({ progType }) => `programs of type ${enumName(ProgType, progType)} cannot be test-run`,
    [Errno.EOPNOTSUPP]: ({ progType }) =>
      `programs of type ${enumName(ProgType, progType)} cannot be test-run`,
    [Errno.EINVAL]: ({ dataSize }) =>
      dataSize !== undefined && dataSize < ETHERNET_HEADER_SIZE
        ? `a packet has at least an Ethernet header, ${ETHERNET_HEADER_SIZE} bytes, but ${dataSize} were given`
        : {
            explanation: 'the kernel does not take this input',
            hint: 'packet programs take data, other programs a ctx; members of a ctx that it may not set must be 0',
          },
    [Errno.ENOSPC]: () => 'the output packet does not fit its buffer; give a larger dataSizeOut',
  },
  OBJ_PIN: {
    [Errno.EPERM]: notBpffs,
    [Errno.EINVAL]: notBpffs,
    [Errno.EEXIST]: ({ path }) => ({
      explanation: `${path} exists already`,
      hint: 'remove it, or pin with replace',
    }),
    [Errno.ENOENT]: ({ path }) => `the directory of ${path} does not exist`,
  },
  OBJ_GET: {
    [Errno.ENOENT]: ({ path }) => `nothing is pinned at ${path}`,
    [Errno.EACCES]: ({ path }) => `${path} is not a pin, or this user may not open it`,
  },
  PROG_GET_FD_BY_ID: { [Errno.ENOENT]: noSuchId },
  MAP_GET_FD_BY_ID: { [Errno.ENOENT]: noSuchId },
  LINK_GET_FD_BY_ID: { [Errno.ENOENT]: noSuchId },
  BTF_GET_FD_BY_ID: { [Errno.ENOENT]: noSuchId },
};

/** Commands whose EPERM is about the object, not about the process. */
function aboutObject(command: BpfCommandName, context: CommandContext, privileges: Privileges): boolean {
  const explained =
    MEANINGS[command]?.[Errno.EPERM] !== undefined ||
    explainAttach(command, Errno.EPERM, context) !== undefined;
  return explained && missingCapabilities(privileges, requiredCapabilities(command, context)).length === 0;
}

/** What an errno of bpf(2) means for a command, in words; undefined where the errno's own text has to do. */
export function explainBpf(
  command: BpfCommandName,
  errno: number,
  context: CommandContext,
  privileges: () => Privileges = readPrivileges,
): Explanation | undefined {
  if (errno === Errno.ENOSYS) {
    return { explanation: 'this kernel has no bpf(2), or a sandbox hides it' };
  }
  if (errno === Errno.EPERM) {
    const may = privileges();
    if (!aboutObject(command, context, may)) {
      return explainPermission(requiredCapabilities(command, context), context, may);
    }
  }
  const found = MEANINGS[command]?.[errno]?.(context) ?? explainAttach(command, errno, context);
  return typeof found === 'string' ? { explanation: found } : found;
}
