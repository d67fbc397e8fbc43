import { decodeText } from '../util/bytes.ts';
import { FormatError } from '../util/errors.ts';
import { ByteReader } from '../util/reader.ts';
import { ELFCLASS64, ELFDATA2LSB, SECTION_HEADER_SIZE, SYMBOL_SIZE } from './layout.ts';

// Ordinary programs and shared libraries, as far as probes need them: symbols, notes, and where in
// the file an address lies (gABI 4.1, "Program Header").

const PROGRAM_HEADER_SIZE = 56;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;
const SHT_NOTE = 7;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
/** A function that chooses the one that is really called (GNU). */
const STT_GNU_IFUNC = 10;

/** A function of a program or a library. */
export interface ExecutableSymbol {
  readonly name: string;
  /** Where it lies once loaded, before the loader moves it. */
  readonly address: number;
  /** Where it lies in the file. */
  readonly fileOffset: number;
  readonly size: number;
}

interface Segment {
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
}

interface Section {
  readonly type: number;
  readonly name: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

/** A note as it stands in the file. */
export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly bytes: Uint8Array;
}

/**
 * A program or shared library of a 64-bit little-endian machine.
 *
 * @example `readExecutable(bytes, '/bin/bash').symbol('readline')?.fileOffset`
 */
export class Executable {
  readonly path: string;
  readonly #reader: ByteReader;
  readonly #segments: readonly Segment[];
  readonly #sections: readonly Section[];
  readonly #names: Section | undefined;

  constructor(bytes: Uint8Array, path: string) {
    this.path = path;
    this.#reader = new ByteReader(bytes, 'little', path, 'ELF_');
    checkHeader(this.#reader, path);
    this.#segments = readSegments(this.#reader);
    this.#sections = readSections(this.#reader);
    checkOverlap(this.#reader, this.#sections);
    this.#names = this.#sections[this.#reader.u16(62, 'header/e_shstrndx')];
  }

  /**
   * Where in the file an address lies.
   *
   * @throws {FormatError} `ELF_ADDRESS` where no segment of the file holds it
   */
  fileOffset(address: number): number {
    const found = this.#segments.find(
      (segment) => address >= segment.address && address < segment.address + segment.fileSize,
    );
    if (found) return address - found.address + found.offset;
    throw new FormatError('ELF_ADDRESS', this.path, `nothing of it is loaded at 0x${address.toString(16)}`);
  }

  /** A section's bytes and address by its name. */
  section(name: string): { readonly address: number; readonly bytes: Uint8Array } | undefined {
    const found = this.#sections.find((section) => this.#sectionName(section) === name);
    return found && { address: found.address, bytes: this.#bytesOf(found) };
  }

  /** The function with a name; `sym@VERSION` asks for the name before the `@`. */
  symbol(name: string): ExecutableSymbol | undefined {
    const bare = name.replace(/@.*$/, '');
    for (const found of this.#functions((candidate) => candidate === bare)) return found;
    return undefined;
  }

  /** Every function that a predicate takes, each name once, the symbol table first. */
  symbols(wanted: (name: string) => boolean = () => true): ExecutableSymbol[] {
    const seen = new Map<string, ExecutableSymbol>();
    for (const symbol of this.#functions(wanted)) {
      if (!seen.has(symbol.name)) seen.set(symbol.name, symbol);
    }
    return [...seen.values()];
  }

  *#functions(wanted: (name: string) => boolean): Generator<ExecutableSymbol> {
    for (const type of [SHT_SYMTAB, SHT_DYNSYM]) {
      for (const section of this.#sections) {
        if (section.type === type) yield* this.#functionsOf(section, wanted);
      }
    }
  }

  *#functionsOf(table: Section, wanted: (name: string) => boolean): Generator<ExecutableSymbol> {
    const strings = this.#sections[table.link];
    if (!strings) return;
    const [symbols, texts] = [this.#bytesOf(table), this.#bytesOf(strings)];
    const view = new DataView(symbols.buffer, symbols.byteOffset, symbols.length);
    for (let at = 0; at + SYMBOL_SIZE <= symbols.length; at += SYMBOL_SIZE) {
      const kind = view.getUint8(at + 4) & 0xf;
      // Section 0 is another file's to define.
      if ((kind !== STT_FUNC && kind !== STT_GNU_IFUNC) || view.getUint16(at + 6, true) === 0) continue;
      const name = textAt(texts, view.getUint32(at, true));
      if (!wanted(name)) continue;
      const address = Number(view.getBigUint64(at + 8, true));
      const size = Number(view.getBigUint64(at + 16, true));
      const offset = this.#offsetOrNone(address);
      if (offset !== undefined) yield { name, address, fileOffset: offset, size };
    }
  }

  #offsetOrNone(address: number): number | undefined {
    const inSegment = this.#segments.some(
      (segment) => address >= segment.address && address < segment.address + segment.fileSize,
    );
    return inSegment ? this.fileOffset(address) : undefined;
  }

  /** The notes of its note sections. */
  notes(): ElfNote[] {
    return this.#sections
      .filter(({ type }) => type === SHT_NOTE)
      .flatMap((section, index) => parseNotes(this.#bytesOf(section), `${this.path}/notes/${index}`));
  }

  #sectionName({ name }: Section): string {
    return this.#names ? textAt(this.#bytesOf(this.#names), name) : '';
  }

  #bytesOf({ offset, size }: Section): Uint8Array {
    return this.#reader.slice(offset, size, 'sections/sh_offset');
  }
}

/** @throws {FormatError} `ELF_NOT_ELF`, `ELF_WRONG_CLASS`, `ELF_TRUNCATED` */
export function readExecutable(bytes: Uint8Array, path: string): Executable {
  return new Executable(bytes, path);
}

function checkHeader(reader: ByteReader, path: string): void {
  const { bytes } = reader;
  if (bytes.length < 64 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    throw new FormatError('ELF_NOT_ELF', path, 'is no ELF file', {
      hint: 'probes go into programs and shared libraries, not into scripts',
    });
  }
  if (bytes[4] !== ELFCLASS64 || bytes[5] !== ELFDATA2LSB) {
    throw new FormatError('ELF_WRONG_CLASS', path, 'is not a 64-bit little-endian program');
  }
}

function readSegments(reader: ByteReader): Segment[] {
  const table = reader.size64(32, 'header/e_phoff');
  const count = reader.u16(56, 'header/e_phnum');
  reader.need(table, count * PROGRAM_HEADER_SIZE, 'header/e_phnum');
  const segments: Segment[] = [];
  for (let index = 0; index < count; index++) {
    const at = table + index * PROGRAM_HEADER_SIZE;
    if (reader.u32(at, `segments/${index}/p_type`) !== PT_LOAD) continue;
    segments.push({
      offset: reader.size64(at + 8, `segments/${index}/p_offset`),
      address: reader.size64(at + 16, `segments/${index}/p_vaddr`),
      fileSize: reader.size64(at + 32, `segments/${index}/p_filesz`),
    });
  }
  return segments;
}

function readSections(reader: ByteReader): Section[] {
  const table = reader.size64(40, 'header/e_shoff');
  const count = table === 0 ? 0 : reader.u16(60, 'header/e_shnum');
  reader.need(table, count * SECTION_HEADER_SIZE, 'header/e_shnum');
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * SECTION_HEADER_SIZE;
    const path = (field: string): string => `sections/${index}/${field}`;
    return {
      name: reader.u32(at, path('sh_name')),
      type: reader.u32(at + 4, path('sh_type')),
      address: reader.size64(at + 16, path('sh_addr')),
      offset: reader.size64(at + 24, path('sh_offset')),
      size: reader.size64(at + 32, path('sh_size')),
      link: reader.u32(at + 40, path('sh_link')),
    };
  });
}

/** Tables laid over each other would make the same bytes be read many times. */
function checkOverlap(reader: ByteReader, sections: readonly Section[]): void {
  const tables = sections.filter(
    ({ type }) => type === SHT_SYMTAB || type === SHT_DYNSYM || type === SHT_NOTE,
  );
  const total = tables.reduce((sum, { size }) => sum + size, 0);
  if (total <= reader.length) return;
  throw reader.error(
    'ELF_OVERLAP',
    'sections',
    `hold ${total} bytes in a file of ${reader.length}: they overlap`,
  );
}

/** No symbol of a compiler is longer; without a bound a table of one text would be read over and over. */
const MAX_NAME_LENGTH = 4096;

function textAt(texts: Uint8Array, offset: number): string {
  let end = offset;
  const last = Math.min(texts.length, offset + MAX_NAME_LENGTH);
  while (end < last && texts[end] !== 0) end++;
  return decodeText(texts.subarray(offset, end));
}

const NOTE_HEADER_SIZE = 12;
const align4 = (size: number): number => (size + 3) & ~3;

function parseNotes(bytes: Uint8Array, path: string): ElfNote[] {
  const reader = new ByteReader(bytes, 'little', path, 'ELF_');
  const notes: ElfNote[] = [];
  for (let at = 0; at + NOTE_HEADER_SIZE <= bytes.length; ) {
    const field = (name: string): string => `${notes.length}/${name}`;
    const nameSize = reader.u32(at, field('n_namesz'));
    const size = reader.u32(at + 4, field('n_descsz'));
    const owner = decodeText(reader.slice(at + NOTE_HEADER_SIZE, nameSize, field('name'))).replace(
      /\0.*$/s,
      '',
    );
    const start = at + NOTE_HEADER_SIZE + align4(nameSize);
    notes.push({
      owner,
      type: reader.u32(at + 8, field('n_type')),
      bytes: reader.slice(start, size, field('desc')),
    });
    at = start + align4(size);
  }
  return notes;
}
