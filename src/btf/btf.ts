import { decodeText, type Endian, encodeText, viewOf } from '../util/bytes.ts';
import { FormatError } from '../util/errors.ts';
import { decodeType } from './decode.ts';
import { kindNames, kindOfInfo } from './layout.ts';
import { BtfKind, type BtfKindName, type BtfType } from './types.ts';

/** As the kernel's own MAX_RESOLVE_DEPTH (`kernel/bpf/btf.c`): a longer chain of typedefs is a cycle or an attack. */
const MAX_CHAIN = 32;
/**
 * Strings may share tails, but no writer shares so much that all of them together are this many
 * times the section. Without a bound a megabyte without NUL could be decoded once for every type.
 */
const MAX_STRING_SHARING = 16;

/** Where the parts of a BTF lie, checked by {@link parseBtf}. */
export interface BtfParts {
  readonly bytes: Uint8Array;
  readonly endian: Endian;
  /** What messages call it: `BTF`, `/sys/kernel/btf/vmlinux`. */
  readonly path: string;
  /** Byte offset of each type's record in `bytes`; the first is that of type `firstId`. */
  readonly offsets: Uint32Array;
  readonly strings: Uint8Array;
  readonly base: Btf | undefined;
}

/**
 * BTF type information over its bytes. Types are indexed by where they lie and made into objects
 * when asked for, so that five megabytes of a kernel's types cost little until they are used.
 */
export class Btf {
  readonly bytes: Uint8Array;
  readonly endian: Endian;
  readonly path: string;
  /** What a split BTF (a kernel module's) goes on from. */
  readonly base: Btf | undefined;
  /** The number of the first type that is its own: 1, or the base's count. */
  readonly firstId: number;
  /** Numbers below this are types; void, number 0, is counted. */
  readonly typeCount: number;
  /** @internal For passes over all types that make none of them. */
  readonly parts: BtfParts;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #offsets: Uint32Array;
  readonly #strings: Uint8Array;
  readonly #stringBase: number;
  readonly #types: Map<number, BtfType> = new Map();
  readonly #texts: Map<number, string> = new Map();
  #textBudget: number;

  constructor(parts: BtfParts) {
    this.parts = parts;
    this.bytes = parts.bytes;
    this.endian = parts.endian;
    this.path = parts.path;
    this.base = parts.base;
    this.firstId = parts.base ? parts.base.typeCount : 1;
    this.typeCount = this.firstId + parts.offsets.length;
    this.#view = viewOf(parts.bytes);
    this.#little = parts.endian === 'little';
    this.#offsets = parts.offsets;
    this.#strings = parts.strings;
    this.#stringBase = parts.base ? parts.base.stringsEnd : 0;
    this.#textBudget = parts.strings.length * MAX_STRING_SHARING;
  }

  /** One past the last string offset. */
  get stringsEnd(): number {
    return this.#stringBase + this.#strings.length;
  }

  /**
   * The type with a number, frozen.
   *
   * @throws {FormatError} `BTF_NO_SUCH_TYPE`, `BTF_BAD_STRING`, `BTF_BAD_TYPE`
   */
  type(id: number): BtfType {
    const known = this.#types.get(id);
    if (known) return known;
    const base = this.base;
    if (base && id < this.firstId) return base.type(id);
    const type = decodeType(this, this.#view, this.#little, id, id === 0 ? 0 : this.offsetOf(id));
    this.#types.set(id, type);
    return type;
  }

  /** Byte offset of a type's record in `bytes`; not for void and not for types of the base. */
  offsetOf(id: number): number {
    const offset = Number.isInteger(id) ? this.#offsets[id - this.firstId] : undefined;
    if (offset !== undefined) return offset;
    throw this.error(
      'BTF_NO_SUCH_TYPE',
      `types/${id}`,
      `there is no such type; the numbers go up to ${this.typeCount - 1}`,
    );
  }

  /** The kind of a type without making the type. */
  kindOf(id: number): BtfKindName {
    if (id === 0) return 'void';
    if (this.base && id < this.firstId) return this.base.kindOf(id);
    return kindNames[kindOfInfo(this.#view.getUint32(this.offsetOf(id) + 4, this.#little))]!;
  }

  /**
   * The text at a string offset.
   *
   * @throws {FormatError} `BTF_BAD_STRING`
   */
  string(offset: number): string {
    const base = this.base;
    if (base && offset < this.#stringBase) return base.string(offset);
    const known = this.#texts.get(offset);
    if (known !== undefined) return known;
    const at = offset - this.#stringBase;
    if (!(at >= 0 && at < this.#strings.length)) {
      throw this.error(
        'BTF_BAD_STRING',
        `strings/${offset}`,
        `lies outside the ${this.stringsEnd} bytes of strings`,
      );
    }
    // The section ends with NUL, which parseBtf checks.
    const end = this.#strings.indexOf(0, at);
    this.#textBudget -= end - at;
    if (this.#textBudget < 0)
      throw this.error('BTF_BAD_STRING', `strings/${offset}`, 'too many strings lie over each other');
    const text = decodeText(this.#strings.subarray(at, end));
    this.#texts.set(offset, text);
    return text;
  }

  /** The first type with a name (and kind), by number. */
  findByName(name: string, kind?: BtfKindName): number | undefined {
    const inBase = this.base?.findByName(name, kind);
    if (inBase !== undefined || name === '') return inBase;
    const wanted = encodeText(`${name}\0`);
    const kindNumber = kind === undefined ? undefined : BtfKind[kind];
    const view = this.#view;
    for (let index = 0; index < this.#offsets.length; index++) {
      const offset = this.#offsets[index]!;
      if (!this.#isNamed(view.getUint32(offset, this.#little), wanted)) continue;
      if (kindNumber === undefined || kindOfInfo(view.getUint32(offset + 4, this.#little)) === kindNumber)
        return this.firstId + index;
    }
    return undefined;
  }

  /**
   * The type under typedefs, const, volatile, restrict and type tags.
   *
   * @throws {FormatError} `BTF_CYCLE`
   */
  resolve(id: number): BtfType {
    let at = id;
    for (let depth = 0; depth < MAX_CHAIN; depth++) {
      const type = this.type(at);
      if (!isTransparent(type.kind)) return type;
      at = (type as { readonly type: number }).type;
    }
    throw this.#cycle(id);
  }

  /**
   * The bytes that a value of a type takes; pointers take 8.
   *
   * @throws {FormatError} `BTF_CYCLE`, `BTF_NO_SIZE` for a function, a declaration or void
   */
  sizeOf(id: number): number {
    let count = 1;
    let at = id;
    for (let depth = 0; depth < MAX_CHAIN; depth++) {
      const type = this.resolve(at);
      if (type.kind === 'array') {
        count *= type.count;
        at = type.type;
      } else if (type.kind === 'var') at = type.type;
      else return this.#checkedSize(id, count * this.#flatSize(id, type));
    }
    throw this.#cycle(id);
  }

  error(code: string, field: string, message: string): FormatError {
    return new FormatError(code, `${this.path}/${field}`, message);
  }

  #cycle(id: number): FormatError {
    return this.error('BTF_CYCLE', `types/${id}`, `the chain of types behind it does not end`);
  }

  #flatSize(id: number, type: BtfType): number {
    if (type.kind === 'ptr') return 8;
    if ('size' in type) return type.size;
    throw this.error(
      'BTF_NO_SIZE',
      `types/${id}`,
      `a ${type.kind} ${type.name} has no size`.replace('  ', ' '),
    );
  }

  #checkedSize(id: number, size: number): number {
    // Sizes are u32 in BTF; what is larger comes from the counts of nested arrays.
    if (size <= 0xffff_ffff) return size;
    throw this.error('BTF_NO_SIZE', `types/${id}`, `${size} bytes are more than any type may have`);
  }

  /** Compares bytes: making a text of every name would cost twenty times as much. */
  #isNamed(nameOffset: number, wanted: Uint8Array): boolean {
    const at = nameOffset - this.#stringBase;
    if (at < 0) return this.base!.#isNamed(nameOffset, wanted);
    const strings = this.#strings;
    for (let i = 0; i < wanted.length; i++) if (strings[at + i] !== wanted[i]) return false;
    return true;
  }
}

function isTransparent(kind: BtfKindName): boolean {
  return (
    kind === 'typedef' || kind === 'const' || kind === 'volatile' || kind === 'restrict' || kind === 'typeTag'
  );
}
