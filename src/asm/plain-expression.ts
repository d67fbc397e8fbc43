import type { Expr, Reg } from './ast.ts';
import { isDigit, isNameStart, type Scanner } from './scanner.ts';

/**
 * Words that mean something else than a value in some place of the grammar. A line that has one
 * where a value could be is left to the grammar.
 */
const SPECIAL =
  /^(?:[rRwW]\d+|[us](?:8|16|32|64)|(?:le|be|bswap)(?:16|32|64)|atomic\w*|load_acquire|(?:cmp)?xchg\w*|addr_space_cast|if|gotol?|may_goto|callx?|exit|lock|ll|skb|store_release)$/;

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
  if (SPECIAL.test(name)) return undefined;
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

/** A number or a name, with at most one sign before it. */
function takeTerm(scanner: Scanner): Expr | undefined {
  const { at: start, code } = scanner;
  const signed = code === 0x2d || code === 0x2b;
  if (signed) scanner.takeSign(code);
  const operand = takePrimary(scanner);
  if (!signed || !operand) return operand;
  return { kind: 'unary', op: code === 0x2d ? '-' : '+', operand, start, end: operand.end };
}

/** Longer sums are left to the grammar, which knows when one is too long. */
const MAX_TERMS = 16;

/** Terms with `+` and `-` between them; undefined for what only the grammar reads. */
export function takeExpression(scanner: Scanner): Expr | undefined {
  let left = takeTerm(scanner);
  for (let terms = 1; left && terms <= MAX_TERMS; terms++) {
    const { code } = scanner;
    if (code !== 0x2b && code !== 0x2d) return left;
    scanner.takeSign(code);
    const right = takeTerm(scanner);
    if (!right) return undefined;
    left = { kind: 'binary', op: code === 0x2b ? '+' : '-', left, right, start: left.start, end: right.end };
  }
  return undefined;
}
