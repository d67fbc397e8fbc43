import { viewOf } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import type { BpfMap } from './map.ts';
import type { MapBatch } from './map-batches.ts';
import { decodeField, encodeField } from './map-codec.ts';
import type { ObjectId, TailCallTarget } from './map-options.ts';

/** A map whose keys and values have a described layout. It owns nothing: closing is the map's. */
export class TypedMap<K, V> {
  readonly map: BpfMap;
  readonly #key: FieldType<K>;
  readonly #value: FieldType<V>;

  constructor(map: BpfMap, key: FieldType<K>, value: FieldType<V>) {
    this.map = map;
    this.#key = key;
    this.#value = value;
    this.#expect('KEY_SIZE', 'keys', map.keySize, key.size);
    const { entrySize, perCpu } = map.elements;
    this.#expect(
      'VALUE_SIZE',
      'values',
      entrySize,
      value.size,
      perCpu && value.size === map.valueSize
        ? 'the map has a value for each CPU: use perCpu() in the place of as()'
        : undefined,
    );
  }

  /** The value of a key, or undefined where there is none. @param flags as of {@link BpfMap.get} */
  get(key: K, flags?: number): V | undefined {
    const bytes = this.map.getBytes(this.#encodeKey(key), flags);
    return bytes && decodeField(this.#value, bytes);
  }

  /** As {@link BpfMap.set}. */
  set(key: K, value: V, flags?: number): void {
    this.map.set(this.#encodeKey(key), this.#encodeValue(value), flags);
  }

  /** As {@link BpfMap.set}, for what holds objects of the kernel: prog arrays take programs, maps of maps take maps. */
  setObject(key: K, object: TailCallTarget | BpfMap | ObjectId, flags?: number): void {
    this.map.set(this.#encodeKey(key), object, flags);
  }

  /** As {@link BpfMap.innerMap}. */
  innerMap(key: K): BpfMap | undefined {
    return this.map.innerMap(this.#encodeKey(key));
  }

  /** As {@link BpfMap.delete}. */
  delete(key: K): boolean {
    return this.map.delete(this.#encodeKey(key));
  }

  /** As {@link BpfMap.take}. */
  take(key: K): V | undefined {
    const bytes = this.map.elements.takeBytes(this.#encodeKey(key), 0);
    return bytes && decodeField(this.#value, bytes);
  }

  /** As {@link BpfMap.setAll}. */
  setAll(entries: Iterable<readonly [key: K, value: V]>, flags?: number): number {
    const all = [...entries];
    const keys = new Uint8Array(all.length * this.#key.size);
    const values = new Uint8Array(all.length * this.#value.size);
    const [keyView, valueView] = [viewOf(keys), viewOf(values)];
    const what = this.map.fd.what;
    for (const [index, [key, value]] of all.entries()) {
      this.#key.write(keyView, index * this.#key.size, key, true, `key ${index} of ${what}`);
      this.#value.write(valueView, index * this.#value.size, value, true, `value ${index} of ${what}`);
    }
    return this.map.setAll({ count: all.length, keys, values }, flags);
  }

  /** As {@link BpfMap.deleteAll}. */
  deleteAll(keys: Iterable<K>): number {
    return this.map.deleteAll([...keys].map((key) => this.#encodeKey(key)));
  }

  /** As {@link BpfMap.drain}. */
  drain(): [key: K, value: V][] {
    return [...this.#entriesOf(this.map.drainBytes())];
  }

  /** As {@link BpfMap.keys}. */
  *keys(): Generator<K, void, undefined> {
    for (const key of this.map.keyBytes()) yield decodeField(this.#key, key);
  }

  *values(): Generator<V, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  /** As {@link BpfMap.entries}. */
  *entries(): Generator<[key: K, value: V], void, undefined> {
    for (const chunk of this.map.chunks()) yield* this.#entriesOf(chunk);
  }

  [Symbol.iterator](): Generator<[key: K, value: V], void, undefined> {
    return this.entries();
  }

  *#entriesOf({ count, keys, values }: MapBatch): Generator<[key: K, value: V], void, undefined> {
    const [keyView, valueView] = [viewOf(keys), viewOf(values)];
    for (let at = 0; at < count; at++)
      yield [
        this.#key.read(keyView, at * this.#key.size, true),
        this.#value.read(valueView, at * this.#value.size, true),
      ];
  }

  #encodeKey(key: K): Uint8Array {
    return encodeField(this.#key, key, `key of ${this.map.fd.what}`);
  }

  #encodeValue(value: V): Uint8Array {
    return encodeField(this.#value, value, `value of ${this.map.fd.what}`);
  }

  #expect(code: string, side: string, size: number, given: number, hint?: string): void {
    if (size === given) return;
    throw new TsbpfError(
      code,
      `${side} of ${this.map.fd.what} are ${size} bytes, but the layout is ${given}`,
      { hint },
    );
  }
}
