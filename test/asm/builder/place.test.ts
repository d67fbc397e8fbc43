import { afterEach, describe, expect, test } from 'vitest';
import { callerOf, type Place, parseFrame } from '../../../src/asm/builder/place.ts';

describe('a frame as engines write it', () => {
  test.each<[string, Place | undefined]>([
    ['    at file:///a/b.ts:3:5', { file: '/a/b.ts', line: 3, column: 5 }],
    ['    at f (file:///a/b%20c.ts:3:5)', { file: '/a/b c.ts', line: 3, column: 5 }],
    ['    at Object.<anonymous> (/a/b (1).js:30:15)', { file: '/a/b (1).js', line: 30, column: 15 }],
    ['    at async file:///a/b.ts:3:5', { file: '/a/b.ts', line: 3, column: 5 }],
    ['    at new X (C:\\a\\b.js:3:5)', { file: 'C:\\a\\b.js', line: 3, column: 5 }],
    ['    at f (https://host/@scope/b.js?v=1:3:5)', { file: 'https://host/@scope/b.js', line: 3, column: 5 }],
    ['f@https://host/@scope/b.js:3:5', { file: 'https://host/@scope/b.js', line: 3, column: 5 }],
    ['@https://host/b.js:3:5', { file: 'https://host/b.js', line: 3, column: 5 }],
    ['https://host/b.js:3:5', { file: 'https://host/b.js', line: 3, column: 5 }],
    ['    at eval (eval at f (file:///a.ts:1:2), <anonymous>:1:7)', undefined],
    ['    at <anonymous>:1:7', undefined],
    ['    at Array.map (<anonymous>)', undefined],
    ['    at Array.map (native)', undefined],
    ['[native code]', undefined],
    ['Error', undefined],
    ['', undefined],
  ])('%s', (line, place) => {
    expect(parseFrame(line)).toEqual(place);
  });

  test('none', () => expect(parseFrame(undefined)).toBeUndefined());
});

describe('the caller of a method', () => {
  const { captureStackTrace, prepareStackTrace, stackTraceLimit } = Error;
  afterEach(() => Object.assign(Error, { captureStackTrace, prepareStackTrace, stackTraceLimit }));

  function method(): Place | undefined {
    return callerOf(method);
  }

  test('is named, and the engine left as it was', () => {
    Error.stackTraceLimit = 7;
    const first = method();
    const [second, third] = [method(), method()];
    expect(first?.file).toBe(import.meta.filename);
    expect(second).toEqual({ ...first, line: first!.line + 1, column: second!.column });
    expect(third!.column - second!.column).toBe('method(), '.length);
    expect(Error.stackTraceLimit).toBe(7);
    expect(Error.prepareStackTrace).toBe(prepareStackTrace);
  });

  test('is the first frame of engines that know no limit', () => {
    const frames = ['outer@https://host/a.js:7:9', '@https://host/b.js:1:1', ''];
    Object.assign(Error, {
      captureStackTrace: (holder: { stack?: string }) => {
        holder.stack = frames.join('\n');
      },
    });
    const place = method();
    Object.assign(Error, { captureStackTrace });
    expect(place).toEqual({ file: 'https://host/a.js', line: 7, column: 9 });
  });

  test('is not known where stacks are off, frozen or not texts', () => {
    Object.assign(Error, { prepareStackTrace: (_error: unknown, frames: unknown) => frames });
    const asFrames = method();
    const refuse = (): never => {
      throw new TypeError('no');
    };
    Object.assign(Error, { prepareStackTrace, captureStackTrace: refuse });
    const refused = method();
    Object.assign(Error, { captureStackTrace: undefined });
    const without = method();
    Object.assign(Error, { captureStackTrace });
    expect([asFrames, refused, without]).toEqual([undefined, undefined, undefined]);
  });
});
