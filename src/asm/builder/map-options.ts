import type { MapType } from '../../isa/kernel-tables.generated.ts';
import type { DataType, Given } from './data-types.ts';
import type { MapHandle, ProgramHandle } from './handles.ts';

/** As the kernel calls them, in lower case: `hash`, `prog_array`. */
export type MapTypeName = Lowercase<Exclude<keyof typeof MapType, 'UNSPEC'>>;

/** A key's or value's type, or only its bytes. */
export type Sized = DataType<never> | DataType<unknown> | number;

interface Common {
  /** `map_flags`: `MapFlag.NO_PREALLOC | …` */
  readonly flags?: number;
  /** `map_extra`, such as a bloom filter's number of hash functions. */
  readonly extra?: bigint | number;
  /** The NUMA node that it lives on. */
  readonly numaNode?: number;
  /** `byName`: shared through bpffs. */
  readonly pinning?: 'none' | 'byName';
}

interface KeyValueTypes {
  hash: unknown;
  percpu_hash: unknown;
  lru_hash: unknown;
  lru_percpu_hash: unknown;
  lpm_trie: unknown;
  stack_trace: unknown;
  sockhash: unknown;
  reuseport_sockarray: unknown;
}
interface IndexedTypes {
  array: unknown;
  percpu_array: unknown;
}
interface DescriptorTypes {
  prog_array: unknown;
  cgroup_array: unknown;
  devmap: unknown;
  devmap_hash: unknown;
  cpumap: unknown;
  xskmap: unknown;
  sockmap: unknown;
}
interface KeylessTypes {
  queue: unknown;
  stack: unknown;
  bloom_filter: unknown;
}
interface RingTypes {
  ringbuf: unknown;
  user_ringbuf: unknown;
  arena: unknown;
}
interface StorageTypes {
  sk_storage: unknown;
  inode_storage: unknown;
  task_storage: unknown;
  cgrp_storage: unknown;
}
interface NestedTypes {
  array_of_maps: unknown;
  hash_of_maps: unknown;
}
interface CpuTypes {
  perf_event_array: unknown;
}
type OtherTypes = Exclude<
  MapTypeName,
  | keyof KeyValueTypes
  | keyof IndexedTypes
  | keyof DescriptorTypes
  | keyof KeylessTypes
  | keyof RingTypes
  | keyof StorageTypes
  | keyof NestedTypes
  | keyof CpuTypes
>;

/** Key, value and number of entries, all of the user's choice. */
interface KeyValueOptions<T> extends Common {
  readonly type: T;
  readonly key: Sized;
  readonly value: Sized;
  readonly maxEntries: number;
}
/** An index of 32 bits for a key. */
interface IndexedOptions<T> extends Common {
  readonly type: T;
  readonly key?: Sized;
  readonly value: Sized;
  readonly maxEntries: number;
}
interface DescriptorOptions<T> extends Common {
  readonly type: T;
  readonly key?: Sized;
  readonly value?: Sized;
  readonly maxEntries: number;
}
interface KeylessOptions<T> extends Common {
  readonly type: T;
  readonly value: Sized;
  readonly maxEntries: number;
}
/** For ring buffers their bytes, for an arena its pages. */
interface RingOptions<T> extends Common {
  readonly type: T;
  readonly maxEntries: number;
}
interface StorageOptions<T> extends Common {
  readonly type: T;
  readonly key?: Sized;
  readonly value: Sized;
}
interface NestedOptions<T> extends Common {
  readonly type: T;
  readonly key?: Sized;
  readonly maxEntries: number;
  /** What every inner map is like. */
  readonly inner: MapOptions;
}
/** Without a number of entries, one for each CPU. */
interface CpuOptions<T> extends Common {
  readonly type: T;
  readonly maxEntries?: number;
}
interface OtherOptions<T> extends Common {
  readonly type: T;
  readonly key?: Sized;
  readonly value?: Sized;
  readonly maxEntries?: number;
}

/** What a map is; which members there are follows from its type. */
export type MapOptions =
  | KeyValueOptions<keyof KeyValueTypes>
  | IndexedOptions<keyof IndexedTypes>
  | DescriptorOptions<keyof DescriptorTypes>
  | KeylessOptions<keyof KeylessTypes>
  | RingOptions<keyof RingTypes>
  | StorageOptions<keyof StorageTypes>
  | NestedOptions<keyof NestedTypes>
  | CpuOptions<keyof CpuTypes>
  | OtherOptions<OtherTypes>;

type ValueOf<D> = D extends DataType<infer T> ? Given<T> : D extends number ? Uint8Array : never;

/** What a key of such a map is given as: by its type, or as bytes where only a size is known. */
export type KeyOf<O> = O extends { readonly key: infer D } ? ValueOf<D> : number;

/** What a value of such a map is given as. */
export type EntryOf<O> = O extends { readonly type: 'prog_array' }
  ? ProgramHandle
  : O extends { readonly type: keyof NestedTypes }
    ? MapHandle<never, never>
    : O extends { readonly value: infer D }
      ? ValueOf<D>
      : Uint8Array;
