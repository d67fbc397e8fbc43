import type { InsnDef } from '../../isa/insn-table.ts';
import { suggest } from '../../util/suggest.ts';
import type { Expr, InsnStatement, Range } from './ast.ts';
import { numberValue } from './literals.ts';
import { ExpressionReader, endsStatement, whatIsHere } from './mnemonic-expression.ts';
import { MNEMONICS, type Mnemonic, type OperandKind, PREFIXES } from './mnemonic-names.ts';
import type { Problems } from './problems.ts';
import type { Scanner } from './scanner.ts';

/** The words that begin a line of LLVM's syntax. */
const LLVM_WORDS: ReadonlySet<string> = new Set([
  'if',
  'goto',
  'gotol',
  'may_goto',
  'call',
  'callx',
  'exit',
  'lock',
  'store_release',
]);
const CALLEES: ReadonlySet<string> = new Set(['local', 'helper', 'runtime']);
const REGISTER = /^[rRwW]\d+$/;

/**
 * Whether the statement that begins here is written with a mnemonic: `add r1, 5`. Misspelt ones
 * count where what follows looks like their operands; `call f`, `exit` and `lock *(u64 *)…` are
 * LLVM's. The scanner stays where it is.
 */
export function isMnemonic(scanner: Scanner): boolean {
  const { at, text, code } = scanner;
  // All mnemonics are of small letters, and no register is one.
  if (code < 0x61 || code > 0x7a) return false;
  const end = scanner.wordEnd();
  const word = text.slice(at, end);
  if (!MNEMONICS.has(word) && !PREFIXES.has(word) && (LLVM_WORDS.has(word) || REGISTER.test(word)))
    return false;
  scanner.at = end;
  scanner.skipSpaces();
  const answer = MNEMONICS.has(word) ? !isDefinition(scanner) : opensOthers(word, scanner);
  scanner.at = at;
  return answer;
}

/** `add = 5`, `add: exit`. */
function isDefinition({ code }: Scanner): boolean {
  return code === 0x3d || code === 0x3a;
}

/** For a word that is no whole mnemonic: the first of two, or a misspelt one. */
function opensOthers(word: string, scanner: Scanner): boolean {
  if (isDefinition(scanner) || endsStatement(scanner)) return false;
  const next = scanner.text.slice(scanner.at, scanner.wordEnd());
  if (word === 'lock') return scanner.code !== 0x2a && scanner.code !== 0x28 && !REGISTER.test(next);
  if (word === 'call') {
    const { at } = scanner;
    scanner.at += next.length;
    scanner.skipSpaces();
    const callee = CALLEES.has(next) && !endsStatement(scanner);
    scanner.at = at;
    return callee;
  }
  const operand = scanner.code === 0x25 || scanner.code === 0x5b || REGISTER.test(next);
  return operand && suggest(word, MNEMONICS.keys()) !== undefined;
}

type Operand =
  | ({ readonly kind: 'register'; readonly number: number; readonly width: 32 | 64 } & Range)
  | ({ readonly kind: 'memory'; readonly base: number; readonly off: Expr | undefined } & Range)
  | ({ readonly kind: 'number'; readonly value: Expr } & Range);

/**
 * The statement that {@link isMnemonic} saw here; undefined after a problem, which `problems` is told.
 * The scanner stands behind it and the spaces after it.
 */
export function takeMnemonic(scanner: Scanner, problems?: Problems): InsnStatement | undefined {
  return new MnemonicReader(scanner, problems).read();
}

class MnemonicReader {
  readonly #scanner: Scanner;
  readonly #problems: Problems | undefined;
  readonly #start: number;
  /** Behind what was taken last, without the spaces there. */
  #end: number;

  constructor(scanner: Scanner, problems: Problems | undefined) {
    this.#scanner = scanner;
    this.#problems = problems;
    this.#start = scanner.place;
    this.#end = scanner.place;
  }

  #error(range: Range, code: string, message: string, help: readonly string[] = []): undefined {
    this.#problems?.error(range, code, message, { help });
    return undefined;
  }

  read(): InsnStatement | undefined {
    const mnemonic = this.#name();
    const operands = mnemonic && this.#operands(mnemonic);
    if (!operands || !this.#fits(mnemonic, operands)) return undefined;
    const def = this.#row(mnemonic, operands);
    return def && statement(def, operands, { start: this.#start, end: this.#end });
  }

  #word(): string {
    const scanner = this.#scanner;
    const { at } = scanner;
    const end = scanner.wordEnd();
    scanner.at = end;
    this.#end = scanner.place;
    scanner.skipSpaces();
    return scanner.text.slice(at, end);
  }

  #name(): Mnemonic | undefined {
    let name = this.#word();
    if (PREFIXES.has(name) && !MNEMONICS.has(name)) name += ` ${this.#word()}`;
    if (name === 'lock fetch') name += ` ${this.#word()}`;
    const mnemonic = MNEMONICS.get(name);
    if (mnemonic) return mnemonic;
    const range = { start: this.#start, end: this.#end };
    const help = this.#problems?.suggest(name, MNEMONICS.keys()) ?? [];
    return this.#error(range, 'unknown-instruction', `there is no instruction '${name}'`, help);
  }

  #operands(mnemonic: Mnemonic): Operand[] | undefined {
    const scanner = this.#scanner;
    const out: Operand[] = [];
    if (endsStatement(scanner)) return out;
    for (;;) {
      const operand = this.#operand();
      if (!operand) return undefined;
      out.push(operand);
      this.#end = operand.end;
      if (out.length > mnemonic.operands.length) break;
      if (!scanner.takeSign(0x2c)) break;
    }
    if (endsStatement(scanner) || out.length > mnemonic.operands.length) return out;
    return this.#error(
      { start: scanner.place, end: scanner.place + 1 },
      'syntax',
      `expected ',' or the end of the statement, found ${whatIsHere(scanner)}`,
      [written(mnemonic)],
    );
  }

  #operand(): Operand | undefined {
    const scanner = this.#scanner;
    const start = scanner.place;
    if (scanner.code === 0x5b) return this.#memory();
    if (scanner.code === 0x25) scanner.at++;
    const word = scanner.text.slice(scanner.at, scanner.wordEnd());
    if (REGISTER.test(word)) return this.#register(start);
    if (scanner.place !== start)
      return this.#error(
        { start, end: start + 1 },
        'syntax',
        `expected a register behind '%', found ${whatIsHere(scanner)}`,
      );
    const value = new ExpressionReader(scanner, this.#problems).read();
    return value && { kind: 'number', value, start, end: value.end };
  }

  #register(start: number): Extract<Operand, { kind: 'register' }> | undefined {
    const scanner = this.#scanner;
    const wordEnd = scanner.wordEnd();
    const word = scanner.text.slice(scanner.at, wordEnd);
    const number = Number(word.slice(1));
    const end = scanner.base + wordEnd;
    if (number > 10 || word.length > 3)
      return this.#error({ start, end }, 'unknown-register', `there is no register '${word}'`, [
        'the registers are r0 to r10',
      ]);
    if (/^w/i.test(word))
      return this.#error(
        { start, end },
        'mixed-widths',
        `behind a mnemonic registers have 64 bits: the width is in its name`,
        [`write 'r${number}', as in 'add32 r${number}, 1'`],
      );
    scanner.at = wordEnd;
    scanner.skipSpaces();
    return { kind: 'register', number, width: 64, start, end };
  }

  /** `[r1+8]` */
  #memory(): Operand | undefined {
    const scanner = this.#scanner;
    const start = scanner.place;
    scanner.takeSign(0x5b);
    const base = this.#base();
    if (!base) return undefined;
    const { place, code } = scanner;
    const signed = code === 0x2b || code === 0x2d;
    const off = signed ? new ExpressionReader(scanner, this.#problems).read() : undefined;
    if (signed && !off) return undefined;
    const end = scanner.place + 1;
    if (scanner.takeSign(0x5d)) return { kind: 'memory', base: base.number, off, start, end };
    const wanted = off ? "']'" : "'+', '-' or ']'";
    return this.#error(
      { start: scanner.place, end: Math.max(scanner.place, place) },
      'syntax',
      `expected ${wanted}, found ${whatIsHere(scanner)}`,
      ["memory is written '[r1]', '[r1+8]' or '[r10-8]'"],
    );
  }

  #base(): Extract<Operand, { kind: 'register' }> | undefined {
    const scanner = this.#scanner;
    const start = scanner.place;
    if (scanner.code === 0x25) scanner.at++;
    if (REGISTER.test(scanner.text.slice(scanner.at, scanner.wordEnd()))) return this.#register(start);
    return this.#error(
      { start: scanner.place, end: scanner.base + Math.max(scanner.at, scanner.wordEnd()) },
      'syntax',
      `expected a register, found ${whatIsHere(scanner)}`,
      ["memory is written '[r1]', '[r1+8]' or '[r10-8]'"],
    );
  }

  /** Number and kinds of the operands. */
  #fits(mnemonic: Mnemonic, operands: readonly Operand[]): boolean {
    const { name, operands: wanted, optional } = mnemonic;
    const range = { start: this.#start, end: this.#end };
    if (operands.length < wanted.length - optional || operands.length > wanted.length) {
      const given = operands.length > wanted.length ? 'more' : String(operands.length);
      this.#error(range, 'operand-count', `'${name}' takes ${count(mnemonic)}, not ${given}`, [
        written(mnemonic),
      ]);
      return false;
    }
    for (const [index, operand] of operands.entries())
      if (!suits(wanted[index]!, operand)) {
        this.#error(
          operand,
          'operand-kind',
          `'${name}' takes ${WANTED[wanted[index]!]} here, not ${NAMES[operand.kind]}`,
          [written(mnemonic)],
        );
        return false;
      }
    return true;
  }

  #row({ name, k, x, operands: kinds }: Mnemonic, operands: readonly Operand[]): InsnDef | undefined {
    const place = kinds.indexOf('value');
    if (place < 0) return k ?? x;
    const def = operands[place]!.kind === 'register' ? x : k;
    return def ?? this.#error(operands[place]!, 'operand-kind', `there is no '${name}' of these operands`);
  }
}

const NAMES: Readonly<Record<Operand['kind'], string>> = {
  register: 'a register',
  memory: 'memory',
  number: 'a number',
};
const WANTED: Readonly<Record<OperandKind, string>> = {
  register: 'a register',
  memory: "memory such as '[r1+8]'",
  number: 'a number',
  value: 'a register or a number',
  target: 'a label or a distance',
};

function suits(wanted: OperandKind, { kind }: Operand): boolean {
  if (wanted === 'value') return kind !== 'memory';
  return kind === (wanted === 'target' ? 'number' : wanted);
}

function count({ operands, optional }: Mnemonic): string {
  const most = operands.length;
  if (most === 0) return 'no operands';
  return `${optional > 0 ? `${most - optional} or ${most}` : most} operand${most === 1 ? '' : 's'}`;
}

function written({ example }: Mnemonic): string {
  return `write it like '${example}'`;
}

function statement(def: InsnDef, operands: readonly Operand[], range: Range): InsnStatement {
  const numbers = operands.flatMap((operand) => (operand.kind === 'number' ? [operand.value] : []));
  const registers = operands.flatMap((operand) => (operand.kind === 'register' ? [operand.number] : []));
  const memory = operands.find((operand) => operand.kind === 'memory');
  const jumps = def.kind === 'ja' || def.kind === 'jcond' || def.kind === 'call';
  const target = jumps ? numbers.at(def.name === 'call_kfunc' ? 0 : -1) : undefined;
  const base = memory?.base ?? registers[0] ?? 0;
  const loads = memory !== undefined && operands[0] !== memory;
  return {
    kind: 'insn',
    def,
    dst: def.dst !== 'reg' ? 0 : loads ? registers[0]! : base,
    src: def.src !== 'reg' ? 0 : loads ? base : (registers.at(-1) ?? 0),
    off: def.name === 'call_kfunc' ? numbers[1] : memory?.off,
    imm: immOf(def, jumps && def.name !== 'call_kfunc' ? numbers.slice(0, -1) : numbers),
    target,
    start: range.start,
    end: range.end,
  };
}

/** The immediate; where a line has two numbers for it, both in one. */
function immOf(def: InsnDef, numbers: readonly Expr[]): Expr | undefined {
  const [first, second] = numbers;
  if (def.kind === 'addrSpaceCast') return joined(first!, second!, 16);
  if (def.kind === 'lddw' && def.src !== 0) return joined(second ?? zeroAt(first!), first!, 32);
  return first;
}

function zeroAt({ start, end }: Range): Expr {
  return { kind: 'number', value: numberValue('0'), start, end };
}

/** `high << bits`, with `low` in the bits below. */
function joined(high: Expr, low: Expr, bits: number): Expr {
  const range = { start: Math.min(high.start, low.start), end: Math.max(high.end, low.end) };
  const number = (text: string): Expr => ({ kind: 'number', value: numberValue(text), ...range });
  const binary = (op: '<<' | '&' | '+', left: Expr, right: Expr): Expr => ({
    kind: 'binary',
    op,
    left,
    right,
    ...range,
  });
  const mask = number(bits === 16 ? '0xffff' : '0xffffffff');
  return binary('+', binary('<<', high, number(String(bits))), binary('&', low, mask));
}
