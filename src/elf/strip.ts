import type { ElfSymbol, RelocatableObject, SectionRelocation } from '../object/relocatable.ts';
import { isAddressTable, isDebugSection } from './debug-sections.ts';

/**
 * Leaves out DWARF and all that only it needs: its sections and their relocations, the table of
 * symbols whose addresses matter (it counts symbols that are no longer there), names of source
 * files and symbols of sections that are gone. What a loader reads, `.BTF` and `.BTF.ext` among it,
 * stays as it is.
 *
 * @example
 * ```ts
 * writeFileSync('small.o', writeElf(stripDebug(parseElf(readFileSync('large.o')))));
 * ```
 */
export function stripDebug(object: RelocatableObject): RelocatableObject {
  const sections = new Map<number, number>();
  for (const [index, section] of object.sections.entries())
    if (!isDebugSection(section) && !isAddressTable(section)) sections.set(index, sections.size);
  const symbols = new Map<number, number>();
  for (const [index, symbol] of object.symbols.entries())
    if (isKept(symbol, sections)) symbols.set(index, symbols.size);
  return Object.freeze({
    endian: object.endian,
    sections: Object.freeze(object.sections.filter((_, index) => sections.has(index))),
    symbols: Object.freeze([...symbols.keys()].map((index) => moveSymbol(object.symbols[index]!, sections))),
    relocations: Object.freeze(
      relocationsOf(object, sections).map((entry) =>
        Object.freeze({
          ...entry,
          section: sections.get(entry.section)!,
          symbol: symbols.get(entry.symbol) ?? -1,
        }),
      ),
    ),
  });
}

function isKept({ section, type }: ElfSymbol, sections: ReadonlyMap<number, number>): boolean {
  return type !== 'file' && (typeof section !== 'number' || sections.has(section));
}

function moveSymbol(symbol: ElfSymbol, sections: ReadonlyMap<number, number>): ElfSymbol {
  const { section } = symbol;
  return typeof section === 'number' ? Object.freeze({ ...symbol, section: sections.get(section)! }) : symbol;
}

/** Of a file's relocations most are those of debug information, which need not be read. */
function relocationsOf(
  object: RelocatableObject,
  sections: ReadonlyMap<number, number>,
): readonly SectionRelocation[] {
  const { relocationsOf: ofSection } = object;
  return ofSection
    ? [...sections.keys()].flatMap((section) => ofSection(section))
    : object.relocations.filter(({ section }) => sections.has(section));
}
