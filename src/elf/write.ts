import { type RelocatableObject, type SectionRelocation, SectionType } from '../object/relocatable.ts';
import { alignUp, type Endian, viewOf } from '../util/bytes.ts';
import { checkRange, TsbpfError } from '../util/errors.ts';
import { struct, u16, u32, u64 } from '../util/struct.ts';
import {
  ELF_HEADER_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  EM_BPF,
  ET_REL,
  EV_CURRENT,
  REL_SIZE,
  RELA_SIZE,
  SECTION_HEADER_SIZE,
  SHN_LORESERVE,
  SYMBOL_SIZE,
} from './layout.ts';
import { StringTableBuilder } from './write-strings.ts';
import { localsFirst, symbolTable } from './write-symbols.ts';

/** What follows the 16 bytes of `e_ident`. */
const elfHeader = struct('elf/header', {
  type: u16,
  machine: u16,
  version: u32,
  entry: u64,
  phoff: u64,
  shoff: u64,
  flags: u32,
  ehsize: u16,
  phentsize: u16,
  phnum: u16,
  shentsize: u16,
  shnum: u16,
  shstrndx: u16,
});

const sectionHeader = struct('elf/section', {
  name: u32,
  type: u32,
  flags: u64,
  addr: u64,
  offset: u64,
  size: u64,
  link: u32,
  info: u32,
  addralign: u64,
  entsize: u64,
});

/** A section as it will stand in the file, its place still open. */
interface OutSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
}

/**
 * Writes an ELF64 relocatable file for BPF: the null section, the object's sections in their
 * order, one `.rel<section>` for each that has relocations, `.symtab` with its local symbols
 * first, and `.strtab` for the names of symbols and sections alike.
 *
 * @throws {TsbpfError} `ELF_BAD_SECTION`, `ELF_BAD_SYMBOL`, `ELF_BAD_RELOCATION` for an object that no file can hold
 */
export function writeElf(object: RelocatableObject): Uint8Array {
  checkObject(object);
  const { endian } = object;
  const strings = new StringTableBuilder();
  const order = localsFirst(object.symbols);
  const relocated = groupBySection(object);
  const symtabIndex = 1 + object.sections.length + relocated.size;
  const sections: OutSection[] = [
    { ...EMPTY, name: '' },
    ...object.sections.map((section) => ({
      ...section,
      // The two kinds that speak of symbols by number.
      link: section.type === SectionType.LLVM_ADDRSIG || section.type === SectionType.GROUP ? symtabIndex : 0,
      info: 0,
    })),
  ];
  for (const [section, entries] of relocated)
    sections.push(relocationSection(object, section, entries, order.numbers, symtabIndex));
  sections.push({
    ...EMPTY,
    name: '.symtab',
    type: SectionType.SYMTAB,
    ...sized(symbolTable(object, order.numbers, strings)),
    link: symtabIndex + 1,
    info: 1 + order.locals,
    align: 8,
    entrySize: SYMBOL_SIZE,
  });
  const names = [...sections.map((section) => strings.add(section.name)), strings.add('.strtab')];
  sections.push({ ...EMPTY, name: '.strtab', type: SectionType.STRTAB, ...sized(strings.bytes()), align: 1 });
  return layOut(sections, names, endian);
}

/** `sh_info` holds a section's number. */
const SHF_INFO_LINK = 0x40;

const EMPTY: OutSection = {
  name: '',
  type: SectionType.NULL,
  flags: 0,
  bytes: new Uint8Array(),
  size: 0,
  link: 0,
  info: 0,
  align: 0,
  entrySize: 0,
};

function sized(bytes: Uint8Array): { bytes: Uint8Array; size: number } {
  return { bytes, size: bytes.length };
}

const madeAnew = new Set<number>([SectionType.NULL, SectionType.SYMTAB, SectionType.REL, SectionType.RELA]);

/** The file grows by up to this much for every section; no machine has larger pages than a megabyte in BPF's reach. */
const MAX_ALIGN = 2 ** 20;

function checkObject({ sections, symbols, relocations }: RelocatableObject): void {
  const fail = (code: string, message: string): TsbpfError => new TsbpfError(code, message);
  // One relocation section each and three more must stay below the reserved numbers.
  checkRange('sections', sections.length, 0, (SHN_LORESERVE - 4) / 2);
  for (const { name, type, bytes, size, align } of sections) {
    checkRange(`section ${name}: alignment`, align, 0, MAX_ALIGN);
    if (madeAnew.has(type))
      throw fail('ELF_BAD_SECTION', `section ${name} is of type ${type}, which the writer makes itself`);
    if (type === SectionType.NOBITS ? bytes.length > 0 : bytes.length !== size)
      throw fail('ELF_BAD_SECTION', `section ${name} says ${size} bytes and has ${bytes.length}`);
  }
  for (const { name, section } of symbols) {
    if (typeof section === 'number' && !(section >= 0 && section < sections.length))
      throw fail(
        'ELF_BAD_SYMBOL',
        `symbol ${name} is in section ${section}, but there are ${sections.length}`,
      );
  }
  for (const { section, symbol } of relocations) {
    if (!(section >= 0 && section < sections.length) || !(symbol >= -1 && symbol < symbols.length))
      throw fail(
        'ELF_BAD_RELOCATION',
        `a relocation of section ${section} against symbol ${symbol} names what is not there`,
      );
  }
}

function groupBySection({
  relocations,
}: RelocatableObject): ReadonlyMap<number, readonly SectionRelocation[]> {
  const groups = new Map<number, SectionRelocation[]>();
  for (const relocation of relocations) {
    const group = groups.get(relocation.section);
    if (group) group.push(relocation);
    else groups.set(relocation.section, [relocation]);
  }
  return groups;
}

/** REL, or RELA where an addend does not stand in the relocated field. */
function relocationSection(
  { sections, endian }: RelocatableObject,
  section: number,
  entries: readonly SectionRelocation[],
  numbers: Uint32Array,
  symtabIndex: number,
): OutSection {
  const rela = entries.some(({ addend }) => addend !== 0);
  const entrySize = rela ? RELA_SIZE : REL_SIZE;
  const bytes = new Uint8Array(entries.length * entrySize);
  const view = viewOf(bytes);
  const little = endian === 'little';
  for (const [index, { offset, type, symbol, addend }] of entries.entries()) {
    const at = index * entrySize;
    const number = symbol < 0 ? 0 : numbers[symbol]!;
    view.setBigUint64(at, BigInt(offset), little);
    view.setBigUint64(at + 8, (BigInt(number) << 32n) | BigInt(type), little);
    if (rela) view.setBigInt64(at + 16, BigInt(addend), little);
  }
  return {
    name: `${rela ? '.rela' : '.rel'}${sections[section]!.name}`,
    type: rela ? SectionType.RELA : SectionType.REL,
    flags: SHF_INFO_LINK,
    ...sized(bytes),
    link: symtabIndex,
    info: section + 1,
    align: 8,
    entrySize,
  };
}

function layOut(sections: readonly OutSection[], names: readonly number[], endian: Endian): Uint8Array {
  const offsets: number[] = [];
  let end = ELF_HEADER_SIZE;
  for (const { type, bytes, align } of sections) {
    const offset = type === SectionType.NULL ? 0 : alignUp(end, align);
    offsets.push(offset);
    if (bytes.length > 0) end = offset + bytes.length;
  }
  const tableOffset = alignUp(end, 8);
  const out = new Uint8Array(tableOffset + sections.length * SECTION_HEADER_SIZE);
  const data = endian === 'little' ? ELFDATA2LSB : ELFDATA2MSB;
  out.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, data, EV_CURRENT]);
  out.set(
    elfHeader.encode(
      {
        type: ET_REL,
        machine: EM_BPF,
        version: EV_CURRENT,
        shoff: BigInt(tableOffset),
        ehsize: ELF_HEADER_SIZE,
        shentsize: SECTION_HEADER_SIZE,
        shnum: sections.length,
        shstrndx: sections.length - 1,
      },
      endian,
    ),
    16,
  );
  for (const [index, section] of sections.entries()) {
    out.set(section.bytes, section.bytes.length > 0 ? offsets[index]! : 0);
    out.set(
      headerBytes(section, names[index]!, offsets[index]!, endian),
      tableOffset + index * SECTION_HEADER_SIZE,
    );
  }
  return out;
}

function headerBytes(section: OutSection, name: number, offset: number, endian: Endian): Uint8Array {
  return sectionHeader.encode(
    {
      name,
      type: section.type,
      flags: BigInt(section.flags),
      offset: BigInt(offset),
      size: BigInt(section.size),
      link: section.link,
      info: section.info,
      addralign: BigInt(section.align),
      entsize: BigInt(section.entrySize),
    },
    endian,
  );
}
