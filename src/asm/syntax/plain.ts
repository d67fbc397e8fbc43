import type { Argument, Expr, Statement } from './ast.ts';
import { isMnemonic } from './mnemonic.ts';
import { isPlainName, PLAIN_TEXT, takeExpression, trimmed } from './plain-expression.ts';
import { takeInsn } from './plain-insn.ts';
import { takeString } from './plain-string.ts';
import { takeRawDirective } from './raw-directives.ts';
import { isNameStart, isSpace, type Scanner } from './scanner.ts';
import { SPACED_DIRECTIVES } from './spaced-directives.ts';

const SEMICOLON = 0x3b;

/**
 * Reads the statements of a line without the grammar: what compilers print and people write when
 * they write it right. Whatever is unusual or wrong is left to the grammar, which gives the same
 * statements for the lines that are read here (a property test holds both together) and messages
 * for those that are not right. Loading and building the grammar takes some 40 ms, which is most of
 * the time that assembling a short file takes; on long files this is some ten times as fast.
 *
 * @param out where the statements go; those of a line that is not taken do not count
 * @returns false where the line is not plain
 */
export function takeLine(scanner: Scanner, out: Statement[]): boolean {
  scanner.skipSpaces();
  // Behind a `;` at the start of a line stands a comment.
  if (scanner.atEnd || scanner.code === SEMICOLON) return true;
  for (;;) {
    while (takeLabel(scanner, out));
    if (scanner.atEnd) return true;
    if (scanner.code !== SEMICOLON) {
      const statement = takeStatement(scanner);
      if (!statement) return false;
      out.push(statement);
      if (scanner.atEnd) return true;
    }
    if (!scanner.takeSign(SEMICOLON)) return false;
  }
}

function takeStatement(scanner: Scanner): Statement | undefined {
  if (scanner.code === 0x2e) return takeRawDirective(scanner) ?? takeDirective(scanner);
  // `call local f` is of the other dialect, `call local` is not.
  if (scanner.code === 0x63 && isMnemonic(scanner)) return undefined;
  const { at: start } = scanner;
  const statement = takeInsn(scanner);
  if (statement) return statement;
  scanner.at = start;
  return takeConstant(scanner);
}

/** `LIMIT = 8` */
function takeConstant(scanner: Scanner): Statement | undefined {
  const { at, base } = scanner;
  if (!isNameStart(scanner.code)) return undefined;
  const end = scanner.wordEnd();
  const name = scanner.text.slice(at, end);
  if (!isPlainName(name)) return undefined;
  scanner.at = end;
  scanner.skipSpaces();
  if (scanner.codeAt(1) === 0x3d || !scanner.takeSign(0x3d)) return undefined;
  const value = takeExpression(scanner);
  return value && { kind: 'assign', name, value, start: base + at, end: base + end };
}

/** A name with a colon; anything but a register. */
export function takeLabel(scanner: Scanner, out: Statement[]): boolean {
  const { at, code, text, base } = scanner;
  if (!isNameStart(code)) {
    if (code !== 0x2e || !isNameStart(scanner.codeAt(1))) return false;
  } else if (isSpace(scanner.codeAt(2)) && scanner.codeAt(1) !== 0x3a) {
    // `r1 += …`, `if r1 …`: most lines, and no label.
    return false;
  }
  const end = scanner.wordEnd();
  if (end >= scanner.end || scanner.codes[end] !== 0x3a) return false;
  const name = text.slice(at, end);
  if (/^[rRwW]\d+$/.test(name)) return false;
  out.push({ kind: 'label', name, start: base + at, end: base + end });
  scanner.at = end + 1;
  scanner.skipSpaces();
  return true;
}

function takeDirective(scanner: Scanner): Statement | undefined {
  if (!isNameStart(scanner.codeAt(1))) return undefined;
  const { at, base } = scanner;
  const nameEnd = scanner.wordEnd();
  const name = scanner.text.slice(at, nameEnd);
  scanner.at = nameEnd;
  scanner.skipSpaces();
  const args: Argument[] = [];
  while ((!scanner.atEnd && scanner.code !== SEMICOLON) || args.length > 0) {
    const arg = takeArgument(scanner);
    if (!arg) return undefined;
    args.push(arg);
    if (scanner.takeSign(0x2c)) continue;
    if (scanner.atEnd || scanner.code === SEMICOLON || !SPACED_DIRECTIVES.has(name)) break;
  }
  const nameRange = { start: base + at, end: base + nameEnd };
  const { start, end } = nameRange;
  return { kind: 'directive', name, nameRange, args, start, end: args[args.length - 1]?.end ?? end };
}

function takeArgument(scanner: Scanner): Argument | undefined {
  const { code } = scanner;
  if (code === 0x22) {
    const text = takeString(scanner);
    return text && { ...text, kind: 'string' };
  }
  if (code === 0x40) return takeType(scanner);
  const start = scanner.place;
  const value = takeExpression(scanner);
  if (!value) return undefined;
  if (value.kind !== 'name' || scanner.code !== 0x3d) return { kind: 'expr', value, start, end: value.end };
  scanner.takeSign(0x3d);
  const option = takeOptionValue(scanner, value);
  return option?.kind === 'typed' && !PLAIN_TEXT.test(option.text.text) ? undefined : option;
}

const COMMA = 0x2c;

/** What stands behind `key=`: an expression, or else a text such as `struct event`. */
export function takeOptionValue(
  scanner: Scanner,
  name: Extract<Expr, { kind: 'name' }>,
): Argument | undefined {
  const { at } = scanner;
  const { start } = name;
  const nameRange = { start, end: name.end };
  const value = takeExpression(scanner);
  if (value && (scanner.atEnd || scanner.code === COMMA || scanner.code === SEMICOLON))
    return { kind: 'option', name: name.name, nameRange, value, start, end: value.end };
  scanner.at = at;
  const found = scanner.takeMatch(OptionText);
  if (!found) return undefined;
  const text = trimmed(scanner.text, at, at + found[0].length, scanner.base);
  return { kind: 'typed', name: name.name, nameRange, text, start, end: text.end };
}

/** From a letter on as far as a list goes on behind a comma, or a comment begins. */
const OptionText = /(?=[A-Za-z_])(?:\([^()\n]*\)|[^,;#"\n/()])+/y;

/** `@progbits` */
function takeType(scanner: Scanner): Argument | undefined {
  const { at, text, base } = scanner;
  scanner.at++;
  const end = scanner.wordEnd();
  const name = text.slice(at + 1, end);
  if (!/^[A-Za-z_]\w*$/.test(name)) return undefined;
  scanner.at = end;
  scanner.skipSpaces();
  return { kind: 'type', name, start: base + at, end: base + end };
}
