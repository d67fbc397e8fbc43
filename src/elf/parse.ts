import {
  type ElfSymbol,
  type RelocatableObject,
  type Section,
  SectionType,
  type SymbolBinding,
  type SymbolSection,
  type SymbolType,
  type SymbolVisibility,
} from '../object/relocatable.ts';
import { viewOf } from '../util/bytes.ts';
import type { FormatError } from '../util/errors.ts';
import type { ByteReader } from '../util/reader.ts';
import { type RawElf, type RawSection, readRawElf, StringTable } from './file.ts';
import {
  SHN_ABS,
  SHN_COMMON,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_SYMTAB_SHNDX,
  SYMBOL_SIZE,
} from './layout.ts';
import { RelocationTables } from './relocations.ts';

export interface ParseElfOptions {
  /** What messages call the file; `elf` by default. */
  readonly name?: string;
}

/**
 * Reads an ELF64 relocatable file for BPF, of either endianness, without judging what it holds.
 * The result's bytes are views into `bytes`.
 *
 * @throws {FormatError} with the path of the field that was wrong: `ELF_NOT_ELF`, `ELF_TRUNCATED`,
 *   `ELF_WRONG_CLASS`, `ELF_WRONG_MACHINE`, `ELF_NOT_RELOCATABLE`, `ELF_BAD_HEADER`, `ELF_OVERLAP`,
 *   `ELF_BAD_STRING`, `ELF_BAD_SYMBOL`, `ELF_BAD_RELOCATION`
 *
 * @example
 * ```ts
 * const object = parseElf(readFileSync('prog.o'));
 * object.sections.map((section) => section.name); // ['.text', 'xdp', 'license', …]
 * ```
 */
export function parseElf(bytes: Uint8Array, options: ParseElfOptions = {}): RelocatableObject {
  const elf = readRawElf(bytes, options.name ?? 'elf');
  const symtab = elf.sections.find((section) => section.type === SectionType.SYMTAB);
  const places = placeSections(elf, symtab);
  const tables = new RelocationTables(elf, symtab ? symtab.bytes.length / SYMBOL_SIZE : 0, places);
  const object: RelocatableObject = {
    endian: elf.endian,
    sections: Object.freeze(elf.sections.filter((raw) => places[raw.index]! >= 0).map(toSection)),
    symbols: Object.freeze(symtab ? readSymbols(elf, symtab, places) : []),
    get relocations() {
      return tables.all();
    },
  };
  // Not among what is compared and printed: it says nothing that `relocations` does not.
  Object.defineProperty(object, 'relocationsOf', { value: (section: number) => tables.of(section) });
  return Object.freeze(object);
}

/**
 * For each section of the file its index in the result, or -1 for those that symbols and
 * relocations stand for.
 */
function placeSections(elf: RawElf, symtab: RawSection | undefined): Int32Array {
  const places = new Int32Array(elf.sections.length).fill(-1);
  const names = elf.reader.u16(62, 'header/e_shstrndx');
  const left = new Set([0, names === SHN_XINDEX ? (elf.sections[0]?.link ?? 0) : names]);
  if (symtab) left.add(symtab.index).add(symtab.link);
  const dropped = new Set<number>([
    SectionType.NULL,
    SectionType.REL,
    SectionType.RELA,
    SHT_SYMTAB_SHNDX,
    SectionType.SYMTAB,
  ]);
  let next = 0;
  for (const { index, type } of elf.sections)
    if (!left.has(index) && !dropped.has(type)) places[index] = next++;
  return places;
}

function toSection(raw: RawSection): Section {
  const { name, type, flags, align, entrySize, bytes, size } = raw;
  return Object.freeze({ name, type, flags, align, entrySize, bytes, size });
}

const bindings: readonly (SymbolBinding | undefined)[] = ['local', 'global', 'weak'];
const types: readonly (SymbolType | undefined)[] = ['notype', 'object', 'func', 'section', 'file'];
const visibilities: readonly SymbolVisibility[] = ['default', 'internal', 'hidden', 'protected'];

function readSymbols(elf: RawElf, symtab: RawSection, places: Int32Array): ElfSymbol[] {
  const { reader } = elf;
  if (symtab.bytes.length % SYMBOL_SIZE !== 0)
    throw reader.error('ELF_BAD_SYMBOL', 'symtab/sh_size', `${symtab.size} is no multiple of ${SYMBOL_SIZE}`);
  const strings = elf.sections[symtab.link];
  if (strings?.type !== SectionType.STRTAB)
    throw reader.error('ELF_BAD_SYMBOL', 'symtab/sh_link', `is ${symtab.link}, which is no string table`);
  const names = new StringTable(strings.bytes, reader);
  const view = viewOf(symtab.bytes);
  const little = elf.endian === 'little';
  const wide = elf.sections.find(({ type, link }) => type === SHT_SYMTAB_SHNDX && link === symtab.index);
  const out: ElfSymbol[] = [];
  for (let at = SYMBOL_SIZE; at < symtab.bytes.length; at += SYMBOL_SIZE) {
    const index = at / SYMBOL_SIZE;
    const info = view.getUint8(at + 4);
    const number = sectionNumber(view.getUint16(at + 6, little), wide, index, little);
    out.push(
      Object.freeze({
        name: names.text(view.getUint32(at, little), 'symbols', index, 'st_name'),
        section: symbolSection(number, places, reader, index),
        value: offsetOf(view, at + 8, little, 'st_value', reader, index),
        size: offsetOf(view, at + 16, little, 'st_size', reader, index),
        // Numbers above those are of an operating system or a processor that BPF does not have: taken for the plainest.
        binding: bindings[info >> 4] ?? 'global',
        type: types[info & 15] ?? 'notype',
        visibility: visibilities[view.getUint8(at + 5) & 3]!,
      }),
    );
  }
  return out;
}

function badSymbol(reader: ByteReader, index: number, field: string, what: string): FormatError {
  return reader.error('ELF_BAD_SYMBOL', `symbols/${index}/${field}`, what);
}

function sectionNumber(shndx: number, wide: RawSection | undefined, index: number, little: boolean): number {
  const at = index * 4;
  if (shndx !== SHN_XINDEX || !wide || at + 4 > wide.bytes.length)
    return shndx < SHN_LORESERVE ? shndx : -shndx;
  return viewOf(wide.bytes).getUint32(at, little);
}

/** Reserved numbers come negative, so that a file of 65,000 sections keeps its own. */
function symbolSection(number: number, places: Int32Array, reader: ByteReader, index: number): SymbolSection {
  if (number === SHN_UNDEF) return 'undefined';
  if (number === -SHN_ABS) return 'absolute';
  if (number === -SHN_COMMON) return 'common';
  const place = places[number];
  if (place === undefined)
    throw badSymbol(
      reader,
      index,
      'st_shndx',
      `is ${Math.abs(number)}, but there are ${places.length} sections`,
    );
  // A symbol of a section that is not kept (a table's own section symbol) names a number, no place.
  return place < 0 ? 'absolute' : place;
}

function offsetOf(
  view: DataView,
  at: number,
  little: boolean,
  field: string,
  reader: ByteReader,
  index: number,
): number {
  const high = view.getUint32(little ? at + 4 : at, little);
  const low = view.getUint32(little ? at : at + 4, little);
  // 2^53 and more is no place in any file.
  if (high > 0x1f_ffff) {
    const value = `0x${high.toString(16)}${low.toString(16).padStart(8, '0')}`;
    throw badSymbol(reader, index, field, `${value} is larger than any file`);
  }
  return high === 0 ? low : high * 2 ** 32 + low;
}
