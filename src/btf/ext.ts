import { ByteReader } from '../util/reader.ts';
import type { Btf } from './btf.ts';
import { BTF_MAGIC, BTF_VERSION } from './layout.ts';

/** Which function starts at a byte offset of its section. */
export interface FuncInfoRecord {
  readonly byteOffset: number;
  /** A FUNC. */
  readonly type: number;
}

/** Which source line the code at a byte offset of its section comes from. Names are string offsets of the BTF. */
export interface LineInfoRecord {
  readonly byteOffset: number;
  readonly fileOffset: number;
  readonly textOffset: number;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
}

/** `struct bpf_core_relo` (Linux, `include/uapi/linux/bpf.h`). */
export interface CoreRelocationRecord {
  readonly byteOffset: number;
  readonly type: number;
  /** String offset of `0:1:2`. */
  readonly accessOffset: number;
  readonly kind: number;
}

/** The records of one part by the name of the section that they speak of; read when they are asked for. */
export interface ExtRecords<T> {
  readonly sections: readonly string[];
  /** Empty for a section that has none. */
  of(section: string): readonly T[];
  /**
   * The same records as the words that they are, those that are known of each one behind the other: an
   * object may have a line record for every instruction.
   */
  words(section: string): Uint32Array;
}

/** What a `.BTF.ext` says. */
export interface BtfExt {
  readonly functions: ExtRecords<FuncInfoRecord>;
  readonly lines: ExtRecords<LineInfoRecord>;
  readonly coreRelocations: ExtRecords<CoreRelocationRecord>;
}

/** Where the parts stand in the header, and the bytes that are known of a record. */
const parts = {
  functions: { at: 8, recordSize: 8, name: 'func_info' },
  lines: { at: 16, recordSize: 16, name: 'line_info' },
  coreRelocations: { at: 24, recordSize: 16, name: 'core_relo' },
} as const;

/** As the kernel's MAX_FUNCINFO_REC_SIZE and MAX_LINEINFO_REC_SIZE: 252 bytes are far more than any record needs. */
const MAX_RECORD_SIZE = 252;

/**
 * Reads a `.BTF.ext` section (Linux, `Documentation/bpf/btf.rst`, section 4). Records may be longer
 * than what is known of them; the rest is passed over.
 *
 * @param btf the BTF that its string offsets and types belong to
 * @throws {FormatError} `BTF_NOT_BTF`, `BTF_TRUNCATED`, `BTF_BAD_RECORD`
 */
export function parseBtfExt(bytes: Uint8Array, btf: Btf, path = 'BTF.ext'): BtfExt {
  const reader = new ByteReader(bytes, btf.endian, path, 'BTF_');
  if (reader.u16(0, 'header/magic') !== BTF_MAGIC)
    throw reader.error(
      'BTF_NOT_BTF',
      'header/magic',
      'is not that of BTF (0xeb9f), or of another endianness',
    );
  const version = reader.u8(2, 'header/version');
  if (version !== BTF_VERSION)
    throw reader.error('BTF_NOT_BTF', 'header/version', `is ${version}, but only ${BTF_VERSION} is known`);
  const headerSize = reader.u32(4, 'header/hdr_len');
  reader.need(0, headerSize, 'header/hdr_len');
  return {
    functions: readPart(reader, btf, headerSize, parts.functions, (at) => ({
      byteOffset: reader.u32(at, 'insn_off'),
      type: reader.u32(at + 4, 'type_id'),
    })),
    lines: readPart(reader, btf, headerSize, parts.lines, (at) => readLine(reader, at)),
    coreRelocations: readPart(reader, btf, headerSize, parts.coreRelocations, (at) => ({
      byteOffset: reader.u32(at, 'insn_off'),
      type: reader.u32(at + 4, 'type_id'),
      accessOffset: reader.u32(at + 8, 'access_str_off'),
      kind: reader.u32(at + 12, 'kind'),
    })),
  };
}

/** The last word of a line record holds the line in its upper 22 bits and the column in its lower 10. */
function readLine(reader: ByteReader, at: number): LineInfoRecord {
  const place = reader.u32(at + 12, 'line_col');
  return {
    byteOffset: reader.u32(at, 'insn_off'),
    fileOffset: reader.u32(at + 4, 'file_name_off'),
    textOffset: reader.u32(at + 8, 'line_off'),
    line: place >>> 10,
    column: place & 0x3ff,
  };
}

/** Some records that stand behind each other. */
interface Run {
  readonly at: number;
  readonly count: number;
}

/** Checks where the records of a part lie, and leaves reading them for later. */
function readPart<T>(
  reader: ByteReader,
  btf: Btf,
  headerSize: number,
  part: { readonly at: number; readonly recordSize: number; readonly name: string },
  read: (at: number) => T,
): ExtRecords<T> {
  const runs = new Map<string, Run[]>();
  // An older header ends before the CO-RE part.
  const length = headerSize < part.at + 8 ? 0 : reader.u32(part.at + 4, `header/${part.name}_len`);
  if (length === 0) return new LazyRecords(reader, runs, { size: 0, known: part.recordSize }, read);
  let at = headerSize + reader.u32(part.at, `header/${part.name}_off`);
  reader.need(at, length, `header/${part.name}_len`);
  const end = at + length;
  const recordSize = reader.u32(at, `${part.name}/rec_size`);
  if (recordSize < part.recordSize || recordSize > MAX_RECORD_SIZE || recordSize % 4 !== 0) {
    throw reader.error(
      'BTF_BAD_RECORD',
      `${part.name}/rec_size`,
      `is ${recordSize}, but must be a multiple of 4 from ${part.recordSize} to ${MAX_RECORD_SIZE}`,
    );
  }
  for (at += 4; at < end; ) {
    const section = btf.string(reader.u32(at, `${part.name}/sec_name_off`));
    const count = reader.u32(at + 4, `${part.name}/num_info`);
    at += 8;
    if (count * recordSize > end - at)
      throw reader.error(
        'BTF_TRUNCATED',
        `${part.name}/num_info`,
        `${count} records do not fit into the part`,
      );
    const known = runs.get(section);
    if (known) known.push({ at, count });
    else runs.set(section, [{ at, count }]);
    at += count * recordSize;
  }
  return new LazyRecords(reader, runs, { size: recordSize, known: part.recordSize }, read);
}

const NONE: readonly never[] = Object.freeze([]);

/** Bytes of a record, and those of them that are known. */
interface Sizes {
  readonly size: number;
  readonly known: number;
}

class LazyRecords<T> implements ExtRecords<T> {
  readonly #reader: ByteReader;
  readonly #runs: ReadonlyMap<string, readonly Run[]>;
  readonly #sizes: Sizes;
  readonly #read: (at: number) => T;
  readonly #known: Map<string, readonly T[]> = new Map();
  readonly #words: Map<string, Uint32Array> = new Map();

  constructor(
    reader: ByteReader,
    runs: ReadonlyMap<string, readonly Run[]>,
    sizes: Sizes,
    read: (at: number) => T,
  ) {
    this.#reader = reader;
    this.#runs = runs;
    this.#sizes = sizes;
    this.#read = read;
  }

  get sections(): readonly string[] {
    return [...this.#runs.keys()];
  }

  of(section: string): readonly T[] {
    let records = this.#known.get(section);
    if (!records) {
      records = this.#each(section, this.#read);
      this.#known.set(section, records);
    }
    return records;
  }

  words(section: string): Uint32Array {
    const known = this.#words.get(section);
    if (known) return known;
    const places = this.#each(section, (at) => at);
    const each = this.#sizes.known / 4;
    const words = new Uint32Array(places.length * each);
    for (const [index, at] of places.entries())
      for (let word = 0; word < each; word++)
        words[index * each + word] = this.#reader.u32(at + 4 * word, 'record');
    this.#words.set(section, words);
    return words;
  }

  #each<R>(section: string, read: (at: number) => R): readonly R[] {
    const out: R[] = [];
    for (const { at, count } of this.#runs.get(section) ?? NONE)
      for (let index = 0; index < count; index++) out.push(read(at + index * this.#sizes.size));
    return out;
  }
}
