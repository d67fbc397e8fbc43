import { findInsn } from '../../isa/insn-table.ts';
import type { Endian } from '../../util/bytes.ts';
import type { DebugTables } from '../dwarf/debug-tables.ts';
import type { Argument, Expr, InsnStatement, Range, Statement } from '../syntax/ast.ts';
import { rowOf } from '../syntax/insn-forms.ts';
import { isPlainName } from '../syntax/plain-expression.ts';
import { takeInsn } from '../syntax/plain-insn.ts';
import type { Problems } from '../syntax/problems.ts';
import { Scanner } from '../syntax/scanner.ts';
import { namedConstants } from './constants.ts';
import { DebugInfo } from './debug-info.ts';
import { putInsn, putOffset, writeAtOnce } from './direct.ts';
import { Evaluator } from './evaluate.ts';
import { Language } from './language.ts';
import type { MapDeclaration } from './map-declaration.ts';
import { defaultKind, SectionBuilder, type SectionKind } from './section-builder.ts';
import { type AsmSymbol, type Location, newSymbol, SymbolTable } from './symbols.ts';
import { constantsSection } from './variables.ts';

/** A directive line, as its handler sees it. */
export type DirectiveStatement = Extract<Statement, { kind: 'directive' }>;
export type DirectiveHandler = (assembler: Assembler, line: DirectiveStatement) => void;

/**
 * Sections hold their bytes in memory, and one short line can ask for any number of zeros; BPF's
 * largest map of a data section is far below (Linux limits array maps to 2 GiB and programs to
 * 8 MB).
 */
const MAX_SECTION_SIZE = 64 * 1024 * 1024;

const SLOT = 8;
const LDDW = findInsn('lddw')!.opcode;
const MIN_S16 = -0x8000;
const MAX_S16 = 0x7fff;

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
  licenseText: string | undefined;
  /** Functions of the kernel, where somebody asked for them: for suggestions. */
  kfuncNames: readonly string[] = [];
  /** Made by the first directive for debuggers. */
  debugTables: DebugTables | undefined;
  readonly #poisoned: Set<string> = new Set();
  readonly #little: boolean;
  readonly #texts: Map<string, AsmSymbol> = new Map();

  constructor(problems: Problems, options: AssemblerOptions) {
    this.problems = problems;
    this.options = options;
    this.#little = options.endian === 'little';
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
    if (!this.hasRoom(insn, 8 * insn.def.slots)) return;
    current.hasCode = true;
    if (current.size % 8 !== 0) current.misaligned ??= insn;
    const offset = current.reserve(8 * insn.def.slots);
    current.place(offset, insn.start);
    if (!writeAtOnce(this, current, offset, insn)) this.#later(current, offset, insn);
  }

  /** An instruction whose fields are numbers already: see `HotLines`. */
  write(opcode: number, dst: number, src: number, off: number, imm: number, place: number): boolean {
    const { current } = this;
    if (!current.stored || current.size % SLOT !== 0 || current.size >= MAX_SECTION_SIZE) return false;
    current.hasCode = true;
    const offset = current.reserve(SLOT);
    current.place(offset, place);
    putInsn(current.buffer, offset, this.#little, opcode, dst, src, off, imm);
    return true;
  }

  writeLabel(label: string, place: number): boolean {
    this.defineLabel(label, { start: place, end: place + label.length });
    return true;
  }

  /** An `lddw` of a number that a double holds. */
  writeWide(dst: number, value: number, place: number): boolean {
    const high = Math.floor(value / 2 ** 32);
    if (!this.write(LDDW, dst, 0, 0, value - high * 2 ** 32, place)) return false;
    // Its second slot has nothing but the upper half.
    const { current } = this;
    const offset = current.reserve(SLOT);
    putInsn(current.buffer, offset, this.#little, 0, 0, 0, 0, high);
    return true;
  }

  /** As {@link write}, for a jump to a label of this section, which may still come. */
  writeJump(opcode: number, dst: number, src: number, imm: number, label: string, place: number): boolean {
    const known = this.symbols.find(label);
    // A word that means something else is for the grammar.
    if (!known?.defined && !isPlainName(label)) return false;
    const symbol = known ?? this.symbols.mention(label);
    const { current } = this;
    let distance = 0;
    if (symbol.defined) {
      if (symbol.section !== current) return false;
      distance = (symbol.value - current.size) / SLOT - 1;
      if (distance < MIN_S16 || !Number.isInteger(distance)) return false;
    } else if (symbol.jumpsFrom !== undefined && symbol.jumpsFrom !== current) return false;
    const offset = current.size;
    if (!this.write(opcode, dst, src, distance, imm, place)) return false;
    if (symbol.defined) return true;
    symbol.jumpsFrom = current;
    symbol.jumps.push(offset);
    return true;
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

  #mention(expr: Expr): void {
    if (expr.kind === 'name') this.symbols.mention(expr.name);
    else if (expr.kind === 'binary') {
      this.#mention(expr.left);
      this.#mention(expr.right);
    }
  }

  /** Keeps an instruction until the name that it needs is known, at the latest to the second pass. */
  #later(section: SectionBuilder, offset: number, insn: InsnStatement): void {
    const { target } = insn;
    const named = target ?? insn.imm;
    // The symbol table has names in the order of their first use, as LLVM's.
    if (named) this.#mention(named);
    const label = target?.kind === 'name' && insn.def.kind !== 'call' ? target.name : undefined;
    const symbol = label === undefined ? undefined : this.symbols.mention(label);
    if (!symbol || symbol.defined) section.items.push({ kind: 'insn', offset, insn });
    else if (symbol.waiting) symbol.waiting.push({ section, offset, insn });
    else symbol.waiting = [{ section, offset, insn }];
  }

  /** Jumps to a name go where it turned out to be; what cannot be written now is for the second pass. */
  #arrive(symbol: AsmSymbol): void {
    const { waiting, jumps, jumpsFrom } = symbol;
    for (let at = 0; at < jumps.length; at++) {
      const offset = jumps[at]!;
      const distance = (symbol.value - offset) / SLOT - 1;
      if (symbol.section === jumpsFrom && distance <= MAX_S16 && Number.isInteger(distance))
        putOffset(jumpsFrom!.buffer, offset, this.#little, distance);
      else jumpsFrom!.items.push({ kind: 'insn', offset, insn: this.#readAgain(jumpsFrom!, offset) });
    }
    symbol.jumps.length = 0;
    if (!waiting) return;
    symbol.waiting = undefined;
    for (const { section, offset, insn } of waiting)
      if (!writeAtOnce(this, section, offset, insn)) section.items.push({ kind: 'insn', offset, insn });
  }

  /** The statement of a jump that was written without one. */
  #readAgain(section: SectionBuilder, offset: number): InsnStatement {
    const place = section.placeOf(offset)!;
    const { readable, base } = this.problems.sources.bufferAt(place);
    const scanner = new Scanner(lineAt(readable, place - base), place);
    scanner.end = scanner.text.length;
    return takeInsn(scanner)!;
  }

  /** Where the text ends: jumps to labels that never came are for the second pass to report. */
  end(): void {
    this.closeFunction();
    for (const symbol of this.symbols.all()) this.#arrive(symbol);
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
    const { symbol, section } = this.open;
    this.open = undefined;
    const size = section.size - symbol.value;
    const range = symbol.defined!;
    this.setSize(symbol, size);
    if (size === 0)
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
      if (arg.value.kind !== 'number') this.#mention(arg.value);
      this.current.items.push({ kind: 'data', offset: this.current.reserve(size), size, value: arg.value });
    }
  }
}

/** From there to the end of the line. */
function lineAt(text: string, at: number): string {
  const end = text.indexOf('\n', at);
  return text.slice(at, end < 0 ? text.length : end);
}

/** An argument as a message names it. */
export function describe(arg: Argument): string {
  if (arg.kind === 'string') return 'a string';
  if (arg.kind === 'type') return `'@${arg.name}'`;
  if (arg.kind === 'option' || arg.kind === 'typed') return `'${arg.name}='`;
  return arg.value.kind === 'name' ? `'${arg.value.name}'` : 'a number';
}
