import { viewOf } from '../../util/bytes.ts';
import { OutOfRangeError, TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';

/**
 * A key or value as it comes out: 1, 2 and 4 bytes as an unsigned number, 8 bytes as a bigint, any
 * other size as bytes. Going in, bytes are always taken, and whole numbers for 1, 2, 4 and 8 bytes;
 * a negative number is written as two's complement.
 */
export type MapValue = number | bigint | Uint8Array;

/** Which of a map's two sides, for messages. */
export type Side = 'key' | 'value';

/** Range of a number, signed or not, by size; 8 bytes are for bigints. */
const NUMBER_RANGE: Readonly<Record<number, readonly [min: number, max: number]>> = {
  1: [-(2 ** 7), 2 ** 8 - 1],
  2: [-(2 ** 15), 2 ** 16 - 1],
  4: [-(2 ** 31), 2 ** 32 - 1],
  8: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};
const MIN_64 = -(2n ** 63n);
const MAX_64 = 2n ** 64n - 1n;

/**
 * Writes a key or value of `size` bytes at `offset` of `into`. A view rather than bytes: the map keeps
 * one, and making a DataView takes as long as the rest of this.
 *
 * @throws {TsbpfError} `KEY_SIZE`, `VALUE_SIZE`, `KEY_TYPE`, `VALUE_TYPE` @throws {OutOfRangeError}
 */
export function encodeValue(
  into: DataView,
  value: MapValue,
  size: number,
  side: Side,
  what: string,
  offset = 0,
): void {
  if (typeof value === 'number' && size < 8) writeNumber(into, value, size, side, what, offset);
  else if (!isPlain(value)) throw wrongType(side, what, value);
  else if (typeof value === 'object') {
    if (value.length !== size) throw wrongSize(side, what, size, `${value.length} were given`);
    new Uint8Array(into.buffer, into.byteOffset + offset, size).set(value);
  } else writeBigint(into, value, size, side, what, offset);
}

/** Callers without types give anything. */
function isPlain(value: unknown): value is MapValue {
  return typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint8Array;
}

function wrongType(side: Side, what: string, value: unknown): TsbpfError {
  const given = nameOf(value);
  return new TsbpfError(
    side === 'key' ? 'KEY_TYPE' : 'VALUE_TYPE',
    `a ${side} of ${what} is a number, a bigint or a Uint8Array, but ${given} was given`,
    { hint: 'with typedMap(collection, name) or map.as(layout) it can be more' },
  );
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return `the text '${value.slice(0, 40)}'`;
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

function writeNumber(
  into: DataView,
  value: number,
  size: number,
  side: Side,
  what: string,
  offset: number,
): void {
  const range = NUMBER_RANGE[size];
  if (range === undefined) throw wrongSize(side, what, size, 'a number was given; give a Uint8Array');
  if (!Number.isInteger(value) || value < range[0] || value > range[1]) {
    throw new OutOfRangeError(`${side} of ${what}`, value, range[0], range[1]);
  }
  if (size === 4) into.setUint32(offset, value, true);
  else if (size === 2) into.setUint16(offset, value, true);
  else into.setUint8(offset, value);
}

function writeBigint(
  into: DataView,
  value: number | bigint,
  size: number,
  side: Side,
  what: string,
  offset: number,
): void {
  if (size !== 8) {
    if (NUMBER_RANGE[size] === undefined) {
      throw wrongSize(side, what, size, `a ${typeof value} was given; give a Uint8Array`);
    }
    writeNumber(into, Number(value), size, side, what, offset);
    return;
  }
  const exact = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!exact || value < MIN_64 || value > MAX_64) {
    throw new OutOfRangeError(`${side} of ${what}`, value, MIN_64, MAX_64);
  }
  // Which takes it modulo 2^64.
  into.setBigUint64(offset, typeof value === 'bigint' ? value : BigInt(value), true);
}

function wrongSize(side: Side, what: string, size: number, given: string): TsbpfError {
  const code = side === 'key' ? 'KEY_SIZE' : 'VALUE_SIZE';
  if (side === 'key' && size === 0)
    return new TsbpfError(code, `${what} has no keys`, {
      hint: 'QueueMap.of(map), BloomFilter.of(map) and the readers of ring buffers are for such maps',
    });
  return new TsbpfError(code, `a ${side} of ${what} is ${size} bytes, but ${given}`);
}

/** The value in the `size` bytes from `offset` on, which may be reused afterwards. */
export function decodeValue(from: DataView, size: number, offset = 0): MapValue {
  if (size === 8) return from.getBigUint64(offset, true);
  if (size === 4) return from.getUint32(offset, true);
  if (size === 2) return from.getUint16(offset, true);
  if (size === 1) return from.getUint8(offset);
  return new Uint8Array(from.buffer, from.byteOffset + offset, size).slice();
}

/** The bytes of a value with a described layout. */
export function encodeField<T>(type: FieldType<T>, value: T, path: string): Uint8Array {
  const bytes = new Uint8Array(type.size);
  type.write(viewOf(bytes), 0, value, true, path);
  return bytes;
}

export function decodeField<T>(type: FieldType<T>, bytes: Uint8Array): T {
  return type.read(viewOf(bytes), 0, true);
}
