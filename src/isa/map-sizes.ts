// Sizes that the kernel leaves no choice about (Linux 6.18, the `map_alloc_check` of each type).
import type { MapType } from './kernel-tables.generated.ts';

/** What a map may leave out, and what holds then: bytes of a key and of a value, and `max_entries`. */
export interface MapSizes {
  readonly key?: number;
  readonly value?: number;
  readonly entries?: number;
}

const HOLDS_DESCRIPTORS: MapSizes = { key: 4, value: 4 };
const KEYLESS: MapSizes = { key: 0 };
const RING: MapSizes = { key: 0, value: 0 };
const STORAGE: MapSizes = { key: 4, entries: 0 };

/** By the name of {@link MapType}; types that are missing leave all to the user. */
export const MAP_SIZES: Readonly<Partial<Record<keyof typeof MapType, MapSizes>>> = {
  PROG_ARRAY: HOLDS_DESCRIPTORS,
  // As many as there are CPUs, which the loader knows.
  PERF_EVENT_ARRAY: { ...HOLDS_DESCRIPTORS, entries: 0 },
  CGROUP_ARRAY: HOLDS_DESCRIPTORS,
  ARRAY_OF_MAPS: HOLDS_DESCRIPTORS,
  HASH_OF_MAPS: { value: 4 },
  DEVMAP: HOLDS_DESCRIPTORS,
  DEVMAP_HASH: HOLDS_DESCRIPTORS,
  CPUMAP: HOLDS_DESCRIPTORS,
  XSKMAP: HOLDS_DESCRIPTORS,
  SOCKMAP: HOLDS_DESCRIPTORS,
  QUEUE: KEYLESS,
  STACK: KEYLESS,
  BLOOM_FILTER: KEYLESS,
  RINGBUF: RING,
  USER_RINGBUF: RING,
  ARENA: RING,
  SK_STORAGE: STORAGE,
  INODE_STORAGE: STORAGE,
  TASK_STORAGE: STORAGE,
  CGRP_STORAGE: STORAGE,
};
