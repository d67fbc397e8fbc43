import { charValue, numberValue } from '../syntax/literals.ts';
import type { CText, ProblemSink } from './c-text.ts';

export type TokenKind = 'word' | 'number' | 'char' | 'string' | 'punctuator' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As it is written; empty at the end. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Of numbers and characters. */
  readonly value?: bigint;
}

const WORD = /[A-Za-z_]\w*/y;
const NUMBER = /\d\w*/y;

/** Passes over white space and comments; `#` begins one as elsewhere in the language. -1 in a comment without end. */
function skipBlanks(text: string, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) at++;
    else if (code === 0x23 || text.startsWith('//', at)) {
      const lineEnd = text.indexOf('\n', at);
      at = lineEnd < 0 ? end : lineEnd;
    } else if (text.startsWith('/*', at)) {
      const close = text.indexOf('*/', at + 2);
      if (close < 0 || close + 2 > end) return -1;
      at = close + 2;
    } else break;
  }
  return Math.min(at, end);
}

/** Behind the quote that closes the one at `at`, or -1 where the line ends before. */
function quoteEnd(text: string, at: number, end: number): number {
  const quote = text[at];
  for (let next = at + 1; next < end; next++) {
    const char = text[next];
    if (char === quote) return next + 1;
    if (char === '\n') return -1;
    if (char === '\\') next++;
  }
  return -1;
}

/** The kind and the end of the token at an index that is no blank. */
function scan(text: string, at: number, end: number): { readonly kind: TokenKind; readonly end: number } {
  for (const [kind, pattern] of [
    ['word', WORD],
    ['number', NUMBER],
  ] as const) {
    pattern.lastIndex = at;
    if (pattern.test(text)) return { kind, end: Math.min(pattern.lastIndex, end) };
  }
  const char = text[at];
  if (char === '"' || char === "'") {
    const close = quoteEnd(text, at, end);
    if (close >= 0) return { kind: char === '"' ? 'string' : 'char', end: close };
  }
  const length = text.startsWith('...', at)
    ? 3
    : text.startsWith('<<', at) || text.startsWith('>>', at)
      ? 2
      : 1;
  return { kind: 'punctuator', end: Math.min(at + length, end) };
}

/** Splits a part of a text into C's tokens, the last of which is the end. */
export function tokenize(
  { text, start = 0, end = text.length, base = 0 }: CText,
  problems: ProblemSink,
): Token[] {
  const out: Token[] = [];
  for (let from = start; ; ) {
    const at = skipBlanks(text, from, end);
    if (at < 0) {
      const open = base + text.indexOf('/*', from);
      problems.error({ start: open, end: open + 2 }, 'open-comment', "this comment has no '*/'");
    }
    if (at < 0 || at >= end) {
      out.push({ kind: 'end', text: '', start: base + end, end: base + end });
      return out;
    }
    const token = scan(text, at, end);
    const place = { text: text.slice(at, token.end), start: base + at, end: base + token.end };
    if (token.kind === 'number') out.push({ kind: 'number', ...place, value: readNumber(place, problems) });
    else if (token.kind === 'char') out.push({ kind: 'char', ...place, value: readChar(place, problems) });
    else out.push({ kind: token.kind, ...place });
    from = token.end;
  }
}

interface Place {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

function readNumber(place: Place, problems: ProblemSink): bigint {
  const digits = place.text.replace(/(?:[uU](?:ll?|LL?)?|(?:ll?|LL?)[uU]?)$/, '');
  if (/^(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9]\d*)$/.test(digits)) return BigInt(numberValue(digits));
  problems.error(place, 'bad-number', `'${place.text}' is not a number`);
  return 0n;
}

function readChar(place: Place, problems: ProblemSink): bigint {
  const inner = place.text.slice(1, -1);
  const value = /^(?:\\.|[^\\])$/u.test(inner) ? charValue(place.text) : undefined;
  if (typeof value === 'number') return BigInt(value);
  problems.error(place, 'bad-character', `${place.text} is not one character`, {
    help: ["characters are written 'a', '\\n', '\\0'"],
  });
  return 0n;
}

/**
 * Where the block of a declaration ends: the index behind the brace that closes its first one and
 * behind attributes that follow it. The text's end where no brace closes it.
 *
 * @param from index to begin from, on the declaration's line
 */
export function blockEnd(text: string, from: number, end: number = text.length): number {
  let depth = 0;
  for (let next = from; ; ) {
    const at = skipBlanks(text, next, end);
    if (at < 0 || at >= end) return end;
    next = scan(text, at, end).end;
    if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth <= 0) return attributesEnd(text, next, end);
  }
}

/** Behind `__packed`, `__attribute__((…))` and the like, if they stand at an index. */
function attributesEnd(text: string, from: number, end: number): number {
  let behind = from;
  for (;;) {
    let at = skipBlanks(text, behind, end);
    const word = /^(?:__packed|__aligned|__attribute__)$/.exec(wordAt(text, at))?.[0];
    if (word === undefined) return behind;
    at += word.length;
    behind = at;
    let depth = 0;
    if (word === '__packed' || text[skipBlanks(text, at, end)] !== '(') continue;
    do {
      const next = skipBlanks(text, at, end);
      if (next < 0 || next >= end) return end;
      at = scan(text, next, end).end;
      if (text[next] === '(') depth++;
      if (text[next] === ')') depth--;
    } while (depth > 0);
    behind = at;
  }
}

function wordAt(text: string, at: number): string {
  WORD.lastIndex = at < 0 ? text.length : at;
  return WORD.exec(text)?.[0] ?? '';
}
