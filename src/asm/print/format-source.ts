import type { Diagnostic, SourceText } from '../../util/diagnostic.ts';
import type { Statement } from '../syntax/ast.ts';
import type { GrammarReader } from '../syntax/reader.ts';
import { SourceLines } from '../syntax/source-lines.ts';
import type { InsnStyle } from './format.ts';
import { endOf, formatStatement } from './format-statement.ts';

export interface FormatSourceOptions {
  /** The dialect that instructions are converted to; left out, each keeps its own. */
  readonly style?: InsnStyle;
}

export interface FormattedSource {
  readonly text: string;
  /** What could not be read; such lines stay as they are. */
  readonly diagnostics: readonly Diagnostic[];
}

const INDENT = 4;
/** Between a line's end and the comments beside it. */
const GAP = 2;

/** A line of the output before its comment has found its column. */
interface Row {
  /** Labels, indentation and statements; empty on a line with a comment alone. */
  readonly code: string;
  readonly comment: string;
}

/**
 * Formats a text line by line: labels at the margin, statements behind four spaces, comments beside
 * them in one column. Comments, blank lines and the spelling of expressions stay; macros and lines
 * that cannot be read stay as they are. Formatting twice gives the same as once, and the text
 * assembles to the same bytes.
 */
export function formatSource(
  source: SourceText,
  read: GrammarReader,
  options: FormatSourceOptions = {},
): FormattedSource {
  const lines = new SourceLines(source, read);
  const out: (Row | string)[] = [];
  for (const line of lines) {
    const row = line.statements && rowOf(source.text, line, options.style);
    out.push(row ?? source.text.slice(line.start, line.end));
  }
  const eol = source.text.includes('\r\n') ? '\r\n' : '\n';
  const body = aligned(out).join(eol);
  return { text: body === '' ? '' : `${body}${eol}`, diagnostics: lines.diagnostics };
}

/** Comments of neighbouring lines stand in one column. */
function aligned(rows: readonly (Row | string)[]): string[] {
  const out: string[] = [];
  for (let from = 0; from < rows.length; ) {
    let to = from;
    let width = 0;
    for (; to < rows.length; to++) {
      const row = rows[to]!;
      if (typeof row === 'string' || row.code === '') break;
      if (row.comment !== '') width = Math.max(width, row.code.length);
    }
    for (const row of rows.slice(from, to) as Row[])
      out.push(row.comment === '' ? row.code : row.code.padEnd(width + GAP) + row.comment);
    for (; to < rows.length; to++) {
      const row = rows[to]!;
      if (typeof row !== 'string' && row.code !== '') break;
      out.push(typeof row === 'string' ? row.replace(/\r$/, '') : row.comment);
    }
    from = to;
  }
  return out;
}

interface Line {
  readonly start: number;
  readonly end: number;
  readonly statements: readonly { readonly statement: Statement; readonly style: InsnStyle }[] | undefined;
}

/** Comments to the end of the line, comments within it, and separators. */
const GAP_PIECE = /\s+|;|\/\*[\s\S]*?\*\/|(?:#|\/\/)[\s\S]*$/gy;

/** undefined for a line that has something in it that was not understood. */
function rowOf(
  text: string,
  { start, end, statements }: Line,
  wanted: InsnStyle | undefined,
): Row | undefined {
  const textOf = (range: { readonly start: number; readonly end: number }): string =>
    text.slice(range.start, range.end);
  const labels: string[] = [];
  const pieces: string[] = [];
  let comment = '';
  let at = start;
  /** Takes what stands between two statements; false for what is neither a comment nor a separator. */
  const pass = (to: number): boolean => {
    const between = text.slice(at, to);
    if (pieces.length === 0 && labels.length === 0 && to === end && /^\s*;/.test(between)) {
      comment = between.trim();
      return true;
    }
    GAP_PIECE.lastIndex = 0;
    while (GAP_PIECE.lastIndex < between.length) {
      const piece = GAP_PIECE.exec(between)?.[0];
      if (piece === undefined) return false;
      if (/^(?:#|\/)/.test(piece)) {
        if (to !== end) return false;
        comment = comment === '' ? piece.trimEnd() : `${comment} ${piece.trimEnd()}`;
      }
    }
    return true;
  };
  for (const { statement, style } of statements!) {
    if (!pass(statement.start)) return undefined;
    at = endOf(statement);
    if (statement.kind === 'label') {
      if (pieces.length > 0) return undefined;
      labels.push(`${statement.name}:`);
      at = text.indexOf(':', at) + 1;
    } else {
      const given = text.slice(statement.start, at);
      if (given.includes('/*')) return undefined;
      pieces.push(formatStatement(statement, style, wanted, textOf));
    }
  }
  if (!pass(end)) return undefined;
  return { code: joined(labels, pieces), comment: placed(comment, text.slice(start, end), labels, pieces) };
}

/** A comment on a line of its own stays at the margin, or goes where the statements are. */
function placed(comment: string, line: string, labels: readonly string[], pieces: readonly string[]): string {
  const alone = labels.length === 0 && pieces.length === 0;
  return alone && comment !== '' && /^\s/.test(line) ? ' '.repeat(INDENT) + comment : comment;
}

function joined(labels: readonly string[], pieces: readonly string[]): string {
  const head = labels.join(' ');
  if (pieces.length === 0) return head;
  const code = pieces.join('; ');
  return head.length < INDENT ? head.padEnd(INDENT) + code : `${head} ${code}`;
}
