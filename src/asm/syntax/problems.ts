import {
  type Diagnostic,
  type DiagnosticParts,
  diagnostic,
  type Label,
  type SourceText,
  type Span,
} from '../../util/diagnostic.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Range } from './ast.ts';
import { type Origin, Sources } from './sources.ts';

/** A file with more problems than this is not the file that somebody meant to assemble. */
const MAX_PROBLEMS = 1000;

/**
 * Names that misspelt ones are compared with, in all: a text with thousands of mistakes gets
 * suggestions for the first of them.
 */
const MAX_COMPARISONS = 200_000;

/** A problem deep in macros shows the innermost of their calls. */
const MAX_SHOWN_ORIGINS = 3;

/** Collects what is wrong with one source and what it includes. */
export class Problems {
  readonly sources: Sources;
  readonly #all: { readonly at: number; readonly problem: Diagnostic }[] = [];
  #errors = 0;
  #comparisons = 0;

  constructor(source: SourceText) {
    this.sources = new Sources(source);
  }

  /** The file itself. */
  get source(): SourceText {
    return this.sources.main.source;
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

  /** For what a user should know and need not mend. */
  note(
    range: Range,
    code: string,
    message: string,
    more: Omit<Partial<DiagnosticParts>, 'span' | 'severity'> = {},
  ): void {
    this.#add(range, { ...more, severity: 'note', code, message });
  }

  #add(range: Range, parts: DiagnosticParts): void {
    if (this.full) return;
    const { span, origins } = this.#place(range);
    const labels = [...(parts.labels ?? []), ...origins];
    this.#all.push({ at: range.start, problem: diagnostic({ ...parts, span, labels }) });
  }

  /** Where a range lies, and the lines that brought the text in. */
  #place(range: Range): { readonly span: Span; readonly origins: Label[] } {
    const origins: Label[] = [];
    let { origin } = this.sources.bufferAt(range.start);
    while (origin && origins.length < MAX_SHOWN_ORIGINS) {
      origins.push(this.label(origin.at, describeOrigin(origin)));
      ({ origin } = this.sources.bufferAt(origin.at.start));
    }
    return { span: this.span(range), origins };
  }

  span({ start, end }: Range): Span {
    const { source, base } = this.sources.bufferAt(start);
    return { source, start: start - base, end: Math.max(end, start) - base };
  }

  /** What the text says there. */
  textOf(range: Range): string {
    return this.sources.textOf(range);
  }

  /** A `help` line with the name that was probably meant, or none. */
  suggest(name: string, candidates: Iterable<string>): string[] {
    if (this.#comparisons >= MAX_COMPARISONS) return [];
    const names = [...candidates];
    this.#comparisons += names.length;
    return didYouMean(name, names);
  }

  /** True when there are so many that nobody reads on. */
  get full(): boolean {
    return this.#all.length >= MAX_PROBLEMS;
  }

  get failed(): boolean {
    return this.#errors > 0;
  }

  /** In the order of the text; what macros and included files bring stands where they are asked for. */
  list(): readonly Diagnostic[] {
    const order = (offset: number): number => {
      const { origin } = this.sources.bufferAt(offset);
      return origin ? order(origin.at.start) : offset;
    };
    return this.#all
      .map(({ at, problem }) => ({ at, outer: order(at), problem }))
      .sort((a, b) => a.outer - b.outer || a.at - b.at)
      .map(({ problem }) => problem);
  }

  /** For the `labels` of a diagnostic. */
  label(range: Range, message: string): Label {
    return { span: this.span(range), message };
  }
}

function describeOrigin({ kind, name }: Origin): string {
  if (name === '.rept') return "repeated by this '.rept'";
  return kind === 'macro' ? `in this use of the macro '${name}'` : `'${name}' is included here`;
}
