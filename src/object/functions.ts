import { SLOT_SIZE } from '../isa/codec.ts';
import { type Context, extentsOf } from './context.ts';
import type { ElfSymbol } from './relocatable.ts';
import type { Linkage } from './spec.ts';

/** Where a function lies. */
export interface FunctionCut {
  readonly name: string;
  /** Index of its section. */
  readonly section: number;
  /** Byte offsets in the section, `end` exclusive. */
  readonly start: number;
  readonly end: number;
  readonly linkage: Linkage;
  /** {@link FunctionSpec.hidden} */
  readonly hidden: boolean;
}

/** All functions of an object, found by name and by place. */
export class FunctionTable {
  readonly all: readonly FunctionCut[];
  /** Sorted by start. Not a Map for each section, of which most hold one function. */
  readonly #bySection: (FunctionCut[] | undefined)[] = [];

  constructor(all: readonly FunctionCut[]) {
    this.all = all;
    for (const cut of all) {
      const cuts = this.#bySection[cut.section];
      if (cuts) cuts.push(cut);
      else this.#bySection[cut.section] = [cut];
    }
  }

  /** The function that starts at a byte offset of a section. */
  startingAt(section: number, byteOffset: number): FunctionCut | undefined {
    const cuts = this.#bySection[section] ?? [];
    let low = 0;
    let high = cuts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cuts[middle]!.start < byteOffset) low = middle + 1;
      else high = middle;
    }
    const found = cuts[low];
    return found?.start === byteOffset ? found : undefined;
  }
}

/** Cuts the code sections at their function symbols. */
export function cutFunctions(context: Context): FunctionTable {
  const names = new Set<string>();
  const cuts: FunctionCut[] = [];
  for (const [section, role] of context.roles.entries()) {
    if (role === 'code') cuts.push(...cutSection(context, section));
  }
  // Global functions keep their names; of static ones that share a name each further one gets a number.
  const inRank = [...cuts].sort((a, b) => Number(a.linkage === 'static') - Number(b.linkage === 'static'));
  const last = new Map<string, number>();
  const renamed = new Map<FunctionCut, string>();
  for (const cut of inRank) {
    let name = cut.name;
    for (let times = (last.get(cut.name) ?? 1) + 1; names.has(name); times++) {
      name = `${cut.name}#${times}`;
      last.set(cut.name, times);
    }
    names.add(name);
    renamed.set(cut, name);
  }
  return new FunctionTable(cuts.map((cut) => ({ ...cut, name: renamed.get(cut)! })));
}

function cutSection(context: Context, section: number): FunctionCut[] {
  const { name, size } = context.object.sections[section]!;
  const extents = extentsOf(context, section, isFunction);
  // A section whose symbols were stripped is one function, called as the section is.
  if (extents.length === 0)
    return [checkCut(context, { name, section, start: 0, end: size, linkage: 'global', hidden: false })];
  const out: FunctionCut[] = [];
  for (const { symbol, start, end } of extents) {
    const previous = out.at(-1);
    const linkage = linkageOf(symbol);
    const cut = { name: symbol.name, section, start, end, linkage, hidden: isHidden(symbol) };
    if (start === size && end === size) continue;
    if (previous && previous.start === start) {
      // Two names for one function: the more visible one stays.
      if (previous.linkage === 'static' && linkage !== 'static') out[out.length - 1] = checkCut(context, cut);
    } else if (previous && previous.end > start) {
      throw context.error(
        'FUNCTION_OVERLAP',
        `functions/${symbol.name}`,
        `begins within ${previous.name}, which ends at byte ${previous.end} of ${name}`,
      );
    } else out.push(checkCut(context, cut));
  }
  return out;
}

/** Clang before version 4 left the type of its function symbols open. */
function isFunction({ type, binding, name }: ElfSymbol): boolean {
  return name !== '' && (type === 'func' || (type === 'notype' && binding !== 'local'));
}

function linkageOf({ binding }: ElfSymbol): Linkage {
  return binding === 'local' ? 'static' : binding;
}

function isHidden({ binding, visibility }: ElfSymbol): boolean {
  return binding !== 'local' && (visibility === 'hidden' || visibility === 'internal');
}

function checkCut(context: Context, cut: FunctionCut): FunctionCut {
  if (cut.start % SLOT_SIZE === 0 && cut.end % SLOT_SIZE === 0) return cut;
  throw context.error(
    'FUNCTION_UNALIGNED',
    `functions/${cut.name}`,
    `bytes ${cut.start} to ${cut.end} are not a whole number of 8-byte instructions`,
  );
}
