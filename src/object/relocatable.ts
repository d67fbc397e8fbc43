import type { Endian } from '../util/bytes.ts';

/** `sh_type` values that BPF objects use (System V ABI, gABI chapter 4). */
export const SectionType = {
  NULL: 0,
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  NOTE: 7,
  NOBITS: 8,
  REL: 9,
  GROUP: 17,
  LLVM_ADDRSIG: 0x6fff4c03,
} as const;

/** `sh_flags` bits. */
export const SectionFlag = {
  WRITE: 1,
  ALLOC: 2,
  EXECINSTR: 4,
  MERGE: 0x10,
  STRINGS: 0x20,
  GROUP: 0x200,
} as const;

/** Relocation types of EM_BPF (LLVM, `BPF.def`; Linux, `Documentation/bpf/llvm_reloc.rst`). */
export const RelocationType = {
  R_BPF_NONE: 0,
  /** A 64-bit immediate split over the imm fields of an `lddw`. */
  R_BPF_64_64: 1,
  /** A plain 64-bit word of data. */
  R_BPF_64_ABS64: 2,
  /** A plain 32-bit word of data. */
  R_BPF_64_ABS32: 3,
  /** As ABS32, in sections that no loader relocates (`.BTF`, `.BTF.ext`). */
  R_BPF_64_NODYLD32: 4,
  /** A call: imm, in slots relative to the next one. */
  R_BPF_64_32: 10,
} as const;
export type RelocationType = (typeof RelocationType)[keyof typeof RelocationType];

export type SymbolBinding = 'local' | 'global' | 'weak';
export type SymbolType = 'notype' | 'object' | 'func' | 'section' | 'file';
export type SymbolVisibility = 'default' | 'internal' | 'hidden' | 'protected';

/** A section as a file has it, without its place in the file. */
export interface Section {
  readonly name: string;
  /** `sh_type`; any number may come. */
  readonly type: number;
  readonly flags: number;
  readonly align: number;
  readonly entrySize: number;
  /** Empty for NOBITS, whose size is `size`. */
  readonly bytes: Uint8Array;
  /** In bytes; `bytes.length` but for NOBITS. */
  readonly size: number;
}

/** Where a symbol lives: an index into `sections`, or nowhere, or nowhere in particular. */
export type SymbolSection = number | 'undefined' | 'absolute' | 'common';

export interface ElfSymbol {
  /** Empty for section symbols. */
  readonly name: string;
  readonly section: SymbolSection;
  /** Byte offset in its section. */
  readonly value: number;
  /** Bytes; 0 where the compiler did not say. */
  readonly size: number;
  readonly binding: SymbolBinding;
  readonly type: SymbolType;
  readonly visibility: SymbolVisibility;
}

/** One relocation of one section. BPF uses REL: the addend stands in the relocated field. */
export interface SectionRelocation {
  /** Index into `sections` of what is patched. */
  readonly section: number;
  /** Byte offset in that section. */
  readonly offset: number;
  /** {@link RelocationType}; any number may come. */
  readonly type: number;
  /** Index into `symbols`; -1 where the relocation names none. */
  readonly symbol: number;
  /** Of a RELA entry; 0 for REL. */
  readonly addend: number;
}

/**
 * What a relocatable file says, nothing lost: arbitrary sections, symbols and relocations. The
 * symbol table, its strings, the section-name strings and the relocation sections are not among
 * `sections`: they are `symbols` and `relocations`, and a writer makes them anew.
 */
export interface RelocatableObject {
  readonly endian: Endian;
  readonly sections: readonly Section[];
  readonly symbols: readonly ElfSymbol[];
  /** Sorted by section, then offset. */
  readonly relocations: readonly SectionRelocation[];
  /**
   * The relocations of one section alone, sorted by offset. A reader of files offers it, because
   * most relocations of a compiler's object are those of debug information, which nobody needs.
   */
  readonly relocationsOf?: (section: number) => readonly SectionRelocation[];
}
