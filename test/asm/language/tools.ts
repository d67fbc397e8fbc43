import { type AssembleOptions, assemble } from '../../../src/asm/index.ts';
import type { RelocatableObject } from '../../../src/object/relocatable.ts';
import { renderDiagnostics, type SourceText, toHex } from '../../../src/util/index.ts';

/** The object of a text without mistakes. Warnings are another's business. */
export function right(text: string, options: AssembleOptions = {}): RelocatableObject {
  const { object, diagnostics } = assemble({ name: 'prog.s', text }, options);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (!object) throw new Error(renderDiagnostics(errors));
  return object;
}

/** What is wrong with a text, as a terminal shows it. */
export function wrong(text: string, files: Readonly<Record<string, string>> = {}): string {
  const include = (name: string): SourceText | undefined =>
    files[name] === undefined ? undefined : { name, text: files[name] };
  const { object, diagnostics } = assemble({ name: 'prog.s', text }, { include });
  if (object) throw new Error('no mistake was found');
  return renderDiagnostics(diagnostics.filter(({ severity }) => severity === 'error'));
}

/** What is wrong with each of several texts, in short: the code, what is pointed at, the message and help. */
export function wrongs(texts: readonly string[], head = ''): string {
  const lines = texts.map((text) => {
    const { diagnostics } = assemble({ name: 'prog.s', text: `${head}${text}\n` });
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    const told = errors.map(({ code, message, help, span }) => {
      const at = span!.source.text.slice(span!.start, span!.end).replaceAll('\n', '\\n');
      return `    ${code} <<${at}>> ${[message, ...help].join('; ')}`;
    });
    return [text, ...(told.length > 0 ? told : ['    (nothing)'])].join('\n');
  });
  return lines.join('\n');
}

/** The bytes of a section, or undefined where there is none. */
export function section(object: RelocatableObject, name: string): string | undefined {
  const found = object.sections.find((one) => one.name === name);
  return found && toHex(found.bytes);
}
