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
const notBpffs: Explain = ({ path = '' }, files) => {
  const at = path.lastIndexOf('/');
  const [folder, name] = at < 0 ? ['.', path] : [path.slice(0, at) || '/', path.slice(at + 1)];
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
    [Errno.E2BIG]: () => 'it has too many instructions, or this kernel does not know a field that was set',
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
