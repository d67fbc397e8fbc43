import type { SourceText } from '../../util/diagnostic.ts';
import type { Range } from './ast.ts';

/** Why a text that is not the file itself is read: a line named it. */
export interface Origin {
  readonly kind: 'include' | 'macro';
  /** The file's or the macro's name. */
  readonly name: string;
  /** The line that asked for it, in the space of all texts. */
  readonly at: Range;
}

/** A text among those of a run, with the place where its offsets begin. */
export interface SourceBuffer {
  readonly source: SourceText;
  readonly base: number;
  readonly origin: Origin | undefined;
  /** The text without the comments that may take several lines, as it is read. */
  readable: string;
}

/**
 * The texts of one run: the file, what it includes, what its macros become. They lie one behind the
 * other in one space of offsets, so that a place in any of them is a single number.
 */
export class Sources {
  readonly #buffers: SourceBuffer[];
  #end: number;

  constructor(main: SourceText) {
    this.#buffers = [{ source: main, base: 0, origin: undefined, readable: main.text }];
    // The end of a text is a place too, and belongs to it.
    this.#end = main.text.length + 1;
  }

  get main(): SourceBuffer {
    return this.#buffers[0]!;
  }

  add(source: SourceText, origin: Origin): SourceBuffer {
    const buffer = { source, base: this.#end, origin, readable: source.text };
    this.#buffers.push(buffer);
    this.#end += source.text.length + 1;
    return buffer;
  }

  /** How many characters have been read, all texts together. */
  get size(): number {
    return this.#end;
  }

  /** The text that an offset lies in. */
  bufferAt(offset: number): SourceBuffer {
    const buffers = this.#buffers;
    let low = 0;
    let high = buffers.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (buffers[middle]!.base <= offset) low = middle;
      else high = middle - 1;
    }
    return buffers[low]!;
  }

  /** The file that an offset lies in, and the place there; of what a macro became, where it is used. */
  fileAt(offset: number): { readonly source: SourceText; readonly at: number } {
    let at = offset;
    let buffer = this.bufferAt(at);
    while (buffer.origin?.kind === 'macro') {
      at = buffer.origin.at.start;
      buffer = this.bufferAt(at);
    }
    return { source: buffer.source, at: at - buffer.base };
  }

  textOf({ start, end }: Range): string {
    const { source, base } = this.bufferAt(start);
    return source.text.slice(start - base, end - base);
  }
}
