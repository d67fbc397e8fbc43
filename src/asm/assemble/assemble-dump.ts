import type { Diagnostic, SourceText, Span } from '../../util/diagnostic.ts';
import type { DumpText } from '../dumps/dump-text.ts';
import type { AssembleOptions, AssembleResult } from './assemble-file.ts';

/**
 * Assembles what a dump says. Diagnostics point into the dump, and the byte order is that of its
 * bytes where it shows them.
 */
export function assembleDump(
  source: SourceText,
  dump: DumpText,
  options: AssembleOptions,
  assembleText: (text: SourceText, options: AssembleOptions) => AssembleResult,
): AssembleResult {
  const text = { name: source.name, text: dump.text };
  const { object, diagnostics } = assembleText(text, {
    ...options,
    ...(dump.endian && { endian: dump.endian }),
  });
  const move = (span: Span): Span => (span.source === text ? { source, ...dump.placeOf(span) } : span);
  const moved = diagnostics.map(
    (problem): Diagnostic => ({
      ...problem,
      span: problem.span && move(problem.span),
      labels: problem.labels.map((label) => ({ ...label, span: move(label.span) })),
    }),
  );
  const all = [...dump.diagnostics, ...moved].sort((a, b) => startOf(a) - startOf(b));
  const failed = all.some(({ severity }) => severity === 'error');
  return { object: failed ? undefined : object, diagnostics: all };
}

function startOf({ span }: Diagnostic): number {
  return span?.start ?? 0;
}
