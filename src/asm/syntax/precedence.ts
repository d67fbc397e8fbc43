import type { BinaryOperator } from './ast.ts';

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
