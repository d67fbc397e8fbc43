import type { Argument, Expr, InsnStatement, Statement } from '../syntax/ast.ts';
import { formatLlvm, type InsnStyle } from './format.ts';
import { formatMnemonic } from './format-mnemonic.ts';
import type { OperandTexts } from './operand-texts.ts';

/** Text of a range of the source. */
type TextOf = (range: { readonly start: number; readonly end: number }) => string;

/** Characters and strings, which keep their spaces, or a run of spaces. */
const SPACES = /'(?:[^'\\\n]|\\.)'|"(?:[^"\\\n]|\\.)*"|\s+/g;

/** One space where there were some. */
export function collapsed(text: string): string {
  return text.trim().replace(SPACES, (piece) => (/^\s/.test(piece) ? ' ' : piece));
}

function squeezed(text: string): string {
  return text.replace(SPACES, (piece) => (/^\s/.test(piece) ? '' : piece));
}

/** Where a statement ends in the source; that of a constant says only its name. */
export function endOf(statement: Statement): number {
  return statement.kind === 'assign' ? statement.value.end : statement.end;
}

/** One statement in the style that is wanted, its expressions as they are spelled. */
export function formatStatement(
  statement: Exclude<Statement, { kind: 'label' }>,
  own: InsnStyle,
  wanted: InsnStyle | undefined,
  textOf: TextOf,
): string {
  if (statement.kind === 'assign') return `${statement.name} = ${collapsed(textOf(statement.value))}`;
  if (statement.kind === 'directive') return formatDirective(statement, textOf);
  const given = collapsed(textOf(statement));
  const style = wanted ?? own;
  const printed = printInsn(statement, own, style, textOf);
  if (printed === undefined) return given;
  // `w1 = *(u32 *)(r2 + 4)` and other spellings of one instruction stay as they are.
  return style === own && squeezed(printed) !== squeezed(given) ? given : printed;
}

function formatDirective(statement: Extract<Statement, { kind: 'directive' }>, textOf: TextOf): string {
  const { name, nameRange, args, end } = statement;
  if (args.length === 0) return collapsed(`${name} ${textOf({ start: nameRange.end, end })}`);
  let out = name;
  let at = nameRange.end;
  for (const arg of args) {
    const comma = textOf({ start: at, end: arg.start }).includes(',');
    out += `${comma ? ', ' : ' '}${formatArgument(arg, textOf)}`;
    at = arg.end;
  }
  return out;
}

function formatArgument(arg: Argument, textOf: TextOf): string {
  if (arg.kind === 'option') return `${textOf(arg.nameRange)}=${collapsed(textOf(arg.value))}`;
  return collapsed(textOf(arg));
}

/** undefined where the style has no words for it. */
function printInsn(
  insn: InsnStatement,
  own: InsnStyle,
  style: InsnStyle,
  textOf: TextOf,
): string | undefined {
  const { def } = insn;
  if (def.kind === 'lddw' && def.src !== 0) return undefined;
  if (def.kind === 'call') return printCall(insn, own, style, textOf);
  if (def.kind === 'addrSpaceCast' && !spacesOf(insn, own)) return undefined;
  const operands = new SpelledOperands(insn, own, textOf);
  return style === 'llvm' ? formatLlvm(operands) : formatMnemonic(operands);
}

function printCall(
  { def, target }: InsnStatement,
  own: InsnStyle,
  style: InsnStyle,
  textOf: TextOf,
): string | undefined {
  const callee = target && collapsed(textOf(target));
  if (callee === undefined || def.src === 2) return undefined;
  if (own === 'llvm' || (style === 'llvm' && def.src === 0)) return `call ${callee}`;
  if (style === 'mnemonic') return undefined;
  // A distance is told from a helper's number by `pc`.
  return target!.kind === 'number' ? `call pc${/^[+-]/.test(callee) ? '' : '+'}${callee}` : `call ${callee}`;
}

/** The two numbers of an arena cast: their text says more than the one that they become. */
function spacesOf({ imm }: InsnStatement, own: InsnStyle): readonly [Expr, Expr] | undefined {
  if (imm?.kind !== 'binary' || imm.left.kind !== 'binary') return undefined;
  const { right } = imm;
  if (own === 'llvm') return [imm.left.left, right];
  return right.kind === 'binary' ? [imm.left.left, right.left] : undefined;
}

class SpelledOperands implements OperandTexts {
  readonly def: InsnStatement['def'];
  readonly dst: number;
  readonly src: number;
  readonly sign: '+' | '-';
  readonly off: string;
  readonly imm: string;
  readonly pair: readonly [string, string];
  readonly target: string;

  constructor(insn: InsnStatement, own: InsnStyle, textOf: TextOf) {
    const text = (expr: Expr | undefined): string => (expr ? collapsed(textOf(expr)) : '0');
    this.def = insn.def;
    this.dst = insn.dst;
    this.src = insn.src;
    // What is added to the register of a packet load is no offset to the encoding, but to who writes it.
    const off = text(insn.def.kind === 'ldind' ? insn.imm : insn.off);
    this.sign = off.startsWith('-') ? '-' : '+';
    this.off = /^[+-]/.test(off) ? off.slice(1).trimStart() : off;
    this.imm = text(insn.imm);
    const spaces = insn.def.kind === 'addrSpaceCast' ? spacesOf(insn, own) : undefined;
    this.pair = [text(spaces?.[0]), text(spaces?.[1])];
    this.target = text(insn.target);
  }
}
