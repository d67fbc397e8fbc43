import { SLOT_SIZE } from '../isa/codec.ts';
import { MapType } from '../isa/kernel-tables.generated.ts';
import { viewOf } from '../util/bytes.ts';
import type { Context } from './context.ts';
import { type ElfSymbol, SectionType } from './relocatable.ts';

/** Helpers that take a map, and in which register: numbers of `enum bpf_func_id`. */
const mapRegisterOfHelper: ReadonlyMap<number, number> = new Map([
  [1, 1], // map_lookup_elem
  [2, 1], // map_update_elem
  [3, 1], // map_delete_elem
  [12, 2], // tail_call
  [22, 2], // perf_event_read
  [25, 2], // perf_event_output
  [51, 1], // redirect_map
]);

/** A call follows the loads of its arguments: at most five registers, each set by one or two instructions. */
const MAX_SLOTS_AHEAD = 10;

const DEFINITION_SIZES = new Set([16, 20, 28, 36]);

/**
 * Says so where a `struct bpf_map_def` lies in a data section because its `SEC("maps")` is
 * missing: what is loaded looks like a definition, and goes to a helper as a map.
 */
export function misplacedMapHint(
  context: Context,
  section: number,
  symbol: ElfSymbol,
  offset: number,
  code: Uint8Array,
  byteOffset: number,
  little: boolean,
): { message: string; hint: string } | undefined {
  const { type, bytes, name } = context.object.sections[section]!;
  if (
    isBtfDefinition(context, name, symbol.name) &&
    offset === symbol.value &&
    goesToHelper(code, byteOffset, little)
  )
    return {
      message: `is defined as a map, but lies in ${name}, where it is data`,
      hint: `put SEC(".maps") behind ${symbol.name}`,
    };
  if (type === SectionType.NOBITS || !symbol.name || !DEFINITION_SIZES.has(symbol.size)) return undefined;
  if (offset !== symbol.value || offset > bytes.length - 16 || !looksLikeDefinition(bytes, offset, little))
    return undefined;
  if (!goesToHelper(code, byteOffset, little)) return undefined;
  return {
    message: `looks like a map definition, but lies in ${name}, where it is data`,
    hint: `put SEC("maps") before ${symbol.name}`,
  };
}

/** A struct whose `type` is `int (*type)[BPF_MAP_TYPE_…]`, as nobody's data is. */
function isBtfDefinition({ btf }: Context, section: string, name: string): boolean {
  const type = name === '' ? undefined : btf?.variableType(section, name);
  const struct = type === undefined ? undefined : btf!.btf.resolve(type);
  const member = struct?.kind === 'struct' ? struct.members.find((each) => each.name === 'type') : undefined;
  const pointer = member && btf!.btf.resolve(member.type);
  return pointer?.kind === 'ptr' && btf!.btf.resolve(pointer.type).kind === 'array';
}

function looksLikeDefinition(bytes: Uint8Array, offset: number, little: boolean): boolean {
  const view = viewOf(bytes);
  const [type, keySize, valueSize, maxEntries] = [0, 4, 8, 12].map((at) =>
    view.getUint32(offset + at, little),
  ) as [number, number, number, number];
  return type > 0 && type <= MapType.ARENA && keySize <= 512 && valueSize <= 1 << 20 && maxEntries > 0;
}

function goesToHelper(code: Uint8Array, byteOffset: number, little: boolean): boolean {
  const view = viewOf(code);
  const registers = code[byteOffset + 1]!;
  const register = little ? registers & 15 : registers >> 4;
  const end = Math.min(code.length, byteOffset + MAX_SLOTS_AHEAD * SLOT_SIZE);
  for (let at = byteOffset + 2 * SLOT_SIZE; at < end; at += SLOT_SIZE) {
    if (code[at] === 0x85) return mapRegisterOfHelper.get(view.getInt32(at + 4, little)) === register;
  }
  return false;
}
