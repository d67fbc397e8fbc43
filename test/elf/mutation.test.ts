import { expect, test } from 'vitest';
import { parseElf, readObject, writeElf } from '../../src/elf/index.ts';
import type { RelocatableObject } from '../../src/object/index.ts';
import { FormatError } from '../../src/util/index.ts';
import { fixture, goodFixtures, special, specialFixtures } from '../object/fixtures.ts';
import { fc, test as property } from '../support/property.ts';
import { type Mutation, mutate, readAll } from './mutations.ts';

const originals = [...goodFixtures.map(fixture), ...specialFixtures.map(special)];

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat(7) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('word' as const),
      at: place,
      value: fc.constantFrom(0, 1, 7, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: place }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('splice' as const),
      from: place,
      at: place,
      length: fc.nat(64),
    }),
  },
);

const outcomes = new Set<string>();

property.prop([fc.constantFrom(...originals), fc.array(mutation, { minLength: 1, maxLength: 6 })], {
  numRuns: 3000,
})('a damaged object is read or refused with an error of ours', (original, mutations) => {
  outcomes.add(readAll(mutate(original, mutations)));
});

test('an object cut at any byte is refused', () => {
  const whole = fixture('globals-19-el');
  expect(readAll(whole)).toBe('read');
  for (let length = 0; length < whole.length; length += 7)
    expect(readAll(whole.subarray(0, length))).toBe('refused');
});

test('of the damaged objects some were read and some refused', () => {
  expect([...outcomes].sort()).toEqual(['read', 'refused']);
});

property.prop([fc.uint8Array({ maxLength: 512 })])('any bytes after a header are refused or read', (tail) => {
  readAll(new Uint8Array([...fixture('legacy-19-el').subarray(0, 64), ...tail]));
});

/** An object of one section of code and what else a test puts into it. */
function hostile(parts: Partial<RelocatableObject>): RelocatableObject {
  return {
    endian: 'little',
    sections: [
      { name: 'xdp', type: 1, flags: 6, align: 8, entrySize: 0, bytes: new Uint8Array(16), size: 16 },
    ],
    symbols: [],
    relocations: [],
    ...parts,
  };
}

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    if (error instanceof FormatError) return error.code;
    throw error;
  }
  return undefined;
};

test('sections that lie over each other are refused: a small file must not become much work', () => {
  const sections = Array.from({ length: 64 }, (_, index) => ({
    name: `xdp/${index}`,
    type: 1,
    flags: 6,
    align: 8,
    entrySize: 0,
    bytes: new Uint8Array(4096),
    size: 4096,
  }));
  const bytes = writeElf(hostile({ sections }));
  const view = new DataView(bytes.buffer);
  const table = Number(view.getBigUint64(40, true));
  const first = view.getBigUint64(table + 64 + 24, true);
  // Every section is given the bytes of the first four.
  for (let index = 1; index <= 64; index++) {
    view.setBigUint64(table + index * 64 + 24, first, true);
    view.setBigUint64(table + index * 64 + 32, 16384n, true);
  }
  expect(codeOf(() => parseElf(bytes))).toBe('ELF_OVERLAP');
});

test('names that are tails of one long name are refused once they cost too much', () => {
  const long = 'x'.repeat(20_000);
  const symbols = Array.from({ length: 4000 }, () => ({
    name: long,
    section: 0,
    value: 0,
    size: 0,
    binding: 'global' as const,
    type: 'func' as const,
    visibility: 'default' as const,
  }));
  const bytes = writeElf(hostile({ symbols }));
  const view = new DataView(bytes.buffer);
  const table = Number(view.getBigUint64(40, true));
  const symtab = Number(view.getBigUint64(table + 2 * 64 + 24, true));
  for (let index = 1; index <= 4000; index++) view.setUint32(symtab + index * 24, index, true);
  expect(codeOf(() => parseElf(bytes))).toBe('ELF_BAD_STRING');
});

test('a NOBITS section of any size takes no memory', () => {
  const bss = {
    name: '.bss',
    type: 8,
    flags: 3,
    align: 8,
    entrySize: 0,
    bytes: new Uint8Array(),
    size: 2 ** 31 - 1,
  };
  expect(readObject(writeElf(hostile({ sections: [bss] }))).maps.get('.bss')).toMatchObject({ contents: [] });
  expect(codeOf(() => readObject(writeElf(hostile({ sections: [{ ...bss, size: 2 ** 45 }] }))))).toBe(
    'MAP_TOO_LARGE',
  );
});
