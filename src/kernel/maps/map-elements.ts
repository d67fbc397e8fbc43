import { MapType } from '../../isa/kernel-tables.generated.ts';
import { MapElementCall } from '../../syscall/bpf-map.ts';
import { Errno } from '../../syscall/errno.ts';
import type { SyscallError } from '../../syscall/error.ts';
import type { Fd } from '../../syscall/fd.ts';
import { viewOf } from '../../util/bytes.ts';
import { possibleCpus } from '../machine.ts';
import { type ElementVerb, elementError } from './element-error.ts';
import { decodeValue, encodeValue, type MapValue } from './map-codec.ts';
import { isIndexed, isPerCpu } from './map-kinds.ts';
import { decodePerCpu, encodePerCpu, perCpuStride } from './per-cpu.ts';

/** A value as a map takes and gives it: for per-CPU maps one for each possible CPU. */
export type MapContent = MapValue | MapValue[];

/** What its element commands need to know of a map. */
export interface ElementShape {
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

/** The entries of one map, one at a time: keys and values go in and out, refusals come as errors in words. */
export class MapElements {
  readonly fd: Fd;
  readonly shape: ElementShape;
  readonly perCpu: boolean;
  /** Bytes that the kernel reads and writes for the value of one entry: for per-CPU maps, those of all CPUs. */
  readonly entrySize: number;
  readonly #call: MapElementCall;
  readonly #keyView: DataView;
  readonly #valueView: DataView;

  constructor(fd: Fd, shape: ElementShape) {
    const { type, keySize, valueSize } = shape;
    this.fd = fd;
    this.shape = shape;
    this.perCpu = isPerCpu(type);
    this.entrySize = this.perCpu ? perCpuStride(valueSize) * possibleCpus() : valueSize;
    this.#call = new MapElementCall(keySize, this.entrySize);
    this.#keyView = viewOf(this.#call.key);
    // The buffer has room for a key as well, which may be longer.
    this.#valueView = viewOf(this.#call.value.subarray(0, this.entrySize));
  }

  /** undefined where there is no such entry. */
  get(key: MapValue, flags: number): MapContent | undefined {
    return this.#lookup(key, flags) ? this.decodeContent(this.#valueView) : undefined;
  }

  getBytes(key: MapValue, flags: number): Uint8Array | undefined {
    return this.#lookup(key, flags) ? this.#call.value.slice(0, this.entrySize) : undefined;
  }

  /** Reads and removes in one step. @param key undefined for maps without keys */
  take(key: MapValue | undefined, flags: number): MapContent | undefined {
    if (key !== undefined) this.#writeKey(key);
    const result = this.#call.take(this.fd.number, flags);
    if (result >= 0) return this.decodeContent(this.#valueView);
    if (result === -Errno.ENOENT) return undefined;
    throw this.error('take', -result, key, flags);
  }

  takeBytes(key: MapValue | undefined, flags: number): Uint8Array | undefined {
    return this.take(key, flags) === undefined ? undefined : this.#call.value.slice(0, this.entrySize);
  }

  /** Writes key and value where the kernel reads them. @returns 0 or minus the errno */
  set(key: MapValue, value: MapContent | readonly MapValue[], flags: number): number {
    this.#writeKey(key);
    return this.#update(value, flags);
  }

  /** As {@link set}, for maps without keys. */
  push(value: MapContent, flags: number): number {
    return this.#update(value, flags);
  }

  /** Whether a bloom filter has a value. */
  has(value: MapValue): boolean {
    encodeValue(this.#valueView, value, this.entrySize, 'value', this.fd.what);
    return this.#first();
  }

  /** The next value of a map without keys; undefined where there is none. */
  peekBytes(): Uint8Array | undefined {
    return this.#first() ? this.#call.value.slice(0, this.entrySize) : undefined;
  }

  /** @returns false where there was none */
  delete(key: MapValue): boolean {
    this.#writeKey(key);
    const result = this.#call.delete(this.fd.number);
    if (result >= 0) return true;
    // A sockmap says EINVAL of a slot that is empty.
    const { type, maxEntries } = this.shape;
    const empty = type === MapType.SOCKMAP && result === -Errno.EINVAL && this.#index(key)! < maxEntries;
    if (result === -Errno.ENOENT || empty) return false;
    throw this.error('delete', -result, key);
  }

  /** The key after `after`, the first one for undefined; undefined after the last. */
  nextKey(after: Uint8Array | undefined): Uint8Array | undefined {
    if (after) this.#call.key.set(after);
    const result = this.#call.nextKey(this.fd.number, after === undefined);
    if (result >= 0) return this.#call.value.slice(0, this.shape.keySize);
    if (result === -Errno.ENOENT) return undefined;
    throw this.error('walk', -result, undefined);
  }

  decodeKey(from: DataView, offset = 0): MapValue {
    return decodeValue(from, this.shape.keySize, offset);
  }

  decodeContent(from: DataView, offset = 0): MapContent {
    // One CPU's value with its padding is 8 bytes too, but no 64-bit number.
    return this.perCpu
      ? decodePerCpu(from, this.shape.valueSize, this.entrySize, offset)
      : decodeValue(from, this.entrySize, offset);
  }

  encodeKey(into: DataView, key: MapValue, offset = 0): void {
    encodeValue(into, key, this.shape.keySize, 'key', this.fd.what, offset);
  }

  encodeContent(into: DataView, value: MapContent | readonly MapValue[], offset = 0): void {
    const { what } = this.fd;
    if (this.perCpu) encodePerCpu(into, value, this.shape.valueSize, what, this.entrySize, offset);
    else encodeValue(into, value as MapValue, this.entrySize, 'value', what, offset);
  }

  error(verb: ElementVerb, errno: number, key: MapValue | undefined, flags = 0, why?: string): SyscallError {
    const { type, maxEntries, valueSize } = this.shape;
    const index = key === undefined ? undefined : this.#index(key);
    return elementError(verb, errno, { type, maxEntries, valueSize, what: this.fd.what, index, flags }, why);
  }

  #first(): boolean {
    const result = this.#call.lookup(this.fd.number);
    if (result >= 0) return true;
    if (result === -Errno.ENOENT) return false;
    throw this.error('read', -result, undefined);
  }

  #writeKey(key: MapValue): void {
    encodeValue(this.#keyView, key, this.shape.keySize, 'key', this.fd.what);
  }

  #update(value: MapContent | readonly MapValue[], flags: number): number {
    this.encodeContent(this.#valueView, value);
    return this.#call.update(this.fd.number, flags);
  }

  /** Whether there is a value, which then stands in the call's buffer. */
  #lookup(key: MapValue, flags: number): boolean {
    this.#writeKey(key);
    const result = this.#call.lookup(this.fd.number, flags);
    if (result >= 0) return true;
    if (result !== -Errno.ENOENT) throw this.error('read', -result, key, flags);
    const { maxEntries } = this.shape;
    const index = this.#index(key);
    if (index === undefined || (index >= 0 && index < maxEntries)) return false;
    const why = `index ${index} is out of range: the map has ${maxEntries} entries, 0 to ${maxEntries - 1}`;
    throw this.error('read', Errno.ENOENT, key, flags, why);
  }

  #index(key: MapValue): number | undefined {
    if (!isIndexed(this.shape.type)) return undefined;
    const index = typeof key === 'object' ? decodeValue(viewOf(key), this.shape.keySize) : key;
    return typeof index === 'object' ? undefined : Number(index);
  }
}
