import { encodeText } from '../../util/bytes.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  "'": "'",
  '\\': '\\',
};

/**
 * The bytes of a string literal with its quotes: C's escapes with up to three octal digits, as in
 * LLVM; other characters as UTF-8. An escape that does not exist is answered as its text.
 */
export function stringBytes(literal: string): Uint8Array | { readonly unknownEscape: string } {
  const text = literal.slice(1, -1);
  const out: number[] = [];
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('\\', at);
    const end = next < 0 ? text.length : next;
    if (end > at) for (const byte of encodeText(text.slice(at, end))) out.push(byte);
    if (next < 0) break;
    const octal = /^[0-7]{1,3}/.exec(text.slice(next + 1, next + 4))?.[0];
    const meant = ESCAPES[text[next + 1]!];
    if (octal !== undefined) out.push(Number.parseInt(octal, 8) & 0xff);
    else if (meant !== undefined) out.push(meant.charCodeAt(0));
    else return { unknownEscape: text.slice(next, next + 2) };
    at = next + 1 + (octal?.length ?? 1);
  }
  return Uint8Array.from(out);
}

/** `0x1f`, `0b101`, `31`; a leading 0 makes it octal, as in LLVM and C. */
export function numberValue(text: string): number | bigint {
  const literal = /^0[0-7]+$/.test(text) ? `0o${text.slice(1)}` : text;
  const value = Number(literal);
  return Number.isSafeInteger(value) ? value : BigInt(literal);
}

/** How a number is written, for who wrote one otherwise. */
export function numberHelp(text: string): string {
  if (/^0[0-9]+$/.test(text)) return 'a leading 0 makes a number octal; leave it out';
  return 'numbers are written 42, 0x2a, 0b101010 or 052 (octal)';
}

/** The value of a character in single quotes. */
export function charValue(literal: string): number | { readonly unknownEscape: string } {
  const text = literal.slice(1, -1);
  if (!text.startsWith('\\')) return text.codePointAt(0)!;
  if (text === '\\0') return 0;
  const meant = ESCAPES[text[1]!];
  return meant === undefined ? { unknownEscape: text } : meant.charCodeAt(0);
}

const Quoted = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])'/y;

/** Where the string or character ends whose quote is at `at`; -1 where it has no second quote on its line. */
export function quotedEnd(text: string, at: number): number {
  Quoted.lastIndex = at;
  return Quoted.test(text) ? Quoted.lastIndex : -1;
}
