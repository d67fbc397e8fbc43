import { MapType, UpdateFlag } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { BpfCommandName } from '../../syscall/explain.ts';
import { toHex } from '../../util/bytes.ts';
import { mapTypeName } from '../names.ts';
import type { MapValue } from './map-codec.ts';
import { isCgroupStorage, isIndexed, isLocalStorage, isQueue } from './map-kinds.ts';

/** What was asked of a map. */
export type ElementVerb = 'read' | 'write' | 'delete' | 'take' | 'walk';

const DOING: Readonly<Record<ElementVerb, readonly [command: BpfCommandName, doing: string]>> = {
  read: ['MAP_LOOKUP_ELEM', 'read'],
  write: ['MAP_UPDATE_ELEM', 'write to'],
  delete: ['MAP_DELETE_ELEM', 'delete from'],
  take: ['MAP_LOOKUP_AND_DELETE_ELEM', 'take from'],
  walk: ['MAP_GET_NEXT_KEY', 'walk'],
};

/** What is known of a refused element command. */
export interface ElementContext {
  readonly type: number;
  readonly maxEntries: number;
  readonly valueSize: number;
  readonly what: string;
  /** The index that was asked for, where keys are indexes. */
  readonly index?: number | undefined;
  readonly flags?: number | undefined;
}

type Words = (context: ElementContext) => string;
type ByErrno = Readonly<Partial<Record<number, string | Words>>>;

const notSocket = 'the value is a descriptor of a socket';
const socketRules: ByErrno = {
  [Errno.EINVAL]: `${notSocket}, below 2^31`,
  [Errno.EBADF]: `${notSocket}, and this one is not open`,
  [Errno.ENOTSOCK]: `${notSocket}, and this one is of something else`,
  [Errno.EOPNOTSUPP]:
    'it takes TCP sockets that are connected or listen, UDP sockets that are bound, and connected stream sockets of AF_UNIX',
  [Errno.EBUSY]: 'a program is using the socket in another way',
};
const interfaceRules: ByErrno = {
  [Errno.EINVAL]:
    'no interface of this network namespace has that index, or the program was not made for xdp/devmap',
  [Errno.EBADF]: 'the program is not an open descriptor',
};
const storageRules: ByErrno = {
  [Errno.EBADF]: 'the key is not an open descriptor of what the storage hangs on',
  [Errno.EINVAL]: 'the key is not a descriptor of what the storage hangs on, or the flags do not fit',
};
const cgroupStorageRules: ByErrno = {
  [Errno.ENOENT]:
    'no program that uses it is attached to that cgroup; the kernel makes the entry when one is',
};
const queueRules: ByErrno = {
  [Errno.E2BIG]: ({ type, maxEntries }) =>
    `the ${mapTypeName(type)} is full: it holds at most ${maxEntries} values`,
  [Errno.EINVAL]: 'a queue or stack takes no flags but EXIST, which overwrites the oldest value',
};

/** Why a write is refused, by type and errno, where the type says more than the errno. */
const WRITE: Readonly<Partial<Record<number, ByErrno>>> = {
  [MapType.SOCKMAP]: socketRules,
  [MapType.SOCKHASH]: socketRules,
  [MapType.DEVMAP]: interfaceRules,
  [MapType.DEVMAP_HASH]: interfaceRules,
  [MapType.SK_STORAGE]: storageRules,
  [MapType.INODE_STORAGE]: storageRules,
  [MapType.TASK_STORAGE]: storageRules,
  [MapType.CGRP_STORAGE]: storageRules,
  [MapType.CGROUP_STORAGE]: cgroupStorageRules,
  [MapType.PERCPU_CGROUP_STORAGE]: cgroupStorageRules,
  [MapType.QUEUE]: queueRules,
  [MapType.STACK]: queueRules,
  [MapType.REUSEPORT_SOCKARRAY]: {
    [Errno.EINVAL]: 'the value is a descriptor of a bound socket with SO_REUSEPORT',
    [Errno.EBADF]: `${notSocket}, and this one is not open`,
    [Errno.ENOTSOCK]: `${notSocket}, and this one is of something else`,
    [Errno.ENOTSUPP]: 'it takes TCP and UDP sockets',
    [Errno.EBUSY]: 'the socket stands in such an array already',
  },
  [MapType.CPUMAP]: {
    [Errno.EOVERFLOW]: 'a queue has at most 16384 packets',
    [Errno.ENODEV]: ({ index }) => `there is no CPU ${index} on this machine`,
    // So it is that the kernel refuses a program, too.
    [Errno.ENOMEM]: 'the program was not made for xdp/cpumap, or there is not enough memory for the queue',
    [Errno.EINVAL]: 'the program was not made for xdp/cpumap',
  },
  [MapType.XSKMAP]: {
    [Errno.EOPNOTSUPP]: 'the value is a descriptor of an AF_XDP socket with its rings set up',
    [Errno.ENOTSOCK]: 'the value is a descriptor of an AF_XDP socket, and this one is of something else',
    [Errno.EBADF]: 'the value is a descriptor of an AF_XDP socket, and this one is not open',
  },
  [MapType.CGROUP_ARRAY]: {
    [Errno.EBADF]: 'the value is a descriptor of a directory of cgroup2',
    [Errno.EINVAL]: 'a cgroup_array takes no update flags',
  },
  [MapType.PERF_EVENT_ARRAY]: {
    [Errno.EBADF]: 'the value is a descriptor of a perf event',
    [Errno.EINVAL]: 'the value is a descriptor of a perf event of a kind that programs may write to or read',
  },
  [MapType.LPM_TRIE]: {
    [Errno.EINVAL]: 'the prefix is longer than the data of a key',
    [Errno.ENOSPC]: ({ maxEntries }) => `the trie is full: it holds at most ${maxEntries} prefixes`,
  },
  [MapType.BLOOM_FILTER]: { [Errno.EINVAL]: 'a bloom filter takes no update flags' },
  [MapType.STACK_TRACE]: { [Errno.EINVAL]: 'only the kernel writes stack traces' },
  [MapType.PROG_ARRAY]: {
    [Errno.EBADF]:
      'the value is not an open descriptor; a prog array is given descriptors and answers with ids',
  },
  [MapType.ARRAY_OF_MAPS]: { [Errno.EBADF]: 'the value is not an open descriptor of a map' },
  [MapType.HASH_OF_MAPS]: { [Errno.EBADF]: 'the value is not an open descriptor of a map' },
};

const UNREADABLE: Words = ({ type }) => `maps of type ${mapTypeName(type)} cannot be read from user space`;
const READ_ANY: ByErrno = {
  [Errno.ENOTSUPP]: UNREADABLE,
  [Errno.EOPNOTSUPP]: UNREADABLE,
};
const COOKIE: ByErrno = {
  [Errno.ENOSPC]: 'what can be read is the cookie of a socket, 8 bytes, but its values have 4',
};
const READ: Readonly<Partial<Record<number, ByErrno>>> = {
  [MapType.SOCKMAP]: COOKIE,
  [MapType.SOCKHASH]: COOKIE,
  [MapType.REUSEPORT_SOCKARRAY]: COOKIE,
  [MapType.LPM_TRIE]: WRITE[MapType.LPM_TRIE]!,
  [MapType.SK_STORAGE]: storageRules,
  [MapType.INODE_STORAGE]: storageRules,
  [MapType.TASK_STORAGE]: storageRules,
  [MapType.CGRP_STORAGE]: storageRules,
};

const KEYLESS: Words = ({ type }) =>
  `a ${mapTypeName(type)} has no keys: read and write it through ${isQueue(type) ? 'QueueMap' : 'BloomFilter'}.of(map)`;

function wordsFor(verb: ElementVerb, errno: number, context: ElementContext): string | undefined {
  const { type, flags = 0 } = context;
  if (verb === 'write' && errno === Errno.EEXIST && isIndexed(type))
    return 'every index of an array exists already, and the flag NOEXIST asks for a new one';
  const table = verb === 'write' ? WRITE : READ;
  const row = verb === 'walk' || verb === 'take' ? undefined : table[type]?.[errno];
  const found = row ?? (verb === 'read' ? READ_ANY[errno] : undefined);
  if (found !== undefined) return typeof found === 'string' ? found : found(context);
  return verb === 'write' ? flagWords(errno, flags) : otherWords(verb, errno, context);
}

const NO_LOCK = 'the flag F_LOCK is for values with a bpf_spin_lock, and this map has none';

function flagWords(errno: number, flags: number): string | undefined {
  if (errno !== Errno.EINVAL) return undefined;
  if (flags & UpdateFlag.F_LOCK) return NO_LOCK;
  return flags > UpdateFlag.EXIST ? `this map takes no flags ${flags}` : undefined;
}

function otherWords(verb: ElementVerb, errno: number, context: ElementContext): string | undefined {
  const { type } = context;
  const refused = errno === Errno.EINVAL || errno === Errno.ENOTSUPP || errno === Errno.EOPNOTSUPP;
  if (!refused) return undefined;
  if (isQueue(type) || type === MapType.BLOOM_FILTER) return KEYLESS(context);
  if (verb === 'walk' && isLocalStorage(type))
    return `a ${mapTypeName(type)} cannot be walked: ask for the entry of one owner, or use an iterator program`;
  if (verb === 'walk') return `maps of type ${mapTypeName(type)} cannot be walked`;
  if (verb === 'take')
    return `maps of type ${mapTypeName(type)} do not read and delete in one step; get, then delete`;
  if (verb === 'read' && context.flags)
    return context.flags & UpdateFlag.F_LOCK ? NO_LOCK : `this map takes no flags ${context.flags}`;
  if (verb === 'delete' && isCgroupStorage(type)) return 'the entry goes when the program is detached';
  return undefined;
}

/** A refused element command in words. `why`, where somebody else knows the reason. */
export function elementError(
  verb: ElementVerb,
  errno: number,
  context: ElementContext,
  why: string | undefined = wordsFor(verb, errno, context),
): SyscallError {
  const [command, verbText] = DOING[verb];
  const doing = `${verbText} ${context.what}`;
  if (why !== undefined) return new SyscallError({ syscall: 'bpf', command, errno, doing, explanation: why });
  const { index, maxEntries, type: mapType } = context;
  return bpfError(command, errno, doing, { index, maxEntries, mapType });
}

/** One entry of many was refused; those before it are done. */
export class MapEntryError extends SyscallError {
  override readonly name = 'MapEntryError';
  /** Its place among those that were given: as many are done. */
  readonly index: number;
  readonly key: MapValue;

  constructor(refusal: SyscallError, key: MapValue, index: number, count: number | undefined, what: string) {
    const of = count === undefined ? '' : ` of ${count}`;
    const shown = typeof key === 'object' ? toHex(key, ' ') : `${key}`;
    const { syscall, errno, explanation, hint } = refusal;
    const verb = refusal.command?.includes('DELETE') ? 'delete' : 'write';
    const doing = `${verb} entry ${index + 1}${of}, key ${shown}, of ${what}`;
    super({ syscall, command: refusal.command, errno, doing, explanation, hint, cause: refusal });
    this.index = index;
    this.key = key;
  }

  override toJSON(): Record<string, unknown> {
    const key = typeof this.key === 'bigint' ? `${this.key}` : this.key;
    return { ...super.toJSON(), index: this.index, key: typeof key === 'object' ? toHex(key) : key };
  }
}
