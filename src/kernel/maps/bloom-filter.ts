import { MapType } from '../../isa/kernel-tables.generated.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import type { BpfMap } from './map.ts';
import type { MapValue } from './map-codec.ts';
import { expectValueSize, toValue } from './queue-map.ts';

/**
 * A bloom filter: what was added is always found again; what was not is found now and then, the rarer
 * the fewer values there are for its size. Nothing can be taken out. It owns nothing: closing is the
 * map's.
 *
 * @example
 * ```ts
 * const seen = BloomFilter.of(collection.map('seen'), u32);
 * seen.add(42);
 * seen.has(42); // true
 * seen.has(43); // false, very likely
 * ```
 */
export class BloomFilter<T = MapValue> {
  readonly map: BpfMap;
  readonly #type: FieldType<T> | undefined;

  /**
   * @param type the layout of a value; left out, values are as those of any map
   * @throws {TsbpfError} `MAP_TYPE`, `VALUE_SIZE`
   */
  static of(map: BpfMap): BloomFilter;
  static of<T>(map: BpfMap, type: FieldType<T>): BloomFilter<T>;
  static of<T>(map: BpfMap, type?: FieldType<T>): BloomFilter<T> {
    return new BloomFilter(map, type);
  }

  private constructor(map: BpfMap, type: FieldType<T> | undefined) {
    if (map.type !== MapType.BLOOM_FILTER)
      throw new TsbpfError('MAP_TYPE', `${map.fd.what} is of type ${map.typeName}, not a bloom filter`);
    expectValueSize(map, type);
    this.map = map;
    this.#type = type;
  }

  /** @throws {SyscallError} EPERM (frozen) */
  add(value: T): void {
    const { elements } = this.map;
    const result = elements.push(toValue(this.map, this.#type, value), 0);
    if (result < 0) throw elements.error('write', -result, undefined);
  }

  /** False: it was never added. True: it was, or others together look like it. */
  has(value: T): boolean {
    return this.map.elements.has(toValue(this.map, this.#type, value));
  }
}
