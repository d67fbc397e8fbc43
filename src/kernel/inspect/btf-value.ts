import type { Btf, BtfMember, BtfType } from '../../btf/index.ts';
import { TsbpfError } from '../../util/errors.ts';

/**
 * A value by its BTF type, with what JavaScript's own JSON would lose: the order and repetition of names,
 * numbers of 64 and 128 bits, and which numbers are addresses or bits.
 */
export type BtfValue =
  | { readonly kind: 'number'; readonly value: number | bigint }
  /** Written in hexadecimal: bit fields, and integers of 128 bits. */
  | { readonly kind: 'bits'; readonly value: bigint }
  | { readonly kind: 'address'; readonly value: bigint }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'array'; readonly elements: readonly BtfValue[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [name: string, value: BtfValue])[] };

/** Types within each other by value. */
const MAX_DEPTH = 64;
/** Parts of one value. More than bits come of views that lie over each other, which can double with each level. */
const MAX_PARTS_PER_BYTE = 16;
const MAX_PARTS = 1 << 16;

/**
 * Reads a value by its BTF type, as `bpftool map dump` shows it: enumerators by name, `char[]` as text where it
 * ends with a NUL and is printable, unions with each of their views.
 *
 * @throws {TsbpfError} `BTF_VALUE_TRUNCATED` where the type is larger than the bytes
 * @throws {FormatError} `BTF_CYCLE`, `BTF_NO_SUCH_TYPE`, `BTF_TOO_LARGE`
 */
export function readBtfValue(btf: Btf, typeId: number, bytes: Uint8Array): BtfValue {
  return new Reader(btf, bytes).read(typeId, 0, 0);
}

class Reader {
  readonly #btf: Btf;
  readonly #bytes: Uint8Array;
  readonly #little: boolean;
  #partsLeft: number;

  constructor(btf: Btf, bytes: Uint8Array) {
    this.#btf = btf;
    this.#bytes = bytes;
    this.#little = btf.endian === 'little';
    this.#partsLeft = Math.max(MAX_PARTS, bytes.length * MAX_PARTS_PER_BYTE);
  }

  read(id: number, at: number, depth: number): BtfValue {
    if (depth > MAX_DEPTH)
      throw this.#btf.error('BTF_CYCLE', `types/${id}`, `${MAX_DEPTH} types lie within each other`);
    if (--this.#partsLeft < 0)
      throw this.#btf.error(
        'BTF_TOO_LARGE',
        `types/${id}`,
        'lies in a type with too many views of the same bytes',
      );
    if (id === 0) return { kind: 'null' };
    const type = this.#btf.resolve(id);
    switch (type.kind) {
      case 'int':
        return this.#int(type, at);
      case 'enum':
      case 'enum64':
        return this.#enum(type, at);
      case 'float':
        return { kind: 'number', value: this.#float(type.size, at) };
      case 'ptr':
        return { kind: 'address', value: this.#unsigned(at, 8) };
      case 'array':
        return this.#array(type, at, depth);
      case 'struct':
      case 'union':
        return {
          kind: 'object',
          members: type.members.map((member) => [member.name, this.#member(member, at, depth)]),
        };
      case 'var':
        return { kind: 'object', members: [[type.name, this.read(type.type, at, depth + 1)]] };
      case 'datasec':
        return {
          kind: 'object',
          members: [
            [
              type.name,
              {
                kind: 'array',
                elements: type.vars.map((one) => this.read(one.type, at + one.offset, depth + 1)),
              },
            ],
          ],
        };
      default:
        return { kind: 'null' };
    }
  }

  #need(at: number, size: number): void {
    if (at + size <= this.#bytes.length) return;
    throw new TsbpfError(
      'BTF_VALUE_TRUNCATED',
      `the type needs ${at + size} bytes, but the value has ${this.#bytes.length}`,
    );
  }

  #unsigned(at: number, size: number): bigint {
    this.#need(at, size);
    let value = 0n;
    for (let index = 0; index < size; index++) {
      const byte = this.#bytes[at + (this.#little ? size - 1 - index : index)]!;
      value = (value << 8n) | BigInt(byte);
    }
    return value;
  }

  #int(type: BtfType & { kind: 'int' }, at: number): BtfValue {
    const { size, bits, bitOffset } = type;
    if (bitOffset > 0 || bits !== size * 8)
      return { kind: 'bits', value: this.#bits(at * 8 + bitOffset, bits) };
    const value = this.#unsigned(at, size);
    if (type.bool) return { kind: 'bool', value: value !== 0n };
    if (size > 8) return { kind: 'bits', value };
    if (type.char && size === 1 && value >= 0x20n && value < 0x7fn)
      return { kind: 'text', value: String.fromCharCode(Number(value)) };
    if (type.char) return { kind: 'bits', value };
    const number = type.signed ? BigInt.asIntN(size * 8, value) : value;
    return { kind: 'number', value: size < 8 ? Number(number) : number };
  }

  #enum(type: BtfType & { kind: 'enum' | 'enum64' }, at: number): BtfValue {
    const raw = this.#unsigned(at, type.size);
    const value = BigInt.asIntN(type.size * 8, raw);
    const found = type.values.find((one) => BigInt.asIntN(type.size * 8, BigInt(one.value)) === value);
    if (found) return { kind: 'text', value: found.name };
    const number = type.signed || type.kind === 'enum' ? value : raw;
    return { kind: 'number', value: type.size < 8 ? Number(number) : number };
  }

  #float(size: number, at: number): number {
    this.#need(at, size);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    if (size === 4) return view.getFloat32(at, this.#little);
    return size === 8 ? view.getFloat64(at, this.#little) : Number.NaN;
  }

  #array(type: BtfType & { kind: 'array' }, at: number, depth: number): BtfValue {
    const text = this.#text(type, at);
    if (text !== undefined) return { kind: 'text', value: text };
    const size = this.#btf.sizeOf(type.type);
    this.#need(at, size * type.count);
    return {
      kind: 'array',
      elements: Array.from({ length: size === 0 ? 0 : type.count }, (_, index) =>
        this.read(type.type, at + index * size, depth + 1),
      ),
    };
  }

  /** `char[]`, not by a typedef's name, that ends with a NUL within and is printable up to it. */
  #text(type: BtfType & { kind: 'array' }, at: number): string | undefined {
    let element = this.#btf.type(type.type);
    while (element.kind === 'const' || element.kind === 'volatile' || element.kind === 'restrict')
      element = this.#btf.type(element.type);
    if (element.kind !== 'int' || element.size !== 1 || !(element.char || element.name === 'char'))
      return undefined;
    this.#need(at, type.count);
    const bytes = this.#bytes.subarray(at, at + type.count);
    const end = bytes.indexOf(0);
    if (end < 0 || bytes.subarray(0, end).some((byte) => byte <= 0x1f || byte >= 0x7f)) return undefined;
    return String.fromCharCode(...bytes.subarray(0, end));
  }

  #member(member: BtfMember, at: number, depth: number): BtfValue {
    const { offsetBits, bitSize } = member;
    if (bitSize > 0) return { kind: 'bits', value: this.#bits(at * 8 + offsetBits, bitSize) };
    const type = this.#btf.resolve(member.type);
    // Before Linux 5.0 bit fields were INTs of their own, which may begin within a byte.
    if (type.kind === 'int' && offsetBits % 8 !== 0)
      return { kind: 'bits', value: this.#bits(at * 8 + offsetBits + type.bitOffset, type.bits) };
    return this.read(member.type, at + (offsetBits >>> 3), depth + 1);
  }

  #bits(offset: number, count: number): bigint {
    const first = offset >>> 3;
    const size = Math.ceil(((offset & 7) + count) / 8);
    const value = this.#unsigned(first, size);
    const shift = this.#little ? offset & 7 : size * 8 - count - (offset & 7);
    return BigInt.asUintN(count, value >> BigInt(shift));
  }
}

/**
 * As plain data for JSON: numbers of 8 bytes as bigints whatever they are, addresses and bits of 16 bytes as
 * hexadecimal text. Of members of one name the last one stays; those of anonymous unions stand under ''.
 */
export function btfValueData(value: BtfValue): unknown {
  switch (value.kind) {
    case 'null':
      return null;
    case 'bits':
      return value.value <= 0xffff_ffffn ? Number(value.value) : `0x${value.value.toString(16)}`;
    case 'address':
      return `0x${value.value.toString(16)}`;
    case 'array':
      return value.elements.map(btfValueData);
    case 'object':
      return Object.fromEntries(value.members.map(([name, member]) => [name, btfValueData(member)]));
    case 'number':
      return typeof value.value === 'number' && !Number.isFinite(value.value)
        ? String(value.value)
        : value.value;
    default:
      return value.value;
  }
}
