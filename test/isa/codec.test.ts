import { describe, expect, test } from 'vitest';
import {
  decodeInsns,
  encodeInsns,
  INSN_TABLE,
  type InsnDef,
  type InsnOperands,
  makeInsn,
  reservedFields,
  UNKNOWN_INSN,
  wideImmediate,
} from '../../src/isa/index.ts';
import { fromHex, toHex } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';

const s16 = fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 });
const s32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const register = fc.integer({ min: 0, max: 10 });

function operandsOf(def: InsnDef): fc.Arbitrary<InsnOperands> {
  return fc.record({
    dst: def.dst === 'reg' ? register : fc.constant(def.dst),
    src: def.src === 'reg' ? register : fc.constant(def.src),
    off: typeof def.off === 'number' ? fc.constant(def.off) : s16,
    imm: typeof def.imm === 'number' ? fc.constant(def.imm) : s32,
    nextImm: def.slots === 2 ? s32 : fc.constant(0),
  });
}

const anyInsn = fc
  .constantFrom(...INSN_TABLE)
  .chain((def) => operandsOf(def).map((operands) => makeInsn(def, operands)));
const anyEndian = fc.constantFrom('little' as const, 'big' as const);

describe('the instruction table', () => {
  test('names are unique', () => {
    expect(new Set(INSN_TABLE.map((def) => def.name)).size).toBe(INSN_TABLE.length);
  });

  test.each(INSN_TABLE.map((def) => [def.name, def] as const))(
    '%s is found again by its own bytes',
    (_name, def) => {
      for (const endian of ['little', 'big'] as const) {
        expect(decodeInsns(encodeInsns([makeInsn(def)], endian), endian)[0]?.def).toBe(def);
      }
    },
  );
});

describe('encode and decode', () => {
  property.prop([fc.array(anyInsn, { maxLength: 40 }), anyEndian])(
    'are inverse for valid instructions',
    (insns, endian) => {
      expect(decodeInsns(encodeInsns(insns, endian), endian)).toEqual(insns);
      expect(insns.flatMap(reservedFields)).toEqual([]);
    },
  );

  property.prop([fc.uint8Array({ minLength: 0, maxLength: 400 }), anyEndian])(
    'lose no bit of arbitrary code but the reserved fields of an lddw',
    (bytes, endian) => {
      const code = bytes.subarray(0, bytes.length - (bytes.length % 8));
      const again = encodeInsns(decodeInsns(code, endian), endian);
      const expected = code.slice();
      let slot = 0;
      for (const insn of decodeInsns(code, endian)) {
        if (insn.def.slots === 2) expected.fill(0, slot * 8 + 8, slot * 8 + 12);
        slot += insn.def.slots;
      }
      expect(toHex(again)).toBe(toHex(expected));
    },
  );

  test('big endian swaps the register nibbles', () => {
    const insn = makeInsn('mov_x', { dst: 1, src: 10 });
    expect(toHex(encodeInsns([insn], 'little'))).toBe('bfa1000000000000');
    expect(toHex(encodeInsns([insn], 'big'))).toBe('bf1a000000000000');
  });

  test('a 64-bit immediate is split, signed or unsigned', () => {
    const insn = makeInsn('lddw', { dst: 1, imm64: -2n });
    expect(toHex(encodeInsns([insn]))).toBe('1801 0000 feffffff 00000000 ffffffff'.replaceAll(' ', ''));
    expect(wideImmediate(insn)).toBe(0xffff_ffff_ffff_fffen);
  });

  test('the first half of a wide instruction at the end of the code is unknown', () => {
    expect(decodeInsns(fromHex('1801000001000000')).map((insn) => insn.def)).toEqual([UNKNOWN_INSN]);
  });

  test('bytes that are no whole slot are refused', () => {
    expect(() => decodeInsns(new Uint8Array(9))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: code: 9 bytes are not a whole number of 8-byte slots]`,
    );
  });
});

describe('makeInsn refuses by name', () => {
  const refused = (name: string, operands: InsnOperands): string => {
    try {
      makeInsn(name, operands);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error(`${name} was taken`);
  };

  test.each([
    [
      'add_k',
      { imm: 2 ** 31 },
      'add_k: imm is 2147483648, but must be a whole number from -2147483648 to 2147483647',
    ],
    ['add_k', { imm: 1.5 }, 'add_k: imm is 1.5, but must be a whole number from -2147483648 to 2147483647'],
    ['mov_x', { src: 11 }, 'mov_x: src register is 11, but must be a whole number from 0 to 10'],
    ['mov_x', { dst: -1 }, 'mov_x: dst register is -1, but must be a whole number from 0 to 10'],
    ['ldxw', { off: 40_000 }, 'ldxw: off is 40000, but must be a whole number from -32768 to 32767'],
    ['exit', { imm: 1 }, 'exit: imm is 1, but this instruction has 0 there'],
    ['mov_k', { src: 1 }, 'mov_k: src is 1, but this instruction has 0 there'],
    ['mov_k', { imm64: 1n }, 'mov_k: has no 64-bit immediate'],
    [
      'lddw',
      { imm64: 2n ** 64n },
      'lddw: imm64 is 18446744073709551616, but must be a whole number from -9223372036854775808 to 18446744073709551615',
    ],
    ['atomic_fetch_add', { imm: 0 }, 'atomic_fetch_add: imm is 0, but this instruction has 1 there'],
    ['nop', {}, "there is no instruction named 'nop'"],
  ])('%s %o', (name, operands, message) => {
    expect(refused(name, operands)).toBe(message);
  });
});

test('reserved fields of decoded code are named', () => {
  const [insn] = decodeInsns(fromHex('b7f0050001000000'));
  expect(reservedFields(insn!)).toEqual([
    { field: 'src', value: 15, expected: 0 },
    { field: 'off', value: 5, expected: 0 },
  ]);
});
