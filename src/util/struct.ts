import { alignUp, decodeCString, type Endian, encodeText, viewOf } from './bytes.ts';
import { FormatError, OutOfRangeError, TsbpfError } from './errors.ts';

/** One member's type in a C layout: its size and alignment in bytes, and how it is read and written. */
export interface FieldType<T> {
  readonly size: number;
  readonly align: number;
  /** What a member that is left out is written as. */
  readonly zero: T;
  read(view: DataView, offset: number, little: boolean): T;
  /** @throws {OutOfRangeError} naming `path` */
  write(view: DataView, offset: number, value: T, little: boolean, path: string): void;
}

type Fields = Readonly<Record<string, FieldType<never> | FieldType<unknown>>>;
/** The object that a set of fields describes. */
export type StructValue<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends FieldType<infer T> ? T : never;
};

/** A C struct: where its members lie, and both directions. Itself a field type, so structs nest. */
export interface Struct<F extends Fields> extends FieldType<StructValue<F>> {
  readonly name: string;
  readonly fields: F;
  readonly offsets: { readonly [K in keyof F]: number };
  /** @throws {FormatError} `TRUNCATED` with the struct's name as the path */
  decode(bytes: Uint8Array, endian?: Endian, offset?: number): StructValue<F>;
  /** Members that are left out are zero. @throws {OutOfRangeError} */
  encode(values: Partial<StructValue<F>>, endian?: Endian): Uint8Array;
}

export interface StructOptions {
  /** No padding between members, as `__attribute__((packed))`. */
  readonly packed?: boolean;
  /** The whole size, where it is more than the members take (a union's other arms, say). */
  readonly size?: number;
}

/**
 * Describes a C struct once; sizes, offsets, reading and writing follow. Members lie at their
 * natural alignment, as the System V ABI has it.
 *
 * @example
 * ```ts
 * const nlmsghdr = struct('nlmsghdr', { len: u32, type: u16, flags: u16, seq: u32, pid: u32 });
 * nlmsghdr.size;            // 16
 * nlmsghdr.offsets.type;    // 4
 * nlmsghdr.encode({ len: 16, type: 2 });
 * ```
 */
export function struct<F extends Fields>(name: string, fields: F, options: StructOptions = {}): Struct<F> {
  const entries = Object.entries(fields) as [keyof F & string, FieldType<unknown>][];
  const offsets = {} as Record<keyof F, number>;
  let end = 0;
  let align = 1;
  for (const [key, type] of entries) {
    const fieldAlign = options.packed ? 1 : type.align;
    offsets[key] = alignUp(end, fieldAlign);
    end = offsets[key] + type.size;
    align = Math.max(align, fieldAlign);
  }
  const size = Math.max(alignUp(end, align), options.size ?? 0);

  const read = (view: DataView, offset: number, little: boolean): StructValue<F> => {
    const out = {} as Record<string, unknown>;
    for (const [key, type] of entries) out[key] = type.read(view, offset + offsets[key], little);
    return out as StructValue<F>;
  };
  const write = (
    view: DataView,
    offset: number,
    values: Partial<StructValue<F>>,
    little: boolean,
    path: string,
  ): void => {
    // A text, say, has none of the members, and would be written as zeros.
    if (typeof values !== 'object' || values === null)
      throw new TsbpfError('VALUE_TYPE', `${path} is a struct ${name}, but ${values} was given`);
    for (const [key, type] of entries) {
      type.write(view, offset + offsets[key], values[key] ?? type.zero, little, `${path}.${key}`);
    }
  };
  return {
    name,
    fields,
    offsets,
    size,
    align,
    zero: {} as StructValue<F>,
    read,
    write,
    decode(bytes, endian = 'little', offset = 0) {
      if (offset < 0 || bytes.length - offset < size) {
        throw new FormatError(
          'TRUNCATED',
          name,
          `needs ${size} bytes at offset ${offset}, but there are ${bytes.length} in all`,
        );
      }
      return read(viewOf(bytes), offset, endian === 'little');
    },
    encode(values, endian = 'little') {
      const out = new Uint8Array(size);
      write(viewOf(out), 0, values, endian === 'little', name);
      return out;
    },
  };
}

function integer(
  bits: 8 | 16 | 32,
  signed: boolean,
  get: (view: DataView, offset: number, little: boolean) => number,
  set: (view: DataView, offset: number, value: number, little: boolean) => void,
): FieldType<number> {
  const min = signed ? -(2 ** (bits - 1)) : 0;
  const max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return {
    size: bits / 8,
    align: bits / 8,
    zero: 0,
    read: get,
    write(view, offset, value, little, path) {
      if (!Number.isInteger(value) || value < min || value > max)
        throw new OutOfRangeError(path, value, min, max);
      set(view, offset, value, little);
    },
  };
}

export const u8: FieldType<number> = integer(
  8,
  false,
  (v, o) => v.getUint8(o),
  (v, o, n) => v.setUint8(o, n),
);
export const s8: FieldType<number> = integer(
  8,
  true,
  (v, o) => v.getInt8(o),
  (v, o, n) => v.setInt8(o, n),
);
export const u16: FieldType<number> = integer(
  16,
  false,
  (v, o, l) => v.getUint16(o, l),
  (v, o, n, l) => v.setUint16(o, n, l),
);
export const s16: FieldType<number> = integer(
  16,
  true,
  (v, o, l) => v.getInt16(o, l),
  (v, o, n, l) => v.setInt16(o, n, l),
);
export const u32: FieldType<number> = integer(
  32,
  false,
  (v, o, l) => v.getUint32(o, l),
  (v, o, n, l) => v.setUint32(o, n, l),
);
export const s32: FieldType<number> = integer(
  32,
  true,
  (v, o, l) => v.getInt32(o, l),
  (v, o, n, l) => v.setInt32(o, n, l),
);

/** A u64, always 8-byte aligned, as the kernel's `__aligned_u64`. */
export const u64: FieldType<bigint> = {
  size: 8,
  align: 8,
  zero: 0n,
  read: (view, offset, little) => view.getBigUint64(offset, little),
  write(view, offset, value, little, path) {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn)
      throw new OutOfRangeError(path, value, 0n, 0xffff_ffff_ffff_ffffn);
    view.setBigUint64(offset, value, little);
  },
};

/** `count` bytes as they are; a shorter value is padded with zeros. */
export function bytesOf(count: number): FieldType<Uint8Array> {
  return {
    size: count,
    align: 1,
    zero: new Uint8Array(count),
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, count).slice(),
    write(view, offset, value, _little, path) {
      if (value.length > count) throw new OutOfRangeError(`${path}.length`, value.length, 0, count);
      new Uint8Array(view.buffer, view.byteOffset + offset, count).fill(0).set(value);
    },
  };
}

/** `char name[count]`: text up to the first NUL; the last byte always stays NUL. */
export function charArray(count: number): FieldType<string> {
  const raw = bytesOf(count);
  return {
    size: count,
    align: 1,
    zero: '',
    read(view, offset, little) {
      return decodeCString(raw.read(view, offset, little));
    },
    write(view, offset, value, little, path) {
      const bytes = encodeText(value);
      if (bytes.length >= count) throw new OutOfRangeError(`${path}.length`, bytes.length, 0, count - 1);
      raw.write(view, offset, bytes, little, path);
    },
  };
}

/** `type name[count]`. */
export function arrayOf<T>(type: FieldType<T>, count: number): FieldType<readonly T[]> {
  return {
    size: type.size * count,
    align: type.align,
    zero: [],
    read: (view, offset, little) =>
      Array.from({ length: count }, (_, index) => type.read(view, offset + index * type.size, little)),
    write(view, offset, values, little, path) {
      if (values.length > count) throw new OutOfRangeError(`${path}.length`, values.length, 0, count);
      for (let i = 0; i < count; i++) {
        type.write(view, offset + i * type.size, values[i] ?? type.zero, little, `${path}[${i}]`);
      }
    },
  };
}
