import { type Instruction, wideImmediate } from '../../isa/codec.ts';
import type { InsnDef } from '../../isa/insn-table.ts';

/** The operands of one instruction as text: from bytes as numbers, from a source as they are spelled. */
export interface OperandTexts {
  readonly def: InsnDef;
  readonly dst: number;
  readonly src: number;
  /** The sign of the offset; {@link off} is what follows it. */
  readonly sign: '+' | '-';
  readonly off: string;
  readonly imm: string;
  /** The two numbers of rows that pack them into one: an arena cast's address spaces, a pseudo load's slots. */
  readonly pair: readonly [string, string];
  /** Of jumps and calls: a label, or a distance with its sign. */
  readonly target: string;
}

export type Radix = 10 | 16;

export function numberText(value: number | bigint, radix: Radix): string {
  if (radix === 10) return String(value);
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** The operands of a decoded instruction. */
export class DecodedOperands implements OperandTexts {
  readonly def: InsnDef;
  readonly #insn: Instruction;
  readonly #radix: Radix;

  constructor(insn: Instruction, radix: Radix) {
    this.def = insn.def;
    this.#insn = insn;
    this.#radix = radix;
  }

  get dst(): number {
    return this.#insn.dst;
  }

  get src(): number {
    return this.#insn.src;
  }

  get sign(): '+' | '-' {
    return this.#offset < 0 ? '-' : '+';
  }

  get off(): string {
    return numberText(Math.abs(this.#offset), this.#radix);
  }

  /** A packet load adds its immediate to the register. */
  get #offset(): number {
    return this.def.kind === 'ldind' ? this.#insn.imm : this.#insn.off;
  }

  get imm(): string {
    const { imm } = this.#insn;
    const wide = this.def.kind === 'lddw';
    return numberText(wide ? BigInt.asIntN(64, wideImmediate(this.#insn)) : imm, this.#radix);
  }

  get pair(): readonly [string, string] {
    const { imm, nextImm } = this.#insn;
    const halves = this.def.kind === 'lddw' ? [imm, nextImm] : [imm >>> 16, imm & 0xffff];
    return [numberText(halves[0]!, this.#radix), numberText(halves[1]!, this.#radix)];
  }

  get target(): string {
    const { kind, imm: field } = this.def;
    const distance = kind === 'call' || field === 'branch' ? this.#insn.imm : this.#insn.off;
    const text = numberText(distance, this.#radix);
    return distance < 0 || kind === 'call' ? text : `+${text}`;
  }
}
