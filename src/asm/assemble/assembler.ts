import { SLOT_SIZE } from '../../isa/slot.ts';
import type { Endian } from '../../util/bytes.ts';
import type { DebugTables } from '../dwarf/debug-tables.ts';
import type { Argument, Expr, InsnStatement, Range, Statement } from '../syntax/ast.ts';
import { rowOf } from '../syntax/insn-forms.ts';
import type { Problems } from '../syntax/problems.ts';
import { CodeWriter } from './code-writer.ts';
import { namedConstants } from './constants.ts';
import { DebugInfo } from './debug-info.ts';
import { Evaluator } from './evaluate.ts';
import { Language } from './language.ts';
import type { MapDeclaration } from './map-declaration.ts';
import { defaultKind, MAX_SECTION_SIZE, SectionBuilder, type SectionKind } from './section-builder.ts';
import { type AsmSymbol, type Location, newSymbol, SymbolTable } from './symbols.ts';
import { constantsSection } from './variables.ts';

/** A directive line, as its handler sees it. */
export type DirectiveStatement = Extract<Statement, { kind: 'directive' }>;
export type DirectiveHandler = (assembler: Assembler, line: DirectiveStatement) => void;

/** A version of the instruction set as compilers know it (`-mcpu`); the last of them reaches Linux 6.6. */
export type CpuVersion = 'v1' | 'v2' | 'v3' | 'v4';

/** What holds for the whole of a file. */
export interface AssemblerOptions {
  readonly endian: Endian;
  readonly cpu: CpuVersion;
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
  readonly language: Language;
  readonly debug: DebugInfo;
  readonly code: CodeWriter;
  readonly sections: SectionBuilder[] = [];
  readonly #sectionsByName: Map<string, SectionBuilder> = new Map();
  readonly maps: MapDeclaration[] = [];
  /** True while the last `.map` line is one that could not be read. */
  mapIsBroken = false;
  readonly options: AssemblerOptions;
  current: SectionBuilder;
  previous: SectionBuilder;
  /** The function that `.program` or `.function` opened; its size is known where it ends. */
  open: { readonly symbol: AsmSymbol; readonly section: SectionBuilder; broken?: boolean } | undefined;
  /** Source file names, for FILE symbols. */
  readonly files: string[] = [];
  /** True for text that a compiler printed. */
  compiled = false;
  license: Range | undefined;
  licenseText: string | undefined;
  /** Functions of the kernel, where somebody asked for them: for suggestions. */
  kfuncNames: readonly string[] = [];
  /** Made by the first directive for debuggers. */
  debugTables: DebugTables | undefined;
  readonly #poisoned: Set<string> = new Set();
  readonly #texts: Map<string, AsmSymbol> = new Map();

  constructor(problems: Problems, options: AssemblerOptions) {
    this.problems = problems;
    this.options = options;
    this.code = new CodeWriter(this);
    this.language = new Language(problems, this, options.endian);
    this.evaluator = new Evaluator(this.symbols, problems, {
      poisoned: this.#poisoned,
      language: this.language,
      text: (bytes) => this.#textSymbol(bytes),
    });
    this.debug = new DebugInfo(this);
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
    if (statement.kind === 'insn') this.instruction(statement);
    else if (statement.kind === 'label') this.defineLabel(statement.name, statement);
    else if (statement.kind === 'assign')
      this.defineConstant(statement.name, statement, statement.value, false);
    else {
      const handler = this.options.directives.get(statement.name);
      if (handler) handler(this, statement);
      else this.options.unknownDirective(this, statement);
    }
  }

  instruction(insn: InsnStatement): void {
    const { current } = this;
    if (insn.imm?.kind === 'name') {
      const load = this.#contextLoad(insn);
      if (load !== insn) {
        if (load) this.instruction(load);
        // Its place is kept, for what stands behind it.
        else if (this.hasRoom(insn, SLOT_SIZE)) current.reserve(SLOT_SIZE);
        return;
      }
    }
    if (!current.stored) {
      this.problems.error(
        insn,
        'code-in-bss',
        `section '${current.name}' takes no room in the file: it cannot hold instructions`,
      );
      return;
    }
    if (this.hasRoom(insn, SLOT_SIZE * insn.def.slots)) this.code.take(insn);
  }

  /** `r2 = ctx.data` is a load from the context, which programs are given in r1. */
  #contextLoad(insn: InsnStatement): InsnStatement | undefined {
    const { imm, def, dst, start, end } = insn;
    if (imm?.kind !== 'name' || def.kind !== 'alu' || def.op !== '' || !imm.name.startsWith('ctx.'))
      return insn;
    const field = this.language.contextField(imm.name, imm, this.here);
    if (!field) return undefined;
    const row = field.bits ? undefined : rowOf({ kind: 'ldx', size: field.size, x: true });
    const off = { kind: 'number', value: field.offset, start: imm.start, end: imm.end } as const;
    if (row && (def.width === 64 || field.size <= 4))
      return { kind: 'insn', def: row, dst, src: 1, off, imm: undefined, target: undefined, start, end };
    this.problems.error(
      imm,
      'no-such-load',
      `'${imm.name}' has ${field.size} bytes: no load takes them at once`,
      {
        help: [`load a part of it: 'r${dst} = *(u32 *)(r1 + ${imm.name})'`],
      },
    );
    return undefined;
  }

  /** Where the text ends: jumps to labels that never came are for the second pass to report. */
  end(): void {
    this.closeFunction();
    for (const symbol of this.symbols.all()) this.code.arrive(symbol);
  }

  /** The size in bytes that a symbol was given. */
  sizeOf(symbol: AsmSymbol): number {
    const expr = symbol.size?.expr;
    return expr?.kind === 'number' ? Number(expr.value) : 0;
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
    const { symbol, section, broken } = this.open;
    this.open = undefined;
    const size = section.size - symbol.value;
    const range = symbol.defined!;
    this.setSize(symbol, size);
    if (size === 0 && !broken)
      this.problems.error(range, 'empty-function', `'${symbol.name}' has no instructions`, {
        help: ["the shortest function is 'r0 = 0' and 'exit'"],
      });
  }

  defineLabel(name: string, range: Range): AsmSymbol | undefined {
    const symbol = this.#newDefinition(name, range);
    if (!symbol) return undefined;
    symbol.section = this.current;
    symbol.value = this.current.size;
    this.code.arrive(symbol);
    return symbol;
  }

  /** A name whose place in its section is found out later. */
  defineElsewhere(name: string, range: Range): AsmSymbol | undefined {
    return this.#newDefinition(name, range);
  }

  /** Notes a name whose definition is broken: that it is missing is no second problem. */
  poison(name: string): void {
    if (this.open) this.open.broken = true;
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

  /** Whether a name means something so far: one of the file, of a type, or a constant of the kernel. */
  isDefined(name: string): boolean {
    if (this.symbols.find(name)?.defined) return true;
    const { types } = this.language;
    return types.constants.has(name) || types.find(name) !== undefined || namedConstants().has(name);
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

  /** Tells a symbol's size in bytes. */
  setSize(symbol: AsmSymbol, size: number): void {
    const { start, end } = symbol.defined!;
    const here = { section: symbol.section ?? this.current, offset: symbol.value };
    symbol.size = { expr: { kind: 'number', value: size, start, end }, here };
  }

  /** The place of a text in `.rodata`, with a NUL behind it; equal texts share it. */
  #textSymbol(bytes: Uint8Array): AsmSymbol {
    const key = bytes.join();
    const known = this.#texts.get(key);
    if (known) return known;
    const section = constantsSection(this);
    const symbol = newSymbol(`.L.str.${this.#texts.size}`);
    symbol.section = section;
    symbol.value = section.size;
    symbol.defined = { start: 0, end: 0 };
    section.append(bytes);
    section.append(Uint8Array.of(0));
    this.#texts.set(key, symbol);
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
      if (arg.value.kind !== 'number') this.symbols.mentionAll(arg.value);
      this.current.items.push({ kind: 'data', offset: this.current.reserve(size), size, value: arg.value });
    }
  }
}

/** An argument as a message names it. */
export function describe(arg: Argument): string {
  if (arg.kind === 'string') return 'a string';
  if (arg.kind === 'type') return `'@${arg.name}'`;
  if (arg.kind === 'option' || arg.kind === 'typed') return `'${arg.name}='`;
  return arg.value.kind === 'name' ? `'${arg.value.name}'` : 'a number';
}
