import { expect, test } from 'vitest';
import { countersOf, sortByRate } from '../../src/cli/counters.ts';
import { changesBetween, takeSnapshot } from '../../src/cli/map-changes.ts';
import { splitWords } from '../../src/cli/map-input.ts';
import { takeWhich } from '../../src/cli/which.ts';
import { fc, test as property } from '../support/property.ts';

const element = (key: number, ...values: number[]) => ({
  key: Uint8Array.of(key),
  values: values.map((value) => Uint8Array.of(value)),
});

test('what changed between two looks is told in the order of the new one', () => {
  const before = takeSnapshot([element(1, 1), element(2, 1), element(3, 1)]);
  const after = takeSnapshot([
    element(4, 9),
    element(3, 1),
    element(1, 2),
    { key: Uint8Array.of(5), values: [], errno: 2 },
  ]);
  expect(changesBetween(before, after).map(({ change, element: { key } }) => `${change} ${key}`)).toEqual([
    'added 4',
    'changed 1',
    'removed 2',
  ]);
});

const contents = fc.uniqueArray(fc.tuple(fc.nat(20), fc.nat(3)), { selector: ([key]) => key });

property.prop([contents, contents])('changes lead from one look to the next', (one, other) => {
  const look = (entries: [number, number][]) =>
    takeSnapshot(entries.map(([key, value]) => element(key, value)));
  const found = new Map(one);
  for (const {
    change,
    element: { key, values },
  } of changesBetween(look(one), look(other))) {
    if (change === 'removed') found.delete(key[0]!);
    else found.set(key[0]!, values[0]![0]!);
  }
  expect([...found].sort((a, b) => a[0] - b[0])).toEqual([...other].sort((a, b) => a[0] - b[0]));
});

test('counters are the numbers of a value, added up over CPUs', () => {
  expect([...countersOf(element(1, 250, 10), undefined)]).toEqual([['value', 260n]]);
  const wide = {
    key: new Uint8Array(4),
    values: [Uint8Array.from({ length: 20 }, (_, index) => (index % 8 === 0 ? 1 : 0))],
  };
  expect([...countersOf(wide, undefined)]).toEqual([
    ['[0]', 1n],
    ['[1]', 1n],
  ]);
});

test('what grows fastest comes first', () => {
  const row = (key: string, packets: number, bytes: number) => ({
    key,
    counters: [
      { name: 'packets', total: 0n, rate: packets },
      { name: 'bytes', total: 0n, rate: bytes },
    ],
  });
  const rows = [row('a', 1, 9), row('b', 3, 2), row('c', 0, 9)];
  expect(sortByRate(rows).map(({ key }) => key)).toEqual(['a', 'c', 'b']);
  expect(sortByRate(rows, 'packets').map(({ key }) => key)).toEqual(['b', 'a', 'c']);
});

test('words tell which object, which key and which value', () => {
  expect(takeWhich(['7', 'x'])).toEqual({ which: { by: 'id', value: '7' }, rest: ['x'] });
  expect(takeWhich(['pinned', 'x', 'y'])).toEqual({ which: { by: 'pinned', value: 'x' }, rest: ['y'] });
  expect(takeWhich(['id'])).toEqual({ which: { by: 'name', value: 'id' }, rest: [] });
  expect(takeWhich(['./x'])).toEqual({ which: { by: 'pinned', value: './x' }, rest: [] });
  const both = (...words: string[]): object => splitWords(words, 'both');
  expect(both('key', 'hex', '01', 'value', '2')).toEqual({ key: 'hex 01', value: '2', flags: 0 });
  expect(both('value', '2')).toEqual({ key: '', value: '2', flags: 0 });
  expect(splitWords(['hex', '01', '02'], 'key')).toEqual({ key: 'hex 01 02', value: '', flags: 0 });
  expect(both('7', 'id', '12')).toEqual({ key: '7', value: 'id 12', flags: 0 });
  expect(both('key', '1', '0', 'value', '2', 'noexist')).toEqual({ key: '1 0', value: '2', flags: 1 });
  expect(both('1', '2', 'exist')).toEqual({ key: '1', value: '2', flags: 2 });
  // An enumerator may have such a name.
  expect(both('1', 'exist')).toEqual({ key: '1', value: 'exist', flags: 0 });
  expect(both('key', '1', 'value', 'any')).toEqual({ key: '1', value: 'any', flags: 0 });
  expect(splitWords(['1', '2'], 'both', true)).toEqual({ key: '', value: '1 2', flags: 0 });
  expect(splitWords(['7', 'any'], 'key')).toEqual({ key: '7 any', value: '', flags: 0 });
});
