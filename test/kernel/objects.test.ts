import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { loadCollection } from '../../src/kernel/index.ts';
import { progInfo } from '../../src/syscall/index.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { canLoad } from '../support/needs.ts';

const folder = new URL('../../bpf/', import.meta.url);
const objects = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.o') && canLoad(name),
);
const little = objects.filter((name) => !name.includes('bpfeb'));
const big = objects.filter((name) => name.includes('bpfeb'));

describeKernel('the objects of this project', () => {
  test('are there', () => {
    expect(little.length).toBeGreaterThan(5);
    expect(big.length).toBeGreaterThan(2);
  });

  test.each(little)('%s is loaded, with its types where it has them', (name) => {
    const spec = readObject(readFileSync(new URL(name, folder)));
    using collection = loadCollection(spec);
    expect(collection.programs.size).toBeGreaterThan(0);
    for (const { name, fd } of collection.programs.values()) {
      // Types of maps alone, as an assembly file has them, are none of the program's.
      const typed = spec.functions.get(name)?.type !== undefined;
      expect([name, progInfo(fd.number).btfId > 0]).toEqual([name, typed]);
    }
  });

  test.each(big)('%s is refused on a little-endian machine', (name) => {
    const bytes = readFileSync(new URL(name, folder));
    expect(errorOf(() => loadCollection(bytes)).code).toBe('ENDIAN_FOREIGN');
  });
});
