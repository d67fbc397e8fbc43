import { encodeText } from '../../util/bytes.ts';
import type { Argument, Statement } from './ast.ts';
import { isPlainName, takeExpression } from './plain-expression.ts';
import { takeInsn } from './plain-insn.ts';
import { isNameStart, Scanner } from './scanner.ts';

/** What the plain reader made of a text. */
export interface PlainText {
  /** In order. */
  readonly statements: readonly Statement[];
  /**
   * The text with the lines that were read blanked out, for the grammar to read the others at their
   * places; undefined where none is left.
   */
  readonly rest: string | undefined;
}

/**
 * Reads the lines that compilers print and people mostly write, without the grammar: one statement
 * with plain operands. Whatever is unusual or wrong is left to the grammar, which gives the same
 * statements for the lines that are read here (a property test holds both together) and messages
 * for those that are not right. Loading and building the grammar takes some 40 ms, which is most of
 * the time that assembling a short file takes; on long files this is some ten times as fast.
 */
export function readPlainLines(text: string): PlainText {
  // A comment over several lines hides what stands in them.
  if (text.includes('/*')) return { statements: [], rest: text };
  const scanner = new Scanner(text);
  const statements: Statement[] = [];
  const rest: string[] = [];
  let blankFrom = 0;
  for (let start = 0; start <= text.length; start = scanner.end + 1) {
    const newline = text.indexOf('\n', start);
    scanner.at = start;
    scanner.end = newline < 0 ? text.length : newline;
    const count = statements.length;
    if (takeLine(scanner, statements)) continue;
    statements.length = count;
    rest.push(blank(text, blankFrom, start), text.slice(start, scanner.end));
    blankFrom = scanner.end;
  }
  if (rest.length === 0) return { statements, rest: undefined };
  rest.push(blank(text, blankFrom, text.length));
  return { statements, rest: rest.join('') };
}

/** As many characters as the text has there; only its line breaks stay. */
function blank(text: string, from: number, to: number): string {
  return text.slice(from, to).replace(/[^\n]+/g, (line) => ' '.repeat(line.length));
}

/** False where the line is not plain; statements that were taken then do not count. */
function takeLine(scanner: Scanner, out: Statement[]): boolean {
  scanner.skipSpaces();
  // Behind a `;` at the start of a line stands a comment.
  if (scanner.atEnd || scanner.code === 0x3b) return true;
  takeLabel(scanner, out);
  if (scanner.atEnd) return true;
  const statement = takeStatement(scanner);
  if (!statement || !scanner.atEnd) return false;
  out.push(statement);
  return true;
}

function takeStatement(scanner: Scanner): Statement | undefined {
  if (scanner.code === 0x2e) return takeDirective(scanner);
  const { at: start } = scanner;
  const statement = takeInsn(scanner);
  if (statement) return statement;
  scanner.at = start;
  return takeConstant(scanner);
}

/** `LIMIT = 8` */
function takeConstant(scanner: Scanner): Statement | undefined {
  const { at: start } = scanner;
  if (!isNameStart(scanner.code)) return undefined;
  const end = scanner.wordEnd();
  const name = scanner.text.slice(start, end);
  if (!isPlainName(name)) return undefined;
  scanner.at = end;
  scanner.skipSpaces();
  if (scanner.codeAt(1) === 0x3d || !scanner.takeSign(0x3d)) return undefined;
  const value = takeExpression(scanner);
  return value && { kind: 'assign', name, value, start, end };
}

function takeLabel(scanner: Scanner, out: Statement[]): void {
  const { at: start, code, text } = scanner;
  if (!isNameStart(code) && (code !== 0x2e || !isNameStart(scanner.codeAt(1)))) return;
  const end = scanner.wordEnd();
  if (end >= scanner.end || text.charCodeAt(end) !== 0x3a || /^[rRwW]\d+$/.test(text.slice(start, end)))
    return;
  out.push({ kind: 'label', name: text.slice(start, end), start, end });
  scanner.at = end + 1;
  scanner.skipSpaces();
}

function takeDirective(scanner: Scanner): Statement | undefined {
  if (!isNameStart(scanner.codeAt(1))) return undefined;
  const { at: start } = scanner;
  const nameRange = { start, end: scanner.wordEnd() };
  const name = scanner.text.slice(start, nameRange.end);
  scanner.at = nameRange.end;
  scanner.skipSpaces();
  const args: Argument[] = [];
  while (!scanner.atEnd || args.length > 0) {
    const arg = takeArgument(scanner);
    if (!arg) return undefined;
    args.push(arg);
    if (!scanner.takeSign(0x2c)) break;
  }
  return {
    kind: 'directive',
    name,
    nameRange,
    args,
    start,
    end: args[args.length - 1]?.end ?? nameRange.end,
  };
}

function takeArgument(scanner: Scanner): Argument | undefined {
  const { at: start, code } = scanner;
  if (code === 0x22) return takeString(scanner);
  if (code === 0x40) return takeType(scanner);
  const value = takeExpression(scanner);
  if (!value) return undefined;
  if (value.kind !== 'name' || scanner.code !== 0x3d) return { kind: 'expr', value, start, end: value.end };
  scanner.takeSign(0x3d);
  const given = takeExpression(scanner);
  const nameRange = { start, end: value.end };
  return given && { kind: 'option', name: value.name, nameRange, value: given, start, end: given.end };
}

/** A string without escapes. */
function takeString(scanner: Scanner): Argument | undefined {
  const { at: start, text } = scanner;
  const close = text.indexOf('"', start + 1);
  if (close < 0 || close >= scanner.end) return undefined;
  const content = text.slice(start + 1, close);
  if (content.includes('\\')) return undefined;
  scanner.at = close + 1;
  scanner.skipSpaces();
  return { kind: 'string', bytes: encodeText(content), start, end: close + 1 };
}

/** `@progbits` */
function takeType(scanner: Scanner): Argument | undefined {
  const { at: start, text } = scanner;
  scanner.at++;
  const end = scanner.wordEnd();
  const name = text.slice(start + 1, end);
  if (!/^[A-Za-z_]\w*$/.test(name)) return undefined;
  scanner.at = end;
  scanner.skipSpaces();
  return { kind: 'type', name, start, end };
}
