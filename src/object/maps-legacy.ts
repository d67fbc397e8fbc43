import { MapType } from '../isa/kernel-tables.generated.ts';
import { viewOf } from '../util/bytes.ts';
import { type Context, type Extent, extentsOf } from './context.ts';
import type { MapPlaces } from './map-places.ts';
import { type ElfSymbol, SectionType } from './relocatable.ts';
import type { MapSpec } from './spec.ts';

/**
 * `struct bpf_map_def`: type, key_size, value_size, max_entries, and since the first of its
 * extensions map_flags. All are u32.
 */
const MIN_DEFINITION_SIZE = 16;
const MAX_DEFINITION_SIZE = 20;

/** Reads the definitions of a section `maps` or `maps/…`; the size of each is known from its symbol. */
export function readLegacyMaps(context: Context, section: number, places: MapPlaces): MapSpec[] {
  const out: MapSpec[] = [];
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

function readDefinition(context: Context, section: number, { symbol, start, end }: Extent): MapSpec {
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
    type === SectionType.NOBITS ? new Uint8Array(MAX_DEFINITION_SIZE) : bytes.subarray(start, end),
  );
  const field = (index: number): number => view.getUint32(index * 4, context.object.endian === 'little');
  for (let index = MAX_DEFINITION_SIZE / 4; index < view.byteLength / 4; index++) {
    if (field(index) === 0) continue;
    throw context.error(
      'MAP_BAD_DEFINITION',
      path,
      `its definition has ${size} bytes, and byte ${index * 4} is not zero: only ${MAX_DEFINITION_SIZE} bytes are known`,
      'define it in SEC(".maps"), which says inner maps and pinning by name',
    );
  }
  if (field(0) === MapType.UNSPEC)
    throw context.error('MAP_BAD_DEFINITION', `${path}/type`, 'is 0, which is no map type');
  return Object.freeze({
    ...plainMap(symbol.name, field(0) as MapType, 'legacy'),
    keySize: field(1),
    valueSize: field(2),
    maxEntries: field(3),
    flags: view.byteLength >= MAX_DEFINITION_SIZE ? field(4) : 0,
  });
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
