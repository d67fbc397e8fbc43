import type { DiagnosticParts, Label } from '../../util/diagnostic.ts';
import type { Range } from '../syntax/ast.ts';

/** A part of a text that holds C. Places in problems are `base` plus the index in `text`. */
export interface CText {
  readonly text: string;
  /** Index of the first character in `text`; 0 by default. */
  readonly start?: number;
  /** Index behind the last; the text's length by default. */
  readonly end?: number;
  /** What is added to an index to make a place; 0 by default. */
  readonly base?: number;
}

/** Where problems go: `Problems` is one. */
export interface ProblemSink {
  error(range: Range, code: string, message: string, more?: Omit<Partial<DiagnosticParts>, 'span'>): void;
  /** A `help` line with the name that was probably meant, or none. */
  suggest(name: string, candidates: Iterable<string>): string[];
  label(range: Range, message: string): Label;
}

/**
 * The value of the expression that stands in a range, or undefined after having reported why it has
 * none. `what` says what the number is for: `the length of an array`.
 */
export type Evaluate = (range: Range, what: string) => bigint | undefined;

/** Thrown and caught within this folder: a problem was reported, go on behind the declaration. */
export class Stop extends Error {}

/** What a reader answers, or undefined where it stopped. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Stop) return undefined;
    throw error;
  }
}
