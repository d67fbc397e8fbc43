import { OutOfRangeError, TsbpfError } from '../util/errors.ts';
import type { FieldType } from '../util/struct.ts';

type Int = number | bigint;

/** An integer of 1, 2, 4, 8 or 16 bytes: a number up to 4, a bigint above. Either is taken for writing. */
export function integer(size: number, signed: boolean): FieldType<Int> {
  const bits = size * 8;
  return {
    size,
    align: Math.min(size, 8),
    zero: size > 4 ? 0n : 0,
    read(view, offset, little) {
      switch (size) {
        case 1:
          return signed ? view.getInt8(offset) : view.getUint8(offset);
        case 2:
          return signed ? view.getInt16(offset, little) : view.getUint16(offset, little);
        case 4:
          return signed ? view.getInt32(offset, little) : view.getUint32(offset, little);
        default: {
          const value = readBits(view, offset, size, little);
          return signed ? BigInt.asIntN(bits, value) : value;
        }
      }
    },
    write(view, offset, value, little, path) {
      writeBits(view, offset, size, checked(value, bits, signed, path), little);
    },
  };
}

export function bool(size: number): FieldType<boolean> {
  return {
    size,
    align: Math.min(size, 8),
    zero: false,
    read: (view, offset, little) => readBits(view, offset, size, little) !== 0n,
    write(view, offset, value, little, path) {
      writeBits(view, offset, size, checkedBool(value, path), little);
    },
  };
}

export function float(size: 4 | 8): FieldType<number> {
  return {
    size,
    align: size,
    zero: 0,
    read: (view, offset, little) =>
      size === 4 ? view.getFloat32(offset, little) : view.getFloat64(offset, little),
    write(view, offset, value, little, path) {
      if (typeof value !== 'number') throw notNumber(value, path);
      if (size === 4) view.setFloat32(offset, value, little);
      else view.setFloat64(offset, value, little);
    },
  };
}

/**
 * Some bits of an integer, an enumeration or a bool, from bit `start` of the first byte. Little
 * endian counts bits from the lowest, big endian from the highest, as compilers for each do.
 */
export function bitField(
  of: { readonly kind: 'int' | 'enum' | 'bool'; readonly size: number; readonly signed?: boolean },
  start: number,
  bits: number,
): FieldType<number | bigint | boolean> {
  const size = Math.ceil((start + bits) / 8);
  const mask = (1n << BigInt(bits)) - 1n;
  const shiftOf = (little: boolean): bigint => BigInt(little ? start : size * 8 - start - bits);
  const signed = of.signed === true;
  return {
    size,
    align: of.size,
    zero: of.kind === 'bool' ? false : of.size > 4 ? 0n : 0,
    read(view, offset, little) {
      const value = (readBits(view, offset, size, little) >> shiftOf(little)) & mask;
      if (of.kind === 'bool') return value !== 0n;
      const extended = signed ? BigInt.asIntN(bits, value) : value;
      return of.size > 4 ? extended : Number(extended);
    },
    write(view, offset, value, little, path) {
      const raw = of.kind === 'bool' ? checkedBool(value, path) : checked(value, bits, signed, path);
      const shift = shiftOf(little);
      const rest = readBits(view, offset, size, little) & ~(mask << shift);
      writeBits(view, offset, size, rest | (raw << shift), little);
    },
  };
}

function readBits(view: DataView, offset: number, size: number, little: boolean): bigint {
  if (size === 8) return view.getBigUint64(offset, little);
  let value = 0n;
  for (let index = 0; index < size; index++)
    value = (value << 8n) | BigInt(view.getUint8(offset + (little ? size - 1 - index : index)));
  return value;
}

function writeBits(view: DataView, offset: number, size: number, value: bigint, little: boolean): void {
  let rest = value;
  for (let index = 0; index < size; index++) {
    view.setUint8(offset + (little ? index : size - 1 - index), Number(rest & 0xffn));
    rest >>= 8n;
  }
}

/** The value as two's complement of `bits` bits. */
function checked(value: unknown, bits: number, signed: boolean, path: string): bigint {
  if (typeof value !== 'bigint' && typeof value !== 'number') throw notNumber(value, path);
  const min = signed ? -(1n << BigInt(bits - 1)) : 0n;
  const max = (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
  const whole = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (whole === undefined || whole < min || whole > max) throw new OutOfRangeError(path, value, min, max);
  return BigInt.asUintN(bits, whole);
}

function checkedBool(value: unknown, path: string): bigint {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (value === 0 || value === 1) return BigInt(value);
  throw new TsbpfError('BTF_BAD_VALUE', `${path} must be a boolean, but is of type ${typeof value}`);
}

function notNumber(value: unknown, path: string): TsbpfError {
  return new TsbpfError('BTF_BAD_VALUE', `${path} must be a number, but is of type ${typeof value}`);
}
