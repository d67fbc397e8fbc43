import type { Diagnostic, SourceText } from '../../util/diagnostic.ts';
import type { Statement } from './ast.ts';
import { withoutBlockComments } from './comments.ts';
import { isMnemonic } from './mnemonic.ts';
import { hasMnemonic, laterStatement, readMnemonicLine } from './mnemonic-line.ts';
import { takeLabel, takeLine } from './plain.ts';
import { PRELUDE } from './prelude.ts';
import { Problems } from './problems.ts';
import type { GrammarReader } from './reader.ts';
import { Scanner } from './scanner.ts';

/** A line of a text that is read for its own sake. */
export interface SourceLine {
  readonly start: number;
  /** Without the line break. */
  readonly end: number;
  /** undefined where the line is no list of statements, or cannot be read. */
  readonly statements:
    | readonly { readonly statement: Statement; readonly style: 'llvm' | 'mnemonic' }[]
    | undefined;
}

/** Nothing else is known before the text is assembled: their lines, and what they may become, stay as they are. */
const CONTROL = /^[ \t]*\.(?:macro|rept|endm|endmacro|endr|if\w*|else\w*|endif|include)\b/;
const isControl = (word: string): boolean => CONTROL.test(word);
const OPENS = /^[ \t]*\.(?:macro|rept)\b/;
const CLOSES = /^[ \t]*\.(?:endm|endmacro|endr)\b/;
const DEFINES = /^[ \t]*\.macro[ \t]+([\w.$]+)/gm;

/**
 * A text line by line, neither macros nor conditions followed: for who rewrites it, not for who
 * assembles it.
 */
export class SourceLines implements Iterable<SourceLine> {
  readonly #source: SourceText;
  readonly #problems: Problems;
  readonly #read: GrammarReader;
  readonly #macros: ReadonlySet<string>;
  /** Words that an included file may define. */
  readonly #includes: boolean;
  #depth = 0;

  constructor(source: SourceText, read: GrammarReader) {
    this.#source = source;
    this.#problems = new Problems(source);
    this.#read = read;
    this.#macros = new Set([
      ...PRELUDE.keys(),
      ...[...source.text.matchAll(DEFINES)].map(([, name]) => name!),
    ]);
    this.#includes = /^[ \t]*\.include\b/m.test(source.text);
  }

  get diagnostics(): readonly Diagnostic[] {
    return this.#problems.list();
  }

  *[Symbol.iterator](): Iterator<SourceLine> {
    const { text } = this.#source;
    const scanner = new Scanner(withoutBlockComments(text, 0, this.#problems));
    for (let start = 0; start < text.length; ) {
      const end = endOfLine(scanner.text, start);
      const original = endOfLine(text, start);
      scanner.at = start;
      scanner.end = end;
      // A comment over several lines takes all of them.
      const whole = original === end ? this.#statements(scanner, start) : undefined;
      const stop = Math.max(end, scanner.end);
      if (stop === original) yield { start, end: stop, statements: whole };
      else for (const line of linesBetween(text, start, stop)) yield { ...line, statements: undefined };
      start = stop + 1;
    }
  }

  #statements(scanner: Scanner, start: number): SourceLine['statements'] {
    const line = scanner.text.slice(start, scanner.end);
    if (this.#depth === 0 && !CONTROL.test(line) && laterStatement(scanner, isControl)) return undefined;
    const inside = this.#depth > 0;
    if (OPENS.test(line)) this.#depth++;
    else if (CLOSES.test(line)) this.#depth = Math.max(0, this.#depth - 1);
    if (inside || CONTROL.test(line)) return undefined;
    const statements = this.#take(scanner, start);
    return statements?.map((statement) => ({ statement, style: this.#styleOf(statement, scanner) }));
  }

  #take(scanner: Scanner, start: number): readonly Statement[] | undefined {
    const { end } = scanner;
    const plain: Statement[] = [];
    if (takeLine(scanner, plain)) return scanner.end === end ? plain : undefined;
    scanner.at = start;
    scanner.end = end;
    scanner.skipSpaces();
    const labels: Statement[] = [];
    while (takeLabel(scanner, labels));
    const word = scanner.text.slice(scanner.at, scanner.wordEnd());
    if (this.#macros.has(word) || laterStatement(scanner, (name) => this.#macros.has(name))) return undefined;
    const own = new Problems(this.#source);
    const read = hasMnemonic(scanner) ? readMnemonicLine(scanner, own, this.#read) : undefined;
    const statements = read
      ? [...labels, ...read.statements]
      : this.#read(own, scanner.text.slice(start, end + 1), start).statements;
    if (!own.failed) return statements;
    for (const problem of own.list()) {
      const { span, code, message, ...more } = problem;
      // Perhaps a macro of an included file.
      if (this.#includes && code === 'unknown-instruction') continue;
      this.#problems.error(span ?? { start, end }, code, message, more);
    }
    return undefined;
  }

  #styleOf(statement: Statement, scanner: Scanner): 'llvm' | 'mnemonic' {
    if (statement.kind !== 'insn') return 'llvm';
    const { at, end } = scanner;
    scanner.at = statement.start;
    scanner.end = statement.end;
    const mnemonic = isMnemonic(scanner);
    scanner.at = at;
    scanner.end = end;
    return mnemonic ? 'mnemonic' : 'llvm';
  }
}

function endOfLine(text: string, start: number): number {
  const newline = text.indexOf('\n', start);
  return newline < 0 ? text.length : newline;
}

function* linesBetween(text: string, from: number, to: number): Generator<{ start: number; end: number }> {
  for (let start = from; start <= to && start < text.length; ) {
    const end = endOfLine(text, start);
    yield { start, end };
    start = end + 1;
  }
}
