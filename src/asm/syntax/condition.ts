import type { Expr } from './ast.ts';
import { readExpression } from './mnemonic-expression.ts';
import type { Scanner } from './scanner.ts';

/** What `.if` asks: values compared, with `!`, `&&` and `||` as in C. */
export type Condition =
  | { readonly kind: 'value'; readonly value: Expr }
  | { readonly kind: 'compare'; readonly op: Comparison; readonly left: Expr; readonly right: Expr }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly operand: Condition };

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

const DOUBLE_QUOTE = 0x22;
const Compare = /[=!]=|[<>]=?/y;
/** Parentheses and signs are read recursively; nobody nests them deeper. */
const MAX_DEPTH = 40;

/** undefined for what is no condition; the scanner then stands where it ends to be one. */
export function takeCondition(scanner: Scanner, depth = 0): Condition | undefined {
  let left = takeConjunction(scanner, depth);
  while (left && scanner.takeMatch(/\|\|/y)) {
    const right = takeConjunction(scanner, depth);
    if (!right) return undefined;
    left = { kind: 'or', left, right };
  }
  return left;
}

function takeConjunction(scanner: Scanner, depth: number): Condition | undefined {
  let left = takeComparison(scanner, depth);
  while (left && scanner.takeMatch(/&&/y)) {
    const right = takeComparison(scanner, depth);
    if (!right) return undefined;
    left = { kind: 'and', left, right };
  }
  return left;
}

function takeComparison(scanner: Scanner, depth: number): Condition | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const left = takeValue(scanner);
  if (!left) return takeGroup(scanner, depth);
  const op = scanner.takeMatch(Compare)?.[0] as Comparison | undefined;
  if (op === undefined) return { kind: 'value', value: left };
  const right = takeValue(scanner);
  return right && { kind: 'compare', op, left, right };
}

/** A number, as far as it is none of the parts of a condition. */
function takeValue(scanner: Scanner): Expr | undefined {
  return scanner.code === DOUBLE_QUOTE ? undefined : readExpression(scanner);
}

/** `!(A == 1)`, `(A == 1 && B)`: parentheses around a condition, not around a number. */
function takeGroup(scanner: Scanner, depth: number): Condition | undefined {
  if (depth > MAX_DEPTH) return undefined;
  if (scanner.takeSign(0x21)) {
    const operand = takeGroup(scanner, depth + 1);
    return operand && { kind: 'not', operand };
  }
  if (!scanner.takeSign(0x28)) return undefined;
  const inner = takeCondition(scanner, depth + 1);
  return inner && scanner.takeSign(0x29) ? inner : undefined;
}
