import type { Statement } from './ast.ts';
import { isMnemonic, takeMnemonic } from './mnemonic.ts';
import { takeLabel } from './plain.ts';
import type { Problems } from './problems.ts';
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
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const BACKSLASH = 0x5c;

/** Whether a statement of the rest of this line is written with a mnemonic. The scanner stays where it is. */
export function hasMnemonic(scanner: Scanner): boolean {
  const { at } = scanner;
  let found = false;
  for (scanner.skipSpaces(); !found && !scanner.atEnd; scanner.skipSpaces()) {
    while (takeLabel(scanner, []));
    found = isMnemonic(scanner);
    scanner.at = nextStatement(scanner, statementEnd(scanner));
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
  if (!others && nextStatement(scanner, statementEnd(scanner)) < end) return undefined;
  for (scanner.skipSpaces(); !scanner.atEnd; scanner.skipSpaces()) {
    while (takeLabel(scanner, statements));
    const from = scanner.at;
    const to = statementEnd(scanner);
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

/** Where the statement here ends: at its `;`, at a comment, or with the line. */
function statementEnd({ text, at: from, end }: Scanner): number {
  let quote = 0;
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (quote !== 0) {
      if (code === BACKSLASH) at++;
      else if (code === quote) quote = 0;
    } else if (code === QUOTE || (code === APOSTROPHE && closesAt(text, at))) quote = code;
    else if (code === SEMICOLON || code === 0x23 || (code === 0x2f && text.charCodeAt(at + 1) === 0x2f))
      return at;
  }
  return end;
}

/** `'a'` or `'\n'`, and no apostrophe that somebody forgot. */
function closesAt(text: string, at: number): boolean {
  return text.charCodeAt(at + 2) === APOSTROPHE || text.charCodeAt(at + 3) === APOSTROPHE;
}
