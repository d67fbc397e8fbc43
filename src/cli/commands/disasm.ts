import { disassemble } from '../../asm/print/disassemble.ts';
import type { InsnStyle } from '../../asm/print/format.ts';
import { listInstructions } from '../../asm/print/list.ts';
import { type RelocatableObject, SectionFlag, SectionType } from '../../object/relocatable.ts';
import type { Endian } from '../../util/bytes.ts';
import { type CommonOptions, print, printJson, readInput } from '../io.ts';
import { readRelocatable } from '../source.ts';

export interface DisasmOptions extends CommonOptions {
  readonly raw?: boolean;
  readonly relocations: boolean;
  readonly endian: Endian;
  readonly style?: InsnStyle;
}

/** `tsbpf disasm`: what `llvm-objdump -d -r` prints, or the same as data. */
export async function disasm(file: string, options: DisasmOptions): Promise<undefined> {
  const object = options.raw ? wrapRaw(readInput(file), options.endian) : await readRelocatable(file);
  const { relocations, style } = options;
  if (options.json)
    printJson({ file, sections: listInstructions(object, { relocations, ...(style && { style }) }) });
  else print(disassemble(object, { relocations, name: file, ...(style && { style }) }));
}

/** Bare instructions as the `.text` of an object without symbols. */
function wrapRaw(bytes: Uint8Array, endian: Endian): RelocatableObject {
  const flags = SectionFlag.ALLOC | SectionFlag.EXECINSTR;
  const text = {
    name: '.text',
    type: SectionType.PROGBITS,
    flags,
    align: 8,
    entrySize: 0,
    bytes,
    size: bytes.length,
  };
  return { endian, sections: [text], symbols: [], relocations: [] };
}
