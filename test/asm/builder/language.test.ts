import { describe, expect, test } from 'vitest';
import {
  assembleOrThrow,
  type Code,
  object,
  r0,
  r1,
  r2,
  r3,
  r6,
  r10,
  u32,
  u64,
  w0,
  w1,
} from '../../../src/asm/index.ts';
import { collect, type ObjectSpec } from '../../../src/object/index.ts';
import { toHex } from '../../../src/util/index.ts';

function sorted<T extends { readonly name: string }>(list: Iterable<T>): T[] {
  return [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a spec has that does not depend on where it comes from. */
function essence(spec: ObjectSpec): unknown {
  return {
    license: spec.license,
    functions: sorted(spec.functions.values()).map(
      ({ name, section, sectionOffset, linkage, code, relocations, program }) => ({
        name,
        section,
        sectionOffset,
        linkage,
        code: toHex(code),
        relocations,
        program,
      }),
    ),
    maps: sorted(spec.maps.values()).map(({ origin: _, key: _key, value: _value, ...map }) => map),
  };
}

function sameAs(text: string, body: (p: Code) => void): void {
  const spec = object((o) => {
    o.function('f', (p) => {
      body(p);
      p.exit();
    });
  });
  const { functions } = collect(assembleOrThrow(`.function f\n${text}\nexit`).object);
  expect(toHex(spec.functions.get('f')!.code)).toBe(toHex(functions.get('f')!.code));
}

describe('the builder and the language', () => {
  test('describe the same object', () => {
    const text = `
      .license "GPL"
      .map jump_table, prog_array, entries=3
      .entry 2, drop
      .map counters, hash, key=4, value=8, entries=64, flags=BPF_F_NO_PREALLOC, pinning=by_name
      .map events, ringbuf, entries=4096
      .map near, array, key=4, value=4, entries=1, numa=1
      .map seen, bloom_filter, value=8, entries=16, extra=3

      .program dispatch, "xdp"
      r2 = jump_table ll
      r3 = 2
      call bpf_tail_call
      r0 = XDP_PASS
      exit

      .program drop, "xdp"
      r6 = r1
      call count
      r0 = XDP_DROP
      exit

      .function count
      *(u32 *)(r10 - 4) = 1
      r2 = r10
      r2 += -4
      r1 = counters ll
      call bpf_map_lookup_elem
      if r0 == 0 goto out
      r1 = 1
      lock *(u64 *)(r0 + 0) += r1
  out:
      r0 = 0
      exit`;
    const spec = object({ license: 'GPL' }, (o) => {
      const table = o.map('jump_table', { type: 'prog_array', maxEntries: 3 });
      const counters = o.map('counters', {
        type: 'hash',
        key: u32,
        value: u64,
        maxEntries: 64,
        flags: 1,
        pinning: 'byName',
      });
      o.map('events', { type: 'ringbuf', maxEntries: 4096 });
      o.map('near', { type: 'array', value: u32, maxEntries: 1, numaNode: 1 });
      o.map('seen', { type: 'bloom_filter', value: 8, maxEntries: 16, extra: 3 });
      o.program('dispatch', 'xdp', (p) => {
        p.loadMap(r2, table).mov(r3, 2).call('bpf_tail_call').mov(r0, 2).exit();
      });
      const drop = o.program('drop', 'xdp', (p) => p.mov(r6, r1).call(count).mov(r0, 1).exit());
      table.set(2, drop);
      const count = o.function('count', (p) => {
        const out = p.label('out');
        p.store('u32', r10, -4, 1).mov(r2, r10).add(r2, -4).loadMap(r1, counters);
        p.call('bpf_map_lookup_elem').jeq(r0, 0, out).mov(r1, 1).atomic_add(r0, 0, r1);
        p.bind(out).mov(r0, 0).exit();
      });
    });
    expect(essence(spec)).toEqual(essence(collect(assembleOrThrow(text).object)));
  });

  test('conditions', () => {
    sameAs('if r1 <= 5 goto +1\nr0 = 1', (p) => p.if([r1, '>', 5], () => p.mov(r0, 1)));
    sameAs('if w1 == w0 goto +1\nr0 = 1', (p) => p.if([w1, '!=', w0], () => p.mov(r0, 1)));
    sameAs('if r1 & 5 goto +1\ngoto +1\nr0 = 1', (p) => p.if([r1, '&', 5], () => p.mov(r0, 1)));
    for (const [op, not] of [
      ['==', '!='],
      ['!=', '=='],
      ['>', '<='],
      ['>=', '<'],
      ['<', '>='],
      ['<=', '>'],
      ['s>', 's<='],
      ['s>=', 's<'],
      ['s<', 's>='],
      ['s<=', 's>'],
    ] as const)
      sameAs(`if r1 ${not} r2 goto +1\nr0 = 1`, (p) => p.if([r1, op, r2], () => p.mov(r0, 1)));
  });

  test('both sides of one, without a jump that nothing reaches', () => {
    sameAs('if r1 != 0 goto +2\nr0 = 1\ngoto +1\nr0 = 2', (p) => {
      p.if(
        [r1, '==', 0],
        () => p.mov(r0, 1),
        () => p.mov(r0, 2),
      );
    });
    sameAs('if r1 != 0 goto +2\nr0 = 1\nexit\nr0 = 2', (p) => {
      p.if(
        [r1, '==', 0],
        () => p.mov(r0, 1).exit(),
        () => p.mov(r0, 2),
      );
    });
  });

  test('loops', () => {
    sameAs('if r1 >= 9 goto +4\nif r1 == 7 goto +3\nif r1 == 3 goto -3\nr1 += 1\ngoto -5', (p) => {
      p.while([r1, '<', 9], ({ next, end }) => p.jeq(r1, 7, end).jeq(r1, 3, next).add(r1, 1));
    });
    sameAs('may_goto +2\nr1 += 1\ngoto -3', (p) => {
      p.loop(({ end }) => p.may_goto(end).add(r1, 1));
    });
    sameAs('r1 = 0\nr1 += 1\nif r1 < 9 goto -2', (p) => {
      const again = p.mov(r1, 0).here('again');
      p.add(r1, 1).jlt(r1, 9, again);
    });
  });

  test('a tail call whose index is in a register that others need', () => {
    const code = (body: (p: Code, table: never) => void): string => {
      const spec = object((o) => {
        const table = o.map('table', { type: 'prog_array', maxEntries: 3 });
        o.function('f', (p) => {
          body(p, table as never);
          p.exit();
        });
      });
      return toHex(spec.functions.get('f')!.code);
    };
    const text = (lines: string): string => {
      const source = `.map table, prog_array, entries=3\n.function f\n${lines}\nr2 = table ll\ncall bpf_tail_call\nexit`;
      return toHex(collect(assembleOrThrow(source).object).functions.get('f')!.code);
    };
    expect(code((p, table) => p.tailCall(table, r1, r6))).toBe(text('r3 = r1\nr1 = r6'));
    expect(code((p, table) => p.tailCall(table, r2, r2))).toBe(text('r3 = r2\nr1 = r2'));
    expect(code((p, table) => p.tailCall(table, r3))).toBe(text(''));
    expect(code((p, table) => p.tailCall(table, 7))).toBe(text('r3 = 7'));
  });

  test('objects may be described one within the other', () => {
    let inner: ObjectSpec | undefined;
    const outer = object({ license: 'GPL' }, (o) => {
      o.variable('x', u32, 1);
      o.function('f', (p) => {
        p.mov(r0, 1);
        inner = object((other) => {
          other.variable('x', u64, 2);
          other.function('f', (q) => q.mov(r0, 2).exit());
        });
        p.exit();
      });
    });
    const facts = (spec: ObjectSpec): unknown[] => [
      spec.license,
      spec.variables.get('x')!.size,
      toHex(spec.functions.get('f')!.code),
    ];
    expect(facts(outer)).toEqual(['GPL', 4, 'b7000000010000009500000000000000']);
    expect(facts(inner!)).toEqual(['', 8, 'b7000000020000009500000000000000']);
  });
});
