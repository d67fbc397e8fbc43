import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { Fd } from '../../syscall/fd.ts';
import { type Mapping, mapMemory, pageSize, releaseMapping } from '../../syscall/mapping.ts';
import { alignUp, viewOf } from '../../util/bytes.ts';
import { checkRange, TsbpfError } from '../../util/errors.ts';
import { mapTypeName } from '../names.ts';
import { encodeValue, type MapValue } from './map-codec.ts';
import { SharedBytes } from './shared-bytes.ts';

export interface MapMemoryOptions {
  /** True where it shall only be read, which maps that are frozen or opened with RDONLY ask for. */
  readonly readOnly?: boolean;
}

/** What mapping one's memory takes to know of a map. */
export interface MappedShape {
  readonly type: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: bigint;
}

type TypedArray = ArrayBufferView & { readonly length: number };
type TypedArrayConstructor<T extends TypedArray> = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
};

/**
 * The values of an array with BPF_F_MMAPABLE, or an arena, as memory of this process: what is read is
 * what programs wrote, with no call and no copy.
 *
 *     array: values from multiples of `stride`, which is the value size rounded up to 8
 *     arena: pages; the kernel gives each its memory at the first access
 *
 * Memory that is let go reads zeros: views that were taken before are safe and useless.
 *
 * @example
 * ```ts
 * using memory = map.mmap();
 * memory.get(3);                            // one value, whole
 * memory.add(3, 1);                         // atomically
 * memory.array(BigUint64Array).at(3);       // the memory itself
 * ```
 */
export class MapMemory implements Disposable {
  readonly writable: boolean;
  /** Bytes from one value to the next; of an arena, of a page. */
  readonly stride: number;
  /** How many values, or pages. */
  readonly length: number;
  readonly #valueSize: number;
  readonly #what: string;
  /** The map's descriptor, where the memory goes with it. */
  readonly #lender: Fd | undefined;
  readonly #mapping: Mapping;
  #shared: SharedBytes | undefined;

  /** @internal `map.mmap()`. @param lent whether the mapping is the map's, which takes it back when it is closed */
  constructor(mapping: Mapping, shape: MappedShape, fd: Fd, writable: boolean, lent: boolean) {
    const arena = shape.type === MapType.ARENA;
    this.writable = writable;
    this.stride = arena ? pageSize() : alignUp(shape.valueSize, 8);
    this.length = shape.maxEntries;
    this.#valueSize = arena ? this.stride : shape.valueSize;
    this.#what = fd.what;
    this.#lender = lent ? fd : undefined;
    this.#mapping = mapping;
    this.#shared = new SharedBytes(mapping.bytes.subarray(0, this.stride * this.length));
  }

  /** All of it. @throws {TsbpfError} `CLOSED` */
  get bytes(): Uint8Array {
    return this.#memory.bytes;
  }

  get closed(): boolean {
    return this.#shared === undefined || this.#lender?.closed === true;
  }

  /** All of it as numbers. Of values that are smaller than `stride`, some of them are padding. */
  array<T extends TypedArray>(type: TypedArrayConstructor<T>): T {
    const { buffer, byteOffset, length } = this.bytes;
    return new type(buffer, byteOffset, Math.floor(length / type.BYTES_PER_ELEMENT));
  }

  /** One value; of 1, 2, 4 and 8 bytes never half of an old and half of a new one. */
  get(index: number): MapValue {
    return this.#memory.load(this.#at(index), this.#valueSize);
  }

  /** @throws {TsbpfError} `READ_ONLY`, `CLOSED` */
  set(index: number, value: MapValue): void {
    const memory = this.#toWrite();
    const bytes = new Uint8Array(this.#valueSize);
    encodeValue(viewOf(bytes), value, bytes.length, 'value', this.#what);
    memory.store(this.#at(index), bytes);
  }

  /** Adds to a value of 1, 2, 4 or 8 bytes in one step. @returns what it was before */
  add(index: number, delta: number | bigint): MapValue {
    const before = this.#toWrite().add(this.#at(index), this.#valueSize, BigInt(delta));
    if (before !== undefined) return before;
    throw new TsbpfError(
      'VALUE_SIZE',
      `a value of ${this.#what} is ${this.#valueSize} bytes, which is no number`,
    );
  }

  /** The bytes of one value, or page, in place. */
  slot(index: number): Uint8Array {
    const at = this.#at(index);
    return this.bytes.subarray(at, at + this.#valueSize);
  }

  /** Lets go of the memory; a second call does nothing. */
  close(): void {
    if (!this.#shared) return;
    this.#shared = undefined;
    if (!this.#lender) releaseMapping(this.#mapping);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #memory(): SharedBytes {
    if (this.#shared && this.#lender?.closed !== true) return this.#shared;
    throw new TsbpfError('CLOSED', `the memory of ${this.#what} is closed`);
  }

  #toWrite(): SharedBytes {
    if (this.writable) return this.#memory;
    throw new TsbpfError('READ_ONLY', `the memory of ${this.#what} was mapped for reading only`);
  }

  #at(index: number): number {
    return checkRange(`index of ${this.#what}`, index, 0, this.length - 1) * this.stride;
  }
}

/** Whether a map's memory can be had at all. */
export function isMmapable({ type, flags }: Pick<MappedShape, 'type' | 'flags'>): boolean {
  return (type === MapType.ARRAY || type === MapType.ARENA) && (flags & MapFlag.MMAPABLE) !== 0;
}

/**
 * @param before of an arena: what was mapped of it and let go, or the address where that was
 * @throws {TsbpfError} `NOT_MMAPABLE` @throws {SyscallError} EPERM (frozen), EBUSY, ENOMEM
 */
export function mapValues(fd: Fd, shape: MappedShape, writable: boolean, before?: Mapping | number): Mapping {
  const { type, flags, maxEntries, valueSize, extra } = shape;
  if (!isMmapable({ type, flags })) {
    const fits = type === MapType.ARRAY || type === MapType.ARENA;
    throw new TsbpfError('NOT_MMAPABLE', `the memory of ${fd.what} cannot be mapped`, {
      hint: fits
        ? 'create it with the flag BPF_F_MMAPABLE'
        : `maps of type ${mapTypeName(type)} never can; arrays and arenas with BPF_F_MMAPABLE can`,
    });
  }
  const page = pageSize();
  const arena = type === MapType.ARENA;
  const length = arena ? maxEntries * page : alignUp(alignUp(valueSize, 8) * maxEntries, page);
  try {
    const [again, known] = typeof before === 'object' ? [before, 0] : [undefined, before];
    const at = arena ? (known ?? Number(extra)) : 0;
    return mapMemory({ fd: fd.number, length, writable, what: fd.what, at, again });
  } catch (error) {
    throw error instanceof SyscallError ? (inWords(error, fd, shape, writable) ?? error) : error;
  }
}

/** What the kernel answers where an arena cannot lie at its address. */
const TAKEN: ReadonlySet<number> = new Set([Errno.EBUSY, Errno.EINVAL, Errno.EEXIST]);

function inWords(
  { errno }: SyscallError,
  fd: Fd,
  { type, extra }: MappedShape,
  writable: boolean,
): SyscallError | undefined {
  const doing = `map the memory of ${fd.what}`;
  const arena = type === MapType.ARENA;
  if (arena && TAKEN.has(errno)) {
    const told = extra !== 0n;
    return new SyscallError({
      syscall: 'mmap',
      errno,
      doing,
      explanation: told
        ? 'an arena lies at one address in every process, and that is taken here'
        : 'it lies at the address at which it was mapped first, which the kernel does not tell others',
      hint: told
        ? 'another arena, or memory that was let go and is still referenced, may lie there'
        : 'create it with an address of its own: extra, in C __ulong(map_extra, 1ull << 44)',
    });
  }
  if (writable && (errno === Errno.EPERM || errno === Errno.EACCES)) {
    return new SyscallError({
      syscall: 'mmap',
      errno,
      doing,
      explanation: 'user space may not write to this map: it is frozen or was opened for reading only',
      hint: 'ask for { readOnly: true }',
    });
  }
  return undefined;
}
