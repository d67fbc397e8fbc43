import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type FlowValue,
  flowConstants,
  flowGraph,
  helperArguments,
  registerEffect,
  registerFlow,
  stackAccesses,
  stackDepths,
} from '../../src/flow/index.ts';
import { HELPER_PROTOS } from '../../src/isa/helper-protos.generated.ts';
import { HELPERS, INSN_TABLE, makeInsn } from '../../src/isa/index.ts';
import { codeOf, graphOf, graphOfInsns } from './tools.ts';

/** What r0 to r9 hold before the last instruction. */
function atEnd(text: string, register = 0): FlowValue {
  const graph = graphOf(text);
  return flowConstants(graph).before(graph.code.slots - 1, register);
}

const constant = (value: bigint): FlowValue => ({ kind: 'constant', value: BigInt.asUintN(64, value) });
const unknown: FlowValue = { kind: 'unknown' };

describe('constants', () => {
  test.each([
    ['r0 = -1', -1n],
    ['w0 = -1', 0xffff_ffffn],
    ['r0 = 0x123456789 ll', 0x1_2345_6789n],
    ['r0 = 7\nr0 *= -3', -21n],
    ['r0 = 7\nr1 = 0\nr0 /= r1', 0n],
    ['r0 = 7\nr1 = 0\nr0 %= r1', 7n],
    ['r0 = -1\nw1 = 0\nw0 %= w1', 0xffff_ffffn],
    ['r0 = -8\nr0 s/= 3', -2n],
    ['r0 = -8\nr0 s%= 3', -2n],
    ['r0 = -8\nr0 /= 3', 0x5555_5555_5555_5552n],
    ['r0 = 1\nr0 <<= 63\nr1 = -1\nr0 s/= r1', 1n << 63n],
    ['r0 = 1\nr1 = 65\nr0 <<= r1', 2n],
    ['w0 = 1\nw1 = 33\nw0 <<= w1', 2n],
    ['r0 = -8\nr0 s>>= 1', -4n],
    ['r0 = -8\nw0 s>>= 1', 0xffff_fffcn],
    ['r0 = 5\nr0 = -r0', -5n],
    ['r0 = 5\nw0 = -w0', 0xffff_fffbn],
    ['r1 = 0x80\nr0 = (s8)r1', -128n],
    ['r1 = 0x80\nw0 = (s8)w1', 0xffff_ff80n],
    ['r0 = 0x1122334455667788 ll\nr0 = be32 r0', 0x8877_6655n],
    ['r0 = 0x1122334455667788 ll\nr0 = le16 r0', 0x7788n],
    ['r0 = 0x1122334455667788 ll\nr0 = bswap64 r0', 0x8877_6655_4433_2211n],
    ['r0 ^= r0', 0n],
  ])('%j', (text, value) => {
    expect(atEnd(`${text}\nexit`)).toEqual(constant(value));
  });

  test('swaps go by the endianness of the code', () => {
    const text = 'r0 = 0x1122 ll\nr0 = be16 r0\nexit';
    const little = codeOf(text);
    expect(flowConstants(flowGraph(little, { endian: 'little' })).before(3, 0)).toEqual(constant(0x2211n));
    const big = Uint8Array.from(little);
    for (let at = 0; at < big.length; at += 8) big.subarray(at + 4, at + 8).reverse();
    expect(flowConstants(flowGraph(big, { endian: 'big' })).before(3, 0)).toEqual(constant(0x1122n));
  });

  test.each([
    ['both ways bring the same', 'if r1 == 0 goto a\nr0 = 1\ngoto b\na: r0 = 1\nb: exit', constant(1n)],
    ['two ways bring two', 'r0 = 2\nif r1 == 0 goto b\nr0 = 1\nb: exit', unknown],
    ['a decided jump is followed on one side', 'r0 = 2\nif r0 == 2 goto b\nr0 = 1\nb: exit', constant(2n)],
    [
      'a decided 32-bit jump',
      'r0 = 0x100000002 ll\nif w0 s> 1 goto b\nr0 = 1\nb: exit',
      constant(0x1_0000_0002n),
    ],
    ['a loop', 'r0 = 0\na: r0 += 1\nif r0 < 9 goto a\nexit', unknown],
    ['a call', 'r0 = 0\ncall 7\nexit', unknown],
    ['a load', 'r0 = *(u8 *)(r10 - 8)\nexit', unknown],
    ['an exchange', 'r0 = 1\nr0 = xchg_64(r10 - 8, r0)\nexit', unknown],
    ['the stack', 'r0 = r10\nr0 += -16\nr0 -= 8\nexit', { kind: 'stack', offset: -24 }],
    ['a constant plus the stack', 'r0 = -16\nr0 += r10\nexit', { kind: 'stack', offset: -16 }],
    ['half of the stack', 'w0 = w10\nexit', unknown],
    ['nothing leads there', 'r0 = 1\ngoto a\na: exit\nexit', { kind: 'undefined' }],
  ] as const)('%s', (_, text, value) => {
    expect(atEnd(text)).toEqual(value);
  });

  test('addresses are those of their lddw, and what is patched later is not known', () => {
    const code = codeOf('r0 = 0 ll\nr0 += 8\nr1 = 5\nr2 = 0 ll\nr2 = r2\nexit');
    const constants = flowConstants(
      flowGraph(code, {
        endian: 'little',
        references: new Map([
          [0, { kind: 'address' }],
          [3, { kind: 'patched' }],
        ]),
      }),
    );
    expect(constants.before(7, 0)).toEqual({ kind: 'address', slot: 0, offset: 8 });
    expect(constants.before(7, 1)).toEqual(unknown);
    expect(constants.before(7, 2)).toEqual(constant(0n));
    expect(constants.before(7, 10)).toEqual({ kind: 'stack', offset: 0 });
  });

  test('are seen by walk as by before', () => {
    const graph = graphOf('r0 = 1\nr0 += 2\nr1 = r0\nif r1 == 4 goto a\nr2 = r10\na: exit');
    const constants = flowConstants(graph);
    const seen: number[] = [];
    for (let block = 0; block < graph.blockCount; block++) {
      constants.walk(block, (slot, holds) => {
        seen.push(slot);
        for (let register = 0; register < 11; register++)
          expect(holds(register)).toEqual(constants.before(slot, register));
      });
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(constants.written(2)).toEqual(constant(3n));
  });
});

/** Registers as a bit set. */
const set = (...registers: number[]): number => registers.reduce((all, one) => all | (1 << one), 0);

describe('what an instruction does with registers', () => {
  test('is known for every row of the table', () => {
    const shown = INSN_TABLE.map((def) => {
      const operands = { ...(def.dst === 'reg' && { dst: 1 }), ...(def.src === 'reg' && { src: 2 }) };
      const insn = makeInsn(def, operands);
      const { uses, defines, clobbers, complete } = registerEffect(graphOfInsns([insn]).code, 0);
      const names = (bits: number): string =>
        [...Array(11).keys()].filter((r) => (bits >> r) & 1).join(',') || '-';
      return `${def.kind}${def.x ? ' x' : ''}${def.op === '' ? '' : ' op'}${def.fetch ? ' fetch' : ''}: ${names(uses)} → ${names(defines)}, clobbers ${names(clobbers)}${complete ? '' : ', arguments unknown'}`;
    });
    expect([...new Set(shown)].sort().join('\n')).toMatchInlineSnapshot(`
      "addrSpaceCast x: 2 → 1, clobbers -
      alu op: 1 → 1, clobbers -
      alu x op: 1,2 → 1, clobbers -
      alu x: 2 → 1, clobbers -
      alu: - → 1, clobbers -
      atomic x op fetch: 1,2 → 2, clobbers -
      atomic x op: 1,2 → -, clobbers -
      call: - → 0, clobbers 1,2,3,4,5, arguments unknown
      callx x: 1 → 0, clobbers 1,2,3,4,5, arguments unknown
      cmpxchg x op fetch: 0,1,2 → 0, clobbers -
      end op: 1 → 1, clobbers -
      exit: 0 → -, clobbers -
      ja op: - → -, clobbers -
      jcond op: 1 → -, clobbers -
      jcond x op: 1,2 → -, clobbers -
      ldabs: 6 → 0, clobbers 1,2,3,4,5
      lddw: - → 1, clobbers -
      ldind x: 2,6 → 0, clobbers 1,2,3,4,5
      ldsx x: 2 → 1, clobbers -
      ldx x: 2 → 1, clobbers -
      loadAcquire x op fetch: 2 → 1, clobbers -
      mayGoto: - → -, clobbers -
      movsx x: 2 → 1, clobbers -
      neg op: 1 → 1, clobbers -
      st: 1 → -, clobbers -
      storeRelease x op: 1,2 → -, clobbers -
      stx x: 1,2 → -, clobbers -
      xchg x op fetch: 1,2 → 2, clobbers -"
    `);
  });

  test('a helper reads as many registers as it has arguments', () => {
    const { code } = graphOf('call bpf_map_update_elem\ncall bpf_get_prandom_u32\nexit');
    expect(registerEffect(code, 0).uses).toBe(set(1, 2, 3, 4));
    expect(registerEffect(code, 1).uses).toBe(0);
    expect(registerEffect(code, 0, new Map([[0, { kind: 'extern' }]])).complete).toBe(false);
  });

  test('the number of arguments is that of the table of prototypes', () => {
    const differ = HELPERS.filter(({ id, name }) => {
      const named = HELPER_PROTOS[name]!.params.filter(([type]) => type !== '...');
      return named.length !== helperArguments(id);
    });
    expect(differ.map(({ name }) => name)).toEqual(['bpf_get_branch_snapshot']);
  });

  test('the number of arguments is that of the signatures in libbpf', ({ skip }) => {
    let header = '';
    try {
      header = readFileSync('/usr/include/bpf/bpf_helper_defs.h', 'utf8');
    } catch {
      skip('libbpf-dev is not installed');
    }
    const differ: string[] = [];
    let count = 0;
    for (const [, name, list, id] of header.matchAll(
      /\(\*(?:const )?bpf_(\w+)\)\(([^;]*)\) = \(void \*\) ?(\d+);/g,
    )) {
      const parameters =
        list!.trim() === 'void' ? [] : list!.split(',').filter((one) => !one.includes('...'));
      count++;
      if (parameters.length !== helperArguments(Number(id))) differ.push(`${name}: ${parameters.length}`);
    }
    expect(count).toBeGreaterThan(200);
    expect(differ).toEqual(['get_branch_snapshot: 3']);
    expect(HELPERS.filter(({ id }) => helperArguments(id) === undefined)).toEqual([]);
    expect([helperArguments(0), helperArguments(9999)]).toEqual([undefined, undefined]);
  });
});

describe('registers over the whole code', () => {
  test('are alive while they will be read, and unset where a way has not set them', () => {
    const graph = graphOf('if r1 == 0 goto a\nr6 = r2\nr7 = 1\na: call 7\nr0 += r6\nexit');
    const { liveIn, unsetIn } = registerFlow(graph);
    expect([...liveIn]).toEqual([set(1, 2, 6), set(2), set(6)]);
    expect([...unsetIn]).toEqual([set(0, 6, 7, 8, 9), set(0, 6, 7, 8, 9), set(0, 6, 7, 8, 9)]);
  });

  test('a loop keeps alive what its next round reads', () => {
    const graph = graphOf('r6 = 0\na: r6 += r7\nif r6 < 9 goto a\nexit');
    expect([...registerFlow(graph).liveIn]).toEqual([set(0, 7), set(0, 6, 7), set(0)]);
  });

  test('a call reads what its function reads, and leaves r0 as that does', () => {
    const code = codeOf('r2 = 1\ncall f\nexit\n.type f,@function\nf: if r2 == 0 goto +1\nr0 = r3\nexit');
    const graph = flowGraph(code, {
      endian: 'little',
      functions: [
        { slot: 0, slots: 3 },
        { slot: 3, slots: 3 },
      ],
    });
    const flow = registerFlow(graph);
    expect(flow.summaries[1]).toEqual({ reads: set(2, 3), leavesR0Unset: true });
    expect(flow.uses[1]).toBe(set(2, 3));
    expect([flow.defines[1], flow.clobbers[1]]).toEqual([0, set(0, 1, 2, 3, 4, 5)]);
  });

  test('functions that call each other in a ring come to an end', () => {
    const code = codeOf('f: call g\nexit\n.type g,@function\ng: r0 = r1\ncall f\nexit\n.type f,@function');
    const graph = flowGraph(code, {
      endian: 'little',
      functions: [
        { slot: 0, slots: 2 },
        { slot: 2, slots: 3 },
      ],
    });
    expect(registerFlow(graph).summaries.map(({ reads }) => reads)).toEqual([set(1), set(1)]);
  });
});

test('accesses to the stack are found through copies of r10', () => {
  const text =
    '*(u64 *)(r10 - 8) = 1\nr2 = r10\nr2 += -64\n*(u32 *)(r2 + 4) = 1\nr1 = *(u8 *)(r2 - 1)\nr3 = *(u8 *)(r1 + 0)\nlock *(u64 *)(r10 - 16) += r1\nexit';
  const constants = flowConstants(graphOf(text));
  expect(stackAccesses(constants)).toEqual([
    { slot: 0, offset: -8, size: 8, write: true },
    { slot: 3, offset: -60, size: 4, write: true },
    { slot: 4, offset: -65, size: 1, write: false },
    { slot: 6, offset: -16, size: 8, write: true },
  ]);
  expect([...stackDepths(constants)]).toEqual([65]);
});
