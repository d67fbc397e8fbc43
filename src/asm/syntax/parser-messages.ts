import { EOF, type IParserErrorMessageProvider, type IToken, type TokenType, tokenLabel } from 'chevrotain';
import * as t from './tokens.ts';

/** What a rule's alternatives amount to; a list of all tokens that could begin one helps nobody. */
const EXPECTED_IN_RULE: Readonly<Record<string, string>> = {
  statement: 'an instruction, a label or a directive',
  registerStatement: "'=' or an assignment such as '+='",
  value: 'a register or a number',
  operand: 'a register or a number',
  packetIndex: 'a register or a number',
  term: 'a number or a name',
  load: "'(' or 'skb'",
  ifStatement: "a comparison such as '=='",
  callStatement: 'a number or a name',
  argument: 'a string, a number or a name',
  exchange: "',' and a register",
};

/** A token as a reader sees it. */
function shown(token: IToken): string {
  if (token.tokenType === EOF || token.image === '') return 'the end of the file';
  if (token.tokenType === t.Newline) return 'the end of the line';
  const text = token.image.length > 40 ? `${token.image.slice(0, 40)}…` : token.image;
  return `'${text.replace(/\n[\s\S]*/, '…')}'`;
}

function atStart(previous: IToken | undefined): boolean {
  const type = previous?.tokenType;
  return type === undefined || type === EOF || type === t.Newline || type === t.Semicolon || type === t.Colon;
}

function sentence(expected: string, actual: IToken | undefined, previous: IToken | undefined): string {
  const where = previous === undefined || atStart(previous) ? '' : ` after ${shown(previous)}`;
  return `expected ${expected}${where}, found ${actual ? shown(actual) : 'the end of the file'}`;
}

function mismatch(expected: TokenType, actual: IToken, previous: IToken, ruleName: string): string {
  if (expected === t.EndOfStatement) {
    const wanted = atStart(previous) ? EXPECTED_IN_RULE.statement! : tokenLabel(expected);
    return sentence(wanted, actual, previous);
  }
  if (ruleName === 'assignment' && expected === t.Equals) return `there is no instruction ${shown(previous)}`;
  return sentence(tokenLabel(expected), actual, previous);
}

/** The parser's complaints in words that a reader of assembly knows. */
export const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual, previous, ruleName }) =>
    mismatch(expected, actual, previous, ruleName),
  buildNotAllInputParsedMessage: ({ firstRedundant }) =>
    sentence('the end of the line', firstRedundant, undefined),
  buildNoViableAltMessage: ({ actual, previous, ruleName, expectedPathsPerAlt }) =>
    actual[0]?.tokenType === t.Swap
      ? sentence('a register', actual[1], actual[0])
      : sentence(
          EXPECTED_IN_RULE[ruleName] ?? tokenLabel(expectedPathsPerAlt[0]![0]![0]!),
          actual[0],
          previous,
        ),
  buildEarlyExitMessage: ({ actual, previous, ruleName, expectedIterationPaths }) =>
    sentence(EXPECTED_IN_RULE[ruleName] ?? tokenLabel(expectedIterationPaths[0]![0]!), actual[0], previous),
};
