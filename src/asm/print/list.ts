import { decodeInsns } from '../../isa/codec.ts';
import { type RelocatableObject, RelocationType } from '../../object/relocatable.ts';
import { toHex } from '../../util/bytes.ts';
import { type CodeSection, codeSections, jumpTarget, placeName, relocationTarget } from './disassemble.ts';
import { formatInstruction, type InsnStyle } from './format.ts';

/** One instruction of a listing. */
export interface ListedInstruction {
  /** 8-byte slots from the section's start. */
  readonly slot: number;
  readonly byteOffset: number;
  /** Hex. */
  readonly bytes: string;
  /** The table's name of the instruction, `unknown` where there is none. */
  readonly name: string;
  readonly text: string;
  /** Where a jump leads: `handle+0x10`. */
  readonly target?: string;
  readonly relocation?: { readonly type: string; readonly symbol: string };
}

export interface ListedSection {
  readonly section: string;
  readonly symbols: readonly { readonly name: string; readonly slot: number }[];
  readonly instructions: readonly ListedInstruction[];
}

/** The code of an object as data; an instruction that is cut off at the end of its section is left out. */
export function listInstructions(
  object: RelocatableObject,
  options: { readonly relocations?: boolean; readonly style?: InsnStyle } = {},
): ListedSection[] {
  return codeSections(object, options).map((code) => listSection(object, code, options.style ?? 'llvm'));
}

function listSection(
  object: RelocatableObject,
  { section, places, relocations }: CodeSection,
  style: InsnStyle,
): ListedSection {
  const relocationAt = new Map(relocations.map((relocation) => [relocation.offset, relocation]));
  const code = section.bytes.subarray(0, section.bytes.length - (section.bytes.length % 8));
  let byteOffset = 0;
  const instructions = decodeInsns(code, object.endian).map((insn): ListedInstruction => {
    const start = byteOffset;
    byteOffset += insn.def.slots * 8;
    const target = jumpTarget(insn, start);
    const relocation = relocationAt.get(start);
    return {
      slot: start / 8,
      byteOffset: start,
      bytes: toHex(code.subarray(start, byteOffset)),
      name: insn.def.name,
      text: formatInstruction(insn, { style }),
      ...(target !== undefined && { target: placeName(places, target) }),
      ...(relocation && {
        relocation: {
          type: relocationName(relocation.type),
          symbol: relocationTarget(object, relocation),
        },
      }),
    };
  });
  const symbols = places.map(({ name, address }) => ({ name, slot: address / 8 }));
  return { section: section.name, symbols, instructions };
}

function relocationName(type: number): string {
  for (const [name, value] of Object.entries(RelocationType)) if (value === type) return name;
  return String(type);
}
