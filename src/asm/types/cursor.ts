import type { Range } from '../syntax/ast.ts';
import { type CText, type Evaluate, type ProblemSink, Stop } from './c-text.ts';
import { type Token, tokenize } from './lexer.ts';

/** A place among the tokens of a declaration. */
export class Cursor {
  readonly problems: ProblemSink;
  readonly evaluate: Evaluate | undefined;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: CText, problems: ProblemSink, evaluate: Evaluate | undefined) {
    this.problems = problems;
    this.evaluate = evaluate;
    this.#tokens = tokenize(text, problems);
  }

  get token(): Token {
    return this.#tokens[this.#at]!;
  }

  /** The token before. */
  get last(): Token {
    return this.#tokens[Math.max(0, this.#at - 1)]!;
  }

  peek(distance = 1): Token {
    return this.#tokens[Math.min(this.#at + distance, this.#tokens.length - 1)]!;
  }

  /** Whether the next token is written so. */
  is(text: string): boolean {
    const { token } = this;
    return token.text === text && token.kind !== 'string' && token.kind !== 'char';
  }

  next(): Token {
    const { token } = this;
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  /** Passes over a token if it is written so. */
  take(text: string): boolean {
    if (!this.is(text)) return false;
    this.#at++;
    return true;
  }

  /** Passes over a token that must come. */
  expect(text: string, where: string): Token {
    if (this.is(text)) return this.next();
    return this.unexpected(`'${text}' ${where}`);
  }

  word(what: string): Token {
    if (this.token.kind === 'word') return this.next();
    return this.unexpected(what);
  }

  /** Reports what stands here in place of what should. */
  unexpected(wanted: string): never {
    const { token } = this;
    const found = token.kind === 'end' ? 'the declaration ends' : `found ${quoted(token.text)}`;
    return this.fail(token, 'bad-declaration', `expected ${wanted}, but ${found}`);
  }

  fail(range: Range, code: string, message: string, help: readonly string[] = []): never {
    this.problems.error(range, code, message, { help });
    throw new Stop();
  }

  end(): void {
    if (this.token.kind !== 'end') this.unexpected('the end of the declaration');
  }

  /**
   * Runs a reader of a part; where it stops, goes on behind the next of these tokens that stands
   * outside of all brackets, or before a brace that closes.
   */
  recover<T>(read: () => T, ...ends: readonly string[]): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      this.skipTo(ends);
      if (ends.some((end) => this.is(end))) this.next();
      return undefined;
    }
  }

  /** Goes to the next of these tokens outside of brackets, to a brace that closes, or to the end. */
  skipTo(ends: readonly string[]): void {
    for (let depth = 0; this.token.kind !== 'end'; this.#at++) {
      if (depth === 0 && ends.some((end) => this.is(end))) return;
      if (this.is('{') || this.is('(') || this.is('[')) depth++;
      else if (this.is('}') && depth === 0) return;
      else if (this.is('}') || this.is(')') || this.is(']')) depth = Math.max(0, depth - 1);
    }
  }

  /**
   * A number, which ends before one of these tokens. One that is more than a literal is left to
   * whoever knows the names of the file.
   */
  constant(what: string, ends: readonly string[], known: ReadonlyMap<string, bigint>): bigint {
    const first = this.token;
    const minus = this.take('-');
    const { kind, value, text } = this.token;
    const literal = value ?? (kind === 'word' ? known.get(text) : undefined);
    if (literal !== undefined && (this.peek().kind === 'end' || ends.includes(this.peek().text))) {
      this.next();
      return minus ? -literal : literal;
    }
    // A semicolon is in no expression: a bracket is missing before it.
    this.skipTo([...ends, ';']);
    const range = { start: first.start, end: this.last.end };
    if (this.token === first || range.end <= range.start) this.unexpected(what);
    const answer = this.evaluate?.(range, what);
    if (answer !== undefined) return answer;
    if (!this.evaluate) this.fail(range, 'not-a-number', `${what} must be a number`);
    throw new Stop();
  }
}

function quoted(text: string): string {
  return text.startsWith('"') || text.startsWith("'") ? text : `'${text}'`;
}
