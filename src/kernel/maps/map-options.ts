import type { MapType } from '../../isa/kernel-tables.generated.ts';
import type { Fd } from '../../syscall/fd.ts';
import type { InnerShape } from './inner-shape.ts';
import type { BpfMap } from './map.ts';
import type { TailCallTraits } from './map-errors.ts';

/** What {@link BpfMap.create} is given; a MapSpec fits. Sizes in bytes. */
export interface MapOptions {
  /** Shown by the kernel, cut to 15 bytes. */
  readonly name?: string;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `map_flags`: MapFlag values, or-ed. */
  readonly flags?: number;
  /** `map_extra`: hash functions of a bloom filter, the address of an arena. */
  readonly extra?: bigint;
  /** The node of memory that it is to lie in; implies the flag NUMA_NODE. */
  readonly numaNode?: number | undefined;
  /** For maps of maps: a map of the shape that the inner ones have. */
  readonly innerMap?: BpfMap | undefined;
  /** A loaded BTF and the types of key and value in it. */
  readonly btf?: { readonly fd: Fd; readonly keyTypeId: number; readonly valueTypeId: number } | undefined;
  /** For structs of functions: the value's type among the kernel's, or among those of a module's BTF. */
  readonly kernelValueTypeId?: number | undefined;
  readonly kernelValueBtfFd?: number | undefined;
  /** What gives the right to create it where the process itself has none. */
  readonly token?: { readonly fd: Fd } | undefined;
}

/** How a map is opened that others made. */
export interface MapOpenOptions {
  /** MapFlag.RDONLY or MapFlag.WRONLY: this descriptor may only read, or only write. */
  readonly flags?: number;
}

/** What a prog array takes: a program of this library, or the descriptor of any. */
export interface TailCallTarget {
  readonly fd: Fd;
  readonly traits: TailCallTraits;
}

/** A map or program of the kernel by its number, for what holds such. */
export interface ObjectId {
  readonly id: number;
}

export function isHandle(value: unknown): value is TailCallTarget | BpfMap {
  return isObject(value) && 'fd' in value;
}

export function isObjectId(value: unknown): value is ObjectId {
  return isObject(value) && !('fd' in value) && 'id' in value;
}

/** Bytes are what most writes have, and looking for members in them takes its time. */
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

/** What all handles of one map share in this process. */
export interface SharedState {
  readonly pins: Set<string>;
  /** The program that made a prog array its own, where that happened here. */
  owner: TailCallTraits | undefined;
  filledByLoad: boolean;
  /** Whether programs were put into a prog array by this process. */
  filled: boolean;
  /** The shape that the maps in a map of maps have, where it was made here. */
  template: InnerShape | undefined;
}

export interface MapShape {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: bigint;
}
