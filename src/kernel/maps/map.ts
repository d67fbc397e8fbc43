import { MapType, UpdateFlag } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { type MapInfo, mapInfo, progInfo } from '../../syscall/bpf-info.ts';
import { type MapCreateParams, MapElementCall, mapFreeze, tryMapCreate } from '../../syscall/bpf-map.ts';
import { fdById } from '../../syscall/bpf-object.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { BpfCommandName } from '../../syscall/explain.ts';
import { Fd } from '../../syscall/fd.ts';
import { U32_MAX } from '../../syscall/native.ts';
import { alignUp, viewOf } from '../../util/bytes.ts';
import { checkRange } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import { acceptedName, allowMemory } from '../features/features-fallback.ts';
import { possibleCpus } from '../machine.ts';
import { kernelName, mapTypeName } from '../names.ts';
import { kindOfDescriptor, openPin, type PinOptions, pinFd } from '../pin.ts';
import { decodeValue, encodeValue, type MapValue } from './map-codec.ts';
import {
  isIndexed,
  isPerCpu,
  mapCreateError,
  ownerProgType,
  type TailCallTraits,
  whyIncompatible,
} from './map-errors.ts';
import { TypedMap } from './typed-map.ts';

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
  readonly extra?: bigint;
  readonly numaNode?: number | undefined;
  /** For maps of maps: a map of the shape that the inner ones have. */
  readonly innerMap?: BpfMap | undefined;
  /** A loaded BTF and the types of key and value in it. */
  readonly btf?: { readonly fd: Fd; readonly keyTypeId: number; readonly valueTypeId: number } | undefined;
}

/** What a prog array takes: a program of this library, or the descriptor of any. */
export interface TailCallTarget {
  readonly fd: Fd;
  readonly traits: TailCallTraits;
}

/** What all handles of one map share in this process. */
interface Shared {
  readonly pins: Set<string>;
  /** The program that made a prog array its own, where that happened here. */
  owner: TailCallTraits | undefined;
  filledByLoad: boolean;
}

interface Shape {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

/**
 * A BPF map: one descriptor, and its elements. Keys and values of 1, 2 and 4 bytes are numbers, of
 * 8 bytes bigints, of any other size Uint8Arrays; `as` gives them a layout. An entry of a per-CPU
 * map is the bytes of all possible CPUs, each padded to 8.
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
  readonly fd: Fd;
  readonly #call: MapElementCall;
  readonly #keyView: DataView;
  readonly #valueView: DataView;
  readonly #shared: Shared;
  readonly #perCpu: boolean;
  /** Bytes that the kernel reads and writes for one entry. */
  readonly #entrySize: number;

  private constructor(
    fd: Fd,
    shape: Shape,
    shared: Shared = { pins: new Set(), owner: undefined, filledByLoad: false },
  ) {
    this.fd = fd;
    this.name = shape.name;
    // A newer kernel may know more types than this table.
    this.type = shape.type as MapType;
    this.keySize = shape.keySize;
    this.valueSize = shape.valueSize;
    this.maxEntries = shape.maxEntries;
    this.#shared = shared;
    this.#perCpu = isPerCpu(shape.type);
    this.#entrySize = this.#perCpu ? alignUp(shape.valueSize, 8) * possibleCpus() : shape.valueSize;
    this.#call = new MapElementCall(shape.keySize, this.#entrySize);
    this.#keyView = viewOf(this.#call.key);
    this.#valueView = viewOf(this.#call.value);
  }

  /** Creates a map. @throws {SyscallError} with what is wrong with the shape */
  static create(options: MapOptions): BpfMap {
    const name = options.name ?? '';
    const what = name === '' ? `a map of type ${mapTypeName(options.type)}` : `map '${name}'`;
    const params: MapCreateParams = {
      ...options,
      name: acceptedName(kernelName(name)),
      innerMapFd: options.innerMap?.fd.number,
      btfFd: options.btf?.fd.number,
      btfKeyTypeId: options.btf?.keyTypeId,
      btfValueTypeId: options.btf?.valueTypeId,
    };
    allowMemory();
    let result = tryMapCreate(params);
    // Types that take no BTF of their own differ by kernel version; the map works as well without.
    if (result < 0 && params.btfFd !== undefined) result = tryMapCreate({ ...params, btfFd: undefined });
    if (result < 0) throw mapCreateError(params, -result, what);
    return new BpfMap(new Fd(result, what), { ...options, name });
  }

  /** Opens a pinned map. @throws {SyscallError} ENOENT @throws {TsbpfError} `PIN_KIND` */
  static openPinned(path: string): BpfMap {
    const map = BpfMap.fromFd(openPin(path, 'map'));
    map.#shared.pins.add(path);
    return map;
  }

  /** Opens a map by its id. @throws {SyscallError} ENOENT, EPERM without CAP_SYS_ADMIN */
  static openById(id: number): BpfMap {
    return BpfMap.fromFd(new Fd(fdById('MAP', id), `map ${id}`));
  }

  /** Takes over a descriptor; closes it where it is not one of a map. */
  static fromFd(fd: Fd): BpfMap {
    try {
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

  /** True once it was pinned, or opened from a pin, by this process. */
  get pinned(): boolean {
    return this.#shared.pins.size > 0;
  }

  info(): MapInfo {
    return mapInfo(this.fd.number, this.fd.what);
  }

  /**
   * The value of a key, or undefined where there is none. A prog array answers with the program's
   * id, a map of maps with the inner map's.
   *
   * @throws {SyscallError} ENOENT for an index past the end of an array
   */
  get(key: MapValue): MapValue | undefined {
    // One CPU's value with its padding is 8 bytes too, but no 64-bit number.
    if (this.#perCpu) return this.getBytes(key);
    return this.#lookup(key) ? decodeValue(this.#valueView, this.#entrySize) : undefined;
  }

  /** As `get`, but always the bytes. */
  getBytes(key: MapValue): Uint8Array | undefined {
    return this.#lookup(key) ? this.#call.value.slice(0, this.#entrySize) : undefined;
  }

  /**
   * Sets an entry. A prog array takes a Program or a program's descriptor, and holds the program from
   * then on, but not the prog arrays that it calls through in turn: their collection must stay open.
   *
   * @param flags UpdateFlag.NOEXIST (a new key only) or UpdateFlag.EXIST (an old one only)
   * @throws {SyscallError} E2BIG (full, or an index past the end), EEXIST, ENOENT, EPERM (frozen),
   *   EINVAL (a program of another kind for a prog array)
   */
  set(key: MapValue, value: MapValue | TailCallTarget | BpfMap, flags: number = UpdateFlag.ANY): void {
    const target = typeof value === 'object' && 'fd' in value ? value : undefined;
    encodeValue(this.#keyView, key, this.keySize, 'key', this.fd.what);
    const raw = target ? target.fd.number : (value as MapValue);
    encodeValue(this.#valueView, raw, this.#entrySize, 'value', this.fd.what);
    const result = this.#call.update(this.fd.number, BigInt(checkRange('flags', flags, 0, U32_MAX)));
    const traits = target && 'traits' in target ? target.traits : undefined;
    if (result < 0) throw this.#updateError(-result, key, flags, traits ?? raw);
    if (traits) this.noteOwner(traits);
  }

  /** Removes a key. @returns false where there was none @throws {SyscallError} EINVAL on arrays, E2BIG */
  delete(key: MapValue): boolean {
    encodeValue(this.#keyView, key, this.keySize, 'key', this.fd.what);
    const result = this.#call.delete(this.fd.number);
    if (result >= 0) return true;
    if (result === -Errno.ENOENT) return false;
    throw this.#elementError('MAP_DELETE_ELEM', -result, key, 'delete from');
  }

  /** The keys, as they stand while walking. The entry just handed out may be deleted. */
  *keys(): Generator<MapValue, void, undefined> {
    for (const key of this.keyBytes()) yield decodeValue(viewOf(key), this.keySize);
  }

  /** The keys as bytes. */
  *keyBytes(): Generator<Uint8Array, void, undefined> {
    let key = this.#nextKey(undefined);
    // A hash starts anew where the last key is gone, so writers could keep a walk going for ever.
    for (let count = 0; key !== undefined && count < this.maxEntries; count++) {
      // The next one before this one is handed out: the caller may delete it.
      const next: Uint8Array | undefined = count + 1 < this.maxEntries ? this.#nextKey(key) : undefined;
      yield key;
      key = next;
    }
  }

  /** Keys with their values; empty slots and entries that vanish meanwhile are left out. */
  *entries(): Generator<[key: MapValue, value: MapValue], void, undefined> {
    for (const key of this.keyBytes()) {
      const value = this.get(key);
      if (value !== undefined) yield [decodeValue(viewOf(key), this.keySize), value];
    }
  }

  [Symbol.iterator](): Generator<[key: MapValue, value: MapValue], void, undefined> {
    return this.entries();
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

  /** From now on user space may only read it. @throws {SyscallError} EBUSY */
  freeze(): void {
    mapFreeze(this.fd.number, this.fd.what);
  }

  /** Pins it in a BPF file system. @throws {SyscallError} EEXIST, ENOENT, EPERM */
  pin(path: string, options: PinOptions = {}): void {
    pinFd(this.fd, path, options);
    this.#shared.pins.add(path);
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
    return whyIncompatible(this.name, ownerProgType(this.fd.number), this.#shared.owner, candidate);
  }

  markFilledByLoad(): void {
    this.#shared.filledByLoad = true;
  }

  /** Closes the descriptor; a second call does nothing. */
  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether there is a value, which then stands in the call's buffer. */
  #lookup(key: MapValue): boolean {
    encodeValue(this.#keyView, key, this.keySize, 'key', this.fd.what);
    const result = this.#call.lookup(this.fd.number, 0n);
    if (result >= 0) return true;
    const index = this.#index(key);
    if (result === -Errno.ENOENT && !(index !== undefined && index >= this.maxEntries)) return false;
    if (result !== -Errno.ENOENT) throw this.#elementError('MAP_LOOKUP_ELEM', -result, key, 'read');
    throw new SyscallError({
      syscall: 'bpf',
      command: 'MAP_LOOKUP_ELEM',
      errno: Errno.ENOENT,
      doing: `read ${this.fd.what}`,
      explanation: `index ${index} is out of range: the map has ${this.maxEntries} entries, 0 to ${this.maxEntries - 1}`,
    });
  }

  #nextKey(after: Uint8Array | undefined): Uint8Array | undefined {
    if (after) this.#call.key.set(after);
    const result = this.#call.nextKey(this.fd.number, after === undefined);
    if (result >= 0) return this.#call.value.slice(0, this.keySize);
    if (result === -Errno.ENOENT) return undefined;
    throw bpfError('MAP_GET_NEXT_KEY', -result, `walk ${this.fd.what}`);
  }

  #index(key: MapValue): number | undefined {
    if (!isIndexed(this.type)) return undefined;
    const index = typeof key === 'object' ? decodeValue(viewOf(key), this.keySize) : key;
    return typeof index === 'object' ? undefined : Number(index);
  }

  #elementError(command: BpfCommandName, errno: number, key: MapValue, verb: string): SyscallError {
    const { maxEntries, type: mapType } = this;
    const context = { maxEntries, mapType, index: this.#index(key) };
    return bpfError(command, errno, `${verb} ${this.fd.what}`, context);
  }

  #updateError(errno: number, key: MapValue, flags: number, given: TailCallTraits | MapValue): SyscallError {
    const explanation = this.#whyUpdateInvalid(errno, flags, given);
    if (explanation === undefined) return this.#elementError('MAP_UPDATE_ELEM', errno, key, 'write to');
    return new SyscallError({
      syscall: 'bpf',
      command: 'MAP_UPDATE_ELEM',
      errno,
      doing: `write to ${this.fd.what}`,
      explanation,
    });
  }

  #whyUpdateInvalid(errno: number, flags: number, given: TailCallTraits | MapValue): string | undefined {
    const progArray = this.type === MapType.PROG_ARRAY;
    if (errno === Errno.EEXIST && isIndexed(this.type)) {
      return 'every index of an array exists already, and the flag NOEXIST asks for a new one';
    }
    if (errno === Errno.EBADF && progArray) {
      return 'the value is not an open descriptor; a prog array is given descriptors and answers with ids';
    }
    if (errno !== Errno.EINVAL) return undefined;
    if (progArray && flags !== UpdateFlag.ANY) return 'a prog array takes no update flags';
    if (progArray) return this.#whyNoSlot(given);
    if (flags > UpdateFlag.EXIST) return `this map takes no flags ${flags}`;
    return undefined;
  }

  #whyNoSlot(given: TailCallTraits | MapValue): string {
    if (typeof given === 'object' && 'progType' in given) return this.explainIncompatible(given);
    const number = Number(typeof given === 'object' ? decodeValue(viewOf(given), 4) : given);
    const kind = kindOfDescriptor(number);
    if (kind !== 'program') {
      return `descriptor ${number} is ${kind ? `one of a ${kind}` : 'something else'}; a prog array takes programs`;
    }
    const { name, type: progType } = progInfo(number);
    return this.explainIncompatible({ name, progType, expectedAttachType: undefined, frags: undefined });
  }
}
