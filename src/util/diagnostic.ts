import { TsbpfError } from './errors.ts';

/** A text that a diagnostic can point into. */
export interface SourceText {
  /** As it should be shown: a file name, or `<stdin>`. */
  readonly name: string;
  readonly text: string;
}

/** A range of UTF-16 code units in a source, `end` exclusive. */
export interface Span {
  readonly source: SourceText;
  readonly start: number;
  readonly end: number;
}

/** A second place that belongs to the story: where the name was first defined, say. */
export interface Label {
  readonly span: Span;
  readonly message: string;
}

export type Severity = 'error' | 'warning' | 'note';

/** A problem in the user's input, as data. `code` is stable, in kebab case. */
export interface Diagnostic {
  readonly severity: Severity;
  readonly code: string;
  readonly message: string;
  /** Where; undefined for a problem with the whole input. */
  readonly span: Span | undefined;
  /** What is written under the caret. */
  readonly label: string | undefined;
  readonly labels: readonly Label[];
  readonly notes: readonly string[];
  /** What would mend it. */
  readonly help: readonly string[];
}

export type DiagnosticParts = Pick<Diagnostic, 'code' | 'message'> &
  Partial<Omit<Diagnostic, 'code' | 'message'>>;

/** Fills in what a diagnostic leaves out: an error without place, labels, notes or help. */
export function diagnostic(parts: DiagnosticParts): Diagnostic {
  return Object.freeze({
    severity: parts.severity ?? 'error',
    code: parts.code,
    message: parts.message,
    span: parts.span,
    label: parts.label,
    labels: parts.labels ?? [],
    notes: parts.notes ?? [],
    help: parts.help ?? [],
  });
}

/** Line and column, both counted from 1; columns are UTF-16 code units, as editors count them. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

const lineStartsOf = new WeakMap<SourceText, readonly number[]>();

function lineStarts(source: SourceText): readonly number[] {
  const known = lineStartsOf.get(source);
  if (known) return known;
  const starts = [0];
  for (let at = source.text.indexOf('\n'); at >= 0; at = source.text.indexOf('\n', at + 1))
    starts.push(at + 1);
  lineStartsOf.set(source, starts);
  return starts;
}

/** The line and column of an offset; offsets past the end answer with the end. */
export function positionAt(source: SourceText, offset: number): Position {
  const starts = lineStarts(source);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: Math.min(offset, source.text.length) - starts[low]! + 1 };
}

/** The text of a line (counted from 1) without its line break. */
export function lineText(source: SourceText, line: number): string {
  const starts = lineStarts(source);
  const start = starts[line - 1];
  if (start === undefined) return '';
  const end = starts[line] ?? source.text.length + 1;
  return source.text.slice(start, end - 1).replace(/\r$/, '');
}

/** A diagnostic as plain data with `file`, `line` and `column`, for `--json` and editors. */
export function diagnosticToJson(problem: Diagnostic): Record<string, unknown> {
  const { severity, code, message, notes, help } = problem;
  return {
    severity,
    code,
    message,
    ...(problem.span && { span: spanToJson(problem.span) }),
    ...(problem.label !== undefined && { label: problem.label }),
    ...(problem.labels.length > 0 && {
      labels: problem.labels.map((label) => ({ span: spanToJson(label.span), message: label.message })),
    }),
    ...(notes.length > 0 && { notes }),
    ...(help.length > 0 && { help }),
  };
}

function spanToJson(span: Span): Record<string, unknown> {
  const start = positionAt(span.source, span.start);
  const end = positionAt(span.source, span.end);
  return {
    file: span.source.name,
    line: start.line,
    column: start.column,
    endLine: end.line,
    endColumn: end.column,
  };
}

/**
 * Thrown by the calls that cannot return diagnostics; holds all of them. The message is the first
 * error's, with its place.
 */
export class DiagnosticsError extends TsbpfError {
  override readonly name = 'DiagnosticsError';
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    const first = diagnostics.find((problem) => problem.severity === 'error') ?? diagnostics[0];
    super('INVALID_INPUT', first ? summary(first) : 'the input is not valid', { hint: first?.help[0] });
    this.diagnostics = diagnostics;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), diagnostics: this.diagnostics.map(diagnosticToJson) };
  }
}

function summary(problem: Diagnostic): string {
  if (!problem.span) return problem.message;
  const { line, column } = positionAt(problem.span.source, problem.span.start);
  return `${problem.span.source.name}:${line}:${column}: ${problem.message}`;
}
