import type { RelocatableObject } from '../../object/relocatable.ts';
import type { Endian } from '../../util/bytes.ts';
import type { Diagnostic, SourceText } from '../../util/diagnostic.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { Statement } from '../syntax/ast.ts';
import { Problems } from '../syntax/problems.ts';
import { type GrammarReader, TextReader } from '../syntax/reader.ts';
import { Assembler } from './assembler.ts';
import { DIRECTIVES, unknownDirective } from './directives.ts';
import { finish } from './finish.ts';

export interface AssembleOptions {
  /** Little by default. */
  readonly endian?: Endian;
  /**
   * The file that an `.include "name"` line of `from` means; without it, or where it answers with
   * undefined, there is no such file.
   */
  readonly include?: (name: string, from: SourceText) => SourceText | undefined;
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
  constructor(source: string | SourceText, options: AssembleOptions) {
    const text = typeof source === 'string' ? { name: '<text>', text: source } : source;
    if (text.text.length > MAX_TEXT_LENGTH)
      throw new TsbpfError(
        'TEXT_TOO_LARGE',
        `a text of ${text.text.length} characters is more than ${MAX_TEXT_LENGTH}`,
      );
    this.#problems = new Problems(text);
    const endian = options.endian ?? 'little';
    const assembler = new Assembler(this.#problems, { endian, directives: DIRECTIVES, unknownDirective });
    this.#assembler = assembler;
    this.#reader = new TextReader(this.#problems, {
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

  /** Where the text ends. */
  result(): AssembleResult {
    this.#assembler.end();
    const object = finish(this.#assembler);
    return {
      object: this.#problems.failed ? undefined : object,
      diagnostics: this.#problems.list(),
    };
  }
}
