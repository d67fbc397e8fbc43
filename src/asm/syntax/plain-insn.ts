import { findInsn, type InsnDef } from '../../isa/insn-table.ts';
import type { Expr, InsnStatement, Reg } from './ast.ts';
import { rowOf } from './insn-forms.ts';
import { takeAtomic } from './plain-atomic.ts';
import { takeExpression, takeRegister } from './plain-expression.ts';
import type { Scanner } from './scanner.ts';

type Operands = Partial<Pick<InsnStatement, 'dst' | 'src' | 'off' | 'imm' | 'target'>>;

/**
 * The rows by what tells them apart in a line, `64 +` for `r1 +=`: a lookup for each line, in place
 * of building a form. Filled as rows are met.
 */
class Rows {
  readonly #known = new Map<string, InsnDef | undefined>();
  readonly #find: (key: string) => InsnDef | undefined;

  constructor(find: (key: string) => InsnDef | undefined) {
    this.#find = find;
  }

  get(key: string): InsnDef | undefined {
    const known = this.#known.get(key);
    if (known) return known;
    const def = this.#find(key);
    if (def) this.#known.set(key, def);
    return def;
  }
}

const widthOf = (key: string): number => Number(key.slice(0, 2));
const opOf = (key: string): string => key.slice(3);
const ALU_K = new Rows((key) => rowOf({ kind: 'alu', op: opOf(key), width: widthOf(key) }));
const ALU_X = new Rows((key) => rowOf({ kind: 'alu', op: opOf(key), width: widthOf(key), x: true }));
const JUMP_K = new Rows((key) => rowOf({ kind: 'jcond', op: opOf(key), width: widthOf(key) }));
const JUMP_X = new Rows((key) => rowOf({ kind: 'jcond', op: opOf(key), width: widthOf(key), x: true }));
const LOAD = new Rows((key) =>
  rowOf({ kind: key[0] === 's' ? 'ldsx' : 'ldx', size: Number(key.slice(1)) / 8, x: true }),
);
const STORE_K = new Rows((key) => rowOf({ kind: 'st', size: Number(key.slice(1)) / 8 }));
const STORE_X = new Rows((key) => rowOf({ kind: 'stx', size: Number(key.slice(1)) / 8, x: true }));
const LDDW = findInsn('lddw')!;
const EXIT = findInsn('exit')!;
const CALL = findInsn('call')!;
const JA = findInsn('ja')!;
const JA32 = findInsn('ja32')!;
const MAY_GOTO = findInsn('may_goto')!;

const CompoundAssign = /(?:s>>|s\/|s%|<<|>>|[-+*/%&|^])=/y;
const Compare = /[=!]=|s?[<>]=?|&/y;
const Swap = /(?:le|be|bswap)(?:16|32|64)(?![\w.$])/y;
const MemorySize = /\*[ \t]*\([ \t]*([us](?:8|16|32|64))[ \t]*\*[ \t]*\)[ \t]*\([ \t]*/y;

/** The end of what was taken last: spaces behind it do not count. */
function insn(
  def: InsnDef | undefined,
  start: number,
  end: number,
  operands: Operands,
): InsnStatement | undefined {
  if (!def) return undefined;
  const { dst = 0, src = 0, off, imm, target } = operands;
  return { kind: 'insn', def, dst, src, off, imm, target, start, end };
}

/** The instruction that begins here, or undefined for one that is left to the grammar. */
export function takeInsn(scanner: Scanner): InsnStatement | undefined {
  const { at: start, code } = scanner;
  if (code === 0x2a) return takeStore(scanner, start);
  const dst = takeRegister(scanner);
  if (dst) return takeAssignment(scanner, start, dst);
  switch (scanner.text.slice(start, scanner.wordEnd())) {
    case 'if':
      return takeIf(scanner, start);
    case 'goto':
      return takeTarget(scanner, start, 'goto', JA);
    case 'gotol':
      return takeTarget(scanner, start, 'gotol', JA32);
    case 'may_goto':
      return takeTarget(scanner, start, 'may_goto', MAY_GOTO);
    case 'call':
      return takeTarget(scanner, start, 'call', CALL);
    case 'lock':
      return takeLock(scanner, start);
    case 'exit':
      scanner.takeWord('exit');
      return insn(EXIT, start, start + 4, {});
    default:
      return undefined;
  }
}

function takeTarget(scanner: Scanner, start: number, word: string, def: InsnDef): InsnStatement | undefined {
  scanner.takeWord(word);
  const target = takeExpression(scanner);
  return target && insn(def, start, target.end, { target });
}

function takeAssignment(scanner: Scanner, start: number, dst: Reg): InsnStatement | undefined {
  const compound = scanner.takeMatch(CompoundAssign);
  if (compound) return takeAlu(scanner, start, dst, compound[0].slice(0, -1));
  if (scanner.codeAt(1) === 0x3d || !scanner.takeSign(0x3d)) return undefined;
  if (scanner.code === 0x2a) return takeLoad(scanner, start, dst);
  const src = takeRegister(scanner);
  if (src) return moveOf(start, dst, src);
  const swap = scanner.takeMatch(Swap);
  if (swap) return takeSwap(scanner, start, dst, swap[0]);
  if (scanner.code === 0x28) return takeSignExtension(scanner, start, dst);
  const { at } = scanner;
  const atomic = takeAtomic(scanner, start, dst);
  // What began as one and did not end so is nothing else either.
  if (atomic || scanner.at !== at) return atomic;
  if (scanner.code === 0x2d && isRegisterNext(scanner)) return takeNegation(scanner, start, dst);
  return takeConstant(scanner, start, dst);
}

function takeConstant(scanner: Scanner, start: number, dst: Reg): InsnStatement | undefined {
  const imm = takeExpression(scanner);
  if (!imm) return undefined;
  const { at } = scanner;
  if (!scanner.takeWord('ll'))
    return insn(ALU_K.get(`${dst.width} `), start, imm.end, { dst: dst.number, imm });
  return dst.width === 64 ? insn(LDDW, start, at + 2, { dst: dst.number, imm }) : undefined;
}

function moveOf(start: number, dst: Reg, src: Reg): InsnStatement | undefined {
  if (dst.width !== src.width) return undefined;
  return insn(ALU_X.get(`${dst.width} `), start, src.end, { dst: dst.number, src: src.number });
}

const Cast = /\([ \t]*s(8|16|32)[ \t]*\)/y;

/** `r1 = (s8)r2`, or a constant in parentheses. */
function takeSignExtension(scanner: Scanner, start: number, dst: Reg): InsnStatement | undefined {
  const bits = scanner.takeMatch(Cast)?.[1];
  if (bits === undefined) return takeConstant(scanner, start, dst);
  const src = takeRegister(scanner);
  if (src?.width !== dst.width) return undefined;
  const def = findInsn(`movsx${bits}${dst.width === 32 ? '_32' : ''}`);
  return insn(def, start, src.end, { dst: dst.number, src: src.number });
}

/** `r1 = be16 r1`; the row does not say the register that is read, so both must be one. */
function takeSwap(scanner: Scanner, start: number, dst: Reg, name: string): InsnStatement | undefined {
  const src = takeRegister(scanner);
  if (dst.width !== 64 || src?.width !== 64 || src.number !== dst.number) return undefined;
  return insn(findInsn(name), start, src.end, { dst: dst.number });
}

/** A register behind a sign, and not the start of a name. */
function isRegisterNext(scanner: Scanner): boolean {
  return /^-[ \t]*[rw]\d/.test(scanner.text.slice(scanner.at, scanner.at + 8));
}

function takeNegation(scanner: Scanner, start: number, dst: Reg): InsnStatement | undefined {
  scanner.takeSign(0x2d);
  const src = takeRegister(scanner);
  if (!src || src.number !== dst.number || src.width !== dst.width) return undefined;
  return insn(rowOf({ kind: 'neg', op: '-', width: dst.width }), start, src.end, { dst: dst.number });
}

function takeAlu(scanner: Scanner, start: number, dst: Reg, op: string): InsnStatement | undefined {
  const src = takeRegister(scanner);
  const key = `${dst.width} ${op}`;
  if (src) {
    if (src.width !== dst.width) return undefined;
    return insn(ALU_X.get(key), start, src.end, { dst: dst.number, src: src.number });
  }
  const imm = takeExpression(scanner);
  return imm && insn(ALU_K.get(key), start, imm.end, { dst: dst.number, imm });
}

interface Address {
  readonly size: string;
  readonly base: number;
  readonly off: Expr | undefined;
  /** Behind the closing parenthesis. */
  readonly end: number;
}

/** `*(u32 *)(r1 + 4)` */
function takeAddress(scanner: Scanner): Address | undefined {
  const size = scanner.takeMatch(MemorySize)?.[1];
  const base = size === undefined ? undefined : takeRegister(scanner);
  if (size === undefined || base?.width !== 64) return undefined;
  const { code } = scanner;
  const hasOffset = code === 0x2b || code === 0x2d;
  const off = hasOffset ? takeExpression(scanner) : undefined;
  if (hasOffset && !off) return undefined;
  const end = scanner.at + 1;
  return scanner.takeSign(0x29) ? { size, base: base.number, off, end } : undefined;
}

function takeLoad(scanner: Scanner, start: number, dst: Reg): InsnStatement | undefined {
  const address = takeAddress(scanner);
  if (!address || (dst.width === 32 && (address.size === 'u64' || address.size[0] === 's'))) return undefined;
  const { size, base, off, end } = address;
  return insn(LOAD.get(size), start, end, { dst: dst.number, src: base, off });
}

function takeStore(scanner: Scanner, start: number): InsnStatement | undefined {
  const address = takeAddress(scanner);
  if (!address || address.size[0] === 's' || !scanner.takeSign(0x3d)) return undefined;
  const { size, base: dst, off } = address;
  const src = takeRegister(scanner);
  if (src) {
    if (src.width === 32 && size === 'u64') return undefined;
    return insn(STORE_X.get(size), start, src.end, { dst, off, src: src.number });
  }
  const imm = takeExpression(scanner);
  return imm && insn(STORE_K.get(size), start, imm.end, { dst, off, imm });
}

/** `lock *(u64 *)(r1 + 0) += r2` */
function takeLock(scanner: Scanner, start: number): InsnStatement | undefined {
  scanner.takeWord('lock');
  const address = scanner.code === 0x2a ? takeAddress(scanner) : undefined;
  const op = address && scanner.takeMatch(CompoundAssign)?.[0].slice(0, -1);
  const src = op === undefined ? undefined : takeRegister(scanner);
  if (!address || !src || address.size[0] === 's') return undefined;
  const width = Number(address.size.slice(1));
  const def = rowOf({ kind: 'atomic', op: op!, width, size: width / 8, x: true });
  return insn(def, start, src.end, { dst: address.base, src: src.number, off: address.off });
}

function takeIf(scanner: Scanner, start: number): InsnStatement | undefined {
  scanner.takeWord('if');
  const dst = takeRegister(scanner);
  const op = dst && scanner.takeMatch(Compare)?.[0];
  if (!dst || op === undefined) return undefined;
  const src = takeRegister(scanner);
  const imm = src ? undefined : takeExpression(scanner);
  if (!scanner.takeWord('goto')) return undefined;
  const target = takeExpression(scanner);
  const key = `${dst.width} ${op}`;
  if (!target || src?.width === (dst.width === 64 ? 32 : 64)) return undefined;
  if (src) return insn(JUMP_X.get(key), start, target.end, { dst: dst.number, src: src.number, target });
  return imm && insn(JUMP_K.get(key), start, target.end, { dst: dst.number, imm, target });
}
