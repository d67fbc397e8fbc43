import type { FlowGraph } from './graph.ts';

/** A loop: the blocks from which a way leads back to its header without leaving it. */
export interface Loop {
  /** The block through which it is entered; of an irreducible one, that which a search found first. */
  readonly header: number;
  /** The loop around it, by its index; -1 for none. */
  readonly parent: number;
  /** 1 for an outermost loop. */
  readonly depth: number;
  /** The blocks that jump back to the header. */
  readonly latches: readonly number[];
  /** True where it can be entered without going through the header. */
  readonly irreducible: boolean;
}

export interface LoopForest {
  /** In the order of their headers' slots, but an outer loop before those in it. */
  readonly loops: readonly Loop[];
  /** Per block: the innermost loop that it is part of, by its index; -1 for none. */
  readonly innermost: Int32Array;
}

interface Search {
  /** Blocks in the order in which a depth-first search finds them. */
  readonly order: readonly number[];
  /** Per block its place in `order`; -1 where no way leads to it. */
  readonly number: Int32Array;
  /** By number: the last one found below it. */
  readonly lastBelow: Int32Array;
}

/**
 * Entries into irreducible loops that are carried to the loops around them, all in all. Compilers make
 * next to none; in code made to have many in many loops, those past it are not part of the outer ones.
 */
const MAX_CARRIED = 4_000_000;

/**
 * The loops of the code as a forest, after P. Havlak, "Nesting of Reducible and Irreducible Loops"
 * (1997): innermost first, a loop that was found is taken for one block. Almost linear.
 */
export function loopForest(graph: FlowGraph): LoopForest {
  const search = depthFirst(graph);
  const { order, number, lastBelow } = search;
  const sets = new DisjointSets(order.length);
  const headerOf = new Int32Array(order.length).fill(-1);
  const latches: (number[] | undefined)[] = [];
  const irreducible = new Uint8Array(order.length);
  const isBelow = (above: number, at: number): boolean => above <= at && at <= lastBelow[above]!;
  // Ways into an irreducible loop that go past its header are ways into the loops around it.
  const others: (number[] | undefined)[] = [];
  let carried = 0;
  for (let header = order.length - 1; header >= 0; header--) {
    const back: number[] = [];
    const body = new Set<number>();
    for (const from of predecessors(graph, order[header]!, number)) {
      if (!isBelow(header, from)) continue;
      back.push(order[from]!);
      const found = sets.find(from);
      if (found !== header) body.add(found);
    }
    if (back.length === 0) continue;
    latches[header] = back;
    for (const at of body) {
      const before = [...predecessors(graph, order[at]!, number).filter((from) => !isBelow(at, from))];
      for (const from of [...before, ...(others[at] ?? [])]) {
        const found = sets.find(from);
        if (!isBelow(header, found)) {
          irreducible[header] = 1;
          if (carried++ >= MAX_CARRIED) continue;
          const list = others[header] ?? [];
          others[header] = list;
          list.push(found);
        } else if (found !== header) body.add(found);
      }
    }
    for (const at of body) {
      headerOf[at] = header;
      sets.join(at, header);
    }
  }
  return forestOf(graph, search, headerOf, latches, irreducible);
}

function forestOf(
  graph: FlowGraph,
  { order }: Search,
  headerOf: Int32Array,
  latches: readonly (readonly number[] | undefined)[],
  irreducible: Uint8Array,
): LoopForest {
  const loops: Loop[] = [];
  const indexOf = new Int32Array(order.length).fill(-1);
  const innermost = new Int32Array(graph.blockCount).fill(-1);
  for (const [at, block] of order.entries()) {
    const parent = headerOf[at]! < 0 ? -1 : indexOf[headerOf[at]!]!;
    const back = latches[at];
    innermost[block] = parent;
    if (!back) continue;
    indexOf[at] = loops.length;
    innermost[block] = loops.length;
    const depth = parent < 0 ? 1 : loops[parent]!.depth + 1;
    loops.push({ header: block, parent, depth, latches: back, irreducible: irreducible[at] === 1 });
  }
  return { loops, innermost };
}

function predecessors(graph: FlowGraph, block: number, number: Int32Array): number[] {
  const out: number[] = [];
  for (let edge = graph.predecessorStart[block]!; edge < graph.predecessorStart[block + 1]!; edge++) {
    const from = number[graph.predecessors[edge]!]!;
    if (from >= 0) out.push(from);
  }
  return out;
}

function depthFirst({ functions, successors, blockCount }: FlowGraph): Search {
  const number = new Int32Array(blockCount).fill(-1);
  const lastBelow = new Int32Array(blockCount);
  const next = new Uint8Array(blockCount);
  const order: number[] = [];
  const stack: number[] = [];
  const enter = (block: number): void => {
    number[block] = order.length;
    order.push(block);
    stack.push(block);
  };
  for (const { firstBlock, endBlock } of functions) {
    if (endBlock > firstBlock) enter(firstBlock);
    for (let block = stack.at(-1); block !== undefined; block = stack.at(-1)) {
      if (next[block] === 2) {
        stack.pop();
        lastBelow[number[block]!] = order.length - 1;
        continue;
      }
      const successor = successors[2 * block + next[block]!++]!;
      if (successor >= 0 && number[successor]! < 0) enter(successor);
    }
  }
  return { order, number, lastBelow };
}

class DisjointSets {
  readonly #parent: Int32Array;

  constructor(count: number) {
    this.#parent = Int32Array.from({ length: count }, (_, at) => at);
  }

  find(node: number): number {
    const parent = this.#parent;
    let at = node;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  }

  join(node: number, into: number): void {
    this.#parent[node] = into;
  }
}
