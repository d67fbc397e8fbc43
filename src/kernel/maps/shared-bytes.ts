import { viewOf } from '../../util/bytes.ts';
import { decodeValue, type MapValue } from './map-codec.ts';

type Words = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

/**
 * Memory that programs and other processes write to in the same moment. Values of 1, 2, 4 and 8 bytes
 * at their natural alignment are read and written whole; anything else byte by byte.
 */
export class SharedBytes {
  readonly bytes: Uint8Array;
  readonly #words: Readonly<Record<number, Words>>;

  constructor(bytes: Uint8Array) {
    const { buffer, byteOffset: at, length } = bytes;
    this.bytes = bytes;
    this.#words = {
      1: bytes,
      2: new Uint16Array(buffer, at, length >>> 1),
      4: new Uint32Array(buffer, at, length >>> 2),
      8: new BigUint64Array(buffer, at, length >>> 3),
    };
  }

  /** Whether a value of this size at this place is read and written whole. */
  isAtomic(offset: number, size: number): boolean {
    return this.#words[size] !== undefined && offset % size === 0;
  }

  load(offset: number, size: number): MapValue {
    const words = this.#words[size];
    if (!words || offset % size !== 0)
      return decodeValue(viewOf(this.bytes.subarray(offset, offset + size)), size);
    return words instanceof BigUint64Array
      ? Atomics.load(words, offset / size)
      : Atomics.load(words, offset / size);
  }

  /** Writes `value`, whose length is the size. */
  store(offset: number, value: Uint8Array): void {
    const size = value.length;
    const words = this.#words[size];
    if (!words || offset % size !== 0) this.bytes.set(value, offset);
    else if (words instanceof BigUint64Array)
      Atomics.store(words, offset / size, viewOf(value).getBigUint64(0, true));
    else Atomics.store(words, offset / size, decodeValue(viewOf(value), size) as number);
  }

  /** Adds and answers with what was there; undefined where it cannot be done in one step. */
  add(offset: number, size: number, delta: bigint): MapValue | undefined {
    const words = this.#words[size];
    if (!words || offset % size !== 0) return undefined;
    return words instanceof BigUint64Array
      ? Atomics.add(words, offset / size, BigInt.asUintN(64, delta))
      : Atomics.add(words, offset / size, Number(BigInt.asIntN(32, delta)));
  }
}
