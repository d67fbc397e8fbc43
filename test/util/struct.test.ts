import { describe, expect, test } from 'vitest';
import {
  arrayOf,
  bytesOf,
  charArray,
  s8,
  s16,
  s32,
  struct,
  toHex,
  u8,
  u16,
  u32,
  u64,
} from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';

const mixed = struct('mixed', { a: u8, b: u16, c: s8, d: u64, e: s32, f: s16 });

describe('struct()', () => {
  test('lays members out at their natural alignment, as C does', () => {
    expect(mixed.offsets).toEqual({ a: 0, b: 2, c: 4, d: 8, e: 16, f: 20 });
    expect([mixed.size, mixed.align]).toEqual([24, 8]);
  });

  test('packed, leaves no gaps', () => {
    const packed = struct('packed', { a: u8, b: u32 }, { packed: true });
    expect([packed.offsets.b, packed.size]).toEqual([1, 5]);
  });

  test('writes both byte orders and zeros what is left out', () => {
    const pair = struct('pair', { a: u16, b: u32, c: u16 });
    expect(toHex(pair.encode({ a: 1, b: 2 }))).toBe('010000000200000000000000');
    expect(toHex(pair.encode({ a: 1, b: 2 }, 'big'))).toBe('000100000000000200000000');
  });

  test('takes objects only', () => {
    const point = struct('point', { x: u32 });
    const message = (value: unknown): string => {
      try {
        struct('line', { from: point }).encode({ from: value as never });
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(message('7')).toMatchInlineSnapshot(`"line.from is a struct point, but 7 was given"`);
    expect(message(7)).toMatchInlineSnapshot(`"line.from is a struct point, but 7 was given"`);
    expect(message({ x: 7 })).toBe('');
  });

  test('nests, and holds arrays, bytes and text', () => {
    const outer = struct('outer', {
      id: u32,
      inner: struct('inner', { x: u64 }),
      list: arrayOf(u16, 3),
      raw: bytesOf(2),
      name: charArray(4),
    });
    const value = { id: 7, inner: { x: 9n }, list: [1, 2, 3], raw: Uint8Array.of(8, 9), name: 'abc' };
    expect(outer.decode(outer.encode(value))).toEqual(value);
    expect(outer.offsets).toEqual({ id: 0, inner: 8, list: 16, raw: 22, name: 24 });
  });

  test.each([
    [() => mixed.encode({ a: 256 }), 'mixed.a is 256, but must be a whole number from 0 to 255'],
    [() => mixed.encode({ f: -32769 }), 'mixed.f is -32769, but must be a whole number from -32768 to 32767'],
    [
      () => mixed.encode({ d: -1n }),
      'mixed.d is -1, but must be a whole number from 0 to 18446744073709551615',
    ],
    [
      () => struct('s', { name: charArray(4) }).encode({ name: 'four' }),
      's.name.length is 4, but must be a whole number from 0 to 3',
    ],
    [
      () => struct('s', { list: arrayOf(u8, 2) }).encode({ list: [1, 300] }),
      's.list[1] is 300, but must be a whole number from 0 to 255',
    ],
    [() => mixed.decode(new Uint8Array(23)), 'mixed: needs 24 bytes at offset 0, but there are 23 in all'],
  ])('refuses by name: %#', (call, message) => {
    expect(call).toThrow(message);
  });

  property.prop([
    fc.uint8Array({ minLength: 24, maxLength: 24 }),
    fc.constantFrom('little' as const, 'big' as const),
  ])('decode and encode are inverse but for padding', (bytes, endian) => {
    const again = mixed.encode(mixed.decode(bytes, endian), endian);
    const expected = bytes.slice();
    for (const gap of [1, 5, 6, 7, 22, 23]) expected[gap] = 0;
    expect(toHex(again)).toBe(toHex(expected));
  });
});
