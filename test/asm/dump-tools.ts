import { assembleDump } from '../../src/asm/assemble/assemble-dump.ts';
import { type DumpOptions, readDump } from '../../src/asm/dumps/dump.ts';
import { type AssembleResult, assemble } from '../../src/asm/index.ts';
import { type RelocatableObject, SectionFlag } from '../../src/object/relocatable.ts';
import { renderDiagnostics, toHex } from '../../src/util/index.ts';

/** What is made of a dump. */
export function assembledDump(text: string, options: DumpOptions = {}): AssembleResult {
  const source = { name: 'dump.txt', text };
  const dump = readDump(source, options);
  if (!dump) throw new Error('this is no dump');
  return assembleDump(source, dump, {}, assemble);
}

/** As {@link assembledDump}, where nothing but notes is expected. */
export function objectOfDump(text: string, options: DumpOptions = {}): RelocatableObject {
  const { object, diagnostics } = assembledDump(text, options);
  const wrong = diagnostics.filter(({ severity }) => severity !== 'note' && severity !== 'warning');
  if (!object || wrong.length > 0) throw new Error(renderDiagnostics(diagnostics.slice(0, 3)));
  return object;
}

/** The bytes of the sections that hold code, by name. */
export function codeOf(object: RelocatableObject): Record<string, string> {
  const out: Record<string, string> = {};
  for (const { name, flags, bytes } of object.sections)
    if ((flags & SectionFlag.EXECINSTR) !== 0 && bytes.length > 0)
      out[name] = (out[name] ?? '') + toHex(bytes);
  return out;
}

/** Relocations of code as lines: place, type, symbol. */
export function relocationsOf(object: RelocatableObject): string[] {
  return object.relocations
    .filter(({ section }) => (object.sections[section]!.flags & SectionFlag.EXECINSTR) !== 0)
    .map(({ section, offset, type, symbol }) => {
      const { name, section: home } = object.symbols[symbol]!;
      const target = name || (typeof home === 'number' ? object.sections[home]!.name : '');
      return `${object.sections[section]!.name}+${offset} ${type} ${target}`;
    });
}
