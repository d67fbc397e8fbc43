import { encodeText } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';

/** The names of a file, each once, with a NUL behind it. */
export class StringTableBuilder {
  readonly #known: Map<string, number> = new Map([['', 0]]);
  #bytes: Uint8Array = new Uint8Array(1024);
  #size = 1;

  /** Where the name stands in the table. @throws {TsbpfError} `ELF_BAD_STRING` for one with a NUL */
  add(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const offset = this.#size;
    this.#reserve(text.length + 1);
    if (this.#putAscii(text, offset)) this.#size = offset + text.length + 1;
    else this.#putText(text, offset);
    this.#known.set(text, offset);
    return offset;
  }

  /** False for what is no plain ASCII. */
  #putAscii(text: string, offset: number): boolean {
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 0 || code > 0x7f) return false;
      this.#bytes[offset + at] = code;
    }
    this.#bytes[offset + text.length] = 0;
    return true;
  }

  #putText(text: string, offset: number): void {
    if (text.includes('\0'))
      throw new TsbpfError('ELF_BAD_STRING', `a name in ELF cannot hold a NUL: ${JSON.stringify(text)}`);
    const encoded = encodeText(text);
    this.#reserve(encoded.length + 1);
    this.#bytes.set(encoded, offset);
    this.#bytes[offset + encoded.length] = 0;
    this.#size = offset + encoded.length + 1;
  }

  #reserve(more: number): void {
    if (this.#size + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#size + more, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }
}
