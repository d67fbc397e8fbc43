import type { BtfBuilder } from '../../btf/build.ts';
import { checkRange, OutOfRangeError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import * as layout from '../../util/struct.ts';

/** Gives types their numbers in the object's BTF, each once. */
export interface TypeNumbers {
  readonly btf: BtfBuilder;
  of(type: DataType<unknown>): number;
  /** A type of the kernel that is only named. */
  named(kind: 'struct' | 'union' | 'enum', name: string): number;
}

/**
 * A C type: how large it is, how values of it are read and written, and what it is in BTF. It serves
 * as a codec of `BpfMap.as()` and `arrayOf()` too.
 */
export interface DataType<T> extends FieldType<T> {
  /** As C writes it: `unsigned int`, `struct event`. */
  readonly c: string;
  /** True for integers that a load extends with their sign. */
  readonly signed: boolean;
  addTo(types: TypeNumbers): number;
}

/** A value of type `T` as it may be given: 64-bit integers also as numbers. */
export type Given<T> = T extends bigint ? bigint | number : T;

function integer<T extends number | bigint | boolean>(
  field: FieldType<T>,
  c: string,
  options: { readonly signed?: boolean; readonly bool?: boolean } = {},
): DataType<T> {
  return Object.freeze({
    ...field,
    c,
    signed: options.signed ?? false,
    addTo: ({ btf }: TypeNumbers) => btf.int(c, field.size, options),
  });
}

/** 64 bits, given as a bigint or a number. */
function wide(signed: boolean): FieldType<bigint> {
  const [min, max] = signed ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  return {
    size: 8,
    align: 8,
    zero: 0n,
    read: (view, offset, little) =>
      signed ? view.getBigInt64(offset, little) : view.getBigUint64(offset, little),
    write(view, offset, given: bigint | number, little, path) {
      if (typeof given === 'number' && !Number.isInteger(given))
        throw new OutOfRangeError(path, given, min, max);
      const value = BigInt(given);
      if (value < min || value > max) throw new OutOfRangeError(path, value, min, max);
      view.setBigUint64(offset, BigInt.asUintN(64, value), little);
    },
  };
}

const boolean: FieldType<boolean> = {
  size: 1,
  align: 1,
  zero: false,
  read: (view, offset) => view.getUint8(offset) !== 0,
  write: (view, offset, value) => view.setUint8(offset, value ? 1 : 0),
};

export const u8: DataType<number> = integer(layout.u8, 'unsigned char');
export const u16: DataType<number> = integer(layout.u16, 'unsigned short');
export const u32: DataType<number> = integer(layout.u32, 'unsigned int');
export const u64: DataType<bigint> = integer(wide(false), 'unsigned long long');
export const s8: DataType<number> = integer(layout.s8, 'signed char', { signed: true });
export const s16: DataType<number> = integer(layout.s16, 'short', { signed: true });
export const s32: DataType<number> = integer(layout.s32, 'int', { signed: true });
export const s64: DataType<bigint> = integer(wide(true), 'long long', { signed: true });
export const bool: DataType<boolean> = integer(boolean, '_Bool', { bool: true });
/** An array of it is a text. */
export const char: DataType<number> = integer(layout.s8, 'char', { signed: true });

/** `element name[count]`; of {@link char} it holds a text that ends with a NUL. */
export function array(element: typeof char, count: number): ArrayType<string>;
export function array<T>(element: DataType<T>, count: number): ArrayType<readonly T[]>;
export function array<T>(element: DataType<T>, count: number): ArrayType<unknown> {
  checkRange('array: number of elements', count, 0, 2 ** 31 - 1);
  const isText = (element as DataType<unknown>) === char;
  const field = isText ? layout.charArray(count) : layout.arrayOf(element, count);
  return Object.freeze({
    ...(field as FieldType<unknown>),
    c: `${element.c}[${count}]`,
    signed: false,
    element,
    count,
    addTo: (types: TypeNumbers) => types.btf.array(types.of(element), types.of(s32), count),
  });
}

export interface ArrayType<T> extends DataType<T> {
  readonly element: DataType<unknown>;
  readonly count: number;
}

/** A pointer: 64 bits. Without a target, `void *`. */
export function ptr(target?: DataType<unknown>): DataType<bigint> {
  return Object.freeze({
    ...wide(false),
    c: `${target?.c ?? 'void'} *`,
    signed: false,
    addTo: (types: TypeNumbers) => types.btf.ptr(target ? types.of(target) : 0),
  });
}

/** A struct of the kernel that is only pointed to: `ptr(opaque('bpf_cpumask'))`. */
export function opaque(name: string): DataType<never> {
  return Object.freeze({
    size: 0,
    align: 1,
    zero: undefined as never,
    read: () => undefined as never,
    write: () => {},
    c: `struct ${name}`,
    signed: false,
    addTo: (types: TypeNumbers) => types.named('struct', name),
  });
}

type Fields = Readonly<Record<string, DataType<never> | DataType<unknown>>>;

/** The place of a member within its struct, for loads and stores: it knows its size. */
export interface Field<D> {
  /** Bytes from the start of the outermost struct. */
  readonly offset: number;
  readonly type: D;
  /** As C writes it: `event.address.port`. */
  readonly path: string;
  /** Of a member that is a struct: its members. */
  readonly at: D extends { readonly fields: infer F } ? FieldsAt<F> : undefined;
}

type FieldsAt<F> = { readonly [K in keyof F]: Field<F[K]> };

/** A C struct or union with its members. */
export interface StructType<F extends Fields> extends DataType<layout.StructValue<F>> {
  readonly name: string;
  readonly fields: F;
  /** Bytes from the start of the struct. */
  readonly offsets: { readonly [K in keyof F]: number };
  /** Members as {@link Field}s: `p.load(r1, r6, event.at.pid)`. */
  readonly at: FieldsAt<F>;
}

/**
 * A C struct. Members lie at their natural alignment, as C has it.
 *
 * @param name what BTF calls it; the kernel knows some by their names (`bpf_spin_lock`, `bpf_timer`)
 *
 * @example
 * ```ts
 * const event = struct('event', { pid: u32, comm: array(char, 16) });
 * event.size;           // 20
 * event.offsets.comm;   // 4
 * event.at.comm;        // for p.load, p.store
 * ```
 */
export function struct<F extends Fields>(
  name: string,
  fields: F,
  options: { readonly packed?: boolean } = {},
): StructType<F> {
  const base = layout.struct(name, fields, options);
  return Object.freeze({
    ...base,
    c: `struct ${name}`,
    signed: false,
    at: Object.freeze(placesOf(fields, base.offsets, 0, name)),
    addTo: (types: TypeNumbers) => types.btf.struct(name, base.size, membersOf(types, fields, base.offsets)),
  });
}

/** A C union. Of its value the members that are given are written, one over the other. */
export function union<F extends Fields>(name: string, fields: F): StructType<F> {
  const entries = Object.entries(fields) as [keyof F & string, FieldType<unknown>][];
  const align = Math.max(1, ...entries.map(([, type]) => type.align));
  const largest = Math.max(0, ...entries.map(([, type]) => type.size));
  const size = Math.ceil(largest / align) * align;
  const offsets = Object.fromEntries(entries.map(([key]) => [key, 0])) as Record<keyof F, number>;
  return Object.freeze({
    name,
    fields,
    offsets,
    size,
    align,
    zero: {} as layout.StructValue<F>,
    read: (view: DataView, offset: number, little: boolean) =>
      Object.fromEntries(
        entries.map(([key, type]) => [key, type.read(view, offset, little)]),
      ) as layout.StructValue<F>,
    write(view: DataView, offset: number, values: layout.StructValue<F>, little: boolean, path: string) {
      for (const [key, type] of entries)
        if (values[key] !== undefined) type.write(view, offset, values[key], little, `${path}.${key}`);
    },
    c: `union ${name}`,
    signed: false,
    at: Object.freeze(placesOf(fields, offsets, 0, name)),
    addTo: (types: TypeNumbers) => types.btf.union(name, size, membersOf(types, fields, offsets)),
  });
}

function membersOf<F extends Fields>(
  types: TypeNumbers,
  fields: F,
  offsets: Readonly<Record<keyof F, number>>,
): { name: string; type: number; offsetBits: number }[] {
  return Object.entries(fields).map(([name, type]) => ({
    name,
    type: types.of(type as DataType<unknown>),
    offsetBits: offsets[name]! * 8,
  }));
}

function placesOf<F extends Fields>(
  fields: F,
  offsets: Readonly<Record<keyof F, number>>,
  base: number,
  path: string,
): FieldsAt<F> {
  const entries = Object.entries(fields).map(([key, type]) => {
    const offset = base + offsets[key]!;
    const name = `${path}.${key}`;
    const inner = type as Partial<StructType<Fields>>;
    const at = inner.fields && Object.freeze(placesOf(inner.fields, inner.offsets!, offset, name));
    return [key, Object.freeze({ offset, type, path: name, at })] as const;
  });
  return Object.fromEntries(entries) as unknown as FieldsAt<F>;
}

export function isField(value: unknown): value is Field<DataType<unknown>> {
  return typeof value === 'object' && value !== null && 'offset' in value && 'path' in value;
}
