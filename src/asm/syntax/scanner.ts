/** Reads one line of a text, character by character; every `take…` passes over what it takes. */
export class Scanner {
  /** Without the parts that comments take over several lines. */
  readonly text: string;
  /** Where the text begins in the space of all texts of a run; added to every place that is noted. */
  readonly base: number;
  at = 0;
  end = 0;

  constructor(text: string, base = 0) {
    this.text = text;
    this.base = base;
  }

  /** The character code here, or 0 at the end of the line. */
  get code(): number {
    return this.at < this.end ? this.text.charCodeAt(this.at) : 0;
  }

  codeAt(ahead: number): number {
    return this.at + ahead < this.end ? this.text.charCodeAt(this.at + ahead) : 0;
  }

  /** The place here, in the space of all texts. */
  get place(): number {
    return this.base + this.at;
  }

  skipSpaces(): void {
    while (this.at < this.end && isSpace(this.text.charCodeAt(this.at))) this.at++;
  }

  /** Passes over `code` and the spaces behind it, if it is here. */
  takeSign(code: number): boolean {
    if (this.code !== code) return false;
    this.at++;
    this.skipSpaces();
    return true;
  }

  /** The end of the word that begins here: letters, digits, `_`, `$` and dots. */
  wordEnd(): number {
    let end = this.at;
    while (end < this.end && isWordPart(this.text.charCodeAt(end))) end++;
    return end;
  }

  /** Passes over this word and the spaces behind it, if it is here and ends here. */
  takeWord(word: string): boolean {
    if (!this.text.startsWith(word, this.at) || this.wordEnd() !== this.at + word.length) return false;
    this.at += word.length;
    this.skipSpaces();
    return true;
  }

  /** Passes over what a sticky pattern matches here, and the spaces behind it. */
  takeMatch(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found || this.at + found[0].length > this.end) return undefined;
    this.at += found[0].length;
    this.skipSpaces();
    return found;
  }

  /** True where nothing but a comment is left of the line. */
  get atEnd(): boolean {
    const { code } = this;
    return code === 0 || code === HASH || (code === SLASH && this.codeAt(1) === SLASH);
  }
}

const HASH = 0x23;
const SLASH = 0x2f;

export function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0a) || code === 0xfeff;
}

/** What a word can go on with. */
export function isWordPart(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code === 0x2e ||
    code === 0x24
  );
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** What a name can begin with, the dot of a local label excepted. */
export function isNameStart(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code === 0x24;
}
