import type { RelocatableObject } from '../../object/relocatable.ts';
import type { Endian } from '../../util/bytes.ts';
import type { Diagnostic, SourceText } from '../../util/diagnostic.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { ParsedFile } from '../syntax/parse.ts';
import { Problems } from '../syntax/problems.ts';
import { Assembler } from './assembler.ts';
import { DIRECTIVES, unknownDirective } from './directives.ts';
import { finish } from './finish.ts';

export interface AssembleOptions {
  /** Little by default. */
  readonly endian?: Endian;
}

export interface AssembleResult {
  /** undefined when there is an error among the diagnostics. */
  readonly object: RelocatableObject | undefined;
  /** In the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Texts beyond this are no assembly that a person or a compiler wrote. */
const MAX_TEXT_LENGTH = 512 * 1024 * 1024;

/** An empty list of problems with a text that is to be assembled. @throws {TsbpfError} `TEXT_TOO_LARGE` */
export function problemsOf(source: string | SourceText): Problems {
  const text = typeof source === 'string' ? { name: '<text>', text: source } : source;
  if (text.text.length <= MAX_TEXT_LENGTH) return new Problems(text);
  throw new TsbpfError(
    'TEXT_TOO_LARGE',
    `a text of ${text.text.length} characters is more than ${MAX_TEXT_LENGTH}`,
  );
}

/** Makes an object of what was read of a text. */
export function assembleFile(problems: Problems, file: ParsedFile, options: AssembleOptions): AssembleResult {
  const endian = options.endian ?? 'little';
  const assembler = new Assembler(problems, file, { endian, directives: DIRECTIVES, unknownDirective });
  assembler.run(file.statements);
  const object = finish(assembler);
  return { object: problems.failed ? undefined : object, diagnostics: problems.list() };
}
