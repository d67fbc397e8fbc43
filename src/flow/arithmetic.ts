import type { InsnDef } from '../isa/insn-table.ts';
import type { Endian } from '../util/bytes.ts';

/** The lower `width` bits, unsigned. */
function low(value: bigint, width: number): bigint {
  return BigInt.asUintN(width, value);
}

/** The same bits with a sign. */
function signed(value: bigint, width: number): bigint {
  return BigInt.asIntN(width, value);
}

type Operation = (a: bigint, b: bigint, width: number) => bigint;

/** A shift takes the lower 6 (5) bits of its count: RFC 9669, section 4.1. */
const count = (value: bigint, width: number): bigint => value & BigInt(width - 1);

/** RFC 9669, section 4.1: division by zero gives 0, a remainder by zero leaves the dividend. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0n ? 0n : a / b),
  's/': (a, b, width) => (b === 0n ? 0n : signed(a, width) / signed(b, width)),
  '|': (a, b) => a | b,
  '&': (a, b) => a & b,
  '^': (a, b) => a ^ b,
  '<<': (a, b, width) => a << count(b, width),
  '>>': (a, b, width) => a >> count(b, width),
  's>>': (a, b, width) => signed(a, width) >> count(b, width),
  '%': (a, b) => (b === 0n ? a : a % b),
  's%': (a, b, width) => (b === 0n ? a : signed(a, width) % signed(b, width)),
  '': (_, b) => b,
};

/** `dst op= operand` of a row of kind `alu`: both operands and the result unsigned, 64 bits wide. */
export function evaluateAlu({ op, width }: InsnDef, dst: bigint, operand: bigint): bigint {
  return low(OPERATIONS[op]!(low(dst, width), low(operand, width), width), width);
}

/** `dst = -dst`; a 32-bit one clears the upper half. */
export function evaluateNeg({ width }: InsnDef, dst: bigint): bigint {
  return low(-dst, width);
}

/** A move that extends the sign of the source's lower `width` bits; one of class ALU to 32 bits. */
export function evaluateMovsx({ width, opcode }: InsnDef, src: bigint): bigint {
  return low(signed(src, width), opcode === MOVSX_TO_32 ? 32 : 64);
}
const MOVSX_TO_32 = 0xbc;

/** RFC 9669, section 4.2: `le` and `be` cut off, and swap on a machine of the other endianness. */
export function evaluateSwap({ op, width }: InsnDef, dst: bigint, endian: Endian): bigint {
  const own = endian === 'little' ? 'le' : 'be';
  return op.startsWith(own) ? low(dst, width) : reversed(dst, width);
}

function reversed(value: bigint, width: number): bigint {
  let out = 0n;
  for (let bit = 0n; bit < BigInt(width); bit += 8n) out = (out << 8n) | ((value >> bit) & 0xffn);
  return out;
}

/** Whether a conditional jump of the row is taken. */
export function evaluateCondition({ op, width }: InsnDef, dst: bigint, operand: bigint): boolean {
  const as = op.startsWith('s') ? signed : low;
  return CONDITIONS[op]!(as(dst, width), as(operand, width));
}

const CONDITIONS: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  's>': (a, b) => a > b,
  's>=': (a, b) => a >= b,
  's<': (a, b) => a < b,
  's<=': (a, b) => a <= b,
  '&': (a, b) => (a & b) !== 0n,
};
