import { type Endian, encodeText } from '../util/bytes.ts';
import { checkRange, TsbpfError } from '../util/errors.ts';
import type { Btf } from './btf.ts';
import { encodeBtf } from './encode.ts';
import { BTF_MAX_VLEN, IntEncoding, linkages, makeInfo } from './layout.ts';
import type { BtfRecord } from './record.ts';
import type { BtfKindName, BtfLinkage } from './types.ts';

export interface BtfIntOptions {
  readonly signed?: boolean;
  readonly char?: boolean;
  readonly bool?: boolean;
}

export interface BtfMemberInput {
  readonly name: string;
  readonly type: number;
  readonly offsetBits: number;
  /** Of a bit field. */
  readonly bitSize?: number;
}

export interface BtfEnumOptions {
  /** Bytes; 4 by default, or 8 for `enum64`. */
  readonly size?: number;
  readonly signed?: boolean;
}

/**
 * Makes BTF. Every method adds a type and gives its number; plain ones (integers, pointers,
 * modifiers, arrays) are made once and shared. Types may refer to numbers that come later.
 *
 * @example
 * ```ts
 * const btf = new BtfBuilder();
 * const u32 = btf.int('unsigned int', 4);
 * btf.struct('event', 8, [{ name: 'pid', type: u32, offsetBits: 0 }, { name: 'cpu', type: u32, offsetBits: 32 }]);
 * const bytes = btf.build('little');
 * ```
 */
export class BtfBuilder {
  /** What the types go on from, as those of a kernel module do from the kernel's. */
  readonly base: Btf | undefined;
  readonly #types: BtfRecord[] = [];
  readonly #shared: Map<string, number> = new Map();
  readonly #strings: Map<string, number> = new Map([['', 0]]);
  readonly #texts: Uint8Array[] = [new Uint8Array(1)];
  readonly #stringBase: number;
  #stringsSize = 1;

  constructor(options: { readonly base?: Btf } = {}) {
    this.base = options.base;
    this.#stringBase = options.base?.stringsEnd ?? 0;
    // Only the first of a chain of BTFs begins with an empty string.
    if (options.base) {
      this.#texts.length = 0;
      this.#stringsSize = 0;
    }
  }

  /** The number that the next added type will have. */
  get nextId(): number {
    return (this.base?.typeCount ?? 1) + this.#types.length;
  }

  /** The offset of a text in the string section, added where it is new. */
  string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    const bytes = encodeText(text);
    if (bytes.includes(0))
      throw new TsbpfError('BTF_BAD_STRING', `a name in BTF cannot hold a NUL: ${JSON.stringify(text)}`);
    const offset = this.#stringBase + this.#stringsSize;
    this.#texts.push(bytes, new Uint8Array(1));
    this.#stringsSize += bytes.length + 1;
    this.#strings.set(text, offset);
    return offset;
  }

  int(name: string, sizeBytes: number, options: BtfIntOptions = {}): number {
    checkRange(`int ${name}: size`, sizeBytes, 1, 16);
    // The kernel takes one at most (btf_int_check_meta).
    if (Number(!!options.signed) + Number(!!options.char) + Number(!!options.bool) > 1)
      throw new TsbpfError('BTF_BAD_TYPE', `int ${name}: is signed, a char or a bool, one of these at most`);
    const encoding =
      (options.signed ? IntEncoding.SIGNED : 0) |
      (options.char ? IntEncoding.CHAR : 0) |
      (options.bool ? IntEncoding.BOOL : 0);
    return this.#once('int', name, sizeBytes, [(encoding << 24) | (sizeBytes * 8)]);
  }

  float(name: string, sizeBytes: number): number {
    return this.#once('float', name, sizeBytes, []);
  }

  ptr(to: number): number {
    return this.#once('ptr', '', to, []);
  }

  const(to: number): number {
    return this.#once('const', '', to, []);
  }

  volatile(to: number): number {
    return this.#once('volatile', '', to, []);
  }

  restrict(to: number): number {
    return this.#once('restrict', '', to, []);
  }

  typeTag(name: string, to: number): number {
    return this.#once('typeTag', name, to, []);
  }

  array(element: number, indexType: number, count: number): number {
    return this.#once('array', '', 0, [element, indexType, count]);
  }

  typedef(name: string, to: number): number {
    return this.#add('typedef', name, to);
  }

  struct(name: string, sizeBytes: number, members: readonly BtfMemberInput[]): number {
    return this.#composite('struct', name, sizeBytes, members);
  }

  union(name: string, sizeBytes: number, members: readonly BtfMemberInput[]): number {
    return this.#composite('union', name, sizeBytes, members);
  }

  enum(name: string, values: Readonly<Record<string, number>>, options: BtfEnumOptions = {}): number {
    const entries = Object.entries(values);
    const signed = options.signed ?? entries.some(([, value]) => value < 0);
    const tail = entries.flatMap(([key, value]) => [this.string(key), value]);
    return this.#add('enum', name, options.size ?? 4, tail, entries.length, signed);
  }

  enum64(name: string, values: Readonly<Record<string, bigint>>, options: BtfEnumOptions = {}): number {
    const entries = Object.entries(values);
    const signed = options.signed ?? entries.some(([, value]) => value < 0n);
    const tail = entries.flatMap(([key, value]) => [
      this.string(key),
      Number(BigInt.asUintN(32, value)),
      Number(BigInt.asUintN(32, value >> 32n)),
    ]);
    return this.#add('enum64', name, options.size ?? 8, tail, entries.length, signed);
  }

  forward(name: string, kind: 'struct' | 'union' = 'struct'): number {
    return this.#add('fwd', name, 0, [], 0, kind === 'union');
  }

  /** A parameter without name and type, the last one, stands for `...`. */
  funcProto(returnType: number, params: readonly { readonly name: string; readonly type: number }[]): number {
    const tail = params.flatMap(({ name, type }) => [this.string(name), type]);
    return this.#add('funcProto', '', returnType, tail, params.length);
  }

  func(name: string, proto: number, linkage: BtfLinkage): number {
    return this.#add('func', name, proto, [], linkages.indexOf(linkage));
  }

  variable(name: string, type: number, linkage: BtfLinkage): number {
    return this.#add('var', name, type, [linkages.indexOf(linkage)]);
  }

  datasec(
    name: string,
    sizeBytes: number,
    vars: readonly { readonly type: number; readonly offset: number; readonly size: number }[],
  ): number {
    // The kernel wants them in the order of their places (btf_datasec_check_meta).
    const sorted = [...vars].sort((a, b) => a.offset - b.offset);
    const tail = sorted.flatMap(({ type, offset, size }) => [type, offset, size]);
    return this.#add('datasec', name, sizeBytes, tail, vars.length);
  }

  /** @param componentIndex the member or parameter that is tagged; -1 for the type itself */
  declTag(name: string, type: number, componentIndex = -1): number {
    return this.#add('declTag', name, type, [componentIndex]);
  }

  /** Adds a type as its words; string offsets are this builder's. */
  record(record: BtfRecord): number {
    const id = this.nextId;
    this.#types.push(record);
    return id;
  }

  build(endian: Endian): Uint8Array {
    return encodeBtf(this.#types, this.#texts, endian);
  }

  #composite(
    kind: 'struct' | 'union',
    name: string,
    sizeBytes: number,
    members: readonly BtfMemberInput[],
  ): number {
    const bitFields = members.some((member) => member.bitSize);
    const tail = members.flatMap(({ name: key, type, offsetBits, bitSize = 0 }) => {
      checkRange(
        `${kind} ${name}.${key}: offset in bits`,
        offsetBits,
        0,
        bitFields ? 0xff_ffff : 0xffff_ffff,
      );
      checkRange(`${kind} ${name}.${key}: bits`, bitSize, 0, 255);
      return [this.string(key), type, bitSize * 0x100_0000 + offsetBits];
    });
    return this.#add(kind, name, sizeBytes, tail, members.length, bitFields);
  }

  #once(kind: BtfKindName, name: string, word: number, tail: readonly number[]): number {
    const key = `${kind}:${word}:${tail.join()}:${name}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const id = this.#add(kind, name, word, tail);
    this.#shared.set(key, id);
    return id;
  }

  #add(
    kind: BtfKindName,
    name: string,
    word: number,
    tail: readonly number[] = [],
    vlen = 0,
    flag = false,
  ): number {
    checkRange(`${kind} ${name}: elements`, vlen, 0, BTF_MAX_VLEN);
    checkRange(`${kind} ${name}: size or type`, word, 0, 0xffff_ffff);
    return this.record({ nameOffset: this.string(name), info: makeInfo(kind, vlen, flag), word, tail });
  }
}
