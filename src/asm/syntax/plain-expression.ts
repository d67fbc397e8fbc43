import type { BinaryOperator, Expr, Reg, UnaryOperator } from './ast.ts';
import { PRECEDENCE } from './precedence.ts';
import { isDigit, isNameStart, type Scanner } from './scanner.ts';

/**
 * Words that mean something else than a value in some place of the grammar. A line that has one
 * where a value could be is left to the grammar.
 */
const SPECIAL =
  /^(?:[rRwW]\d+|[us](?:8|16|32|64)|(?:le|be|bswap)(?:16|32|64)|atomic\w*|load_acquire|(?:cmp)?xchg\w*|addr_space_cast|if|gotol?|may_goto|callx?|exit|lock|ll|skb|store_release)$/;

/** Whether a word can be the name of a value wherever it stands. */
export function isPlainName(word: string): boolean {
  return !SPECIAL.test(word);
}

/** `r0` to `r10`, `w0` to `w10`; passes over it and the spaces behind it. */
export function takeRegister(scanner: Scanner): Reg | undefined {
  const { at: start, code } = scanner;
  const wide = code === 0x72;
  if (!wide && code !== 0x77) return undefined;
  const first = scanner.codeAt(1);
  if (!isDigit(first)) return undefined;
  const end = scanner.wordEnd();
  const number =
    end - start === 2
      ? first - 0x30
      : end - start === 3 && first === 0x31 && scanner.codeAt(2) === 0x30
        ? 10
        : -1;
  if (number < 0) return undefined;
  scanner.at = end;
  scanner.skipSpaces();
  return { number, width: wide ? 64 : 32, start, end };
}

/** A decimal without a leading zero, or hexadecimal. */
function takeNumber(scanner: Scanner): Expr | undefined {
  const { at: start, text } = scanner;
  const end = scanner.wordEnd();
  const digits = text.slice(start, end);
  if (!/^(?:0|[1-9]\d*|0x[0-9a-fA-F]+)$/.test(digits)) return undefined;
  scanner.at = end;
  scanner.skipSpaces();
  // Through a number where that is exact: five times as fast as parsing a bigint.
  return { kind: 'number', value: end - start < 15 ? BigInt(Number(digits)) : BigInt(digits), start, end };
}

function takeName(scanner: Scanner): Expr | undefined {
  const { at: start, text } = scanner;
  const end = scanner.wordEnd();
  const name = text.slice(start, end);
  if (!isPlainName(name)) return undefined;
  scanner.at = end;
  scanner.skipSpaces();
  return { kind: 'name', name, start, end };
}

function takePrimary(scanner: Scanner): Expr | undefined {
  const { code } = scanner;
  if (isDigit(code)) return takeNumber(scanner);
  if (isNameStart(code) || (code === 0x2e && isNameStart(scanner.codeAt(1)))) return takeName(scanner);
  if (code !== 0x2e || scanner.wordEnd() !== scanner.at + 1) return undefined;
  const start = scanner.at++;
  scanner.skipSpaces();
  return { kind: 'here', start, end: start + 1 };
}

/** More than these, and the grammar looks whether it is too much. */
const MAX_TERMS = 16;
const MAX_NESTING = 4;

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

/** How much of an expression has been read. */
interface Extent {
  terms: number;
  nesting: number;
}

/** A value in parentheses or alone, with signs before it. */
function takeTerm(scanner: Scanner, extent: Extent): Expr | undefined {
  if (++extent.terms > MAX_TERMS) return undefined;
  const { at: start, code } = scanner;
  const sign = UNARY[code];
  if (sign !== undefined) {
    scanner.takeSign(code);
    const operand = takeTerm(scanner, extent);
    return operand && { kind: 'unary', op: sign, operand, start, end: operand.end };
  }
  return code === 0x28 ? takeParentheses(scanner, extent) : takePrimary(scanner);
}

function takeParentheses(scanner: Scanner, extent: Extent): Expr | undefined {
  const { at: start } = scanner;
  if (++extent.nesting > MAX_NESTING) return undefined;
  scanner.takeSign(0x28);
  const value = climb(scanner, extent, 1);
  const end = scanner.at + 1;
  extent.nesting--;
  return value && scanner.takeSign(0x29) ? { ...value, start, end } : undefined;
}

/** The operator here, and how many characters it has; a comment or an assignment is none. */
function operatorAt(scanner: Scanner): BinaryOperator | undefined {
  const { code } = scanner;
  const next = scanner.codeAt(1);
  if (code === 0x3c || code === 0x3e) return next === code ? (code === 0x3c ? '<<' : '>>') : undefined;
  return code === 0x2f && next === 0x2f ? undefined : BINARY[code];
}

function climb(scanner: Scanner, extent: Extent, minimum: number): Expr | undefined {
  let left = takeTerm(scanner, extent);
  while (left) {
    const op = operatorAt(scanner);
    if (op === undefined || PRECEDENCE[op] < minimum) return left;
    scanner.at += op.length;
    scanner.skipSpaces();
    const right = climb(scanner, extent, PRECEDENCE[op] + 1);
    left = right && { kind: 'binary', op, left, right, start: left.start, end: right.end };
  }
  return undefined;
}

/** An expression; undefined for what only the grammar reads. */
export function takeExpression(scanner: Scanner): Expr | undefined {
  return climb(scanner, { terms: 0, nesting: 0 }, 1);
}
