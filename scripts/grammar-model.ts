// The grammar of the language as a small tree, out of what the parser generator tells of src/asm/syntax/grammar.ts.
import { AssemblyParser } from '../src/asm/syntax/grammar.ts';
import { ALL_TOKENS } from '../src/asm/syntax/tokens.ts';

export type Node =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'token'; readonly name: string }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'sequence' | 'choice'; readonly items: readonly Node[] }
  | { readonly kind: 'optional' | 'many' | 'oneOrMore'; readonly item: Node };

export interface Rule {
  readonly name: string;
  readonly node: Node;
}

/** A token that is no fixed text: what it looks like, or which others it may be. */
export interface TokenClass {
  readonly name: string;
  /** A regular expression, or undefined where it is one of `members`. */
  readonly pattern: string | undefined;
  readonly members: readonly string[];
}

/** As the parser generator serializes it. */
interface Serialized {
  readonly type: string;
  readonly name?: string;
  readonly label?: string;
  readonly pattern?: string;
  readonly definition?: readonly Serialized[];
}

/** `'exit'` is a fixed text where the pattern says the same; what may not follow a word is no part of it. */
function literalText(label: string, pattern: string): string | undefined {
  const text = /^'(.+)'$/.exec(label)?.[1];
  if (text === undefined) return undefined;
  return pattern === text || pattern.startsWith(`(?:${text})(?!`) ? text : undefined;
}

function terminal({ name = '', label = '', pattern = '' }: Serialized): Node {
  const text = literalText(label, pattern);
  return text === undefined ? { kind: 'token', name } : { kind: 'literal', text };
}

function sequence(parts: readonly Serialized[]): Node {
  const items = parts.map(node);
  return items.length === 1 ? items[0]! : { kind: 'sequence', items };
}

function choice(parts: readonly Serialized[]): Node {
  const filled = parts.filter(({ definition }) => definition!.length > 0);
  const item: Node = { kind: 'choice', items: filled.map(({ definition }) => sequence(definition!)) };
  return filled.length === parts.length ? item : { kind: 'optional', item };
}

function node(part: Serialized): Node {
  const inside = part.definition ?? [];
  switch (part.type) {
    case 'NonTerminal':
      return { kind: 'rule', name: part.name! };
    case 'Terminal':
      return terminal(part);
    case 'Alternation':
      return choice(inside);
    case 'Alternative':
      return sequence(inside);
    case 'Option':
      return { kind: 'optional', item: sequence(inside) };
    case 'Repetition':
      return { kind: 'many', item: sequence(inside) };
    case 'RepetitionMandatory':
      return { kind: 'oneOrMore', item: sequence(inside) };
    default:
      throw new Error(`the grammar has a '${part.type}', which is not known here`);
  }
}

/** Every rule in the order of the grammar. */
export function grammarRules(): Rule[] {
  const parser = new AssemblyParser({ skipValidations: true });
  return (parser.getSerializedGastProductions() as unknown as Serialized[]).map(({ name, definition }) => ({
    name: name!,
    node: sequence(definition!),
  }));
}

function namesIn(part: Node): string[] {
  if (part.kind === 'token') return [part.name];
  if ('items' in part) return part.items.flatMap(namesIn);
  return 'item' in part ? namesIn(part.item) : [];
}

/** The tokens of the rules that are no fixed texts, and those that they may be, in the lexer's order. */
export function tokenClasses(rules: readonly Rule[]): TokenClass[] {
  const used = new Set(rules.flatMap((rule) => namesIn(rule.node)));
  return ALL_TOKENS.filter(({ name }) => used.has(name)).map((token) => {
    const members = ALL_TOKENS.filter(({ CATEGORIES }) => CATEGORIES?.includes(token)).map(
      ({ name, LABEL, PATTERN }) =>
        literalText(LABEL ?? '', PATTERN instanceof RegExp ? PATTERN.source : String(PATTERN)) ?? name,
    );
    const pattern = token.PATTERN instanceof RegExp ? token.PATTERN.source : undefined;
    return { name: token.name, pattern: members.length > 0 ? undefined : pattern, members };
  });
}
