import { nextSlot } from './code.ts';
import type { FlowFunction, FlowGraph } from './graph.ts';
import { ARGUMENTS, type RegisterSet, registerEffect } from './registers.ts';

/** What a call of a function does with the registers. */
export interface FunctionSummary {
  /**
   * Of r1 to r5 those that it reads on some way before it writes them; what a call of unknown
   * arguments may read is not among them.
   */
  readonly reads: RegisterSet;
  /** True where it may come back without having set r0. */
  readonly leavesR0Unset: boolean;
}

/** Which registers are read, written and alive where. */
export interface RegisterFlow {
  /** Per slot, all as of `RegisterEffect`; a call of a function of this code reads what the function does. */
  readonly uses: Uint16Array;
  readonly defines: Uint16Array;
  readonly clobbers: Uint16Array;
  /** Per slot 1 where the number of arguments of the call is not known; alive are then r1 to r5. */
  readonly unknownArguments: Uint8Array;
  /** Per block, where it begins: registers that may be read before they are written again. */
  readonly liveIn: Uint16Array;
  /** Per block, where it begins: registers that hold nothing on at least one way that leads there. */
  readonly unsetIn: Uint16Array;
  readonly summaries: readonly FunctionSummary[];
}

export interface RegisterFlowOptions {
  /** By the function's index: what nobody has set where it begins. Left out, all but r1 to r5 and r10. */
  readonly unsetAtEntry?: (functionIndex: number) => RegisterSet;
  /** Per edge, as `FlowConstants` has it; edges with 0 are not followed to find what is unset. */
  readonly taken?: Uint8Array;
}

const R0 = 1;
const DEFAULT_UNSET: RegisterSet = 0b011_1100_0001;

/**
 * Uses, definitions, liveness and what may be read unset. Functions are looked at before those that
 * call them; where functions call each other in a ring, one of the calls is of unknown arguments.
 */
export function registerFlow(graph: FlowGraph, options: RegisterFlowOptions = {}): RegisterFlow {
  return new RegisterSolver(graph, options).solve();
}

class RegisterSolver {
  readonly #graph: FlowGraph;
  readonly #options: RegisterFlowOptions;
  readonly #uses: Uint16Array;
  readonly #defines: Uint16Array;
  readonly #clobbers: Uint16Array;
  readonly #unknown: Uint8Array;
  readonly #liveIn: Uint16Array;
  readonly #unsetIn: Uint16Array;
  /** As `liveIn`, without what calls of unknown arguments may read. */
  readonly #readIn: Uint16Array;
  readonly #seen: Uint8Array;
  readonly #summaries: (FunctionSummary | undefined)[];
  readonly #calleeAt: Map<number, number>;

  constructor(graph: FlowGraph, options: RegisterFlowOptions) {
    this.#graph = graph;
    this.#options = options;
    const { slots } = graph.code;
    this.#uses = new Uint16Array(slots);
    this.#defines = new Uint16Array(slots);
    this.#clobbers = new Uint16Array(slots);
    this.#unknown = new Uint8Array(slots);
    this.#liveIn = new Uint16Array(graph.blockCount);
    this.#unsetIn = new Uint16Array(graph.blockCount);
    this.#readIn = new Uint16Array(graph.blockCount);
    this.#seen = new Uint8Array(graph.blockCount);
    this.#summaries = graph.functions.map(() => undefined);
    this.#calleeAt = new Map(
      graph.functionUses.flatMap(({ slot, callee, kind }) => (kind === 'call' ? [[slot, callee]] : [])),
    );
  }

  solve(): RegisterFlow {
    for (const index of calleesFirst(this.#graph)) {
      const fn = this.#graph.functions[index]!;
      this.#fillEffects(fn);
      this.#solveLive(fn, this.#liveIn, ARGUMENTS);
      this.#solveLive(fn, this.#readIn, 0);
      this.#solveUnset(fn, index);
      this.#summaries[index] = this.#summary(fn);
    }
    return {
      uses: this.#uses,
      defines: this.#defines,
      clobbers: this.#clobbers,
      unknownArguments: this.#unknown,
      liveIn: this.#liveIn,
      unsetIn: this.#unsetIn,
      summaries: this.#summaries.map((summary) => summary!),
    };
  }

  #fillEffects({ slot: first, slots }: FlowFunction): void {
    const { code, references } = this.#graph;
    for (let slot = first; slot < first + slots; slot++) {
      if (code.second[slot] === 1) continue;
      const effect = registerEffect(code, slot, references);
      const callee = this.#calleeAt.get(slot);
      const summary = callee === undefined ? undefined : this.#summaries[callee];
      const unset = summary?.leavesR0Unset ? R0 : 0;
      this.#uses[slot] = effect.uses | (summary?.reads ?? 0);
      this.#defines[slot] = effect.defines & ~unset;
      this.#clobbers[slot] = effect.clobbers | unset;
      this.#unknown[slot] = effect.complete || summary ? 0 : 1;
    }
  }

  #solveLive({ firstBlock, endBlock }: FlowFunction, liveIn: Uint16Array, unknown: RegisterSet): void {
    const { successors, predecessorStart, predecessors } = this.#graph;
    // From the end: most code runs downwards.
    this.#untilStable(firstBlock, endBlock, false, (block, again) => {
      const [next, taken] = [successors[2 * block]!, successors[2 * block + 1]!];
      const out = (next < 0 ? 0 : liveIn[next]!) | (taken < 0 ? 0 : liveIn[taken]!);
      const live = this.#liveBefore(block, out, unknown);
      if (live === liveIn[block]) return;
      liveIn[block] = live;
      for (let edge = predecessorStart[block]!; edge < predecessorStart[block + 1]!; edge++)
        again(predecessors[edge]!);
    });
  }

  #liveBefore(block: number, out: RegisterSet, unknown: RegisterSet): RegisterSet {
    const { code, start, end } = this.#graph;
    let live = out;
    for (let slot = end[block]! - 1; slot >= start[block]!; slot--) {
      if (code.second[slot] === 1) continue;
      const read = this.#uses[slot]! | (this.#unknown[slot] === 1 ? unknown : 0);
      live = (live & ~(this.#defines[slot]! | this.#clobbers[slot]!)) | read;
    }
    return live;
  }

  #solveUnset({ firstBlock, endBlock }: FlowFunction, index: number): void {
    if (endBlock <= firstBlock) return;
    const { successors } = this.#graph;
    this.#unsetIn[firstBlock] = this.#options.unsetAtEntry?.(index) ?? DEFAULT_UNSET;
    this.#seen[firstBlock] = 1;
    this.#untilStable(firstBlock, endBlock, true, (block, again) => {
      if (this.#seen[block] === 0) return;
      const out = this.#unsetAfter(block);
      for (const edge of [2 * block, 2 * block + 1]) {
        const to = successors[edge]!;
        if (to < 0 || this.#options.taken?.[edge] === 0) continue;
        const joined = this.#unsetIn[to]! | out;
        if (joined === this.#unsetIn[to] && this.#seen[to] === 1) continue;
        this.#seen[to] = 1;
        this.#unsetIn[to] = joined;
        again(to);
      }
    });
  }

  #unsetAfter(block: number): RegisterSet {
    const { code, start, end } = this.#graph;
    let unset = this.#unsetIn[block]!;
    const first = start[block]! + code.second[start[block]!]!;
    for (let slot = first; slot < end[block]!; slot = nextSlot(code, slot))
      unset = (unset & ~this.#defines[slot]!) | this.#clobbers[slot]!;
    return unset;
  }

  /** Calls `visit` for every block, and again for those that it names. */
  #untilStable(
    first: number,
    end: number,
    upwards: boolean,
    visit: (block: number, again: (block: number) => void) => void,
  ): void {
    const waiting = new Uint8Array(end - first).fill(1);
    let round = Int32Array.from({ length: end - first }, (_, at) => first + at);
    while (round.length > 0) {
      const next: number[] = [];
      const again = (block: number): void => {
        if (waiting[block - first] === 1) return;
        waiting[block - first] = 1;
        next.push(block);
      };
      for (let at = 0; at < round.length; at++) {
        const block = upwards ? round[at]! : round[round.length - 1 - at]!;
        waiting[block - first] = 0;
        visit(block, again);
      }
      round = Int32Array.from(next).sort();
    }
  }

  #summary({ firstBlock, endBlock }: FlowFunction): FunctionSummary {
    const { successors } = this.#graph;
    let unset = 0;
    for (let block = firstBlock; block < endBlock; block++) {
      const ends = successors[2 * block]! < 0 && successors[2 * block + 1]! < 0;
      if (ends && this.#seen[block] === 1) unset |= this.#unsetAfter(block);
    }
    const reads = endBlock > firstBlock ? this.#readIn[firstBlock]! : 0;
    return { reads: reads & ARGUMENTS, leavesR0Unset: (unset & R0) !== 0 };
  }
}

/** Indexes of the functions, each behind those that it calls, as far as they do not call each other in a ring. */
function calleesFirst({ functions, functionUses, blockOf, functionOf }: FlowGraph): number[] {
  const callees: number[][] = functions.map(() => []);
  for (const { slot, callee, kind } of functionUses)
    if (kind === 'call') callees[functionOf[blockOf[slot]!]!]!.push(callee);
  const entered = new Uint8Array(functions.length);
  const order: number[] = [];
  const stack: { readonly index: number; next: number }[] = [];
  for (let root = 0; root < functions.length; root++) {
    if (entered[root] === 0) stack.push({ index: root, next: 0 });
    entered[root] = 1;
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const callee = callees[top.index]![top.next++];
      if (callee === undefined) {
        order.push(top.index);
        stack.pop();
      } else if (entered[callee] === 0) {
        entered[callee] = 1;
        stack.push({ index: callee, next: 0 });
      }
    }
  }
  return order;
}
