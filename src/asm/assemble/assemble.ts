import type { RelocatableObject } from '../../object/relocatable.ts';
import { DiagnosticsError, type SourceText } from '../../util/diagnostic.ts';
import { readWithGrammar } from '../syntax/parse-grammar.ts';
import { type AssembleOptions, type AssembleResult, Assembly } from './assemble-file.ts';

/**
 * Assembles a text into a relocatable object. All problems of the text are reported in one run.
 *
 * @example
 * ```ts
 * const { object, diagnostics } = assemble('.program pass, "xdp"\n r0 = XDP_PASS\n exit');
 * ```
 */
export function assemble(source: string | SourceText, options: AssembleOptions = {}): AssembleResult {
  const assembly = new Assembly(source, options);
  assembly.read(readWithGrammar);
  return assembly.result();
}

/**
 * As {@link assemble}, for texts that are known to be right.
 *
 * @throws {DiagnosticsError} with all problems, when there is an error among them
 */
export function assembleOrThrow(
  source: string | SourceText,
  options: AssembleOptions = {},
): AssembleResult & { readonly object: RelocatableObject } {
  const { object, diagnostics } = assemble(source, options);
  if (!object) throw new DiagnosticsError(diagnostics);
  return { object, diagnostics };
}
