import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  array,
  type Code,
  char,
  type Label,
  type ObjectBuilder,
  object,
  r0,
  r1,
  r2,
  r3,
  r6,
  struct,
  u8,
  u32,
  w1,
  w2,
} from '../../../src/asm/index.ts';
import { DiagnosticsError, renderDiagnostics } from '../../../src/util/index.ts';
import { errorOf } from '../../support/kernel.ts';

/** What is wrong with an object, one line each, without places. */
function problems(build: (o: ObjectBuilder) => void): string[] {
  const error = errorOf(() => object({ places: false }, build));
  if (!(error instanceof DiagnosticsError)) throw error;
  return error.diagnostics.map(({ code, message, help }) =>
    [`${code}: ${message}`, ...help.map((text) => `(${text})`)].join(' '),
  );
}

/** The same of one function that is given what the types refuse. */
function wrong(body: (p: Code) => void): string[] {
  return problems((o) => {
    o.function('f', (p) => {
      body(p);
      p.exit();
    });
  });
}

describe('operands', () => {
  test('registers', () => {
    expect(
      wrong((p) => {
        // @ts-expect-error
        p.mov(5, r1);
        // @ts-expect-error
        p.add(r1, w2);
        // @ts-expect-error
        p.add(w1, r2);
        // @ts-expect-error
        p.ldxw(r1, w2, 0);
        // @ts-expect-error
        p.be16(w1);
        // @ts-expect-error
        p.movsx32(w1, w2);
        p.exit();
      }),
    ).toMatchInlineSnapshot(`
      [
        "not-a-register: mov: the destination is 5, but must be a register such as r1",
        "mixed-widths: add: r1 and w2 have different widths (write both as r registers, or both as w registers)",
        "mixed-widths: add: w1 and r2 have different widths (write both as r registers, or both as w registers)",
        "half-register: ldxw: the base is w2, but must be a whole register (write r2)",
        "half-register: be16: the operand is w1, but must be a whole register (write r1)",
        "half-register: movsx32: has no 32-bit form, but is given w1 (write r1)",
      ]
    `);
  });

  test('numbers', () => {
    expect(
      wrong((p) => {
        p.mov(r1, 2 ** 31);
        p.add(r1, 2n ** 40n);
        p.add(w1, 2 ** 32);
        p.mov(r1, 1.5);
        p.mov(r1, 2 ** 60);
        // @ts-expect-error
        p.mov(r1, '5');
        p.lddw(r1, 2n ** 64n);
        p.ldxw(r1, r2, 40000);
        p.stxw(r1, -32769, r2);
        p.addr_space_cast(r1, r2, 0, 65536);
        p.call(-(2 ** 40));
      }),
    ).toMatchInlineSnapshot(`
      [
        "out-of-range: mov: the number 2147483648 does not fit 32 bits: it must be from -2147483648 to 2147483647 (p.lddw(r1, …) moves 64 bits)",
        "out-of-range: add: the number 1099511627776 does not fit 32 bits: it must be from -2147483648 to 2147483647 (load it into a register first: p.lddw(r2, 1099511627776n))",
        "out-of-range: add: the number 4294967296 does not fit 32 bits: it must be from -2147483648 to 4294967295",
        "not-a-number: mov: the number is 1.5, but must be a whole number",
        "unsafe-number: mov: the number 1152921504606847000 is more than a number holds exactly (write it as a bigint: 1152921504606846976n)",
        "not-a-number: mov: the number is '5', but must be a whole number",
        "out-of-range: lddw: the number 18446744073709551616 does not fit 64 bits",
        "out-of-range: ldxw: the offset 40000 does not fit 16 bits: it must be from -32768 to 32767 (add the rest to a copy of the register first)",
        "out-of-range: stxw: the offset -32769 does not fit 16 bits: it must be from -32768 to 32767 (add the rest to a copy of the register first)",
        "out-of-range: addr_space_cast: an address space is a number from 0 to 65535, not 65536",
        "out-of-range: call: the number -1099511627776 does not fit 32 bits: it must be from -2147483648 to 2147483647",
      ]
    `);
  });

  test('those that fit are taken: patterns of 32 and 64 bits without sign', () => {
    const spec = object((o) => {
      o.function('f', (p) => {
        p.mov(r1, 0xffff_ffff_ffff_ffffn)
          .mov(w1, 0xffff_ffff)
          .and(r1, -(2 ** 31));
        p.lddw(r1, -1n).lddw(r1, 0xffff_ffff_ffff_ffffn).stw(r1, 0, 0xffff_ffff);
        p.exit();
      });
    });
    const { code } = spec.functions.get('f')!;
    const view = new DataView(code.buffer);
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((slot) => view.getInt32(slot * 8 + 4, true))).toEqual([
      -1,
      -1,
      -(2 ** 31),
      -1,
      -1,
      -1,
      -1,
      -1,
    ]);
  });

  test('helpers, operators, rows and types', () => {
    const big = struct('big', { name: array(char, 16), n: u32 });
    expect(
      wrong((p) => {
        p.call('bpf_tail_cal' as never);
        p.if([r1, '=' as never, 5], () => p.exit());
        p.insn('mov' as never);
        p.insn('mov_k', { src: 3 });
        p.load(r1, r2, big.at.name);
        p.store(r1, big.at.name, 0);
      }),
    ).toMatchInlineSnapshot(`
      [
        "unknown-helper: there is no helper named 'bpf_tail_cal' (did you mean 'bpf_tail_call'?)",
        "unknown-operator: there is no comparison '=' (the comparisons are == != > >= < <= s> s>= s< s<= &)",
        "bad-operand: there is no instruction named 'mov'",
        "bad-operand: mov_k: src is 3, but this instruction has 0 there",
        "wrong-size: load: char[16] has 16 bytes, an instruction moves 1, 2, 4 or 8 (name the type of what is wanted of it: p.load('u32', dst, base, field))",
        "wrong-size: store: char[16] has 16 bytes, an instruction moves 1, 2, 4 or 8 (name the type of what is wanted of it: p.load('u32', dst, base, field))",
      ]
    `);
  });
});

describe('labels', () => {
  test('unbound, bound twice, of another function, at the end, not one', () => {
    expect(
      problems((o) => {
        let other: Label | undefined;
        o.function('one', (p) => {
          const nowhere = p.label('nowhere');
          const twice = p.label('twice');
          other = p.here('other');
          p.bind(twice).jeq(r1, 0, nowhere).ja(nowhere).bind(twice).ja(twice);
        });
        o.function('two', (p) => {
          const end = p.label('end');
          p.ja(other!);
          p.ja(undefined as never);
          p.jne(r1, 1, end).bind(end);
        });
      }),
    ).toMatchInlineSnapshot(`
      [
        "defined-twice: label 'twice' is bound twice",
        "foreign-label: label 'other' belongs to another function (jumps stay within a function; make the label with this function's own p.label())",
        "not-a-label: ja: the target is undefined, but must be a label of p.label()",
        "unbound-label: label 'nowhere' is jumped to, but bound nowhere (p.bind(label) puts it before the next instruction)",
        "label-at-end: label 'end' is bound behind the last instruction (an instruction must follow it: p.exit(), say)",
      ]
    `);
  });

  test('a goto that is too far becomes a gotol, a conditional jump cannot', () => {
    const far = (jump: (p: Code, label: Label) => void, slots: number) => (o: ObjectBuilder) => {
      o.function('f', (p) => {
        const end = p.label('end');
        jump(p, end);
        for (let i = 0; i < slots; i++) p.mov(r0, 0);
        p.bind(end).exit();
      });
    };
    const first = (slots: number): number[] => {
      const spec = object(
        { places: false },
        far((p, end) => p.ja(end), slots),
      );
      return [...spec.functions.get('f')!.code.subarray(0, 8)];
    };
    expect(first(32767)).toEqual([0x05, 0, 0xff, 0x7f, 0, 0, 0, 0]);
    expect(first(32768)).toEqual([0x06, 0, 0, 0, 0, 0x80, 0, 0]);
    expect(problems(far((p, end) => p.jeq(r1, 0, end), 32768))).toMatchInlineSnapshot(`
      [
        "branch-too-far: jeq: label 'end' is 32768 slots away; a conditional jump reaches from -32768 to 32767 (jump over a p.ja(label) on the opposite condition: p.ja reaches everything)",
      ]
    `);
    expect(problems(far((p, end) => p.may_goto(end), 32768)).length).toBe(1);
  });
});

describe('declarations', () => {
  test('names, sections and empty bodies', () => {
    expect(
      problems((o) => {
        o.map('a-b', { type: 'array', value: 4, maxEntries: 1 });
        o.variable('x', u32);
        o.map('x', { type: 'array', value: 4, maxEntries: 1 });
        o.program('p', 'xpd', (p) => p.exit());
        o.function('empty', () => {});
      }),
    ).toMatchInlineSnapshot(`
      [
        "bad-name: 'a-b' cannot be the name of a map (names are made of letters, digits and _)",
        "defined-twice: 'x' is declared twice",
        "unknown-section: 'xpd' does not say what its programs are (did you mean 'xdp'?)",
        "empty-function: function 'empty' has no instructions",
      ]
    `);
  });

  test('maps', () => {
    expect(
      problems((o) => {
        o.map('a', { type: 'hsh', key: 4, value: 4, maxEntries: 1 } as never);
        o.map('b', { type: 'hash', value: 4, maxEntries: 1 } as never);
        o.map('c', { type: 'array', value: u32, maxEntries: -1 });
        o.map('d', { type: 'array_of_maps', maxEntries: 1 } as never);
        o.map('e', { type: 'queue', maxEntries: 1 } as never);
        o.map('f', { type: 'array', value: 4 } as never);
        o.map('ring', { type: 'ringbuf', key: u32, maxEntries: 4096 });
        const g = o.map('g', { type: 'prog_array', maxEntries: 2 });
        const h = o.map('h', { type: 'array', value: u8, maxEntries: 2 });
        const prog = o.program('prog', 'xdp', (p) => p.exit());
        g.set(2, prog);
        g.set(1, prog);
        g.set(1, prog);
        g.set(0, h as never);
        h.set(0, 256);
        h.set(0, 255);
      }),
    ).toMatchInlineSnapshot(`
      [
        "out-of-range: map 'g' has slots 0 to 1, there is no 2",
        "defined-twice: entry 1 of map 'g' is set twice",
        "wrong-kind: the entries of map 'g' are programs",
        "bad-value: map 'h': value is 256, but must be a whole number from 0 to 255",
        "unknown-map-type: there is no map type 'hsh' (did you mean 'hash'?)",
        "missing-option: map 'b' needs 'key', a type or a size in bytes",
        "out-of-range: map 'c': 'maxEntries' is -1, but must be a whole number from 0 to 4294967295",
        "inner-map: map 'd' needs 'inner', what its maps are like",
        "missing-option: map 'e' needs 'value', a type or a size in bytes",
        "missing-option: map 'f' needs 'maxEntries'",
        "unused-option: map 'ring': a ringbuf has no keys of its own (leave 'key' out)",
      ]
    `);
  });

  test('values of variables', () => {
    expect(
      problems((o) => {
        o.variable('a', u8, 256);
        o.constant('b', array(char, 4), 'four');
      }),
    ).toMatchInlineSnapshot(`
      [
        "bad-value: variable 'a' is 256, but must be a whole number from 0 to 255",
        "bad-value: variable 'b'.length is 4, but must be a whole number from 0 to 3",
      ]
    `);
  });

  test('handles of other objects, and of the wrong kind', () => {
    const strangers: { map?: never; fn?: never } = {};
    object((o) => {
      strangers.map = o.map('m', { type: 'array', value: 4, maxEntries: 1 }) as never;
      strangers.fn = o.function('f', (p) => p.exit()) as never;
    });
    expect(
      problems((o) => {
        const array = o.map('a', { type: 'array', value: 4, maxEntries: 1 });
        o.program('p', 'xdp', (p) => {
          p.loadMap(r1, strangers.map!).call(strangers.fn!);
          p.loadMap(r1, strangers.fn!);
          p.loadMap(r1, undefined as never);
          p.tailCall(array, 0).tailCall(array, 0, r3);
          p.exit();
        });
      }),
    ).toMatchInlineSnapshot(`
      [
        "foreign-handle: loadMap: map 'm' belongs to another object (declare it on the object that this function is part of)",
        "foreign-handle: call: function 'f' belongs to another object (declare it on the object that this function is part of)",
        "wrong-kind: loadMap: expected a map, but got the function 'f'",
        "wrong-kind: loadMap: expected a map, but got undefined",
        "not-a-prog-array: tailCall: map 'a' is of type array (tail calls go through a map of type 'prog_array')",
        "not-a-prog-array: tailCall: map 'a' is of type array (tail calls go through a map of type 'prog_array')",
        "register-taken: tailCall: the context is in r3, where the index goes (keep the context in r6 to r9)",
      ]
    `);
  });

  test('the context', () => {
    expect(
      problems((o) => {
        o.program('p', 'xdp', (p) => {
          p.ctx.load(r1, 'dat' as never).ctx.store('data', 1, r6, 1);
          p.exit();
        });
        o.program('q', 'fentry/x', (p) => {
          p.ctx.load(r1, 'data' as never);
          p.exit();
        });
      }),
    ).toMatchInlineSnapshot(`
      [
        "unknown-field: ctx.load: struct xdp_md has no field 'dat' (did you mean 'data'?)",
        "out-of-range: ctx.store: 'data' has 1 elements, there is no 1",
        "no-context: ctx.load: nothing is known of the context of such programs (load from r1 by offset)",
      ]
    `);
  });
});

describe('places', () => {
  const here = basename(import.meta.filename);

  function careless(options: Parameters<typeof object>[0]): DiagnosticsError {
    return errorOf(() =>
      object(options as never, (o) => {
        o.program('p', 'xdp', (p) => {
          const out = p.label('out');
          p.mov(r0, 0).mov(r1, 2 ** 40);
          p.jeq(r1, 0, out);
          p.exit();
        });
      }),
    ) as DiagnosticsError;
  }

  test('the message names file, line and column of the call', () => {
    const { message } = careless({});
    const [line] = /:\d+/.exec(message)!;
    const text = readFileSync(import.meta.filename, 'utf8').split('\n')[Number(line.slice(1)) - 1];
    expect(text).toContain('p.mov(r0, 0).mov(r1, 2 ** 40)');
    expect(message.replace(/^.*\//, '').replace(/:\d+/, ':LINE')).toMatchInlineSnapshot(
      `"errors.test.ts:LINE:24: mov: the number 1099511627776 does not fit 32 bits: it must be from -2147483648 to 2147483647"`,
    );
    expect(message).toContain(`${here}:`);
  });

  test('with the source, the lines are shown', () => {
    const { diagnostics } = careless({ source: (file: string) => readFileSync(file, 'utf8') });
    const text = renderDiagnostics(diagnostics)
      .replace(/\/\S*\//g, '')
      .replace(/^ *\d+ \|/gm, 'NNN |')
      .replace(/:\d+:/g, ':NNN:');
    expect(text).toMatchInlineSnapshot(`
      "error[out-of-range]: mov: the number 1099511627776 does not fit 32 bits: it must be from -2147483648 to 2147483647
         --> errors.test.ts:NNN:24
          |
      NNN |           p.mov(r0, 0).mov(r1, 2 ** 40);
          |                        ^
          |
          = note: in program 'p'
          = help: p.lddw(r1, …) moves 64 bits

      error[unbound-label]: label 'out' is jumped to, but bound nowhere
         --> errors.test.ts:NNN:13
          |
      NNN |           const out = p.label('out');
          |                         - made here
      ...
      NNN |           p.jeq(r1, 0, out);
          |             ^
          |
          = note: in program 'p'
          = help: p.bind(label) puts it before the next instruction"
    `);
  });

  test('with a source that is not the one, and without any, the place is right', () => {
    const place = (error: DiagnosticsError): string => error.message.split(': ')[0]!;
    const whole = place(careless({}));
    expect(whole).toMatch(/errors\.test\.ts:\d+:\d+$/);
    expect(place(careless({ source: () => 'short' }))).toBe(whole);
    expect(renderDiagnostics(careless({ places: false }).diagnostics)).toMatchInlineSnapshot(`
      "error[out-of-range]: mov: the number 1099511627776 does not fit 32 bits: it must be from -2147483648 to 2147483647
        = note: in program 'p'
        = help: p.lddw(r1, …) moves 64 bits

      error[unbound-label]: label 'out' is jumped to, but bound nowhere
        = note: in program 'p'
        = help: p.bind(label) puts it before the next instruction"
    `);
  });
});

describe('misuse', () => {
  test('an async description or body, and a builder that outlives its function', async () => {
    const message = (act: () => unknown): string => {
      const { code, message: text, hint } = errorOf(act);
      return `${code}: ${text} (${hint})`;
    };
    let late: Code<'xdp_md'> | undefined;
    let o: ObjectBuilder | undefined;
    object((builder) => {
      o = builder;
      builder.program('p', 'xdp', (p) => {
        late = p;
        p.exit();
      });
    });
    expect([
      message(() => object((async () => {}) as never)),
      message(() => object((b) => b.function('f', (async () => {}) as never))),
      message(() => late!.exit()),
      message(() => o!.variable('x', u32)),
    ]).toMatchInlineSnapshot(`
      [
        "BUILDER_ASYNC: the description of an object must not be async (await first, describe then)",
        "BUILDER_ASYNC: the body of function 'f' must not be async (await first, describe then)",
        "BUILDER_CLOSED: program 'p' is finished, nothing can be added to it (a builder is good within its own function only, and not behind an await)",
        "BUILDER_CLOSED: the object is finished, nothing can be added to it (undefined)",
      ]
    `);
  });

  test('what a body throws is thrown on', () => {
    expect(() =>
      object((o) => {
        o.function('f', () => {
          throw new RangeError('mine');
        });
      }),
    ).toThrow(new RangeError('mine'));
  });
});
