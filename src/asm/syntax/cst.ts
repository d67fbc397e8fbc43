import type { CstNode, IToken } from 'chevrotain';
import type { Range } from './ast.ts';

/** The first token of that name under a node, or undefined. */
export function tokenOf(node: CstNode, name: string): IToken | undefined {
  return node.children[name]?.[0] as IToken | undefined;
}

export function tokensOf(node: CstNode, name: string): readonly IToken[] {
  return (node.children[name] ?? []) as IToken[];
}

/** The first child rule of that name, or undefined. */
export function childOf(node: CstNode, rule: string): CstNode | undefined {
  return node.children[rule]?.[0] as CstNode | undefined;
}

export function childrenOf(node: CstNode, rule: string): readonly CstNode[] {
  return (node.children[rule] ?? []) as CstNode[];
}

export function rangeOfToken(token: IToken): Range {
  return { start: token.startOffset, end: token.startOffset + token.image.length };
}

export function rangeOf(node: CstNode): Range {
  const location = node.location!;
  return { start: location.startOffset, end: (location.endOffset ?? location.startOffset) + 1 };
}
