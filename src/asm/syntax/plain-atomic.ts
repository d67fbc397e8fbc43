import { findInsn, type InsnDef } from '../../isa/insn-table.ts';
import type { Expr, InsnStatement } from './ast.ts';
import { rowOf } from './insn-forms.ts';
import { takeBareCast, takeBase } from './plain-address.ts';
import { HALF, NO_REGISTER, takeExpression, takeReg } from './plain-expression.ts';
import type { Scanner } from './scanner.ts';

const Atomic = /atomic(?:64)?_(?:fetch_(add|and|or|xor)|(xchg|cmpxchg))(?=[ \t]*\()[ \t]*\([ \t]*/y;
const Exchange = /(xchg|cmpxchg)(?:_(64)|(32)_32)[ \t]*\([ \t]*/y;

/** Four sizes; signed ones and those of fewer than 32 bits are left to the grammar's messages. */
const SIZE_32 = 2;
const SIZE_64 = 3;

/** A base register and its offset, and where they end. */
interface Place {
  readonly base: number;
  readonly off: Expr | undefined;
}

function statement(
  def: InsnDef | undefined,
  start: number,
  end: number,
  dst: number,
  src: number,
  off: Expr | undefined,
): InsnStatement | undefined {
  return def && { kind: 'insn', def, dst, src, off, imm: undefined, target: undefined, start, end };
}

/**
 * `atomic_fetch_add((u64 *)(r1 + 8), r2)`, `xchg_64(r1 + 8, r2)`, `cmpxchg_64(r1 + 8, r0, r2)` and
 * their like, behind `dst =`; undefined for what is left to the grammar.
 */
export function takeAtomic(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  const atomic = scanner.takeMatch(Atomic);
  if (atomic) {
    const size = takeBareCast(scanner);
    const place = size === SIZE_32 || size === SIZE_64 ? takeBase(scanner) : undefined;
    const [, fetched, exchange] = atomic;
    return (
      place && finish(scanner, start, dst, exchange ?? `atomic_fetch_${fetched}`, size === SIZE_32, place)
    );
  }
  const exchange = scanner.takeMatch(Exchange);
  if (!exchange) return undefined;
  const base = takeReg(scanner);
  if (base === NO_REGISTER || base >= HALF) return undefined;
  const hasOffset = scanner.code === 0x2b || scanner.code === 0x2d;
  const off = hasOffset ? takeExpression(scanner) : undefined;
  if (hasOffset && !off) return undefined;
  return finish(scanner, start, dst, exchange[1]!, exchange[3] !== undefined, { base, off });
}

/**
 * The registers behind the address. The old value comes out in the register of the operand, that of
 * `cmpxchg` in r0, with which it compares.
 */
function finish(
  scanner: Scanner,
  start: number,
  dst: number,
  name: string,
  narrow: boolean,
  { base, off }: Place,
): InsnStatement | undefined {
  const compares = name === 'cmpxchg';
  if (!scanner.takeSign(0x2c)) return undefined;
  const first = takeReg(scanner);
  const src = compares && scanner.takeSign(0x2c) ? takeReg(scanner) : compares ? NO_REGISTER : first;
  const end = scanner.place + 1;
  if (first === NO_REGISTER || src === NO_REGISTER || !scanner.takeSign(0x29)) return undefined;
  const result = dst & (HALF - 1);
  if ((first & (HALF - 1)) !== result || (compares && result !== 0)) return undefined;
  return statement(findInsn(narrow ? `${name}32` : name), start, end, base, src & (HALF - 1), off);
}

/** `r1 = load_acquire((u32 *)(r2 + 0))` */
export function takeLoadAcquire(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  if (!scanner.takeWord('load_acquire') || !scanner.takeSign(0x28)) return undefined;
  const size = takeBareCast(scanner);
  const place = size >= 0 && size <= SIZE_64 ? takeBase(scanner) : undefined;
  const end = scanner.place + 1;
  if (!place || !scanner.takeSign(0x29)) return undefined;
  const def = rowOf({ kind: 'loadAcquire', op: 'load_acquire', size: 2 ** size, x: true, fetch: true });
  return statement(def, start, end, dst & (HALF - 1), place.base, place.off);
}

/** `store_release((u32 *)(r1 + 0), r2)` */
export function takeStoreRelease(scanner: Scanner, start: number): InsnStatement | undefined {
  if (!scanner.takeWord('store_release') || !scanner.takeSign(0x28)) return undefined;
  const size = takeBareCast(scanner);
  const place = size >= 0 && size <= SIZE_64 ? takeBase(scanner) : undefined;
  if (!place || !scanner.takeSign(0x2c)) return undefined;
  const src = takeReg(scanner);
  const end = scanner.place + 1;
  if (src === NO_REGISTER || !scanner.takeSign(0x29)) return undefined;
  const def = rowOf({ kind: 'storeRelease', op: 'store_release', size: 2 ** size, x: true });
  return statement(def, start, end, place.base, src & (HALF - 1), place.off);
}
