import { makeContext } from '../object/context.ts';
import { hasAbsoluteAddends } from '../object/gnu-addends.ts';
import { type RelocatableObject, RelocationType, SectionFlag } from '../object/relocatable.ts';
import { viewOf } from '../util/bytes.ts';

const LDDW = 0x18;
const CALL = 0x85;

/**
 * The object with LLVM's addends: the binutils of Debian 12 write a symbol's whole place into the
 * field where LLVM writes what to add to it, which would be wrong once the symbol has moved.
 */
export function withPlainAddends(object: RelocatableObject, name: string): RelocatableObject {
  if (!object.sections.some((section) => section.name === '.comment')) return object;
  const context = makeContext(object, name);
  if (!hasAbsoluteAddends(context)) return object;
  const sections = object.sections.map((section, index) => {
    if ((section.flags & SectionFlag.EXECINSTR) === 0) return section;
    const bytes = new Uint8Array(section.bytes);
    const view = viewOf(bytes);
    const little = object.endian === 'little';
    for (const { offset, type, symbol: number } of context.relocationsOf(index)) {
      const symbol = object.symbols[number];
      if (!symbol?.name || typeof symbol.section !== 'number' || offset + 8 > bytes.length) continue;
      const imm = view.getInt32(offset + 4, little);
      if (type === RelocationType.R_BPF_64_64 && bytes[offset] === LDDW)
        view.setInt32(offset + 4, imm - symbol.value, little);
      else if (type === RelocationType.R_BPF_64_32 && bytes[offset] === CALL && imm === symbol.value - 1)
        view.setInt32(offset + 4, -1, little);
    }
    return { ...section, bytes };
  });
  return { ...object, sections, relocationsOf: context.relocationsOf };
}
