import type { CheckContext } from './context.ts';
import { isFeasible } from './path.ts';

/** A way from the start of a function to an instruction that reads a register which has no value then. */
export interface Way {
  /** The call that left the register without a value; undefined where nothing set it from the start on. */
  readonly origin: number | undefined;
  /** The jump that decides it, and whether it is taken; undefined where every way is such. */
  readonly branch: { readonly slot: number; readonly taken: boolean } | undefined;
}

/**
 * Blocks and slots looked at for all ways of one check. Real code takes a few thousand; what takes
 * more is left unsaid, so that time stays linear.
 */
const MAX_STEPS = 2_000_000;
/** And for one way. */
const MAX_STEPS_OF_ONE = 50_000;

interface Frame {
  readonly block: number;
  /** True until the instruction is found that left the register without a value. */
  readonly carries: boolean;
  readonly origin: number | undefined;
  readonly before: readonly number[];
  next: number;
}

/** Finds ways backwards, by the shortest ones first, and believes only those that can be gone. */
export class WayFinder {
  readonly #context: CheckContext;
  readonly #distance: Int32Array;
  /** By block. */
  readonly #reached = new Map<number, boolean>();
  #steps = MAX_STEPS;
  #limit = 0;

  constructor(context: CheckContext) {
    this.#context = context;
    this.#distance = distances(context);
  }

  /** Whether control can come to a slot, as far as comparisons tell; false where that would take too long. */
  leadsTo(slot: number): boolean {
    const block = this.#context.graph.blockOf[slot]!;
    const known = this.#reached.get(block);
    if (known !== undefined) return known;
    const reached = this.#search(slot, undefined) !== undefined;
    this.#reached.set(block, reached);
    return reached;
  }

  find(slot: number, register: number): Way | undefined {
    const stack = this.#search(slot, register);
    return stack && this.#way(stack, slot, register);
  }

  /**
   * A way from the start to a slot, the last block first; with a register one on which it carries no value.
   */
  #search(slot: number, register: number | undefined): readonly Frame[] | undefined {
    const { graph } = this.#context;
    this.#limit = Math.max(0, this.#steps - MAX_STEPS_OF_ONE);
    const use = graph.blockOf[slot]!;
    const { firstBlock } = graph.functions[graph.functionOf[use]!]!;
    const onPath = new Set<number>();
    const stack: Frame[] = [];
    const enter = (block: number, carries: boolean, known: number | undefined, end: number): boolean => {
      // The block of the use may come again as a whole, where it is in a loop.
      const key = stack.length === 0 ? -1 : keyOf(block, carries);
      if (onPath.has(key)) return false;
      const found =
        carries && register !== undefined
          ? this.#lastSet(block, end, register)
          : { kind: 'through' as const };
      if (found.kind === 'set') return false;
      const origin = found.kind === 'clobbered' ? found.slot : known;
      onPath.add(key);
      const before = this.#before(block);
      stack.push({ block, carries: carries && found.kind === 'through', origin, before, next: 0 });
      return block === firstBlock && this.#canBegin(block, stack.at(-1)!, register);
    };
    let complete = enter(use, register !== undefined, undefined, slot);
    while (stack.length > 0 && this.#steps > this.#limit) {
      if (complete && this.#feasible(stack)) return stack;
      const top = stack.at(-1)!;
      const block = top.before[top.next++];
      if (block === undefined) {
        stack.pop();
        // It was entered as the block after it left it.
        const after = stack.at(-1);
        if (after) onPath.delete(keyOf(top.block, after.carries));
        complete = false;
      } else complete = enter(block, top.carries, top.origin, graph.end[block]!);
    }
    return undefined;
  }

  /** What happens last to a register in a block before a slot. */
  #lastSet(
    block: number,
    end: number,
    register: number,
  ): { readonly kind: 'set' | 'through' } | { readonly kind: 'clobbered'; readonly slot: number } {
    const { graph, registers } = this.#context;
    for (let slot = end - 1; slot >= graph.start[block]!; slot--) {
      this.#steps--;
      if (graph.code.second[slot] === 1) continue;
      if ((registers.clobbers[slot]! >> register) & 1) return { kind: 'clobbered', slot };
      if ((registers.defines[slot]! >> register) & 1) return { kind: 'set' };
    }
    return { kind: (registers.unsetIn[block]! >> register) & 1 ? 'through' : 'set' };
  }

  #canBegin(block: number, { carries }: Frame, register: number | undefined): boolean {
    if (!carries || register === undefined) return true;
    const { graph, functions } = this.#context;
    const program = functions[graph.functionOf[block]!]?.isProgram ?? false;
    return register === 0 || register > 5 || (program && register !== 1);
  }

  /** Predecessors from which constants let control come, the nearest to the start first. */
  #before(block: number): number[] {
    const { graph, constants } = this.#context;
    const out: number[] = [];
    for (let edge = graph.predecessorStart[block]!; edge < graph.predecessorStart[block + 1]!; edge++) {
      const from = graph.predecessors[edge]!;
      this.#steps--;
      const side = graph.successors[2 * from] === block ? 0 : 1;
      if (constants.taken[2 * from + side] === 1 && !out.includes(from)) out.push(from);
      if (out.length >= MAX_BEFORE) break;
    }
    return out.sort((a, b) => this.#distance[a]! - this.#distance[b]!);
  }

  #feasible(stack: readonly Frame[]): boolean {
    const { graph } = this.#context;
    for (const { block } of stack) this.#steps -= graph.end[block]! - graph.start[block]!;
    return this.#steps > this.#limit && isFeasible(graph, stack.map(({ block }) => block).reverse());
  }

  #way(stack: readonly Frame[], slot: number, register: number): Way {
    const origin = stack.at(-1)!.origin;
    // The way from the origin on, first block first.
    const carrying = stack.slice(0, stack.findIndex(({ carries }) => !carries) + 1 || undefined);
    const blocks = carrying.map(({ block }) => block).reverse();
    return { origin, branch: this.#decidingBranch(blocks, slot, register) };
  }

  /** The last jump of a way whose other side does not lead on without a value. */
  #decidingBranch(blocks: readonly number[], slot: number, register: number): Way['branch'] {
    const { graph, constants } = this.#context;
    const bad = this.#leadingOn(slot, register);
    for (let at = blocks.length - 2; at >= 0; at--) {
      const [block, next] = [blocks[at]!, blocks[at + 1]!];
      const taken = graph.successors[2 * block + 1] === next;
      const other = graph.successors[2 * block + (taken ? 0 : 1)]!;
      if (other < 0 || other === next || constants.taken[2 * block + (taken ? 0 : 1)] === 0) continue;
      if (!bad.has(other)) return { slot: graph.last[block]!, taken };
    }
    return undefined;
  }

  /** The blocks from whose start a register without a value can come to the slot without one. */
  #leadingOn(slot: number, register: number): ReadonlySet<number> {
    const { graph } = this.#context;
    const bad = new Set<number>();
    const visit = (block: number, end: number): void => {
      if (!bad.has(block) && this.#lastSet(block, end, register).kind === 'through') {
        bad.add(block);
        open.push(block);
      }
    };
    const open: number[] = [];
    visit(graph.blockOf[slot]!, slot);
    for (let block = open.pop(); block !== undefined && this.#steps > this.#limit; block = open.pop())
      for (const from of this.#before(block)) visit(from, graph.end[from]!);
    return bad;
  }
}

/** Blocks count twice on a way: while the register carries no value, and before it lost it. */
function keyOf(block: number, carries: boolean): number {
  return 2 * block + (carries ? 1 : 0);
}

/** Predecessors of one block that are tried; a switch over more cases than that is not walked back in full. */
const MAX_BEFORE = 256;

/** Per block: how many edges it is from the start of its function. */
function distances({ graph, constants }: CheckContext): Int32Array {
  const distance = new Int32Array(graph.blockCount).fill(-1);
  let round = graph.functions.filter((fn) => fn.endBlock > fn.firstBlock).map((fn) => fn.firstBlock);
  for (const block of round) distance[block] = 0;
  for (let steps = 1; round.length > 0; steps++) {
    const next: number[] = [];
    for (const block of round) {
      for (const edge of [2 * block, 2 * block + 1]) {
        const to = graph.successors[edge]!;
        if (to < 0 || constants.taken[edge] === 0 || distance[to]! >= 0) continue;
        distance[to] = steps;
        next.push(to);
      }
    }
    round = next;
  }
  return distance;
}
