import type {
  Code,
  Immediate,
  Label,
  Register,
  Register32,
  Register64,
  Target,
} from '../../../src/asm/index.ts';
import * as asm from '../../../src/asm/index.ts';
import type { InsnDef, InsnKind, InsnOperands } from '../../../src/isa/index.ts';

export function whole(index: number): Register64 {
  return (asm as unknown as Record<string, Register64>)[`r${index}`]!;
}

export function half(index: number): Register32 {
  return (asm as unknown as Record<string, Register32>)[`w${index}`]!;
}

/** What a row's operands are for a method; a jump's target may be a label. */
export interface RowOperands extends InsnOperands {
  readonly target?: Label;
}

type Method = (...args: readonly unknown[]) => unknown;

/** How a row's fields become the arguments of its mnemonic's method. */
const ARGUMENTS: Readonly<
  Record<
    InsnKind,
    ((def: InsnDef, o: RowOperands, register: (index: number) => Register) => unknown[]) | undefined
  >
> = {
  alu: (def, o, reg) => [reg(o.dst ?? 0), def.x ? reg(o.src ?? 0) : (o.imm ?? 0)],
  neg: (_def, o, reg) => [reg(o.dst ?? 0)],
  end: (_def, o) => [whole(o.dst ?? 0)],
  movsx: (_def, o, reg) => [reg(o.dst ?? 0), reg(o.src ?? 0)],
  addrSpaceCast: (_def, o) => [
    whole(o.dst ?? 0),
    whole(o.src ?? 0),
    (o.imm ?? 0) >>> 16,
    (o.imm ?? 0) & 0xffff,
  ],
  lddw: (_def, o) => [whole(o.dst ?? 0), wide(o)],
  ldabs: (_def, o) => [o.imm ?? 0],
  ldind: (_def, o) => [whole(o.src ?? 0), o.imm ?? 0],
  ldx: (_def, o) => [whole(o.dst ?? 0), whole(o.src ?? 0), o.off ?? 0],
  ldsx: (_def, o) => [whole(o.dst ?? 0), whole(o.src ?? 0), o.off ?? 0],
  st: (_def, o) => [whole(o.dst ?? 0), o.off ?? 0, o.imm ?? 0],
  stx: (_def, o) => [whole(o.dst ?? 0), o.off ?? 0, whole(o.src ?? 0)],
  atomic: (_def, o, reg) => [whole(o.dst ?? 0), o.off ?? 0, reg(o.src ?? 0)],
  xchg: (_def, o, reg) => [whole(o.dst ?? 0), o.off ?? 0, reg(o.src ?? 0)],
  cmpxchg: (_def, o, reg) => [whole(o.dst ?? 0), o.off ?? 0, reg(o.src ?? 0)],
  loadAcquire: (_def, o) => [whole(o.dst ?? 0), whole(o.src ?? 0), o.off ?? 0],
  storeRelease: (_def, o) => [whole(o.dst ?? 0), o.off ?? 0, whole(o.src ?? 0)],
  ja: (def, o) => [target(o, def.imm === 'branch' ? o.imm : o.off)],
  jcond: (def, o, reg) => [reg(o.dst ?? 0), def.x ? reg(o.src ?? 0) : (o.imm ?? 0), target(o, o.off)],
  mayGoto: (_def, o) => [target(o, o.off)],
  call: undefined,
  callx: (_def, o) => [whole(o.dst ?? 0)],
  exit: () => [],
  unknown: undefined,
};

function wide({ imm = 0, nextImm = 0, imm64 }: RowOperands): Immediate {
  return imm64 ?? (BigInt(nextImm >>> 0) << 32n) | BigInt(imm >>> 0);
}

function target(operands: RowOperands, distance: number | undefined): Target {
  return operands.target ?? distance ?? 0;
}

/** Whether a mnemonic's method can make a row; the pseudo sources of loads and calls have ways of their own. */
export function hasMethod(def: InsnDef): boolean {
  return def.kind !== 'call' && !(def.kind === 'lddw' && def.name !== def.mnemonic);
}

/** Adds a row by the method of its mnemonic, or of the 64-bit mnemonic with `w` registers. */
export function emitRow(
  p: Code<never>,
  def: InsnDef,
  operands: RowOperands,
  mnemonic: string = def.mnemonic,
  register: (index: number) => Register = whole,
): void {
  const method = (p as unknown as Record<string, Method>)[mnemonic]!;
  method.apply(p, ARGUMENTS[def.kind]!(def, operands, register));
}
