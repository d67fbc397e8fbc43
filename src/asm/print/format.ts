import type { Instruction } from '../../isa/codec.ts';
import { InsnClass, type InsnKind } from '../../isa/insn-table.ts';
import { formatMnemonic } from './format-mnemonic.ts';
import { DecodedOperands, type OperandTexts } from './operand-texts.ts';

/** The two dialects of the language. */
export type InsnStyle = 'llvm' | 'mnemonic';

export interface FormatOptions {
  /** Numbers as llvm-objdump prints them (16, the default) or as clang does (10). */
  readonly radix?: 10 | 16;
  /** `llvm` by default. */
  readonly style?: InsnStyle;
}

type Formatter = (insn: OperandTexts) => string;

function address(base: number, { sign, off }: OperandTexts): string {
  return `(r${base} ${sign} ${off})`;
}

function pointer({ def }: OperandTexts): string {
  return `(${def.kind === 'ldsx' ? 's' : 'u'}${def.size * 8} *)`;
}

/** The letter of 32-bit operations' registers is `w`. */
function letter({ def }: OperandTexts): string {
  return def.width === 32 ? 'w' : 'r';
}

const alu: Formatter = (insn) => {
  const reg = letter(insn);
  return `${reg}${insn.dst} ${insn.def.op}= ${insn.def.x ? `${reg}${insn.src}` : insn.imm}`;
};

const movsx: Formatter = (insn) => {
  const reg = insn.def.cls === InsnClass.ALU ? 'w' : 'r';
  return `${reg}${insn.dst} = (s${insn.def.width})${reg}${insn.src}`;
};

const load: Formatter = (insn) => `r${insn.dst} = *${pointer(insn)}${address(insn.src, insn)}`;

const store: Formatter = (insn) =>
  `*${pointer(insn)}${address(insn.dst, insn)} = ${insn.def.x ? `r${insn.src}` : insn.imm}`;

const atomic: Formatter = (insn) => {
  const { dst, src, def } = insn;
  if (!def.fetch) return `lock *${pointer(insn)}${address(dst, insn)} ${def.op}= r${src}`;
  const name = def.name.replace(/32$/, '');
  const reg = letter(insn);
  return `${reg}${src} = ${name}(${pointer(insn)}${address(dst, insn)}, ${reg}${src})`;
};

const exchange: Formatter = (insn) => {
  const { dst, src, def } = insn;
  const reg = letter(insn);
  const at = address(dst, insn).slice(1, -1);
  const name = `${def.op}${def.width === 32 ? '32_32' : '_64'}`;
  return def.kind === 'xchg'
    ? `${reg}${src} = ${name}(${at}, ${reg}${src})`
    : `${reg}0 = ${name}(${at}, ${reg}0, ${reg}${src})`;
};

const packetLoad: Formatter = (insn) =>
  /^(?:0x)?0$/.test(insn.off) ? `r${insn.src}` : address(insn.src, insn).slice(1, -1);

const jump: Formatter = ({ def, target }) => `${def.op} ${target}`;

const conditional: Formatter = (insn) => {
  const reg = letter(insn);
  const right = insn.def.x ? `${reg}${insn.src}` : insn.imm;
  return `if ${reg}${insn.dst} ${insn.def.op} ${right} goto ${insn.target}`;
};

const FORMATTERS: Readonly<Record<InsnKind, Formatter>> = {
  alu,
  neg: (insn) => `${letter(insn)}${insn.dst} = -${letter(insn)}${insn.dst}`,
  end: (insn) => `r${insn.dst} = ${insn.def.op} r${insn.dst}`,
  movsx,
  addrSpaceCast: ({ dst, src, pair }) => `r${dst} = addr_space_cast(r${src}, ${pair.join(', ')})`,
  lddw: ({ dst, imm }) => `r${dst} = ${imm} ll`,
  ldabs: (insn) => `r0 = *${pointer(insn)}skb[${insn.imm}]`,
  ldind: (insn) => `r0 = *${pointer(insn)}skb[${packetLoad(insn)}]`,
  ldx: load,
  ldsx: load,
  st: store,
  stx: store,
  atomic,
  xchg: exchange,
  cmpxchg: exchange,
  loadAcquire: (insn) => `r${insn.dst} = load_acquire(${pointer(insn)}${address(insn.src, insn)})`,
  storeRelease: (insn) => `store_release(${pointer(insn)}${address(insn.dst, insn)}, r${insn.src})`,
  ja: jump,
  jcond: conditional,
  mayGoto: ({ target }) => `may_goto ${target}`,
  call: ({ target }) => `call ${target}`,
  callx: (insn) => `callx r${insn.dst}`,
  exit: () => 'exit',
  unknown: () => '<unknown>',
};

/** One instruction in LLVM's syntax. */
export function formatLlvm(insn: OperandTexts): string {
  return FORMATTERS[insn.def.kind](insn);
}

/**
 * One instruction without labels, by default in LLVM's syntax: `r0 = *(u32 *)(r1 + 0x4)`.
 *
 * @example
 * ```ts
 * formatInstruction(makeInsn('ldxw', { dst: 0, src: 1, off: 4 })); // 'r0 = *(u32 *)(r1 + 0x4)'
 * formatInstruction(makeInsn('ldxw', { dst: 0, src: 1, off: 4 }), { style: 'mnemonic' }); // 'ldxw r0, [r1+0x4]'
 * ```
 */
export function formatInstruction(insn: Instruction, options: FormatOptions = {}): string {
  const operands = new DecodedOperands(insn, options.radix ?? 16);
  return options.style === 'mnemonic' ? formatMnemonic(operands) : formatLlvm(operands);
}
