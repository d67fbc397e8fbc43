import type { InsnKind } from '../../isa/insn-table.ts';
import { mnemonicOf } from '../syntax/mnemonic-names.ts';
import type { OperandTexts } from './operand-texts.ts';

type Formatter = (insn: OperandTexts) => string;

function memory(base: number, { sign, off }: OperandTexts): string {
  return `[r${base}${sign}${off}]`;
}

const value = ({ def, src, imm }: OperandTexts): string => (def.x ? `r${src}` : imm);
const load: Formatter = (insn) => `r${insn.dst}, ${memory(insn.src, insn)}`;
const store: Formatter = (insn) => `${memory(insn.dst, insn)}, ${value(insn)}`;
const destination: Formatter = ({ dst }) => `r${dst}`;
const jump: Formatter = ({ target }) => target;

/** A distance begins with a sign, what the kernel gives an id may be followed by an index. */
const call: Formatter = (insn) => {
  const { def, target } = insn;
  if (def.src === 1) return /^\d/.test(target) ? `+${target}` : target;
  return def.src === 2 && !isZero(insn.off) ? `${target}, ${signedOff(insn)}` : target;
};

const OPERANDS: Readonly<Record<InsnKind, Formatter>> = {
  alu: (insn) => `r${insn.dst}, ${value(insn)}`,
  neg: destination,
  end: destination,
  movsx: ({ dst, src }) => `r${dst}, r${src}`,
  addrSpaceCast: ({ dst, src, pair }) => `r${dst}, r${src}, ${pair.join(', ')}`,
  lddw: ({ def, dst, imm, pair }) => (def.src === 0 ? `r${dst}, ${imm}` : `r${dst}, ${second(pair)}`),
  ldabs: ({ imm }) => imm,
  ldind: (insn) => (isZero(insn.off) ? `r${insn.src}` : `r${insn.src}, ${signedOff(insn)}`),
  ldx: load,
  ldsx: load,
  st: store,
  stx: store,
  atomic: store,
  xchg: store,
  cmpxchg: store,
  loadAcquire: load,
  storeRelease: store,
  ja: jump,
  jcond: (insn) => `r${insn.dst}, ${value(insn)}, ${insn.target}`,
  mayGoto: jump,
  call,
  callx: destination,
  exit: () => '',
  unknown: () => '<unknown>',
};

function isZero(text: string): boolean {
  return /^(?:0x)?0$/.test(text);
}

function signedOff({ sign, off }: OperandTexts): string {
  return sign === '-' ? `-${off}` : off;
}

function second([first, other]: readonly [string, string]): string {
  return isZero(other) ? first : `${first}, ${other}`;
}

/** One instruction with its mnemonic: `ldxw r0, [r1+0x4]`. */
export function formatMnemonic(insn: OperandTexts): string {
  const { def } = insn;
  const operands = OPERANDS[def.kind](insn);
  if (def.kind === 'unknown') return operands;
  // `call 6` is what both dialects write.
  const name = def.name === 'call' ? 'call' : mnemonicOf(def);
  return operands === '' ? name : `${name} ${operands}`;
}
