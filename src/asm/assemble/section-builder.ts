import { SectionFlag, SectionType } from '../../object/relocatable.ts';
import type { Expr, InsnStatement, Range } from '../syntax/ast.ts';

/** Something whose bytes depend on names that may be defined later. */
export type Item =
  | { readonly kind: 'insn'; readonly offset: number; readonly insn: InsnStatement }
  | { readonly kind: 'data'; readonly offset: number; readonly size: 1 | 2 | 4 | 8; readonly value: Expr };

/** What a `.section` line says. */
export interface SectionKind {
  readonly type: number;
  readonly flags: number;
  readonly entrySize: number;
}

const { WRITE, ALLOC, EXECINSTR } = SectionFlag;

/** What sections are when the text does not say (LLVM, `ELFAsmParser`): by the start of their names. */
const DEFAULTS: readonly (readonly [string, number, number])[] = [
  ['.text', SectionType.PROGBITS, ALLOC | EXECINSTR],
  ['.rodata', SectionType.PROGBITS, ALLOC],
  ['.data', SectionType.PROGBITS, ALLOC | WRITE],
  ['.bss', SectionType.NOBITS, ALLOC | WRITE],
  ['.note', SectionType.NOTE, 0],
];

export function defaultKind(name: string): SectionKind {
  for (const [prefix, type, flags] of DEFAULTS)
    if (name === prefix || name.startsWith(`${prefix}.`)) return { type, flags, entrySize: 0 };
  return { type: SectionType.PROGBITS, flags: 0, entrySize: 0 };
}

/**
 * Sections hold their bytes in memory, and one short line can ask for any number of zeros; BPF's
 * largest map of a data section is far below (Linux limits array maps to 2 GiB and programs to
 * 8 MB).
 */
export const MAX_SECTION_SIZE: number = 64 * 1024 * 1024;

/** A section while it grows. */
export class SectionBuilder {
  readonly name: string;
  /** Its place among the object's sections. */
  readonly index: number;
  readonly kind: SectionKind;
  /** False where the text left flags out; code in such a section makes it executable. */
  readonly explicit: boolean;
  readonly items: Item[] = [];
  align = 1;
  size = 0;
  hasCode = false;
  /** Where an instruction was first put at an offset that is no whole slot. */
  misaligned: Range | undefined;
  #bytes = new Uint8Array(256);
  #places = new Int32Array();

  constructor(name: string, index: number, kind: SectionKind, explicit: boolean) {
    this.name = name;
    this.index = index;
    this.kind = kind;
    this.explicit = explicit;
  }

  get stored(): boolean {
    return this.kind.type !== SectionType.NOBITS;
  }

  get flags(): number {
    if (this.explicit || !this.hasCode || this.kind.flags !== 0) return this.kind.flags;
    return ALLOC | EXECINSTR;
  }

  /** Appends zeros to be filled in later, and answers their offset. */
  reserve(size: number): number {
    const offset = this.size;
    this.size += size;
    if (this.stored && this.size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.size, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, offset));
      this.#bytes = grown;
    }
    return offset;
  }

  append(bytes: Uint8Array): void {
    const offset = this.reserve(bytes.length);
    if (this.stored) this.#bytes.set(bytes, offset);
  }

  fill(size: number, byte: number): void {
    const offset = this.reserve(size);
    if (this.stored && byte !== 0) this.#bytes.fill(byte, offset, offset + size);
  }

  /** Notes where in the text an instruction stands. */
  place(offset: number, at: number): void {
    const index = offset >> 3;
    if (index >= this.#places.length) {
      const grown = new Int32Array(Math.max(64, this.#places.length * 2, index + 1));
      grown.set(this.#places);
      this.#places = grown;
    }
    // 0 stands for bytes that no instruction of the text made.
    this.#places[index] = at + 1;
  }

  /** Where the text has the instruction at that offset, in the space of all texts. */
  placeOf(offset: number): number | undefined {
    const place = this.#places[offset >> 3] ?? 0;
    return place === 0 ? undefined : place - 1;
  }

  /** What is behind the section's bytes: its end may move with the next of them. */
  get buffer(): Uint8Array {
    return this.#bytes;
  }

  /** The bytes so far; a view, valid until more is appended. */
  bytes(): Uint8Array {
    return this.stored ? this.#bytes.subarray(0, this.size) : new Uint8Array();
  }
}
