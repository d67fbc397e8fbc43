import { MapFlag, MapType } from '../isa/kernel-tables.generated.ts';
import { viewOf } from '../util/bytes.ts';
import { type Context, type Extent, extentsOf } from './context.ts';
import { type LegacyField, legacyLayout } from './legacy-layout.ts';
import type { MapPlaces } from './map-places.ts';
import { type ElfSymbol, SectionType } from './relocatable.ts';
import type { MapEntry, MapSpec } from './spec.ts';

/** Smaller than the four fields that every one of them has. */
const MIN_DEFINITION_SIZE = 16;

/** A definition as it was read; what it says of other maps is still numbers. */
export interface LegacyMapDraft {
  readonly map: MapSpec;
  readonly fields: Readonly<Partial<Record<LegacyField, number>>>;
}

/** Reads the definitions of a section `maps` or `maps/…`; the size of each is known from its symbol. */
export function readLegacyMaps(context: Context, section: number, places: MapPlaces): LegacyMapDraft[] {
  const out: LegacyMapDraft[] = [];
  let previous: Extent | undefined;
  for (const extent of extentsOf(context, section, isDefinition)) {
    if (previous && extent.start < previous.end) {
      throw context.error(
        'MAP_BAD_DEFINITION',
        `maps/${extent.symbol.name}`,
        `lies over the definition of ${previous.symbol.name}`,
      );
    }
    previous = extent;
    out.push(readDefinition(context, section, extent));
    places.add(section, extent.start, extent.symbol.name);
  }
  return out;
}

function isDefinition({ name, type, binding }: ElfSymbol): boolean {
  return name !== '' && (type === 'object' || (type === 'notype' && binding !== 'local'));
}

function readDefinition(context: Context, section: number, { symbol, start, end }: Extent): LegacyMapDraft {
  const path = `maps/${symbol.name}`;
  if (symbol.binding === 'local')
    throw context.error(
      'MAP_STATIC',
      path,
      'a map cannot be static',
      `remove 'static' before ${symbol.name}`,
    );
  const size = end - start;
  if (size < MIN_DEFINITION_SIZE || size % 4 !== 0) {
    throw context.error(
      'MAP_BAD_DEFINITION',
      path,
      `its definition has ${size} bytes, but a struct bpf_map_def has at least ${MIN_DEFINITION_SIZE}`,
    );
  }
  const { type, bytes } = context.object.sections[section]!;
  // A definition in NOBITS is all zero, which is no map type.
  const view = viewOf(
    type === SectionType.NOBITS ? new Uint8Array(MIN_DEFINITION_SIZE) : bytes.subarray(start, end),
  );
  const fields = readFields(context, path, section, symbol.name, view);
  if (!fields.type) throw context.error('MAP_BAD_DEFINITION', `${path}/type`, 'is 0, which is no map type');
  const flags = fields.flags ?? 0;
  const hasNode = (flags & MapFlag.NUMA_NODE) !== 0;
  if (fields.numaNode && !hasNode) {
    throw context.error(
      'MAP_BAD_DEFINITION',
      `${path}/numa_node`,
      `is ${fields.numaNode}, but map_flags does not say so`,
      'add BPF_F_NUMA_NODE to map_flags',
    );
  }
  return {
    fields,
    map: {
      ...plainMap(symbol.name, fields.type as MapType, 'legacy'),
      keySize: fields.keySize ?? 0,
      valueSize: fields.valueSize ?? 0,
      maxEntries: fields.maxEntries ?? 0,
      flags,
      numaNode: hasNode ? fields.numaNode : undefined,
      pinning: pinningOf(fields.pinning ?? 0),
    },
  };
}

function readFields(
  context: Context,
  path: string,
  section: number,
  name: string,
  view: DataView,
): Partial<Record<LegacyField, number>> {
  const little = context.object.endian === 'little';
  const layout = legacyLayout(context, section, name, view);
  const fields: Partial<Record<LegacyField, number>> = {};
  for (let index = 0; index < view.byteLength / 4; index++) {
    const field = layout[index];
    const value = view.getUint32(index * 4, little);
    if (field) fields[field] = value;
    else if (value !== 0) {
      throw context.error(
        'MAP_BAD_DEFINITION',
        path,
        `its definition has ${view.byteLength} bytes, and byte ${index * 4} is not zero: it is none of the structs that loaders know, of 16, 20, 28 and 36 bytes`,
        'define it in SEC(".maps"), which says inner maps and pinning by name',
      );
    }
  }
  return fields;
}

/** `pinning` of iproute2's `struct bpf_elf_map`; numbers above 2 are names of the user's (`/etc/iproute2/bpf_pinning`). */
function pinningOf(pinning: number): MapSpec['pinning'] {
  return (['none', 'objectNs', 'globalNs'] as const)[pinning] ?? pinning;
}

/** `inner_idx` of a map that is in no slot. */
const NO_SLOT = 0xffff_ffff;

/**
 * Resolves what definitions say of each other, as iproute2 does: `inner_id` names the template of a
 * map of maps, and every map with that `id` goes into its slot `inner_idx`; and as the kernel's old
 * samples do: `inner_map_idx` counts definitions.
 *
 * @param slotsOf programs that sections called `"<id>/<key>"` put into the map of an id
 */
export function finishLegacyMaps(
  context: Context,
  drafts: readonly LegacyMapDraft[],
  slotsOf: (id: number, map: MapSpec) => readonly MapEntry[],
): MapSpec[] {
  return drafts.map(({ map, fields }) => {
    const programs = fields.id && map.type === MapType.PROG_ARRAY ? slotsOf(fields.id, map) : [];
    const inner = isMapOfMaps(map) ? templateOf(context, drafts, map, fields) : undefined;
    const contents = inner && fields.innerId ? innerSlots(context, drafts, map, fields.innerId) : programs;
    return Object.freeze({ ...map, inner, contents: Object.freeze([...contents]) });
  });
}

export function isMapOfMaps({ type }: MapSpec): boolean {
  return type === MapType.ARRAY_OF_MAPS || type === MapType.HASH_OF_MAPS;
}

function templateOf(
  context: Context,
  drafts: readonly LegacyMapDraft[],
  map: MapSpec,
  fields: LegacyMapDraft['fields'],
): MapSpec | undefined {
  let found: LegacyMapDraft | undefined;
  if (fields.innerId) found = drafts.find((draft) => draft.fields.id === fields.innerId);
  else if (fields.innerMapIdx !== undefined) found = drafts[fields.innerMapIdx];
  // A plain bpf_map_def cannot say it: the user gives the map at the load.
  else if (fields.innerId === undefined) return undefined;
  const path = `maps/${map.name}/${fields.innerMapIdx === undefined ? 'inner_id' : 'inner_map_idx'}`;
  if (!found) {
    const message = fields.innerId
      ? `is ${fields.innerId}, but no map has that id`
      : fields.innerMapIdx === undefined
        ? 'is missing: a map of maps needs a template of what it holds'
        : `is ${fields.innerMapIdx}, but the last definition is number ${drafts.length - 1}`;
    const hint = fields.innerMapIdx === undefined ? 'give the inner map an id, and say it here' : undefined;
    throw context.error('MAP_BAD_DEFINITION', path, message, hint);
  }
  if (isMapOfMaps(found.map))
    throw context.error('MAP_BAD_DEFINITION', path, `names ${found.map.name}, which is itself a map of maps`);
  return Object.freeze({ ...found.map, name: `${map.name}.inner`, pinning: 'none' as const });
}

function innerSlots(
  context: Context,
  drafts: readonly LegacyMapDraft[],
  outer: MapSpec,
  innerId: number,
): MapEntry[] {
  const out: MapEntry[] = [];
  for (const { map, fields } of drafts) {
    if (fields.id !== innerId || fields.innerId || fields.innerIdx === NO_SLOT) continue;
    const key = fields.innerIdx ?? 0;
    if (outer.type === MapType.ARRAY_OF_MAPS && key >= outer.maxEntries)
      throw context.error(
        'MAP_BAD_DEFINITION',
        `maps/${map.name}/inner_idx`,
        `is ${key}, but ${outer.name} has ${outer.maxEntries} slots`,
        `set max_elem of ${outer.name} to ${key + 1} or more, or inner_idx to -1 to leave it out`,
      );
    out.push(Object.freeze({ kind: 'map', key, map: map.name }));
  }
  return out;
}

/** A map of a name and a type, all else as where nothing is said. */
export function plainMap(name: string, type: MapType, origin: MapSpec['origin']): MapSpec {
  return {
    name,
    type,
    keySize: 0,
    valueSize: 0,
    maxEntries: 0,
    flags: 0,
    extra: 0n,
    numaNode: undefined,
    pinning: 'none',
    key: undefined,
    value: undefined,
    inner: undefined,
    contents: Object.freeze([]),
    freeze: false,
    origin,
  };
}
