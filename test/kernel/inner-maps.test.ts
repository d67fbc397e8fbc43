import { expect, test } from 'vitest';
import { loadCollection } from '../../src/kernel/index.ts';
import { special } from '../object/fixtures.ts';
import { describeKernel } from '../support/kernel.ts';

const frame = new Uint8Array(64);

describeKernel('maps of maps that an object fills', () => {
  test('an array and a hash of maps hold the maps that their initialisers name', () => {
    using collection = loadCollection(special('inner_maps'));
    for (const [name, value] of [
      ['first', 11],
      ['second', 22],
      ['third', 33],
    ] as const)
      collection.map(name).set(0, value);
    const answer = (program: string, key: number): number => {
      collection.variable('wanted').set(key);
      return collection.program(program).testRun({ data: frame }).retval;
    };
    expect([0, 1, 2, 3, 4, 5].map((key) => answer('from_array', key))).toEqual([0, 33, 0, 0, 11, 0]);
    expect([0, 1, 2, 3, 4, 5].map((key) => answer('from_hash', key))).toEqual([0, 0, 0, 22, 0, 33]);
  });

  test("iproute2's: a slot by inner_idx, and tail calls by sections", () => {
    using collection = loadCollection(special('elf_map'));
    const run = (): number => collection.program('entry').testRun({ data: frame }).retval;
    expect(run()).toBe(100);
    collection.map('first').set(0, 3);
    expect(run()).toBe(103);
    collection.map('first').set(0, 77);
    expect(run()).toBe(77);
    // inner_idx -1 leaves it out of the outer map.
    collection.map('apart').set(0, 3);
    expect(run()).toBe(77);
    expect([...collection.map('jumps')].map(([key]) => key)).toEqual([0, 3]);
  });

  test('a struct of functions is left out where none of its programs is wanted', () => {
    using collection = loadCollection(special('struct_ops'), { programs: [] });
    expect([...collection.maps.keys()]).toEqual([]);
  });
});

describeKernel('functions that the kernel calls back', () => {
  test('bpf_for_each_map_elem and bpf_loop in a global subprogram', () => {
    using collection = loadCollection(special('callbacks'));
    const elements = collection.map('elements');
    const element = (count: bigint): Uint8Array => {
      const bytes = new Uint8Array(24);
      new DataView(bytes.buffer).setBigUint64(16, count, true);
      return bytes;
    };
    for (const key of [0, 1, 2]) elements.set(key, element(BigInt(10 * key)));
    // 1000, 5000 by a hidden function, keys 0 + 1 + 2, counts 0 + 10 + 20, and three rounds of 100.
    expect(collection.program('sum').testRun({ data: frame }).retval).toBe(1000 + 5000 + 3 + 30 + 300);
  });

  test('a timer', async () => {
    using collection = loadCollection(special('callbacks'));
    expect(collection.program('start').testRun({ data: frame }).retval).toBe(0);
    for (let tries = 0; collection.variable('fired').get() === 0n && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(collection.variable('fired').get()).toBe(9n);
  });
});
