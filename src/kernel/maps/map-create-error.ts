import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import type { MapCreateParams } from '../../syscall/bpf-map.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { Explanation } from '../../syscall/explain.ts';
import { kernelFeatures } from '../features/features.ts';
import { mapTypeName } from '../names.ts';
import { isCgroupStorage, isIndexed, isLocalStorage, isMapOfMaps, isPerCpu, isQueue } from './map-kinds.ts';

// The rules are those of `map_create()` and the `map_alloc_check` of each type (Linux 6.18).

/** A descriptor and nothing else, or one with room for a cookie or a program. */
const DESCRIPTOR_SIZES: readonly number[] = [4, 8];
const MAX_LPM_KEY = 4 + 256;
const MAX_BLOOM_HASHES = 15;
/** PCPU_MIN_UNIT_SIZE: more than this cannot be had from the allocator of per-CPU memory. */
const MAX_PER_CPU_VALUE = 32 * 1024;

/** What BPF_MAP_CREATE is given besides, where the reason may lie in it. */
export interface CreateContext {
  /** The type of the inner map. */
  readonly innerType?: number | undefined;
}

type Rule = (params: MapCreateParams, name: string, context: CreateContext) => string | undefined;

/** Members that some types want in one way only, asked in this order. */
const SHAPE_RULES: readonly Rule[] = [
  ({ type, maxEntries }, name) => {
    const none = isLocalStorage(type) || isCgroupStorage(type);
    if (none && maxEntries !== 0) return `${name} has as many entries as there are owners: maxEntries is 0`;
    if (!none && maxEntries === 0) return `${name} needs maxEntries of 1 or more`;
    return undefined;
  },
  ({ type, keySize }, name) => {
    if ((isIndexed(type) || isLocalStorage(type) || type === MapType.STACK_TRACE) && keySize !== 4)
      return `${name} has keys of 4 bytes, not ${keySize}`;
    const keyless = isQueue(type) || type === MapType.BLOOM_FILTER;
    if (keyless && keySize !== 0) return `${name} has no keys: keySize is 0`;
    if (isCgroupStorage(type) && keySize !== 8 && keySize !== 16)
      return `the key of ${name} is the id of a cgroup, 8 bytes, or that and an attach type, 16; not ${keySize}`;
    return undefined;
  },
  ({ type, valueSize }, name) => {
    const descriptor =
      type === MapType.PROG_ARRAY ||
      type === MapType.PERF_EVENT_ARRAY ||
      type === MapType.CGROUP_ARRAY ||
      type === MapType.XSKMAP;
    if ((descriptor || isMapOfMaps(type)) && valueSize !== 4)
      return `${name} has values of 4 bytes, not ${valueSize}`;
    const either =
      type === MapType.SOCKMAP ||
      type === MapType.SOCKHASH ||
      type === MapType.REUSEPORT_SOCKARRAY ||
      type === MapType.DEVMAP ||
      type === MapType.DEVMAP_HASH ||
      type === MapType.CPUMAP;
    if (either && !DESCRIPTOR_SIZES.includes(valueSize))
      return `${name} has values of 4 or 8 bytes, not ${valueSize}`;
    if (type === MapType.STACK_TRACE && (valueSize < 8 || valueSize % 8 !== 0))
      return `${name} has values of 8 bytes a frame, not ${valueSize}`;
    return undefined;
  },
];

/** What only one type knows. */
const TYPE_RULES: Readonly<Partial<Record<number, Rule>>> = {
  [MapType.PROG_ARRAY]: ({ flags = 0 }) =>
    flags & (MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG)
      ? 'a prog_array takes neither BPF_F_RDONLY_PROG nor BPF_F_WRONLY_PROG'
      : undefined,
  [MapType.LPM_TRIE]: ({ flags = 0, keySize }) => {
    if (!(flags & MapFlag.NO_PREALLOC)) return 'an lpm_trie needs the flag BPF_F_NO_PREALLOC';
    return keySize < 5 || keySize > MAX_LPM_KEY
      ? `a key of an lpm_trie is 4 bytes for the length of the prefix and 1 to 256 of data, not ${keySize}`
      : undefined;
  },
  [MapType.BLOOM_FILTER]: ({ extra = 0n }) =>
    extra > MAX_BLOOM_HASHES
      ? `extra is the number of hash functions of a bloom_filter, 1 to ${MAX_BLOOM_HASHES}, not ${extra}`
      : undefined,
  [MapType.ARENA]: ({ flags = 0, keySize, valueSize }) => {
    if (!(flags & MapFlag.MMAPABLE)) return 'an arena needs the flag BPF_F_MMAPABLE';
    return keySize || valueSize ? 'an arena has neither keys nor values' : undefined;
  },
  [MapType.RINGBUF]: ringRule,
  [MapType.USER_RINGBUF]: ringRule,
  [MapType.PERCPU_ARRAY]: (params, name) =>
    (params.flags ?? 0) & MapFlag.MMAPABLE ? `${name} cannot be mapped: leave BPF_F_MMAPABLE out` : undefined,
};

function ringRule({ keySize, valueSize, maxEntries }: MapCreateParams, name: string): string | undefined {
  if (keySize !== 0 || valueSize !== 0) return `${name} has neither keys nor values`;
  if ((maxEntries & (maxEntries - 1)) !== 0)
    return `the size of ${name} is a power of two, not ${maxEntries}`;
  return maxEntries % 4096 === 0
    ? undefined
    : `the size of ${name} is whole pages of memory, not ${maxEntries}`;
}

/** Types that cannot stand in a map of maps (Linux, `kernel/bpf/map_in_map.c`). */
const NEVER_INNER: readonly number[] = [
  MapType.PROG_ARRAY,
  MapType.CGROUP_STORAGE,
  MapType.PERCPU_CGROUP_STORAGE,
  MapType.STRUCT_OPS,
];

/** What holds for any type, asked last. */
const GENERAL_RULES: readonly Rule[] = [
  ({ type, innerMapFd }, name, { innerType }) => {
    if (!isMapOfMaps(type)) return undefined;
    if (innerMapFd === undefined)
      return `${name} needs innerMap: a map of the shape that the inner ones will have`;
    if (innerType !== undefined && isMapOfMaps(innerType)) return 'maps of maps cannot be nested any further';
    return undefined;
  },
  ({ type, valueSize, keySize }) => {
    const empty = type === MapType.RINGBUF || type === MapType.USER_RINGBUF || type === MapType.ARENA;
    if (!empty && valueSize === 0) return 'valueSize is 0';
    const hash = isHash(type) || type === MapType.SOCKHASH || type === MapType.HASH_OF_MAPS;
    return hash && keySize === 0 ? 'keySize is 0' : undefined;
  },
  ({ type, flags = 0 }, name) => {
    if (isLocalStorage(type) && !(flags & MapFlag.NO_PREALLOC))
      return `${name} needs the flag BPF_F_NO_PREALLOC`;
    if (flags & MapFlag.MMAPABLE && type !== MapType.ARRAY && type !== MapType.ARENA)
      return `${name} cannot be mapped: BPF_F_MMAPABLE is for arrays and arenas`;
    if (flags & MapFlag.NO_PREALLOC && !isHash(type) && !isLocalStorage(type) && type !== MapType.LPM_TRIE)
      return `${name} does not take the flag BPF_F_NO_PREALLOC`;
    if (flags & MapFlag.NO_PREALLOC && isLru(type)) return noPrealloc(name);
    const lru = isLru(type);
    if (flags & MapFlag.NO_COMMON_LRU && !lru) return `BPF_F_NO_COMMON_LRU is for lru maps, not for ${name}`;
    if (flags & MapFlag.RDONLY && flags & MapFlag.WRONLY)
      return 'BPF_F_RDONLY and BPF_F_WRONLY exclude each other';
    return undefined;
  },
  ({ type, btfFd }, name) =>
    isLocalStorage(type) && btfFd === undefined
      ? `${name} needs the BTF types of its key and value`
      : undefined,
  ({ extra = 0n, type }, name) =>
    extra !== 0n && type !== MapType.BLOOM_FILTER && type !== MapType.ARENA
      ? `${name} has no use for extra`
      : undefined,
  ({ type }) =>
    type === MapType.STRUCT_OPS
      ? 'a struct_ops is made with its object: load one that has a struct of functions'
      : undefined,
  ({ flags = 0 }) => {
    const unknown = (flags & ~Object.values(MapFlag).reduce((all, flag) => all | flag, 0)) >>> 0;
    return unknown === 0 ? undefined : `flags has 0x${unknown.toString(16)}, which is no flag of maps`;
  },
];

/** KMALLOC_MAX_SIZE, which an entry of a hash has to stay below (with its head). */
const MAX_HASH_ENTRY = 4 * 1024 * 1024;
/** So many heads of buckets, 16 bytes each, are 4 GiB. */
const MAX_HASH_ENTRIES = 2 ** 27;

/** E2BIG: what is more than there can be. */
const SIZE_RULES: readonly Rule[] = [
  ({ type, valueSize }) =>
    isPerCpu(type) && valueSize > MAX_PER_CPU_VALUE
      ? `a value of ${valueSize} bytes is more than one CPU can have, ${MAX_PER_CPU_VALUE}`
      : undefined,
  ({ type, keySize }) =>
    isHash(type) && keySize > 512
      ? `keys of ${keySize} bytes are more than a program's stack holds`
      : undefined,
  ({ type, maxEntries }) =>
    type === MapType.CPUMAP
      ? `a cpumap has one entry for each CPU that the kernel may have, not ${maxEntries}`
      : undefined,
  ({ type, keySize, valueSize }, name) =>
    isHash(type) && keySize + valueSize > MAX_HASH_ENTRY - 256
      ? `an entry of ${name} is less than 4 MiB with its key, not ${keySize + valueSize} bytes`
      : undefined,
  ({ type, maxEntries }, name) =>
    isHash(type) && maxEntries > MAX_HASH_ENTRIES
      ? `${name} has ${MAX_HASH_ENTRIES} entries at most, not ${maxEntries}`
      : undefined,
];

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

function sizeText(bytes: number): string {
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1);
  return `${Number((bytes / 1024 ** unit).toFixed(1))} ${UNITS[unit]}`;
}

/** What was asked for, where there was no memory for it. */
function noMemory({ type, keySize, valueSize, maxEntries, flags = 0 }: MapCreateParams): Explanation {
  const ring = type === MapType.RINGBUF || type === MapType.USER_RINGBUF;
  const size = ring ? maxEntries : (isIndexed(type) ? valueSize : keySize + valueSize) * maxEntries;
  const each = isPerCpu(type) ? ' for every CPU' : '';
  const fills = isHash(type) && !isLru(type) && !(flags & MapFlag.NO_PREALLOC);
  return {
    explanation: `it takes ${sizeText(size)}${each}, and there is not so much memory, or the cgroup may not have it`,
    hint: fills
      ? 'lower maxEntries, or take the flag BPF_F_NO_PREALLOC: memory is then had as the map fills'
      : 'lower maxEntries or the size of a value',
  };
}

function isLru(type: number): boolean {
  return type === MapType.LRU_HASH || type === MapType.LRU_PERCPU_HASH;
}

const noPrealloc = (name: string): string =>
  `${name} has its memory from the start: it does not take BPF_F_NO_PREALLOC`;

function isHash(type: number): boolean {
  return (
    type === MapType.HASH ||
    type === MapType.PERCPU_HASH ||
    type === MapType.LRU_HASH ||
    type === MapType.LRU_PERCPU_HASH ||
    type === MapType.DEVMAP_HASH
  );
}

function withArticle(type: number): string {
  const typeName = mapTypeName(type);
  return `${/^([aeio]|lpm|lru|xsk)/.test(typeName) ? 'an' : 'a'} ${typeName}`;
}

/** Why BPF_MAP_CREATE answers EINVAL, by the rules of each type; undefined where none of them tells. */
function whyInvalid(params: MapCreateParams, context: CreateContext): string | undefined {
  const { type } = params;
  const name = withArticle(type);
  if (!Object.values(MapType).includes(type as MapType)) return `there is no map type ${type}`;
  if (kernelFeatures().ask(`map/${mapTypeName(type)}`).state === 'no')
    return `this kernel has no maps of type ${mapTypeName(type)}: it is older, or was built without`;
  const own = TYPE_RULES[type];
  for (const rule of [...SHAPE_RULES, ...(own ? [own] : []), ...GENERAL_RULES]) {
    const why = rule(params, name, context);
    if (why !== undefined) return why;
  }
  return undefined;
}

function whyNotCreated(
  params: MapCreateParams,
  errno: number,
  context: CreateContext,
): Explanation | string | undefined {
  const { type, flags = 0 } = params;
  const { innerType } = context;
  if (errno === Errno.EINVAL) return whyInvalid(params, context);
  if (errno === Errno.ENOTSUPP && innerType !== undefined && NEVER_INNER.includes(innerType))
    return `maps of type ${mapTypeName(innerType)} cannot stand in another map`;
  if (errno === Errno.ENOTSUPP && flags & MapFlag.NO_PREALLOC && isLru(type))
    return noPrealloc(withArticle(type));
  if (errno === Errno.ENOMEM) return noMemory(params);
  if (errno !== Errno.E2BIG) return undefined;
  return SIZE_RULES.map((rule) => rule(params, withArticle(type), context)).find(Boolean);
}

/** A refused BPF_MAP_CREATE in words. */
export function mapCreateError(
  params: MapCreateParams,
  errno: number,
  what: string,
  context: CreateContext = {},
): SyscallError {
  const why = whyNotCreated(params, errno, context);
  if (why === undefined) {
    const withToken = params.tokenFd !== undefined;
    return bpfError('MAP_CREATE', errno, `create ${what}`, { mapType: params.type, withToken });
  }
  return new SyscallError({
    syscall: 'bpf',
    command: 'MAP_CREATE',
    errno,
    doing: `create ${what}`,
    ...(typeof why === 'string' ? { explanation: why } : why),
  });
}
