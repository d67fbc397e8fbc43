import type { SourceText } from '../../util/diagnostic.ts';
import { readWithGrammar } from '../syntax/parse-grammar.ts';
import { type FormatSourceOptions, type FormattedSource, formatSource as format } from './format-source.ts';

export type { FormatSourceOptions, FormattedSource } from './format-source.ts';

/**
 * Formats an assembly text, and converts it where a style is given. Lines that cannot be read stay
 * as they are, and the diagnostics say why.
 *
 * @example
 * ```ts
 * formatSource('out: mov r0,1;exit', { style: 'llvm' }).text; // 'out: r0 = 1; exit\n'
 * ```
 */
export function formatSource(
  source: string | SourceText,
  options: FormatSourceOptions = {},
): FormattedSource {
  const text = typeof source === 'string' ? { name: '<text>', text: source } : source;
  return format(text, readWithGrammar, options);
}
