import { expect, test } from 'vitest';
import { assemble, disassemble, formatInstruction, listInstructions, rawCode } from '../../src/asm/index.ts';
import {
  decodeInsns,
  encodeInsns,
  INSN_TABLE,
  type InsnDef,
  type Instruction,
  makeInsn,
} from '../../src/isa/index.ts';
import type { RelocatableObject } from '../../src/object/relocatable.ts';
import { toHex } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';

const s16 = fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 });
const s32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const register = fc.integer({ min: 0, max: 10 });

/** Rows whose text is that of another row: pseudo sources of loads and calls are the linker's. */
const READABLE = INSN_TABLE.filter(
  ({ name, kind }) => !(kind === 'lddw' && name !== 'lddw') && !(kind === 'call' && name !== 'call'),
);

/** What llvm-objdump prints, and prints in full. */
const PRINTED = READABLE.filter(
  ({ kind, width, fetch, op }) =>
    !['loadAcquire', 'storeRelease', 'ldind'].includes(kind) &&
    !(width === 32 && (fetch || (kind === 'atomic' && op !== '+'))),
);

function insnOf(def: InsnDef): fc.Arbitrary<Instruction> {
  return fc
    .record({
      dst: def.dst === 'reg' ? register : fc.constant(def.dst),
      src: def.src === 'reg' ? register : fc.constant(def.src),
      off: typeof def.off === 'number' ? fc.constant(def.off) : s16,
      imm: typeof def.imm === 'number' ? fc.constant(def.imm) : s32,
      nextImm: def.slots === 2 ? s32 : fc.constant(0),
    })
    .map((operands) => makeInsn(def, operands));
}

const insns = fc.array(fc.constantFrom(...READABLE).chain(insnOf), { minLength: 1, maxLength: 60 });
const printed = fc.array(fc.constantFrom(...PRINTED).chain(insnOf), { minLength: 1, maxLength: 60 });
const endian = fc.constantFrom('little' as const, 'big' as const);
const radix = fc.constantFrom(10 as const, 16 as const);

function objectOf(code: Uint8Array, endian: 'little' | 'big'): RelocatableObject {
  const section = {
    name: '.text',
    type: 1,
    flags: 6,
    align: 8,
    entrySize: 0,
    bytes: code,
    size: code.length,
  };
  return { endian, sections: [section], symbols: [], relocations: [] };
}

property.prop([insns, endian, radix])(
  'formatted instructions assemble to what they were',
  (list, endian, radix) => {
    const text = list.map((insn) => formatInstruction(insn, { radix })).join('\n');
    const { object, diagnostics } = assemble(text, { endian });
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(toHex(rawCode(object!))).toBe(toHex(encodeInsns(list, endian)));
  },
);

property.prop([printed, endian])('a disassembly assembles to the same code', (list, endian) => {
  const code = encodeInsns(list, endian);
  const text = disassemble(objectOf(code, endian))
    .split('\n')
    .filter((line) => /^ *\d+:\t/.test(line))
    .map((line) => line.split('\t')[2]!.replace(/ <[^<>]*>$/, ''))
    .join('\n');
  expect(toHex(rawCode(assemble(text, { endian }).object!))).toBe(toHex(code));
});

property.prop([insns])('statements on one line are the same as on several', (list) => {
  const texts = list.map((insn) => formatInstruction(insn));
  const together = assemble(`L0: ${texts.join('; ')}`).object!;
  expect(together.sections).toEqual(assemble(texts.join(' # comment\n\n')).object!.sections);
});

test('words of the grammar can be labels and functions', () => {
  const words = ['bswap32', 'be16', 'u8', 'exit', 'lock', 'call', 'll', 'load_acquire', 'xchg_64'];
  const text = `${words.map((word) => `call ${word}`).join('\n')}\n${words.map((word) => `${word}: exit`).join('\n')}`;
  const { object, diagnostics } = assemble(text);
  expect(diagnostics).toEqual([]);
  const calls = decodeInsns(rawCode(object!)).slice(0, words.length);
  expect(calls.map(({ def, imm }) => [def.name, imm])).toEqual(
    words.map(() => ['call_local', words.length - 1]),
  );
});

test('a listing as data has what the printed one has', () => {
  const { object } = assemble(`
    .program pass, "xdp"
    r1 = counters ll
    if r1 == 0 goto out
    r0 = XDP_DROP
out:
    exit
    .map counters, array, key=4, value=8, entries=1`);
  expect(listInstructions(object!)).toMatchInlineSnapshot(`
    [
      {
        "instructions": [
          {
            "byteOffset": 0,
            "bytes": "18010000000000000000000000000000",
            "name": "lddw",
            "relocation": {
              "symbol": "counters",
              "type": "R_BPF_64_64",
            },
            "slot": 0,
            "text": "r1 = 0x0 ll",
          },
          {
            "byteOffset": 16,
            "bytes": "1501010000000000",
            "name": "jeq_k",
            "slot": 2,
            "target": "out",
            "text": "if r1 == 0x0 goto +0x1",
          },
          {
            "byteOffset": 24,
            "bytes": "b700000001000000",
            "name": "mov_k",
            "slot": 3,
            "text": "r0 = 0x1",
          },
          {
            "byteOffset": 32,
            "bytes": "9500000000000000",
            "name": "exit",
            "slot": 4,
            "text": "exit",
          },
        ],
        "section": "xdp",
        "symbols": [
          {
            "name": "pass",
            "slot": 0,
          },
          {
            "name": "out",
            "slot": 4,
          },
        ],
      },
    ]
  `);
  expect(decodeInsns(object!.sections.find(({ name }) => name === 'xdp')!.bytes).length).toBe(4);
});
