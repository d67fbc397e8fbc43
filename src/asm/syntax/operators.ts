import type { BinaryOperator, Expr, UnaryOperator } from './ast.ts';

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
