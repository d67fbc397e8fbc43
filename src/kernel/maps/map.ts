import { existsSync } from 'node:fs';
import { MapFlag, MapType, UpdateFlag } from '../../isa/kernel-tables.generated.ts';
import { type MapInfo, mapInfo } from '../../syscall/bpf-info.ts';
import { type MapCreateParams, mapFreeze, tryMapCreate } from '../../syscall/bpf-map.ts';
import { fdById } from '../../syscall/bpf-object.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { type Mapping, releaseMapping } from '../../syscall/mapping.ts';
import { U32_MAX } from '../../syscall/native.ts';
import { viewOf } from '../../util/bytes.ts';
import { checkRange, TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import { acceptedName, allowMemory } from '../features/features-fallback.ts';
import { kernelName, mapTypeName } from '../names.ts';
import { expectKind, openPin, type PinOptions, pinFd, removePins } from '../pin.ts';
import { holdArena, type MemoryHold } from './arena-memory.ts';
import type { InnerShape } from './inner-shape.ts';
import { type MapBatch, MapBatches } from './map-batches.ts';
import type { MapValue } from './map-codec.ts';
import { mapCreateError } from './map-create-error.ts';
import { type MapContent, MapElements } from './map-elements.ts';
import { ownerJited, ownerProgType, type TailCallTraits, whyIncompatible } from './map-errors.ts';
import { isFixed, isMapOfMaps, isQueue } from './map-kinds.ts';
import { MapMemory, type MapMemoryOptions, mapValues } from './map-memory.ts';
import {
  isHandle,
  isObjectId,
  type MapOpenOptions,
  type MapOptions,
  type MapShape,
  type ObjectId,
  type SharedState,
  type TailCallTarget,
} from './map-options.ts';
import { PerCpuMap } from './per-cpu-map.ts';
import { whyNoInner, whyNoTailCall } from './slot-error.ts';
import { TypedMap } from './typed-map.ts';

/**
 * A BPF map: one descriptor, and its elements. Keys and values of 1, 2 and 4 bytes are numbers, of
 * 8 bytes bigints, of any other size Uint8Arrays; `as` gives them a layout. A value of a per-CPU map
 * is an array, one for each possible CPU.
 *
 * What reads or writes the whole map does so by the kernel's batch commands, thousands of entries a
 * call, and one by one where the kernel has none for the type.
 *
 * @example
 * ```ts
 * using counts = BpfMap.create({ type: MapType.HASH, keySize: 4, valueSize: 8, maxEntries: 16 });
 * counts.set(7, 1n);
 * counts.get(7);    // 1n
 * counts.get(8);    // undefined
 * counts.delete(8); // false
 * ```
 */
export class BpfMap {
  readonly name: string;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `map_flags`: MapFlag values, or-ed. */
  readonly flags: number;
  readonly extra: bigint;
  readonly fd: Fd;
  /** @internal What the views of special kinds of maps are made of. */
  readonly elements: MapElements;
  readonly #batches: MapBatches;
  readonly #shared: SharedState;
  /** The memory of an arena, which is mapped once, or that of global variables. */
  #hold: MemoryHold | undefined;

  private constructor(
    fd: Fd,
    shape: MapShape,
    shared: SharedState = {
      pins: new Set(),
      owner: undefined,
      filledByLoad: false,
      filled: false,
      template: undefined,
    },
  ) {
    this.fd = fd;
    this.name = shape.name;
    // A newer kernel may know more types than this table.
    this.type = shape.type as MapType;
    this.keySize = shape.keySize;
    this.valueSize = shape.valueSize;
    this.maxEntries = shape.maxEntries;
    this.flags = shape.flags;
    this.extra = shape.extra;
    this.#shared = shared;
    this.elements = new MapElements(fd, shape);
    this.#batches = new MapBatches(this.elements);
  }

  /** Creates a map. @throws {SyscallError} with what is wrong with the shape */
  static create(options: MapOptions): BpfMap {
    const { name = '', numaNode, innerMap, extra = 0n } = options;
    const what = name === '' ? `a map of type ${mapTypeName(options.type)}` : `map '${name}'`;
    const flags = (options.flags ?? 0) | (numaNode === undefined ? 0 : MapFlag.NUMA_NODE);
    const params: MapCreateParams = {
      ...options,
      flags,
      name: acceptedName(kernelName(name)),
      innerMapFd: innerMap?.fd.number,
      btfFd: options.btf?.fd.number,
      btfKeyTypeId: options.btf?.keyTypeId,
      btfValueTypeId: options.btf?.valueTypeId,
      tokenFd: options.token?.fd.number,
    };
    allowMemory();
    let result = tryMapCreate(params);
    // Types that take no BTF of their own differ by kernel version; the map works as well without.
    if (result < 0 && params.btfFd !== undefined) result = tryMapCreate({ ...params, btfFd: undefined });
    if (result < 0) throw mapCreateError(params, -result, what, { innerType: innerMap?.type });
    const map = new BpfMap(new Fd(result, what), { ...options, name, flags, extra });
    map.#shared.template = innerMap;
    return map;
  }

  /** Opens a pinned map. @throws {SyscallError} ENOENT @throws {TsbpfError} `PIN_KIND` */
  static openPinned(path: string, options: MapOpenOptions = {}): BpfMap {
    const map = BpfMap.fromFd(openPin(path, 'map', options.flags));
    map.#shared.pins.add(path);
    return map;
  }

  /** Opens a map by its id. @throws {SyscallError} ENOENT, EPERM without CAP_SYS_ADMIN */
  static openById(id: number, options: MapOpenOptions = {}): BpfMap {
    return BpfMap.fromFd(new Fd(fdById('MAP', id, options.flags), `map ${id}`));
  }

  /** Takes over a descriptor; closes it where it is not one of a map. @throws {TsbpfError} `DESCRIPTOR_KIND` */
  static fromFd(fd: Fd): BpfMap {
    try {
      expectKind(fd, 'map');
      return new BpfMap(fd, mapInfo(fd.number, fd.what));
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  /** `hash`, `prog_array` … */
  get typeName(): string {
    return mapTypeName(this.type);
  }

  /** Whether a load put programs into it: its slots are emptied when its last descriptor or pin goes. */
  get filledByLoad(): boolean {
    return this.#shared.filledByLoad;
  }

  /** True once it was pinned, or opened from a pin, by this process, as long as one of those pins is there. */
  get pinned(): boolean {
    return [...this.#shared.pins].some((path) => existsSync(path));
  }

  /**
   * Whether programs that this process put into a prog array, by a load or by {@link set}, go with its last
   * descriptor: it is not pinned.
   */
  get losesSlots(): boolean {
    if (this.type !== MapType.PROG_ARRAY || !this.#shared.filled || this.pinned) return false;
    try {
      return this.entries().next().done !== true;
    } catch {
      // Opened for writing only: it was filled, as far as can be told.
      return true;
    }
  }

  info(): MapInfo {
    return mapInfo(this.fd.number, this.fd.what);
  }

  /**
   * The value of a key, or undefined where there is none. A prog array answers with the program's
   * id, a map of maps with the inner map's, a sockmap with the socket's cookie, a per-CPU map with an
   * array.
   *
   * @param flags UpdateFlag.F_LOCK where the value has a bpf_spin_lock
   * @throws {SyscallError} ENOENT for an index past the end of an array
   */
  get(key: MapValue, flags = 0): MapContent | undefined {
    return this.elements.get(key, flags);
  }

  /** As `get`, but always the bytes: of a per-CPU map those of all possible CPUs, each padded to 8. */
  getBytes(key: MapValue, flags = 0): Uint8Array | undefined {
    return this.elements.getBytes(key, flags);
  }

  /**
   * Sets an entry. A prog array takes a Program or a program's descriptor, and holds the program from
   * then on, but not the prog arrays that it calls through in turn: their collection must stay open.
   * A map of maps takes a BpfMap, and both take `{ id }`, what `get` answers with. Maps of sockets,
   * cgroups and perf events take descriptors. A per-CPU map takes an array, a value for each possible
   * CPU, or one value for all of them.
   *
   * @param flags UpdateFlag.NOEXIST (a new key only) or UpdateFlag.EXIST (an old one only); F_LOCK
   * @throws {SyscallError} E2BIG (full, or an index past the end), EEXIST, ENOENT, EPERM (frozen),
   *   EINVAL (a program of another kind for a prog array)
   */
  set(
    key: MapValue,
    value: MapValue | readonly MapValue[] | TailCallTarget | BpfMap | ObjectId,
    flags: number = UpdateFlag.ANY,
  ): void {
    if (flags !== UpdateFlag.ANY) checkRange('flags', flags, 0, U32_MAX);
    if (isObjectId(value)) {
      using held = this.#openById(value.id);
      this.set(key, held.number, flags);
      return;
    }
    const target = isHandle(value) ? value : undefined;
    const raw = target ? target.fd.number : (value as MapValue);
    const result = this.elements.set(key, raw, flags);
    const traits = target && 'traits' in target ? target.traits : undefined;
    if (result < 0) {
      const why = this.#whyNotTaken(-result, flags, traits ?? raw);
      throw this.elements.error('write', -result, key, flags, why);
    }
    this.#shared.filled = true;
    if (traits) this.noteOwner(traits);
  }

  /** Removes a key. @returns false where there was none @throws {SyscallError} EINVAL on arrays, E2BIG */
  delete(key: MapValue): boolean {
    return this.elements.delete(key);
  }

  /** Reads and removes an entry in one step, so that nothing is counted twice. @throws {SyscallError} ENOTSUPP where the type cannot */
  take(key: MapValue, flags = 0): MapContent | undefined {
    return this.elements.take(key, flags);
  }

  /**
   * The map that stands in a slot of a map of maps, opened; the caller closes it. undefined where the
   * slot is empty.
   *
   * @throws {TsbpfError} `MAP_TYPE` @throws {SyscallError} EPERM without CAP_SYS_ADMIN
   */
  innerMap(key: MapValue): BpfMap | undefined {
    if (!isMapOfMaps(this.type))
      throw new TsbpfError('MAP_TYPE', `${this.fd.what} is of type ${this.typeName}, which holds no maps`);
    const id = this.get(key);
    if (id === undefined) return undefined;
    try {
      return BpfMap.openById(Number(id));
    } catch (error) {
      // Replaced since, and gone.
      if (error instanceof SyscallError && error.errno === Errno.ENOENT) return undefined;
      throw error;
    }
  }

  /** The keys. Entries may be deleted on the way: see {@link entries}. */
  *keys(): Generator<MapValue, void, undefined> {
    const { elements, keySize } = this;
    for (const { count, keys } of this.#batches.keyChunks()) {
      const view = viewOf(keys);
      for (let at = 0; at < count; at++) yield elements.decodeKey(view, at * keySize);
    }
  }

  /** The keys as bytes. */
  keyBytes(): Generator<Uint8Array, void, undefined> {
    return this.#batches.keys();
  }

  *values(): Generator<MapContent, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  /**
   * Keys with their values; empty slots are left out. Entries may be deleted and added on the way, by
   * anybody: in a hash, whatever is there all the time comes exactly once, and what comes or goes
   * meanwhile at most once, for the kernel walks it bucket by bucket and never goes back. An entry was
   * read up to a batch before it is handed out.
   */
  *entries(): Generator<[key: MapValue, value: MapContent], void, undefined> {
    for (const chunk of this.#batches.chunks()) yield* this.#decoded(chunk);
  }

  [Symbol.iterator](): Generator<[key: MapValue, value: MapContent], void, undefined> {
    return this.entries();
  }

  /** All entries as bytes, a batch at a time: the fastest way to read a large map. */
  chunks(): Generator<MapBatch, void, undefined> {
    return this.#batches.chunks();
  }

  /** All entries as bytes, in one piece. */
  readAll(): MapBatch {
    return this.#batches.readAll();
  }

  /**
   * Sets many entries, in their order.
   *
   * @returns how many
   * @throws {MapEntryError} where one is refused: which one, and those before it are done
   */
  setAll(
    entries: Iterable<readonly [key: MapValue, value: MapContent | readonly MapValue[]]> | MapBatch,
    flags: number = UpdateFlag.ANY,
  ): number {
    const batch = 'count' in entries ? entries : this.#batches.encode(entries);
    this.#shared.filled = true;
    return this.#batches.write(batch, checkRange('flags', flags, 0, U32_MAX));
  }

  /** Removes many keys; those that are not there are passed over. @returns how many were there @throws {MapEntryError} */
  deleteAll(keys: Iterable<MapValue>): number {
    const given = this.#batches.encodeKeys(keys);
    return this.#batches.delete(given.keys, given.count);
  }

  /**
   * Takes all entries out: each is read and removed in one step where the type can, so that what
   * programs write meanwhile is either in the answer or still in the map.
   */
  drain(): [key: MapValue, value: MapContent][] {
    return [...this.#decoded(this.drainBytes())];
  }

  /** As {@link drain}, as bytes. */
  drainBytes(): MapBatch {
    return this.#batches.readAll('MAP_LOOKUP_AND_DELETE_BATCH');
  }

  /** Removes everything: entries, slots, queued values. The entries of an array become zeros. */
  clear(): void {
    const { maxEntries, keySize, elements } = this;
    if (isQueue(this.type)) {
      while (elements.take(undefined, 0) !== undefined);
    } else if (isFixed(this.type)) {
      const keys = new Uint8Array(Uint32Array.from({ length: maxEntries }, (_, index) => index).buffer);
      const values = new Uint8Array(maxEntries * elements.entrySize);
      this.#batches.write({ count: maxEntries, keys, values }, UpdateFlag.ANY);
    } else {
      const keys = [...this.#batches.keys()];
      const all = new Uint8Array(keys.length * keySize);
      for (const [index, key] of keys.entries()) all.set(key, index * keySize);
      this.#batches.delete(all, keys.length);
    }
  }

  /**
   * The same map with keys and values of a given layout.
   *
   * @example `map.as({ key: u32, value: struct('stat', { packets: u64, bytes: u64 }) }).get(1)?.packets`
   * @throws {TsbpfError} `KEY_SIZE`, `VALUE_SIZE` where a layout is not of the map's size
   */
  as<K, V>(layout: { readonly key: FieldType<K>; readonly value: FieldType<V> }): TypedMap<K, V> {
    return new TypedMap(this, layout.key, layout.value);
  }

  /**
   * A per-CPU map with keys and values of a given layout; `value` is that of one CPU.
   *
   * @throws {TsbpfError} `MAP_TYPE`, `KEY_SIZE`, `VALUE_SIZE`
   */
  perCpu<K, V>(layout: { readonly key: FieldType<K>; readonly value: FieldType<V> }): PerCpuMap<K, V> {
    return new PerCpuMap(this, layout.key, layout.value);
  }

  /**
   * The values of an array with the flag MMAPABLE, or an arena, as memory of this process. An arena has
   * one memory, which all handles of it share and which stays until they are closed; any other is the
   * caller's to close.
   *
   * @throws {TsbpfError} `NOT_MMAPABLE` @throws {SyscallError} EPERM (frozen), ENOMEM
   */
  mmap(options: MapMemoryOptions = {}): MapMemory {
    const writable = options.readOnly !== true;
    if (this.type === MapType.ARENA) return new MapMemory(this.ownMapping(), this, this.fd, writable, true);
    return new MapMemory(mapValues(this.fd, this, writable), this, this.fd, writable, false);
  }

  /** @internal The memory that this handle shares among those who ask, and lets go when it is closed. */
  ownMapping(): Mapping {
    this.#hold ??= this.type === MapType.ARENA ? holdArena(this.fd, this) : this.#holdValues();
    return this.#hold.mapping;
  }

  #holdValues(): MemoryHold {
    const mapping = mapValues(this.fd, this, true);
    return { mapping, release: () => releaseMapping(mapping) };
  }

  /** From now on user space may only read it. @throws {SyscallError} EBUSY */
  freeze(): void {
    mapFreeze(this.fd.number, this.fd.what);
  }

  /** Pins it in a BPF file system. @throws {SyscallError} EEXIST, ENOENT, EPERM */
  pin(path: string, options: PinOptions = {}): void {
    pinFd(this.fd, path, options);
    this.#shared.pins.add(path);
  }

  /** Removes the pins that `pin` made and that it was opened from; it lives on while a descriptor is open. @throws {TsbpfError} `NOT_PINNED` */
  unpin(): void {
    removePins(this.fd, this.#shared.pins);
  }

  /** Another handle with a descriptor of its own, for another owner. */
  duplicate(): BpfMap {
    return new BpfMap(this.fd.duplicate(), this, this.#shared);
  }

  /** Remembers the first program that uses or enters a prog array, to explain a refusal later. */
  noteOwner(traits: TailCallTraits): void {
    if (this.type === MapType.PROG_ARRAY) this.#shared.owner ??= traits;
  }

  /** Why `candidate` may not use or enter this prog array. */
  explainIncompatible(candidate: TailCallTraits): string {
    const fd = this.fd.number;
    const owner = this.#shared.owner;
    return whyIncompatible(this.name, ownerProgType(fd), owner, candidate, ownerJited(fd));
  }

  markFilledByLoad(): void {
    this.#shared.filledByLoad = true;
    this.#shared.filled = true;
  }

  /** Closes the descriptor; a second call does nothing. */
  close(): void {
    const hold = this.#hold;
    this.#hold = undefined;
    try {
      hold?.release();
    } finally {
      this.fd.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  *#decoded({
    count,
    keys,
    values,
  }: MapBatch): Generator<[key: MapValue, value: MapContent], void, undefined> {
    const { elements, keySize } = this;
    const { entrySize } = elements;
    const [keyView, valueView] = [viewOf(keys), viewOf(values)];
    for (let at = 0; at < count; at++)
      yield [elements.decodeKey(keyView, at * keySize), elements.decodeContent(valueView, at * entrySize)];
  }

  /** What an id stands for in a slot. */
  #openById(id: number): Fd {
    if (this.type === MapType.PROG_ARRAY) return new Fd(fdById('PROG', id), `program ${id}`);
    if (isMapOfMaps(this.type)) return new Fd(fdById('MAP', id), `map ${id}`);
    throw new TsbpfError('MAP_TYPE', `${this.fd.what} is of type ${this.typeName}, which takes no ids`, {
      hint: 'maps of maps take ids of maps, prog arrays those of programs',
    });
  }

  /** What an errno does not tell of a program or map that shall go in. */
  #whyNotTaken(errno: number, flags: number, given: TailCallTraits | MapValue): string | undefined {
    if (errno !== Errno.EINVAL) return undefined;
    if (isMapOfMaps(this.type)) return whyNoInner(given, () => this.#innerTemplate());
    if (this.type !== MapType.PROG_ARRAY) return undefined;
    if (flags !== UpdateFlag.ANY) return 'a prog array takes no update flags';
    return whyNoTailCall(given, (traits) => this.explainIncompatible(traits));
  }

  /** The shape of its inner maps: as it was made, or as the maps are that stand in it. */
  #innerTemplate(): InnerShape | undefined {
    if (this.#shared.template) return this.#shared.template;
    try {
      for (const key of this.#batches.keysOneByOne()) {
        using inner = this.innerMap(key);
        if (inner) return inner;
      }
    } catch {
      // Without CAP_SYS_ADMIN nothing can be opened by its id: the reason stays untold.
    }
    return undefined;
  }
}
