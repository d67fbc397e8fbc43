import { SectionType } from '../object/relocatable.ts';
import { toHex, viewOf } from '../util/bytes.ts';
import { type RawElf, type RawSection, readRawElf, StringTable } from './file.ts';
import { EM_BPF, REL_SIZE, RELA_SIZE, SHN_ABS, SHN_COMMON, SYMBOL_SIZE } from './layout.ts';

export interface ReadelfOptions {
  /** What messages call the file; `elf` by default. */
  readonly name?: string;
  /** Which parts; all by default. */
  readonly parts?: readonly ReadelfPart[];
}

export type ReadelfPart = 'header' | 'sections' | 'relocations' | 'symbols';

/**
 * The file as `llvm-readelf -W` shows it: its header, sections, relocations (named as LLVM names
 * those of BPF) and symbols. With all parts it is what `-a` prints of an object.
 *
 * @throws {FormatError} as `parseElf`
 */
export function readelf(bytes: Uint8Array, options: ReadelfOptions = {}): string {
  const elf = readRawElf(bytes, options.name ?? 'elf');
  const printers: Record<ReadelfPart, (elf: RawElf) => string[]> = {
    header: headerLines,
    sections: sectionLines,
    relocations: relocationLines,
    symbols: symbolLines,
  };
  if (options.parts) return `${options.parts.flatMap((part) => printers[part](elf)).join('\n')}\n`;
  const lines = [
    ...headerLines(elf),
    ...sectionLines(elf),
    '',
    'There are no program headers in this file.',
    '',
    ' Section to Segment mapping:',
    '  Segment Sections...',
    `   None   ${elf.sections
      .slice(1)
      .map(({ name }) => `${name} `)
      .join('')}`,
    ...relocationLines(elf),
    ...symbolLines(elf),
    'There are no section groups in this file.',
  ];
  return `${lines.join('\n')}\n`;
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

function headerLines({ reader, endian }: RawElf): string[] {
  const row = (label: string, value: string | number): string => `  ${`${label}:`.padEnd(35)}${value}`;
  const machine = reader.u16(18, 'header/e_machine');
  return [
    'ELF Header:',
    `  Magic:   ${toHex(reader.bytes.subarray(0, 16), ' ')}`,
    row('Class', 'ELF64'),
    row('Data', `2's complement, ${endian} endian`),
    row('Version', '1 (current)'),
    row('OS/ABI', 'UNIX - System V'),
    row('ABI Version', reader.u8(8, 'header/e_ident')),
    row('Type', 'REL (Relocatable file)'),
    row('Machine', machine === EM_BPF ? 'EM_BPF' : 'None'),
    row('Version', `0x${reader.u32(20, 'header/e_version').toString(16)}`),
    row('Entry point address', `0x${reader.u64(24, 'header/e_entry').toString(16)}`),
    row('Start of program headers', `${reader.u64(32, 'header/e_phoff')} (bytes into file)`),
    row('Start of section headers', `${reader.u64(40, 'header/e_shoff')} (bytes into file)`),
    row('Flags', `0x${reader.u32(48, 'header/e_flags').toString(16)}`),
    row('Size of this header', `${reader.u16(52, 'header/e_ehsize')} (bytes)`),
    row('Size of program headers', `${reader.u16(54, 'header/e_phentsize')} (bytes)`),
    row('Number of program headers', reader.u16(56, 'header/e_phnum')),
    row('Size of section headers', `${reader.u16(58, 'header/e_shentsize')} (bytes)`),
    row('Number of section headers', reader.u16(60, 'header/e_shnum')),
    row('Section header string table index', reader.u16(62, 'header/e_shstrndx')),
  ];
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(SectionType).map(([name, value]) => [value, name]),
);

/** `sh_flags` bits and the letters that stand for them. */
const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [0x1, 'W'],
  [0x2, 'A'],
  [0x4, 'X'],
  [0x10, 'M'],
  [0x20, 'S'],
  [0x40, 'I'],
  [0x80, 'L'],
  [0x100, 'O'],
  [0x200, 'G'],
  [0x400, 'T'],
  [0x800, 'C'],
  [0x200000, 'R'],
  [0x80000000, 'E'],
];

function flagLetters(flags: number): string {
  return FLAG_LETTERS.filter(([bit]) => Math.floor(flags / bit) % 2 === 1)
    .map(([, letter]) => letter)
    .join('');
}

function sectionLines({ reader, sections }: RawElf): string[] {
  const offset = reader.u64(40, 'header/e_shoff').toString(16);
  return [
    `There are ${sections.length} section headers, starting at offset 0x${offset}:`,
    '',
    'Section Headers:',
    '  [Nr] Name              Type            Address          Off    Size   ES Flg Lk Inf Al',
    ...sections.map(sectionLine),
    'Key to Flags:',
    '  W (write), A (alloc), X (execute), M (merge), S (strings), I (info),',
    '  L (link order), O (extra OS processing required), G (group), T (TLS),',
    '  C (compressed), x (unknown), o (OS specific), E (exclude),',
    '  R (retain), p (processor specific)',
  ];
}

function sectionLine(section: RawSection): string {
  const { index, name, type, flags, offset, size, entrySize, link, info, align } = section;
  const typeName = TYPE_NAMES.get(type) ?? `0x${hex(type, 8)}`;
  // A long name moves the next column and not those behind it.
  const named = `${`  [${String(index).padStart(2)}] ${name}`.padEnd(24)} ${typeName}`.padEnd(40);
  const columns = [
    named,
    hex(0, 16),
    hex(offset, 6),
    hex(size, 6),
    hex(entrySize, 2),
    flagLetters(flags).padStart(3),
    String(link).padStart(2),
    String(info).padStart(3),
    String(align).padStart(2),
  ];
  return columns.join(' ');
}

const RELOCATION_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'R_BPF_NONE'],
  [1, 'R_BPF_64_64'],
  [2, 'R_BPF_64_ABS64'],
  [3, 'R_BPF_64_ABS32'],
  [4, 'R_BPF_64_NODYLD32'],
  [10, 'R_BPF_64_32'],
]);

/** A symbol as its entry of the table says it. */
interface RawSymbol {
  readonly name: string;
  readonly value: bigint;
  readonly size: bigint;
  readonly info: number;
  readonly other: number;
  readonly shndx: number;
}

function symtabOf(elf: RawElf): RawSection | undefined {
  return elf.sections.find(({ type }) => type === SectionType.SYMTAB);
}

function symbolsOf(elf: RawElf, symtab: RawSection): RawSymbol[] {
  const names = new StringTable(elf.sections[symtab.link]?.bytes ?? new Uint8Array(), elf.reader);
  const view = viewOf(symtab.bytes);
  const little = elf.endian === 'little';
  const count = Math.floor(symtab.bytes.length / SYMBOL_SIZE);
  return Array.from({ length: count }, (_, index) => {
    const at = index * SYMBOL_SIZE;
    const info = view.getUint8(at + 4);
    const shndx = view.getUint16(at + 6, little);
    const name = names.text(view.getUint32(at, little), 'symbols', index, 'st_name');
    return {
      // A section's own symbol is called as the section is.
      name: name === '' && (info & 15) === STT_SECTION ? (elf.sections[shndx]?.name ?? '') : name,
      value: view.getBigUint64(at + 8, little),
      size: view.getBigUint64(at + 16, little),
      info,
      other: view.getUint8(at + 5),
      shndx,
    };
  });
}

const STT_SECTION = 3;
const SYMBOL_TYPES = ['NOTYPE', 'OBJECT', 'FUNC', 'SECTION', 'FILE', 'COMMON', 'TLS'];
const BINDINGS = ['LOCAL', 'GLOBAL', 'WEAK'];
const VISIBILITIES = ['DEFAULT', 'INTERNAL', 'HIDDEN', 'PROTECTED'];

function relocationLines(elf: RawElf): string[] {
  const symtab = symtabOf(elf);
  const symbols = symtab ? symbolsOf(elf, symtab) : [];
  const tables = elf.sections.filter(({ type }) => type === SectionType.REL || type === SectionType.RELA);
  if (tables.length === 0) return ['', 'There are no relocations in this file.'];
  return tables.flatMap((table) => {
    const isRela = table.type === SectionType.RELA;
    const count = Math.floor(table.bytes.length / (isRela ? RELA_SIZE : REL_SIZE));
    const addend = isRela ? ' + Addend' : '';
    return [
      '',
      `Relocation section '${table.name}' at offset 0x${table.offset.toString(16)} contains ${count} entries:`,
      `    Offset             Info             Type               Symbol's Value  Symbol's Name${addend}`,
      ...Array.from({ length: count }, (_, index) => relocationLine(elf, table, index, symbols)),
    ];
  });
}

function relocationLine(
  { endian }: RawElf,
  table: RawSection,
  index: number,
  symbols: readonly RawSymbol[],
): string {
  const isRela = table.type === SectionType.RELA;
  const at = index * (isRela ? RELA_SIZE : REL_SIZE);
  const view = viewOf(table.bytes);
  const little = endian === 'little';
  const info = view.getBigUint64(at + 8, little);
  const type = Number(info & 0xffff_ffffn);
  const symbol = symbols[Number(info >> 32n)];
  const offset = view.getBigUint64(at, little).toString(16).padStart(16, '0');
  const typeName = (RELOCATION_NAMES.get(type) ?? `Unknown (${type})`).padEnd(22);
  const head = `${offset}  ${info.toString(16).padStart(16, '0')} ${typeName}`;
  if (!symbol || info >> 32n === 0n) return head.trimEnd();
  const addend = isRela ? ` + ${view.getBigInt64(at + 16, little).toString(16)}` : '';
  return `${head} ${symbol.value.toString(16).padStart(16, '0')} ${symbol.name}${addend}`;
}

function symbolLines(elf: RawElf): string[] {
  const symtab = symtabOf(elf);
  if (!symtab) return [];
  const symbols = symbolsOf(elf, symtab);
  return [
    '',
    `Symbol table '${symtab.name}' contains ${symbols.length} entries:`,
    '   Num:    Value          Size Type    Bind   Vis       Ndx Name',
    ...symbols.map(symbolLine),
  ];
}

function symbolLine({ name, value, size, info, other, shndx }: RawSymbol, index: number): string {
  const place =
    shndx === 0 ? 'UND' : shndx === SHN_ABS ? 'ABS' : shndx === SHN_COMMON ? 'COM' : String(shndx);
  const columns = [
    `${String(index).padStart(6)}:`,
    value.toString(16).padStart(16, '0'),
    String(size).padStart(5),
    (SYMBOL_TYPES[info & 15] ?? `<unknown>: ${info & 15}`).padEnd(7),
    (BINDINGS[info >> 4] ?? `<unknown>: ${info >> 4}`).padEnd(6),
    VISIBILITIES[other & 3]!.padEnd(7),
    place.padStart(5),
    name,
  ];
  return columns.join(' ');
}
