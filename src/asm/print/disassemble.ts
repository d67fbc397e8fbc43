import { decodeInsnAt, type Instruction, SLOT_SIZE } from '../../isa/codec.ts';
import {
  type ElfSymbol,
  type RelocatableObject,
  RelocationType,
  type Section,
  SectionFlag,
  type SectionRelocation,
} from '../../object/relocatable.ts';
import { toHex } from '../../util/bytes.ts';
import { formatInstruction, type InsnStyle } from './format.ts';
import { type ObjdumpInsn, objdumpInsn } from './objdump.ts';

export interface DisassembleOptions {
  /** Prints relocations below the instructions that they patch; true by default. */
  readonly relocations?: boolean;
  /** The file's name in the first line. */
  readonly name?: string;
  /** `llvm` by default; `mnemonic` is no longer what llvm-objdump prints. */
  readonly style?: InsnStyle;
}

/** A name at a place of a section. */
export interface Place {
  readonly address: number;
  readonly name: string;
}

/**
 * The code of an object as `llvm-objdump -d -r` prints it, byte for byte (LLVM 19), with a newline
 * at its end.
 */
export function disassemble(object: RelocatableObject, options: DisassembleOptions = {}): string {
  const out = [`\n${options.name ?? '<object>'}:\tfile format elf64-bpf\n`];
  for (const code of codeSections(object, options))
    out.push(new SectionPrinter(object, code, options.style ?? 'llvm').print());
  return out.join('');
}

/** A section that holds instructions, with what points into it. */
export interface CodeSection {
  readonly section: Section;
  /** By address, as objdump sorts them; the first is at 0 and may be the section itself. */
  readonly places: readonly Place[];
  /** By offset; empty where they are not wanted. */
  readonly relocations: readonly SectionRelocation[];
}

/** The sections that hold instructions, in the file's order. */
export function codeSections(object: RelocatableObject, options: DisassembleOptions = {}): CodeSection[] {
  const places = groupBy(object.symbols, ({ name, section }) => (name === '' ? undefined : section));
  const relocations = groupBy(
    options.relocations === false ? [] : object.relocations,
    ({ section }) => section,
  );
  return object.sections.flatMap((section, index) => {
    if ((section.flags & SectionFlag.EXECINSTR) === 0 || section.bytes.length === 0) return [];
    return {
      section,
      places: placesOf(section, places.get(index) ?? []),
      relocations: (relocations.get(index) ?? []).sort((a, b) => a.offset - b.offset),
    };
  });
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K | undefined): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function placesOf(section: Section, symbols: readonly ElfSymbol[]): Place[] {
  const places = symbols.map(({ name, value }) => ({ address: value, name }));
  places.sort((a, b) => a.address - b.address || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  if (places[0]?.address !== 0) places.unshift({ address: 0, name: section.name });
  return places;
}

/** `name`, `name+0x8` for an address; addresses before the first name wrap, as in a 64-bit machine. */
export function placeName(places: readonly Place[], address: number): string {
  let low = 0;
  let high = places.length - 1;
  const wrapped = address < 0;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (wrapped || places[middle]!.address <= address) low = middle;
    else high = middle - 1;
  }
  const place = places[low]!;
  const rest = BigInt.asUintN(64, BigInt(address - place.address));
  return rest === 0n ? place.name : `${place.name}+0x${rest.toString(16)}`;
}

/** The address that a jump leads to; undefined for what is no jump. */
export function jumpTarget(insn: Instruction, address: number): number | undefined {
  const { kind, imm } = insn.def;
  if (kind !== 'ja' && kind !== 'jcond' && kind !== 'mayGoto') return undefined;
  return address + SLOT_SIZE + (imm === 'branch' ? insn.imm : insn.off) * SLOT_SIZE;
}

const RELOCATION_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(RelocationType).map(([name, type]) => [type, name]),
);

/** Zeros that objdump does not print: at least this many at once, in whole words. */
const MIN_SKIPPED_ZEROS = 8;

function zerosAt(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === 0) at++;
  const count = at - start;
  return count < MIN_SKIPPED_ZEROS ? 0 : count & ~3;
}

/** As the table has it: what breaks its row's rules is not known. */
function mnemonicInsn(insn: Instruction): ObjdumpInsn {
  const { def } = insn;
  if (def.kind === 'unknown') return { text: '<unknown>', def: undefined, slots: 1 };
  return { text: formatInstruction(insn, { style: 'mnemonic' }), def, slots: def.slots };
}

class SectionPrinter {
  readonly #object: RelocatableObject;
  readonly #section: Section;
  readonly #places: readonly Place[];
  readonly #relocations: readonly SectionRelocation[];
  readonly #out: string[] = [];
  readonly #style: InsnStyle;
  #nextRelocation = 0;

  constructor(object: RelocatableObject, { section, places, relocations }: CodeSection, style: InsnStyle) {
    this.#style = style;
    this.#object = object;
    this.#section = section;
    this.#places = places;
    this.#relocations = relocations;
  }

  print(): string {
    const { name, bytes } = this.#section;
    this.#out.push(`\nDisassembly of section ${name}:\n`);
    for (let at = 0; at < this.#places.length; ) {
      const { address } = this.#places[at]!;
      if (address >= bytes.length) break;
      while (this.#places[at + 1]?.address === address) at++;
      const end = Math.min(this.#places[at + 1]?.address ?? bytes.length, bytes.length);
      this.#out.push(`\n${address.toString(16).padStart(16, '0')} <${this.#places[at]!.name}>:\n`);
      this.#range(address, end);
      at++;
    }
    return this.#out.join('');
  }

  #range(start: number, end: number): void {
    for (let at = start; at < end; ) {
      const pending = this.#relocations[this.#nextRelocation];
      const zeros = zerosAt(this.#section.bytes, at, pending ? Math.min(end, pending.offset) : end);
      if (zeros > 0) {
        this.#out.push('\t\t...\n');
        at += zeros;
        continue;
      }
      at += this.#insn(at);
      this.#relocationsBefore(at);
    }
  }

  /** Prints one instruction and answers its size. Where none fits in, objdump goes on byte by byte. */
  #insn(address: number): number {
    const { bytes } = this.#section;
    const room = bytes.length - address;
    if (room < SLOT_SIZE) return this.#line(address, 1, '<unknown>');
    const window = bytes.subarray(address, address + (room < 2 * SLOT_SIZE ? SLOT_SIZE : 2 * SLOT_SIZE));
    const insn = decodeInsnAt(window, 0, this.#object.endian);
    const { text, def, slots } = this.#style === 'llvm' ? objdumpInsn(insn) : mnemonicInsn(insn);
    if (slots * SLOT_SIZE > room) return this.#line(address, 1, '<unknown>');
    const target = def && jumpTarget({ ...insn, def }, address);
    const place = target === undefined ? '' : ` <${placeName(this.#places, target)}>`;
    return this.#line(address, slots * SLOT_SIZE, text + place);
  }

  #line(address: number, size: number, text: string): number {
    const slot = String(Math.floor(address / SLOT_SIZE)).padStart(8);
    const bytes = toHex(this.#section.bytes.subarray(address, address + size), ' ');
    this.#out.push(`${slot}:\t${bytes}\t${text}\n`);
    return size;
  }

  #relocationsBefore(end: number): void {
    for (;;) {
      const relocation = this.#relocations[this.#nextRelocation];
      if (!relocation || relocation.offset >= end) return;
      this.#nextRelocation++;
      const name = RELOCATION_NAMES.get(relocation.type) ?? 'Unknown';
      const offset = relocation.offset.toString(16).padStart(16, '0');
      this.#out.push(`\t\t${offset}:  ${name}\t${relocationTarget(this.#object, relocation)}\n`);
    }
  }
}

/** The symbol's name, or the section's for a section symbol. */
export function relocationTarget(object: RelocatableObject, relocation: SectionRelocation): string {
  const symbol = object.symbols[relocation.symbol];
  if (!symbol) return '';
  if (symbol.name !== '') return symbol.name;
  return typeof symbol.section === 'number' ? (object.sections[symbol.section]?.name ?? '') : '';
}
