import { BtfBuilder } from '../../btf/build.ts';
import { SLOT_SIZE } from '../../isa/slot.ts';
import { btfExtBytes, type ExtSection } from '../../object/btf-ext-bytes.ts';
import { SectionType } from '../../object/relocatable.ts';
import { lineText, positionAt } from '../../util/diagnostic.ts';
import { BtfTypes } from '../types/to-btf.ts';
import type { Assembler } from './assembler.ts';
import type { SectionBuilder } from './section-builder.ts';
import type { AsmSymbol } from './symbols.ts';

/** A function that `.program` or `.function` opened. */
export interface OwnFunction {
  readonly symbol: AsmSymbol;
  readonly section: SectionBuilder;
  /** Its FUNC in the BTF. */
  type(types: BtfTypes): number;
}

/** A variable of a data section. */
export interface PlacedVariable {
  readonly section: string;
  /** Its VAR in the BTF. */
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

/**
 * The debug information of what the file describes itself: `.BTF` with functions, variables, maps and
 * their types, `.BTF.ext` with the line of each instruction. The kernel quotes those lines in its
 * verifier's log, and so do bpftool and our own messages.
 */
export class DebugInfo {
  readonly builder: BtfBuilder = new BtfBuilder();
  readonly types: BtfTypes;
  readonly #functions: OwnFunction[] = [];
  /** Their places, by section. */
  readonly #starts: Map<SectionBuilder, Set<number>> = new Map();
  readonly variables: PlacedVariable[] = [];
  readonly #assembler: Assembler;

  constructor(assembler: Assembler) {
    this.#assembler = assembler;
    this.types = new BtfTypes(this.builder, assembler.language.types);
  }

  get functions(): readonly OwnFunction[] {
    return this.#functions;
  }

  add(one: OwnFunction): void {
    const { section, symbol } = one;
    this.#functions.push(one);
    const starts = this.#starts.get(section);
    if (starts) starts.add(symbol.value);
    else this.#starts.set(section, new Set([symbol.value]));
  }

  /** Whether a function begins there. */
  startsAt(section: SectionBuilder, offset: number): boolean {
    return this.#starts.get(section)?.has(offset) ?? false;
  }

  /** Writes both sections, if there is anything to say. */
  write(): void {
    const { options, language } = this.#assembler;
    const functions = this.functions.map((one) => ({ ...one, id: one.type(this.types) }));
    this.#externs();
    for (const type of language.types.defined()) this.types.idOf(type);
    const cores = language.cores.map(({ at, reference }) => ({
      at,
      kind: reference.kind,
      type: this.types.nominalIdOf(reference.type),
      accessOffset: this.builder.string(reference.access),
    }));
    this.#datasecs();
    const sections = new Set([
      ...functions.map(({ section }) => section),
      ...cores.map(({ at }) => at.section),
    ]);
    const ext = [...sections].map((section): ExtSection => {
      const own = functions.filter((one) => one.section === section);
      own.sort((a, b) => a.symbol.value - b.symbol.value);
      return {
        nameOffset: this.#text(section.name),
        functions: own.map(({ symbol, id }) => ({ byteOffset: symbol.value, type: id })),
        lines: this.#lines(section, own),
        coreRelocations: cores
          .filter(({ at }) => at.section === section)
          .map(({ at, kind, type, accessOffset }) => ({ byteOffset: at.offset, type, accessOffset, kind }))
          .sort((a, b) => a.byteOffset - b.byteOffset),
      };
    });
    const bytes = btfExtBytes(ext, options.endian);
    const btf = this.builder.build(options.endian);
    if (this.builder.nextId > 1) this.#append('.BTF', btf);
    if (bytes) this.#append('.BTF.ext', bytes);
  }

  #append(name: string, bytes: Uint8Array): void {
    const section = this.#assembler.section(name, { type: SectionType.PROGBITS, flags: 0, entrySize: 0 });
    section.align = 4;
    section.append(bytes);
  }

  #datasecs(): void {
    const bySection = new Map<string, PlacedVariable[]>();
    for (const variable of this.variables) {
      const list = bySection.get(variable.section);
      if (list) list.push(variable);
      else bySection.set(variable.section, [variable]);
    }
    for (const [name, list] of bySection) {
      const size = this.#assembler.findSection(name)?.size ?? 0;
      this.builder.datasec(name, size, list);
    }
  }

  /** Functions of the kernel that are called: FUNCs of `.ksyms`, as compilers leave them. */
  #externs(): void {
    const called: { type: number; offset: number; size: number }[] = [];
    for (const symbol of this.#assembler.symbols.all())
      if (symbol.prototype && symbol.used && !symbol.defined)
        called.push({ type: this.types.func(symbol.prototype), offset: 0, size: 0 });
    if (called.length > 0) this.builder.datasec('.ksyms', 0, called);
  }

  /** A record where the line changes, and one for the start of each function (Linux, check_btf_line). */
  #lines(section: SectionBuilder, functions: readonly OwnFunction[]): ExtSection['lines'][number][] {
    const { sources } = this.#assembler.problems;
    const starts = new Map(functions.map(({ symbol }) => [symbol.value, symbol.defined!.start]));
    const out: ExtSection['lines'][number][] = [];
    if (starts.size === 0) return out;
    let last: string | undefined;
    for (let offset = 0; offset < section.size; offset += SLOT_SIZE) {
      // A function that begins with bytes of data is shown where it is declared.
      const place = section.placeOf(offset) ?? starts.get(offset);
      if (place === undefined) continue;
      const { source, at } = sources.fileAt(place);
      const { line, column } = positionAt(source, at);
      const key = `${line} ${source.name}`;
      if (key === last && !starts.has(offset)) continue;
      last = key;
      const textOffset = this.#text(lineText(source, line).trim());
      out.push({
        byteOffset: offset,
        fileOffset: this.#text(source.name),
        textOffset,
        line,
        column,
      });
    }
    return out;
  }

  /** A text of the file; a NUL, which ends texts in BTF, is left out. */
  #text(text: string): number {
    return this.builder.string(text.replaceAll('\0', ''));
  }
}
