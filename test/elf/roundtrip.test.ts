import { expect, test } from 'vitest';
import { parseElf, writeElf } from '../../src/elf/index.ts';
import type { RelocatableObject } from '../../src/object/index.ts';
import { fixture, goodFixtures } from '../object/fixtures.ts';
import { test as property } from '../support/property.ts';
import { relocatableObject } from './arbitraries.ts';

property.prop([relocatableObject])('any object is read as it was written', (object) => {
  expect(parseElf(writeElf(object))).toEqual(object);
});

test.each(goodFixtures)('%s: parsing, writing and parsing again changes nothing', (name) => {
  const object = parseElf(fixture(name));
  const again = parseElf(writeElf(object));
  expect(again).toEqual(object);
  expect(writeElf(again)).toEqual(writeElf(object));
});

test('local symbols are moved before the others, and relocations follow them', () => {
  const symbol = { section: 0, value: 0, size: 8, type: 'func', visibility: 'default' } as const;
  const object: RelocatableObject = {
    endian: 'little',
    sections: [
      { name: 'xdp', type: 1, flags: 6, align: 8, entrySize: 0, bytes: new Uint8Array(16), size: 16 },
    ],
    symbols: [
      { ...symbol, name: 'shown', binding: 'global' },
      { ...symbol, name: 'hidden', binding: 'local' },
    ],
    relocations: [
      { section: 0, offset: 0, type: 10, symbol: 0, addend: 0 },
      { section: 0, offset: 8, type: 10, symbol: 1, addend: 0 },
    ],
  };
  const { symbols, relocations } = parseElf(writeElf(object));
  expect(symbols.map(({ name }) => name)).toEqual(['hidden', 'shown']);
  expect(relocations.map(({ symbol: index }) => symbols[index]!.name)).toEqual(['shown', 'hidden']);
});
