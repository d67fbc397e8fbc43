import { KFUNCS } from '../../isa/kfuncs.generated.ts';
import type { RelocatableObject } from '../../object/relocatable.ts';
import { DiagnosticsError, type SourceText } from '../../util/diagnostic.ts';
import { readDump } from '../dumps/dump.ts';
import { readWithGrammar } from '../syntax/parse-grammar.ts';
import { assembleDump } from './assemble-dump.ts';
import { type AssembleOptions, type AssembleResult, Assembly } from './assemble-file.ts';
import { reportFindings } from './findings.ts';
import type { Help } from './finish.ts';

/**
 * Assembles a text into a relocatable object. All problems of the text are reported in one run. What
 * `llvm-objdump -d`, the kernel's verifier or `bpftool prog dump xlated` printed is text too.
 *
 * @example
 * ```ts
 * const { object, diagnostics } = assemble('.program pass, "xdp"\n r0 = XDP_PASS\n exit');
 * ```
 */
export function assemble(source: string | SourceText, options: AssembleOptions = {}): AssembleResult {
  const text = typeof source === 'string' ? { name: '<text>', text: source } : source;
  const dump = readDump(text, options);
  return dump ? assembleDump(text, dump, options, assembleText) : assembleText(text, options, HELP);
}

/** For who writes by hand; a dump is what somebody wrote already. */
const HELP: Help = { check: reportFindings, kfuncs: KFUNCS };

/** Of a text that is known to be assembly. */
function assembleText(source: SourceText, options: AssembleOptions, help: Help = {}): AssembleResult {
  const assembly = new Assembly(source, options);
  assembly.read(readWithGrammar);
  return assembly.result(help);
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
