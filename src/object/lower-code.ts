import { SLOT_SIZE } from '../isa/codec.ts';
import { viewOf } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import { setSrc, setWide } from './insn-fields.ts';
import type { ObjectDraft } from './object-draft.ts';
import { type ElfSymbol, RelocationType, SectionFlag } from './relocatable.ts';
import type { FunctionSpec, ObjectSpec, Relocation } from './spec.ts';

/** Opcodes that relocations apply to (RFC 9669, sections 4.3 and 5.4). */
const LDDW = 0x18;
const CALL = 0x85;
/** `src` of a call within the program; loaders turn it into a kernel call where the symbol is the kernel's. */
const PSEUDO_CALL = 1;

/** Where a function came to lie. */
export interface PlacedFunction {
  readonly spec: FunctionSpec;
  readonly section: number;
  readonly byteOffset: number;
  readonly symbol: ElfSymbol;
}

/** A section of code with its functions in their order. */
export interface PlacedSection {
  readonly name: string;
  readonly section: number;
  readonly code: Uint8Array;
  readonly functions: readonly PlacedFunction[];
}

/** What code may refer to, each by its name. */
export interface Targets {
  readonly functions: ReadonlyMap<string, PlacedFunction>;
  readonly maps: ReadonlyMap<string, ElfSymbol>;
  /** The symbol that a place of a data map is named by, and what is left to add to it. */
  data(map: string, offset: number): { readonly symbol: ElfSymbol; readonly addend: number } | undefined;
  extern(name: string): ElfSymbol;
}

/** Lays functions into the sections that they are titled for, in the order that they had there. */
export function placeFunctions(spec: ObjectSpec, draft: ObjectDraft): PlacedSection[] {
  const names = symbolNames(spec);
  const bySection = new Map<string, FunctionSpec[]>();
  for (const each of spec.functions.values()) {
    if (each.code.length === 0 || each.code.length % SLOT_SIZE !== 0)
      throw new TsbpfError(
        'FUNCTION_UNALIGNED',
        `function ${each.name} has ${each.code.length} bytes, which is no whole number of 8-byte instructions above 0`,
      );
    const list = bySection.get(each.section);
    if (list) list.push(each);
    else bySection.set(each.section, [each]);
  }
  return [...bySection].map(([name, list]) => {
    const ordered = [...list].sort((a, b) => a.sectionOffset - b.sectionOffset);
    const code = new Uint8Array(ordered.reduce((total, each) => total + each.code.length, 0));
    const section = draft.section({ name, flags: SectionFlag.ALLOC | SectionFlag.EXECINSTR, bytes: code });
    let byteOffset = 0;
    const functions = ordered.map((each): PlacedFunction => {
      code.set(each.code, byteOffset);
      const symbol = draft.symbol({
        name: names.get(each.name)!,
        section,
        value: byteOffset,
        size: each.code.length,
        type: 'func',
        binding: each.linkage === 'static' ? 'local' : each.linkage,
        visibility: each.hidden ? 'hidden' : 'default',
        ...(each.hidden ? { visibility: 'hidden' as const } : {}),
      });
      const placed = { spec: each, section, byteOffset, symbol };
      byteOffset += each.code.length;
      return placed;
    });
    return { name, section, code, functions };
  });
}

/**
 * A spec tells static functions of one name apart by a number; in a symbol table they need none.
 * The number goes only where a reader of the object would give the same numbers again.
 */
function symbolNames({ functions }: ObjectSpec): ReadonlyMap<string, string> {
  const plain = (each: FunctionSpec): string =>
    each.linkage === 'static' ? each.name.replace(/#\d+$/, '') : each.name;
  const inRank = [...functions.values()].sort(
    (a, b) => Number(a.linkage === 'static') - Number(b.linkage === 'static'),
  );
  const times = new Map<string, number>();
  const comeBack = inRank.every((each) => {
    const name = plain(each);
    const count = (times.get(name) ?? 0) + 1;
    times.set(name, count);
    return each.name === (count === 1 ? name : `${name}#${count}`);
  });
  return new Map([...functions.values()].map((each) => [each.name, comeBack ? plain(each) : each.name]));
}

/** Turns references by name back into relocations, as clang writes them. */
export function relocateCode(
  spec: ObjectSpec,
  draft: ObjectDraft,
  sections: readonly PlacedSection[],
  targets: Targets,
): void {
  for (const { code, functions } of sections) {
    const site: Site = { spec, draft, targets, code, view: viewOf(code) };
    for (const placed of functions)
      for (const relocation of placed.spec.relocations) relocate(site, placed, relocation);
  }
}

interface Site {
  readonly spec: ObjectSpec;
  readonly draft: ObjectDraft;
  readonly targets: Targets;
  /** Of the whole section. */
  readonly code: Uint8Array;
  readonly view: DataView;
}

function relocate(site: Site, placed: PlacedFunction, relocation: Relocation): void {
  const { targets } = site;
  const { slot } = relocation;
  switch (relocation.kind) {
    case 'call':
      relocateCall(site, placed, slot, functionOf(site, placed, slot, relocation.target));
      break;
    case 'functionAddress': {
      const target = functionOf(site, placed, slot, relocation.target);
      relocateLoad(site, placed, slot, ...reference(site, target));
      break;
    }
    case 'map': {
      const symbol = targets.maps.get(relocation.map);
      if (!symbol) throw missing(placed, slot, 'map', relocation.map);
      relocateLoad(site, placed, slot, symbol, 0);
      break;
    }
    case 'mapValue': {
      const place = targets.data(relocation.map, relocation.offset);
      if (!place) throw missing(placed, slot, 'data section', relocation.map);
      relocateLoad(site, placed, slot, place.symbol, place.addend);
      break;
    }
    case 'extern': {
      const symbol = targets.extern(relocation.name);
      if (placed.spec.code[slot * SLOT_SIZE] === CALL) writeCall(site, placed, slot, symbol, -1);
      else relocateLoad(site, placed, slot, symbol, 0);
      break;
    }
  }
}

function functionOf({ targets }: Site, placed: PlacedFunction, slot: number, name: string): PlacedFunction {
  const target = targets.functions.get(name);
  if (target) return target;
  throw missing(placed, slot, 'function', name);
}

function missing({ spec }: PlacedFunction, slot: number, noun: string, name: string): TsbpfError {
  return new TsbpfError(
    'RELOCATION_UNKNOWN',
    `slot ${slot} of ${spec.name} refers to the ${noun} ${name}, which the spec does not have`,
  );
}

/**
 * A static function is named by its section and its place there: libbpf takes no local symbol of
 * its own for one.
 */
function reference({ draft }: Site, target: PlacedFunction): [ElfSymbol, number] {
  const { symbol, section, byteOffset } = target;
  return symbol.binding === 'local' ? [draft.sectionSymbol(section), byteOffset] : [symbol, 0];
}

function relocateCall(site: Site, placed: PlacedFunction, slot: number, target: PlacedFunction): void {
  const [symbol, addend] = reference(site, target);
  if (target.section !== placed.section || target.symbol.binding !== 'local') {
    writeCall(site, placed, slot, symbol, addend / SLOT_SIZE - 1);
    return;
  }
  // Within a section the way to a static function is fixed, and needs no relocation.
  const next = placed.byteOffset / SLOT_SIZE + slot + 1;
  writeCall(site, placed, slot, undefined, target.byteOffset / SLOT_SIZE - next);
}

function writeCall(
  site: Site,
  placed: PlacedFunction,
  slot: number,
  symbol: ElfSymbol | undefined,
  imm: number,
): void {
  const at = checkOpcode(site, placed, slot, CALL, 'call');
  setSrc(site.view, at / SLOT_SIZE, site.spec.endian, PSEUDO_CALL);
  site.view.setInt32(at + 4, imm, site.spec.endian === 'little');
  if (symbol) site.draft.relocate(placed.section, at, RelocationType.R_BPF_64_32, symbol);
}

function relocateLoad(
  site: Site,
  placed: PlacedFunction,
  slot: number,
  symbol: ElfSymbol,
  addend: number,
): void {
  const at = checkOpcode(site, placed, slot, LDDW, 'lddw');
  setSrc(site.view, at / SLOT_SIZE, site.spec.endian, 0);
  setWide(site.view, at / SLOT_SIZE, site.spec.endian, addend, 0);
  site.draft.relocate(placed.section, at, RelocationType.R_BPF_64_64, symbol);
}

function checkOpcode(
  { code }: Site,
  { spec, byteOffset }: PlacedFunction,
  slot: number,
  opcode: number,
  name: string,
): number {
  const within = slot * SLOT_SIZE;
  const last = within + (opcode === LDDW ? 2 : 1) * SLOT_SIZE;
  if (Number.isInteger(slot) && slot >= 0 && last <= spec.code.length && code[byteOffset + within] === opcode)
    return byteOffset + within;
  throw new TsbpfError(
    'RELOCATION_UNKNOWN',
    `slot ${slot} of ${spec.name} has a relocation, but no ${name} to apply it to`,
  );
}
