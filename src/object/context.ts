import { type BtfExt, parseBtfExt } from '../btf/ext.ts';
import { parseBtf } from '../btf/parse.ts';
import { FormatError } from '../util/errors.ts';
import { BtfIndex } from './btf-index.ts';
import {
  type ElfSymbol,
  type RelocatableObject,
  type Section,
  SectionFlag,
  type SectionRelocation,
  SectionType,
} from './relocatable.ts';

/** What a section is to a loader. `merged` is data that a compiler adds on its own: string literals, vector constants. */
type SectionRole =
  | 'code'
  | 'legacyMaps'
  | 'btfMaps'
  | 'structOps'
  | 'data'
  | 'merged'
  | 'arena'
  | 'jumpTables'
  | 'other';

/** An object while it becomes a spec. */
export interface Context {
  readonly object: RelocatableObject;
  readonly roles: readonly SectionRole[];
  /** For each section the indexes of its symbols, sorted by value. */
  readonly symbolsOf: readonly (readonly number[])[];
  /** The relocations of a section, sorted by offset. */
  readonly relocationsOf: (section: number) => readonly SectionRelocation[];
  readonly btf: BtfIndex | undefined;
  readonly ext: BtfExt | undefined;
  /** An error at a place in the object: `maps/counters/max_entries`. */
  error(code: string, path: string, message: string, hint?: string): FormatError;
}

export function makeContext(object: RelocatableObject, name: string | undefined): Context {
  const prefix = name === undefined ? '' : `${name}/`;
  const btfSection = object.sections.find((section) => section.name === '.BTF');
  const btf = btfSection && parseBtf(btfSection.bytes, `${prefix}BTF`);
  const extSection = object.sections.find((section) => section.name === '.BTF.ext');
  return {
    object,
    roles: object.sections.map(roleOf),
    symbolsOf: sortSymbols(object),
    relocationsOf: relocationsBySection(object),
    btf: btf && new BtfIndex(btf),
    ext: btf && extSection && parseBtfExt(extSection.bytes, btf, `${prefix}BTF.ext`),
    error: (code, path, message, hint) => new FormatError(code, prefix + path, message, { hint }),
  };
}

const STRUCT_OPS_NAME = /^\??\.struct_ops(\.link)?$/;
/** Globals of `__attribute__((address_space(1)))`, which live in the object's arena. */
const ARENA_NAME = '.addr_space.1';
const DATA_NAME = /^\.(data|rodata|bss)(\.|$)/;

function roleOf({ name, type, flags, size }: Section): SectionRole {
  if (type !== SectionType.PROGBITS && type !== SectionType.NOBITS) return 'other';
  if ((flags & SectionFlag.EXECINSTR) !== 0)
    return size > 0 && type === SectionType.PROGBITS ? 'code' : 'other';
  if (name === 'maps' || name.startsWith('maps/')) return 'legacyMaps';
  if (name === '.maps') return 'btfMaps';
  if (STRUCT_OPS_NAME.test(name)) return type === SectionType.PROGBITS ? 'structOps' : 'other';
  if (name === ARENA_NAME) return size > 0 ? 'arena' : 'other';
  if (name === '.jumptables') return 'jumpTables';
  if (!DATA_NAME.test(name) || size === 0) return 'other';
  return (flags & SectionFlag.MERGE) !== 0 ? 'merged' : 'data';
}

function sortSymbols({ sections, symbols }: RelocatableObject): number[][] {
  const out: number[][] = sections.map(() => []);
  for (let index = 0; index < symbols.length; index++) {
    const { section } = symbols[index]!;
    if (typeof section === 'number') out[section]!.push(index);
  }
  // Most sections have a symbol or two, in order.
  for (const list of out)
    if (list.some((index, place) => place > 0 && symbols[list[place - 1]!]!.value > symbols[index]!.value))
      list.sort((a, b) => symbols[a]!.value - symbols[b]!.value);
  return out;
}

/** Relocations by section, each list sorted by offset. */
function relocationsBySection(object: RelocatableObject): (section: number) => readonly SectionRelocation[] {
  if (object.relocationsOf) return object.relocationsOf;
  const lists: SectionRelocation[][] = object.sections.map(() => []);
  for (const entry of object.relocations) lists[entry.section]?.push(entry);
  for (const list of lists) {
    if (list.some((entry, index) => index > 0 && list[index - 1]!.offset > entry.offset))
      list.sort((a, b) => a.offset - b.offset);
  }
  return (section) => lists[section]!;
}

/** Index of the first relocation at or behind an offset. */
export function firstFrom(entries: readonly SectionRelocation[], offset: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `section`'s symbols that name something in it, each with its extent: up to the next one where the compiler gave no size. */
export interface Extent {
  readonly symbol: ElfSymbol;
  readonly start: number;
  readonly end: number;
}

export function extentsOf(
  context: Context,
  section: number,
  wanted: (symbol: ElfSymbol) => boolean,
): readonly Extent[] {
  const { symbols, sections } = context.object;
  const found = context.symbolsOf[section]!.map((index) => symbols[index]!).filter(wanted);
  const size = sections[section]!.size;
  let next = size;
  const out: Extent[] = [];
  for (let index = found.length - 1; index >= 0; index--) {
    const symbol = found[index]!;
    const start = symbol.value;
    if (start > size || symbol.size > size - start) {
      throw context.error(
        'SYMBOL_OUTSIDE',
        `symbols/${symbol.name}`,
        `${symbol.size} bytes at ${start} do not fit into the ${size} bytes of ${sections[section]!.name}`,
      );
    }
    out.push({ symbol, start, end: symbol.size > 0 ? start + symbol.size : next });
    if (index > 0 && found[index - 1]!.value < start) next = start;
  }
  return out.reverse();
}
