import { expect, test } from 'vitest';
import { disassemble } from '../../src/asm/index.ts';
import { writeElf } from '../../src/elf/index.ts';
import { INSN_TABLE } from '../../src/isa/index.ts';
import type { ElfSymbol, RelocatableObject } from '../../src/object/relocatable.ts';
import { fc, test as property } from '../support/property.ts';
import { hasTool, llvmObjdump } from './tools.ts';

const OPCODES = [...new Set(INSN_TABLE.map((def) => def.opcode))];

/** A slot that is likely to be an instruction, or nearly one. */
const slot = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...OPCODES) }, fc.nat(255)),
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(0x00, 0x10, 0x21, 0xa1, 0x0b, 0x12) }, fc.nat(255)),
    fc.oneof(fc.constantFrom(0, 0, 0, 1, 8, 16, 32, -1, -4), fc.integer({ min: -32768, max: 32767 })),
    fc.oneof(
      fc.constantFrom(0, 0, 1, 16, 32, 64, 0x40, 0x41, 0x50, 0xa0, 0xe1, 0xf1, 0x100, 0x110, -1),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    ),
  )
  .map(([opcode, regs, off, imm]) => {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, opcode);
    view.setUint8(1, regs);
    view.setInt16(2, off, true);
    view.setInt32(4, imm, true);
    return bytes;
  });

const zeros = fc.integer({ min: 1, max: 40 }).map((count) => new Uint8Array(count));
const piece = fc.oneof({ weight: 12, arbitrary: slot }, zeros, fc.uint8Array({ maxLength: 9 }));

const code = fc
  .array(piece, { minLength: 1, maxLength: 400 })
  .map((pieces) => Uint8Array.from(pieces.flatMap((bytes) => [...bytes])))
  .filter((bytes) => bytes.length > 0);

const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { maxLength: 8 });
const anyObject = fc
  .record({
    bytes: code,
    names,
    places: fc.array(fc.nat(3200), { minLength: 8, maxLength: 8 }),
    patches: fc.array(fc.nat(400), { maxLength: 6 }),
    endian: fc.constantFrom('little' as const, 'big' as const),
  })
  .map(({ bytes, names, places, patches, endian }): RelocatableObject => {
    const symbols = names.map((name, index): ElfSymbol => {
      // On slots mostly: names in the middle of an instruction are rare but there.
      const value = index % 4 === 3 ? places[index]! % bytes.length : (places[index]! % bytes.length) & ~7;
      return { name, section: 0, value, size: 0, binding: 'global', type: 'func', visibility: 'default' };
    });
    const offsets = [...new Set(patches.map((patch) => patch * 8))].filter(
      (offset) => offset + 8 <= bytes.length,
    );
    const relocations =
      symbols.length === 0
        ? []
        : offsets
            .sort((a, b) => a - b)
            .map((offset, index) => ({
              section: 0,
              offset,
              type: [1, 10, 2, 3, 4][index % 5]!,
              symbol: index % symbols.length,
              addend: 0,
            }));
    const section = { name: 'xdp', type: 1, flags: 6, align: 8, entrySize: 0, bytes, size: bytes.length };
    return { endian, sections: [section], symbols, relocations };
  });

/** Found here once: the immediate of a pseudo load has no sign. */
const pseudoLoad: RelocatableObject = {
  endian: 'big',
  sections: [
    {
      name: 'xdp',
      type: 1,
      flags: 6,
      align: 8,
      entrySize: 0,
      bytes: Uint8Array.of(0x18, 0x12, 0, 0, 0x80, 0x98, 0xfd, 0x34, 7, 0, 0, 0, 0, 0, 0, 0),
      size: 16,
    },
  ],
  symbols: [],
  relocations: [],
};

const NAME = 'arbitrary code is listed as llvm-objdump lists it';

if (hasTool('llvm-objdump-19')) {
  property.prop([anyObject], { numRuns: 150, examples: [[pseudoLoad]] })(
    NAME,
    (object) => {
      expect(disassemble(object, { name: 'x.o' })).toBe(llvmObjdump(writeElf(object)));
    },
    120_000,
  );
} else {
  test(NAME, ({ skip }) => skip('llvm-objdump-19 is not installed'));
}
