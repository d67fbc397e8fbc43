import type { Range, Statement } from './ast.ts';
import { quotedEnd } from './literals.ts';
import { isNameStart, type Scanner } from './scanner.ts';

/**
 * Directives whose operands are no list of expressions: C declarations, and LLVM's lines for
 * debuggers, whose parts stand apart by spaces. Their handlers read the text behind the name.
 */
const RAW_LINES: ReadonlySet<string> = new Set(['.typedef', '.function', '.extern']);

/** Those that go on to the end of a block in braces. */
const RAW_BLOCKS: ReadonlySet<string> = new Set(['.struct', '.union', '.enum', '.var']);

/** The text behind a directive's name, comments blanked out. */
export interface RawText extends Range {
  readonly text: string;
}

const HASH = 0x23;
const SLASH = 0x2f;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const SEMICOLON = 0x3b;

/** Where the comment of a line begins, or its end. */
export function commentStart(text: string, from: number, end: number): number {
  return codeEnd(text, from, end, false);
}

/** Where a statement ends: at its `;`, at a comment, or with the line. */
export function statementEnd(text: string, from: number, end: number): number {
  return codeEnd(text, from, end, true);
}

function codeEnd(text: string, from: number, end: number, separated: boolean): number {
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE || code === APOSTROPHE) {
      const behind = quotedEnd(text, at);
      if (behind > 0 && behind <= end) at = behind - 1;
      else if (code === QUOTE) return end;
    } else if (code === HASH || (code === SLASH && text.charCodeAt(at + 1) === SLASH)) return at;
    else if (separated && code === SEMICOLON) return at;
  }
  return end;
}

/** A directive that is read as text: it begins here and goes to the end of the line, or of its block. */
export function takeRawDirective(scanner: Scanner): Statement | undefined {
  if (!isNameStart(scanner.codeAt(1))) return undefined;
  const { at, base, text } = scanner;
  const nameEnd = scanner.wordEnd();
  const name = text.slice(at, nameEnd);
  const isBlock = RAW_BLOCKS.has(name);
  if (!isBlock && !RAW_LINES.has(name)) return undefined;
  const all = isBlock ? takeBlock(scanner, nameEnd) : takeRestOfLine(scanner, nameEnd);
  const start = base + nameEnd + (all.length - all.trimStart().length);
  const body = all.trim();
  scanner.at = scanner.end;
  const raw = { text: body, start, end: start + body.length };
  const nameRange = { start: base + at, end: base + nameEnd };
  return { kind: 'directive', name, nameRange, args: [], raw, start: base + at, end: raw.end };
}

function takeRestOfLine({ text, end }: Scanner, from: number): string {
  return text.slice(from, commentStart(text, from, end));
}

/** Lines until the braces that were opened are closed; a block without braces is its line. */
function takeBlock(scanner: Scanner, from: number): string {
  const { text } = scanner;
  const out: string[] = [];
  let depth = 0;
  for (let at = from; ; ) {
    const end = commentStart(text, at, scanner.end);
    const line = text.slice(at, end);
    depth += braces(line);
    out.push(line.padEnd(scanner.end - at));
    if (depth <= 0 || scanner.end >= text.length) return out.join('\n');
    at = scanner.end + 1;
    const newline = text.indexOf('\n', at);
    scanner.end = newline < 0 ? text.length : newline;
  }
}

function braces(line: string): number {
  let depth = 0;
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (char === '{') depth++;
    else if (char === '}') depth--;
    else if (char === '"' || char === "'") at = Math.max(at, quotedEnd(line, at) - 1);
  }
  return depth;
}
