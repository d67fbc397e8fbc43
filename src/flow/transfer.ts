import type { InsnDef } from '../isa/insn-table.ts';
import { evaluateAlu, evaluateMovsx, evaluateNeg, evaluateSwap } from './arithmetic.ts';
import { type FlowCode, insnAt } from './code.ts';
import type { FlowReference } from './graph.ts';
import { CALLER_SAVED } from './registers.ts';
import { type FlowValue, UNDEFINED, UNKNOWN, type ValueId, type ValueTable } from './values.ts';

/** One number per register, r0 to r10. */
export type RegisterValues = Int32Array;

export const REGISTER_COUNT = 11;
const FRAME_POINTER = 10;

/** Follows values through single instructions. */
export class Transfer {
  readonly #code: FlowCode;
  readonly #references: ReadonlyMap<number, FlowReference>;
  readonly #values: ValueTable;

  constructor(code: FlowCode, references: ReadonlyMap<number, FlowReference>, values: ValueTable) {
    this.#code = code;
    this.#references = references;
    this.#values = values;
  }

  /** Changes `registers` as the instruction at `slot` does; gives the value that it wrote, or `UNDEFINED`. */
  step(slot: number, registers: RegisterValues): ValueId {
    const code = this.#code;
    const def = insnAt(code, slot);
    switch (def.kind) {
      case 'alu':
      case 'neg':
      case 'end':
      case 'movsx':
      case 'lddw':
      case 'addrSpaceCast':
      case 'ldx':
      case 'ldsx':
      case 'loadAcquire':
        return write(registers, code.dst[slot]!, this.#result(slot, def, registers));
      case 'atomic':
      case 'xchg':
        return def.fetch ? write(registers, code.src[slot]!, UNKNOWN) : UNDEFINED;
      case 'cmpxchg':
        return write(registers, 0, UNKNOWN);
      case 'call':
      case 'callx':
      case 'ldabs':
      case 'ldind':
        for (let register = 0; (CALLER_SAVED >> register) & 1; register++) registers[register] = UNKNOWN;
        return UNKNOWN;
      default:
        return UNDEFINED;
    }
  }

  /** The value of the second operand of an ALU instruction or a conditional jump. */
  operand(slot: number, { x }: InsnDef, registers: RegisterValues): ValueId {
    if (x) return registers[this.#code.src[slot]!] ?? UNKNOWN;
    if (this.#references.get(slot)?.kind === 'patched') return UNKNOWN;
    return this.#values.constant(BigInt.asUintN(64, BigInt(this.#code.imm[slot]!)));
  }

  #result(slot: number, def: InsnDef, registers: RegisterValues): ValueId {
    if (def.kind === 'lddw') return this.#loaded(slot, def);
    if (def.kind === 'alu') return this.#alu(slot, def, registers);
    if (def.kind !== 'neg' && def.kind !== 'end' && def.kind !== 'movsx') return UNKNOWN;
    const from = def.kind === 'movsx' ? this.#code.src[slot]! : this.#code.dst[slot]!;
    const value = this.#values.get(registers[from] ?? UNKNOWN);
    if (value.kind !== 'constant') return UNKNOWN;
    if (def.kind === 'neg') return this.#values.constant(evaluateNeg(def, value.value));
    if (def.kind === 'movsx') return this.#values.constant(evaluateMovsx(def, value.value));
    return this.#values.constant(evaluateSwap(def, value.value, this.#code.endian));
  }

  #loaded(slot: number, { src }: InsnDef): ValueId {
    const reference = this.#references.get(slot);
    if (reference?.kind === 'patched') return UNKNOWN;
    if (reference !== undefined || src !== 0) return this.#values.address(slot, 0);
    const high = BigInt(this.#code.imm[slot + 1]! >>> 0);
    return this.#values.constant((high << 32n) | BigInt(this.#code.imm[slot]! >>> 0));
  }

  #alu(slot: number, def: InsnDef, registers: RegisterValues): ValueId {
    const dst = this.#code.dst[slot]!;
    const operandId = this.operand(slot, def, registers);
    if (def.op === '' && def.width === 64) return operandId;
    // Whatever it held.
    if (def.x && dst === this.#code.src[slot] && (def.op === '^' || def.op === '-'))
      return this.#values.constant(0n);
    const before = this.#values.get(def.op === '' ? operandId : (registers[dst] ?? UNKNOWN));
    const operand = this.#values.get(operandId);
    if (before.kind === 'constant' && operand.kind === 'constant')
      return this.#values.constant(evaluateAlu(def, before.value, operand.value));
    if (def.width !== 64 || (def.op !== '+' && def.op !== '-')) return UNKNOWN;
    return this.#moved(before, operand, def.op === '-');
  }

  /** An address plus or minus a constant. */
  #moved(before: FlowValue, operand: FlowValue, minus: boolean): ValueId {
    if (operand.kind === 'constant') {
      const distance = Number(BigInt.asIntN(64, operand.value)) * (minus ? -1 : 1);
      if (before.kind === 'stack') return this.#values.stack(before.offset + distance);
      if (before.kind === 'address') return this.#values.address(before.slot, before.offset + distance);
    }
    return before.kind === 'constant' && !minus && operand.kind !== 'constant'
      ? this.#moved(operand, before, false)
      : UNKNOWN;
  }
}

/** The frame pointer keeps its value: the kernel takes no code that writes to it. */
function write(registers: RegisterValues, register: number, value: ValueId): ValueId {
  if (register < FRAME_POINTER) registers[register] = value;
  return value;
}
