import { findInsn, type InsnDef } from '../../isa/insn-table.ts';
import type { Expr, InsnStatement } from './ast.ts';
import { rowOf } from './insn-forms.ts';
import { ALU, ALU_OPS, JUMP, LOAD, NEG, SIZES, STORE_K, STORE_X } from './insn-rows.ts';
import { addressSpaces } from './operators.ts';
import { takeAddress } from './plain-address.ts';
import { takeAtomic, takeLoadAcquire, takeStoreRelease } from './plain-atomic.ts';
import { HALF, NO_REGISTER, takeExpression, takeReg } from './plain-expression.ts';
import { takeString } from './plain-string.ts';
import type { Scanner } from './scanner.ts';

const LDDW = findInsn('lddw')!;
const EXIT = findInsn('exit')!;
const CALL = findInsn('call')!;
const CALLX = findInsn('callx')!;
const JA = findInsn('ja')!;
const JA32 = findInsn('ja32')!;
const MAY_GOTO = findInsn('may_goto')!;
const ADDR_SPACE_CAST = findInsn('addr_space_cast')!;
const U64 = 3;

/** The instruction that begins here, or undefined for one that is left to the grammar. */
export function takeInsn(scanner: Scanner): InsnStatement | undefined {
  const start = scanner.place;
  if (scanner.code === 0x2a) return takeStore(scanner, start);
  const dst = takeReg(scanner);
  if (dst !== NO_REGISTER) return takeAssignment(scanner, start, dst);
  switch (scanner.code) {
    case 0x69: // i
      return scanner.takeWord('if') ? takeIf(scanner, start) : undefined;
    case 0x67: // g
      if (scanner.takeWord('goto')) return takeTarget(scanner, start, JA);
      return scanner.takeWord('gotol') ? takeTarget(scanner, start, JA32) : undefined;
    case 0x6d: // m
      return scanner.takeWord('may_goto') ? takeTarget(scanner, start, MAY_GOTO) : undefined;
    case 0x63: // c
      if (scanner.takeWord('call')) return takeTarget(scanner, start, CALL);
      return scanner.takeWord('callx') ? takeCallx(scanner, start) : undefined;
    case 0x6c: // l
      return scanner.takeWord('lock') ? takeLock(scanner, start) : undefined;
    case 0x73: // s
      return takeStoreRelease(scanner, start);
    case 0x65: // e
      return scanner.takeWord('exit') ? insn(EXIT, start, start + 4, 0, 0) : undefined;
    default:
      return undefined;
  }
}

/** The end of what was taken last: spaces behind it do not count. */
function insn(
  def: InsnDef | undefined,
  start: number,
  end: number,
  dst: number,
  src: number,
  off?: Expr,
  imm?: Expr,
  target?: Expr,
): InsnStatement | undefined {
  return def && { kind: 'insn', def, dst, src, off, imm, target, start, end };
}

function takeTarget(scanner: Scanner, start: number, def: InsnDef): InsnStatement | undefined {
  const target = takeExpression(scanner);
  return target && insn(def, start, target.end, 0, 0, undefined, undefined, target);
}

function takeCallx(scanner: Scanner, start: number): InsnStatement | undefined {
  const at = scanner.place;
  const reg = takeReg(scanner);
  if (reg === NO_REGISTER || reg >= HALF) return undefined;
  return insn(CALLX, start, at + widthOf(reg), reg, 0);
}

/** Characters of a register's name. */
function widthOf(reg: number): number {
  return (reg & (HALF - 1)) === 10 ? 3 : 2;
}

/** Adds 2 for `w` registers; what `rowsOf` counts by. */
function variant(dst: number, x: boolean): number {
  return (dst >= HALF ? 2 : 0) + (x ? 1 : 0);
}

/** The number of the operation of `+=`, `s>>=` …, or -1; passes over it, `=` included. */
function takeCompound(scanner: Scanner): number {
  const { code } = scanner;
  const next = scanner.codeAt(1);
  const signed = code === 0x73;
  const first = signed ? next : code;
  const second = signed ? scanner.codeAt(2) : next;
  const shift = (first === 0x3c || first === 0x3e) && second === first;
  const length = (signed ? 1 : 0) + (shift ? 2 : 1);
  if (scanner.codeAt(length) !== 0x3d) return -1;
  const op = shift ? shiftOf(first, signed) : operationOf(first, signed);
  if (op < 0) return -1;
  scanner.at += length + 1;
  scanner.skipSpaces();
  return op;
}

function shiftOf(code: number, signed: boolean): number {
  if (code === 0x3c) return signed ? -1 : 9;
  return signed ? 11 : 10;
}

function operationOf(code: number, signed: boolean): number {
  switch (code) {
    case 0x2b:
      return signed ? -1 : 1;
    case 0x2d:
      return signed ? -1 : 2;
    case 0x2a:
      return signed ? -1 : 3;
    case 0x2f:
      return signed ? 12 : 4;
    case 0x25:
      return signed ? 13 : 5;
    case 0x26:
      return signed ? -1 : 6;
    case 0x7c:
      return signed ? -1 : 7;
    case 0x5e:
      return signed ? -1 : 8;
    default:
      return -1;
  }
}

function takeAssignment(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  if (scanner.codeAt(0) !== 0x3d) {
    const op = takeCompound(scanner);
    return op < 0 ? undefined : takeAlu(scanner, start, dst, op);
  }
  if (scanner.codeAt(1) === 0x3d) return undefined;
  scanner.takeSign(0x3d);
  return takeValue(scanner, start, dst);
}

/** What stands behind `r1 =`. */
function takeValue(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  const { code } = scanner;
  if (code === 0x2a) return takeLoad(scanner, start, dst);
  if (code === 0x28) return takeSignExtension(scanner, start, dst);
  const at = scanner.place;
  const src = takeReg(scanner);
  if (src !== NO_REGISTER) return moveOf(start, dst, src, at + widthOf(src));
  if (code === 0x62 || code === 0x6c || code === 0x61 || code === 0x78 || code === 0x63) {
    const { at: before } = scanner;
    const operation = takeOperation(scanner, start, dst);
    // What began as one and did not end so is nothing else either.
    if (operation || scanner.at !== before) return operation;
  }
  if (code === 0x2d && isRegisterNext(scanner)) return takeNegation(scanner, start, dst);
  return takeConstant(scanner, start, dst);
}

/** With a parenthesis behind it, it is a number: `be16(0x0800)`. */
const Swap = /(?:le|be|bswap)(?:16|32|64)(?![\w.$(])/y;

/** `be16 r1`, an atomic operation, `addr_space_cast(…)` */
function takeOperation(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  const swap = scanner.takeMatch(Swap);
  if (swap) return takeSwap(scanner, start, dst, swap[0]);
  return (
    takeAtomic(scanner, start, dst) ?? takeLoadAcquire(scanner, start, dst) ?? takeCast(scanner, start, dst)
  );
}

function takeConstant(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  const imm = scanner.code === 0x22 ? takeText(scanner) : takeExpression(scanner);
  if (!imm) return undefined;
  const at = scanner.place;
  if (scanner.code !== 0x6c || !scanner.takeWord('ll'))
    return insn(ALU[variant(dst, false)], start, imm.end, dst & (HALF - 1), 0, undefined, imm);
  return dst < HALF ? insn(LDDW, start, at + 2, dst, 0, undefined, imm) : undefined;
}

/** A string, as a value: its address. */
function takeText(scanner: Scanner): Expr | undefined {
  const text = takeString(scanner);
  return text && { ...text, kind: 'string' };
}

function moveOf(start: number, dst: number, src: number, end: number): InsnStatement | undefined {
  if (dst >= HALF && src < HALF) return undefined;
  // clang prints `r2 = w9` for a zero-extending move: that is what a 32-bit move does.
  return insn(ALU[variant(src, true)], start, end, dst & (HALF - 1), src & (HALF - 1));
}

const Cast = /\([ \t]*s(8|16|32)[ \t]*\)/y;

/** `r1 = (s8)r2`, or a constant in parentheses. */
function takeSignExtension(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  const bits = scanner.takeMatch(Cast)?.[1];
  if (bits === undefined) return takeConstant(scanner, start, dst);
  const at = scanner.place;
  const src = takeReg(scanner);
  if (src === NO_REGISTER || src >= HALF !== dst >= HALF) return undefined;
  const def = findInsn(`movsx${bits}${dst >= HALF ? '_32' : ''}`);
  return insn(def, start, at + widthOf(src), dst & (HALF - 1), src & (HALF - 1));
}

/** `r1 = be16 r1`; the row does not say the register that is read, so both must be one. */
function takeSwap(scanner: Scanner, start: number, dst: number, name: string): InsnStatement | undefined {
  const at = scanner.place;
  const src = takeReg(scanner);
  if (dst >= HALF || src !== dst) return undefined;
  return insn(findInsn(name), start, at + widthOf(src), dst, 0);
}

/** `r1 = addr_space_cast(r2, 0, 1)` */
function takeCast(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  if (dst >= HALF || !scanner.takeWord('addr_space_cast') || !scanner.takeSign(0x28)) return undefined;
  const src = takeReg(scanner);
  if (src === NO_REGISTER || src >= HALF || !scanner.takeSign(0x2c)) return undefined;
  const to = takeExpression(scanner);
  const from = to && scanner.takeSign(0x2c) ? takeExpression(scanner) : undefined;
  const end = scanner.place + 1;
  if (!to || !from || !scanner.takeSign(0x29)) return undefined;
  return insn(ADDR_SPACE_CAST, start, end, dst, src, undefined, addressSpaces(to, from));
}

/** A register behind a sign, and not the start of a name. */
function isRegisterNext(scanner: Scanner): boolean {
  return /^-[ \t]*[rw]\d/.test(scanner.text.slice(scanner.at, scanner.at + 8));
}

function takeNegation(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  scanner.takeSign(0x2d);
  const at = scanner.place;
  const src = takeReg(scanner);
  if (src !== dst) return undefined;
  return insn(NEG[dst >= HALF ? 1 : 0], start, at + widthOf(src), dst & (HALF - 1), 0);
}

function takeAlu(scanner: Scanner, start: number, dst: number, op: number): InsnStatement | undefined {
  const at = scanner.place;
  const src = takeReg(scanner);
  if (src !== NO_REGISTER) {
    if (dst >= HALF !== src >= HALF) return undefined;
    const def = ALU[op * 4 + variant(dst, true)];
    return insn(def, start, at + widthOf(src), dst & (HALF - 1), src & (HALF - 1));
  }
  const imm = takeExpression(scanner);
  return imm && insn(ALU[op * 4 + variant(dst, false)], start, imm.end, dst & (HALF - 1), 0, undefined, imm);
}

function takeLoad(scanner: Scanner, start: number, dst: number): InsnStatement | undefined {
  const address = takeAddress(scanner, dst === 0);
  if (!address) return undefined;
  const { size, base, off, end } = address;
  if (address.packet) return insn(address.packet, start, end, 0, base, off, address.imm);
  // The upper half is cleared in any case, so a `w` register makes no difference.
  if (dst >= HALF && size >= U64) return undefined;
  return insn(LOAD[size], start, end, dst & (HALF - 1), base, off);
}

function takeStore(scanner: Scanner, start: number): InsnStatement | undefined {
  const address = takeAddress(scanner, false);
  if (!address || address.size > U64 || !scanner.takeSign(0x3d)) return undefined;
  const { size, base: dst, off } = address;
  const at = scanner.place;
  const src = takeReg(scanner);
  if (src !== NO_REGISTER) {
    if (src >= HALF && size === U64) return undefined;
    return insn(STORE_X[size], start, at + widthOf(src), dst, src & (HALF - 1), off);
  }
  const imm = takeExpression(scanner);
  return imm && insn(STORE_K[size], start, imm.end, dst, 0, off, imm);
}

/** `lock *(u64 *)(r1 + 0) += r2` */
function takeLock(scanner: Scanner, start: number): InsnStatement | undefined {
  const address = scanner.code === 0x2a ? takeAddress(scanner, false) : undefined;
  if (!address || address.size > U64) return undefined;
  const op = takeCompound(scanner);
  const at = scanner.place;
  const src = op < 0 ? NO_REGISTER : takeReg(scanner);
  if (src === NO_REGISTER) return undefined;
  const size = SIZES[address.size]!;
  const def = rowOf({ kind: 'atomic', op: ALU_OPS[op]!, width: size * 8, size, x: true });
  return insn(def, start, at + widthOf(src), address.base, src & (HALF - 1), address.off);
}

/** The number of a comparison, or -1; passes over it. */
function takeCompare(scanner: Scanner): number {
  const { code } = scanner;
  const signed = code === 0x73;
  const first = signed ? scanner.codeAt(1) : code;
  const equals = scanner.codeAt(signed ? 2 : 1) === 0x3d;
  let op: number;
  if (first === 0x3e) op = (signed ? 6 : 2) + (equals ? 1 : 0);
  else if (first === 0x3c) op = (signed ? 8 : 4) + (equals ? 1 : 0);
  else if (signed) return -1;
  else if (first === 0x26) op = equals ? -1 : 10;
  else if (equals) op = first === 0x3d ? 0 : first === 0x21 ? 1 : -1;
  else return -1;
  if (op < 0) return -1;
  scanner.at += (signed ? 2 : 1) + (equals ? 1 : 0);
  scanner.skipSpaces();
  return op;
}

function takeIf(scanner: Scanner, start: number): InsnStatement | undefined {
  const dst = takeReg(scanner);
  const op = dst === NO_REGISTER ? -1 : takeCompare(scanner);
  if (op < 0) return undefined;
  const src = takeReg(scanner);
  const x = src !== NO_REGISTER;
  const imm = x ? undefined : takeExpression(scanner);
  if ((!x && !imm) || !scanner.takeWord('goto')) return undefined;
  const target = takeExpression(scanner);
  if (!target || (x && dst >= HALF !== src >= HALF)) return undefined;
  const def = JUMP[op * 4 + variant(dst, x)];
  return insn(def, start, target.end, dst & (HALF - 1), x ? src & (HALF - 1) : 0, undefined, imm, target);
}
