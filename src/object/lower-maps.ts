import type { BtfBuilder, BtfMemberInput } from '../btf/build.ts';
import { MapType } from '../isa/kernel-tables.generated.ts';
import { checkRange } from '../util/errors.ts';
import type { MapSpec } from './spec.ts';

/** A map's variable in the `.maps` section. */
export interface LoweredMap {
  readonly name: string;
  /** Bytes from the start of what was lowered. */
  readonly offset: number;
  readonly size: number;
}

/** A word of `.maps` that is to hold a program's or a map's address (R_BPF_64_ABS64). */
export interface LoweredMapEntry {
  readonly offset: number;
  readonly target: string;
}

/** Map definitions as a compiler would leave them: variables of which only the types matter. */
export interface LoweredMaps {
  /** All zeros but for what relocations fill in. */
  readonly bytes: Uint8Array;
  readonly maps: readonly LoweredMap[];
  readonly entries: readonly LoweredMapEntry[];
}

const POINTER_SIZE = 8;
/** `enum libbpf_pin_type`. */
const PIN_BY_NAME = 1;
const MAX_U32 = 2 ** 32 - 1;

/** Types that are written down once per object. */
interface SharedTypes {
  readonly btf: BtfBuilder;
  readonly int: number;
}

/**
 * Encodes maps the way that every loader reads since libbpf 1.0: each is a global variable in
 * `.maps` of a struct type whose members are pointers, and numbers stand in the types that they
 * point to: `int (*max_entries)[3]`. Initial entries are pointers behind the struct, `values`.
 *
 * @param baseOffset where in `.maps` the first variable comes to lie, a multiple of 8
 * @throws {OutOfRangeError} for a size or count of more than 32 bits, or an initial entry's key beyond
 *   the map's last
 *
 * @example
 * ```ts
 * const btf = new BtfBuilder();
 * const { bytes, maps, entries } = lowerMaps([jumpTable], btf);
 * const section = btf.build('little'); // .BTF, with a DATASEC for .maps
 * ```
 */
export function lowerMaps(maps: readonly MapSpec[], btf: BtfBuilder, baseOffset = 0): LoweredMaps {
  const types = { btf, int: btf.int('int', 4, { signed: true }) };
  const lowered: LoweredMap[] = [];
  const entries: LoweredMapEntry[] = [];
  const variables: { type: number; offset: number; size: number }[] = [];
  let size = 0;
  for (const map of maps) {
    const { type, fixedSize } = mapStruct(types, map);
    const slots = map.contents.map((entry) => slotOf(map, entry.key)).reduce((a, b) => Math.max(a, b + 1), 0);
    for (const entry of map.contents) {
      const target = entry.kind === 'program' ? entry.program : entry.kind === 'map' ? entry.map : undefined;
      if (target === undefined) continue;
      entries.push({ offset: size + fixedSize + POINTER_SIZE * slotOf(map, entry.key), target });
    }
    const variableSize = fixedSize + POINTER_SIZE * slots;
    lowered.push({ name: map.name, offset: size, size: variableSize });
    const variable = btf.variable(map.name, type, 'global');
    variables.push({ type: variable, offset: baseOffset + size, size: variableSize });
    size += variableSize;
  }
  btf.datasec('.maps', baseOffset + size, variables);
  entries.sort((a, b) => a.offset - b.offset);
  return { bytes: new Uint8Array(size), maps: lowered, entries };
}

function slotOf(map: MapSpec, key: number | Uint8Array): number {
  if (typeof key !== 'number') return -1;
  return checkRange(`map ${map.name}: initial entry`, key, 0, Math.max(0, map.maxEntries - 1));
}

/** The struct that describes a map; `fixedSize` counts its bytes without initial entries. */
function mapStruct(types: SharedTypes, map: MapSpec): { readonly type: number; readonly fixedSize: number } {
  const members: BtfMemberInput[] = [];
  const add = (name: string, type: number): void => {
    members.push({ name, type, offsetBits: members.length * POINTER_SIZE * 8 });
  };
  const number = (name: string, value: number): void => {
    checkRange(`map ${map.name}: ${name}`, value, 0, MAX_U32);
    const { btf, int } = types;
    add(name, btf.ptr(btf.array(int, int, value)));
  };
  number('type', map.type);
  if (map.key !== undefined) add('key', types.btf.ptr(map.key));
  else if (map.keySize > 0) number('key_size', map.keySize);
  if (map.value !== undefined) add('value', types.btf.ptr(map.value));
  else if (map.valueSize > 0) number('value_size', map.valueSize);
  if (map.maxEntries > 0) number('max_entries', map.maxEntries);
  if (map.flags !== 0) number('map_flags', map.flags);
  if (map.extra !== 0n) number('map_extra', Number(map.extra));
  if (map.numaNode !== undefined) number('numa_node', map.numaNode);
  const pinning = map.pinning === 'none' ? 0 : typeof map.pinning === 'number' ? map.pinning : PIN_BY_NAME;
  if (pinning !== 0) number('pinning', pinning);
  const fixedSize = members.length * POINTER_SIZE;
  const element = valuesElement(types, map);
  if (element !== undefined) add('values', types.btf.array(element, types.int, 0));
  return { type: types.btf.struct('', fixedSize, members), fixedSize };
}

/** What `values` points to: `int (*values[])(void *)` for programs, the inner map's struct for maps. */
function valuesElement(types: SharedTypes, map: MapSpec): number | undefined {
  const { btf, int } = types;
  if (map.type === MapType.PROG_ARRAY)
    return map.contents.length > 0
      ? btf.ptr(btf.funcProto(int, [{ name: '', type: btf.ptr(0) }]))
      : undefined;
  return map.inner ? btf.ptr(mapStruct(types, map.inner).type) : undefined;
}
