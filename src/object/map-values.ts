import { viewOf } from '../util/bytes.ts';
import { type Context, firstFrom } from './context.ts';
import type { FunctionTable } from './functions.ts';
import { isByGcc } from './gnu-addends.ts';
import type { MapPlaces } from './map-places.ts';
import type { BtfMapDraft } from './maps-btf.ts';
import { RelocationType, type SectionRelocation } from './relocatable.ts';
import type { MapEntry } from './spec.ts';

/** Bytes of a pointer, of which `values` is an array. */
const POINTER_SIZE = 8;

/** The entries of a static initialiser, one relocation each; those that are left out have none. */
export function readValues(
  context: Context,
  { section, extent, map, valuesOffset }: BtfMapDraft,
  functions: FunctionTable,
  places: MapPlaces,
): MapEntry[] {
  const path = `maps/${map.name}/values`;
  const out: MapEntry[] = [];
  const entries = context.relocationsOf(section);
  for (let index = firstFrom(entries, extent.start); index < entries.length; index++) {
    const entry = entries[index]!;
    if (entry.offset >= extent.end) break;
    if (entry.type === RelocationType.R_BPF_NONE) continue;
    const at = entry.offset - extent.start - (valuesOffset ?? 0);
    if (valuesOffset === undefined || at < 0 || at % POINTER_SIZE !== 0) {
      throw context.error(
        'MAP_BAD_FIELD',
        path,
        `byte ${entry.offset - extent.start} of the definition is initialised, but only values can be`,
      );
    }
    out.push(
      Object.freeze(
        targetOf(context, path, entry, at / POINTER_SIZE, map.inner !== undefined, functions, places),
      ),
    );
  }
  return out;
}

/** R_BPF_DATA_64 of GNU binutils before 2.41. */
const GNU_DATA_64 = 12;

/** Clang before version 13 wrote R_BPF_64_64 here, later ones write R_BPF_64_ABS64. */
function checkType(context: Context, path: string, { type }: SectionRelocation): void {
  if (type === RelocationType.R_BPF_64_64 || type === RelocationType.R_BPF_64_ABS64) return;
  if (type === GNU_DATA_64 && isByGcc(context)) return;
  throw context.error('RELOCATION_UNKNOWN', path, `a relocation of type ${type} cannot fill a pointer`);
}

/** Where a pointer in data leads. */
export interface Pointer {
  /** For messages. */
  readonly name: string;
  /** undefined where the object does not define it. */
  readonly section: number | undefined;
  readonly offset: number;
}

/** Reads one relocated pointer of a data section. */
export function pointerAt(context: Context, path: string, entry: SectionRelocation): Pointer {
  checkType(context, path, entry);
  const symbol = context.object.symbols[entry.symbol];
  const section = typeof symbol?.section === 'number' ? symbol.section : undefined;
  const addend = entry.addend + addendAt(context, entry);
  // Old binutils leave the symbol's own value in the field, as they do in code.
  const isWhole = symbol !== undefined && entry.type === GNU_DATA_64 && addend >= symbol.value;
  return {
    name: symbol?.name || 'a nameless symbol',
    section,
    offset: (isWhole ? 0 : (symbol?.value ?? 0)) + addend,
  };
}

function targetOf(
  context: Context,
  path: string,
  entry: SectionRelocation,
  key: number,
  holdsMaps: boolean,
  functions: FunctionTable,
  places: MapPlaces,
): MapEntry {
  const { name, section, offset } = pointerAt(context, path, entry);
  if (section === undefined)
    throw context.error(
      'MAP_BAD_FIELD',
      path,
      `entry ${key} refers to ${name}, which this object does not define`,
    );
  if (holdsMaps) {
    const map = places.mapAt(section, offset);
    if (map !== undefined) return { kind: 'map', key, map };
    throw context.error('MAP_BAD_FIELD', path, `entry ${key} refers to ${name}, which is no map`);
  }
  const target = functions.startingAt(section, offset);
  if (target) return { kind: 'program', key, program: target.name };
  throw context.error('MAP_BAD_FIELD', path, `entry ${key} refers to ${name}, which is no function`);
}

/** What stands in the pointer itself: the place in a section, where the relocation is against a section. */
function addendAt({ object }: Context, { section, offset }: SectionRelocation): number {
  const { bytes } = object.sections[section]!;
  if (offset + POINTER_SIZE > bytes.length) return 0;
  return Number(viewOf(bytes).getBigInt64(offset, object.endian === 'little'));
}
