import type { InsnDef } from '../../isa/insn-table.ts';
import type { Expr } from './ast.ts';
import { rowOf } from './insn-forms.ts';
import { HALF, NO_REGISTER, takeExpression, takeReg } from './plain-expression.ts';
import { isWordPart, type Scanner } from './scanner.ts';

/** What stands behind the size in `*(u32 *)(r1 + 4)` or `*(u16 *)skb[12]`. */
interface Address {
  /** 0 to 3 for 1 to 8 bytes; 4 more with a sign. */
  readonly size: number;
  readonly base: number;
  readonly off: Expr | undefined;
  /** Behind the closing bracket. */
  readonly end: number;
  /** The row of a packet load, and its index. */
  readonly packet?: InsnDef;
  readonly imm?: Expr;
}

/** Added to the size where it has a sign. */
const SIGNED = 4;

/** `u8` to `s64` as 0 to 7, or -1. */
function takeMemorySize(scanner: Scanner): number {
  const { code } = scanner;
  if (code !== 0x75 && code !== 0x73) return -1;
  const first = scanner.codeAt(1);
  const second = scanner.codeAt(2);
  let size = -1;
  if (first === 0x38) size = 0;
  else if (first === 0x31 && second === 0x36) size = 1;
  else if (first === 0x33 && second === 0x32) size = 2;
  else if (first === 0x36 && second === 0x34) size = 3;
  const length = size === 0 ? 2 : 3;
  if (size < 0 || isWordPart(scanner.codeAt(length))) return -1;
  scanner.at += length;
  scanner.skipSpaces();
  return code === 0x73 ? size + SIGNED : size;
}

/** `*(u32 *)` as in {@link takeMemorySize}. */
export function takePointerCast(scanner: Scanner): number {
  if (!scanner.takeSign(0x2a)) return -1;
  return takeBareCast(scanner);
}

/** `(u32 *)` */
export function takeBareCast(scanner: Scanner): number {
  if (!scanner.takeSign(0x28)) return -1;
  const size = takeMemorySize(scanner);
  return size >= 0 && scanner.takeSign(0x2a) && scanner.takeSign(0x29) ? size : -1;
}

/** The offset behind a base register, where there is one; false for one that cannot be read. */
function takeOffset(scanner: Scanner): Expr | undefined | false {
  const { code } = scanner;
  if (code !== 0x2b && code !== 0x2d) return undefined;
  return takeExpression(scanner) ?? false;
}

/** `r1 + 4)` and what it begins with: `(`. */
export function takeBase(
  scanner: Scanner,
): { readonly base: number; readonly off: Expr | undefined; readonly end: number } | undefined {
  if (!scanner.takeSign(0x28)) return undefined;
  const base = takeReg(scanner);
  if (base === NO_REGISTER || base >= HALF) return undefined;
  const off = takeOffset(scanner);
  const end = scanner.place + 1;
  return off !== false && scanner.takeSign(0x29) ? { base, off, end } : undefined;
}

/** `*(u32 *)(r1 + 4)`; into r0 also `*(u16 *)skb[12]` and `*(u8 *)skb[r1]`. */
export function takeAddress(scanner: Scanner, mayBePacket: boolean): Address | undefined {
  const size = takePointerCast(scanner);
  if (size < 0) return undefined;
  if (scanner.code === 0x73) return mayBePacket ? takePacketIndex(scanner, size) : undefined;
  const address = takeBase(scanner);
  return address && { size, base: address.base, off: address.off, end: address.end };
}

/** LD_ABS and LD_IND (RFC 9669, section 5.6): `skb[12]`, `skb[r1 + 2]`. */
function takePacketIndex(scanner: Scanner, size: number): Address | undefined {
  if (size >= SIGNED || !scanner.takeWord('skb') || !scanner.takeSign(0x5b)) return undefined;
  const reg = takeReg(scanner);
  const indirect = reg !== NO_REGISTER;
  if (indirect && reg >= HALF) return undefined;
  const imm = indirect ? takeOffset(scanner) : takeExpression(scanner);
  const end = scanner.place + 1;
  if (imm === false || (!indirect && !imm) || !scanner.takeSign(0x5d)) return undefined;
  const packet = rowOf({ kind: indirect ? 'ldind' : 'ldabs', size: 2 ** size, x: indirect });
  return packet && { size, base: indirect ? reg : 0, off: undefined, end, packet, ...(imm && { imm }) };
}
