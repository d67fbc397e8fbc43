import {
  type Diagnostic,
  type Label,
  lineText,
  positionAt,
  type Severity,
  type SourceText,
} from './diagnostic.ts';

/** How a renderer colours: a style name and the text to put in it. */
export type Paint = (
  style: 'error' | 'warning' | 'note' | 'help' | 'frame' | 'strong',
  text: string,
) => string;

const plain: Paint = (_style, text) => text;

/** A caret row longer than this says nothing more; lines of machine-made files can be megabytes. */
const MAX_LINE_COLUMNS = 240;

/**
 * Renders diagnostics as code frames, one blank line apart.
 *
 * @example
 * ```
 * error[unknown-helper]: there is no helper named 'bpf_tail_cal'
 *   --> prog.s:3:8
 *    |
 *  3 |   call bpf_tail_cal
 *    |        ^^^^^^^^^^^^ not a helper
 *    |
 *    = help: did you mean 'bpf_tail_call'?
 * ```
 */
export function renderDiagnostics(problems: readonly Diagnostic[], paint: Paint = plain): string {
  return problems.map((problem) => renderDiagnostic(problem, paint)).join('\n\n');
}

export function renderDiagnostic(problem: Diagnostic, paint: Paint = plain): string {
  const { severity } = problem;
  const head = `${paint(severity, `${severity}[${problem.code}]`)}${paint('strong', `: ${problem.message}`)}`;
  const places = placesOf(problem);
  const gutter = ' '.repeat(Math.max(1, ...places.map((place) => String(place.line).length)));
  const out = [head];
  if (problem.span) {
    const { line, column } = positionAt(problem.span.source, problem.span.start);
    out.push(`${gutter}${paint('frame', '-->')} ${problem.span.source.name}:${line}:${column}`);
    out.push(...renderFrame(places, gutter, severity, paint));
  }
  const trailer = (kind: 'note' | 'help', text: string): string =>
    `${gutter} ${paint('frame', '=')} ${paint(kind, kind)}: ${text}`;
  const rest = [
    ...problem.notes.map((text) => trailer('note', text)),
    ...problem.help.map((text) => trailer('help', text)),
  ];
  if (rest.length > 0 && problem.span) out.push(`${gutter} ${paint('frame', '|')}`);
  return [...out, ...rest].join('\n');
}

interface Place {
  readonly source: SourceText;
  readonly line: number;
  readonly column: number;
  readonly width: number;
  readonly message: string | undefined;
  readonly primary: boolean;
}

function placesOf(problem: Diagnostic): Place[] {
  if (!problem.span) return [];
  const primary = placeOf({ span: problem.span, message: problem.label ?? '' }, true);
  const others = problem.labels.map((label) => placeOf(label, false));
  return [primary, ...others].sort((a, b) =>
    a.source === b.source ? a.line - b.line : a.primary ? -1 : b.primary ? 1 : 0,
  );
}

function placeOf({ span, message }: Label, primary: boolean): Place {
  const { line, column } = positionAt(span.source, span.start);
  const room = lineText(span.source, line).length - column + 1;
  const width = Math.max(1, Math.min(span.end - span.start, room));
  return { source: span.source, line, column, width, message: message || undefined, primary };
}

function renderFrame(places: readonly Place[], gutter: string, severity: Severity, paint: Paint): string[] {
  const bar = `${gutter} ${paint('frame', '|')}`;
  const out = [bar];
  let previous: Place | undefined;
  for (const place of places) {
    const moved = previous && previous.source !== place.source;
    if (moved)
      out.push(`${gutter}${paint('frame', ':::')} ${place.source.name}:${place.line}:${place.column}`, bar);
    else if (previous && place.line > previous.line + 1) out.push(paint('frame', '...'));
    const text = lineText(place.source, place.line);
    if (!previous || moved || previous.line !== place.line) {
      const number = String(place.line).padStart(gutter.length);
      out.push(`${paint('frame', `${number} |`)} ${clip(detab(text))}`.trimEnd());
    }
    out.push(`${bar} ${caretRow(place, text, severity, paint)}`);
    previous = place;
  }
  return out;
}

function caretRow(place: Place, text: string, severity: Severity, paint: Paint): string {
  const before = detab(text.slice(0, place.column - 1)).length;
  const width = detab(text.slice(place.column - 1, place.column - 1 + place.width)).length || place.width;
  if (before >= MAX_LINE_COLUMNS) return place.message ?? '';
  const mark = (place.primary ? '^' : '-').repeat(Math.min(width, MAX_LINE_COLUMNS - before));
  const tail = place.message === undefined ? mark : `${mark} ${place.message}`;
  return ' '.repeat(before) + paint(place.primary ? severity : 'note', tail);
}

/** Tabs become two spaces, so that carets stand under what they mean in any terminal. */
function detab(text: string): string {
  return text.replaceAll('\t', '  ');
}

function clip(text: string): string {
  return text.length > MAX_LINE_COLUMNS ? `${text.slice(0, MAX_LINE_COLUMNS)}…` : text;
}
