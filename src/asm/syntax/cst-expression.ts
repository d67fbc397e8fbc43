import type { CstNode, IToken } from 'chevrotain';
import type { BinaryOperator, Expr, Range, UnaryOperator } from './ast.ts';
import { childOf, childrenOf, rangeOf, rangeOfToken, tokenOf, tokensOf } from './cst.ts';
import { charValue, numberValue } from './literals.ts';
import { PRECEDENCE, signed } from './operators.ts';
import { trimmed } from './plain-expression.ts';
import { unknownEscape } from './plain-string.ts';
import type { Problems } from './problems.ts';

/** Expressions are evaluated recursively; nobody writes longer ones. */
const MAX_TERMS = 500;

/** The expression of an `expression` node. */
export function expressionOf(node: CstNode, problems: Problems): Expr {
  const terms = childrenOf(node, 'term');
  const operators = tokensOf(node, 'BinaryOperator').map((token) => token.image as BinaryOperator);
  if (terms.length > MAX_TERMS) {
    problems.error(
      rangeOf(node),
      'expression-too-long',
      `an expression can have ${MAX_TERMS} terms, not more`,
    );
    return { kind: 'number', value: 0, ...rangeOf(node) };
  }
  let at = 0;
  const climb = (minimum: number): Expr => {
    let left = termOf(terms[at]!, problems);
    while (at < operators.length && PRECEDENCE[operators[at]!] >= minimum) {
      const op = operators[at++]!;
      const right = climb(PRECEDENCE[op] + 1);
      left = { kind: 'binary', op, left, right, start: left.start, end: right.end };
    }
    return left;
  };
  return climb(1);
}

function termOf(node: CstNode, problems: Problems): Expr {
  let value = primaryOf(node, problems);
  const signs = ['Minus', 'Plus', 'Tilde', 'Bang'].flatMap((name) => tokensOf(node, name));
  signs.sort((a, b) => b.startOffset - a.startOffset);
  if (signs.length > MAX_TERMS) {
    problems.error(rangeOf(node), 'expression-too-long', `a number can have ${MAX_TERMS} signs, not more`);
    return value;
  }
  for (const sign of signs) {
    value = signed(sign.image as UnaryOperator, value, sign.startOffset);
  }
  return value;
}

function primaryOf(node: CstNode, problems: Problems): Expr {
  const number = tokenOf(node, 'Number');
  if (number) return { kind: 'number', value: numberValue(number.image), ...rangeOfToken(number) };
  const name = tokenOf(node, 'ValueName') ?? tokenOf(node, 'Swap');
  const group = childOf(node, 'group');
  if (name && group) return callOf(name, rangeOf(group), problems);
  if (name) return { kind: 'name', name: name.image, ...rangeOfToken(name) };
  const dot = tokenOf(node, 'Dot');
  if (dot) return { kind: 'here', ...rangeOfToken(dot) };
  const char = tokenOf(node, 'Char');
  if (char) {
    const value = charValue(char.image);
    if (typeof value === 'number') return { kind: 'number', value, ...rangeOfToken(char) };
    unknownEscape(problems, char, value.unknownEscape);
    return { kind: 'number', value: 0, ...rangeOfToken(char) };
  }
  const { start } = rangeOfToken(tokenOf(node, 'LParen')!);
  const { end } = rangeOfToken(tokenOf(node, 'RParen')!);
  return { ...expressionOf(childOf(node, 'expression')!, problems), start, end };
}

/** `sizeof(event)`: what stands in the parentheses is read by who evaluates it. */
function callOf(name: IToken, group: Range, problems: Problems): Expr {
  const inside = { start: group.start + 1, end: group.end - 1 };
  const text = problems.textOf(inside);
  const args = trimmed(text, 0, text.length, inside.start);
  return { kind: 'call', name: name.image, args, start: rangeOfToken(name).start, end: group.end };
}
