import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  array,
  bool,
  type Code,
  type ContextField,
  type ContextOf,
  char,
  type DataType,
  type Field,
  object,
  opaque,
  ptr,
  r0,
  r1,
  r2,
  s8,
  s16,
  s32,
  s64,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../../src/asm/index.ts';
import { btfCodec, btfToC } from '../../../src/btf/index.ts';
import { CONTEXT_OF_PROG_TYPE, CONTEXT_STRUCTS } from '../../../src/isa/context-structs.generated.ts';
import { decodeInsns, MapType } from '../../../src/isa/index.ts';
import { KFUNCS } from '../../../src/isa/kfuncs.generated.ts';
import { link, programKind, sectionNames } from '../../../src/object/index.ts';
import { viewOf } from '../../../src/util/bytes.ts';
import { complaints, hasKernelBtf, kernelBtf } from '../../btf/tools.ts';
import { fc, test as property } from '../../support/property.ts';
import { testWith } from '../tools.ts';

const inner = struct('point', { x: s16, y: s32 });
const event = struct('event', {
  flag: bool,
  id: u64,
  comm: array(char, 5),
  where: inner,
  path: array(inner, 2),
  any: union('any', { byte: u8, wide: s64 }),
  next: ptr(opaque('later')),
});

describe('C types', () => {
  test('lie as C lays them out, and are what BTF says', () => {
    const spec = object((o) => {
      o.variable('v', event);
    });
    expect(btfToC(spec.btf!)).toMatchInlineSnapshot(`
      "#ifndef __VMLINUX_H__
      #define __VMLINUX_H__

      #ifndef BPF_NO_PRESERVE_ACCESS_INDEX
      #pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
      #endif

      struct point {
      	short x;
      	int y;
      };

      union any {
      	unsigned char byte;
      	long long wide;
      };

      struct later {};

      struct event {
      	_Bool flag;
      	unsigned long long id;
      	char comm[5];
      	struct point where;
      	struct point path[2];
      	union any any;
      	struct later *next;
      };

      #ifndef BPF_NO_PRESERVE_ACCESS_INDEX
      #pragma clang attribute pop
      #endif

      #endif /* __VMLINUX_H__ */
      "
    `);
    expect(event.offsets).toEqual({ flag: 0, id: 8, comm: 16, where: 24, path: 32, any: 48, next: 56 });
    expect(event.size).toBe(64);
    expect([event.at.where.at.y.offset, event.at.where.at.y.path]).toEqual([28, 'event.where.y']);
    expect(struct('packed', { a: u8, b: u32 }, { packed: true }).offsets.b).toBe(1);
  });

  testWith('clang-19')('lie where clang puts them', () => {
    const spec = object((o) => {
      o.variable('v', event);
    });
    const places = Object.entries(event.offsets).map(
      ([name, offset]) => `_Static_assert(__builtin_offsetof(struct event, ${name}) == ${offset}, "");`,
    );
    const size = `_Static_assert(sizeof(struct event) == ${event.size}, "");`;
    const text = `${btfToC(spec.btf!)}\n${places.join('\n')}\n${size}`;
    expect(complaints(text)).toBe('');
    expect(complaints(text.replace('== 48', '== 47'))).toContain('static assertion failed');
  });

  test('their values have types of their own', () => {
    expectTypeOf(event.at.id).toEqualTypeOf<Field<DataType<bigint>>>();
    expectTypeOf<(typeof event.zero)['where']['y']>().toEqualTypeOf<number>();
    expectTypeOf<(typeof event.zero)['comm']>().toEqualTypeOf<string>();
    expectTypeOf<(typeof event.zero)['path']>().toEqualTypeOf<readonly { x: number; y: number }[]>();
  });

  const values = fc.record({
    flag: fc.boolean(),
    id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    comm: fc.stringMatching(/^[a-z]{0,4}$/),
    where: fc.record({ x: fc.integer({ min: -32768, max: 32767 }), y: fc.integer() }),
    next: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  });
  property.prop([values, fc.boolean()])('are read by the codec that their BTF gives', (value, little) => {
    const spec = object({ endian: little ? 'little' : 'big' }, (o) => {
      o.variable('v', event);
    });
    const bytes = new Uint8Array(event.size);
    event.write(viewOf(bytes), 0, { ...event.zero, ...value }, little, 'event');
    const codec = btfCodec(spec.btf!, spec.variables.get('v')!.type!);
    expect(codec.read(viewOf(bytes), 0, little)).toMatchObject(value);
    expect(event.read(viewOf(bytes), 0, little)).toMatchObject(value);
  });

  test('64 bits are given as bigints or numbers, others are refused', () => {
    const view = viewOf(new Uint8Array(8));
    s64.write(view, 0, -5 as never, true, 'x');
    expect(s64.read(view, 0, true)).toBe(-5n);
    for (const bad of [2n ** 63n, -(2n ** 63n) - 1n, 1.5])
      expect(() => s64.write(view, 0, bad as never, true, 'x')).toThrow('x is');
  });

  test('loads and stores know sizes and signs', () => {
    const spec = object((o) => {
      o.function('f', (p) => {
        for (const type of [u8, u16, u32, u64, s8, s16, s32, s64]) p.load(type, r0, r1, 8);
        for (const type of ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'] as const)
          p.load(type, r0, r1, 8).store(type, r1, 8, r0).store(type, r1, 8, 5);
        p.load(r0, r1, event.at.where.at.x).store(r1, event.at.where.at.y, 7).store(r1, event.at.id, r2);
        p.exit();
      });
    });
    const names = decodeInsns(spec.functions.get('f')!.code).map(({ def, off }) => `${def.name} ${off}`);
    const loads = ['ldxb', 'ldxh', 'ldxw', 'ldxdw', 'ldxsb', 'ldxsh', 'ldxsw', 'ldxdw'];
    const stores = ['b', 'h', 'w', 'dw', 'b', 'h', 'w', 'dw'];
    expect(names).toEqual([
      ...loads.map((name) => `${name} 8`),
      ...loads.flatMap((name, index) => [`${name} 8`, `stx${stores[index]} 8`, `st${stores[index]} 8`]),
      'ldxsh 24',
      'stw 28',
      'stxdw 8',
      'exit 0',
    ]);
  });
});

describe('contexts', () => {
  test('follow from the section, for the compiler too', () => {
    expectTypeOf<ContextOf<'xdp'>>().toEqualTypeOf<'xdp_md'>();
    expectTypeOf<ContextOf<'?xdp/icmp'>>().toEqualTypeOf<'xdp_md'>();
    expectTypeOf<ContextOf<'tc/ingress'>>().toEqualTypeOf<'__sk_buff'>();
    expectTypeOf<ContextOf<'cgroup/connect4'>>().toEqualTypeOf<'bpf_sock_addr'>();
    expectTypeOf<ContextOf<'kprobe/do_exit'>>().toEqualTypeOf<'pt_regs'>();
    expectTypeOf<ContextOf<'fentry/do_exit'>>().toEqualTypeOf<undefined>();
    expectTypeOf<ContextField<'xdp_md'>>().toEqualTypeOf<
      'data' | 'data_end' | 'data_meta' | 'ingress_ifindex' | 'rx_queue_index' | 'egress_ifindex'
    >();
    expectTypeOf<ContextField<undefined>>().toEqualTypeOf<never>();
  });

  test.each(sectionNames)("%s: every field is loaded where the kernel's types have it", (title) => {
    const contexts: Readonly<Record<number, keyof typeof CONTEXT_STRUCTS>> = CONTEXT_OF_PROG_TYPE;
    const context = contexts[programKind(title)!.progType!];
    const fields: Readonly<Record<string, readonly (number | string)[]>> = context
      ? CONTEXT_STRUCTS[context].fields
      : {};
    const scalars = Object.entries(fields).filter(
      ([, row]) => row.length === 3 && [1, 2, 4, 8].includes(row[1] as number) && !/\[/.test(String(row[2])),
    );
    const spec = object((o) => {
      o.program('f', title, (p) => {
        for (const [name] of scalars) (p as Code<'xdp_md'>).ctx.load(r0, name as 'data');
        p.exit();
      });
    });
    const loads = decodeInsns(spec.functions.get('f')!.code).slice(0, -1);
    expect(loads.map(({ def, off, src }) => [off, def.size, src])).toEqual(
      scalars.map(([, [offset, size]]) => [offset, size, 1]),
    );
  });

  test('an array by its index, a store, an offset', () => {
    const spec = object((o) => {
      o.program('f', 'tc', (p) => {
        p.ctx.load(r0, 'cb', r1, 3).ctx.store('cb', 7, r1, 4).ctx.store('tstamp', r0);
        p.mov(r0, p.ctx.offset('data_end')).exit();
      });
    });
    const insns = decodeInsns(spec.functions.get('f')!.code);
    expect(insns.map(({ def, off, imm }) => [def.name, off, imm])).toEqual([
      ['ldxw', 60, 0],
      ['stw', 64, 7],
      ['stxdw', 152, 0],
      ['mov_k', 0, 80],
      ['exit', 0, 0],
    ]);
  });
});

describe('maps', () => {
  test('of every type the kernel has', () => {
    const names = Object.keys(MapType)
      .filter((name) => name !== 'UNSPEC')
      .map((name) => name.toLowerCase());
    const nested = new Set(['array_of_maps', 'hash_of_maps']);
    const spec = object((o) => {
      for (const type of names) {
        const inner = nested.has(type) ? { inner: { type: 'array', value: 4, maxEntries: 1 } } : {};
        const keyless = ['queue', 'stack', 'bloom_filter', 'ringbuf', 'user_ringbuf', 'arena'].includes(type);
        const valueless = ['ringbuf', 'user_ringbuf', 'arena'].includes(type);
        const sizes = { ...(!keyless && { key: 4 }), ...(!valueless && { value: 4 }) };
        o.map(`map_${type}`, { type, ...sizes, maxEntries: 1, ...inner } as never);
      }
    });
    expect([...spec.maps.values()].map(({ type }) => type)).toEqual(
      names.map((name) => MapType[name.toUpperCase() as 'HASH']),
    );
  });

  test('their members follow from their type', () => {
    object((o) => {
      const hash = o.map('hash', { type: 'hash', key: u32, value: event, maxEntries: 8, flags: 1 });
      expectTypeOf(hash.set).parameter(0).toEqualTypeOf<number>();
      const raw = o.map('raw', { type: 'hash', key: 6, value: u64, maxEntries: 8 });
      expectTypeOf(raw.set).parameters.toEqualTypeOf<[Uint8Array, bigint | number]>();
      raw.set(new Uint8Array(6), 5);
      o.map('ring', { type: 'ringbuf', maxEntries: 4096 });
      o.map('perf', { type: 'perf_event_array' });
      o.map('store', { type: 'task_storage', value: u64, flags: 1 });
    });
  });
});

describe('functions of the kernel', () => {
  const known = Object.keys(KFUNCS);

  test.skipIf(!hasKernelBtf)('fit the kernel by their names alone, but for those that call back', () => {
    const btf = kernelBtf();
    const unfit = known.filter((name) => {
      const spec = object((o) => {
        const kfunc = o.kfunc(name);
        o.program('f', 'tc', (p) => p.call(kfunc).exit());
      });
      try {
        link(spec, 'f', { btf });
        return false;
      } catch {
        return true;
      }
    });
    expect(known.length).toBeGreaterThan(150);
    expect(unfit).toMatchInlineSnapshot(`
      [
        "bpf_rbtree_add_impl",
        "bpf_task_work_schedule_resume_impl",
        "bpf_task_work_schedule_signal_impl",
        "bpf_wq_set_callback_impl",
      ]
    `);
  });
});
