import type { Expr, UnaryOperator } from './ast.ts';
import { charValue, numberHelp, numberValue, stringBytes } from './literals.ts';
import { operatorAt, PRECEDENCE, signed, UNARY } from './operators.ts';
import { takeCall, takeExpression } from './plain-expression.ts';
import { takeString, unknownEscape } from './plain-string.ts';
import type { Problems } from './problems.ts';
import { isDigit, isNameStart, type Scanner } from './scanner.ts';

/** Expressions are evaluated recursively; nobody writes longer ones. */
const MAX_TERMS = 500;
/** Of parentheses and signs together. */
const MAX_NESTING = 64;

const NUMBER = /^(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)$/;
const CHAR = /'(?:[^'\\\n]|\\[^\n])'/y;
const STRING = /"(?:[^"\\\n]|\\[^\n])*"/y;

const SLASH = 0x2f;
const STAR = 0x2a;
const QUOTE = 0x27;
const OPEN = 0x28;
const DOUBLE_QUOTE = 0x22;

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

/**
 * An expression of any length that is sensible; undefined for what is none, which `problems` is told
 * and the scanner stands before.
 */
export function readExpression(scanner: Scanner, problems?: Problems): Expr | undefined {
  const { at } = scanner;
  const plain = takeExpression(scanner);
  if (plain) return plain;
  scanner.at = at;
  const read = new ExpressionReader(scanner, problems).read();
  if (!read) scanner.at = at;
  return read;
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

  /** An expression, or a string, which stands for its address. */
  read(): Expr | undefined {
    return this.#scanner.code === DOUBLE_QUOTE ? this.#string() : this.#climb(1);
  }

  #string(): Expr | undefined {
    const scanner = this.#scanner;
    const { at: start } = scanner;
    const text = takeString(scanner);
    if (text) return { kind: 'string', ...text };
    scanner.at = start;
    const literal = scanner.takeMatch(STRING)?.[0];
    const bytes = literal === undefined ? undefined : stringBytes(literal);
    if (literal === undefined || !bytes || bytes instanceof Uint8Array)
      return this.#error(start, start + 1, 'unclosed-string', 'the string has no closing quote');
    if (this.#problems)
      unknownEscape(
        this.#problems,
        { startOffset: scanner.base + start, image: literal },
        bytes.unknownEscape,
      );
    return undefined;
  }

  #error(start: number, end: number, code: string, message: string, help: readonly string[] = []): undefined {
    const { base } = this.#scanner;
    this.#problems?.error({ start: base + start, end: base + end }, code, message, { help });
    return undefined;
  }

  #climb(minimum: number): Expr | undefined {
    let left = this.#term();
    while (left) {
      const op = operatorAt(this.#scanner);
      if (op === undefined || PRECEDENCE[op] < minimum) return left;
      this.#scanner.at += op.length;
      this.#scanner.skipSpaces();
      const right = this.#climb(PRECEDENCE[op] + 1);
      left = right && { kind: 'binary', op, left, right, start: left.start, end: right.end };
    }
    return undefined;
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
    if (scanner.codes[end] === OPEN && end < scanner.end) return this.#call(word, end);
    scanner.at = end;
    scanner.skipSpaces();
    const range = { start: scanner.base + start, end: scanner.base + end };
    if (word === '.') return { kind: 'here', ...range };
    if (isNameStart(code) || isNameStart(text.charCodeAt(start + 1)))
      return { kind: 'name', name: word, ...range };
    return this.#error(start, end, 'syntax', `'${word}' is neither a number nor a name`);
  }

  /** `sizeof(event)`; which names there are is known to whoever evaluates it. */
  #call(name: string, end: number): Expr | undefined {
    const call = isNameStart(this.#scanner.code) ? takeCall(this.#scanner, name, end) : undefined;
    if (call) return call;
    return this.#error(end, end + 1, 'syntax', `the parenthesis behind '${name}' is not closed`);
  }

  #number(word: string, start: number, end: number): Expr | undefined {
    if (!NUMBER.test(word))
      return this.#error(start, end, 'bad-number', `'${word}' is not a number`, [numberHelp(word)]);
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
    if (this.#problems)
      unknownEscape(this.#problems, { startOffset: base + start, image: literal }, value.unknownEscape);
    return undefined;
  }
}
