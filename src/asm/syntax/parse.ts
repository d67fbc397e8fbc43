import type { Statement } from './ast.ts';
import { readPlainLines } from './plain.ts';
import type { Problems } from './problems.ts';

/** A file as statements, in order. */
export interface ParsedFile {
  readonly statements: readonly Statement[];
  /** Names in statements that could not be read; that one of them is not defined is no second problem. */
  readonly poisoned: ReadonlySet<string>;
}

/** Reads the lines that the plain reader left, at their places. */
export type GrammarReader = (problems: Problems, text: string) => ParsedFile;

/**
 * Reads a text into statements: plain lines without the grammar, the others with it. `grammar` is
 * not asked for where every line is plain.
 */
export function parseText(problems: Problems, grammar: () => GrammarReader): ParsedFile {
  const { statements, rest } = readPlainLines(problems.source.text);
  return rest === undefined
    ? { statements, poisoned: new Set() }
    : merge(statements, grammar()(problems, rest));
}

/** As {@link parseText}, for a grammar that has yet to be loaded. */
export async function parseTextLazily(
  problems: Problems,
  grammar: () => Promise<GrammarReader>,
): Promise<ParsedFile> {
  const { statements, rest } = readPlainLines(problems.source.text);
  if (rest === undefined) return { statements, poisoned: new Set() };
  return merge(statements, (await grammar())(problems, rest));
}

/** Both lists are in order, and no two statements begin at the same place. */
function merge(plain: readonly Statement[], others: ParsedFile): ParsedFile {
  if (plain.length === 0) return others;
  const statements: Statement[] = [];
  let next = 0;
  for (const statement of others.statements) {
    while (next < plain.length && plain[next]!.start < statement.start) statements.push(plain[next++]!);
    statements.push(statement);
  }
  for (; next < plain.length; next++) statements.push(plain[next]!);
  return { statements, poisoned: others.poisoned };
}
