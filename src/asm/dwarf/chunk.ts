import { type Endian, viewOf } from '../../util/bytes.ts';
import type { Assembler } from '../assemble/assembler.ts';
import type { SectionBuilder } from '../assemble/section-builder.ts';
import type { Expr } from '../syntax/ast.ts';

/** An address among bytes. */
interface Reference {
  readonly at: number;
  readonly size: 4 | 8;
  readonly section: SectionBuilder;
  readonly offset: number;
}

/** Bytes of a table that is being built, with addresses that get relocations. */
export class Chunk {
  readonly #little: boolean;
  readonly #references: Reference[] = [];
  #bytes = new Uint8Array(64);
  size = 0;

  constructor(endian: Endian) {
    this.#little = endian === 'little';
  }

  bytes(bytes: ArrayLike<number>): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  u8(value: number): void {
    const at = this.#grow(1);
    this.#bytes[at] = value;
  }

  unsigned(value: number, size: 2 | 4 | 8): void {
    const at = this.#grow(size);
    const view = viewOf(this.#bytes);
    if (size === 2) view.setUint16(at, value, this.#little);
    else if (size === 4) view.setUint32(at, value, this.#little);
    else view.setBigUint64(at, BigInt(value), this.#little);
  }

  /** The address of a place, or its offset in its section where that is not loaded. */
  address(section: SectionBuilder, offset: number, size: 4 | 8): void {
    this.#references.push({ at: this.#grow(size), size, section, offset });
  }

  append(other: Chunk): void {
    for (const reference of other.#references)
      this.#references.push({ ...reference, at: reference.at + this.size });
    this.bytes(other.#bytes.subarray(0, other.size));
  }

  #grow(more: number): number {
    const at = this.size;
    this.size += more;
    if (this.size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.size, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    return at;
  }

  /** Writes all to the end of a section. */
  appendTo(assembler: Assembler, section: SectionBuilder): void {
    const before = assembler.current;
    assembler.current = section;
    const bytes = this.#bytes.subarray(0, this.size);
    let from = 0;
    for (const reference of this.#references) {
      section.append(bytes.subarray(from, reference.at));
      const value = placeOf(assembler, reference.section, reference.offset);
      assembler.data([{ kind: 'expr', value, start: value.start, end: value.end }], reference.size);
      from = reference.at + reference.size;
    }
    section.append(bytes.subarray(from));
    assembler.current = before;
  }
}

/** A place in a section as an expression: the section's beginning, which gets a name that no text can say. */
function placeOf(assembler: Assembler, section: SectionBuilder, offset: number): Expr {
  const name = `.L beginning of ${section.name}`;
  const range = { start: 0, end: 0 };
  const symbol = assembler.symbols.mention(name);
  symbol.section = section;
  symbol.defined = range;
  const left: Expr = { kind: 'name', name, ...range };
  const right: Expr = { kind: 'number', value: BigInt(offset), ...range };
  return { kind: 'binary', op: '+', left, right, ...range };
}
