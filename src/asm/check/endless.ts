import type { FlowGraph } from '../../flow/graph.ts';
import { loopForest } from '../../flow/loops.ts';
import type { CheckContext } from './context.ts';
import type { Finding } from './finding.ts';

/** The outermost loops from which no way leads to an end of the function. */
export function checkLoops({ graph, constants }: CheckContext): Finding[] {
  const ends = endReaching(graph, constants.taken);
  const { loops } = loopForest(graph);
  const isEndless = (header: number): boolean => constants.isExecuted(header) && ends[header] === 0;
  return loops.flatMap(({ header, parent, latches }): Finding[] => {
    if (!isEndless(header) || (parent >= 0 && isEndless(loops[parent]!.header))) return [];
    const slot = graph.last[latches[0]!]!;
    const start = graph.start[header]!;
    return [
      {
        slot,
        severity: 'warning',
        code: 'endless-loop',
        message: 'the loop has no way out',
        label: 'goes back for ever',
        ...(start !== slot && { notes: [{ slot: start, message: 'the loop begins here' }] }),
        help: [
          "leave it with a conditional jump, or with 'may_goto' (Linux 6.9)",
          "the kernel refuses this with 'infinite loop detected', or gives up after 1,000,000 instructions",
        ],
      },
    ];
  });
}

/** Per block: 1 where a way that constants allow leads to one that ends. */
function endReaching(graph: FlowGraph, taken: Uint8Array): Uint8Array {
  const { successors, predecessorStart, predecessors, blockCount } = graph;
  const ends = new Uint8Array(blockCount);
  const open: number[] = [];
  const end = (block: number): void => {
    if (ends[block] === 1) return;
    ends[block] = 1;
    open.push(block);
  };
  for (let block = 0; block < blockCount; block++)
    if (taken[2 * block] === 0 && taken[2 * block + 1] === 0) end(block);
  // Where control goes astray it leaves the loop too.
  for (const { slot } of graph.problems) if ((graph.blockOf[slot] ?? -1) >= 0) end(graph.blockOf[slot]!);
  for (let block = open.pop(); block !== undefined; block = open.pop()) {
    for (let edge = predecessorStart[block]!; edge < predecessorStart[block + 1]!; edge++) {
      const from = predecessors[edge]!;
      const goes =
        (successors[2 * from] === block && taken[2 * from] === 1) ||
        (successors[2 * from + 1] === block && taken[2 * from + 1] === 1);
      if (goes) end(from);
    }
  }
  return ends;
}
