import { alignUp, type Endian, viewOf } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import type { BtfIndex } from './btf-index.ts';
import { slotOfTitle } from './id-sections.ts';
import {
  IPROUTE2,
  type LegacyField,
  type LegacyLayout,
  PLAIN,
  SAMPLES,
  typedLayout,
} from './legacy-layout.ts';
import type { ObjectDraft } from './object-draft.ts';
import { type ElfSymbol, SectionFlag } from './relocatable.ts';
import type { MapSpec, ObjectSpec } from './spec.ts';

/** `inner_idx` of a map that is in no slot. */
const NO_SLOT = 0xffff_ffff;

/** More than any of the structs; what is larger is no definition. */
const MAX_DEFINITION_SIZE = 64;

type Fields = Readonly<Partial<Record<LegacyField, number>>>;

/** A legacy definition with the section that it goes into. */
interface Placed {
  readonly map: MapSpec;
  readonly section: string;
}

/**
 * Writes legacy maps into `maps`, or into the section that the types place them in: as the short
 * struct that every loader knows, or as iproute2's where a map says more.
 *
 * @throws {TsbpfError} `MAP_INEXPRESSIBLE` for what no legacy definition can say
 */
export function lowerLegacyMaps(
  spec: ObjectSpec,
  draft: ObjectDraft,
  btf: BtfIndex | undefined,
): ReadonlyMap<string, ElfSymbol> {
  const sections = new Map<string, Placed[]>();
  for (const map of spec.maps.values()) {
    if (map.origin !== 'legacy') continue;
    const section = sectionOfVariable(btf, map.name) ?? 'maps';
    sections.set(section, [...(sections.get(section) ?? []), { map, section }]);
  }
  const order = [...sections.values()].flat();
  const ids = assignIds(spec, order);
  const out = new Map<string, ElfSymbol>();
  for (const [name, placed] of sections) {
    const definitions = placed.map((each) => encode(spec.endian, each, fieldsOf(each, order, ids), btf));
    const bytes = new Uint8Array(definitions.reduce((total, { length }) => total + length, 0));
    const flags = SectionFlag.ALLOC | SectionFlag.WRITE;
    const section = draft.section({ name, flags, bytes, align: 4 });
    let value = 0;
    for (const [index, { map }] of placed.entries()) {
      const definition = definitions[index]!;
      bytes.set(definition, value);
      const common = { section, size: definition.length, type: 'object', binding: 'global' } as const;
      out.set(map.name, draft.symbol({ name: map.name, value, ...common }));
      value += definition.length;
    }
  }
  return out;
}

function sectionOfVariable(btf: BtfIndex | undefined, name: string): string | undefined {
  return btf?.sectionNames.find(
    (section) => (section === 'maps' || section.startsWith('maps/')) && btf.variables(section).has(name),
  );
}

function inexpressible({ name }: MapSpec, what: string): TsbpfError {
  return new TsbpfError('MAP_INEXPRESSIBLE', `map ${name}: no legacy definition can say ${what}`, {
    hint: "give it the origin 'builder': a definition in .maps can say it",
  });
}

/** What definitions say of each other, by name. */
interface Ids {
  readonly own: ReadonlyMap<string, Pick<Fields, 'id' | 'innerIdx'>>;
  readonly inner: ReadonlyMap<string, { readonly id: number; readonly template: string }>;
}

/** Numbers for maps whose slots are filled; the spec knows names alone. */
function assignIds(spec: ObjectSpec, order: readonly Placed[]): Ids {
  const own = new Map<string, Pick<Fields, 'id' | 'innerIdx'>>();
  const inner = new Map<string, { id: number; template: string }>();
  const titles = [...spec.functions.values()].flatMap(({ section }) => slotOfTitle(section) ?? []);
  let next = titles.reduce((max, { id }) => Math.max(max, id), 0) + 1;
  for (const { map } of order) {
    if (map.contents.some(({ kind }) => kind === 'program')) own.set(map.name, { id: titledId(spec, map) });
  }
  const groups = new Map<string, { id: number; template: string }>();
  for (const { map } of order) {
    if (!map.inner || (map.contents.length === 0 && isByIndex(map))) continue;
    const key = JSON.stringify(map.contents.map((entry) => [entry.key, entry.kind === 'map' && entry.map]));
    let group = map.contents.length > 0 ? groups.get(key) : undefined;
    if (!group) {
      group = { id: next++, template: fillGroup(map, order, own, next - 1) };
      groups.set(key, group);
    }
    inner.set(map.name, group);
  }
  return { own, inner };
}

/** A definition with a NUMA node has no room for an id; it names its template by its place. */
function isByIndex({ numaNode }: MapSpec): boolean {
  return numaNode !== undefined;
}

/** The id that the titles of its programs' sections, `"<id>/<key>"`, give a prog array. */
function titledId({ functions }: ObjectSpec, map: MapSpec): number {
  const ids = map.contents.map((entry) => {
    const title = entry.kind === 'program' ? functions.get(entry.program)?.section : undefined;
    const slot = title === undefined ? undefined : slotOfTitle(title);
    return slot?.key === entry.key ? slot.id : undefined;
  });
  const [id] = ids;
  if (id !== undefined && ids.every((each) => each === id)) return id;
  throw inexpressible(map, 'its slots: their programs are not in sections called "<map id>/<slot>"');
}

/** Gives the maps in the slots of a map of maps its id, and finds the template that a reader takes. */
function fillGroup(
  outer: MapSpec,
  order: readonly Placed[],
  own: Map<string, Pick<Fields, 'id' | 'innerIdx'>>,
  id: number,
): string {
  const slots = new Map(
    outer.contents.flatMap((entry) => (entry.kind === 'map' ? [[entry.map, entry.key] as const] : [])),
  );
  const members = order.filter(({ map }) => slots.has(map.name));
  const isFree = ({ map }: Placed): boolean => !own.has(map.name);
  if (slots.size < outer.contents.length || members.length < slots.size || !members.every(isFree))
    throw inexpressible(outer, 'which maps are in its slots');
  // A reader takes the first that has the id.
  const first = members[0];
  const before = first ? order.indexOf(first) : order.length;
  const template =
    first && isTemplate(first.map, outer.inner!)
      ? first
      : order.slice(0, before).find((each) => isFree(each) && isTemplate(each.map, outer.inner!));
  if (!template) throw inexpressible(outer, 'what its inner maps are like: no other map is like them');
  own.set(template.map.name, { id, innerIdx: NO_SLOT });
  for (const [name, innerIdx] of slots) own.set(name, { id, innerIdx });
  return template.map.name;
}

function isTemplate(map: MapSpec, inner: MapSpec): boolean {
  const fields = ['type', 'keySize', 'valueSize', 'maxEntries', 'flags', 'numaNode'] as const;
  return map.inner === undefined && fields.every((field) => map[field] === inner[field]);
}

function fieldsOf({ map }: Placed, order: readonly Placed[], { own, inner }: Ids): Fields {
  const { type, keySize, valueSize, maxEntries, flags, numaNode } = map;
  if (map.extra !== 0n) throw inexpressible(map, 'map_extra');
  const group = inner.get(map.name);
  const template = map.inner;
  const index = template ? order.findIndex((each) => isTemplate(each.map, template)) : -1;
  if (template && !group && index < 0) throw inexpressible(map, 'what its inner maps are like');
  return {
    ...{ type, keySize, valueSize, maxEntries },
    ...(flags === 0 ? {} : { flags }),
    ...(numaNode === undefined ? {} : { numaNode }),
    ...(map.pinning === 'none' ? {} : { pinning: pinningNumber(map) }),
    ...own.get(map.name),
    ...(group ? { innerId: group.id } : {}),
    ...(template && index >= 0 ? { innerMapIdx: index } : {}),
  };
}

function pinningNumber(map: MapSpec): number {
  const { pinning } = map;
  if (typeof pinning === 'number') return pinning;
  if (pinning === 'byName') throw inexpressible(map, 'that it is pinned by its name');
  return pinning === 'objectNs' ? 1 : 2;
}

function encode(
  endian: Endian,
  { map, section }: Placed,
  fields: Fields,
  btf: BtfIndex | undefined,
): Uint8Array {
  const typed = typedLayout(btf, section, map.name);
  const layout = typed ?? layoutFor(fields);
  const lost = (Object.keys(fields) as LegacyField[]).find(
    (field) => !layout.includes(field) && !isSaidOtherwise(field, fields, layout),
  );
  if (lost) throw inexpressible(map, `${lost} beside the rest`);
  // A struct of the user's may be longer than what loaders know of it.
  const declared = typed ? btf!.btf.sizeOf(btf!.variables(section).get(map.name)!) : 0;
  const size = Math.min(alignUp(declared, 4), MAX_DEFINITION_SIZE);
  const bytes = new Uint8Array(Math.max(size, layout.length * 4));
  const view = viewOf(bytes);
  for (const [index, field] of layout.entries())
    if (field) view.setUint32(index * 4, fields[field] ?? 0, endian === 'little');
  return bytes;
}

/** A template is named by its id or by its place: one is enough. */
function isSaidOtherwise(field: LegacyField, fields: Fields, layout: LegacyLayout): boolean {
  const byId = layout.includes('innerId') && fields.innerId !== undefined;
  const byIndex = layout.includes('innerMapIdx') && fields.innerMapIdx !== undefined;
  if (field === 'innerMapIdx') return byId;
  // Ids are there to fill slots, and without slots to find the template.
  return (field === 'innerId' || (field === 'innerIdx' && fields.innerIdx === NO_SLOT)) && byIndex;
}

function layoutFor(fields: Fields): LegacyLayout {
  if (fields.numaNode !== undefined) return SAMPLES;
  const isLong = fields.id !== undefined || fields.pinning !== undefined || fields.innerId !== undefined;
  return isLong ? IPROUTE2 : PLAIN;
}
