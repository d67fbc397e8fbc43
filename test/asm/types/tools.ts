import { Problems } from '../../../src/asm/syntax/problems.ts';
import {
  declareComposite,
  declareEnum,
  declareTypedef,
  type Prototype,
  parsePrototype,
  parseVariable,
  type VariableDeclaration,
} from '../../../src/asm/types/declarations.ts';
import { blockEnd } from '../../../src/asm/types/lexer.ts';
import { TypeRegistry } from '../../../src/asm/types/registry.ts';
import { renderDiagnostics } from '../../../src/util/index.ts';

/** What the directives of a text declare. */
export interface Declared {
  readonly registry: TypeRegistry;
  readonly variables: readonly VariableDeclaration[];
  readonly functions: readonly Prototype[];
  readonly problems: Problems;
  /** A part of another text, whose places lie behind this one. */
  more(text: string): { readonly text: string; readonly base: number };
}

/** Reads `.struct`, `.union`, `.enum`, `.typedef`, `.var` and `.function` as an assembler would. */
export function declare(text: string): Declared {
  const problems = new Problems({ name: 'types.s', text });
  const more = (part: string): { text: string; base: number } => {
    const { base } = problems.sources.add(
      { name: 'more.s', text: part },
      { kind: 'include', name: 'more.s', at: { start: 0, end: 0 } },
    );
    return { text: part, base };
  };
  const registry = new TypeRegistry(problems, (range, what) => {
    const source = problems.textOf(range);
    const value = evaluate(source, registry.constants);
    if (value === undefined) problems.error(range, 'undefined-name', `${what}: '${source}' is not known`);
    return value;
  });
  const variables: VariableDeclaration[] = [];
  const functions: Prototype[] = [];
  const directive = /^[ \t]*\.(struct|union|enum|typedef|var|function)\b/gm;
  for (let match = directive.exec(text); match; match = directive.exec(text)) {
    const start = match.index + match[0].length;
    const word = match[1];
    const lineEnd = text.indexOf('\n', start) < 0 ? text.length : text.indexOf('\n', start);
    const isBlock =
      (word === 'struct' || word === 'union' || word === 'enum') && text.slice(start, lineEnd).includes('{');
    const end =
      isBlock || word === 'var'
        ? Math.max(lineEnd, isBlock ? blockEnd(text, start) : braces(text, start, lineEnd))
        : lineEnd;
    const part = { text, start, end };
    if (word === 'struct' || word === 'union') declareComposite(registry, word, part);
    else if (word === 'enum') declareEnum(registry, part);
    else if (word === 'typedef') declareTypedef(registry, part);
    else if (word === 'var')
      variables.push(...[parseVariable(registry, part)].filter((one) => one !== undefined));
    else functions.push(...[parsePrototype(registry, part)].filter((one) => one !== undefined));
    directive.lastIndex = end;
  }
  registry.finish();
  return { registry, variables, functions, problems, more };
}

function braces(text: string, start: number, lineEnd: number): number {
  return text.slice(start, lineEnd).includes('{') ? blockEnd(text, start) : lineEnd;
}

/** Sums and products of numbers and constants. */
function evaluate(source: string, constants: ReadonlyMap<string, bigint>): bigint | undefined {
  let sum = 0n;
  for (const term of source.split('+')) {
    let product = 1n;
    for (const factor of term.split('*')) {
      const name = factor.trim();
      const value = /^\d+$/.test(name) ? BigInt(name) : constants.get(name);
      if (value === undefined) return undefined;
      product *= value;
    }
    sum += product;
  }
  return sum;
}

/** What is wrong with a text, as a user sees it. */
export function complaintsAbout(text: string): string {
  return shown(declare(text).problems);
}

export function shown(problems: Problems): string {
  return `\n${renderDiagnostics(problems.list())}`;
}

/** One line for each problem: code, what is marked, message and help. */
export function brief(problems: Problems): string[] {
  return problems.list().map(({ code, message, span, help, labels }) => {
    const marked = span!.source.text.slice(span!.start, span!.end);
    const others = labels.flatMap((label) =>
      label.message.endsWith('is included here') ? [] : [label.message],
    );
    return `${code} [${marked}] ${[message, ...others, ...help].join('; ')}`;
  });
}
