import { enumName } from '../isa/enum-name.ts';
import { ProgType } from '../isa/kernel-tables.generated.ts';
import { Errno } from './errno.ts';
import type { BpfCommandName, CommandContext, Explanation } from './explain.ts';
import type { FileSystemOf } from './file-system.ts';

// What the errnos of bpf(2) mean by command; those of attaching are in explain-link.ts,
// and those of tokens where they are made.

type Explain = (context: CommandContext, files: FileSystemOf) => Explanation | string;

const outOfIndex: Explain = ({ index, maxEntries }) =>
  index === undefined
    ? `the map is full: it holds at most ${maxEntries} entries`
    : `index ${index} is out of range: the map has ${maxEntries} entries, 0 to ${(maxEntries ?? 1) - 1}`;

const noSuchId: Explain = ({ id }) => `nothing has id ${id} (any more)`;
const folderOf = (path: string): string => {
  const at = path.lastIndexOf('/');
  return at < 0 ? '.' : path.slice(0, at) || '/';
};

const notBpffs: Explain = ({ path = '' }, files) => {
  const folder = folderOf(path);
  const name = path.slice(path.lastIndexOf('/') + 1);
  const kind = files(folder);
  if (kind === 'other') {
    return {
      explanation: `${folder} is not in a BPF file system`,
      hint: 'pin below one: mount -t bpf bpf /sys/fs/bpf',
    };
  }
  if (name.includes('.')) return `'${name}' cannot be the name of a pin: it has a '.'`;
  return {
    explanation: `${path} is not in a BPF file system, or its name has a '.'`,
    hint: 'mount one: mount -t bpf bpf /sys/fs/bpf; names of pins may not have a dot',
  };
};

/** The kernel answers EACCES both for other files and where a pin's mode says no. */
const notOpened: Explain = ({ path = '' }, files) =>
  files(folderOf(path)) === 'other'
    ? {
        explanation: `${path} is no pin: it is not in a BPF file system`,
        hint: 'tsbpf prog list and tsbpf map list show what is pinned where',
        aboutObject: true,
      }
    : `${path} is not a pin, or this user may not open it`;

const frozen: Explain = () =>
  'user space may not write to this map: it is frozen or was made with BPF_F_RDONLY';
const unreadable: Explain = () => 'user space may not read this map (BPF_F_WRONLY)';
const notRead: Explain = () => 'maps of this type cannot be read from user space';
const noBatch: Explain = () => 'maps of this type have no batch operations in this kernel';
const batchTooSmall: Explain = () =>
  'a bucket of the map has more entries than there is room for; give a larger batch';
const descriptor: Explain = () => 'a descriptor that it refers to is not open, or is of something else';
const unknownField: Explain = () => 'this kernel does not know a field that was set';

const ETHERNET_HEADER_SIZE = 14;

/** BPF_COMPLEXITY_LIMIT_INSNS and BPF_MAXINSNS (Linux, `include/linux/bpf.h`, `include/uapi/linux/bpf_common.h`). */
const MAX_INSNS = 1_000_000;
const MAX_INSNS_WITHOUT_RIGHTS = 4096;

/** Types whose test run takes a packet (Linux, `net/bpf/test_run.c`). */
const ON_PACKETS: readonly number[] = [
  ProgType.SOCKET_FILTER,
  ProgType.SCHED_CLS,
  ProgType.SCHED_ACT,
  ProgType.XDP,
  ProgType.CGROUP_SKB,
  ProgType.LWT_IN,
  ProgType.LWT_OUT,
  ProgType.LWT_XMIT,
  ProgType.LWT_SEG6LOCAL,
  ProgType.FLOW_DISSECTOR,
  ProgType.NETFILTER,
];

const notRun: Explain = ({ dataSize, progType, device }) => {
  if (device !== undefined)
    return `it is bound to ${device}, and the kernel runs no such program outside of its driver`;
  const onPackets = progType !== undefined && ON_PACKETS.includes(progType);
  if (dataSize === undefined && onPackets)
    return {
      explanation: `programs of type ${enumName(ProgType, progType)} run on a packet, and none was given`,
      hint: `give one as data: ${ETHERNET_HEADER_SIZE} bytes or more, from its Ethernet header on`,
    };
  if (dataSize !== undefined && dataSize < ETHERNET_HEADER_SIZE)
    return `a packet has at least an Ethernet header, ${ETHERNET_HEADER_SIZE} bytes, but ${dataSize} were given`;
  return {
    explanation: 'the kernel does not take this input',
    hint: 'packet programs take data, other programs a ctx; members of a ctx that it may not set must be 0',
  };
};

const noRoom: Explain = ({ dataSizeOut, dataRoom, ctxSize }) =>
  ctxSize !== undefined && (dataSizeOut ?? 0) <= (dataRoom ?? 0)
    ? {
        explanation: `the ctx of this type is larger than the ${ctxSize} bytes that were given, so it does not fit when it comes back`,
        hint: 'give the whole struct, zeros behind what is set: 24 bytes of struct xdp_md, 192 of struct __sk_buff',
      }
    : 'the output packet does not fit its buffer; give a larger dataSizeOut';

/** What an errno means for a command, where that is more than the errno's own text. */
export const COMMAND_MEANINGS: Partial<Record<BpfCommandName, Readonly<Record<number, Explain>>>> = {
  MAP_CREATE: {
    [Errno.E2BIG]: () => 'the map is too large, or this kernel does not know a field that was set',
    [Errno.ENOMEM]: () => 'not enough memory for the map, or over the memory limit of the cgroup',
    [Errno.EBADF]: descriptor,
    [Errno.ENOTSUPP]: () => 'this kernel has no maps of this type, or none with these types or flags',
    [Errno.EOPNOTSUPP]: () => 'this kernel has no maps of this type, or none with these types or flags',
  },
  MAP_LOOKUP_ELEM: {
    [Errno.EPERM]: unreadable,
    [Errno.ENOENT]: () => 'there is no such key',
    [Errno.ENOTSUPP]: notRead,
    [Errno.EOPNOTSUPP]: notRead,
  },
  MAP_GET_NEXT_KEY: {
    [Errno.EPERM]: unreadable,
    [Errno.ENOENT]: () => 'there is no further key',
    [Errno.EINVAL]: () => 'maps of this type have no keys to walk through',
    [Errno.ENOTSUPP]: () => 'maps of this type have no keys to walk through',
    [Errno.EOPNOTSUPP]: () => 'maps of this type have no keys to walk through',
  },
  MAP_LOOKUP_AND_DELETE_ELEM: {
    [Errno.EPERM]: () =>
      'user space may not read and write this map (BPF_F_WRONLY, BPF_F_RDONLY), or it is frozen',
    [Errno.ENOENT]: () => 'there is no such key, or the queue is empty',
    [Errno.EINVAL]: () => 'this kernel takes no entry out of a map of this type',
    [Errno.ENOTSUPP]: () => 'this kernel takes no entry out of a map of this type',
    [Errno.EOPNOTSUPP]: () => 'this kernel takes no entry out of a map of this type',
  },
  MAP_LOOKUP_BATCH: { [Errno.EPERM]: unreadable, [Errno.ENOSPC]: batchTooSmall, [Errno.ENOTSUPP]: noBatch },
  MAP_LOOKUP_AND_DELETE_BATCH: {
    [Errno.EPERM]: () =>
      'user space may not read and write this map (BPF_F_WRONLY, BPF_F_RDONLY), or it is frozen',
    [Errno.ENOSPC]: batchTooSmall,
    [Errno.ENOTSUPP]: noBatch,
  },
  MAP_UPDATE_BATCH: { [Errno.EPERM]: frozen, [Errno.E2BIG]: outOfIndex, [Errno.ENOTSUPP]: noBatch },
  MAP_DELETE_BATCH: { [Errno.EPERM]: frozen, [Errno.ENOTSUPP]: noBatch },
  MAP_UPDATE_ELEM: {
    [Errno.EPERM]: frozen,
    [Errno.E2BIG]: outOfIndex,
    [Errno.EEXIST]: () => 'the key exists already, and the flag NOEXIST asks for a new one',
    [Errno.ENOENT]: () => 'there is no such key, and the flag EXIST asks for one',
    [Errno.ENOMEM]: () => 'not enough memory for another entry',
    [Errno.EBUSY]: () => 'another update of the same bucket is under way; try again',
  },
  MAP_DELETE_ELEM: {
    [Errno.EPERM]: frozen,
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
    [Errno.E2BIG]: ({ insnCount = 0 }) =>
      insnCount > MAX_INSNS
        ? {
            explanation: `it has ${insnCount} instructions, and the kernel takes ${MAX_INSNS} at most`,
            hint: 'share the work among programs that call each other with bpf_tail_call()',
          }
        : insnCount > MAX_INSNS_WITHOUT_RIGHTS
          ? `it has ${insnCount} instructions, and without CAP_BPF and before Linux 5.2 the kernel takes ${MAX_INSNS_WITHOUT_RIGHTS} at most`
          : 'it is too complex, or this kernel does not know a field that was set',
    [Errno.ENOSPC]: () => 'the log did not fit its buffer',
    [Errno.EBADF]: descriptor,
    [Errno.ENOMEM]: () => 'not enough memory for the program or for its verification',
    [Errno.EAGAIN]: () => 'signals kept interrupting the verifier',
    [Errno.ENOTSUPP]: () => 'this kernel, or its JIT on this architecture, cannot run such a program',
  },
  BTF_LOAD: {
    [Errno.EINVAL]: () => 'the types are malformed, or of a kind that this kernel does not know',
    [Errno.E2BIG]: () => 'the types are larger than the kernel takes (16 MiB)',
  },
  PROG_TEST_RUN: {
    [Errno.ENOTSUPP]: ({ progType }) => `programs of type ${enumName(ProgType, progType)} cannot be test-run`,
    [Errno.EOPNOTSUPP]: ({ progType }) =>
      `programs of type ${enumName(ProgType, progType)} cannot be test-run`,
    [Errno.EINVAL]: notRun,
    [Errno.ENOSPC]: noRoom,
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
    [Errno.EACCES]: notOpened,
    [Errno.EPERM]: ({ path }) => `${path} may not be opened to read and write: its mode says so`,
  },
  OBJ_GET_INFO_BY_FD: { [Errno.E2BIG]: unknownField, [Errno.EBADF]: descriptor },
  ENABLE_STATS: { [Errno.EINVAL]: () => 'this kernel has no such statistics; run times came with Linux 5.8' },
  PROG_STREAM_READ_BY_FD: {
    [Errno.EINVAL]: () => 'this kernel has no streams; they came with Linux 6.17',
    [Errno.ENOENT]: () => 'the program has no such stream: 1 is its stdout, 2 its stderr',
  },
  PROG_GET_FD_BY_ID: { [Errno.ENOENT]: noSuchId },
  MAP_GET_FD_BY_ID: { [Errno.ENOENT]: noSuchId },
  LINK_GET_FD_BY_ID: { [Errno.ENOENT]: noSuchId },
  BTF_GET_FD_BY_ID: { [Errno.ENOENT]: noSuchId },
};
