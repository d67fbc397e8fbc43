import type { BtfMember } from '../btf/types.ts';
import { MapFlag, MapType } from '../isa/kernel-tables.generated.ts';
import { didYouMean } from '../util/suggest.ts';
import type { BtfIndex } from './btf-index.ts';
import { type Context, type Extent, extentsOf } from './context.ts';
import type { FunctionTable } from './functions.ts';
import type { MapPlaces } from './map-places.ts';
import { readValues } from './map-values.ts';
import { plainMap } from './maps-legacy.ts';
import type { ElfSymbol } from './relocatable.ts';
import type { MapSpec } from './spec.ts';

type Draft = { -readonly [K in keyof MapSpec]: MapSpec[K] };

/** A definition while its members are read. */
interface Definition {
  readonly context: Context;
  readonly index: BtfIndex;
  /** `maps/counters`, or `maps/outer/values` for an inner one. */
  readonly path: string;
  readonly isInner: boolean;
  readonly map: Draft;
  /** Byte offset of `values` in the definition. */
  valuesOffset: number | undefined;
}

/** Maps with what their initialisers need, which can be read once all maps are known. */
export interface BtfMapDraft {
  readonly section: number;
  readonly extent: Extent;
  readonly map: MapSpec;
  readonly valuesOffset: number | undefined;
}

/** Reads the definitions of `.maps`: each a variable whose type says it all (libbpf's convention). */
export function readBtfMaps(context: Context, section: number, places: MapPlaces): BtfMapDraft[] {
  const extents = extentsOf(context, section, isDefinition);
  return extents.map((extent) => {
    const { name, binding } = extent.symbol;
    const path = `maps/${name}`;
    const index = context.btf;
    if (!index) {
      throw context.error(
        'MAP_NEEDS_BTF',
        path,
        'needs BTF, as its definition stands in its types, and the object has none',
        'recompile with -g',
      );
    }
    if (binding === 'local')
      throw context.error('MAP_STATIC', path, 'a map cannot be static', `remove 'static' before ${name}`);
    const type = index.variableType('.maps', name);
    if (type === undefined)
      throw context.error('MAP_NEEDS_BTF', path, 'the BTF does not describe it', 'recompile with -g');
    places.add(section, extent.start, name);
    const { map, valuesOffset } = readDefinition(context, index, path, name, type, false);
    return { section, extent, map, valuesOffset };
  });
}

function isDefinition({ name, type, binding }: ElfSymbol): boolean {
  return name !== '' && (type === 'object' || (type === 'notype' && binding !== 'local'));
}

/** Fills in the initial contents of drafts. */
export function finishBtfMaps(
  context: Context,
  drafts: readonly BtfMapDraft[],
  functions: FunctionTable,
  places: MapPlaces,
): MapSpec[] {
  return drafts.map((draft) => {
    const contents = readValues(context, draft, functions, places);
    const { map } = draft;
    // An array that is given by its values alone is as long as they are.
    const slots =
      draft.valuesOffset === undefined ? 0 : (draft.extent.end - draft.extent.start - draft.valuesOffset) / 8;
    const maxEntries = map.maxEntries === 0 && contents.length > 0 ? Math.floor(slots) : map.maxEntries;
    if (contents.length > 0 && map.type === MapType.HASH_OF_MAPS && map.keySize !== 4) {
      throw context.error(
        'MAP_BAD_FIELD',
        `maps/${map.name}/values`,
        `are numbered from 0, which makes keys of 4 bytes, but the map's have ${map.keySize}`,
        'make its key a __u32, or fill it after the load',
      );
    }
    for (const entry of contents) {
      if (entry.kind === 'bytes' || entry.key < maxEntries) continue;
      throw context.error(
        'MAP_BAD_FIELD',
        `maps/${map.name}/values`,
        `has an entry at ${entry.key}, but max_entries is ${maxEntries}`,
        `set max_entries to ${entry.key + 1} or more`,
      );
    }
    return Object.freeze({ ...map, maxEntries, contents: Object.freeze(contents) });
  });
}

function readDefinition(
  context: Context,
  index: BtfIndex,
  path: string,
  name: string,
  typeId: number,
  isInner: boolean,
): Definition {
  const type = index.btf.resolve(typeId);
  if (type.kind !== 'struct')
    throw context.error(
      'MAP_BAD_DEFINITION',
      path,
      `is of kind ${type.kind}, but a map is defined by a struct`,
    );
  const map: Draft = plainMap(name, MapType.UNSPEC, 'btf');
  const definition: Definition = { context, index, path, isInner, map, valuesOffset: undefined };
  for (const member of type.members) {
    const read = readers[member.name];
    if (!read) {
      const [help] = didYouMean(member.name, Object.keys(readers));
      throw fail(definition, member, 'MAP_UNKNOWN_FIELD', 'is no field of a map definition', help);
    }
    read(definition, member);
  }
  if (map.type === MapType.UNSPEC)
    throw context.error(
      'MAP_BAD_DEFINITION',
      `${path}/type`,
      'is missing',
      'add __uint(type, BPF_MAP_TYPE_…)',
    );
  if (map.type === MapType.PERF_EVENT_ARRAY) {
    // The kernel takes nothing else here, and many sources leave it out.
    map.keySize ||= 4;
    map.valueSize ||= 4;
  }
  return definition;
}

function fail(
  definition: Definition,
  member: BtfMember,
  code: string,
  message: string,
  hint?: string,
): Error {
  return definition.context.error(code, `${definition.path}/${member.name}`, message, hint);
}

const readers: Readonly<Record<string, ((definition: Definition, member: BtfMember) => void) | undefined>> = {
  // A plain object would also answer to `constructor`.
  ...({ __proto__: null } as object),
  type: (definition, member) => {
    definition.map.type = readUint(definition, member) as MapType;
  },
  max_entries: (definition, member) => {
    definition.map.maxEntries = readUint(definition, member);
  },
  map_flags: (definition, member) => {
    definition.map.flags |= readUint(definition, member);
  },
  map_extra: (definition, member) => {
    definition.map.extra = readUlong(definition, member);
  },
  numa_node: (definition, member) => {
    definition.map.numaNode = readUint(definition, member);
    definition.map.flags |= MapFlag.NUMA_NODE;
  },
  key_size: (definition, member) => setSize(definition, member, 'keySize', readUint(definition, member)),
  value_size: (definition, member) => setSize(definition, member, 'valueSize', readUint(definition, member)),
  key: (definition, member) => {
    definition.map.key = readType(definition, member);
    setSize(definition, member, 'keySize', definition.index.btf.sizeOf(definition.map.key));
  },
  value: (definition, member) => {
    definition.map.value = readType(definition, member);
    setSize(definition, member, 'valueSize', definition.index.btf.sizeOf(definition.map.value));
  },
  pinning: (definition, member) => {
    const pinning = readUint(definition, member);
    if (definition.isInner) throw fail(definition, member, 'MAP_BAD_FIELD', 'an inner map cannot be pinned');
    definition.map.pinning = pinning === 0 ? 'none' : pinning === 1 ? 'byName' : pinning;
  },
  values: readValuesField,
};

function setSize(
  definition: Definition,
  member: BtfMember,
  field: 'keySize' | 'valueSize',
  size: number,
): void {
  const { map } = definition;
  if (map[field] !== 0 && map[field] !== size)
    throw fail(
      definition,
      member,
      'MAP_BAD_FIELD',
      `says ${size} bytes, but another field says ${map[field]}`,
    );
  map[field] = size;
}

/** `__uint(name, value)`: `int (*name)[value]`. */
function readUint(definition: Definition, member: BtfMember): number {
  const { btf } = definition.index;
  const pointer = btf.resolve(member.type);
  const array = pointer.kind === 'ptr' ? btf.resolve(pointer.type) : pointer;
  if (pointer.kind === 'ptr' && array.kind === 'array') return array.count;
  const value = readUlong(definition, member);
  if (value >= 0n && value <= 0xffff_ffffn) return Number(value);
  throw fail(definition, member, 'MAP_BAD_FIELD', `${value} does not fit into 32 bits`);
}

/** `__ulong(name, value)`: an enum of one value; or as {@link readUint}. */
function readUlong(definition: Definition, member: BtfMember): bigint {
  const { btf } = definition.index;
  const type = btf.resolve(member.type);
  if (type.kind === 'enum' || type.kind === 'enum64') {
    const [only] = type.values;
    if (type.values.length === 1 && only) return BigInt.asUintN(64, only.value);
  }
  if (type.kind === 'ptr') {
    const array = btf.resolve(type.type);
    if (array.kind === 'array') return BigInt(array.count);
  }
  throw fail(
    definition,
    member,
    'MAP_BAD_FIELD',
    `is a ${type.kind}, which does not carry a number`,
    `write __uint(${member.name}, N)`,
  );
}

/** `__type(name, T)`: `T *name`. */
function readType(definition: Definition, member: BtfMember): number {
  const pointer = definition.index.btf.resolve(member.type);
  if (pointer.kind === 'ptr') return pointer.type;
  throw fail(
    definition,
    member,
    'MAP_BAD_FIELD',
    `is a ${pointer.kind}, but must be a pointer to the type`,
    `write __type(${member.name}, T)`,
  );
}

/** `__array(values, T)`: `T *values[]`; T is a function for a prog array, a map definition for a map of maps. */
function readValuesField(definition: Definition, member: BtfMember): void {
  const { context, index, path, map } = definition;
  if (definition.isInner)
    throw fail(
      definition,
      member,
      'MAP_BAD_FIELD',
      'an inner map cannot hold maps or programs: one level is all there is',
    );
  const array = index.btf.resolve(member.type);
  const element = array.kind === 'array' ? index.btf.resolve(array.type) : array;
  if (array.kind !== 'array' || element.kind !== 'ptr')
    throw fail(
      definition,
      member,
      'MAP_BAD_FIELD',
      'must be an array of pointers',
      'write __array(values, T)',
    );
  const pointee = index.btf.resolve(element.type);
  if (pointee.kind === 'struct') {
    const inner = readDefinition(context, index, `${path}/values`, `${map.name}.inner`, element.type, true);
    map.inner = Object.freeze({ ...inner.map });
  } else if (pointee.kind !== 'funcProto') {
    throw fail(
      definition,
      member,
      'MAP_BAD_FIELD',
      `points to a ${pointee.kind}, but must point to functions or maps`,
    );
  }
  setSize(definition, member, 'valueSize', 4);
  definition.valuesOffset = member.offsetBits / 8;
}
