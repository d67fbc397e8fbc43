import type { Expr, InsnStatement } from '../syntax/ast.ts';
import type { Assembler } from './assembler.ts';
import type { SectionBuilder } from './section-builder.ts';

/**
 * Writes an instruction that depends on nothing that may come later, as nine of ten do, so that no
 * statement has to be kept. Whatever is unusual, wrong or worth a warning is left to the second pass.
 *
 * @returns false where the second pass has to do it
 */
export function writeAtOnce(
  assembler: Assembler,
  section: SectionBuilder,
  offset: number,
  insn: InsnStatement,
): boolean {
  const { def } = insn;
  switch (def.kind) {
    case 'alu':
    case 'ldx':
    case 'ldsx':
    case 'stx':
    case 'neg':
    case 'exit':
    case 'movsx':
    case 'end':
    case 'call': {
      // A call of this file's makes a function of its target.
      if (def.kind === 'call' && (def.src === PSEUDO_CALL || insn.target!.kind !== 'number')) return false;
      const off = typeof def.off === 'number' ? def.off : smallNumber(insn.off, MIN_S16, MAX_S16);
      const imm =
        typeof def.imm === 'number' ? def.imm : smallNumber(insn.imm ?? insn.target, MIN_S32, MAX_S32);
      if (off === NOT_SMALL || imm === NOT_SMALL) return false;
      put(assembler, section, offset, insn, off, imm);
      return true;
    }
    case 'st': {
      // A store that loses bits deserves a warning.
      const bits = Math.min(32, def.size * 8);
      const off = smallNumber(insn.off, MIN_S16, MAX_S16);
      const imm = smallNumber(insn.imm, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1);
      if (off === NOT_SMALL || imm === NOT_SMALL) return false;
      put(assembler, section, offset, insn, off, imm);
      return true;
    }
    case 'lddw': {
      const { imm } = insn;
      if (imm?.kind !== 'number' || typeof imm.value !== 'number') return false;
      put(assembler, section, offset, insn, 0, imm.value | 0);
      putWord(
        section.buffer,
        offset + 12,
        assembler.options.endian === 'little',
        Math.floor(imm.value / 2 ** 32),
      );
      return true;
    }
    case 'ja':
    case 'jcond':
      return writeJump(assembler, section, offset, insn);
    default:
      return false;
  }
}

/** `src` of a call within the file (Linux, `bpf.h`: BPF_PSEUDO_CALL). */
const PSEUDO_CALL = 1;
const MIN_S16 = -0x8000;
const MAX_S16 = 0x7fff;
const MIN_S32 = -(2 ** 31);
const MAX_S32 = 2 ** 31 - 1;
/** No field holds it. */
const NOT_SMALL = 2 ** 40;

function smallNumber(expr: Expr | undefined, min: number, max: number): number {
  if (expr === undefined) return 0;
  if (expr.kind !== 'number' || typeof expr.value !== 'number') return NOT_SMALL;
  return expr.value >= min && expr.value <= max ? expr.value : NOT_SMALL;
}

/** A jump by a number, or back to a label of this section. */
function writeJump(
  assembler: Assembler,
  section: SectionBuilder,
  offset: number,
  insn: InsnStatement,
): boolean {
  const { def } = insn;
  const target = insn.target!;
  let distance: number;
  if (target.kind === 'number') distance = smallNumber(target, MIN_S16, MAX_S16);
  else if (target.kind === 'name') {
    const symbol = assembler.symbols.find(target.name);
    if (symbol?.section !== section || symbol.constant) return false;
    distance = (symbol.value - offset) / 8 - 1;
  } else return false;
  if (!Number.isInteger(distance) || distance < MIN_S16 || distance > MAX_S16) return false;
  const long = def.imm === 'branch';
  const imm = long || def.kind === 'ja' ? 0 : smallNumber(insn.imm, MIN_S32, MAX_S32);
  if (imm === NOT_SMALL) return false;
  put(assembler, section, offset, insn, long ? 0 : distance, long ? distance : imm);
  return true;
}

function put(
  { options }: Assembler,
  { buffer }: SectionBuilder,
  at: number,
  { def, dst, src }: InsnStatement,
  off: number,
  imm: number,
): void {
  const source = typeof def.src === 'number' ? def.src : src;
  putInsn(buffer, at, options.endian === 'little', def.opcode, dst, source, off, imm);
}

/** Writes the fields of an instruction (RFC 9669, section 3). */
export function putInsn(
  buffer: Uint8Array,
  at: number,
  little: boolean,
  opcode: number,
  dst: number,
  src: number,
  off: number,
  imm: number,
): void {
  buffer[at] = opcode;
  buffer[at + 1] = little ? (src << 4) | dst : (dst << 4) | src;
  putOffset(buffer, at, little, off);
  putWord(buffer, at + 4, little, imm);
}

/** The 16 bits that jumps and memory operands have. */
export function putOffset(buffer: Uint8Array, at: number, little: boolean, off: number): void {
  buffer[at + 2] = little ? off : off >> 8;
  buffer[at + 3] = little ? off >> 8 : off;
}

function putWord(buffer: Uint8Array, at: number, little: boolean, word: number): void {
  if (little) {
    buffer[at] = word;
    buffer[at + 1] = word >> 8;
    buffer[at + 2] = word >> 16;
    buffer[at + 3] = word >> 24;
  } else {
    buffer[at] = word >> 24;
    buffer[at + 1] = word >> 16;
    buffer[at + 2] = word >> 8;
    buffer[at + 3] = word;
  }
}
