import { decodeCString, viewOf } from '../util/bytes.ts';
import type { Context } from './context.ts';
import { RelocationType } from './relocatable.ts';

/** Opcodes of an `lddw` and a call. */
const LDDW = 0x18;
const CALL = 0x85;

/**
 * Whether the fields that relocations apply to hold the whole address already. GNU binutils before
 * 2.41, which Debian 12's gcc-bpf assembles with, writes the symbol's own value into the field where
 * LLVM leaves the addend alone: 24 for the start of a variable at byte 24 of its section, and the
 * target's byte offset less one for a call. Newer binutils do as LLVM does.
 *
 * Answered for the object as a whole, from what all its relocations have in common; only for one
 * whose `.comment` names GCC.
 */
export function hasAbsoluteAddends(context: Context): boolean {
  const { sections, symbols, endian } = context.object;
  if (!isByGcc(context)) return false;
  let seen = false;
  for (const [section, { bytes }] of sections.entries()) {
    if (context.roles[section] !== 'code') continue;
    const view = viewOf(bytes);
    for (const { offset, type, symbol: index } of context.relocationsOf(section)) {
      const symbol = symbols[index];
      if (!symbol?.name || typeof symbol.section !== 'number' || symbol.value === 0) continue;
      if (offset + 8 > bytes.length) continue;
      const imm = view.getInt32(offset + 4, endian === 'little');
      if (type === RelocationType.R_BPF_64_64 && bytes[offset] === LDDW) {
        if (imm < symbol.value) return false;
        seen = true;
      } else if (type === RelocationType.R_BPF_64_32 && bytes[offset] === CALL) {
        if (imm !== symbol.value - 1) return false;
        seen = true;
      }
    }
  }
  return seen;
}

/** Whether the object says that GCC made it. */
export function isByGcc({ object }: Context): boolean {
  const comment = object.sections.find(({ name }) => name === '.comment');
  // The text of a merged string section may begin with an empty string.
  return (
    comment !== undefined &&
    decodeCString(comment.bytes.subarray(comment.bytes[0] === 0 ? 1 : 0)).startsWith('GCC:')
  );
}
