import type { Expr } from './ast.ts';
import { charValue, numberValue, quotedEnd } from './literals.ts';
import { operatorAt, PRECEDENCE, signed, UNARY } from './operators.ts';
import type { RawText } from './raw-directives.ts';
import { isDigit, isNameStart, isWordPart, type Scanner } from './scanner.ts';

/**
 * Words that mean something else than a value in some place of the grammar. A line that has one
 * where a value could be is left to the grammar.
 */
const SPECIAL =
  /^(?:[rRwW]\d+|[us](?:8|16|32|64)|(?:le|be|bswap)(?:16|32|64)|atomic\w*|load_acquire|(?:cmp)?xchg\w*|addr_space_cast|if|gotol?|may_goto|callx?|exit|lock|ll|skb|store_release)$/;

/** What one of them can begin with: `r` as in `r1`, `u` as in `u32`, `i` as in `if` …. */
const SPECIAL_STARTS = new Set([...'rRwWuslbaxcigme'].map((char) => char.charCodeAt(0)));

/** Whether a word can be the name of a value wherever it stands. */
export function isPlainName(word: string): boolean {
  return !SPECIAL_STARTS.has(word.charCodeAt(0)) || !SPECIAL.test(word);
}

/** What {@link takeReg} answers where there is no register. */
export const NO_REGISTER = -1;
/** Added to the number of a `w` register. */
export const HALF = 16;

/**
 * `r0` to `r10` as 0 to 10, `w0` to `w10` as 16 to 26; passes over it and the spaces behind it. A
 * number, for there are two of them in every line.
 */
export function takeReg(scanner: Scanner): number {
  const { code } = scanner;
  if (code !== 0x72 && code !== 0x77) return NO_REGISTER;
  const first = scanner.codeAt(1);
  if (!isDigit(first)) return NO_REGISTER;
  const second = scanner.codeAt(2);
  let number = first - 0x30;
  if (!isWordPart(second)) scanner.at += 2;
  else if (first === 0x31 && second === 0x30 && !isWordPart(scanner.codeAt(3))) {
    number = 10;
    scanner.at += 3;
  } else return NO_REGISTER;
  scanner.skipSpaces();
  return code === 0x77 ? number + HALF : number;
}

/** More digits than these may not fit a double. */
const MAX_EXACT_DECIMAL_DIGITS = 15;
const MAX_EXACT_HEX_DIGITS = 13;

function hexDigit(code: number): number {
  if (isDigit(code)) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** A number that a double holds, or -1 for what has to be looked at again. */
function takeSmallNumber(scanner: Scanner): number {
  const { codes, end } = scanner;
  let { at } = scanner;
  let value = 0;
  if (scanner.code === 0x30 && scanner.codeAt(1) === 0x78) {
    at += 2;
    const from = at;
    for (let digit = 0; at < end; at++) {
      digit = hexDigit(codes[at]!);
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (at === from || at - from > MAX_EXACT_HEX_DIGITS) return -1;
  } else {
    const from = at;
    while (at < end && isDigit(codes[at]!)) value = value * 10 + codes[at++]! - 0x30;
    if (at - from > MAX_EXACT_DECIMAL_DIGITS || (scanner.code === 0x30 && at - from > 1)) return -1;
  }
  if (at < end && isWordPart(codes[at]!)) return -1;
  scanner.at = at;
  return value;
}

const OtherNumber = /(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)(?![\w.$])/y;

/** Passes over a number and the spaces behind it. */
export function takeNumber(scanner: Scanner): Expr | undefined {
  const start = scanner.place;
  const small = takeSmallNumber(scanner);
  if (small >= 0) {
    const end = scanner.place;
    scanner.skipSpaces();
    return { kind: 'number', value: small, start, end };
  }
  const other = scanner.takeMatch(OtherNumber)?.[0];
  if (other === undefined) return undefined;
  return { kind: 'number', value: numberValue(other), start, end: start + other.length };
}

/** What can be asked of a type, a number or the kernel's types. */
const BUILTIN = /^(?:(?:be|le)(?:16|32|64)|sizeof|offsetof|core\.\w+)$/;

/**
 * Names, numbers, texts and signs: what has something else in it the grammar looks at. A name ends where no
 * letter follows: else it could be read as several names, in as many ways as it has letters doubled.
 */
export const PLAIN_TEXT: RegExp =
  /^(?:[\s()[\],*+\-%&|^~!<>]|(?!0\d)\d+(?![\w.$])|0x[\da-fA-F]+(?![\w.$])|[A-Za-z_][\w.$]*(?![\w.$])|"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])')*$/;

/** `sizeof(event)`: the parentheses begin behind the name; undefined where they are not closed. */
export function takeCall(scanner: Scanner, name: string, nameEnd: number): Expr | undefined {
  const { at, base, text } = scanner;
  const close = closingParenthesis(text, nameEnd, scanner.end);
  if (close < 0 || !PLAIN_TEXT.test(text.slice(nameEnd, close))) return undefined;
  scanner.at = close + 1;
  const end = scanner.place;
  scanner.skipSpaces();
  const args = trimmed(text, nameEnd + 1, close, base);
  return { kind: 'call', name, args, start: base + at, end };
}

/** A part of a text without the spaces around it. */
export function trimmed(text: string, from: number, to: number, base: number): RawText {
  const part = text.slice(from, to);
  const start = base + from + (part.length - part.trimStart().length);
  const body = part.trim();
  return { text: body, start, end: start + body.length };
}

/** The `)` that belongs to the `(` at an index, or -1. */
function closingParenthesis(text: string, open: number, end: number): number {
  let depth = 0;
  for (let at = open; at < end; at++) {
    const char = text[at];
    if (char === '"' || char === "'") {
      const behind = quotedEnd(text, at);
      if (behind < 0 || behind > end) return -1;
      at = behind - 1;
    } else if (char === '(') depth++;
    else if (char === ')' && --depth === 0) return at;
    else if (char === '#' || char === ';') return -1;
  }
  return -1;
}

function takeName(scanner: Scanner): Expr | undefined {
  const { at, text, base } = scanner;
  const end = scanner.wordEnd();
  const name = text.slice(at, end);
  if (scanner.codes[end] === 0x28 && end < scanner.end)
    return BUILTIN.test(name) ? takeCall(scanner, name, end) : undefined;
  if (!isPlainName(name)) return undefined;
  scanner.at = end;
  scanner.skipSpaces();
  return { kind: 'name', name, start: base + at, end: base + end };
}

const Char = /'(?:[^'\\\n]|\\[^\n])'/y;

function takeChar(scanner: Scanner): Expr | undefined {
  const start = scanner.place;
  const literal = scanner.takeMatch(Char)?.[0];
  const value = literal === undefined ? undefined : charValue(literal);
  if (typeof value !== 'number') return undefined;
  return { kind: 'number', value, start, end: start + literal!.length };
}

function takePrimary(scanner: Scanner): Expr | undefined {
  const { code } = scanner;
  if (isDigit(code)) return takeNumber(scanner);
  if (isNameStart(code) || (code === 0x2e && isNameStart(scanner.codeAt(1)))) return takeName(scanner);
  if (code === 0x27) return takeChar(scanner);
  if (code !== 0x2e || scanner.wordEnd() !== scanner.at + 1) return undefined;
  const start = scanner.place;
  scanner.at++;
  scanner.skipSpaces();
  return { kind: 'here', start, end: start + 1 };
}

/** More than these, and the grammar looks whether it is too much. */
const MAX_TERMS = 16;
const MAX_NESTING = 4;

/** How much of an expression has been read. */
interface Extent {
  terms: number;
  nesting: number;
}

/** A value in parentheses or alone, with signs before it. */
function takeTerm(scanner: Scanner, extent: Extent): Expr | undefined {
  if (++extent.terms > MAX_TERMS) return undefined;
  const { code } = scanner;
  const sign = UNARY[code];
  if (sign === undefined) return code === 0x28 ? takeParentheses(scanner, extent) : takePrimary(scanner);
  const start = scanner.place;
  scanner.takeSign(code);
  const operand = takeTerm(scanner, extent);
  return operand && signed(sign, operand, start);
}

function takeParentheses(scanner: Scanner, extent: Extent): Expr | undefined {
  const start = scanner.place;
  if (++extent.nesting > MAX_NESTING) return undefined;
  scanner.takeSign(0x28);
  const value = climb(scanner, extent, 1);
  const end = scanner.place + 1;
  extent.nesting--;
  return value && scanner.takeSign(0x29) ? { ...value, start, end } : undefined;
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
  const { at, code } = scanner;
  // Most are a number and nothing else.
  if (isDigit(code) || code === 0x2d || code === 0x2b) {
    const start = scanner.place;
    if (code === 0x2d || code === 0x2b) scanner.takeSign(code);
    const value = isDigit(scanner.code) ? takeSmallNumber(scanner) : -1;
    if (value >= 0) {
      const end = scanner.place;
      scanner.skipSpaces();
      if (endsExpression(scanner.code))
        return { kind: 'number', value: code === 0x2d ? 0 - value : value, start, end };
    }
    scanner.at = at;
  } else if (isNameStart(code)) {
    const name = takeName(scanner);
    if (!name || endsExpression(scanner.code)) return name;
    scanner.at = at;
  }
  return climb(scanner, { terms: 0, nesting: 0 }, 1);
}

/** The end of the line, `)`, `,`, `;`, `#` and letters go on with no expression. */
function endsExpression(code: number): boolean {
  return code === 0 || code === 0x29 || code === 0x2c || code === 0x3b || code === 0x23 || isNameStart(code);
}
