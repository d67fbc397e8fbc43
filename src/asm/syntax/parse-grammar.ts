import { type CstNode, type ILexingError, type IRecognitionException, type IToken, Lexer } from 'chevrotain';
import { didYouMean } from '../../util/suggest.ts';
import type { Argument, Range, Statement } from './ast.ts';
import { childOf, childrenOf, rangeOf, rangeOfToken, tokenOf } from './cst.ts';
import { expressionOf } from './cst-expression.ts';
import { InsnVisitor } from './cst-insn.ts';
import { AssemblyParser } from './grammar.ts';
import { numberHelp, stringBytes } from './literals.ts';
import { takeOptionValue } from './plain.ts';
import { unknownEscape } from './plain-string.ts';
import type { Problems } from './problems.ts';
import { Scanner } from './scanner.ts';
import * as t from './tokens.ts';

/** Parentheses are read recursively; nobody nests them deeper. */
const MAX_NESTING = 60;

let lexer: Lexer | undefined;
let parser: AssemblyParser | undefined;

/** Built once, at the first use. Validating the grammar takes longer than most files; the tests do it. */
function machinery(): { lexer: Lexer; parser: AssemblyParser } {
  lexer ??= new Lexer([...t.ALL_TOKENS], {
    positionTracking: 'onlyOffset',
    skipValidations: true,
    ensureOptimizations: false,
  });
  parser ??= new AssemblyParser({ skipValidations: true });
  return { lexer, parser };
}

/** Statements, in order, as far as they could be read. */
export interface ParsedText {
  readonly statements: readonly Statement[];
  /** Names in statements that could not be read; that one of them is not defined is no second problem. */
  readonly poisoned: ReadonlySet<string>;
}

/**
 * Reads a text into statements. Whatever is wrong goes to `problems`; what is right is still returned.
 *
 * @param text the main source's text where it is left out
 * @param base where the text begins in the space of all texts
 */
export function readWithGrammar(
  problems: Problems,
  text: string = problems.source.text,
  base = 0,
): ParsedText {
  const { lexer, parser } = machinery();
  const lexed = lexer.tokenize(text);
  // The lexer leaves it out with `onlyOffset`, and the nodes' ranges need it; counting lines costs more.
  for (const token of lexed.tokens) {
    token.startOffset += base;
    token.endOffset = token.startOffset + token.image.length - 1;
  }
  const places = new StatementPlaces(lexed.tokens);
  const broken = new Set<number>();
  for (const error of lexed.errors) {
    const statement = places.indexAt(base + error.offset);
    if (!broken.has(statement)) badCharacters(error, base, problems);
    broken.add(statement);
  }
  parser.input = withoutDeepNesting(lexed.tokens, places, broken, problems);
  const file = parser.file();
  for (const error of parser.errors) {
    const offset = Number.isNaN(error.token.startOffset) ? base + text.length : error.token.startOffset;
    const statement = places.indexAt(offset);
    if (!broken.has(statement)) syntaxError(error, offset, { problems, text, base });
    broken.add(statement);
  }
  parser.input = [];
  const poisoned = new Set<string>();
  if (broken.size > 0)
    for (const { image, startOffset } of lexed.tokens)
      if (broken.has(places.indexAt(startOffset))) poisoned.add(image);
  return { statements: statementsOf(file, problems), poisoned };
}

/** Which statement, counted from 0, an offset belongs to; a separator belongs to the one that it ends. */
class StatementPlaces {
  readonly #ends: readonly number[];

  constructor(tokens: readonly IToken[]) {
    this.#ends = tokens
      .filter(({ tokenType }) => tokenType === t.Newline || tokenType === t.Semicolon)
      .map((token) => token.startOffset);
  }

  indexAt(offset: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Leaves out statements whose parentheses nest too deep to be read. */
function withoutDeepNesting(
  tokens: IToken[],
  places: StatementPlaces,
  broken: Set<number>,
  problems: Problems,
): IToken[] {
  let depth = 0;
  const tooDeep = new Set<number>();
  for (const token of tokens) {
    if (token.tokenType === t.LParen) depth++;
    else if (token.tokenType === t.RParen) depth--;
    else if (token.tokenType === t.Newline || token.tokenType === t.Semicolon) depth = 0;
    if (depth <= MAX_NESTING) continue;
    const statement = places.indexAt(token.startOffset);
    if (tooDeep.has(statement)) continue;
    tooDeep.add(statement);
    problems.error(
      rangeOfToken(token),
      'nested-too-deep',
      `parentheses can be nested ${MAX_NESTING} deep, not deeper`,
    );
  }
  if (tooDeep.size === 0) return tokens;
  for (const statement of tooDeep) broken.add(statement);
  const separates = ({ tokenType }: IToken): boolean => tokenType === t.Newline || tokenType === t.Semicolon;
  return tokens.filter((token) => separates(token) || !tooDeep.has(places.indexAt(token.startOffset)));
}

/** The text that is being read, and its place. */
interface Reading {
  readonly problems: Problems;
  readonly text: string;
  readonly base: number;
}

function badCharacters(error: ILexingError, base: number, problems: Problems): void {
  const start = base + error.offset;
  const range = { start, end: start + error.length };
  const text = problems.textOf(range);
  const shownText = text.length > 20 ? `${text.slice(0, 20)}…` : text;
  const what = [...text].length === 1 ? 'the character' : 'the characters';
  const cannot = [...text].length === 1 ? 'has' : 'have';
  problems.error(range, 'unexpected-character', `${what} '${shownText}' ${cannot} no meaning here`, {
    help: text.startsWith("'") ? ['a character is written \'a\', a string "text"'] : [],
  });
}

function syntaxError(error: IRecognitionException, offset: number, reading: Reading): void {
  const { problems } = reading;
  const { token } = error;
  const range = { start: offset, end: token.tokenType === t.Newline ? offset : offset + token.image.length };
  if (token.tokenType === t.UnclosedString)
    problems.error(range, 'unclosed-string', 'the string has no closing quote');
  else if (token.tokenType === t.UnclosedComment)
    problems.error({ start: offset, end: offset + 2 }, 'unclosed-comment', "the comment has no closing '*/'");
  else if (token.tokenType === t.BadNumber)
    problems.error(range, 'bad-number', `'${token.image}' is not a number`, {
      help: [numberHelp(token.image)],
    });
  else if (error.message.startsWith('there is no instruction')) unknownInstruction(error, reading);
  else problems.error(range, 'syntax', error.message, { help: separatorHelp(offset, reading) });
}

const STATEMENT_WORDS = ['if', 'goto', 'gotol', 'may_goto', 'call', 'callx', 'exit', 'lock', 'store_release'];

function unknownInstruction(error: IRecognitionException, reading: Reading): void {
  const name = (error as IRecognitionException & { previousToken: IToken }).previousToken;
  const guess = didYouMean(name.image, STATEMENT_WORDS);
  const help =
    guess.length > 0
      ? guess
      : ["instructions are written like assignments in C: 'r0 = 1', 'r1 += r2', '*(u32 *)(r10 - 4) = r1'"];
  reading.problems.error(rangeOfToken(name), 'unknown-instruction', error.message, {
    help: [...help, ...separatorHelp(name.startOffset, reading)],
  });
}

/** In most assemblers `;` begins a comment; whoever wrote one so is told. */
function separatorHelp(offset: number, { text, base }: Reading): string[] {
  const at = offset - base;
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at);
  return line.includes(';') ? ["';' separates statements; a comment begins with '#' or '//'"] : [];
}

function statementsOf(file: CstNode, problems: Problems): Statement[] {
  const out: Statement[] = [];
  const insns = new InsnVisitor(problems);
  for (const node of childrenOf(file, 'statement')) {
    for (const label of childrenOf(node, 'label')) {
      const name = tokenOf(label, 'Name')!;
      if (!label.recoveredNode) out.push({ kind: 'label', name: name.image, ...rangeOfToken(name) });
    }
    if (node.recoveredNode) continue;
    const statement = bodyOf(node, insns, problems);
    if (statement) out.push(statement);
  }
  return out;
}

function bodyOf(node: CstNode, insns: InsnVisitor, problems: Problems): Statement | undefined {
  const assignment = childOf(node, 'assignment');
  if (assignment) {
    const name = tokenOf(assignment, 'Identifier')!.image;
    const value = expressionOf(childOf(assignment, 'expression')!, problems);
    return { kind: 'assign', name, value, ...rangeOfToken(tokenOf(assignment, 'Identifier')!) };
  }
  const directive = childOf(node, 'directive');
  if (!directive) return insns.visit(node);
  const name = tokenOf(directive, 'DotName')!;
  const args = childrenOf(directive, 'argument').map((child) => argumentOf(child, problems));
  return {
    kind: 'directive',
    name: name.image,
    nameRange: rangeOfToken(name),
    args,
    ...rangeOf(directive),
  };
}

function argumentOf(node: CstNode, problems: Problems): Argument {
  const range = rangeOf(node);
  const string = tokenOf(node, 'String');
  if (string) {
    const bytes = stringBytes(string.image);
    if (bytes instanceof Uint8Array) return { kind: 'string', bytes, ...range };
    unknownEscape(problems, string, bytes.unknownEscape);
    return { kind: 'string', bytes: new Uint8Array(), ...range };
  }
  const type = tokenOf(node, 'TypeWord');
  if (type) return { kind: 'type', name: type.image.slice(1), ...range };
  const option = tokenOf(node, 'ValueName');
  if (option) return optionOf(option, rangeOf(childOf(node, 'optionValue')!), problems);
  return { kind: 'expr', value: expressionOf(childOf(node, 'expression')!, problems), ...range };
}

/** Reads the value as the plain reader does: it alone decides what is an expression. */
function optionOf(option: IToken, value: Range, problems: Problems): Argument {
  const nameRange = rangeOfToken(option);
  const name = { kind: 'name', name: option.image, ...nameRange } as const;
  const scanner = new Scanner(problems.textOf(value), value.start);
  scanner.end = scanner.text.length;
  const read = takeOptionValue(scanner, name);
  if (read && scanner.atEnd) return read;
  const text = { text: scanner.text, ...value };
  return { kind: 'typed', name: option.image, nameRange, text, start: nameRange.start, end: value.end };
}
