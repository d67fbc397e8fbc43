import type { SourceText } from '../../util/diagnostic.ts';
import { parseTextLazily } from '../syntax/parse.ts';
import { type AssembleOptions, type AssembleResult, assembleFile, problemsOf } from './assemble-file.ts';

/**
 * As `assemble`, but loads the grammar, which takes longer than most texts, only where a line needs
 * it. For a command that starts, assembles one text and ends.
 */
export async function assembleLazily(
  source: string | SourceText,
  options: AssembleOptions = {},
): Promise<AssembleResult> {
  const problems = problemsOf(source);
  const grammar = async (): Promise<typeof import('../syntax/parse-grammar.ts').readWithGrammar> =>
    (await import('../syntax/parse-grammar.ts')).readWithGrammar;
  return assembleFile(problems, await parseTextLazily(problems, grammar), options);
}
