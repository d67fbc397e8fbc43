import { decodeCString, encodeText } from '../util/bytes.ts';
import { FormatError, OutOfRangeError, TsbpfError } from '../util/errors.ts';
import type { FieldType } from '../util/struct.ts';
import { didYouMean } from '../util/suggest.ts';
import type { Btf } from './btf.ts';
import { bitField, bool, float, integer } from './codec-numbers.ts';
import {
  bytesKey,
  type ComposedShape,
  type MemberShape,
  type ValueShape,
  valueShape,
} from './value-shape.ts';

/** Types within each other by value. */
const MAX_DEPTH = 100;
/**
 * Numbers, texts and so on in one value. More than bits come of views that lie over each other;
 * more than this besides only of a file that is made to keep a reader busy.
 */
const MAX_LEAVES_PER_BYTE = 16;
const MAX_LEAVES = 1 << 16;
/** More names than this help nobody. */
const MAX_LISTED = 20;

/** A codec, and how many parts a value has; nested types multiply them. */
interface Counted {
  readonly codec: FieldType<unknown>;
  readonly leaves: number;
}

/**
 * How values of a type are read and written, made from BTF at run time, so that a map's keys and
 * values are typed without generated code. The table in {@link btfToTypeScript} says what is what
 * in JavaScript. Members that are left out are written as zeros. What is written into a union is
 * its `bytes`, then the views that were given, over them.
 *
 * @throws {FormatError} `BTF_NO_SUCH_TYPE`, `BTF_CYCLE`, `BTF_NO_SIZE`, `BTF_TOO_LARGE`
 *
 * @example
 * ```ts
 * const codec = btfCodec(btf, btf.findByName('event', 'struct')!);
 * codec.read(viewOf(bytes), 0, true); // { pid: 1, comm: 'init', … }
 * ```
 */
export function btfCodec(btf: Btf, typeId: number): FieldType<unknown> {
  const { codec } = new CodecMaker(btf).make(typeId, 0);
  const path = btf.type(typeId).name || `type ${typeId}`;
  const check = (view: DataView, offset: number): void => {
    if (offset >= 0 && view.byteLength - offset >= codec.size) return;
    const given = `there are ${view.byteLength} in all`;
    throw new FormatError('TRUNCATED', path, `needs ${codec.size} bytes at offset ${offset}, but ${given}`);
  };
  return {
    ...codec,
    read(view, offset, little) {
      check(view, offset);
      return codec.read(view, offset, little);
    },
    write(view, offset, value, little, at) {
      check(view, offset);
      codec.write(view, offset, value, little, at);
    },
  };
}

class CodecMaker {
  readonly #btf: Btf;
  readonly #known: Map<number, Counted> = new Map();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  make(id: number, depth: number): Counted {
    const known = this.#known.get(id);
    if (known) return known;
    if (depth > MAX_DEPTH)
      throw this.#btf.error('BTF_CYCLE', `types/${id}`, `${MAX_DEPTH} types lie within each other`);
    const made = this.#ofShape(id, valueShape(this.#btf, id), depth);
    if (made.leaves > Math.max(MAX_LEAVES, made.codec.size * MAX_LEAVES_PER_BYTE))
      throw this.#btf.error(
        'BTF_TOO_LARGE',
        `types/${id}`,
        `has ${made.leaves} values in ${made.codec.size} bytes`,
      );
    this.#known.set(id, made);
    return made;
  }

  #ofShape(id: number, shape: ValueShape, depth: number): Counted {
    switch (shape.kind) {
      case 'bool':
        return one(bool(shape.size));
      case 'int':
      case 'enum':
        return one(integer(shape.size, shape.signed));
      case 'float':
        return one(float(shape.size));
      case 'text':
        return one(text(shape.size));
      case 'bytes':
        return one(bytes(shape.size));
      case 'array': {
        // Also checks that the whole array has a size that fits.
        const size = this.#btf.sizeOf(id);
        const element = this.make(shape.element, depth + 1);
        return { codec: array(element.codec, shape.count, size), leaves: shape.count * element.leaves };
      }
      case 'struct':
      case 'union':
        return this.#composed(shape, depth);
    }
  }

  #composed(shape: ComposedShape, depth: number): Counted {
    const fields: Field[] = [];
    let leaves = 1;
    for (const member of shape.members) {
      const made = this.make(member.type, depth + 1);
      const field = this.#field(shape, member, made.codec);
      leaves += made.leaves;
      fields.push(field);
    }
    const align = fields.reduce((largest, { codec }) => Math.max(largest, codec.align), 1);
    return {
      codec: shape.kind === 'struct' ? struct(shape, fields, align) : union(shape, fields, align),
      leaves,
    };
  }

  #field(owner: ComposedShape, member: MemberShape, codec: FieldType<unknown>): Field {
    const { key, offsetBits, bitSize } = member;
    const size = bitSize > 0 ? bitSize : codec.size * 8;
    if (offsetBits + size > owner.size * 8)
      throw this.#btf.error('BTF_BAD_TYPE', `types/${owner.id}`, `its member ${key} does not lie within it`);
    if (bitSize === 0) return { key, codec, offset: offsetBits >>> 3 };
    const shape = valueShape(this.#btf, member.type);
    if (shape.kind !== 'int' && shape.kind !== 'enum' && shape.kind !== 'bool')
      throw this.#btf.error('BTF_BAD_TYPE', `types/${owner.id}`, `its bit field ${key} is no integer`);
    return { key, codec: bitField(shape, offsetBits & 7, bitSize), offset: offsetBits >>> 3 };
  }
}

interface Field {
  readonly key: string;
  readonly codec: FieldType<unknown>;
  /** Bytes. */
  readonly offset: number;
}

const one = <T>(codec: FieldType<T>): Counted => ({ codec: codec as FieldType<unknown>, leaves: 1 });

function struct(shape: ComposedShape, fields: readonly Field[], align: number): FieldType<unknown> {
  const keys: ReadonlySet<string> = new Set(fields.map(({ key }) => key));
  return {
    size: shape.size,
    align,
    zero: Object.freeze({}),
    read(view, offset, little) {
      const out: Record<string, unknown> = {};
      for (const field of fields)
        define(out, field.key, field.codec.read(view, offset + field.offset, little));
      return out;
    },
    write(view, offset, value, little, path) {
      const given = asObject(value, path);
      for (const key in given)
        if (!keys.has(key) && Object.hasOwn(given, key)) throw noMember(path, key, keys);
      writeFields(fields, view, offset, given, little, path, true);
    },
  };
}

/** What is misspelt would be written as zeros. */
function noMember(path: string, key: string, keys: ReadonlySet<string>): TsbpfError {
  return new TsbpfError('BTF_BAD_VALUE', `${path} has no member '${key}'`, {
    hint: didYouMean(key, [...keys])[0] ?? `it has: ${[...keys].slice(0, MAX_LISTED).join(', ')}`,
  });
}

function union(shape: ComposedShape, fields: readonly Field[], align: number): FieldType<unknown> {
  const raw = bytes(shape.size);
  const key = bytesKey(shape);
  return {
    size: shape.size,
    align,
    zero: Object.freeze({}),
    read(view, offset, little) {
      const content = raw.read(view, offset, little);
      const out = { [key]: content };
      // Not enumerable: a copy with one view changed, `{ ...value, view }`, writes that one.
      const own = new DataView(content.buffer, content.byteOffset, content.byteLength);
      for (const { key: name, codec, offset: at } of fields)
        Object.defineProperty(out, name, { get: () => codec.read(own, at, little), configurable: true });
      return out;
    },
    write(view, offset, value, little, path) {
      const given = value instanceof Uint8Array ? { [key]: value } : asObject(value, path);
      raw.write(
        view,
        offset,
        (Object.hasOwn(given, key) ? given[key] : raw.zero) as Uint8Array,
        little,
        `${path}.${key}`,
      );
      const enumerable = Object.fromEntries(Object.entries(given));
      writeFields(fields, view, offset, enumerable, little, path, false);
    },
  };
}

/** @param fill whether members that are left out are written as zeros */
function writeFields(
  fields: readonly Field[],
  view: DataView,
  offset: number,
  value: Readonly<Record<string, unknown>>,
  little: boolean,
  path: string,
  fill: boolean,
): void {
  for (const field of fields) {
    const given = Object.hasOwn(value, field.key) ? value[field.key] : undefined;
    if (given === undefined && !fill) continue;
    field.codec.write(view, offset + field.offset, given ?? field.codec.zero, little, `${path}.${field.key}`);
  }
}

function array(element: FieldType<unknown>, count: number, size: number): FieldType<unknown> {
  return {
    size,
    align: element.align,
    zero: Object.freeze([]),
    read: (view, offset, little) =>
      Array.from({ length: count }, (_, index) => element.read(view, offset + index * element.size, little)),
    write(view, offset, value, little, path) {
      if (!Array.isArray(value) && !ArrayBuffer.isView(value)) throw badValue(path, 'an array', value);
      const values = value as ArrayLike<unknown>;
      if (values.length > count) throw new OutOfRangeError(`${path}.length`, values.length, 0, count);
      for (let index = 0; index < count; index++)
        element.write(
          view,
          offset + index * element.size,
          values[index] ?? element.zero,
          little,
          `${path}[${index}]`,
        );
    },
  };
}

/** Not `bytesOf`, whose zero is as large as the type claims to be. */
function bytes(size: number): FieldType<Uint8Array> {
  return {
    size,
    align: 1,
    zero: new Uint8Array(0),
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, size).slice(),
    write(view, offset, value, _little, path) {
      if (!(value instanceof Uint8Array)) throw badValue(path, 'a Uint8Array', value);
      if (value.length > size) throw new OutOfRangeError(`${path}.length`, value.length, 0, size);
      new Uint8Array(view.buffer, view.byteOffset + offset, size).fill(0).set(value);
    },
  };
}

/** Text may take all of its bytes; a NUL follows where there is room. */
function text(size: number): FieldType<string> {
  const raw = bytes(size);
  return {
    size,
    align: 1,
    zero: '',
    read: (view, offset, little) => decodeCString(raw.read(view, offset, little)),
    write(view, offset, value, little, path) {
      if (typeof value !== 'string') throw badValue(path, 'a string', value);
      raw.write(view, offset, encodeText(value), little, path);
    },
  };
}

/** `__proto__` is a name like any other in C. */
function define(out: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(out, key, { value, enumerable: true, writable: true, configurable: true });
  else out[key] = value;
}

function asObject(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  throw badValue(path, 'an object', value);
}

function badValue(path: string, wanted: string, value: unknown): TsbpfError {
  const given = value === null ? 'null' : typeof value;
  return new TsbpfError('BTF_BAD_VALUE', `${path} must be ${wanted}, but is of type ${given}`);
}
