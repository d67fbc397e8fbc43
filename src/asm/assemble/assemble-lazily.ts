import type { SourceText } from '../../util/diagnostic.ts';
import { dumpKindOf } from '../dumps/dump-kind.ts';
import { type AssembleOptions, type AssembleResult, Assembly } from './assemble-file.ts';

/**
 * As `assemble`, but loads the grammar, which takes longer than most texts, only where a line needs
 * it. For a command that starts, assembles one text and ends.
 */
export async function assembleLazily(
  source: string | SourceText,
  options: AssembleOptions = {},
): Promise<AssembleResult> {
  const { text } = typeof source === 'string' ? { text: source } : source;
  if (options.from ?? dumpKindOf(text)) return (await import('./assemble.ts')).assemble(source, options);
  const assembly = new Assembly(source, options);
  if (!assembly.read()) assembly.read((await import('../syntax/parse-grammar.ts')).readWithGrammar);
  return assembly.result({
    ...(assembly.needsCheck && { check: (await import('./findings.ts')).reportFindings }),
    ...(assembly.callsUnknown && { kfuncs: (await import('../../isa/kfuncs.generated.ts')).KFUNCS }),
  });
}
