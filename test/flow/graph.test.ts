import { describe, expect, test } from 'vitest';
import {
  dominators,
  flowConstants,
  flowGraph,
  loopForest,
  postDominators,
  registerFlow,
  stackAccesses,
} from '../../src/flow/index.ts';
import { makeInsn } from '../../src/isa/index.ts';
import { fromHex } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';
import { codeOf, graphOf, graphOfInsns, printGraph, successorsOf } from './tools.ts';

describe('the control-flow graph', () => {
  test('has a block for each stretch without jumps', () => {
    const graph = graphOf('if r1 == 0 goto a\nr0 = 1\ngoto b\na: r0 = 5 ll\nb: r0 += 1\nexit');
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "0: 0-0 → 1 2
      1: 1-2 → 3
      2: 3-4 → 3
      3: 5-6 → end"
    `);
    expect(graph.problems).toEqual([]);
    expect([...graph.blockOf]).toEqual([0, 1, 1, 2, 2, 3, 3]);
    expect([...graph.predecessors.subarray(graph.predecessorStart[3], graph.predecessorStart[4])]).toEqual([
      1, 2,
    ]);
  });

  test('knows every kind of jump', () => {
    const text = 'a: may_goto c\nif w1 s< 5 goto a\ngotol b\nr0 = 1\nb: call 7\ncallx r1\nc: exit';
    expect(printGraph(graphOf(text))).toMatchInlineSnapshot(`
      "0: 0-0 → 1 5
      1: 1-1 → 2 0
      2: 2-2 → 4
      3: 3-3 → 4 unreachable
      4: 4-5 → 5
      5: 6-6 → end"
    `);
  });

  test('stays within functions and lists calls and addresses of functions', () => {
    const text = 'call f\nr2 = f ll\nexit\n.type f,@function\nf: r0 = 1\nexit';
    const code = codeOf(text.replace('r2 = f ll', 'r2 = 0 ll'));
    const graph = flowGraph(code, {
      endian: 'little',
      functions: [
        { slot: 4, slots: 2 },
        { slot: 0, slots: 4 },
      ],
      references: new Map([[1, { kind: 'function', target: 4 }]]),
    });
    expect(graph.functions).toEqual([
      { slot: 0, slots: 4, firstBlock: 0, endBlock: 1 },
      { slot: 4, slots: 2, firstBlock: 1, endBlock: 2 },
    ]);
    expect(graph.functionUses).toEqual([
      { slot: 0, callee: 1, kind: 'call' },
      { slot: 1, callee: 1, kind: 'address' },
    ]);
  });

  test('goes on behind a call unless it is said not to return', () => {
    const code = codeOf('call 7\nr0 = 0\nexit');
    const graph = flowGraph(code, {
      endian: 'little',
      references: new Map([[0, { kind: 'extern', returns: false }]]),
    });
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "0: 0-0 → end
      1: 1-2 → end unreachable"
    `);
  });

  test.each([
    ['r0 = 0\ngoto +5\nexit', [{ slot: 1, kind: 'jump-out-of-range', target: 7 }]],
    ['if r1 == 0 goto -3\nexit', [{ slot: 0, kind: 'jump-out-of-range', target: -2 }]],
    ['if r1 == 0 goto +1\nr0 = 1 ll\nexit', [{ slot: 0, kind: 'jump-into-lddw', target: 2 }]],
    ['r0 = 0', [{ slot: 0, kind: 'falls-off' }]],
    ['r0 = 1 ll', [{ slot: 0, kind: 'falls-off' }]],
    [
      'exit\n.byte 0x18,0,0,0,0,0,0,0',
      [
        { slot: 1, kind: 'cut-off-lddw' },
        { slot: 1, kind: 'falls-off' },
      ],
    ],
    ['exit\n.byte 1', [{ slot: 1, kind: 'cut-off-slot' }]],
    ['.quad 0x700001085\nexit', [{ slot: 0, kind: 'call-out-of-range', target: 8 }]],
    ['.quad 0xff\nexit', [{ slot: 0, kind: 'unknown-instruction' }]],
    ['.quad 0xbcb7\nexit', [{ slot: 0, kind: 'bad-register' }]],
  ] as const)('says what is wrong with %j', (text, problems) => {
    const graph = graphOf(text);
    const order = (all: readonly { slot: number; kind: string }[]): unknown[] =>
      [...all].sort((a, b) => a.slot - b.slot || (a.kind < b.kind ? -1 : 1));
    expect(order(graph.problems)).toEqual(order(problems));
  });

  test('a function that begins within an lddw, or overlaps another', () => {
    const graph = flowGraph(codeOf('r0 = 1 ll\nexit'), {
      endian: 'little',
      functions: [
        { slot: 0, slots: 100 },
        { slot: 1, slots: 2 },
      ],
    });
    expect(graph.functions.map(({ slot, slots }) => [slot, slots])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(graph.problems.map(({ kind }) => kind).sort()).toEqual([
      'cut-off-lddw',
      'falls-off',
      'function-in-lddw',
    ]);
  });

  test('reads big-endian code', () => {
    const graph = flowGraph(fromHex('b700000000000001 1510000200000000 9500000000000000'), { endian: 'big' });
    expect(graph.problems).toEqual([{ slot: 1, kind: 'jump-out-of-range', target: 4 }]);
  });
});

const words = fc.array(
  fc.tuple(
    fc.constantFrom(0x05, 0x06, 0x15, 0x18, 0x85, 0x8d, 0x95, 0xb7, 0xbf, 0xdb, 0xe5, 0x66, 0x20, 0xff),
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: -6, max: 6 }),
    fc.integer({ min: -6, max: 6 }),
  ),
  { maxLength: 40 },
);

/** Any bytes, rich in jumps and in calls. */
const hostile = fc.tuple(words, fc.integer({ min: 0, max: 7 })).map(([list, rest]) => {
  const bytes = new Uint8Array(list.length * 8 + rest);
  const view = new DataView(bytes.buffer);
  for (const [at, [opcode, registers, off, imm]] of list.entries()) {
    bytes[8 * at] = opcode;
    bytes[8 * at + 1] = registers;
    view.setInt16(8 * at + 2, off, true);
    view.setInt32(8 * at + 4, imm, true);
  }
  return bytes;
});
const ranges = fc.array(fc.record({ slot: fc.integer({ min: -2, max: 45 }), slots: fc.nat(45) }), {
  maxLength: 6,
});

describe('hostile code', () => {
  property.prop([hostile, ranges, fc.constantFrom('little' as const, 'big' as const)], { numRuns: 2000 })(
    'is taken by every analysis',
    (code, functions, endian) => {
      const graph = flowGraph(code, { endian, functions });
      for (let block = 0; block < graph.blockCount; block++) {
        expect(graph.end[block]!).toBeGreaterThan(graph.start[block]!);
        for (const to of successorsOf(graph, block))
          expect(graph.functionOf[to]).toBe(graph.functionOf[block]);
      }
      const constants = flowConstants(graph);
      registerFlow(graph, { taken: constants.taken });
      dominators(graph);
      postDominators(graph);
      loopForest(graph);
      stackAccesses(constants);
    },
  );

  const MANY = 1_000_000;
  const exit = makeInsn('exit');
  test.each([
    ['a ladder of jumps', () => Array.from({ length: MANY }, () => makeInsn('jeq_k', { dst: 1, off: 0 }))],
    [
      'one long block',
      () => Array.from({ length: MANY }, (_, at) => makeInsn('add_k', { dst: at % 10, imm: at })),
    ],
    [
      'loops in loops',
      () =>
        Array.from({ length: MANY / 4 }, (_, at) =>
          makeInsn('jne_k', { dst: 1, off: at < 30_000 ? -at - 1 : -30_000, imm: at }),
        ),
    ],
    [
      'many ways past the headers of many loops',
      () => {
        const COUNT = 10_000;
        const jumps = (off: (at: number) => number): ReturnType<typeof makeInsn>[] =>
          Array.from({ length: COUNT }, (_, at) => makeInsn('jne_x', { dst: 1, src: 2, off: off(at) }));
        // Ways in, headers, what the ways lead to, jumps back to the headers from the inner to the outer.
        const rows = [
          jumps(() => 2 * COUNT),
          jumps(() => 0),
          jumps(() => 0),
          jumps((at) => -COUNT - 2 * at - 2),
        ];
        return [...rows.flat(), ...Array.from({ length: MANY / 4 }, () => makeInsn('mov_k'))];
      },
    ],
    [
      'irreducible loops',
      () =>
        Array.from({ length: MANY / 4 }, (_, at) =>
          makeInsn('jne_x', {
            dst: at % 5,
            src: 6,
            off: (at * 7919) % 60_000 < at ? -((at * 7919) % 30_000) : 1,
          }),
        ),
    ],
  ])('%s of up to a million slots', (_, make) => {
    const graph = graphOfInsns([...make(), exit]);
    expect(graph.code.slots).toBeGreaterThan(MANY / 4);
    const constants = flowConstants(graph);
    const registers = registerFlow(graph, { taken: constants.taken });
    expect(registers.uses.length).toBe(graph.code.slots);
    const { parent, root } = dominators(graph);
    expect(parent[0]).toBe(root);
    expect(postDominators(graph).parent.length).toBe(graph.blockCount);
    expect(loopForest(graph).innermost.length).toBe(graph.blockCount);
  });
});
