import { assembleLazily } from '../../asm/assemble/assemble-lazily.ts';
import { decodeInsns } from '../../isa/codec.ts';
import { DiagnosticsError } from '../../util/diagnostic.ts';
import { insnPage } from './insns.ts';
import type { Page } from './page.ts';

/** The page of an instruction that is written out. @throws {DiagnosticsError} for a text that is none */
export async function pagesOfText(text: string): Promise<Page[]> {
  const { object, diagnostics } = await assembleLazily({ name: '<instruction>', text: `${text}\n` });
  if (!object) throw new DiagnosticsError(diagnostics);
  const code = object.sections.find(({ name }) => name === '.text')?.bytes;
  return code ? decodeInsns(code).map((insn) => insnPage(insn.def, { text, insn })) : [];
}
