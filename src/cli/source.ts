import { assembleLazily } from '../asm/assemble/assemble-lazily.ts';
import { parseElf } from '../elf/index.ts';
import { collect, type ObjectSpec, type RelocatableObject } from '../object/index.ts';
import { DiagnosticsError } from '../util/diagnostic.ts';
import { renderDiagnostics } from '../util/render.ts';
import { includeFrom } from './include.ts';
import { paint, readInput, tell } from './io.ts';

/** A file's first bytes say what it is: `\x7fELF`, or a text to assemble. */
export function isElf(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
  );
}

/** Reads an object, or assembles a text; warnings of the assembler go to stderr. */
export async function readRelocatable(file: string): Promise<RelocatableObject> {
  const bytes = readInput(file);
  if (isElf(bytes)) {
    return parseElf(bytes);
  }
  const text = new TextDecoder().decode(bytes);
  const { object, diagnostics } = await assembleLazily(
    { name: file === '-' ? '<stdin>' : file, text },
    { include: includeFrom },
  );
  if (!object) throw new DiagnosticsError(diagnostics);
  if (diagnostics.length > 0) tell(renderDiagnostics(diagnostics, paint));
  return object;
}

/** The spec of an object file or an assembly text. */
export async function readSpec(file: string): Promise<ObjectSpec> {
  const relocatable = await readRelocatable(file);
  return collect(relocatable);
}
