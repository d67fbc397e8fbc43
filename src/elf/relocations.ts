import { type SectionRelocation, SectionType } from '../object/relocatable.ts';
import { viewOf } from '../util/bytes.ts';
import type { FormatError } from '../util/errors.ts';
import type { RawElf, RawSection } from './file.ts';
import { REL_SIZE, RELA_SIZE } from './layout.ts';

/**
 * The relocation tables of a file, each checked whole and read when its section's relocations are
 * asked for: a compiler's object has far more of them for its debug information than for its code.
 */
export class RelocationTables {
  readonly #elf: RawElf;
  readonly #symbols: number;
  readonly #tables: Map<number, RawSection[]> = new Map();
  readonly #read: Map<number, readonly SectionRelocation[]> = new Map();
  #all: readonly SectionRelocation[] | undefined;

  /**
   * @param symbols how many there are, the null symbol counted
   * @param places for each section of the file its index in the result, or -1
   */
  constructor(elf: RawElf, symbols: number, places: Int32Array) {
    this.#elf = elf;
    this.#symbols = symbols;
    for (const raw of elf.sections) {
      if (raw.type !== SectionType.REL && raw.type !== SectionType.RELA) continue;
      const section = this.#checkTable(raw, places);
      // Relocations of what is not kept have nothing to apply to.
      if (section < 0) continue;
      const tables = this.#tables.get(section);
      if (tables) tables.push(raw);
      else this.#tables.set(section, [raw]);
    }
  }

  /** Sorted by section, then offset. */
  all(): readonly SectionRelocation[] {
    this.#all ??= [...this.#tables.keys()].sort((a, b) => a - b).flatMap((section) => this.of(section));
    return this.#all;
  }

  of(section: number): readonly SectionRelocation[] {
    let entries = this.#read.get(section);
    if (!entries) {
      entries = this.#readSection(section);
      this.#read.set(section, entries);
    }
    return entries;
  }

  #fail(raw: RawSection, field: string, what: string): FormatError {
    return this.#elf.reader.error('ELF_BAD_RELOCATION', `sections/${raw.index}/${field}`, what);
  }

  /** Checks every entry without making anything of it. */
  #checkTable(raw: RawSection, places: Int32Array): number {
    const each = entrySize(raw);
    if (raw.bytes.length % each !== 0)
      throw this.#fail(raw, 'sh_size', `${raw.size} is no multiple of ${each}`);
    const section = raw.info === 0 ? undefined : places[raw.info];
    if (section === undefined)
      throw this.#fail(raw, 'sh_info', `is ${raw.info}, which is no section to relocate`);
    const { size } = this.#elf.sections[raw.info]!;
    const symbols = Math.max(1, this.#symbols);
    if (areInBounds(this.#elf, raw, size, symbols)) return section;
    const view = viewOf(raw.bytes);
    const little = this.#elf.endian === 'little';
    for (let at = 0; at < raw.bytes.length; at += each) {
      const offset = offsetAt(view, at, little);
      const symbol = view.getUint32(little ? at + 12 : at + 8, little);
      if (offset >= size || symbol >= symbols) throw this.#badEntry(raw, at / each, offset, symbol);
    }
    return section;
  }

  #badEntry(raw: RawSection, index: number, offset: number, symbol: number): FormatError {
    const target = this.#elf.sections[raw.info]!;
    const path = `entries/${index}`;
    if (offset >= target.size) {
      const what = `${offset} lies outside the ${target.size} bytes of ${target.name}`;
      return this.#fail(raw, `${path}/r_offset`, what);
    }
    return this.#fail(raw, `${path}/r_info`, `names symbol ${symbol}, but there are ${this.#symbols}`);
  }

  #readSection(section: number): readonly SectionRelocation[] {
    const out: SectionRelocation[] = [];
    for (const raw of this.#tables.get(section) ?? []) this.#readTable(raw, section, out);
    let sorted = true;
    for (let i = 1; sorted && i < out.length; i++) sorted = out[i - 1]!.offset <= out[i]!.offset;
    return sorted ? out : out.sort((a, b) => a.offset - b.offset);
  }

  #readTable(raw: RawSection, section: number, out: SectionRelocation[]): void {
    const each = entrySize(raw);
    const view = viewOf(raw.bytes);
    const little = this.#elf.endian === 'little';
    for (let at = 0; at < raw.bytes.length; at += each) {
      // Not frozen one by one: code may have one of these for most of its instructions.
      out.push({
        section,
        offset: offsetAt(view, at, little),
        type: view.getUint32(little ? at + 8 : at + 12, little),
        symbol: view.getUint32(little ? at + 12 : at + 8, little) - 1,
        addend:
          each === RELA_SIZE ? this.#addend(raw, view.getBigInt64(at + REL_SIZE, little), at / each) : 0,
      });
    }
  }

  #addend(raw: RawSection, value: bigint, index: number): number {
    const addend = Number(value);
    if (Number.isSafeInteger(addend)) return addend;
    throw this.#fail(raw, `entries/${index}/r_addend`, `${value} is larger than any file`);
  }
}

/**
 * Whether every entry names what is there, as it nearly always is; false also where the file's words are not
 * as the machine has them. Through a DataView the same cost 4 of 41 ns a slot of a whole read.
 */
function areInBounds({ endian }: RawElf, raw: RawSection, size: number, symbols: number): boolean {
  const { bytes } = raw;
  if (bytes.byteOffset % 4 !== 0 || (endian === 'little') !== HOST_IS_LITTLE) return false;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const each = entrySize(raw) / 4;
  const [low, high, symbol] = endian === 'little' ? [0, 1, 3] : [1, 0, 2];
  for (let at = 0; at < words.length; at += each)
    if (words[at + low]! >= size || words[at + high] !== 0 || words[at + symbol]! >= symbols) return false;
  return true;
}

const HOST_IS_LITTLE = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Inexact past 2^53, which lies outside of every section. */
function offsetAt(view: DataView, at: number, little: boolean): number {
  const high = view.getUint32(little ? at + 4 : at, little);
  const low = view.getUint32(little ? at : at + 4, little);
  return high === 0 ? low : high * 2 ** 32 + low;
}

function entrySize({ type }: RawSection): number {
  return type === SectionType.RELA ? RELA_SIZE : REL_SIZE;
}
