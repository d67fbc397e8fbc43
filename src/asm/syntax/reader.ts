import type { SourceText } from '../../util/diagnostic.ts';
import type { Expr, Range, Statement } from './ast.ts';
import { withoutBlockComments } from './comments.ts';
import { CONDITIONALS, Conditionals } from './conditionals.ts';
import { expandMacro, type Macro, parseArguments, parseMacroHead } from './macros.ts';
import { readExpression } from './mnemonic-expression.ts';
import { hasMnemonic, laterStatement, readMnemonicLine } from './mnemonic-line.ts';
import type { ParsedText } from './parse-grammar.ts';
import { takeLabel, takeLine } from './plain.ts';
import { PRELUDE } from './prelude.ts';
import type { Problems } from './problems.ts';
import { commentStart, statementEnd } from './raw-directives.ts';
import { Scanner } from './scanner.ts';
import type { Origin, SourceBuffer } from './sources.ts';

/** Reads the lines that the plain reader leaves, at their places. */
export type GrammarReader = (problems: Problems, text: string, base: number) => ParsedText;

/** Who takes what is read, and knows what the reader has to ask. */
export interface ReaderHost {
  /** Takes a line that it can deal with without a statement; false where it is to be read. */
  hotLine(scanner: Scanner): boolean;
  statement(statement: Statement): void;
  /** A name in a line that could not be read: that it is missing is no second problem. */
  poison(name: string): void;
  /** The value of what can be counted here and now; undefined after a problem. */
  number(expr: Expr, what: string): bigint | undefined;
  isDefined(name: string): boolean;
  /** The text that `.include` names, or undefined where there is none. */
  include(name: string, from: SourceText): SourceText | undefined;
}

/** A text on the way, with the place that it has been read to. */
interface Frame {
  readonly scanner: Scanner;
  next: number;
  /** Conditionals that were open when it began, and when the text around it began. */
  readonly conditionals: number;
  readonly outer: number;
}

/** A `.macro` or `.rept` whose end has yet to come. */
interface Recording {
  readonly frame: Frame;
  readonly opening: '.macro' | '.rept';
  readonly range: Range;
  readonly from: number;
  /** Of the same kind, inside. */
  nested: number;
  finish(body: string): void;
}

/** Texts inside texts: deeper than people nest, and a macro that uses itself must end. */
const MAX_DEPTH = 100;
/**
 * Characters of what macros, repetitions and included files become, all together: some two million
 * lines, where the kernel takes programs of one million instructions.
 */
const MAX_TOTAL_LENGTH = 32 * 1024 * 1024;
/** Repetitions and expansions in all; each costs memory of its own. */
const MAX_EXPANSIONS = 250_000;

const CLOSING = { '.macro': '.endm', '.rept': '.endr' } as const;
/** What opens and closes such blocks within each other. */
const NESTING: Readonly<Record<Recording['opening'], Readonly<Record<string, 1 | -1>>>> = {
  '.macro': { '.macro': 1, '.endm': -1, '.endmacro': -1 },
  '.rept': { '.rept': 1, '.endr': -1 },
};
const SEMICOLON = 0x3b;
const NEWLINE = 0x0a;
const DOT = 0x2e;

/**
 * Reads a text line by line into statements and hands them on one by one: a file of a million lines
 * never stands in memory as a million objects. Macros, conditions and included files are dealt with
 * here; who takes the statements does not know of them.
 */
export class TextReader {
  readonly #problems: Problems;
  readonly #host: ReaderHost;
  readonly #frames: Frame[] = [];
  readonly #macros: Map<string, Macro> = new Map();
  readonly #conditionals: Conditionals;
  readonly #statements: Statement[] = [];
  #recording: Recording | undefined;
  #expansions = 0;
  /** Of macros alone: what `\\@` stands for. */
  #uses = 0;
  /** What reads the lines that are not plain; may be set when the first of them is met. */
  grammar: GrammarReader | undefined;

  constructor(problems: Problems, host: ReaderHost) {
    this.#problems = problems;
    this.#host = host;
    this.#conditionals = new Conditionals(problems, host);
    this.#push(problems.sources.main);
  }

  /**
   * Goes on to the end, or to the first line that needs the grammar where there is none yet: then
   * set it and call again.
   */
  read(): 'done' | 'needs-grammar' {
    for (let frame = this.#frames.at(-1); frame; frame = this.#frames.at(-1)) {
      const { text } = frame.scanner;
      if (frame.next > text.length || this.#problems.full) this.#pop(frame);
      else if (!this.#line(frame)) return 'needs-grammar';
    }
    return 'done';
  }

  #push(buffer: SourceBuffer): void {
    const { source, base } = buffer;
    buffer.readable = withoutBlockComments(source.text, base, this.#problems);
    const scanner = new Scanner(buffer.readable, base);
    const outer = this.#frames.at(-1)?.conditionals ?? 0;
    this.#conditionals.enter();
    this.#frames.push({ scanner, next: 0, conditionals: this.#conditionals.depth, outer });
  }

  #pop(frame: Frame): void {
    this.#frames.pop();
    if (this.#recording?.frame === frame) {
      const { opening, range } = this.#recording;
      this.#problems.error(range, 'unclosed-block', `'${opening}' has no '${CLOSING[opening]}'`);
      this.#recording = undefined;
    }
    this.#conditionals.leave(frame.outer);
  }

  /** Leaves all texts but the file itself. */
  #abandon(): void {
    const [main, first] = this.#frames;
    if (!first) return;
    for (const { scanner } of this.#frames) scanner.at = scanner.end;
    this.#frames.length = 1;
    this.#conditionals.abandon(first.conditionals, main!.conditionals);
  }

  /** One line; false where it has to wait for the grammar. */
  #line(frame: Frame): boolean {
    const { scanner } = frame;
    const { text } = scanner;
    const start = frame.next;
    const newline = text.indexOf('\n', start);
    scanner.at = start;
    scanner.end = newline < 0 ? text.length : newline;
    frame.next = scanner.end + 1;
    scanner.skipSpaces();
    // Where a line goes on behind a macro, a separator begins no comment.
    if (start > 0 && text.charCodeAt(start - 1) !== NEWLINE) while (scanner.takeSign(SEMICOLON));
    if (this.#recording || !this.#conditionals.active) this.#passOver(frame, start);
    else if (scanner.code !== DOT || !this.#control(frame)) {
      if (this.#host.hotLine(scanner)) return true;
      scanner.at = start;
      if (!takeLine(scanner, this.#statements)) {
        this.#statements.length = 0;
        return this.#unusual(frame, start);
      }
      // A declaration in braces takes more than a line.
      frame.next = scanner.end + 1;
      this.#flush(frame);
    }
    return true;
  }

  /** A statement that is recorded, or does not count. */
  #passOver(frame: Frame, start: number): void {
    const { scanner } = frame;
    // A comment.
    if (scanner.code === SEMICOLON) return;
    if (!this.#recording) {
      if (scanner.code !== DOT || !this.#control(frame)) this.#cut(frame);
      return;
    }
    this.#cut(frame);
    this.#record(this.#recording, scanner, start);
  }

  /** Ends the line that is read where its first statement ends. */
  #cut(frame: Frame): void {
    const { scanner } = frame;
    const stop = statementEnd(scanner.text, scanner.at, scanner.end);
    if (stop >= scanner.end || scanner.codes[stop] !== SEMICOLON) return;
    scanner.end = stop;
    frame.next = stop + 1;
  }

  /** Hands on what was read, up to a directive of the reader's own, which is read anew. */
  #flush(frame?: Frame): void {
    const statements = this.#statements;
    for (let at = 0; at < statements.length; at++) {
      const statement = statements[at]!;
      if (frame && at > 0 && statement.kind === 'directive' && this.#isControl(statement.name)) {
        frame.next = statement.start - frame.scanner.base;
        break;
      }
      this.#host.statement(statement);
    }
    statements.length = 0;
  }

  readonly #isControl = (name: string): boolean =>
    CONDITIONALS.has(name) || Object.hasOwn(this.#controls, name);

  #macro(word: string): Macro | undefined {
    return this.#macros.get(word) ?? PRELUDE.get(word);
  }

  /** A line that is not plain: a macro's use, or something for the grammar. */
  #unusual(frame: Frame, start: number): boolean {
    const { scanner } = frame;
    scanner.at = start;
    scanner.skipSpaces();
    while (takeLabel(scanner, this.#statements));
    const word = scanner.text.slice(scanner.at, scanner.wordEnd());
    const macro = this.#macro(word);
    if (macro) {
      this.#flush();
      this.#cut(frame);
      this.#expand(macro, scanner);
      return true;
    }
    const later = laterStatement(scanner, (name) => this.#macro(name) !== undefined || this.#isControl(name));
    if (later !== undefined) {
      this.#statements.length = 0;
      return this.#part(frame, start, later);
    }
    if (hasMnemonic(scanner)) return this.#mnemonics(frame, start);
    this.#statements.length = 0;
    if (!this.grammar) {
      frame.next = start;
      return false;
    }
    // With its end, which messages tell from the end of the file.
    const line = scanner.text.slice(start, scanner.end + 1);
    const { statements, poisoned } = this.grammar(this.#problems, line, scanner.base + start);
    for (const statement of statements) this.#host.statement(statement);
    for (const name of poisoned) this.#host.poison(name);
    return true;
  }

  /** What stands on a line before a macro or a condition. */
  #part(frame: Frame, start: number, end: number): boolean {
    const { scanner } = frame;
    scanner.at = start;
    scanner.end = end - 1;
    frame.next = end;
    if (!takeLine(scanner, this.#statements)) {
      this.#statements.length = 0;
      return this.#unusual(frame, start);
    }
    this.#flush(frame);
    return true;
  }

  /** A line of the other dialect: `add r1, 5`. */
  #mnemonics(frame: Frame, start: number): boolean {
    const read = readMnemonicLine(frame.scanner, this.#problems, this.grammar);
    if (!read) {
      this.#statements.length = 0;
      frame.next = start;
      return false;
    }
    this.#flush();
    for (const statement of read.statements) this.#host.statement(statement);
    for (const name of read.poisoned) this.#host.poison(name);
    return true;
  }

  #restOf(scanner: Scanner): { readonly text: string; readonly start: number } {
    const end = commentStart(scanner.text, scanner.at, scanner.end);
    return { text: scanner.text.slice(scanner.at, end).trimEnd(), start: scanner.place };
  }

  /** `.macro`, `.if`, `.include` and their like; false for another directive. */
  #control(frame: Frame): boolean {
    const { scanner } = frame;
    const { at, base } = scanner;
    const end = scanner.wordEnd();
    const name = scanner.text.slice(at, end);
    const isCondition = CONDITIONALS.has(name);
    if (!isCondition && !(this.#conditionals.active && Object.hasOwn(this.#controls, name))) return false;
    this.#cut(frame);
    const range = { start: base + at, end: base + end };
    scanner.at = end;
    scanner.skipSpaces();
    if (isCondition) this.#conditionals.directive(name, range, scanner);
    else this.#controls[name]!(frame, range);
    return true;
  }

  readonly #controls: Readonly<Record<string, (frame: Frame, range: Range) => void>> = {
    '.macro': (frame, range) => this.#beginMacro(frame, range),
    '.rept': (frame, range) => this.#beginRepetition(frame, range),
    '.include': (frame, range) => this.#include(frame, range),
    '.endm': (_frame, range) => this.#stray(range, '.macro'),
    '.endmacro': (_frame, range) => this.#stray(range, '.macro'),
    '.endr': (_frame, range) => this.#stray(range, '.rept'),
  };

  #stray(range: Range, opening: string): void {
    const name = this.#problems.textOf(range);
    this.#problems.error(range, 'stray-end', `there is no '${opening}' that this '${name}' could end`);
  }

  #begin(frame: Frame, range: Range, opening: Recording['opening'], finish: (body: string) => void): void {
    this.#recording = { frame, opening, range, from: frame.next, nested: 0, finish };
  }

  /** A statement between `.macro` and `.endm`: kept as it is. */
  #record(recording: Recording, scanner: Scanner, start: number): void {
    const end = scanner.wordEnd();
    const word = scanner.code === DOT ? scanner.text.slice(scanner.at, end) : '';
    const steps = NESTING[recording.opening];
    const step = Object.hasOwn(steps, word) ? steps[word] : undefined;
    if (step === 1) recording.nested++;
    else if (step === -1 && recording.nested > 0) recording.nested--;
    else if (step === -1) {
      this.#recording = undefined;
      recording.finish(scanner.text.slice(recording.from, start));
      scanner.at = end;
      scanner.skipSpaces();
      this.#nothingMore(word, scanner);
    }
  }

  #nothingMore(name: string, scanner: Scanner): void {
    if (scanner.atEnd) return;
    const at = { start: scanner.place, end: scanner.base + scanner.end };
    this.#problems.error(at, 'argument', `'${name}' takes nothing more`);
  }

  #beginMacro(frame: Frame, range: Range): void {
    const { text, start } = this.#restOf(frame.scanner);
    const head = parseMacroHead(text, start, this.#problems);
    this.#begin(frame, range, '.macro', (body) => {
      if (!head) return;
      const known = this.#macros.get(head.name);
      if (known)
        this.#problems.error(head.defined, 'defined-twice', `the macro '${head.name}' is defined twice`, {
          labels: [this.#problems.label(known.defined!, 'first defined here')],
        });
      else this.#macros.set(head.name, { ...head, body });
    });
  }

  #beginRepetition(frame: Frame, range: Range): void {
    const { scanner } = frame;
    const start = scanner.place;
    const expr = scanner.atEnd ? undefined : readExpression(scanner, this.#problems);
    if (!expr && start === scanner.place && scanner.atEnd)
      this.#problems.error(range, 'argument', "'.rept' needs a number of repetitions");
    if (expr) this.#nothingMore('.rept', scanner);
    const count = expr && this.#host.number(expr, 'the number of repetitions');
    if (expr && count !== undefined && count < 0n)
      this.#problems.error(expr, 'out-of-range', `lines cannot be repeated ${count} times`);
    this.#begin(frame, range, '.rept', (body) => {
      if (count === undefined || count <= 0n) return;
      // A last line without a line break is none that the next could begin behind.
      const lines = body.endsWith('\n') || count === 1n ? body : `${body}\n`;
      if (this.#room(range, count, lines.length))
        this.#expandText(lines.repeat(Number(count)), { kind: 'macro', name: '.rept', at: range });
    });
  }

  #include(frame: Frame, range: Range): void {
    const { text, start } = this.#restOf(frame.scanner);
    const name = /^"([^"\n]+)"$/.exec(text)?.[1];
    const at = { start, end: start + Math.max(1, text.length) };
    if (name === undefined) {
      this.#problems.error(
        text === '' ? range : at,
        'argument',
        "'.include' needs a file name in double quotes",
      );
      return;
    }
    const source = this.#host.include(name, this.#problems.sources.fileAt(range.start).source);
    if (!source) this.#problems.error(at, 'no-such-file', `there is no file '${name}' to include`);
    else if (this.#room(at, 1n, source.text.length))
      this.#push(this.#problems.sources.add(source, { kind: 'include', name, at }));
  }

  #expand(macro: Macro, scanner: Scanner): void {
    const { at, base } = scanner;
    const end = scanner.wordEnd();
    const range = { start: base + at, end: base + end };
    const stop = commentStart(scanner.text, end, scanner.end);
    const args = parseArguments(scanner.text.slice(end, stop), base + end);
    const body = expandMacro(macro, { ...args, start: range.start }, this.#uses++, this.#problems);
    if (body !== undefined && this.#room(range, 1n, body.length))
      this.#expandText(body, { kind: 'macro', name: macro.name, at: { start: range.start, end: args.end } });
  }

  #expandText(text: string, origin: Origin): void {
    const source = { name: `<${origin.name}>`, text };
    this.#push(this.#problems.sources.add(source, origin));
  }

  /** Whether that much more may be read. */
  #room(range: Range, count: bigint, length: number): boolean {
    this.#expansions++;
    const generated = this.#problems.sources.size - this.#problems.source.text.length;
    const refuse = (message: string): false => {
      this.#problems.error(range, 'nested-too-deep', message);
      // What goes on like this would only be refused again.
      this.#abandon();
      return false;
    };
    if (this.#frames.length >= MAX_DEPTH)
      return refuse(`macros and included files can be nested ${MAX_DEPTH} deep, not deeper`);
    if (
      this.#expansions > MAX_EXPANSIONS ||
      BigInt(generated) + count * BigInt(length + 1) > BigInt(MAX_TOTAL_LENGTH)
    )
      return refuse('what the macros of this file become is too long');
    return true;
  }
}
