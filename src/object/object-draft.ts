import type { Endian } from '../util/bytes.ts';
import {
  type ElfSymbol,
  type RelocatableObject,
  type Section,
  type SectionRelocation,
  SectionType,
} from './relocatable.ts';

/** What a new section is made of; the rest follows from it. */
export interface SectionDraft {
  readonly name: string;
  readonly flags: number;
  readonly bytes: Uint8Array;
  /** 8 by default, which suits code, pointers and 64-bit data alike. */
  readonly align?: number;
  readonly entrySize?: number;
  /** Of NOBITS, with `bytes` empty. */
  readonly size?: number;
}

/** An object while it is being made: relocations name their symbols, numbers come at the end. */
export class ObjectDraft {
  readonly #sections: Section[] = [];
  readonly #symbols: ElfSymbol[] = [];
  readonly #sectionSymbols: Map<number, ElfSymbol> = new Map();
  readonly #relocations: { section: number; offset: number; type: number; symbol: ElfSymbol }[] = [];

  /** The new section's index. */
  section(draft: SectionDraft): number {
    const { name, flags, bytes, align = 8, entrySize = 0, size } = draft;
    const type = size === undefined ? SectionType.PROGBITS : SectionType.NOBITS;
    this.#sections.push(
      Object.freeze({ name, type, flags, align, entrySize, bytes, size: size ?? bytes.length }),
    );
    return this.#sections.length - 1;
  }

  symbol(symbol: Pick<ElfSymbol, 'name' | 'section' | 'type' | 'binding'> & Partial<ElfSymbol>): ElfSymbol {
    const made = Object.freeze({ value: 0, size: 0, visibility: 'default', ...symbol } as const);
    this.#symbols.push(made);
    return made;
  }

  /** The nameless symbol that stands for a section. */
  sectionSymbol(section: number): ElfSymbol {
    let symbol = this.#sectionSymbols.get(section);
    if (!symbol) {
      symbol = this.symbol({ name: '', section, type: 'section', binding: 'local' });
      this.#sectionSymbols.set(section, symbol);
    }
    return symbol;
  }

  relocate(section: number, offset: number, type: number, symbol: ElfSymbol): void {
    this.#relocations.push({ section, offset, type, symbol });
  }

  finish(endian: Endian): RelocatableObject {
    const rank = ({ binding, type }: ElfSymbol): number =>
      binding !== 'local' ? 2 : type === 'section' ? 0 : 1;
    const symbols = [...this.#symbols].sort((a, b) => rank(a) - rank(b));
    const indexes = new Map(symbols.map((symbol, index) => [symbol, index]));
    const relocations = this.#relocations.map(
      ({ symbol, ...rest }): SectionRelocation =>
        Object.freeze({ ...rest, symbol: indexes.get(symbol)!, addend: 0 }),
    );
    relocations.sort((a, b) => a.section - b.section || a.offset - b.offset);
    return Object.freeze({
      endian,
      sections: Object.freeze([...this.#sections]),
      symbols: Object.freeze(symbols),
      relocations: Object.freeze(relocations),
    });
  }
}
