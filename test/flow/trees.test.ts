import { describe, expect, test } from 'vitest';
import {
  dominates,
  dominators,
  type FlowGraph,
  loopForest,
  NOT_REACHED,
  postDominators,
} from '../../src/flow/index.ts';
import { makeInsn } from '../../src/isa/index.ts';
import { fc, test as property } from '../support/property.ts';
import { graphOf, graphOfInsns, successorsOf } from './tools.ts';

/** Random code of jumps alone, whose blocks are single instructions for the most part. */
const jumps = fc
  .array(
    fc.tuple(
      fc.constantFrom('jeq_x', 'jeq_x', 'jne_x', 'ja', 'exit', 'mov_k'),
      fc.integer({ min: -12, max: 12 }),
    ),
    { minLength: 1, maxLength: 24 },
  )
  .map((list) =>
    list.map(([name, off], at) =>
      makeInsn(
        name,
        name === 'exit' || name === 'mov_k'
          ? {}
          : { off: Math.max(-at - 1, Math.min(off, list.length - at - 1)) },
      ),
    ),
  )
  .map((insns) => graphOfInsns([...insns, makeInsn('exit')]));

const blocksOf = (graph: FlowGraph): number[] =>
  Array.from({ length: graph.blockCount }, (_, block) => block);

/** The blocks that `from` lead to without `without`. */
function reached(
  next: (block: number) => readonly number[],
  from: readonly number[],
  without: number,
): Set<number> {
  const seen = new Set<number>();
  const visit = (block: number): void => {
    if (block === without || seen.has(block)) return;
    seen.add(block);
    for (const to of next(block)) visit(to);
  };
  from.forEach(visit);
  return seen;
}

describe('dominators', () => {
  property.prop([jumps], { numRuns: 500 })('are what a block cannot be reached without', (graph) => {
    const next = (block: number): number[] => successorsOf(graph, block);
    const tree = dominators(graph);
    const all = reached(next, [0], -1);
    for (const block of blocksOf(graph)) {
      expect(tree.parent[block] === NOT_REACHED).toBe(!all.has(block));
      if (!all.has(block)) continue;
      for (const above of all)
        expect([above, block, dominates(tree, above, block)]).toEqual([
          above,
          block,
          above === block || !reached(next, [0], above).has(block),
        ]);
    }
  });

  property.prop([jumps], { numRuns: 500 })('backwards, what a block cannot end without', (graph) => {
    const before = (block: number): number[] =>
      blocksOf(graph).filter((one) => successorsOf(graph, one).includes(block));
    const ends = blocksOf(graph).filter((block) => successorsOf(graph, block).length === 0);
    const tree = postDominators(graph);
    const all = reached(before, ends, -1);
    for (const block of blocksOf(graph)) {
      expect(tree.parent[block] === NOT_REACHED).toBe(!all.has(block));
      if (!all.has(block)) continue;
      for (const below of all)
        expect(dominates(tree, below, block)).toBe(
          below === block || !reached(before, ends, below).has(block),
        );
    }
  });
});

describe('loops', () => {
  property.prop([jumps], { numRuns: 1000 })(
    'without irreducible ones are the natural loops of the back edges',
    (graph) => {
      const { loops, innermost } = loopForest(graph);
      if (loops.some(({ irreducible }) => irreducible)) return;
      const tree = dominators(graph);
      const bodies = new Map<number, Set<number>>();
      const reachable = blocksOf(graph).filter((block) => graph.reachable[block] === 1);
      for (const from of reachable) {
        for (const header of successorsOf(graph, from)) {
          if (!dominates(tree, header, from)) continue;
          const before = (block: number): number[] =>
            reachable.filter((one) => successorsOf(graph, one).includes(block));
          const body = reached(before, [from], header).add(header);
          bodies.set(header, new Set([...(bodies.get(header) ?? []), ...body]));
        }
      }
      expect(loops.map(({ header }) => header).sort()).toEqual([...bodies.keys()].sort());
      for (const block of reachable) {
        const around = [...bodies]
          .filter(([, body]) => body.has(block))
          .sort(([, a], [, b]) => a.size - b.size);
        const found: number[] = [];
        for (let at = innermost[block]!; at >= 0; at = loops[at]!.parent) found.push(loops[at]!.header);
        expect(found).toEqual(around.map(([header]) => header));
      }
    },
  );

  property.prop([jumps], { numRuns: 1000 })(
    'are irreducible where a jump back goes past every dominator',
    (graph) => {
      // Take back edges away; what still goes in a circle has more than one entry.
      const tree = dominators(graph);
      const forward = (block: number): number[] =>
        graph.reachable[block] === 1
          ? successorsOf(graph, block).filter((to) => !dominates(tree, to, block))
          : [];
      const circles = blocksOf(graph).some((block) => reached(forward, forward(block), -1).has(block));
      expect(loopForest(graph).loops.some(({ irreducible }) => irreducible)).toBe(circles);
    },
  );

  test('in loops', () => {
    const text = 'a: r1 += 1\nb: r2 += 1\nif r2 < 9 goto b\nif r3 < 9 goto b\nif r1 < 9 goto a\nexit';
    expect(loopForest(graphOf(text)).loops).toMatchInlineSnapshot(`
      [
        {
          "depth": 1,
          "header": 0,
          "irreducible": false,
          "latches": [
            3,
          ],
          "parent": -1,
        },
        {
          "depth": 2,
          "header": 1,
          "irreducible": false,
          "latches": [
            1,
            2,
          ],
          "parent": 0,
        },
      ]
    `);
  });

  test('with two entries', () => {
    const text = 'if r1 == 0 goto b\na: r1 += 1\nb: r2 += 1\nif r2 < 9 goto a\nexit';
    expect(loopForest(graphOf(text)).loops).toMatchInlineSnapshot(`
      [
        {
          "depth": 1,
          "header": 1,
          "irreducible": true,
          "latches": [
            2,
          ],
          "parent": -1,
        },
      ]
    `);
  });
});
