import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseElf, readObject, writeElf } from '../../src/elf/index.ts';
import { collect, lower, type ObjectSpec } from '../../src/object/index.ts';
import { TsbpfError } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';
import { fixture, goodFixtures } from './fixtures.ts';
import { meaningOf } from './meaning.ts';
import { Modeller, plan } from './model.ts';

const bpf = new URL('../../bpf/', import.meta.url);
const linked = new URL('../elf/link/', import.meta.url);
const objects = [
  ...readdirSync(bpf, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o'))
    .map((name) => [`bpf/${name}`, new Uint8Array(readFileSync(new URL(name, bpf)))] as const),
  ...readdirSync(linked)
    .filter((name) => name.endsWith('.o'))
    .map((name) => [`link/${name}`, new Uint8Array(readFileSync(new URL(name, linked)))] as const),
  ...goodFixtures.map((name) => [`fixtures/${name}`, fixture(name)] as const),
];

describe('an object that is read, written and read again', () => {
  test.each(objects)('means the same: %s', (_, bytes) => {
    const spec = readObject(bytes);
    const written = writeElf(lower(spec));
    expect(meaningOf(readObject(written))).toEqual(meaningOf(spec));
    // Once in our form it stays as it is.
    expect(writeElf(lower(readObject(written)))).toEqual(written);
    expect(collect(lower(spec)).functions.size).toBe(spec.functions.size);
    expect(parseElf(written).sections.map(({ name }) => name)).not.toContain('.debug_info');
  });
});

property.prop([plan], { numRuns: 300 })('any object keeps its meaning through a spec', (given) => {
  const spec = collect(new Modeller(given).model().object);
  expect(meaningOf(readObject(writeElf(lower(spec))))).toEqual(meaningOf(spec));
});

const damageable = objects.filter(([name]) => name.includes('-19-')).map(([, bytes]) => bytes);
const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });

property.prop([fc.nat(), damage], { numRuns: 300 })(
  'what is read from a damaged object is written as it was read, or refused in words',
  (which, changes) => {
    const bytes = damageable[which % damageable.length]!.slice();
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    let spec: ObjectSpec;
    let written: Uint8Array;
    try {
      spec = readObject(bytes);
      written = writeElf(lower(spec));
    } catch (error) {
      if (!(error instanceof TsbpfError)) throw error;
      return;
    }
    expect(meaningOf(readObject(written))).toEqual(meaningOf(spec));
  },
);
