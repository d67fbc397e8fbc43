import { describe, expect, test } from 'vitest';
import { ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { excerptLog, VerifierError } from '../../src/kernel/load/verifier-error.ts';
import { parsePossibleCpus } from '../../src/kernel/machine.ts';
import { encodeValue } from '../../src/kernel/maps/map-codec.ts';
import { whyIncompatible } from '../../src/kernel/maps/map-errors.ts';
import { kernelName, mapTypeName, programKindOf, progTypeName } from '../../src/kernel/names.ts';
import { toHex, viewOf } from '../../src/util/bytes.ts';

describe('a verifier log', () => {
  const log = `func#0 @0
0: R1=ctx() R10=fp0
; void *data = (void *)(long)ctx->data; @ prog.c:12
0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2_w=pkt(r=0)
; if (data + 1 > end) return 0; @ prog.c:13
1: (b7) r0 = 0                        ; R0_w=0
from 1 to 3: R0_w=0 R1=ctx() R10=fp0
; return *(char *)data; @ prog.c:14
3: (71) r0 = *(u8 *)(r2 +0)
invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)
R2 offset is outside of the packet
verification time 55 usec
stack depth 0
processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

  test('is cut to the instruction, its source and the messages', () => {
    expect(excerptLog(log)).toMatchObject({
      insn: '(71) r0 = *(u8 *)(r2 +0)',
      slot: 3,
      source: 'return *(char *)data; @ prog.c:14',
      messages: [
        'invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)',
        'R2 offset is outside of the packet',
      ],
    });
    expect(new VerifierError('cls', 13, log, false).message).toMatchInlineSnapshot(`
      "the verifier rejected program 'cls': R2 offset is outside of the packet (EACCES)
        source: return *(char *)data; @ prog.c:14
        at slot 3: (71) r0 = *(u8 *)(r2 +0)
        invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)"
    `);
  });

  test('without an instruction is its last messages', () => {
    expect(excerptLog('unreachable insn 4\nprocessed 0 insns (limit 1000000)\n')).toMatchObject({
      insn: undefined,
      slot: undefined,
      source: undefined,
      messages: ['unreachable insn 4'],
    });
    expect(excerptLog('')).toMatchObject({ messages: [] });
  });

  test('of an older kernel, with states behind every instruction, is read as well', () => {
    const old =
      '0: (bf) r6 = r1\n1: R1=ctx(id=0,off=0,imm=0) R6_w=ctx(id=0,off=0,imm=0) R10=fp0\n1: (95) exit\nR0 !read_ok\n';
    expect(excerptLog(old)).toMatchObject({ insn: '(95) exit', slot: 1, messages: ['R0 !read_ok'] });
  });
});

describe('names', () => {
  test('are made fit for the kernel', () => {
    expect(['xdp-root', 'a.b', 'größe', 'x'.repeat(20)].map(kernelName)).toEqual([
      'xdp_root',
      'a.b',
      'gr__e',
      'x'.repeat(15),
    ]);
  });

  test('of types are the kernel’s', () => {
    expect([mapTypeName(3), mapTypeName(19), mapTypeName(999)]).toEqual([
      'prog_array',
      'cgroup_storage',
      'type 999',
    ]);
    expect([progTypeName(6), progTypeName(999)]).toEqual(['xdp', 'type 999']);
    expect(programKindOf('tc').progType).toBe(ProgType.SCHED_CLS);
    expect(programKindOf(ProgType.SCHED_CLS).progType).toBe(ProgType.SCHED_CLS);
  });
});

describe('numbers as keys and values', () => {
  const hex = (value: number | bigint, size: number): string => {
    const bytes = new Uint8Array(size);
    encodeValue(viewOf(bytes), value, size, 'value', "map 'm'");
    return toHex(bytes);
  };

  test('are little-endian, negative ones as two’s complement', () => {
    expect([hex(255, 1), hex(-1, 2), hex(1, 4), hex(-2n, 8)]).toEqual([
      'ff',
      'ffff',
      '01000000',
      'feffffffffffffff',
    ]);
  });

  test.each<[number | bigint, number]>([
    [256, 1],
    [-129, 1],
    [65536, 2],
    [2 ** 32, 4],
    [-(2 ** 31) - 1, 4],
    [2n ** 64n, 8],
    [0.5, 4],
    [Number.NaN, 8],
    [2 ** 53, 8],
  ])('%s does not fit %s bytes', (value, size) => {
    expect(() => hex(value, size)).toThrow('must be a whole number');
  });

  test('need a size that a number can have', () => {
    expect(() => hex(1, 3)).toThrow(
      "a value of map 'm' is 3 bytes, but a number was given; give a Uint8Array",
    );
  });
});

test('possible CPUs are counted to the highest', () => {
  expect(['0\n', '0-3\n', '0,2-3\n', '0-1,7\n'].map(parsePossibleCpus)).toEqual([1, 4, 4, 8]);
  expect(() => parsePossibleCpus('none')).toThrow("says 'none', which is no list of CPUs");
});

describe('why a program does not fit a prog array', () => {
  const xdp = (name: string, expectedAttachType: number | undefined, frags: boolean | undefined) => ({
    name,
    progType: ProgType.XDP,
    expectedAttachType,
    frags,
  });

  test('is told by the attribute that differs', () => {
    const why = (
      owner: Parameters<typeof whyIncompatible>[2],
      candidate: Parameters<typeof whyIncompatible>[3],
    ) => whyIncompatible('jump', ProgType.XDP, owner, candidate);
    expect(why(xdp('root', 37, false), { ...xdp('f', 0, false), progType: 3 })).toMatchInlineSnapshot(
      `"prog array 'jump' holds programs of type xdp, but 'f' is of type sched_cls"`,
    );
    expect(why(xdp('root', 37, false), xdp('f', 0, false))).toMatchInlineSnapshot(
      `"prog array 'jump' belongs to 'root' with expected_attach_type 37 (XDP), but 'f' has 0 (none)"`,
    );
    expect(why(xdp('root', 37, true), xdp('f', 37, false))).toMatchInlineSnapshot(
      `"prog array 'jump' belongs to 'root', which takes fragmented packets (xdp.frags), but 'f' does not"`,
    );
    expect(why(undefined, xdp('f', 37, false))).toMatchInlineSnapshot(
      `"prog array 'jump' holds programs of type xdp that differ in expected_attach_type or xdp.frags ('f' has expected_attach_type 37 (XDP))"`,
    );
    expect(why(undefined, xdp('f', undefined, undefined))).toMatchInlineSnapshot(
      `"prog array 'jump' holds programs of type xdp that differ in expected_attach_type or xdp.frags"`,
    );
    const fentry = (name: string, attachBtfId: number | undefined) => ({
      ...xdp(name, 24, false),
      progType: ProgType.TRACING,
      attachBtfId,
    });
    const traced = (ours: number | undefined) =>
      whyIncompatible('jump', ProgType.TRACING, fentry('root', 5), fentry('f', ours));
    const kind = (progType: number) =>
      whyIncompatible('jump', progType, undefined, { ...xdp('f', 0, false), progType });
    expect([
      whyIncompatible('jump', ProgType.XDP, undefined, { ...xdp('f', 37, false), jited: false }, true),
      whyIncompatible(
        'jump',
        ProgType.XDP,
        { ...xdp('root', 37, false), jited: false },
        { ...xdp('f', 37, false), jited: true },
      ),
      traced(6),
      traced(undefined),
      kind(ProgType.CGROUP_SKB),
      kind(ProgType.KPROBE),
      kind(ProgType.SCHED_CLS),
    ]).toMatchInlineSnapshot(`
      [
        "prog array 'jump' holds programs that are compiled, but 'f' is interpreted: net.core.bpf_jit_enable has changed in between, or the JIT could not take it",
        "prog array 'jump' holds programs that are interpreted, but 'f' is compiled: net.core.bpf_jit_enable has changed in between, or the JIT could not take it",
        "prog array 'jump' belongs to 'root', which was loaded for another function (BTF id 5) than 'f' (6)",
        "prog array 'jump' holds programs of type tracing that differ in expected_attach_type or the function that they were loaded for ('f' has expected_attach_type 24 (TRACE_FENTRY))",
        "prog array 'jump' holds programs of type cgroup_skb that differ in expected_attach_type or their cgroup storage maps ('f' has expected_attach_type 0 (none))",
        "prog array 'jump' holds programs of type kprobe that differ in expected_attach_type ('f' has expected_attach_type 0 (none)); programs that call bpf_override_return() may stand in none",
        "prog array 'jump' holds programs of type sched_cls that differ in expected_attach_type ('f' has expected_attach_type 0 (none))",
      ]
    `);
    expect(whyIncompatible('jump', undefined, undefined, xdp('f', 37, false))).toMatchInlineSnapshot(
      `"the descriptor is not one of a program that may stand in a prog array"`,
    );
  });
});
