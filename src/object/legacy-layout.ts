import { MapFlag, MapType } from '../isa/kernel-tables.generated.ts';
import type { BtfIndex } from './btf-index.ts';
import type { Context } from './context.ts';

/** What the words of a legacy definition can be. */
export type LegacyField =
  | 'type'
  | 'keySize'
  | 'valueSize'
  | 'maxEntries'
  | 'flags'
  | 'innerMapIdx'
  | 'numaNode'
  | 'id'
  | 'pinning'
  | 'innerId'
  | 'innerIdx';

/** The meaning of each u32 of a definition, in order; undefined for one that must be zero. */
export type LegacyLayout = readonly (LegacyField | undefined)[];

/** `struct bpf_map_def` of the first loaders, and with `map_flags`, its one extension that all share. */
const SHORT: LegacyLayout = ['type', 'keySize', 'valueSize', 'maxEntries'];
export const PLAIN: LegacyLayout = [...SHORT, 'flags'];
/** Linux, `samples/bpf`, up to version 5.5. */
export const SAMPLES: LegacyLayout = [...PLAIN, 'innerMapIdx', 'numaNode'];
/** `struct bpf_elf_map` (iproute2, `include/bpf_elf.h`), and as it was before maps of maps. */
const IPROUTE2_SHORT: LegacyLayout = [...PLAIN, 'id', 'pinning'];
export const IPROUTE2: LegacyLayout = [...IPROUTE2_SHORT, 'innerId', 'innerIdx'];

/** By the names that those structs give their members. */
const fieldOfMember: ReadonlyMap<string, LegacyField> = new Map([
  ['type', 'type'],
  ['key_size', 'keySize'],
  ['size_key', 'keySize'],
  ['value_size', 'valueSize'],
  ['size_value', 'valueSize'],
  ['max_entries', 'maxEntries'],
  ['max_elem', 'maxEntries'],
  ['map_flags', 'flags'],
  ['flags', 'flags'],
  ['inner_map_idx', 'innerMapIdx'],
  ['numa_node', 'numaNode'],
  ['id', 'id'],
  ['pinning', 'pinning'],
  ['inner_id', 'innerId'],
  ['inner_idx', 'innerIdx'],
]);

/**
 * Which struct a definition is: what its type in BTF says by the names of its members, else its
 * size. Two structs have 28 bytes; of those the one is taken whose last word makes sense.
 */
export function legacyLayout(context: Context, section: number, name: string, view: DataView): LegacyLayout {
  const { object, btf } = context;
  const named = typedLayout(btf, object.sections[section]!.name, name);
  if (named) return named;
  const word = (index: number): number => view.getUint32(index * 4, object.endian === 'little');
  if (view.byteLength === 16) return SHORT;
  if (view.byteLength === 36) return IPROUTE2;
  if (view.byteLength !== 28) return PLAIN;
  const isOfMaps = word(0) === MapType.ARRAY_OF_MAPS || word(0) === MapType.HASH_OF_MAPS;
  const hasNode = (word(4) & MapFlag.NUMA_NODE) !== 0;
  return isOfMaps || hasNode || word(6) === 0 ? SAMPLES : IPROUTE2_SHORT;
}

/** The layout that a definition's type in BTF tells by the names of its members, if it does. */
export function typedLayout(
  btf: BtfIndex | undefined,
  section: string,
  name: string,
): LegacyLayout | undefined {
  const type = btf?.variableType(section, name);
  const named = btf && type !== undefined ? namedLayout(btf, type, 0) : [];
  return SHORT.every((field) => named.includes(field)) ? named : undefined;
}

/** A definition may begin with another one, as in `struct { struct bpf_map_def base; … }`; hostile types may nest for ever. */
const MAX_DEPTH = 4;
/** More than the words of any of them. */
const MAX_WORDS = 16;

function namedLayout(btf: BtfIndex, typeId: number, depth: number): (LegacyField | undefined)[] {
  const type = btf.btf.resolve(typeId);
  if (type.kind !== 'struct' || depth > MAX_DEPTH) return [];
  const out: (LegacyField | undefined)[] = [];
  for (const member of type.members.slice(0, MAX_WORDS)) {
    const index = member.offsetBits / 32;
    if (index >= MAX_WORDS) continue;
    const field = fieldOfMember.get(member.name);
    if (field && Number.isInteger(index)) out[index] = field;
    else if (!field)
      for (const [nested, inner] of namedLayout(btf, member.type, depth + 1).entries())
        if (inner) out[index + nested] = inner;
  }
  return out;
}
