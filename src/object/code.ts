import { SLOT_SIZE } from '../isa/codec.ts';
import { viewOf } from '../util/bytes.ts';
import { type Context, firstFrom } from './context.ts';
import type { FunctionCut, FunctionTable } from './functions.ts';
import { hasAbsoluteAddends } from './gnu-addends.ts';
import { setSrc, setWide } from './insn-fields.ts';
import type { MapPlaces } from './map-places.ts';
import { misplacedMapHint } from './misplaced-map.ts';
import { type ElfSymbol, RelocationType, type SectionRelocation } from './relocatable.ts';
import type { Relocation } from './spec.ts';

/** Opcodes that relocations apply to (RFC 9669, sections 4.3 and 5.4). */
const LDDW = 0x18;
const CALL = 0x85;
/** `src` of a call within the program. */
const PSEUDO_CALL = 1;

export interface Code {
  /** A copy; the fields that relocations fill are zero, or -1 for calls. */
  readonly code: Uint8Array;
  readonly relocations: readonly Relocation[];
}

/** One function's code while its relocations are read. */
interface Site {
  readonly context: Context;
  readonly functions: FunctionTable;
  readonly maps: MapPlaces;
  readonly cut: FunctionCut;
  readonly code: Uint8Array;
  readonly view: DataView;
  readonly little: boolean;
  /** {@link hasAbsoluteAddends}. */
  readonly absoluteAddends: boolean;
}

/** Copies the functions' code and turns what refers out of it into relocations by name. */
export function readCodes(context: Context, functions: FunctionTable, maps: MapPlaces): Code[] {
  const absoluteAddends = hasAbsoluteAddends(context);
  // One buffer for all: making one for each cost 1.5 of 41 ns a slot of a whole read.
  const bytes = new Uint8Array(functions.all.reduce((total, { start, end }) => total + end - start, 0));
  let at = 0;
  return functions.all.map((cut) => {
    const code = bytes.subarray(at, at + cut.end - cut.start);
    code.set(context.object.sections[cut.section]!.bytes.subarray(cut.start, cut.end));
    at += code.length;
    return readCode(context, functions, maps, cut, code, absoluteAddends);
  });
}

function readCode(
  context: Context,
  functions: FunctionTable,
  maps: MapPlaces,
  cut: FunctionCut,
  code: Uint8Array,
  absoluteAddends: boolean,
): Code {
  const little = context.object.endian === 'little';
  const site: Site = { context, functions, maps, cut, code, view: viewOf(code), little, absoluteAddends };
  const relocations: Relocation[] = [];
  const entries = context.relocationsOf(cut.section);
  let next = firstFrom(entries, cut.start);
  // In bytes of the function; kept as a number, as nearly no instruction has one.
  const never = code.length + SLOT_SIZE;
  let due = next < entries.length ? entries[next]!.offset - cut.start : never;
  for (let byteOffset = 0; byteOffset < code.length; ) {
    const opcode = code[byteOffset]!;
    if (due < byteOffset + SLOT_SIZE) {
      const entry = entries[next++]!;
      due = next < entries.length ? entries[next]!.offset - cut.start : never;
      if (entry.type !== RelocationType.R_BPF_NONE) relocations.push(relocate(site, entry, byteOffset));
    } else if (
      opcode === CALL &&
      (little ? code[byteOffset + 1]! >> 4 : code[byteOffset + 1]! & 15) === PSEUDO_CALL
    ) {
      const relocation = relativeCall(site, byteOffset);
      if (relocation) relocations.push(relocation);
    }
    byteOffset += opcode === LDDW ? 2 * SLOT_SIZE : SLOT_SIZE;
  }
  return { code, relocations: Object.freeze(relocations) };
}

function fail(site: Site, byteOffset: number, message: string, hint?: string): Error {
  const path = `functions/${site.cut.name}/slots/${Math.floor(byteOffset / SLOT_SIZE)}`;
  return site.context.error('RELOCATION_UNKNOWN', path, message, hint);
}

function relocate(site: Site, entry: SectionRelocation, byteOffset: number): Relocation {
  if (entry.offset !== site.cut.start + byteOffset)
    throw fail(
      site,
      byteOffset,
      `a relocation points into the middle of an instruction, byte ${entry.offset}`,
    );
  const symbol = site.context.object.symbols[entry.symbol];
  if (!symbol) throw fail(site, byteOffset, 'a relocation names no symbol');
  const opcode = site.code[byteOffset];
  if (
    opcode === LDDW &&
    entry.type === RelocationType.R_BPF_64_64 &&
    byteOffset + SLOT_SIZE < site.code.length
  )
    return relocateLoad(site, symbol, entry, byteOffset);
  if (opcode === CALL && entry.type === RelocationType.R_BPF_64_32)
    return relocateCall(site, symbol, entry, byteOffset);
  throw fail(
    site,
    byteOffset,
    `a relocation of type ${entry.type} against ${nameOf(site, symbol)} cannot apply to opcode 0x${opcode!.toString(16)}`,
  );
}

/** R_BPF_64_32: the target is the symbol, and imm + 1 slots further (Linux, Documentation/bpf/llvm_reloc.rst). */
function relocateCall(
  site: Site,
  symbol: ElfSymbol,
  entry: SectionRelocation,
  byteOffset: number,
): Relocation {
  const { view, little, functions } = site;
  const slot = byteOffset / SLOT_SIZE;
  const imm = view.getInt32(byteOffset + 4, little);
  view.setInt32(byteOffset + 4, -1, little);
  setSrc(view, slot, site.context.object.endian, PSEUDO_CALL);
  if (typeof symbol.section !== 'number') return { kind: 'extern', slot, name: symbol.name };
  const isWhole = site.absoluteAddends && symbol.name !== '' && imm === symbol.value - 1;
  const offset = symbol.value + entry.addend + (isWhole ? 0 : (imm + 1) * SLOT_SIZE);
  const target = functions.startingAt(symbol.section, offset);
  if (target) return { kind: 'call', slot, target: target.name };
  throw fail(site, byteOffset, `calls byte ${offset} of ${nameOf(site, symbol)}, where no function begins`);
}

/** A call that the compiler resolved itself, as clang before version 10 did within a section. */
function relativeCall(site: Site, byteOffset: number): Relocation | undefined {
  const { view, little, cut, functions } = site;
  const slot = byteOffset / SLOT_SIZE;
  const offset = cut.start + byteOffset + (view.getInt32(byteOffset + 4, little) + 1) * SLOT_SIZE;
  const target = functions.startingAt(cut.section, offset);
  if (target) {
    view.setInt32(byteOffset + 4, -1, little);
    return { kind: 'call', slot, target: target.name };
  }
  // A subprogram without a symbol of its own stays where it is.
  if (offset >= cut.start && offset < cut.end) return undefined;
  throw fail(site, byteOffset, `calls byte ${offset} of its section, where no function begins`);
}

/** R_BPF_64_64: the symbol's address and the addend in imm, in bytes. */
function relocateLoad(
  site: Site,
  symbol: ElfSymbol,
  entry: SectionRelocation,
  byteOffset: number,
): Relocation {
  const { context, view, little, functions, maps } = site;
  const slot = byteOffset / SLOT_SIZE;
  const base = site.absoluteAddends && symbol.name !== '' ? 0 : symbol.value;
  const offset = base + entry.addend + view.getInt32(byteOffset + 4, little);
  setWide(view, slot, site.context.object.endian, 0, 0);
  setSrc(view, slot, site.context.object.endian, 0);
  const { section } = symbol;
  if (typeof section !== 'number') return { kind: 'extern', slot, name: symbol.name };
  switch (context.roles[section]!) {
    case 'code': {
      const target = functions.startingAt(section, offset);
      if (target) return { kind: 'functionAddress', slot, target: target.name };
      throw fail(
        site,
        byteOffset,
        `loads the address of byte ${offset} of ${nameOf(site, symbol)}, where no function begins`,
      );
    }
    case 'legacyMaps':
    case 'btfMaps': {
      const map = maps.mapAt(section, offset);
      if (map !== undefined) return { kind: 'map', slot, map };
      throw fail(
        site,
        byteOffset,
        `refers to byte ${offset} of ${nameOf(site, symbol)}, where no map begins`,
      );
    }
    case 'data':
    case 'merged':
    case 'arena':
      return loadOfData(site, symbol, section, offset, byteOffset);
    case 'jumpTables':
      throw context.error(
        'JUMP_TABLES',
        `functions/${site.cut.name}/slots/${slot}`,
        'jumps through a table, which takes an indirect jump (clang 22 and Linux 6.19 brought it) that is not supported here',
        'compile with -fno-jump-tables',
      );
    case 'structOps':
    case 'other':
      throw fail(
        site,
        byteOffset,
        `loads the address of ${nameOf(site, symbol)} in section ${context.object.sections[section]!.name}, which is no map, data or code`,
      );
  }
}

function loadOfData(
  site: Site,
  symbol: ElfSymbol,
  section: number,
  offset: number,
  byteOffset: number,
): Relocation {
  const { context, maps } = site;
  const { size, name } = context.object.sections[section]!;
  if (offset < 0 || offset > size)
    throw fail(site, byteOffset, `refers to byte ${offset} of ${name}, which has ${size}`);
  const hint = misplacedMapHint(context, section, symbol, offset, site.code, byteOffset, site.little);
  if (hint) throw context.error('MAP_MISPLACED', `maps/${symbol.name}`, hint.message, hint.hint);
  if (context.relocationsOf(section).length > 0) {
    const arena = context.roles[section] === 'arena';
    throw context.error(
      'DATA_POINTERS',
      `functions/${site.cut.name}/slots/${byteOffset / SLOT_SIZE}`,
      arena
        ? `${name} holds pointers as initial values, but an arena has its address only once it is loaded`
        : `${name} holds pointers, which have no meaning in a map: the kernel does not place data at fixed addresses`,
      arena ? 'let a program set them' : 'use a switch, or an array of offsets or of values',
    );
  }
  return { kind: 'mapValue', slot: byteOffset / SLOT_SIZE, map: maps.dataMap(section), offset };
}

function nameOf({ context }: Site, { name, section }: ElfSymbol): string {
  return name || (typeof section === 'number' ? context.object.sections[section]!.name : 'a nameless symbol');
}
