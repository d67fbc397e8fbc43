import { expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { adjustMap } from '../../src/object/index.ts';
import { plainMap } from '../../src/object/maps-legacy.ts';

const counts = {
  ...plainMap('counts', MapType.HASH, 'btf'),
  keySize: 4,
  valueSize: 8,
  maxEntries: 16,
  key: 1,
  value: 2,
};
const tables = { ...plainMap('tables', MapType.ARRAY_OF_MAPS, 'legacy'), keySize: 4, maxEntries: 4096 };

test('nothing changes where nothing is asked for', () => {
  expect(adjustMap(counts)).toEqual(counts);
  expect(adjustMap(counts, {})).toEqual(counts);
});

test('a map is made larger and of another type, and keeps its types', () => {
  expect(adjustMap(counts, { maxEntries: 1000, type: MapType.LRU_HASH })).toEqual({
    ...counts,
    maxEntries: 1000,
    type: MapType.LRU_HASH,
  });
});

test('types are left out where sizes differ from them', () => {
  expect(adjustMap(counts, { valueSize: 16 })).toMatchObject({
    valueSize: 16,
    key: undefined,
    value: undefined,
  });
});

test('a map of maps gets its template, and the size that the kernel wants', () => {
  const shape = { type: MapType.ARRAY, keySize: 4, valueSize: 8, maxEntries: 65_536 };
  expect(adjustMap(tables, { inner: shape })).toMatchObject({ valueSize: 4, inner: shape });
  expect(() => adjustMap(counts, { inner: shape })).toThrowErrorMatchingInlineSnapshot(
    `[TsbpfError: map 'counts' is no map of maps: it takes no inner map]`,
  );
});
