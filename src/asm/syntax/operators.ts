import type { BinaryOperator, Expr, UnaryOperator } from './ast.ts';
import type { Scanner } from './scanner.ts';

/**
 * LLVM's precedence, which is not C's: shifts bind as `*` does, and `& | ^` bind tighter than `+`
 * (LLVM, AsmParser, GNU operator precedence).
 */
export const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  '+': 1,
  '-': 1,
  '|': 2,
  '^': 2,
  '&': 2,
  '*': 3,
  '/': 3,
  '%': 3,
  '<<': 3,
  '>>': 3,
};

/** The sign that a character is before a value. */
export const UNARY: Readonly<Record<number, UnaryOperator | undefined>> = {
  45: '-',
  43: '+',
  126: '~',
  33: '!',
};
const BINARY: Readonly<Record<number, BinaryOperator | undefined>> = {
  43: '+',
  45: '-',
  42: '*',
  47: '/',
  37: '%',
  38: '&',
  124: '|',
  94: '^',
};

/** The operator between values that stands here, if there is one. */
export function operatorAt(scanner: Scanner): BinaryOperator | undefined {
  const { code } = scanner;
  const next = scanner.codeAt(1);
  if (code === 0x3c || code === 0x3e) return next === code ? (code === 0x3c ? '<<' : '>>') : undefined;
  // `//` and `/*` begin comments; `&&` and `||` are for conditions.
  if (code === 0x2f && (next === 0x2f || next === 0x2a)) return undefined;
  return next === code && (code === 0x26 || code === 0x7c) ? undefined : BINARY[code];
}

/** A value with a sign before it; `-4` is a number like any other. */
export function signed(op: UnaryOperator, operand: Expr, start: number): Expr {
  const { end } = operand;
  if (operand.kind === 'number' && typeof operand.value === 'number') {
    if (op === '-') return { kind: 'number', value: 0 - operand.value, start, end };
    if (op === '+') return { kind: 'number', value: operand.value, start, end };
  }
  return { kind: 'unary', op, operand, start, end };
}

/** What an address cast's imm holds: the destination's space in the upper half, the source's in the lower. */
export function addressSpaces(to: Expr, from: Expr): Expr {
  const sixteen: Expr = { kind: 'number', value: 16, start: to.start, end: from.end };
  const shifted: Expr = { kind: 'binary', op: '<<', left: to, right: sixteen, start: to.start, end: to.end };
  return { kind: 'binary', op: '+', left: shifted, right: from, start: to.start, end: from.end };
}
