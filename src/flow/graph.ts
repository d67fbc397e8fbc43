import type { Endian } from '../util/bytes.ts';
import { decodeFlow, type FlowCode, insnAt, nextSlot } from './code.ts';

/** What the bytes at a slot do not say, because a relocation or a patch will change them. */
export type FlowReference =
  /** A call of, or the address of, the function that begins at `target` of the same code. */
  | { readonly kind: 'function'; readonly target: number }
  /** A call that leaves this code; `returns` is false where it never comes back (`bpf_throw`). */
  | { readonly kind: 'extern'; readonly returns?: boolean }
  /** An `lddw` of an address: a map, a variable. */
  | { readonly kind: 'address' }
  /** An instruction whose fields are settled later (CO-RE): its result is not known. */
  | { readonly kind: 'patched' };

/** A function's place in the code. */
export interface FunctionRange {
  readonly slot: number;
  readonly slots: number;
}

export interface FlowOptions {
  readonly endian: Endian;
  /** Left out, the whole code is one function. Where two overlap, the second begins where it says. */
  readonly functions?: readonly FunctionRange[];
  /** By the instruction's first slot. */
  readonly references?: ReadonlyMap<number, FlowReference>;
}

/** What is wrong with the code's shape; the kernel refuses every one of them. */
export interface FlowProblem {
  readonly slot: number;
  readonly kind:
    | 'jump-out-of-range' // out of the code, or out of the function
    | 'jump-into-lddw'
    | 'falls-off' // goes on behind the last instruction of the function
    | 'cut-off-lddw'
    | 'cut-off-slot' // `slot` is the one that has fewer than 8 bytes
    | 'call-out-of-range' // to a slot where no function begins
    | 'function-in-lddw' // a function begins in the second slot of an lddw
    | 'unknown-instruction'
    | 'bad-register';
  /** Where the jump or the call goes. */
  readonly target?: number;
}

/** A function of the graph. */
export interface FlowFunction extends FunctionRange {
  /** Its blocks are those from `firstBlock` up to `endBlock`, exclusive; there are none in an empty function. */
  readonly firstBlock: number;
  readonly endBlock: number;
}

/** A call or the loaded address of a function of the same code. */
export interface FunctionUse {
  readonly slot: number;
  /** Index into `functions`. */
  readonly callee: number;
  readonly kind: 'call' | 'address';
}

/**
 * The control-flow graph of code: basic blocks in the order of their slots. Edges stay within a
 * function; a call goes on behind itself.
 */
export interface FlowGraph {
  readonly code: FlowCode;
  readonly references: ReadonlyMap<number, FlowReference>;
  /** Sorted by slot. */
  readonly functions: readonly FlowFunction[];
  readonly blockCount: number;
  /** Per block: the first slot, and the one behind the last. */
  readonly start: Int32Array;
  readonly end: Int32Array;
  /** Per block: the slot of its last instruction. */
  readonly last: Int32Array;
  /** Per block two: where it goes on without a jump, where a jump leads; -1 for none. */
  readonly successors: Int32Array;
  /** The predecessors of block `b` are those from `predecessorStart[b]` up to `predecessorStart[b + 1]`. */
  readonly predecessorStart: Int32Array;
  readonly predecessors: Int32Array;
  /** Per slot: its block, or -1 outside of all functions. */
  readonly blockOf: Int32Array;
  /** Per block: its function's index. */
  readonly functionOf: Int32Array;
  /** Per block: 1 where a way leads to it from the start of its function. */
  readonly reachable: Uint8Array;
  /** Sorted by slot. */
  readonly functionUses: readonly FunctionUse[];
  readonly problems: readonly FlowProblem[];
}

const REGISTERS = 11;

/**
 * Finds the basic blocks of code, in time linear in its length. It takes any bytes and throws
 * nothing: what is wrong is in `problems`, and an edge that leads nowhere is left out.
 *
 * @example
 * ```ts
 * const graph = flowGraph(code, { endian: 'little' });
 * graph.problems.map(({ slot, kind }) => `${slot}: ${kind}`);
 * ```
 */
export function flowGraph(bytes: Uint8Array, options: FlowOptions): FlowGraph {
  return new GraphBuilder(decodeFlow(bytes, options.endian), options).build();
}

class GraphBuilder {
  readonly #code: FlowCode;
  readonly #references: ReadonlyMap<number, FlowReference>;
  readonly #ranges: readonly FunctionRange[];
  readonly #functionAt: Int32Array;
  readonly #problems: FlowProblem[] = [];
  /** 1 where a block begins. */
  readonly #leader: Uint8Array;

  constructor(code: FlowCode, { functions, references }: FlowOptions) {
    this.#code = code;
    this.#references = references ?? new Map();
    this.#ranges = disjoint(functions ?? [{ slot: 0, slots: code.slots }], code.slots);
    this.#functionAt = new Int32Array(code.slots).fill(-1);
    for (const [index, { slot, slots }] of this.#ranges.entries())
      this.#functionAt.fill(index, slot, slot + slots);
    this.#leader = new Uint8Array(code.slots + 1);
  }

  build(): FlowGraph {
    const code = this.#code;
    for (const range of this.#ranges) this.#markLeaders(range);
    const count = this.#countBlocks();
    const start = new Int32Array(count);
    const end = new Int32Array(count);
    const last = new Int32Array(count);
    const blockOf = new Int32Array(code.slots).fill(-1);
    const functionOf = new Int32Array(count);
    let block = -1;
    for (let slot = 0; slot < code.slots; slot++) {
      const fn = this.#functionAt[slot]!;
      if (fn < 0) continue;
      if (this.#leader[slot] === 1) {
        block++;
        start[block] = slot;
        last[block] = slot;
        functionOf[block] = fn;
      }
      blockOf[slot] = block;
      end[block] = slot + 1;
      if (code.second[slot] === 0) last[block] = slot;
    }
    const successors = this.#successors(last, functionOf, blockOf);
    const { predecessorStart, predecessors } = invert(successors, count);
    const functions = this.#functions(blockOf);
    if (code.restBytes > 0) this.#problems.push({ slot: code.slots, kind: 'cut-off-slot' });
    return {
      code,
      references: this.#references,
      functions,
      blockCount: count,
      start,
      end,
      last,
      successors,
      predecessorStart,
      predecessors,
      blockOf,
      functionOf,
      reachable: reach(functions, successors, count),
      functionUses: this.#functionUses(),
      problems: this.#problems.sort((a, b) => a.slot - b.slot),
    };
  }

  #markLeaders({ slot: first, slots }: FunctionRange): void {
    const code = this.#code;
    const end = first + slots;
    if (slots === 0) return;
    this.#leader[first] = 1;
    if (code.second[first] === 1) this.#problems.push({ slot: first, kind: 'function-in-lddw' });
    for (let slot = first + code.second[first]!; slot < end; slot = nextSlot(code, slot)) {
      const next = nextSlot(code, slot);
      const falls = this.#falls(slot);
      this.#checkInsn(slot, end);
      if (falls && next >= end) this.#problems.push({ slot, kind: 'falls-off' });
      if (!falls || isJump(code, slot)) this.#leader[next] = 1;
      if (isJump(code, slot)) this.#markTarget(slot);
    }
  }

  #checkInsn(slot: number, end: number): void {
    const code = this.#code;
    const def = insnAt(code, slot);
    const cutOff = def.slots === 2 && slot + 1 === end;
    if (cutOff || code.cutOff === slot) this.#problems.push({ slot, kind: 'cut-off-lddw' });
    else if (def.kind === 'unknown') this.#problems.push({ slot, kind: 'unknown-instruction' });
    if (code.dst[slot]! >= REGISTERS || code.src[slot]! >= REGISTERS)
      this.#problems.push({ slot, kind: 'bad-register' });
  }

  /** A jump within the function begins a block where it leads; any other is a problem. */
  #markTarget(slot: number): void {
    const target = targetOf(this.#code, slot);
    if (target < 0 || this.#functionAt[target] !== this.#functionAt[slot])
      this.#problems.push({ slot, kind: 'jump-out-of-range', target });
    else if (this.#code.second[target] === 1) this.#problems.push({ slot, kind: 'jump-into-lddw', target });
    else this.#leader[target] = 1;
  }

  /** Whether control can go on behind the instruction. */
  #falls(slot: number): boolean {
    const { kind } = insnAt(this.#code, slot);
    if (kind !== 'call') return kind !== 'exit' && kind !== 'ja';
    const reference = this.#references.get(slot);
    return !(reference?.kind === 'extern' && reference.returns === false);
  }

  #countBlocks(): number {
    let count = 0;
    for (let slot = 0; slot < this.#code.slots; slot++) {
      if (this.#functionAt[slot]! < 0) this.#leader[slot] = 0;
      count += this.#leader[slot]!;
    }
    return count;
  }

  #successors(last: Int32Array, functionOf: Int32Array, blockOf: Int32Array): Int32Array {
    const code = this.#code;
    const out = new Int32Array(2 * last.length).fill(-1);
    const blockIn = (fn: number, slot: number): number =>
      slot >= 0 && slot < code.slots && code.second[slot] === 0 && this.#functionAt[slot] === fn
        ? blockOf[slot]!
        : -1;
    for (let block = 0; block < last.length; block++) {
      const slot = last[block]!;
      const fn = functionOf[block]!;
      if (code.second[slot] === 1 || this.#falls(slot)) out[2 * block] = blockIn(fn, nextSlot(code, slot));
      if (isJump(code, slot)) out[2 * block + 1] = blockIn(fn, targetOf(code, slot));
    }
    return out;
  }

  #functions(blockOf: Int32Array): FlowFunction[] {
    return this.#ranges.map(({ slot, slots }) => ({
      slot,
      slots,
      firstBlock: slots > 0 ? blockOf[slot]! : 0,
      endBlock: slots > 0 ? blockOf[slot + slots - 1]! + 1 : 0,
    }));
  }

  #functionUses(): FunctionUse[] {
    const code = this.#code;
    const byStart = new Map(this.#ranges.map(({ slot }, index) => [slot, index]));
    const uses: FunctionUse[] = [];
    for (let slot = 0; slot < code.slots; slot++) {
      if (this.#functionAt[slot]! < 0 || code.second[slot] === 1) continue;
      const { name } = insnAt(code, slot);
      const reference = this.#references.get(slot);
      const pointed = reference?.kind === 'function';
      if (!pointed && (reference !== undefined || (name !== 'call_local' && name !== 'lddw_func'))) continue;
      const target = pointed ? reference.target : slot + 1 + code.imm[slot]!;
      const callee = byStart.get(target);
      const kind = insnAt(code, slot).kind === 'lddw' ? 'address' : 'call';
      if (callee === undefined) this.#problems.push({ slot, kind: 'call-out-of-range', target });
      else uses.push({ slot, callee, kind });
    }
    return uses;
  }
}

function isJump(code: FlowCode, slot: number): boolean {
  const { kind } = insnAt(code, slot);
  return kind === 'ja' || kind === 'jcond' || kind === 'mayGoto';
}

/** Where a jump leads: a slot, or a number that is none. */
function targetOf(code: FlowCode, slot: number): number {
  return slot + 1 + (insnAt(code, slot).imm === 'branch' ? code.imm[slot]! : code.off[slot]!);
}

/** Ranges within the code, sorted, each ending where the next begins at the latest. */
function disjoint(ranges: readonly FunctionRange[], slots: number): FunctionRange[] {
  const sorted = ranges
    .filter(({ slot }) => slot >= 0 && slot < slots)
    .sort((a, b) => a.slot - b.slot)
    .filter(({ slot }, index, all) => index === 0 || all[index - 1]!.slot !== slot);
  return sorted.map(({ slot, slots: count }, index) => ({
    slot,
    slots: Math.max(0, Math.min(slot + count, sorted[index + 1]?.slot ?? slots) - slot),
  }));
}

function invert(
  successors: Int32Array,
  count: number,
): { readonly predecessorStart: Int32Array; readonly predecessors: Int32Array } {
  const predecessorStart = new Int32Array(count + 1);
  for (const to of successors) if (to >= 0) predecessorStart[to + 1]!++;
  for (let block = 0; block < count; block++) predecessorStart[block + 1]! += predecessorStart[block]!;
  const predecessors = new Int32Array(predecessorStart[count]!);
  const next = predecessorStart.slice();
  for (let edge = 0; edge < successors.length; edge++) {
    const to = successors[edge]!;
    if (to >= 0) predecessors[next[to]!++] = edge >> 1;
  }
  return { predecessorStart, predecessors };
}

function reach(functions: readonly FlowFunction[], successors: Int32Array, count: number): Uint8Array {
  const reached = new Uint8Array(count);
  const open: number[] = [];
  const visit = (block: number): void => {
    if (block < 0 || reached[block] === 1) return;
    reached[block] = 1;
    open.push(block);
  };
  for (const { firstBlock, endBlock } of functions) if (endBlock > firstBlock) visit(firstBlock);
  for (let block = open.pop(); block !== undefined; block = open.pop()) {
    visit(successors[2 * block]!);
    visit(successors[2 * block + 1]!);
  }
  return reached;
}
