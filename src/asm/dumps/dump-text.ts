import type { Endian } from '../../util/bytes.ts';
import { type Diagnostic, type DiagnosticParts, diagnostic, type SourceText } from '../../util/diagnostic.ts';
import type { Range } from '../syntax/ast.ts';

/** A dump as assembly text. */
export interface DumpText {
  readonly text: string;
  /** As the bytes of the dump tell; undefined where it shows none or they tell nothing. */
  readonly endian: Endian | undefined;
  /** What cannot be read of the dump, with places in it. */
  readonly diagnostics: readonly Diagnostic[];
  /** Where in the dump stands what a range of {@link text} was made of. */
  placeOf(range: Range): Range;
}

/** A line of assembly and where it comes from. */
interface Piece {
  /** Where it begins in the assembly text. */
  readonly at: number;
  readonly length: number;
  readonly from: Range;
}

/** Writes assembly line by line, and remembers what each line was made of. */
export class DumpWriter {
  readonly #source: SourceText;
  readonly #lines: string[] = [];
  readonly #pieces: Piece[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  #length = 0;

  constructor(source: SourceText) {
    this.#source = source;
  }

  line(text: string, from: Range): void {
    this.#pieces.push({ at: this.#length, length: text.length, from });
    this.#lines.push(text);
    this.#length += text.length + 1;
  }

  problem(from: Range, parts: Omit<DiagnosticParts, 'span'>): void {
    this.#diagnostics.push(
      diagnostic({ ...parts, span: { source: this.#source, start: from.start, end: from.end } }),
    );
  }

  finish(endian: Endian | undefined): DumpText {
    const pieces = this.#pieces;
    return {
      text: this.#lines.map((line) => `${line}\n`).join(''),
      endian,
      diagnostics: this.#diagnostics,
      placeOf: (range) => this.#placeOf(pieces, range),
    };
  }

  #placeOf(pieces: readonly Piece[], { start, end }: Range): Range {
    const index = indexOfPiece(pieces, start);
    const piece = pieces[index];
    if (!piece) return { start: 0, end: 0 };
    const { at, length, from } = piece;
    // A line that was taken over as it is keeps its columns.
    const same =
      from.end - from.start === length &&
      this.#lines[index] === this.#source.text.slice(from.start, from.end);
    if (!same || end > at + length) return from;
    return { start: from.start + (start - at), end: from.start + (end - at) };
  }
}

/** The last piece that begins at an offset or before. */
function indexOfPiece(pieces: readonly Piece[], offset: number): number {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pieces[middle]!.at <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A name that the assembler reads as one. */
export function isName(text: string): boolean {
  return /^(?:[A-Za-z_$]|\.[A-Za-z_$])[\w.$]*$/.test(text) && !/^[rRwW]\d+$/.test(text);
}

export interface DumpLine extends Range {
  readonly text: string;
}

/** The lines of a text with their places, without their line breaks. */
export function* linesOf(text: string): Generator<DumpLine> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const next = newline < 0 ? text.length : newline;
    const end = text[next - 1] === '\r' && next > start ? next - 1 : next;
    yield { text: text.slice(start, end), start, end };
    start = next + 1;
  }
}
