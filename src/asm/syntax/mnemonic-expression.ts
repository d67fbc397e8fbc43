import type { BinaryOperator, Expr, UnaryOperator } from './ast.ts';
import { charValue, numberValue } from './literals.ts';
import { PRECEDENCE, signed } from './operators.ts';
import type { Problems } from './problems.ts';
import { isDigit, isNameStart, type Scanner } from './scanner.ts';

/** Expressions are evaluated recursively; nobody writes longer ones. */
const MAX_TERMS = 500;
/** Of parentheses and signs together. */
const MAX_NESTING = 64;

const UNARY: Readonly<Record<number, UnaryOperator | undefined>> = { 45: '-', 43: '+', 126: '~', 33: '!' };
const BINARY: Readonly<Record<number, BinaryOperator | undefined>> = {
  43: '+',
  45: '-',
  42: '*',
  47: '/',
  37: '%',
  38: '&',
  124: '|',
  94: '^',
};
const NUMBER = /^(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)$/;
const CHAR = /'(?:[^'\\\n]|\\[^\n])'/y;

const SLASH = 0x2f;
const STAR = 0x2a;
const QUOTE = 0x27;

/** True where a statement ends: at a comment, a separator or the end of the line. */
export function endsStatement(scanner: Scanner): boolean {
  if (scanner.atEnd || scanner.code === 0x3b) return true;
  return scanner.code === SLASH && scanner.codeAt(1) === STAR;
}

/** What stands here, as a message names it. */
export function whatIsHere(scanner: Scanner): string {
  if (endsStatement(scanner)) return 'the end of the statement';
  const end = Math.max(scanner.wordEnd(), scanner.at + 1);
  return `'${scanner.text.slice(scanner.at, Math.min(end, scanner.at + 40))}'`;
}

/** Reads the expressions of one operand; a problem is told once, if there is somebody to tell, and answered with undefined. */
export class ExpressionReader {
  readonly #scanner: Scanner;
  readonly #problems: Problems | undefined;
  #terms = 0;
  #nesting = 0;

  constructor(scanner: Scanner, problems: Problems | undefined) {
    this.#scanner = scanner;
    this.#problems = problems;
  }

  read(): Expr | undefined {
    return this.#climb(1);
  }

  #error(start: number, end: number, code: string, message: string, help: readonly string[] = []): undefined {
    const { base } = this.#scanner;
    this.#problems?.error({ start: base + start, end: base + end }, code, message, { help });
    return undefined;
  }

  #climb(minimum: number): Expr | undefined {
    let left = this.#term();
    while (left) {
      const op = this.#operator();
      if (op === undefined || PRECEDENCE[op] < minimum) return left;
      this.#scanner.at += op.length;
      this.#scanner.skipSpaces();
      const right = this.#climb(PRECEDENCE[op] + 1);
      left = right && { kind: 'binary', op, left, right, start: left.start, end: right.end };
    }
    return undefined;
  }

  #operator(): BinaryOperator | undefined {
    const { code } = this.#scanner;
    const next = this.#scanner.codeAt(1);
    if (code === 0x3c || code === 0x3e) return next === code ? (code === 0x3c ? '<<' : '>>') : undefined;
    // Both begin a comment.
    return code === SLASH && (next === SLASH || next === STAR) ? undefined : BINARY[code];
  }

  #term(): Expr | undefined {
    const { at: start, code } = this.#scanner;
    if (++this.#terms > MAX_TERMS)
      return this.#error(
        start,
        start + 1,
        'expression-too-long',
        `an expression can have ${MAX_TERMS} terms, not more`,
      );
    const op = UNARY[code];
    if (op === undefined && code !== 0x28) return this.#primary();
    if (++this.#nesting > MAX_NESTING)
      return this.#error(
        start,
        start + 1,
        'nested-too-deep',
        `signs and parentheses can be nested ${MAX_NESTING} deep, not deeper`,
      );
    this.#scanner.takeSign(code);
    const value = op === undefined ? this.#closed(start) : this.#signed(op, start);
    this.#nesting--;
    return value;
  }

  #signed(op: UnaryOperator, start: number): Expr | undefined {
    const operand = this.#term();
    return operand && signed(op, operand, this.#scanner.base + start);
  }

  #closed(start: number): Expr | undefined {
    const value = this.#climb(1);
    if (!value) return undefined;
    const { at } = this.#scanner;
    const { base } = this.#scanner;
    if (this.#scanner.takeSign(0x29)) return { ...value, start: base + start, end: base + at + 1 };
    return this.#error(at, at, 'syntax', `expected ')', found ${whatIsHere(this.#scanner)}`);
  }

  #primary(): Expr | undefined {
    const scanner = this.#scanner;
    const { at: start, code, text } = scanner;
    if (code === QUOTE) return this.#char();
    const end = scanner.wordEnd();
    if (end === start)
      return this.#error(start, start, 'syntax', `expected a number or a name, found ${whatIsHere(scanner)}`);
    const word = text.slice(start, end);
    if (isDigit(code)) return this.#number(word, start, end);
    if (/^[rRwW]\d+$/.test(word))
      return this.#error(start, end, 'syntax', `expected a number or a name, found the register '${word}'`);
    scanner.at = end;
    scanner.skipSpaces();
    const range = { start: scanner.base + start, end: scanner.base + end };
    if (word === '.') return { kind: 'here', ...range };
    if (isNameStart(code) || isNameStart(text.charCodeAt(start + 1)))
      return { kind: 'name', name: word, ...range };
    return this.#error(start, end, 'syntax', `'${word}' is neither a number nor a name`);
  }

  #number(word: string, start: number, end: number): Expr | undefined {
    if (!NUMBER.test(word))
      return this.#error(start, end, 'bad-number', `'${word}' is not a number`, [
        /^0[0-9]+$/.test(word)
          ? 'a leading 0 makes a number octal; leave it out'
          : 'numbers are written 42, 0x2a, 0b101010 or 052 (octal)',
      ]);
    this.#scanner.at = end;
    this.#scanner.skipSpaces();
    const { base } = this.#scanner;
    return { kind: 'number', value: numberValue(word), start: base + start, end: base + end };
  }

  #char(): Expr | undefined {
    const { at: start } = this.#scanner;
    const literal = this.#scanner.takeMatch(CHAR)?.[0];
    if (literal === undefined) return this.#error(start, start + 1, 'syntax', "a character is written 'a'");
    const value = charValue(literal);
    const end = start + literal.length;
    const { base } = this.#scanner;
    if (typeof value !== 'object') return { kind: 'number', value, start: base + start, end: base + end };
    return this.#error(start + 1, end - 1, 'unknown-escape', `there is no escape '${value.unknownEscape}'`, [
      String.raw`the escapes are \n \t \r \b \f \" \\ and \0`,
    ]);
  }
}
