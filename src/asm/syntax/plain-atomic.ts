import { findInsn, type InsnDef } from '../../isa/insn-table.ts';
import type { Expr, InsnStatement, Reg } from './ast.ts';
import { takeExpression, takeRegister } from './plain-expression.ts';
import type { Scanner } from './scanner.ts';

const Atomic =
  /atomic(?:64)?_(?:fetch_(add|and|or|xor)|(xchg|cmpxchg))[ \t]*\([ \t]*\([ \t]*u(32|64)[ \t]*\*[ \t]*\)[ \t]*\([ \t]*/y;
const Exchange = /(xchg|cmpxchg)(?:_(64)|(32)_32)[ \t]*\([ \t]*/y;

/**
 * `atomic_fetch_add((u64 *)(r1 + 8), r2)`, `xchg_64(r1 + 8, r2)`, `cmpxchg_64(r1 + 8, r0, r2)` and
 * their like, behind `dst =`; undefined for what is left to the grammar.
 */
export function takeAtomic(scanner: Scanner, start: number, dst: Reg): InsnStatement | undefined {
  const atomic = scanner.takeMatch(Atomic);
  if (atomic) {
    const [, fetched, exchange, bits] = atomic;
    return takeOperands(scanner, start, dst, exchange ?? `atomic_fetch_${fetched}`, bits!, true);
  }
  const exchange = scanner.takeMatch(Exchange);
  return exchange && takeOperands(scanner, start, dst, exchange[1]!, (exchange[2] ?? exchange[3])!, false);
}

/** `r1 + 8`, with its closing parenthesis where it has one of its own, then the registers. */
function takeOperands(
  scanner: Scanner,
  start: number,
  dst: Reg,
  name: string,
  bits: string,
  inParentheses: boolean,
): InsnStatement | undefined {
  const base = takeRegister(scanner);
  if (base?.width !== 64) return undefined;
  const hasOffset = scanner.code === 0x2b || scanner.code === 0x2d;
  const off = hasOffset ? takeExpression(scanner) : undefined;
  if ((hasOffset && !off) || (inParentheses && !scanner.takeSign(0x29))) return undefined;
  const regs: Reg[] = [];
  while (scanner.takeSign(0x2c)) {
    const reg = takeRegister(scanner);
    if (!reg) return undefined;
    regs.push(reg);
  }
  const end = scanner.at + 1;
  if (!scanner.takeSign(0x29)) return undefined;
  const def = findInsn(bits === '32' ? `${name}32` : name);
  return def && statement(def, start, end, dst, base, off, regs);
}

/** The old value comes out in the register of the operand, that of `cmpxchg` in r0, with which it compares. */
function statement(
  def: InsnDef,
  start: number,
  end: number,
  dst: Reg,
  base: Reg,
  off: Expr | undefined,
  regs: readonly Reg[],
): InsnStatement | undefined {
  const compares = def.kind === 'cmpxchg';
  const src = regs[regs.length - 1];
  if (!src || regs.length !== (compares ? 2 : 1)) return undefined;
  if (regs[0]!.number !== dst.number || (compares && dst.number !== 0)) return undefined;
  const { number } = base;
  return {
    kind: 'insn',
    def,
    dst: number,
    src: src.number,
    off,
    imm: undefined,
    target: undefined,
    start,
    end,
  };
}
