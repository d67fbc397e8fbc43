import { describe, expect } from 'vitest';
import {
  assembleOrThrow,
  disassemble,
  formatInstruction,
  type Label,
  object,
  rawCode,
} from '../../../src/asm/index.ts';
import { readObject, writeElf } from '../../../src/elf/index.ts';
import { decodeInsns, encodeInsns, INSN_TABLE, type InsnDef, makeInsn } from '../../../src/isa/index.ts';
import { lower, type ObjectSpec } from '../../../src/object/index.ts';
import { toHex } from '../../../src/util/index.ts';
import { fc, test as property } from '../../support/property.ts';
import { emitRow, hasMethod, type RowOperands } from './emit.ts';

const s16 = fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 });
const s32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const register = fc.integer({ min: 0, max: 10 });
const endian = fc.constantFrom('little' as const, 'big' as const);

interface Step {
  readonly def: InsnDef;
  readonly operands: RowOperands;
  /** A jump's target, as a fraction of the program. */
  readonly to: number;
}

function stepOf(def: InsnDef): fc.Arbitrary<Step> {
  return fc.record({
    def: fc.constant(def),
    operands: fc.record({
      dst: def.dst === 'reg' ? register : fc.constant(def.dst),
      src: def.src === 'reg' ? register : fc.constant(def.src),
      off: typeof def.off === 'number' ? fc.constant(def.off) : s16,
      imm: typeof def.imm === 'number' ? fc.constant(def.imm) : s32,
      nextImm: def.slots === 2 ? s32 : fc.constant(0),
    }),
    to: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  });
}

const ROWS = INSN_TABLE.filter(hasMethod);
/** What llvm-objdump prints in full. */
const PRINTED = ROWS.filter(
  ({ kind, width, fetch, op }) =>
    !['loadAcquire', 'storeRelease', 'ldind'].includes(kind) &&
    !(width === 32 && (fetch || (kind === 'atomic' && op !== '+'))),
);
const programs = (rows: readonly InsnDef[]): fc.Arbitrary<readonly Step[]> =>
  fc.array(fc.constantFrom(...rows).chain(stepOf), { minLength: 1, maxLength: 50 });

const isJump = ({ kind }: InsnDef): boolean => ['ja', 'jcond', 'mayGoto'].includes(kind);

/** The program with labels for targets, bound to where the fractions say. */
function build(steps: readonly Step[], endian: 'little' | 'big'): ObjectSpec {
  return object({ endian }, (o) => {
    o.program('f', 'xdp', (p) => {
      const labels = new Map<number, Label>();
      const labelAt = (to: number): Label => {
        const index = Math.floor(to * steps.length);
        const label = labels.get(index) ?? p.label();
        labels.set(index, label);
        return label;
      };
      const targets = steps.map(({ def, to }) => (isJump(def) ? labelAt(to) : undefined));
      for (const [index, { def, operands }] of steps.entries()) {
        const label = labels.get(index);
        if (label) p.bind(label);
        const target = targets[index];
        emitRow(p as never, def, target ? { ...operands, target } : operands);
      }
    });
  });
}

/** The same program by the encoder, distances counted here. */
function expected(steps: readonly Step[], endian: 'little' | 'big'): Uint8Array {
  const slots: number[] = [];
  let next = 0;
  for (const { def } of steps) {
    slots.push(next);
    next += def.slots;
  }
  const insns = steps.map(({ def, operands, to }, index) => {
    if (!isJump(def)) return makeInsn(def, operands);
    const distance = slots[Math.floor(to * steps.length)]! - slots[index]! - 1;
    return makeInsn(
      def,
      def.imm === 'branch' ? { ...operands, imm: distance } : { ...operands, off: distance },
    );
  });
  return encodeInsns(insns, endian);
}

describe('random programs over all rows', () => {
  property.prop([programs(ROWS), endian])('the builder gives what the encoder gives', (steps, endian) => {
    const { code } = build(steps, endian).functions.get('f')!;
    expect(toHex(code)).toBe(toHex(expected(steps, endian)));
  });

  property.prop([programs(ROWS), endian])('builder, bytes, text, assembly, bytes', (steps, endian) => {
    const { code } = build(steps, endian).functions.get('f')!;
    const text = decodeInsns(code, endian)
      .map((insn) => formatInstruction(insn))
      .join('\n');
    expect(toHex(rawCode(assembleOrThrow(text, { endian }).object))).toBe(toHex(code));
  });

  property.prop([programs(PRINTED), endian])(
    'builder, object, disassembly, assembly, bytes',
    (steps, endian) => {
      const spec = build(steps, endian);
      const { code } = spec.functions.get('f')!;
      const text = disassemble(lower(spec))
        .split('\n')
        .filter((line) => /^ *\d+:\t/.test(line))
        .map((line) => line.split('\t')[2]!.replace(/ <[^<>]*>$/, ''))
        .join('\n');
      expect(toHex(rawCode(assembleOrThrow(text, { endian }).object))).toBe(toHex(code));
    },
  );

  property.prop([programs(ROWS), endian])(
    'the spec comes back from the file that it is written as',
    (steps, endian) => {
      const spec = build(steps, endian);
      const again = readObject(writeElf(lower(spec))).functions.get('f')!;
      const { code, lines, program, section, linkage, relocations } = spec.functions.get('f')!;
      const plain = (list: typeof lines): unknown[] =>
        list.map(({ slot, file, line, column, text }) => ({ slot, file, line, column, text }));
      expect({ ...again, lines: plain(again.lines) }).toMatchObject({
        code,
        lines: plain(lines),
        program,
        section,
        linkage,
        relocations,
      });
    },
  );
});
