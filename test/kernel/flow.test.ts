import { expect } from 'vitest';
import { flowConstants, flowGraph } from '../../src/flow/index.ts';
import { encodeInsns, INSN_TABLE, type InsnDef, type Instruction, makeInsn } from '../../src/isa/index.ts';
import { Program } from '../../src/kernel/index.ts';
import { describeKernel } from '../support/kernel.ts';
import { fc, test as property } from '../support/property.ts';

const ROWS = INSN_TABLE.filter(({ kind }) => ['alu', 'neg', 'end', 'movsx'].includes(kind));
const REGISTERS = 10;
const register = fc.integer({ min: 0, max: REGISTERS - 1 });
const imm = fc.oneof(fc.integer({ min: -8, max: 70 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));

/** An immediate that the kernel takes: no division by zero, no shift as far as the width. */
function fitting(def: InsnDef, value: number): number {
  if (['<<', '>>', 's>>'].includes(def.op)) return ((value % def.width) + def.width) % def.width;
  return value === 0 && ['/', 's/', '%', 's%'].includes(def.op) ? 7 : value;
}

const arithmetic = fc.record({ def: fc.constantFrom(...ROWS), dst: register, src: register, value: imm }).map(
  ({ def, dst, src, value }): Instruction =>
    makeInsn(def, {
      dst,
      ...(def.src === 'reg' && { src }),
      ...(def.imm === 's32' && { imm: fitting(def, value) }),
    }),
);

/** Registers with numbers that matter, arithmetic, and jumps over some of it. */
const programs = fc
  .record({
    start: fc.array(
      fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 31n)),
      {
        minLength: REGISTERS,
        maxLength: REGISTERS,
      },
    ),
    body: fc.array(arithmetic, { minLength: 1, maxLength: 40 }),
    jump: fc.constantFrom(...INSN_TABLE.filter(({ kind }) => kind === 'jcond')),
    operands: fc.record({ dst: register, src: register, value: imm }),
  })
  .map(({ start, body, jump, operands: { dst, src, value } }) => {
    const over = makeInsn(jump, { dst, off: 1, ...(jump.x ? { src } : { imm: value }) });
    return [
      ...start.map((imm64, at) => makeInsn('lddw', { dst: at, imm64 })),
      ...body,
      // Decided by constants: what one side does must not be seen where control goes to the other.
      over,
      makeInsn('xor_k', { dst: 1, imm: 0x5a5a5a }),
      ...Array.from({ length: REGISTERS - 1 }, (_, at) => [
        makeInsn('mul_k', { dst: 0, imm: 31 }),
        makeInsn('add_x', { dst: 0, src: at + 1 }),
      ]).flat(),
    ];
  });

describeKernel('constants', () => {
  property.prop([programs], { numRuns: 400 })(
    'of random arithmetic are what the kernel computes',
    (insns) => {
      const halves = [[], [makeInsn('rsh_k', { dst: 0, imm: 32 })]].map((shift) => {
        const code = encodeInsns([...insns, ...shift, makeInsn('exit')]);
        using program = Program.load({ name: 'constants', type: 'socket_filter', code, license: 'GPL' });
        const constants = flowConstants(flowGraph(code, { endian: 'little' }));
        const value = constants.before(code.length / 8 - 1, 0);
        expect(value.kind).toBe('constant');
        const known = value.kind === 'constant' ? Number(value.value & 0xffff_ffffn) : undefined;
        return [program.testRun({ data: new Uint8Array(64) }).retval, known];
      });
      for (const [ran, known] of halves) expect(known).toBe(ran);
    },
  );
});
