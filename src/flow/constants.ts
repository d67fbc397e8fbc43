import { evaluateCondition } from './arithmetic.ts';
import { insnAt, nextSlot } from './code.ts';
import type { FlowGraph } from './graph.ts';
import { registerEffect } from './registers.ts';
import { REGISTER_COUNT, type RegisterValues, Transfer } from './transfer.ts';
import { type FlowValue, UNDEFINED, UNKNOWN, type ValueId, ValueTable } from './values.ts';

/**
 * What the registers hold at each slot, found by conditional constant propagation (M. Wegman and
 * F. Zadeck, 1991): a jump that a constant decides is followed on one side only. Memory is not
 * followed: what is loaded is unknown.
 */
export class FlowConstants {
  readonly graph: FlowGraph;
  /** Per edge, in the order of `graph.successors`: 1 where control can take it. */
  readonly taken: Uint8Array;
  readonly #values: ValueTable;
  readonly #transfer: Transfer;
  /** Eleven numbers per block. */
  readonly #entry: Int32Array;
  /** Per slot the value that its instruction wrote. */
  readonly #written: Int32Array;

  /** Made by {@link flowConstants}. */
  constructor(graph: FlowGraph, values: ValueTable, transfer: Transfer, solved: Solved) {
    this.graph = graph;
    this.taken = solved.taken;
    this.#values = values;
    this.#transfer = transfer;
    this.#entry = solved.entry;
    this.#written = solved.written;
  }

  /** What a register holds before the instruction at a slot. Takes as long as the block is long. */
  before(slot: number, register: number): FlowValue {
    const block = this.graph.blockOf[slot] ?? -1;
    if (block < 0 || !this.isExecuted(block)) return this.#values.get(UNDEFINED);
    const { code, references } = this.graph;
    const mask = 1 << register;
    for (let at = slot - 1; at >= this.graph.start[block]!; at--) {
      if (code.second[at] === 1 || register >= REGISTER_COUNT - 1) continue;
      const effect = registerEffect(code, at, references);
      if (effect.clobbers & mask) return this.#values.get(UNKNOWN);
      if (effect.defines & mask) return this.#values.get(this.#written[at]!);
    }
    return this.#values.get(this.#entry[block * REGISTER_COUNT + register] ?? UNKNOWN);
  }

  /** What the instruction at a slot left in the register that it writes; a call in r0. */
  written(slot: number): FlowValue {
    return this.#values.get(this.#written[slot] ?? UNDEFINED);
  }

  /** What a register holds where a block begins. */
  atStart(block: number, register: number): FlowValue {
    return this.#values.get(this.#entry[block * REGISTER_COUNT + register] ?? UNKNOWN);
  }

  /** Whether control can come to a block, as far as constants decide it. */
  isExecuted(block: number): boolean {
    return this.#entry[block * REGISTER_COUNT + REGISTER_COUNT - 1] !== UNDEFINED;
  }

  /** Goes through the instructions of a block with what the registers hold before each. */
  walk(block: number, visit: (slot: number, holds: (register: number) => FlowValue) => void): void {
    const registers = this.#entry.slice(block * REGISTER_COUNT, (block + 1) * REGISTER_COUNT);
    const holds = (register: number): FlowValue => this.#values.get(registers[register] ?? UNKNOWN);
    const { code, start, end } = this.graph;
    const first = start[block]! + code.second[start[block]!]!;
    for (let slot = first; slot < end[block]!; slot = nextSlot(code, slot)) {
      visit(slot, holds);
      this.#transfer.step(slot, registers);
    }
  }
}

interface Solved {
  readonly entry: Int32Array;
  readonly written: Int32Array;
  readonly taken: Uint8Array;
}

/**
 * Finds what the registers hold. A register's value changes at most twice per block, so that the
 * time is linear in the code.
 */
export function flowConstants(graph: FlowGraph): FlowConstants {
  const values = new ValueTable();
  const transfer = new Transfer(graph.code, graph.references, values);
  return new FlowConstants(graph, values, transfer, new Solver(graph, values, transfer).solve());
}

class Solver {
  readonly #graph: FlowGraph;
  readonly #values: ValueTable;
  readonly #transfer: Transfer;
  readonly #entry: Int32Array;
  readonly #written: Int32Array;
  readonly #taken: Uint8Array;
  readonly #waiting: Uint8Array;
  #queue: number[] = [];

  constructor(graph: FlowGraph, values: ValueTable, transfer: Transfer) {
    this.#graph = graph;
    this.#values = values;
    this.#transfer = transfer;
    this.#entry = new Int32Array(graph.blockCount * REGISTER_COUNT);
    this.#written = new Int32Array(graph.code.slots);
    this.#taken = new Uint8Array(2 * graph.blockCount);
    this.#waiting = new Uint8Array(graph.blockCount);
  }

  solve(): Solved {
    const registers: RegisterValues = new Int32Array(REGISTER_COUNT).fill(UNKNOWN);
    registers[REGISTER_COUNT - 1] = this.#values.stack(0);
    for (const { firstBlock, endBlock } of this.#graph.functions)
      if (endBlock > firstBlock) this.#enter(firstBlock, registers);
    // A round takes the blocks that the one before it changed, in the order of the code.
    while (this.#queue.length > 0) {
      const round = Int32Array.from(this.#queue).sort();
      this.#queue = [];
      for (const block of round) {
        this.#waiting[block] = 0;
        this.#run(block, registers);
      }
    }
    return { entry: this.#entry, written: this.#written, taken: this.#taken };
  }

  #run(block: number, registers: RegisterValues): void {
    const { code, start, end, last, successors } = this.#graph;
    registers.set(this.#entry.subarray(block * REGISTER_COUNT, (block + 1) * REGISTER_COUNT));
    const first = start[block]! + code.second[start[block]!]!;
    for (let slot = first; slot < end[block]!; slot = nextSlot(code, slot))
      this.#written[slot] = this.#transfer.step(slot, registers);
    const decided = this.#decided(last[block]!, registers);
    for (const side of [0, 1]) {
      const to = successors[2 * block + side]!;
      if (to < 0 || (decided !== undefined && decided !== (side === 1))) continue;
      this.#taken[2 * block + side] = 1;
      this.#enter(to, registers);
    }
  }

  /** Whether the conditional jump at a slot is taken; undefined where that is open. */
  #decided(slot: number, registers: RegisterValues): boolean | undefined {
    const def = insnAt(this.#graph.code, slot);
    if (def.kind !== 'jcond') return undefined;
    const a = this.#values.get(registers[this.#graph.code.dst[slot]!] ?? UNKNOWN);
    const b = this.#values.get(this.#transfer.operand(slot, def, registers));
    return a.kind === 'constant' && b.kind === 'constant'
      ? evaluateCondition(def, a.value, b.value)
      : undefined;
  }

  /** Lays what comes over an edge upon what a block begins with. */
  #enter(block: number, registers: RegisterValues): void {
    const entry = this.#entry;
    const base = block * REGISTER_COUNT;
    let changed = false;
    for (let register = 0; register < REGISTER_COUNT; register++) {
      const joined = join(entry[base + register]!, registers[register]!);
      changed ||= joined !== entry[base + register];
      entry[base + register] = joined;
    }
    if (!changed || this.#waiting[block] === 1) return;
    this.#waiting[block] = 1;
    this.#queue.push(block);
  }
}

function join(a: ValueId, b: ValueId): ValueId {
  if (a === b || b === UNDEFINED) return a;
  return a === UNDEFINED ? b : UNKNOWN;
}
