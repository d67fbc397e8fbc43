import {
  type Diagnostic,
  DiagnosticsError,
  diagnostic,
  lineText,
  type SourceText,
  type Span,
} from '../../util/diagnostic.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { Place } from './place.ts';

/** A problem's second place and its words. */
export interface Beside {
  readonly place: Place | undefined;
  readonly message: string;
}

export interface ProblemParts {
  readonly help?: readonly string[];
  readonly beside?: readonly Beside[];
}

/** Answers a source file's text, or undefined where it is not to be had. */
export type ReadSource = (file: string) => string | undefined;

/** Gathers what is wrong with a description, so that one run shows all of it. */
export class BuildProblems {
  readonly #problems: Diagnostic[] = [];
  readonly #sources: Map<string, SourceText | undefined> = new Map();
  readonly #readSource: ReadSource;

  constructor(readSource: ReadSource) {
    this.#readSource = readSource;
  }

  /** @param within what it is part of, shown where there is no place: `program 'drop'` */
  error(
    code: string,
    message: string,
    place: Place | undefined,
    within: string | undefined,
    parts: ProblemParts = {},
  ): undefined {
    const labels = (parts.beside ?? []).flatMap(({ place: at, message: text }) => {
      const span = this.#spanOf(at);
      return span ? [{ span, message: text }] : [];
    });
    const notes = within === undefined ? [] : [`in ${within}`];
    this.#problems.push(
      diagnostic({ code, message, span: this.#spanOf(place), labels, notes, help: parts.help ?? [] }),
    );
    return undefined;
  }

  /** The text of the line at a place; empty where the source is not to be had. */
  textAt(place: Place): string {
    const source = this.#sourceOf(place.file);
    return source ? lineText(source, place.line).trim() : '';
  }

  /** @throws {DiagnosticsError} with all problems, if there are any */
  throwIfAny(): void {
    if (this.#problems.length > 0) throw new DiagnosticsError(this.#problems);
  }

  #sourceOf(file: string): SourceText | undefined {
    if (!this.#sources.has(file)) {
      const text = this.#readSource(file);
      this.#sources.set(file, text === undefined ? undefined : { name: file, text });
    }
    return this.#sources.get(file);
  }

  #spanOf(place: Place | undefined): Span | undefined {
    if (!place) return undefined;
    const source = this.#sourceOf(place.file);
    const start = source && offsetOf(source.text, place);
    return source && start !== undefined ? { source, start, end: start + 1 } : blankSpan(place);
  }
}

/** undefined where the text has no such line: it is not the one that ran. */
function offsetOf(text: string, { line, column }: Place): number | undefined {
  let start = 0;
  for (let at = 1; at < line; at++) {
    start = text.indexOf('\n', start) + 1;
    if (start === 0) return undefined;
  }
  return Math.min(start + column - 1, text.length);
}

/** A place whose text nobody gave: line and column are right, and the line is shown empty. */
function blankSpan({ file, line, column }: Place): Span {
  const text = '\n'.repeat(line - 1) + ' '.repeat(column - 1);
  return { source: { name: file, text }, start: text.length, end: text.length };
}

/** For what cannot be gathered: a builder that is used when its object is finished, or has none. */
export function misuse(code: string, message: string, hint?: string): TsbpfError {
  return new TsbpfError(code, message, hint === undefined ? {} : { hint });
}
