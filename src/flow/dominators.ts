import type { FlowGraph } from './graph.ts';

/**
 * A tree over blocks: `parent[b]` is the block that every way from the root (for post-dominators: to
 * the root) goes through last (first) before (after) `b`. It is `root`, a number one above the
 * blocks, where there is none, and {@link NOT_REACHED} for a block without such a way.
 */
export interface DominatorTree {
  readonly root: number;
  readonly parent: Int32Array;
}

export const NOT_REACHED = -1;

/** The immediate dominators; the entries of all functions hang below the root. */
export function dominators(graph: FlowGraph): DominatorTree {
  const roots = graph.functions.filter((fn) => fn.endBlock > fn.firstBlock).map((fn) => fn.firstBlock);
  return lengauerTarjan(graph.blockCount, roots, forwardOf(graph), backwardOf(graph));
}

/**
 * The immediate post-dominators: what every way from a block to the end of its function goes through.
 * Below the root hang the blocks that end one (`exit`, or code that goes nowhere). A block from
 * which no way leads out (an endless loop) is not reached.
 */
export function postDominators(graph: FlowGraph): DominatorTree {
  const { successors, blockCount } = graph;
  const roots: number[] = [];
  for (let block = 0; block < blockCount; block++)
    if (successors[2 * block]! < 0 && successors[2 * block + 1]! < 0) roots.push(block);
  return lengauerTarjan(blockCount, roots, backwardOf(graph), forwardOf(graph));
}

/** Whether `above` lies on every way to `block` (a block dominates itself). Takes as long as the tree is deep. */
export function dominates({ parent, root }: DominatorTree, above: number, block: number): boolean {
  let at = block;
  while (at !== above && at !== root && at !== NOT_REACHED) at = parent[at]!;
  return at === above;
}

/** Edges of a graph: those of node `n` are `to[start[n]]` up to `to[start[n + 1]]`, exclusive. */
interface Edges {
  readonly start: Int32Array;
  readonly to: Int32Array;
}

function backwardOf({ predecessorStart, predecessors }: FlowGraph): Edges {
  return { start: predecessorStart, to: predecessors };
}

function forwardOf({ successors, blockCount }: FlowGraph): Edges {
  const start = new Int32Array(blockCount + 1);
  const to = new Int32Array(successors.filter((block) => block >= 0).length);
  let next = 0;
  for (let block = 0; block < blockCount; block++) {
    start[block] = next;
    for (const successor of [successors[2 * block]!, successors[2 * block + 1]!])
      if (successor >= 0) to[next++] = successor;
  }
  start[blockCount] = next;
  return { start, to };
}

/**
 * T. Lengauer and R. Tarjan, "A Fast Algorithm for Finding Dominators in a Flowgraph" (1979), with
 * simple path compression: O(m log n). Works on numbers in the order of a depth-first search.
 */
function lengauerTarjan(
  count: number,
  roots: readonly number[],
  forward: Edges,
  backward: Edges,
): DominatorTree {
  const { order, number, parent } = depthFirst(count, roots, forward);
  const reached = order.length;
  const isRoot = new Uint8Array(count);
  for (const root of roots) isRoot[root] = 1;
  const semi = Int32Array.from({ length: reached }, (_, at) => at);
  const forest = new Forest(reached, semi);
  const idom = new Int32Array(reached);
  const bucketHead = new Int32Array(reached).fill(-1);
  const bucketNext = new Int32Array(reached).fill(-1);
  for (let at = reached - 1; at > 0; at--) {
    const node = order[at]!;
    if (isRoot[node] === 1) semi[at] = 0;
    for (let edge = backward.start[node]!; edge < backward.start[node + 1]!; edge++) {
      const from = number[backward.to[edge]!]!;
      if (from > 0) semi[at] = Math.min(semi[at]!, semi[forest.best(from)]!);
    }
    bucketNext[at] = bucketHead[semi[at]!]!;
    bucketHead[semi[at]!] = at;
    const above = parent[at]!;
    forest.link(above, at);
    for (let one = bucketHead[above]!; one >= 0; one = bucketNext[one]!) {
      const best = forest.best(one);
      idom[one] = semi[best]! < semi[one]! ? best : above;
    }
    bucketHead[above] = -1;
  }
  const tree = new Int32Array(count).fill(NOT_REACHED);
  for (let at = 1; at < reached; at++) {
    if (idom[at] !== semi[at]) idom[at] = idom[idom[at]!]!;
    tree[order[at]!] = order[idom[at]!]!;
  }
  return { root: count, parent: tree };
}

/** A depth-first search from a root of its own above `roots`; numbers begin with it, 0. */
function depthFirst(
  count: number,
  roots: readonly number[],
  { start, to }: Edges,
): { readonly order: number[]; readonly number: Int32Array; readonly parent: Int32Array } {
  const number = new Int32Array(count).fill(-1);
  const parent = new Int32Array(count + 1);
  const order = [count];
  const next = start.slice();
  const stack: number[] = [];
  const enter = (node: number, above: number): void => {
    number[node] = order.length;
    parent[order.length] = above;
    order.push(node);
    stack.push(node);
  };
  for (const root of roots) {
    if (number[root]! >= 0) continue;
    enter(root, 0);
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (next[node]! >= start[node + 1]!) {
        stack.pop();
        continue;
      }
      const child = to[next[node]!++]!;
      if (number[child]! < 0) enter(child, number[node]!);
    }
  }
  return { order, number, parent };
}

/** The part of the search's tree that was worked off, with the node of least semidominator on the way up. */
class Forest {
  readonly #ancestor: Int32Array;
  readonly #label: Int32Array;
  readonly #semi: Int32Array;
  readonly #path: number[] = [];

  constructor(count: number, semi: Int32Array) {
    this.#ancestor = new Int32Array(count).fill(-1);
    this.#label = Int32Array.from({ length: count }, (_, at) => at);
    this.#semi = semi;
  }

  link(parent: number, node: number): void {
    this.#ancestor[node] = parent;
  }

  best(node: number): number {
    if (this.#ancestor[node]! < 0) return this.#label[node]!;
    this.#compress(node);
    return this.#label[node]!;
  }

  #compress(node: number): void {
    const ancestor = this.#ancestor;
    const label = this.#label;
    const semi = this.#semi;
    const path = this.#path;
    for (let at = node; ancestor[ancestor[at]!]! >= 0; at = ancestor[at]!) path.push(at);
    for (let at = path.pop(); at !== undefined; at = path.pop()) {
      const above = ancestor[at]!;
      if (semi[label[above]!]! < semi[label[at]!]!) label[at] = label[above]!;
      ancestor[at] = ancestor[above]!;
    }
  }
}
