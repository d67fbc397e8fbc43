import { type RelocatableObject, SectionFlag } from '../../object/relocatable.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';

/**
 * The bare instructions of one section; by default of the only one that has any.
 *
 * @throws {TsbpfError} `NO_SUCH_SECTION`; `SECTION_AMBIGUOUS` when no name is given and several
 *   sections hold code; `SECTION_NEEDS_LINKING` when the code refers to maps or other sections
 */
export function rawCode(object: RelocatableObject, section?: string): Uint8Array {
  const index = section === undefined ? onlyCodeSection(object) : namedSection(object, section);
  const open = object.relocations.find((relocation) => relocation.section === index);
  if (open) {
    const symbol = object.symbols[open.symbol];
    throw new TsbpfError(
      'SECTION_NEEDS_LINKING',
      `the code at byte ${open.offset} refers to '${symbol?.name || 'another section'}', which raw bytes cannot express`,
      { hint: 'write an object file instead' },
    );
  }
  return object.sections[index]!.bytes;
}

function namedSection(object: RelocatableObject, name: string): number {
  const index = object.sections.findIndex((one) => one.name === name);
  if (index >= 0) return index;
  const names = object.sections.map((one) => one.name);
  throw new TsbpfError('NO_SUCH_SECTION', `there is no section '${name}'`, {
    hint: didYouMean(name, names)[0],
  });
}

function onlyCodeSection(object: RelocatableObject): number {
  const code = object.sections.flatMap(({ flags, bytes }, index) =>
    (flags & SectionFlag.EXECINSTR) !== 0 && bytes.length > 0 ? [index] : [],
  );
  if (code.length === 1) return code[0]!;
  if (code.length === 0) throw new TsbpfError('NO_SUCH_SECTION', 'no section holds instructions');
  const names = code.map((index) => `'${object.sections[index]!.name}'`).join(', ');
  throw new TsbpfError('SECTION_AMBIGUOUS', `${code.length} sections hold instructions: ${names}`, {
    hint: 'name the one that is wanted',
  });
}
