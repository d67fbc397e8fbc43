import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Btf, BtfBuilder, BtfTypeScript, btfToTypeScript, parseBtf } from '../../src/btf/index.ts';
import { everyKind } from './every-kind.ts';
import { hasKernelBtf, kernelBtf, withFolder } from './tools.ts';

const built = (make: (btf: BtfBuilder) => void): Btf => {
  const builder = new BtfBuilder();
  make(builder);
  return parseBtf(builder.build('little'));
};

const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));

/** What the compiler has against a module; empty where it takes it. */
function complaints(text: string): string {
  return withFolder((folder) => {
    const file = join(folder, 'types.ts');
    writeFileSync(file, text);
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2022', '--module', 'esnext'];
    return spawnSync(tsc, [...options, file], { encoding: 'utf8', cwd: folder }).stdout;
  });
}

test('interfaces and constants', () => {
  const btf = built((make) => {
    const u32 = make.int('unsigned int', 4);
    const u64 = make.int('unsigned long long', 8);
    const char = make.int('char', 1, { char: true });
    const u8 = make.int('unsigned char', 1);
    const member = (name: string, type: number, offset: number) => ({ name, type, offsetBits: 8 * offset });
    const verdict = make.enum('verdict', { DROP: 1, PASS: 2 });
    const wide = make.enum64('wide', { HUGE: 1n << 40n });
    const either = make.union('either', 8, [member('word', u64, 0), member('low', u32, 0)]);
    const place = make.typedef('place_t', make.struct('', 4, [member('x', u32, 0)]));
    const anonymous = make.struct('', 4, [member('seen', make.int('_Bool', 1, { bool: true }), 0)]);
    const choice = make.union('', 4, [member('whole', u32, 0), member('parts', make.array(u8, u32, 4), 0)]);
    make.struct('event', 80, [
      member('pid', make.const(u32), 0),
      member('when', u64, 8),
      member('comm', make.array(char, u32, 16), 16),
      member('mac', make.array(u8, u32, 6), 32),
      member('path', make.array(make.array(place, u32, 2), u32, 2), 40),
      member('verdict', verdict, 56),
      member('wide', wide, 56),
      member('either', either, 64),
      member('next', make.ptr(make.nextId + 1), 72),
      member('', anonymous, 60),
      member('', choice, 60),
      member('ratio', make.float('double', 8), 60),
    ]);
  });
  const text = btfToTypeScript(btf, { roots: [btf.findByName('event', 'struct')!] });
  expect(complaints(text)).toBe('');
  expect(text).toMatchInlineSnapshot(`
    "/** struct place_t, 4 bytes. */
    export interface place_t {
      x: number;
    }

    /** enum verdict, 4 bytes. */
    export const verdict = {
      DROP: 1,
      PASS: 2,
    } as const;
    export type verdict = number;

    /** enum wide, 8 bytes. */
    export const wide = {
      HUGE: 1099511627776n,
    } as const;
    export type wide = bigint;

    /** union either, 8 bytes. */
    export interface either {
      bytes?: Uint8Array;
      word?: bigint;
      low?: number;
    }

    /** An anonymous union, 4 bytes. */
    export interface event_union0 {
      bytes?: Uint8Array;
      whole?: number;
      parts?: Uint8Array;
    }

    /** struct event, 80 bytes. */
    export interface event {
      pid: number;
      when: bigint;
      comm: string;
      mac: Uint8Array;
      path: place_t[][];
      verdict: verdict;
      wide: wide;
      either: either;
      next: bigint;
      seen: boolean;
      union0: event_union0;
      ratio: number;
    }
    "
  `);
});

test('the type of anything can be asked for, and names follow a rule', () => {
  const btf = parseBtf(everyKind().build('little'));
  const types = new BtfTypeScript(btf, { rename: (name) => name.toUpperCase() });
  expect(types.typeOf(btf.findByName('u64', 'typedef')!)).toBe('bigint');
  expect(types.text).toBe('');
  expect(types.typeOf(btf.findByName('list', 'struct')!)).toBe('LIST');
  expect(types.typeOf(btf.findByName('list', 'struct')!)).toBe('LIST');
  expect(types.text).toMatch(/^\/\*\* struct list, 24 bytes\. \*\/\nexport interface LIST \{/);
});

test('names that TypeScript does not take, or that are there, are made good', () => {
  const btf = built((make) => {
    const int = make.int('int', 4);
    const member = { name: '__proto__', type: int, offsetBits: 0 };
    for (const name of ['string', 'class', 'Uint8Array', 'a-b', '1st', '*/ evil'])
      make.struct(name, 4, [member]);
    make.union('class', 4, [{ name: 'bytes', type: int, offsetBits: 0 }]);
  });
  const text = btfToTypeScript(btf);
  expect(complaints(text)).toBe('');
  expect(text.match(/(?<=interface )\S+/g)).toEqual([
    'string_2',
    'class_2',
    'Uint8Array_2',
    'a_b',
    '_1st',
    '___evil',
    'class_3',
  ]);
});

test('every kind', () => {
  // The compiler does say when something is wrong.
  expect(complaints('export interface string {}')).toContain('TS2427');
  expect(complaints(btfToTypeScript(parseBtf(everyKind().build('big'))))).toBe('');
});

describe.skipIf(!hasKernelBtf)('of the kernel', () => {
  test('a struct with hundreds within it type-checks', () => {
    const btf = kernelBtf();
    const text = btfToTypeScript(btf, { roots: [btf.findByName('task_struct', 'struct')!] });
    expect(text).toContain('export interface task_struct {');
    expect(complaints(text)).toBe('');
  });
});
