import { evaluateCondition } from '../../flow/arithmetic.ts';
import { insnAt, nextSlot } from '../../flow/code.ts';
import type { FlowGraph } from '../../flow/graph.ts';
import { registerEffect } from '../../flow/registers.ts';
import { REGISTER_COUNT, type RegisterValues, Transfer } from '../../flow/transfer.ts';
import { UNKNOWN, ValueTable } from '../../flow/values.ts';
import { InsnClass, type InsnDef } from '../../isa/insn-table.ts';
import { Bounds } from './bounds.ts';

const FRAME_POINTER = 10;

/** What a comparison becomes with its sides changed; others stay as they are. */
const SWAPPED: Readonly<Record<string, string>> = {
  '>': '<',
  '<': '>',
  '>=': '<=',
  '<=': '>=',
  's>': 's<',
  's<': 's>',
  's>=': 's<=',
  's<=': 's>=',
};

/**
 * Whether control can go a way from the start of a function, as far as comparisons with constants
 * and repeated comparisons tell: what two jumps on the way say must fit together.
 *
 * @param blocks the first one begins the function, each is a successor of the one before it
 */
export function isFeasible(graph: FlowGraph, blocks: readonly number[]): boolean {
  const path = new Path(graph);
  for (const [at, block] of blocks.entries()) {
    const next = blocks[at + 1];
    path.run(block);
    if (next !== undefined && !path.leave(block, next)) return false;
  }
  return true;
}

class Path {
  readonly #graph: FlowGraph;
  readonly #values = new ValueTable();
  readonly #transfer: Transfer;
  readonly #registers: RegisterValues = new Int32Array(REGISTER_COUNT).fill(UNKNOWN);
  /** Two registers with the same number hold the same value, whatever it is. */
  readonly #sames = Int32Array.from({ length: REGISTER_COUNT }, (_, register) => register);
  readonly #computed = new Map<string, number>();
  /** By offset from r10: what was spilled there. */
  readonly #spilled = new Map<number, number>();
  /** By the number of the value. */
  readonly #bounds = new Map<number, Bounds>();
  readonly #compared = new Map<string, boolean>();
  #next = REGISTER_COUNT;

  constructor(graph: FlowGraph) {
    this.#graph = graph;
    this.#transfer = new Transfer(graph.code, graph.references, this.#values);
    this.#registers[FRAME_POINTER] = this.#values.stack(0);
  }

  run(block: number): void {
    const { code, start, end } = this.#graph;
    const first = start[block]! + code.second[start[block]!]!;
    for (let slot = first; slot < end[block]!; slot = nextSlot(code, slot)) {
      this.#follow(slot);
      this.#transfer.step(slot, this.#registers);
    }
  }

  /** Takes in what it means that control goes on with `next`; false where that cannot be. */
  leave(block: number, next: number): boolean {
    const { code, last, successors } = this.#graph;
    const slot = last[block]!;
    const def = insnAt(code, slot);
    if (def.kind !== 'jcond' || successors[2 * block] === successors[2 * block + 1]) return true;
    const taken = successors[2 * block + 1] === next;
    const a = this.#values.get(this.#registers[code.dst[slot]!] ?? UNKNOWN);
    const b = this.#values.get(this.#transfer.operand(slot, def, this.#registers));
    if (a.kind === 'constant' && b.kind === 'constant')
      return evaluateCondition(def, a.value, b.value) === taken;
    const same = this.#sames[code.dst[slot]!]!;
    if (b.kind === 'constant') return this.#bound(def.op, def.width, same, b.value, taken);
    if (a.kind === 'constant' && def.x) {
      const source = this.#sames[code.src[slot]!]!;
      return this.#bound(SWAPPED[def.op] ?? def.op, def.width, source, a.value, taken);
    }
    const key = `${def.op} ${def.width} ${same} ${def.x ? this.#sames[code.src[slot]!] : slot}`;
    const before = this.#compared.get(key);
    this.#compared.set(key, taken);
    return before === undefined || before === taken;
  }

  #bound(op: string, width: number, same: number, operand: bigint, taken: boolean): boolean {
    const bounds = this.#bounds.get(same) ?? new Bounds();
    this.#bounds.set(same, bounds);
    if (!bounds.assume(op, width, operand, taken)) return false;
    if (bounds.low !== bounds.high) return true;
    for (let register = 0; register < FRAME_POINTER; register++)
      if (this.#sames[register] === same) this.#registers[register] = this.#values.constant(bounds.low);
    return true;
  }

  /** Numbers what the instruction computes: the same operation on the same values gives the same. */
  #follow(slot: number): void {
    const { code, references } = this.#graph;
    const def = insnAt(code, slot);
    const { defines, clobbers } = registerEffect(code, slot, references);
    if (def.cls === InsnClass.ST || def.cls === InsnClass.STX) this.#spill(slot, def);
    if (def.kind === 'call' || def.kind === 'callx') this.#spilled.clear();
    const changed = defines | clobbers;
    const result = changed === 0 ? 0 : this.#number(slot, def);
    for (let register = 0; register < FRAME_POINTER; register++)
      if ((changed >> register) & 1)
        this.#sames[register] = (defines >> register) & 1 ? result : this.#next++;
  }

  #number(slot: number, def: InsnDef): number {
    const { code } = this.#graph;
    const src = this.#sames[code.src[slot]!] ?? this.#next++;
    const dst = this.#sames[code.dst[slot]!] ?? this.#next++;
    if (def.name === 'mov_x') return src;
    if (def.name === 'ldxdw') {
      const base = this.#values.get(this.#registers[code.src[slot]!] ?? UNKNOWN);
      const spilled = base.kind === 'stack' && this.#spilled.get(base.offset + code.off[slot]!);
      return typeof spilled === 'number' ? spilled : this.#next++;
    }
    if (def.kind !== 'alu' && def.kind !== 'neg' && def.kind !== 'end' && def.kind !== 'movsx') {
      if (def.kind === 'ldx' && def.size < 8) this.#bounds.set(this.#next, belowBits(8 * def.size));
      return this.#next++;
    }
    const before = def.op === '' || def.kind === 'movsx' ? '' : dst;
    const key = `${def.name} ${before} ${def.x ? src : code.imm[slot]}`;
    const known = this.#computed.get(key) ?? this.#next++;
    if (!this.#computed.has(key)) this.#limit(known, slot, def, dst);
    this.#computed.set(key, known);
    return known;
  }

  /** What is known of a value because of how it is computed. */
  #limit(result: number, slot: number, def: InsnDef, dst: number): void {
    if (def.cls === InsnClass.ALU) this.#bounds.set(result, belowBits(def.kind === 'end' ? def.width : 32));
    const from = this.#bounds.get(dst);
    if (def.name !== 'add_k' || from === undefined || this.#graph.references.has(slot)) return;
    const added = BigInt(this.#graph.code.imm[slot]!);
    const [low, high] = [from.low + added, from.high + added];
    if (low >= 0n && high < 1n << 64n) this.#bounds.set(result, new Bounds(low, high));
  }

  #spill(slot: number, def: InsnDef): void {
    const { code } = this.#graph;
    const base = this.#values.get(this.#registers[code.dst[slot]!] ?? UNKNOWN);
    if (base.kind !== 'stack') {
      if (base.kind === 'unknown') this.#spilled.clear();
      return;
    }
    const offset = base.offset + code.off[slot]!;
    for (let at = offset - 7; at < offset + def.size; at++) this.#spilled.delete(at);
    if (def.name === 'stxdw') this.#spilled.set(offset, this.#sames[code.src[slot]!]!);
  }
}

function belowBits(bits: number): Bounds {
  return new Bounds(0n, (1n << BigInt(bits)) - 1n);
}
