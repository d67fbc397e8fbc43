import { type Instruction, wideImmediate } from '../../isa/codec.ts';
import { InsnClass, type InsnKind } from '../../isa/insn-table.ts';

export interface FormatOptions {
  /** Numbers as llvm-objdump prints them (16, the default) or as clang does (10). */
  readonly radix?: 10 | 16;
}

type Radix = 10 | 16;
type Formatter = (insn: Instruction, radix: Radix) => string;

function number(value: number | bigint, radix: Radix): string {
  if (radix === 10) return String(value);
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** With the sign in front: `+0x3`. */
function distance(value: number, radix: Radix): string {
  return value < 0 ? number(value, radix) : `+${number(value, radix)}`;
}

function address(base: number, off: number, radix: Radix): string {
  return off < 0 ? `(r${base} - ${number(-off, radix)})` : `(r${base} + ${number(off, radix)})`;
}

function pointer(insn: Instruction, signed = false): string {
  return `(${signed ? 's' : 'u'}${insn.def.size * 8} *)`;
}

/** The letter of 32-bit operations' registers is `w`. */
function letter(insn: Instruction): string {
  return insn.def.width === 32 ? 'w' : 'r';
}

const alu: Formatter = (insn, radix) => {
  const reg = letter(insn);
  return `${reg}${insn.dst} ${insn.def.op}= ${insn.def.x ? `${reg}${insn.src}` : number(insn.imm, radix)}`;
};

const movsx: Formatter = (insn) => {
  const reg = insn.def.cls === InsnClass.ALU ? 'w' : 'r';
  return `${reg}${insn.dst} = (s${insn.def.width})${reg}${insn.src}`;
};

const load: Formatter = (insn, radix) =>
  `r${insn.dst} = *${pointer(insn, insn.def.kind === 'ldsx')}${address(insn.src, insn.off, radix)}`;

const store: Formatter = (insn, radix) => {
  const value = insn.def.x ? `r${insn.src}` : number(insn.imm, radix);
  return `*${pointer(insn)}${address(insn.dst, insn.off, radix)} = ${value}`;
};

const atomic: Formatter = (insn, radix) => {
  const { dst, src, off, def } = insn;
  if (!def.fetch) return `lock *${pointer(insn)}${address(dst, off, radix)} ${def.op}= r${src}`;
  const name = def.name.replace(/32$/, '');
  const reg = letter(insn);
  return `${reg}${src} = ${name}(${pointer(insn)}${address(dst, off, radix)}, ${reg}${src})`;
};

const exchange: Formatter = (insn, radix) => {
  const { dst, src, off, def } = insn;
  const reg = letter(insn);
  const at = address(dst, off, radix).slice(1, -1);
  const name = `${def.op}${def.width === 32 ? '32_32' : '_64'}`;
  return def.kind === 'xchg'
    ? `${reg}${src} = ${name}(${at}, ${reg}${src})`
    : `${reg}0 = ${name}(${at}, ${reg}0, ${reg}${src})`;
};

const jump: Formatter = (insn, radix) =>
  `${insn.def.op} ${distance(insn.def.imm === 'branch' ? insn.imm : insn.off, radix)}`;

const conditional: Formatter = (insn, radix) => {
  const reg = letter(insn);
  const right = insn.def.x ? `${reg}${insn.src}` : number(insn.imm, radix);
  return `if ${reg}${insn.dst} ${insn.def.op} ${right} goto ${distance(insn.off, radix)}`;
};

const FORMATTERS: Readonly<Record<InsnKind, Formatter>> = {
  alu,
  neg: (insn) => `${letter(insn)}${insn.dst} = -${letter(insn)}${insn.dst}`,
  end: (insn) => `r${insn.dst} = ${insn.def.op} r${insn.dst}`,
  movsx,
  addrSpaceCast: ({ dst, src, imm }, radix) =>
    `r${dst} = addr_space_cast(r${src}, ${number(imm >>> 16, radix)}, ${number(imm & 0xffff, radix)})`,
  lddw: (insn, radix) => `r${insn.dst} = ${number(BigInt.asIntN(64, wideImmediate(insn)), radix)} ll`,
  ldabs: (insn, radix) => `r0 = *${pointer(insn)}skb[${number(insn.imm, radix)}]`,
  ldind: (insn, radix) =>
    `r0 = *${pointer(insn)}skb[${insn.imm === 0 ? `r${insn.src}` : address(insn.src, insn.imm, radix).slice(1, -1)}]`,
  ldx: load,
  ldsx: load,
  st: store,
  stx: store,
  atomic,
  xchg: exchange,
  cmpxchg: exchange,
  loadAcquire: (insn, radix) =>
    `r${insn.dst} = load_acquire(${pointer(insn)}${address(insn.src, insn.off, radix)})`,
  storeRelease: (insn, radix) =>
    `store_release(${pointer(insn)}${address(insn.dst, insn.off, radix)}, r${insn.src})`,
  ja: jump,
  jcond: conditional,
  mayGoto: (insn, radix) => `may_goto ${distance(insn.off, radix)}`,
  call: (insn, radix) => `call ${number(insn.imm, radix)}`,
  callx: (insn) => `callx r${insn.dst}`,
  exit: () => 'exit',
  unknown: () => '<unknown>',
};

/**
 * One instruction in LLVM's syntax, without labels: `r0 = *(u32 *)(r1 + 0x4)`.
 *
 * @example
 * ```ts
 * formatInstruction(makeInsn('ldxw', { dst: 0, src: 1, off: 4 })); // 'r0 = *(u32 *)(r1 + 0x4)'
 * ```
 */
export function formatInstruction(insn: Instruction, options: FormatOptions = {}): string {
  return FORMATTERS[insn.def.kind](insn, options.radix ?? 16);
}
