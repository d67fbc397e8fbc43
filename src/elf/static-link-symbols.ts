import type { ElfSymbol, SymbolVisibility } from '../object/relocatable.ts';
import { TsbpfError } from '../util/errors.ts';
import type { LinkInput } from './static-link-input.ts';
import type { MergedSections } from './static-link-sections.ts';

/** A symbol of the linked object. */
export interface LinkedSymbol {
  symbol: ElfSymbol;
  /** Which input defines it; undefined while none does. */
  definer: LinkInput | undefined;
  /** The first that mentions it. */
  readonly first: LinkInput;
  /** Whether its definition gives way to another. */
  isWeakDefinition: boolean;
}

export interface LinkedSymbols {
  /** Local ones first. */
  readonly all: readonly LinkedSymbol[];
  /** What a symbol of an input became; undefined where its section was left out. */
  of(input: LinkInput, symbol: number): LinkedSymbol | undefined;
  /** A global or weak one by its name. */
  global(name: string): LinkedSymbol | undefined;
}

/**
 * Resolves symbols between objects (gABI, "Symbol Table"): a definition satisfies what others leave
 * undefined, a strong one beats weak ones, of weak ones the first stays, and the narrowest
 * visibility that anyone asks for holds.
 *
 * @throws {TsbpfError} `LINK_DUPLICATE_SYMBOL`, `LINK_KIND_MISMATCH`, `LINK_COMMON_SYMBOL`
 */
export function mergeSymbols(inputs: readonly LinkInput[], sections: MergedSections): LinkedSymbols {
  const table = new Table(sections);
  for (const input of inputs) for (const symbol of input.object.symbols) table.add(input, symbol);
  return table.finish();
}

class Table {
  readonly #sections: MergedSections;
  readonly #locals: LinkedSymbol[] = [];
  readonly #globals: Map<string, LinkedSymbol> = new Map();
  /** One nameless symbol for each section. */
  readonly #ofSection: Map<number, LinkedSymbol> = new Map();
  readonly #byInput: Map<LinkInput, (LinkedSymbol | undefined)[]> = new Map();

  constructor(sections: MergedSections) {
    this.#sections = sections;
  }

  add(input: LinkInput, symbol: ElfSymbol): void {
    const known = this.#byInput.get(input);
    const list = known ?? [];
    if (!known) this.#byInput.set(input, list);
    const moved = this.#move(input, symbol);
    list.push(moved && this.#place(input, moved));
  }

  finish(): LinkedSymbols {
    return {
      all: [...this.#ofSection.values(), ...this.#locals, ...this.#globals.values()],
      of: (input, symbol) => this.#byInput.get(input)?.[symbol],
      global: (name) => this.#globals.get(name),
    };
  }

  /** The symbol at its place in the linked object. */
  #move(input: LinkInput, symbol: ElfSymbol): ElfSymbol | undefined {
    const { section, name } = symbol;
    if (section === 'common')
      throw new TsbpfError('LINK_COMMON_SYMBOL', `${input.name}: ${name} is a tentative definition`, {
        hint: 'compile with -fno-common, or give it a value',
      });
    if (typeof section !== 'number') return symbol;
    const place = this.#sections.placeOf(input, section);
    return place && { ...symbol, section: place.section, value: place.offset + symbol.value };
  }

  #place(input: LinkInput, symbol: ElfSymbol): LinkedSymbol {
    if (symbol.binding !== 'local') return this.#global(input, symbol);
    const { section } = symbol;
    const made: LinkedSymbol = { symbol, definer: input, first: input, isWeakDefinition: false };
    if (symbol.type !== 'section' || typeof section !== 'number') {
      this.#locals.push(made);
      return made;
    }
    const known = this.#ofSection.get(section);
    if (known) return known;
    made.symbol = { ...symbol, value: 0, size: 0 };
    this.#ofSection.set(section, made);
    return made;
  }

  #global(input: LinkInput, symbol: ElfSymbol): LinkedSymbol {
    const { name, section, binding } = symbol;
    const known = this.#globals.get(name);
    const isDefinition = section !== 'undefined';
    const isWeak = binding === 'weak';
    if (!known) {
      const made: LinkedSymbol = {
        symbol,
        definer: isDefinition ? input : undefined,
        first: input,
        isWeakDefinition: isDefinition && isWeak,
      };
      this.#globals.set(name, made);
      return made;
    }
    const before = known.symbol;
    if (isDefinition) this.#define(known, input, symbol);
    known.symbol = {
      ...known.symbol,
      // A strong mention anywhere makes the whole strong, as libbpf's linker has it.
      binding: before.binding === 'weak' && isWeak ? 'weak' : 'global',
      visibility: narrower(before.visibility, symbol.visibility),
    };
    return known;
  }

  #define(known: LinkedSymbol, input: LinkInput, symbol: ElfSymbol): void {
    const isWeak = symbol.binding === 'weak';
    if (known.definer) {
      checkKind(known, input, symbol);
      if (!isWeak && !known.isWeakDefinition) throw duplicate(known, input);
      if (isWeak) return;
    }
    known.symbol = symbol;
    known.definer = input;
    known.isWeakDefinition = isWeak;
  }
}

function duplicate({ symbol, definer }: LinkedSymbol, input: LinkInput): TsbpfError {
  const what = symbol.type === 'func' ? 'function' : 'symbol';
  return new TsbpfError(
    'LINK_DUPLICATE_SYMBOL',
    `${what} ${symbol.name} is defined in ${definer!.name} and again in ${input.name}`,
    { hint: 'make one of them static or __weak, or declare it extern in one of the files' },
  );
}

function checkKind({ symbol: known, definer }: LinkedSymbol, input: LinkInput, symbol: ElfSymbol): void {
  const isKnown = (type: ElfSymbol['type']): boolean => type === 'func' || type === 'object';
  if (known.type === symbol.type || !isKnown(known.type) || !isKnown(symbol.type)) return;
  const noun = (type: ElfSymbol['type']): string => (type === 'func' ? 'a function' : 'a variable');
  throw new TsbpfError(
    'LINK_KIND_MISMATCH',
    `${symbol.name} is ${noun(known.type)} in ${definer!.name}, but ${noun(symbol.type)} in ${input.name}`,
  );
}

/** From the widest to the narrowest (gABI, "Symbol Visibility"). */
const visibilities: readonly SymbolVisibility[] = ['default', 'protected', 'hidden', 'internal'];

function narrower(a: SymbolVisibility, b: SymbolVisibility): SymbolVisibility {
  return visibilities[Math.max(visibilities.indexOf(a), visibilities.indexOf(b))]!;
}
