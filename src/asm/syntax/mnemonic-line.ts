import type { Statement } from './ast.ts';
import { isMnemonic, takeMnemonic } from './mnemonic.ts';
import { takeLabel } from './plain.ts';
import type { Problems } from './problems.ts';
import { statementEnd } from './raw-directives.ts';
import type { Scanner } from './scanner.ts';

/** What was read of a line that has mnemonics in it. */
export interface MnemonicLine {
  readonly statements: readonly Statement[];
  /** Names in what could not be read: that one of them is not defined is no second problem. */
  readonly poisoned: ReadonlySet<string>;
}

/** Reads statements in LLVM's syntax that stand on the same line, at their place. */
type OthersReader = (problems: Problems, text: string, base: number) => MnemonicLine;

const SEMICOLON = 0x3b;

/** Whether a statement of the rest of this line is written with a mnemonic. The scanner stays where it is. */
export function hasMnemonic(scanner: Scanner): boolean {
  const { at } = scanner;
  let found = false;
  for (scanner.skipSpaces(); !found && !scanner.atEnd; scanner.skipSpaces()) {
    while (takeLabel(scanner, []));
    found = isMnemonic(scanner);
    scanner.at = nextStatement(scanner, endOfStatement(scanner));
  }
  scanner.at = at;
  return found;
}

/**
 * Reads the rest of a line that {@link hasMnemonic} says yes to; what is wrong goes to `problems`.
 * undefined, and nothing told, where statements in the other syntax need a reader that was not given.
 */
export function readMnemonicLine(
  scanner: Scanner,
  problems: Problems,
  others: OthersReader | undefined,
): MnemonicLine | undefined {
  const { end } = scanner;
  const statements: Statement[] = [];
  const poisoned = new Set<string>();
  if (!others && nextStatement(scanner, endOfStatement(scanner)) < end) return undefined;
  for (scanner.skipSpaces(); !scanner.atEnd; scanner.skipSpaces()) {
    while (takeLabel(scanner, statements));
    const from = scanner.at;
    const to = endOfStatement(scanner);
    scanner.end = to;
    if (isMnemonic(scanner)) {
      const statement = takeMnemonic(scanner, problems);
      if (statement) statements.push(statement);
      else
        for (const [name] of scanner.text.slice(from, to).matchAll(/[A-Za-z_$.][\w.$]*/g)) poisoned.add(name);
    } else if (others && !scanner.atEnd) {
      const read = others(problems, `${scanner.text.slice(from, to)}\n`, scanner.base + from);
      statements.push(...read.statements);
      for (const name of read.poisoned) poisoned.add(name);
    }
    scanner.end = end;
    scanner.at = nextStatement(scanner, to);
  }
  return { statements, poisoned };
}

/** Behind a `;`; a comment ends the line. */
function nextStatement({ text, end }: Scanner, at: number): number {
  return at < end && text.charCodeAt(at) === SEMICOLON ? at + 1 : end;
}

/** At its `;`, at a comment, or with the line. */
function endOfStatement({ text, at, end }: Scanner): number {
  return statementEnd(text, at, end);
}

/**
 * Where the first statement behind another one begins whose first word is wanted, labels before it
 * left out; undefined where there is none. The scanner stays where it is.
 */
export function laterStatement(scanner: Scanner, wanted: (word: string) => boolean): number | undefined {
  const { at, end, text } = scanner;
  if (text.indexOf(';', at) < 0 || text.indexOf(';', at) >= end) return undefined;
  let found: number | undefined;
  for (let next = nextStatement(scanner, endOfStatement(scanner)); found === undefined && next < end; ) {
    scanner.at = next;
    scanner.skipSpaces();
    while (takeLabel(scanner, []));
    if (wanted(text.slice(scanner.at, scanner.wordEnd()))) found = next;
    next = nextStatement(scanner, endOfStatement(scanner));
  }
  scanner.at = at;
  return found;
}
