import type { Endian } from '../../util/bytes.ts';
import type { DebugTables } from '../dwarf/debug-tables.ts';
import type { Argument, Expr, InsnStatement, Range, Statement } from '../syntax/ast.ts';
import type { Problems } from '../syntax/problems.ts';
import { writeAtOnce } from './direct.ts';
import { Evaluator } from './evaluate.ts';
import type { MapDeclaration } from './map-declaration.ts';
import { defaultKind, SectionBuilder, type SectionKind } from './section-builder.ts';
import { type AsmSymbol, type Location, SymbolTable } from './symbols.ts';

/** A directive line, as its handler sees it. */
export type DirectiveStatement = Extract<Statement, { kind: 'directive' }>;
export type DirectiveHandler = (assembler: Assembler, line: DirectiveStatement) => void;

/**
 * Sections hold their bytes in memory, and one short line can ask for any number of zeros; BPF's
 * largest map of a data section is far below (Linux limits array maps to 2 GiB and programs to
 * 8 MB).
 */
const MAX_SECTION_SIZE = 64 * 1024 * 1024;

/** What holds for the whole of a file. */
export interface AssemblerOptions {
  readonly endian: Endian;
  readonly directives: ReadonlyMap<string, DirectiveHandler>;
  /** What to say about a directive that does not exist. */
  unknownDirective(assembler: Assembler, line: DirectiveStatement): void;
}

/**
 * The first pass over a file: it puts every statement into its section, notes the names, and leaves
 * whatever depends on names to the second pass.
 */
export class Assembler {
  readonly problems: Problems;
  readonly symbols: SymbolTable = new SymbolTable();
  readonly evaluator: Evaluator;
  readonly sections: SectionBuilder[] = [];
  readonly #sectionsByName: Map<string, SectionBuilder> = new Map();
  readonly maps: MapDeclaration[] = [];
  /** True while the last `.map` line is one that could not be read. */
  mapIsBroken = false;
  readonly options: AssemblerOptions;
  current: SectionBuilder;
  previous: SectionBuilder;
  /** The function that `.program` or `.function` opened; its size is known where it ends. */
  open: { readonly symbol: AsmSymbol; readonly section: SectionBuilder } | undefined;
  /** Source file names, for FILE symbols. */
  readonly files: string[] = [];
  /** True for text that a compiler printed. */
  compiled = false;
  license: Range | undefined;
  /** Made by the first directive for debuggers. */
  debugTables: DebugTables | undefined;
  readonly #poisoned: Set<string> = new Set();

  constructor(problems: Problems, options: AssemblerOptions) {
    this.problems = problems;
    this.options = options;
    this.evaluator = new Evaluator(this.symbols, problems, this.#poisoned);
    this.current = this.section('.text', undefined);
    // What LLVM gives `.text` before anything is in it.
    this.current.align = 4;
    this.previous = this.current;
  }

  /** Where the next byte goes. */
  get here(): Location {
    return { section: this.current, offset: this.current.size };
  }

  /** The next statement of the text. */
  statement(statement: Statement): void {
    if (statement.kind === 'insn') this.#insn(statement);
    else if (statement.kind === 'label') this.defineLabel(statement.name, statement);
    else if (statement.kind === 'assign')
      this.defineConstant(statement.name, statement, statement.value, false);
    else {
      const handler = this.options.directives.get(statement.name);
      if (handler) handler(this, statement);
      else this.options.unknownDirective(this, statement);
    }
  }

  #insn(insn: InsnStatement): void {
    const { current } = this;
    if (!current.stored) {
      this.problems.error(
        insn,
        'code-in-bss',
        `section '${current.name}' takes no room in the file: it cannot hold instructions`,
      );
      return;
    }
    if (!this.hasRoom(insn, 8 * insn.def.slots)) return;
    current.hasCode = true;
    if (current.size % 8 !== 0) current.misaligned ??= insn;
    const offset = current.reserve(8 * insn.def.slots);
    current.place(offset, insn.start);
    if (!writeAtOnce(this, current, offset, insn)) this.#later(current, offset, insn);
  }

  /** Keeps an instruction until the name that it needs is known, at the latest to the second pass. */
  #later(section: SectionBuilder, offset: number, insn: InsnStatement): void {
    const { target } = insn;
    const label = target?.kind === 'name' && insn.def.kind !== 'call' ? target.name : undefined;
    const symbol = label === undefined ? undefined : this.symbols.mention(label);
    if (!symbol || symbol.defined) section.items.push({ kind: 'insn', offset, insn });
    else if (symbol.waiting) symbol.waiting.push({ section, offset, insn });
    else symbol.waiting = [{ section, offset, insn }];
  }

  /** Jumps to a name go where it turned out to be; what cannot be written now is for the second pass. */
  #arrive(symbol: AsmSymbol): void {
    const { waiting } = symbol;
    if (!waiting) return;
    symbol.waiting = undefined;
    for (const { section, offset, insn } of waiting)
      if (!writeAtOnce(this, section, offset, insn)) section.items.push({ kind: 'insn', offset, insn });
  }

  /** Where the text ends: jumps to labels that never came are for the second pass to report. */
  end(): void {
    this.closeFunction();
    for (const symbol of this.symbols.all()) this.#arrive(symbol);
  }

  /** Reports a section that would grow too large. */
  hasRoom(range: Range, more: number): boolean {
    if (this.current.size + more <= MAX_SECTION_SIZE) return true;
    this.problems.error(
      range,
      'section-too-large',
      `section '${this.current.name}' would have more than 64 MiB`,
    );
    return false;
  }

  findSection(name: string): SectionBuilder | undefined {
    return this.#sectionsByName.get(name);
  }

  /** The section of that name, made where it is new. */
  section(name: string, kind: SectionKind | undefined): SectionBuilder {
    const known = this.#sectionsByName.get(name);
    if (known) return known;
    const made = new SectionBuilder(
      name,
      this.sections.length,
      kind ?? defaultKind(name),
      kind !== undefined,
    );
    this.sections.push(made);
    this.#sectionsByName.set(name, made);
    return made;
  }

  /** Goes on in another section; a function that our own directives opened ends here. */
  enter(section: SectionBuilder): void {
    if (this.open && section !== this.open.section) this.closeFunction();
    this.previous = this.current;
    this.current = section;
  }

  /** Ends the open function: its size is what has been written since it began. */
  closeFunction(): void {
    if (!this.open) return;
    const { symbol, section } = this.open;
    this.open = undefined;
    const size = BigInt(section.size - symbol.value);
    const range = symbol.defined!;
    symbol.size = {
      expr: { kind: 'number', value: size, ...range },
      here: { section, offset: symbol.value },
    };
    if (size === 0n)
      this.problems.error(range, 'empty-function', `'${symbol.name}' has no instructions`, {
        help: ["the shortest function is 'r0 = 0' and 'exit'"],
      });
  }

  defineLabel(name: string, range: Range): AsmSymbol | undefined {
    const symbol = this.#newDefinition(name, range);
    if (!symbol) return undefined;
    symbol.section = this.current;
    symbol.value = this.current.size;
    this.#arrive(symbol);
    return symbol;
  }

  /** A name whose place in its section is found out later. */
  defineElsewhere(name: string, range: Range): AsmSymbol | undefined {
    return this.#newDefinition(name, range);
  }

  /** Notes a name whose definition is broken: that it is missing is no second problem. */
  poison(name: string): void {
    this.#poisoned.add(name);
  }

  /** A constant; what can be counted already is stored as a number. */
  defineConstant(name: string, range: Range, expr: Expr, absolute: boolean): void {
    const symbol = this.#newDefinition(name, range);
    if (!symbol) return;
    symbol.absolute = absolute;
    const { here } = this;
    const settled = this.#isSettled(expr, 0) ? this.evaluator.evaluate(expr, here) : undefined;
    const value: Expr =
      settled?.kind === 'number'
        ? { kind: 'number', value: settled.value, start: expr.start, end: expr.end }
        : expr;
    symbol.constant = { expr: value, here };
  }

  /** The value of what can be counted here and now. */
  number(expr: Expr, what: string): bigint | undefined {
    return this.evaluator.number(expr, this.here, what);
  }

  isDefined(name: string): boolean {
    return this.symbols.find(name)?.defined !== undefined;
  }

  /** True where nothing that comes later can change the value. */
  #isSettled(expr: Expr, depth: number): boolean {
    if (expr.kind === 'number') return true;
    if (expr.kind === 'name') {
      const symbol = this.symbols.find(expr.name);
      return symbol?.constant?.expr.kind === 'number';
    }
    if (expr.kind === 'unary') return this.#isSettled(expr.operand, depth + 1);
    return (
      expr.kind === 'binary' &&
      this.#isSettled(expr.left, depth + 1) &&
      this.#isSettled(expr.right, depth + 1)
    );
  }

  #newDefinition(name: string, range: Range): AsmSymbol | undefined {
    const symbol = this.symbols.mention(name);
    if (symbol.defined) {
      this.problems.error(range, 'defined-twice', `'${name}' is defined twice`, {
        labels: [this.problems.label(symbol.defined, 'first defined here')],
      });
      return undefined;
    }
    symbol.defined = { start: range.start, end: range.end };
    return symbol;
  }

  /** Appends expressions of one size. */
  data(args: readonly Argument[], size: 1 | 2 | 4 | 8): void {
    for (const arg of args) {
      if (arg.kind !== 'expr') {
        this.problems.error(arg, 'argument', `expected a number or a name, found ${describe(arg)}`);
        continue;
      }
      if (!this.hasRoom(arg, size)) return;
      this.current.items.push({ kind: 'data', offset: this.current.reserve(size), size, value: arg.value });
    }
  }
}

/** An argument as a message names it. */
export function describe(arg: Argument): string {
  if (arg.kind === 'string') return 'a string';
  if (arg.kind === 'type') return `'@${arg.name}'`;
  if (arg.kind === 'option') return `'${arg.name}='`;
  return arg.value.kind === 'name' ? `'${arg.value.name}'` : 'a number';
}
