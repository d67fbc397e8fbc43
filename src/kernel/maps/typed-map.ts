import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import type { BpfMap } from './map.ts';
import { decodeField, encodeField } from './map-codec.ts';

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
    this.#expect('VALUE_SIZE', 'values', map.valueSize, value.size);
  }

  /** The value of a key, or undefined where there is none. */
  get(key: K): V | undefined {
    const bytes = this.map.getBytes(this.#encodeKey(key));
    return bytes && decodeField(this.#value, bytes);
  }

  /** As {@link BpfMap.set}. */
  set(key: K, value: V, flags?: number): void {
    this.map.set(
      this.#encodeKey(key),
      encodeField(this.#value, value, `value of ${this.map.fd.what}`),
      flags,
    );
  }

  /** As {@link BpfMap.delete}. */
  delete(key: K): boolean {
    return this.map.delete(this.#encodeKey(key));
  }

  *keys(): Generator<K, void, undefined> {
    for (const key of this.map.keyBytes()) yield decodeField(this.#key, key);
  }

  *entries(): Generator<[key: K, value: V], void, undefined> {
    for (const key of this.map.keyBytes()) {
      const value = this.map.getBytes(key);
      if (value) yield [decodeField(this.#key, key), decodeField(this.#value, value)];
    }
  }

  [Symbol.iterator](): Generator<[key: K, value: V], void, undefined> {
    return this.entries();
  }

  #encodeKey(key: K): Uint8Array {
    return encodeField(this.#key, key, `key of ${this.map.fd.what}`);
  }

  #expect(code: string, side: string, size: number, given: number): void {
    if (size === given) return;
    throw new TsbpfError(
      code,
      `${side} of ${this.map.fd.what} are ${size} bytes, but the layout is ${given}`,
    );
  }
}
