import type { BtfBuilder } from '../btf/build.ts';
import type { CoreRelocationRecord, FuncInfoRecord, LineInfoRecord } from '../btf/ext.ts';
import { SLOT_SIZE } from '../isa/codec.ts';
import { TsbpfError } from '../util/errors.ts';
import { btfExtBytes, type ExtSection } from './btf-ext-bytes.ts';
import { BtfIndex } from './btf-index.ts';
import { type LoweredBtf, lowerBtf } from './lower-btf.ts';
import { type PlacedFunction, type PlacedSection, placeFunctions, relocateCode } from './lower-code.ts';
import { isFilledArena, lowerData, lowerLicense } from './lower-data.ts';
import { lowerLegacyMaps } from './lower-legacy.ts';
import { lowerStructOps } from './lower-struct-ops.ts';
import { ObjectDraft } from './object-draft.ts';
import { type ElfSymbol, type RelocatableObject, RelocationType, SectionFlag } from './relocatable.ts';
import type { ObjectSpec } from './spec.ts';

/**
 * Writes a spec as an object: the inverse of `collect` in meaning. Functions go into the sections
 * that they are titled for, in the order that they had; maps keep their kind of definition, and
 * those that come from the language or a builder are defined by types in `.maps`; the types keep
 * their numbers. What a spec does not know (DWARF, the order of sections, symbols that name nothing)
 * is not made up.
 *
 * @throws {TsbpfError} `RELOCATION_UNKNOWN` where a function refers to what the spec does not have,
 *   `FUNCTION_UNALIGNED`, `MAP_BAD_CONTENTS`, `BTF_MISSING`, `BTF_SPLIT`
 * @throws {OutOfRangeError} for a number that its field in a definition cannot hold
 *
 * @example
 * ```ts
 * writeFileSync('out.o', writeElf(lower(readObject(readFileSync('prog.o')))));
 * ```
 */
export function lower(spec: ObjectSpec): RelocatableObject {
  if (spec.btf && spec.btf.endian !== spec.endian)
    throw new TsbpfError(
      'BTF_MISSING',
      `the types are ${spec.btf.endian} endian, the code is ${spec.endian}`,
    );
  const index = spec.btf && new BtfIndex(spec.btf);
  const draft = new ObjectDraft();
  const sections = placeFunctions(spec, draft);
  const functions = new Map(
    sections.flatMap((section) => section.functions.map((placed) => [placed.spec.name, placed] as const)),
  );
  const btf = lowerBtf(spec, index);
  const maps = new Map([...lowerLegacyMaps(spec, draft, index), ...placeBtfMaps(draft, btf, functions)]);
  lowerStructOps(spec, draft, functions);
  const { data } = lowerData(spec, draft, index);
  lowerLicense(spec, draft, index);
  const extern = lowerExterns(spec, draft);
  relocateCode(spec, draft, sections, { functions, maps, data, extern });
  addTypes(spec, draft, sections, btf);
  return draft.finish(spec.endian);
}

/** The section `.maps`: zeros, symbols, and a pointer's relocation for every initial entry. */
function placeBtfMaps(
  draft: ObjectDraft,
  { maps, mapsSize }: LoweredBtf,
  functions: ReadonlyMap<string, PlacedFunction>,
): ReadonlyMap<string, ElfSymbol> {
  const symbols = new Map<string, ElfSymbol>();
  if (maps.length === 0) return symbols;
  const flags = SectionFlag.ALLOC | SectionFlag.WRITE;
  const section = draft.section({ name: '.maps', flags, bytes: new Uint8Array(mapsSize) });
  for (const { map, offset: value, size } of maps) {
    const { name } = map;
    symbols.set(name, draft.symbol({ name, section, value, size, type: 'object', binding: 'global' }));
  }
  for (const { map, valuesOffset } of maps) {
    for (const entry of isFilledArena(map) ? [] : map.contents) {
      if (entry.kind === 'bytes')
        throw new TsbpfError('MAP_BAD_CONTENTS', `map ${map.name} has contents that no object can hold`, {
          hint: 'an object can hold programs and maps; write other entries after the load',
        });
      const target = entry.kind === 'map' ? entry.map : entry.program;
      const symbol = entry.kind === 'map' ? symbols.get(target) : functions.get(target)?.symbol;
      if (!symbol)
        throw new TsbpfError(
          'RELOCATION_UNKNOWN',
          `entry ${entry.key} of map ${map.name} is the ${entry.kind} ${target}, which the spec does not have`,
        );
      draft.relocate(section, valuesOffset + 8 * entry.key, RelocationType.R_BPF_64_ABS64, symbol);
    }
  }
  return symbols;
}

/** Undefined symbols, also for externs that only a relocation names. */
function lowerExterns(spec: ObjectSpec, draft: ObjectDraft): (name: string) => ElfSymbol {
  const symbols = new Map<string, ElfSymbol>();
  const extern = (name: string): ElfSymbol => {
    let symbol = symbols.get(name);
    if (!symbol) {
      const binding = spec.externs.get(name)?.weak ? 'weak' : 'global';
      symbol = draft.symbol({ name, section: 'undefined', type: 'notype', binding });
      symbols.set(name, symbol);
    }
    return symbol;
  };
  for (const name of spec.externs.keys()) extern(name);
  return extern;
}

function addTypes(
  spec: ObjectSpec,
  draft: ObjectDraft,
  sections: readonly PlacedSection[],
  { builder, hasTypes }: LoweredBtf,
): void {
  const ext = btfExtBytes(
    sections.map((section) => extOf(spec, section, builder)),
    spec.endian,
  );
  if (ext || hasTypes) draft.section({ name: '.BTF', flags: 0, bytes: builder.build(spec.endian), align: 4 });
  if (ext) draft.section({ name: '.BTF.ext', flags: 0, bytes: ext, align: 4 });
}

/** What `.BTF.ext` says of a section, with places counted from its start. */
function extOf(
  spec: ObjectSpec,
  { name, functions: placed }: PlacedSection,
  builder: BtfBuilder,
): ExtSection {
  const functions: FuncInfoRecord[] = [];
  const lines: LineInfoRecord[] = [];
  const coreRelocations: CoreRelocationRecord[] = [];
  for (const { spec: each, byteOffset: start } of placed) {
    if (!spec.btf && (each.type !== undefined || each.coreRelocations.length > 0))
      throw new TsbpfError('BTF_MISSING', `function ${each.name} refers to types, but the spec has none`);
    if (each.type !== undefined) functions.push({ byteOffset: start, type: each.type });
    for (const { slot, file, text, line, column } of each.lines) {
      const [fileOffset, textOffset] = [builder.string(file), builder.string(text)];
      lines.push({ byteOffset: start + slot * SLOT_SIZE, fileOffset, textOffset, line, column });
    }
    for (const { slot, type, access, kind } of each.coreRelocations) {
      const accessOffset = builder.string(access);
      coreRelocations.push({ byteOffset: start + slot * SLOT_SIZE, type, accessOffset, kind });
    }
  }
  return { nameOffset: builder.string(name), functions, lines, coreRelocations };
}
