import { SectionType } from '../object/relocatable.ts';
import { decodeText, type Endian, viewOf } from '../util/bytes.ts';
import { FormatError } from '../util/errors.ts';
import { ByteReader } from '../util/reader.ts';
import {
  ELF_HEADER_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  EM_BPF,
  EM_NONE,
  ET_REL,
  SECTION_HEADER_SIZE,
  SHN_XINDEX,
} from './layout.ts';
import { machineName } from './machines.ts';

/** A section's header and where its content lies, checked. */
export interface RawSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
  /** Empty for NOBITS. */
  readonly bytes: Uint8Array;
}

/** A file whose header and section headers have been read; section 0 is the null section. */
export interface RawElf {
  readonly reader: ByteReader;
  readonly endian: Endian;
  readonly sections: readonly RawSection[];
}

const MAGIC = [0x7f, 0x45, 0x4c, 0x46];

/** @throws {FormatError} `ELF_NOT_ELF`, `ELF_TRUNCATED`, `ELF_WRONG_CLASS`, `ELF_WRONG_MACHINE`, `ELF_NOT_RELOCATABLE` … */
export function readRawElf(bytes: Uint8Array, path: string): RawElf {
  const endian = checkIdent(bytes, path);
  const reader = new ByteReader(bytes, endian, path, 'ELF_');
  reader.need(0, ELF_HEADER_SIZE, 'header');
  const machine = reader.u16(18, 'header/e_machine');
  if (machine !== EM_BPF && machine !== EM_NONE) {
    throw new FormatError(
      'ELF_WRONG_MACHINE',
      `${path}/header/e_machine`,
      `this is an object for ${machineName(machine)}, not for BPF`,
      { hint: 'compile with clang -target bpf' },
    );
  }
  const type = reader.u16(16, 'header/e_type');
  if (type !== ET_REL) {
    throw new FormatError(
      'ELF_NOT_RELOCATABLE',
      `${path}/header/e_type`,
      `is ${type}, but a BPF object is a relocatable file (${ET_REL})`,
      { hint: 'compile with -c and do not run a linker over it' },
    );
  }
  return { reader, endian, sections: readSections(reader) };
}

function checkIdent(bytes: Uint8Array, path: string): Endian {
  if (bytes.length < 16 || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw new FormatError('ELF_NOT_ELF', `${path}/header/e_ident`, 'is not that of an ELF file', {
      hint: looksLikeText(bytes) ? 'this looks like a text; an object file is wanted' : undefined,
    });
  }
  if (bytes[4] !== ELFCLASS64) {
    throw new FormatError(
      'ELF_WRONG_CLASS',
      `${path}/header/e_ident`,
      `is of class ${bytes[4]}, but BPF objects are 64-bit (class ${ELFCLASS64})`,
      { hint: 'compile with clang -target bpf' },
    );
  }
  if (bytes[5] === ELFDATA2LSB) return 'little';
  if (bytes[5] === ELFDATA2MSB) return 'big';
  throw new FormatError(
    'ELF_WRONG_CLASS',
    `${path}/header/e_ident`,
    `has data encoding ${bytes[5]}, but must have 1 (little endian) or 2 (big endian)`,
  );
}

function looksLikeText(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 64);
  return head.length > 0 && head.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
}

function readSections(reader: ByteReader): RawSection[] {
  const tableOffset = reader.size64(40, 'header/e_shoff');
  if (tableOffset === 0) return [];
  const entrySize = reader.u16(58, 'header/e_shentsize');
  if (entrySize !== SECTION_HEADER_SIZE)
    throw reader.error(
      'ELF_BAD_HEADER',
      'header/e_shentsize',
      `is ${entrySize}, but must be ${SECTION_HEADER_SIZE}`,
    );
  reader.need(tableOffset, SECTION_HEADER_SIZE, 'header/e_shoff');
  // Counts that do not fit into 16 bits stand in the null section's header (gABI, "Section Header Table").
  const count = reader.u16(60, 'header/e_shnum') || reader.size64(tableOffset + 32, 'sections/0/sh_size');
  const namesIndex16 = reader.u16(62, 'header/e_shstrndx');
  const namesIndex =
    namesIndex16 === SHN_XINDEX ? reader.u32(tableOffset + 40, 'sections/0/sh_link') : namesIndex16;
  reader.need(tableOffset, count * SECTION_HEADER_SIZE, 'header/e_shnum');
  const headers: Header[] = [];
  const view = viewOf(reader.bytes);
  let total = 0;
  for (let index = 0; index < count; index++) {
    const header = readHeader(reader, view, tableOffset + index * SECTION_HEADER_SIZE, index);
    total += header.bytes.length;
    headers.push(header);
  }
  // No compiler lays one section over another; a file that does would make its readers do the same work many times.
  if (total > reader.length)
    throw reader.error(
      'ELF_OVERLAP',
      'sections',
      `hold ${total} bytes in a file of ${reader.length}: they overlap`,
    );
  const names = headers[namesIndex];
  if (count > 0 && (names === undefined || (namesIndex !== 0 && names.type !== SectionType.STRTAB)))
    throw reader.error('ELF_BAD_HEADER', 'header/e_shstrndx', `is ${namesIndex}, which is no string table`);
  const table = new StringTable(names?.bytes ?? new Uint8Array(), reader);
  for (let index = 0; index < count; index++) {
    const nameOffset = view.getUint32(tableOffset + index * SECTION_HEADER_SIZE, reader.endian === 'little');
    headers[index]!.name = table.text(nameOffset, 'sections', index, 'sh_name');
  }
  return headers;
}

/** Its name comes last: the section with the names must be known first. */
type Header = { -readonly [K in keyof RawSection]: RawSection[K] };

/**
 * The whole table lies in the file, so that nothing here needs the path of a field until it is
 * wrong: making those of every header and symbol took 13 of 59 ns a slot of a whole read.
 */
function readHeader(reader: ByteReader, view: DataView, at: number, index: number): Header {
  const little = reader.endian === 'little';
  const type = view.getUint32(at + 4, little);
  const isNull = type === SectionType.NULL;
  const flags = u53(view, at + 8, little);
  const offset = isNull ? 0 : u53(view, at + 24, little);
  const size = isNull ? 0 : u53(view, at + 32, little);
  const align = u53(view, at + 48, little);
  const entrySize = u53(view, at + 56, little);
  const largest = Math.max(flags, offset, size, align, entrySize);
  const hasBytes = !isNull && type !== SectionType.NOBITS && size > 0;
  if (
    largest > Number.MAX_SAFE_INTEGER ||
    (hasBytes && (offset > reader.length || size > reader.length - offset))
  )
    refuseHeader(reader, at, index, type);
  return {
    index,
    name: '',
    type,
    flags,
    offset,
    size,
    link: view.getUint32(at + 40, little),
    info: view.getUint32(at + 44, little),
    align,
    entrySize,
    bytes: hasBytes ? reader.bytes.subarray(offset, offset + size) : new Uint8Array(),
  };
}

/** Inexact past 2^53. */
function u53(view: DataView, at: number, little: boolean): number {
  const high = view.getUint32(little ? at + 4 : at, little);
  const low = view.getUint32(little ? at : at + 4, little);
  return high === 0 ? low : high * 2 ** 32 + low;
}

/** Throws for the first field that is wrong. */
function refuseHeader(reader: ByteReader, at: number, index: number, type: number): void {
  const path = (field: string): string => `sections/${index}/${field}`;
  const isNull = type === SectionType.NULL;
  const offset = isNull ? 0 : reader.size64(at + 24, path('sh_offset'));
  const size = isNull ? 0 : reader.size64(at + 32, path('sh_size'));
  reader.size64(at + 8, path('sh_flags'));
  reader.size64(at + 48, path('sh_addralign'));
  reader.size64(at + 56, path('sh_entsize'));
  if (type !== SectionType.NOBITS) reader.need(offset, size, path('sh_offset'));
}

/** As for the strings of BTF: tails may be shared, a megabyte may not be decoded for each of its bytes. */
const MAX_STRING_SHARING = 16;

/** A string table's texts, each decoded once, the work bounded. */
export class StringTable {
  readonly #bytes: Uint8Array;
  readonly #reader: ByteReader;
  readonly #known: Map<number, string> = new Map([[0, '']]);
  #budget: number;

  constructor(bytes: Uint8Array, reader: ByteReader) {
    this.#bytes = bytes;
    this.#reader = reader;
    this.#budget = bytes.length * MAX_STRING_SHARING;
    if (bytes.length > 0 && bytes[0] !== 0) this.#known.delete(0);
  }

  /**
   * @param list, index, field what messages call it, put together only for one
   * @throws {FormatError} `ELF_BAD_STRING`
   */
  text(offset: number, list: string, index: number, field: string): string {
    const known = this.#known.get(offset);
    if (known !== undefined) return known;
    const end = offset < this.#bytes.length ? this.#bytes.indexOf(0, offset) : -1;
    if (end < 0) {
      throw this.#reader.error(
        'ELF_BAD_STRING',
        `${list}/${index}/${field}`,
        `no text ends with NUL at offset ${offset} of the ${this.#bytes.length} bytes of names`,
      );
    }
    this.#budget -= end - offset;
    if (this.#budget < 0)
      throw this.#reader.error(
        'ELF_BAD_STRING',
        `${list}/${index}/${field}`,
        'too many names lie over each other',
      );
    const text = decodeText(this.#bytes.subarray(offset, end));
    this.#known.set(offset, text);
    return text;
  }
}
