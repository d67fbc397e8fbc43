import type { RelocatableObject } from '../../object/relocatable.ts';
import type { Endian } from '../../util/bytes.ts';
import type { Diagnostic, SourceText } from '../../util/diagnostic.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { DumpKind } from '../dumps/dump-kind.ts';
import type { Statement } from '../syntax/ast.ts';
import { Problems } from '../syntax/problems.ts';
import { type GrammarReader, TextReader } from '../syntax/reader.ts';
import type { Scanner } from '../syntax/scanner.ts';
import { Assembler, type CpuVersion } from './assembler.ts';
import { DIRECTIVES, unknownDirective } from './directives.ts';
import { finish, type Help } from './finish.ts';
import { HotLines } from './hot-lines.ts';
import { unknownCalls } from './kernel-functions.ts';

export interface AssembleOptions {
  /** Little by default. */
  readonly endian?: Endian;
  /** What the assembler may choose on its own: with v4, the default, a `goto` that is too far becomes `gotol`. */
  readonly cpu?: CpuVersion;
  /**
   * The file that an `.include "name"` line of `from` means; without it, or where it answers with
   * undefined, there is no such file.
   */
  readonly include?: (name: string, from: SourceText) => SourceText | undefined;
  /** The text is a dump of this kind; left out, the text itself tells whether it is one. */
  readonly from?: DumpKind;
  /** In a dump, by slot: what map an instruction loads where only an address of the kernel is shown. */
  readonly maps?: ReadonlyMap<number, string>;
}

/** What tests hold against each other. */
interface ReadingOptions {
  /** Makes a statement of every line, also where it could be written at once. */
  readonly everyLineAsStatement?: boolean;
}

export interface AssembleResult {
  /** undefined when there is an error among the diagnostics. */
  readonly object: RelocatableObject | undefined;
  /** In the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Texts beyond this are no assembly that a person or a compiler wrote. */
const MAX_TEXT_LENGTH = 512 * 1024 * 1024;

/** One text on its way to an object. */
export class Assembly {
  readonly #problems: Problems;
  readonly #assembler: Assembler;
  readonly #reader: TextReader;

  /** @throws {TsbpfError} `TEXT_TOO_LARGE` */
  constructor(source: string | SourceText, options: AssembleOptions & ReadingOptions) {
    const text = typeof source === 'string' ? { name: '<text>', text: source } : source;
    if (text.text.length > MAX_TEXT_LENGTH)
      throw new TsbpfError(
        'TEXT_TOO_LARGE',
        `a text of ${text.text.length} characters is more than ${MAX_TEXT_LENGTH}`,
      );
    this.#problems = new Problems(text);
    const endian = options.endian ?? 'little';
    const assembler = new Assembler(this.#problems, {
      endian,
      cpu: options.cpu ?? 'v4',
      directives: DIRECTIVES,
      unknownDirective,
    });
    this.#assembler = assembler;
    const hot = options.everyLineAsStatement ? undefined : new HotLines(assembler.code);
    this.#reader = new TextReader(this.#problems, {
      hotLine: (scanner: Scanner): boolean => hot?.write(scanner) ?? false,
      statement: (statement: Statement): void => assembler.statement(statement),
      poison: (name: string): void => assembler.poison(name),
      number: (expr, what): bigint | undefined => assembler.number(expr, what),
      isDefined: (name: string): boolean => assembler.isDefined(name),
      include: (name, from): SourceText | undefined => options.include?.(name, from),
    });
  }

  /** Reads on; false where a line needs the grammar and it was not given yet. */
  read(grammar?: GrammarReader): boolean {
    this.#reader.grammar = grammar;
    return this.#reader.read() === 'done';
  }

  /** Whether there are functions that somebody wrote by hand, with directives of ours. */
  get needsCheck(): boolean {
    return this.#assembler.debug.functions.length > 0;
  }

  /** Whether a name is called that nothing of the file tells of: it may be a function of the kernel. */
  get callsUnknown(): boolean {
    return !this.#assembler.compiled && unknownCalls(this.#assembler).next().done === false;
  }

  /** Where the text ends. */
  result({ check, kfuncs }: Help): AssembleResult {
    this.#assembler.end();
    const object = finish(this.#assembler, { check: this.needsCheck ? check : undefined, kfuncs });
    return {
      object: this.#problems.failed ? undefined : object,
      diagnostics: this.#problems.list(),
    };
  }
}
