import { encodeText } from '../../util/bytes.ts';

/** What stands for a character beyond ASCII: no sign of the language. */
const OTHER = 0x80;
const SPACE = 0x20;
const BYTE_ORDER_MARK = 0xfeff;

/**
 * A text's characters, one byte for each UTF-16 unit. Before V8 has optimised a loop, reading an
 * array costs a fraction of a call of `charCodeAt`: a file of 100,000 lines is half over by then.
 */
function characters(text: string): Uint8Array {
  const bytes = encodeText(text);
  if (bytes.length === text.length) return bytes;
  const out = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    out[at] = code < OTHER ? code : code === BYTE_ORDER_MARK ? SPACE : OTHER;
  }
  return out;
}

const WORD_CLASS = 1;
const SPACE_CLASS = 2;
const DIGIT_CLASS = 4;
const START_CLASS = 8;

/** What each character can be part of. */
const CLASSES: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code);
  return (
    (/[\w.$]/.test(char) ? WORD_CLASS : 0) |
    (/[ \t\r\f\v]/.test(char) ? SPACE_CLASS : 0) |
    (/\d/.test(char) ? DIGIT_CLASS : 0) |
    (/[A-Za-z_$]/.test(char) ? START_CLASS : 0)
  );
});

/** Reads one line of a text, character by character; every `take…` passes over what it takes. */
export class Scanner {
  /** Without the parts that comments take over several lines. */
  readonly text: string;
  /** Where the text begins in the space of all texts of a run; added to every place that is noted. */
  readonly base: number;
  /** The text's characters; what is beyond ASCII is 0x80. */
  readonly codes: Uint8Array;
  at = 0;
  end = 0;

  constructor(text: string, base = 0) {
    this.text = text;
    this.base = base;
    this.codes = characters(text);
  }

  /** The character code here, or 0 at the end of the line. */
  get code(): number {
    return this.at < this.end ? this.codes[this.at]! : 0;
  }

  codeAt(ahead: number): number {
    return this.at + ahead < this.end ? this.codes[this.at + ahead]! : 0;
  }

  /** The place here, in the space of all texts. */
  get place(): number {
    return this.base + this.at;
  }

  skipSpaces(): void {
    const { codes, end } = this;
    let { at } = this;
    while (at < end && (CLASSES[codes[at]!]! & SPACE_CLASS) !== 0) at++;
    this.at = at;
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
    const { codes, end } = this;
    let { at } = this;
    while (at < end && (CLASSES[codes[at]!]! & WORD_CLASS) !== 0) at++;
    return at;
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
  return (CLASSES[code]! & SPACE_CLASS) !== 0;
}

/** What a word can go on with. */
export function isWordPart(code: number): boolean {
  return (CLASSES[code]! & WORD_CLASS) !== 0;
}

export function isDigit(code: number): boolean {
  return (CLASSES[code]! & DIGIT_CLASS) !== 0;
}

/** What a name can begin with, the dot of a local label excepted. */
export function isNameStart(code: number): boolean {
  return (CLASSES[code]! & START_CLASS) !== 0;
}
