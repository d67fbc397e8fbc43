import type { Btf } from '../btf/btf.ts';
import { BtfBuilder } from '../btf/build.ts';
import { parseBtf } from '../btf/parse.ts';
import { kindOfRecord, mapRecord, readRecord } from '../btf/record.ts';
import type { BtfDatasec, BtfSectionVar } from '../btf/types.ts';
import { alignUp } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import type { BtfIndex } from './btf-index.ts';
import { collect } from './collect.ts';
import { KCONFIG_MAP } from './externs-kconfig.ts';
import { placesOfVariables } from './kernel-info.ts';
import { lowerMaps } from './lower-maps.ts';
import { structOpsSections } from './lower-struct-ops.ts';
import { type RelocatableObject, SectionFlag, SectionType } from './relocatable.ts';
import type { MapSpec, ObjectSpec } from './spec.ts';

const POINTER_SIZE = 8;

/** A map of `.maps` with the place and extent of its variable. */
interface LoweredBtfMap {
  readonly map: MapSpec;
  readonly offset: number;
  readonly size: number;
  /** Byte offset of its initial entries in the section. */
  readonly valuesOffset: number;
  /** Its VAR; unknown while new types are still being made. */
  readonly variable: number | undefined;
}

/** The section `.maps`, and the types of all. */
export interface LoweredBtf {
  readonly maps: readonly LoweredBtfMap[];
  /** Bytes of `.maps`. */
  readonly mapsSize: number;
  /** Holds all types, with the numbers that they have in the spec; strings may still be added. */
  readonly builder: BtfBuilder;
  /** False where neither the spec nor its maps need types. */
  readonly hasTypes: boolean;
}

/**
 * The spec's types with their numbers kept, DATASECs brought in line with where things lie, and
 * definitions added for maps that the types do not describe as they are.
 */
export function lowerBtf(spec: ObjectSpec, index: BtfIndex | undefined): LoweredBtf {
  const btf = index?.btf;
  if (btf?.base)
    throw new TsbpfError('BTF_SPLIT', `${btf.path} goes on from another BTF, which an object cannot carry`);
  const maps = [...spec.maps.values()].filter(
    ({ origin, structOps }) => origin !== 'data' && origin !== 'legacy' && !structOps,
  );
  const known = index ? describedMaps(spec, index, maps) : new Map<string, MapSpec>();
  const placed: LoweredBtfMap[] = [];
  let end = 0;
  for (const map of maps) {
    const definition = known.get(map.name);
    if (!definition) continue;
    const variable = index!.variables('.maps').get(map.name)!;
    const offset = alignUp(end, POINTER_SIZE);
    const { fixedSize, size } = extentOf(btf!, variable, map, definition);
    placed.push({ map, offset, size, valuesOffset: offset + fixedSize, variable });
    end = offset + size;
  }
  const base = alignUp(end, POINTER_SIZE);
  const fresh = maps.filter(({ name }) => !known.has(name));
  const additions = new BtfBuilder(btf ? { base: btf } : {});
  const lowered = fresh.length > 0 ? lowerMaps(fresh, additions, base) : undefined;
  for (const [nth, { offset, size }] of lowered?.maps.entries() ?? []) {
    const map = fresh[nth]!;
    // The initial entries are the last member, one pointer for each slot up to the last that is filled.
    const valuesOffset = base + offset + size - POINTER_SIZE * slotsOf(map);
    placed.push({ map, offset: base + offset, size, valuesOffset, variable: undefined });
  }
  const builder = joinTypes(
    spec,
    index,
    placed,
    lowered && parseBtf(additions.build(spec.endian), 'BTF', btf),
  );
  const mapsSize = lowered ? base + lowered.bytes.length : end;
  return { maps: placed, mapsSize, builder, hasTypes: btf !== undefined || lowered !== undefined };
}

function slotsOf(map: MapSpec): number {
  let slots = 0;
  for (const entry of map.contents) if (entry.kind !== 'bytes') slots = Math.max(slots, entry.key + 1);
  return slots;
}

/** Of these maps the ones that the types describe just so, each as they describe it. */
function describedMaps(
  spec: ObjectSpec,
  index: BtfIndex,
  maps: readonly MapSpec[],
): ReadonlyMap<string, MapSpec> {
  const variables = index.variables('.maps');
  const candidates = maps.filter(({ name }) => variables.has(name));
  const definitions = readDefinitions(spec, index.btf, candidates);
  const out = new Map<string, MapSpec>();
  for (const map of candidates) {
    const definition = definitions.get(map.name);
    if (definition && isSameMap(map, definition)) out.set(map.name, definition);
  }
  return out;
}

/** What the types say of maps, read as from an object that has nothing else. */
function readDefinitions(
  { endian }: ObjectSpec,
  btf: Btf,
  maps: readonly MapSpec[],
): ReadonlyMap<string, MapSpec> {
  const size = maps.length * POINTER_SIZE;
  const flags = SectionFlag.ALLOC | SectionFlag.WRITE;
  const plain = { align: POINTER_SIZE, entrySize: 0, type: SectionType.PROGBITS };
  const object: RelocatableObject = {
    endian,
    sections: [
      { ...plain, name: '.maps', flags, bytes: new Uint8Array(size), size },
      { ...plain, name: '.BTF', flags: 0, bytes: btf.bytes, size: btf.bytes.length },
    ],
    symbols: maps.map(({ name }, nth) => ({
      name,
      section: 0,
      value: nth * POINTER_SIZE,
      size: POINTER_SIZE,
      binding: 'global',
      type: 'object',
      visibility: 'default',
    })),
    relocations: [],
  };
  return collect(object).maps;
}

/** All but the contents, which stand outside of the types, and a length that comes from them. */
function isSameMap(map: MapSpec, definition: MapSpec): boolean {
  const fields = [
    'type',
    'keySize',
    'valueSize',
    'flags',
    'extra',
    'numaNode',
    'pinning',
    'key',
    'value',
  ] as const;
  if (!fields.every((field) => map[field] === definition[field])) return false;
  const isByContents = definition.maxEntries === 0 && slotsOf(map) > 0;
  if (map.maxEntries !== definition.maxEntries && !isByContents) return false;
  if (!map.inner || !definition.inner) return map.inner === definition.inner;
  return isSameMap(map.inner, definition.inner);
}

/** How large a map's variable is, and how many of its bytes stand before the initial entries. */
function extentOf(
  btf: Btf,
  variable: number,
  map: MapSpec,
  definition: MapSpec,
): { readonly fixedSize: number; readonly size: number } {
  const type = btf.resolve((btf.type(variable) as { readonly type: number }).type);
  const members = type.kind === 'struct' ? type.members : [];
  const values = members.find(({ name }) => name === 'values');
  const structSize = type.kind === 'struct' ? type.size : 0;
  const fixedSize = values ? values.offsetBits / 8 : structSize;
  const filled = slotsOf(map);
  const slots = definition.maxEntries === 0 && filled > 0 ? map.maxEntries : filled;
  return { fixedSize, size: Math.max(structSize, fixedSize + POINTER_SIZE * slots) };
}

/** One list of types: the spec's own, then those of new maps. */
function joinTypes(
  spec: ObjectSpec,
  index: BtfIndex | undefined,
  maps: readonly LoweredBtfMap[],
  additions: Btf | undefined,
): BtfBuilder {
  const builder = new BtfBuilder();
  const copy = (btf: Btf, id: number): void => {
    builder.record(
      mapRecord(
        readRecord(btf, id),
        (type) => type,
        (offset) => builder.string(btf.string(offset)),
      ),
    );
  };
  // lowerMaps ends with a DATASEC of its own, which goes into the one that is there.
  const ownSection = additions?.type(additions.typeCount - 1) as BtfDatasec | undefined;
  const merges = index?.section('.maps') !== undefined;
  if (index) {
    const { btf } = index;
    for (let id = btf.firstId; id < btf.typeCount; id++) {
      if (kindOfRecord(readRecord(btf, id)) !== 'datasec') copy(btf, id);
      else addSection(builder, spec, btf, btf.type(id) as BtfDatasec, maps, ownSection?.vars ?? []);
    }
  }
  if (additions) {
    const end = additions.typeCount - (merges ? 1 : 0);
    for (let id = additions.firstId; id < end; id++) copy(additions, id);
  }
  return builder;
}

function addSection(
  builder: BtfBuilder,
  spec: ObjectSpec,
  btf: Btf,
  section: BtfDatasec,
  maps: readonly LoweredBtfMap[],
  newMaps: readonly BtfSectionVar[],
): void {
  if (section.name !== '.maps') {
    const { size, vars } = placeVariables(spec, btf, section);
    builder.datasec(section.name, size, vars);
    return;
  }
  const known = maps.flatMap(({ variable, offset, size }) =>
    variable === undefined ? [] : [{ type: variable, offset, size }],
  );
  const externs = section.vars.filter(({ type }) => isExtern(btf, type));
  const vars = [...externs, ...known, ...newMaps];
  builder.datasec('.maps', Math.max(0, ...vars.map(({ offset, size }) => offset + size)), vars);
}

function isExtern(btf: Btf, id: number): boolean {
  const type = btf.type(id);
  return 'linkage' in type && type.linkage === 'extern';
}

/**
 * Clang leaves sizes and places open, to be filled in from the symbol table. That is left to
 * readers again where the section is written with all its symbols, and done here where the symbol
 * table cannot tell: libbpf refuses a DATASEC without a size whose section it does not find.
 */
function placeVariables(
  spec: ObjectSpec,
  btf: Btf,
  section: BtfDatasec,
): { readonly size: number; readonly vars: readonly BtfSectionVar[] } {
  const { name, vars } = section;
  const data = spec.maps.get(name);
  if (data?.origin === 'data' && name !== KCONFIG_MAP) {
    const places = placesOfVariables(spec, btf, section);
    return { size: data.valueSize, vars: vars.map((entry, index) => ({ ...entry, offset: places[index]! })) };
  }
  const structs = structOpsSections(spec).get(name);
  if (structs) {
    const offsets = new Map(structs.maps.map(({ map, offset }) => [map.name, offset]));
    const placed = vars.map((entry) => {
      const offset = offsets.get(btf.type(entry.type).name) ?? entry.offset;
      return { ...entry, offset };
    });
    return { size: structs.size, vars: placed };
  }
  const isWritten = (name === 'license' && spec.license !== '') || LEGACY_NAME.test(name);
  if (section.size > 0 || isWritten || vars.some(({ type }) => isExtern(btf, type))) return section;
  let end = 0;
  const placed = vars.map((entry) => {
    const offset = alignUp(end, POINTER_SIZE);
    end = offset + entry.size;
    return { ...entry, offset };
  });
  return { size: end, vars: placed };
}

const LEGACY_NAME = /^maps(\/|$)/;
