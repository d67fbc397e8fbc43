import { MapType } from '../../isa/kernel-tables.generated.ts';

// What the kernel's map types have in common, as far as it decides how user space talks to them.

/** Types whose keys are the indexes from 0 to maxEntries - 1, all of them always there. */
const INDEXED: readonly number[] = [
  MapType.ARRAY,
  MapType.PROG_ARRAY,
  MapType.PERF_EVENT_ARRAY,
  MapType.PERCPU_ARRAY,
  MapType.CGROUP_ARRAY,
  MapType.ARRAY_OF_MAPS,
  MapType.DEVMAP,
  MapType.SOCKMAP,
  MapType.CPUMAP,
  MapType.XSKMAP,
  MapType.REUSEPORT_SOCKARRAY,
];

export function isIndexed(type: number): boolean {
  return INDEXED.includes(type);
}

/** Types whose entries read as one value per possible CPU. */
const PER_CPU: readonly number[] = [
  MapType.PERCPU_HASH,
  MapType.PERCPU_ARRAY,
  MapType.LRU_PERCPU_HASH,
  MapType.PERCPU_CGROUP_STORAGE,
];

export function isPerCpu(type: number): boolean {
  return PER_CPU.includes(type);
}

/** Types whose entries are there for good: clearing them writes zeros. */
const FIXED: readonly number[] = [MapType.ARRAY, MapType.PERCPU_ARRAY];

export function isFixed(type: number): boolean {
  return FIXED.includes(type);
}

export function isQueue(type: number): boolean {
  return type === MapType.QUEUE || type === MapType.STACK;
}

export function isMapOfMaps(type: number): boolean {
  return type === MapType.ARRAY_OF_MAPS || type === MapType.HASH_OF_MAPS;
}

/** Storages that hang on a socket, a file, a task or a cgroup; the key is a descriptor of it. */
const LOCAL_STORAGE: readonly number[] = [
  MapType.SK_STORAGE,
  MapType.INODE_STORAGE,
  MapType.TASK_STORAGE,
  MapType.CGRP_STORAGE,
];

export function isLocalStorage(type: number): boolean {
  return LOCAL_STORAGE.includes(type);
}

export function isCgroupStorage(type: number): boolean {
  return type === MapType.CGROUP_STORAGE || type === MapType.PERCPU_CGROUP_STORAGE;
}
