import { MapFlag, MapType } from '../isa/kernel-tables.generated.ts';
import { type Context, extentsOf } from './context.ts';
import type { MapPlaces } from './map-places.ts';
import { plainMap } from './maps-legacy.ts';
import { type ElfSymbol, SectionType } from './relocatable.ts';
import type { MapSpec, VariableSpec } from './spec.ts';

/** The kernel's limit on the value of an array is below 2^31; a size beyond it is a damaged file. */
const MAX_DATA_BYTES = 2 ** 31;

/** A data section as the kernel wants it: an array of one entry, with the section's bytes as its value. */
export function readDataMap(context: Context, section: number): MapSpec {
  const { name, size, type, bytes } = context.object.sections[section]!;
  if (size >= MAX_DATA_BYTES)
    throw context.error(
      'MAP_TOO_LARGE',
      `maps/${name}`,
      `${size} bytes are more than a map's value can have`,
    );
  const constant = isConstant(name);
  const value = context.btf?.section(name)?.id;
  const contents =
    type === SectionType.NOBITS
      ? []
      : [Object.freeze({ kind: 'bytes', key: new Uint8Array(4), value: new Uint8Array(bytes) } as const)];
  return Object.freeze({
    ...plainMap(name, MapType.ARRAY, 'data'),
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: constant ? MapFlag.RDONLY_PROG : 0,
    value,
    contents: Object.freeze(contents),
    freeze: constant,
  });
}

function isConstant(name: string): boolean {
  return name.startsWith('.rodata');
}

/** The sections that become data maps: all with data of the programmer's, and those of the compiler's that code refers to. */
export function dataSections(context: Context, places: MapPlaces): number[] {
  const merged = places.referencedMerged;
  const out: number[] = [];
  for (const [section, role] of context.roles.entries())
    if (role === 'data' || (role === 'merged' && merged.has(section))) out.push(section);
  return out;
}

/** The global variables of a data section. */
export function readVariables(context: Context, section: number, map: string): VariableSpec[] {
  const { name: title } = context.object.sections[section]!;
  return extentsOf(context, section, isVariable).map(({ symbol, start, end }) =>
    Object.freeze({
      name: symbol.name,
      map,
      offset: start,
      size: end - start,
      type: context.btf?.variableType(title, symbol.name),
      constant: isConstant(title),
    }),
  );
}

/** Not what the compiler made for itself: `.L.str`, `__const.main.table`. */
function isVariable({ name, type, binding }: ElfSymbol): boolean {
  if (name === '' || name.startsWith('.') || name.startsWith('__const.')) return false;
  return type === 'object' || (type === 'notype' && binding !== 'local');
}

/** An arena with what its globals are to hold, from its first byte on; other maps as they are. */
export function withArenaData(context: Context, map: MapSpec, places: MapPlaces): MapSpec {
  const section = context.roles.indexOf('arena');
  if (section < 0 || map.name !== places.arena) return map;
  const { bytes, type } = context.object.sections[section]!;
  if (type === SectionType.NOBITS) return map;
  const entry = Object.freeze({
    kind: 'bytes',
    key: new Uint8Array(),
    value: new Uint8Array(bytes),
  } as const);
  return Object.freeze({ ...map, contents: Object.freeze([entry]) });
}
