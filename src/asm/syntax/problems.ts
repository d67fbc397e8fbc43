import { type Diagnostic, type DiagnosticParts, diagnostic, type SourceText } from '../../util/diagnostic.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Range } from './ast.ts';

/** A file with more problems than this is not the file that somebody meant to assemble. */
const MAX_PROBLEMS = 1000;

/**
 * Names that misspelt ones are compared with, in all: a text with thousands of mistakes gets
 * suggestions for the first of them.
 */
const MAX_COMPARISONS = 200_000;

/** Collects what is wrong with one source. */
export class Problems {
  readonly source: SourceText;
  readonly #all: Diagnostic[] = [];
  #errors = 0;
  #comparisons = 0;

  constructor(source: SourceText) {
    this.source = source;
  }

  error(
    range: Range,
    code: string,
    message: string,
    more: Omit<Partial<DiagnosticParts>, 'span'> = {},
  ): void {
    this.#errors++;
    this.#add(range, { ...more, code, message });
  }

  /** For what assembles but cannot have been meant. */
  warn(
    range: Range,
    code: string,
    message: string,
    more: Omit<Partial<DiagnosticParts>, 'span' | 'severity'> = {},
  ): void {
    this.#add(range, { ...more, severity: 'warning', code, message });
  }

  #add(range: Range, parts: DiagnosticParts): void {
    if (this.#all.length >= MAX_PROBLEMS) return;
    const span = { source: this.source, start: range.start, end: Math.max(range.end, range.start) };
    this.#all.push(diagnostic({ ...parts, span }));
  }

  /** A `help` line with the name that was probably meant, or none. */
  suggest(name: string, candidates: Iterable<string>): string[] {
    if (this.#comparisons >= MAX_COMPARISONS) return [];
    const names = [...candidates];
    this.#comparisons += names.length;
    return didYouMean(name, names);
  }

  get failed(): boolean {
    return this.#errors > 0;
  }

  /** In the order of the text. */
  list(): readonly Diagnostic[] {
    return [...this.#all].sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
  }

  /** For the `labels` of a diagnostic. */
  label(
    range: Range,
    message: string,
  ): { span: { source: SourceText; start: number; end: number }; message: string } {
    return { span: { source: this.source, start: range.start, end: range.end }, message };
  }
}
