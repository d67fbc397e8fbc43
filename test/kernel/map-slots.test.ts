import { expect, test } from 'vitest';
import { MapType, UpdateFlag } from '../../src/isa/kernel-tables.generated.ts';
import { BloomFilter, BpfMap, type Fd, Program } from '../../src/kernel/index.ts';
import { u32 } from '../../src/util/struct.ts';
import { returns } from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`.replaceAll(
    /\(descriptor \d+\)/g,
    '(descriptor N)',
  );

const inner = (): BpfMap =>
  BpfMap.create({ name: 'row', type: MapType.ARRAY, keySize: 4, valueSize: 8, maxEntries: 4 });

describeKernel('slots that hold objects of the kernel', () => {
  test('take the id that another slot answered with', () => {
    using row = inner();
    using tables = BpfMap.create({
      name: 'tables',
      type: MapType.HASH_OF_MAPS,
      keySize: 4,
      valueSize: 4,
      maxEntries: 4,
      innerMap: row,
    });
    tables.set(1, row);
    const id = Number(tables.get(1));
    tables.set(2, { id });
    expect([...tables.values()]).toEqual([id, id]);

    using pass = Program.load({ name: 'pass', type: 'xdp', code: returns(2) });
    using jumps = BpfMap.create({
      name: 'jumps',
      type: MapType.PROG_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
    });
    jumps.set(0, { id: pass.id });
    expect(jumps.get(0)).toBe(pass.id);
    expect(errorOf(() => jumps.set(0, { id: 2 ** 30 }))).toMatchObject({ code: 'ENOENT' });
    expect(words(errorOf(() => row.set(0, { id })))).toMatchInlineSnapshot(
      `"map 'row' is of type array, which takes no ids [maps of maps take ids of maps, prog arrays those of programs]"`,
    );
  });

  test('take programs and maps through a layout of the key, too', () => {
    using row = inner();
    using outer = BpfMap.create({
      name: 'tables',
      type: MapType.ARRAY_OF_MAPS,
      keySize: 4,
      valueSize: 4,
      maxEntries: 4,
      innerMap: row,
    });
    const tables = outer.as({ key: u32, value: u32 });
    row.set(3, 33n);
    tables.setObject(1, row);
    using found = tables.innerMap(1);
    expect(found?.get(3)).toBe(33n);
    tables.setObject(2, { id: tables.get(1)! });
    expect([...tables.keys()]).toEqual([1, 2]);
    expect(tables.innerMap(0)).toBeUndefined();
  });

  test('are not taken for those of other maps', () => {
    using row = inner();
    expect(words(errorOf(() => row.innerMap(1)))).toMatchInlineSnapshot(
      `"map 'row' is of type array, which holds no maps"`,
    );
    using pass = Program.load({ name: 'pass', type: 'xdp', code: returns(2) });
    const duplicate = (of: Fd): Fd => of.duplicate();
    const ofProgram = duplicate(pass.fd);
    expect(words(errorOf(() => BpfMap.fromFd(ofProgram)))).toMatchInlineSnapshot(
      `"program 'pass' (descriptor N) is a program, not a map"`,
    );
    expect(ofProgram.closed).toBe(true);
    const ofMap = duplicate(row.fd);
    expect(words(errorOf(() => Program.fromFd(ofMap)))).toMatchInlineSnapshot(
      `"map 'row' (descriptor N) is a map, not a program"`,
    );
    expect(ofMap.closed).toBe(true);
  });
});

describeKernel('what is no key and no value', () => {
  test('is named', () => {
    using map = BpfMap.create({
      name: 'counts',
      type: MapType.HASH,
      keySize: 4,
      valueSize: 8,
      maxEntries: 4,
    });
    using array = inner();
    // As callers without types give them.
    const given = (value: unknown): never => value as never;
    expect(words(errorOf(() => map.get(given('seven'))))).toMatchInlineSnapshot(
      `"a key of map 'counts' is a number, a bigint or a Uint8Array, but the text 'seven' was given [with typedMap(collection, name) or map.as(layout) it can be more]"`,
    );
    expect(words(errorOf(() => map.get(given(undefined))))).toMatchInlineSnapshot(
      `"a key of map 'counts' is a number, a bigint or a Uint8Array, but undefined was given [with typedMap(collection, name) or map.as(layout) it can be more]"`,
    );
    expect(words(errorOf(() => map.set(1, given(null))))).toMatchInlineSnapshot(
      `"a value of map 'counts' is a number, a bigint or a Uint8Array, but null was given [with typedMap(collection, name) or map.as(layout) it can be more]"`,
    );
    expect(words(errorOf(() => map.set(1, given([1n]))))).toMatchInlineSnapshot(
      `"a value of map 'counts' is a number, a bigint or a Uint8Array, but an array was given [with typedMap(collection, name) or map.as(layout) it can be more]"`,
    );
    expect(words(errorOf(() => map.set(1, given({ packets: 1 }))))).toMatchInlineSnapshot(
      `"a value of map 'counts' is a number, a bigint or a Uint8Array, but a value of type object was given [with typedMap(collection, name) or map.as(layout) it can be more]"`,
    );
    expect(words(errorOf(() => map.get(1, UpdateFlag.F_LOCK)))).toMatchInlineSnapshot(
      `"cannot read map 'counts': the flag F_LOCK is for values with a bpf_spin_lock, and this map has none (EINVAL)"`,
    );
    expect(words(errorOf(() => array.get(-1)))).toMatchInlineSnapshot(
      `"cannot read map 'row': index -1 is out of range: the map has 4 entries, 0 to 3 (ENOENT)"`,
    );
  });

  test('a map without keys tells how it is used', () => {
    const keyless = (type: MapType): BpfMap =>
      BpfMap.create({ name: 'values', type, keySize: 0, valueSize: 4, maxEntries: 4 });
    using queue = keyless(MapType.QUEUE);
    using filter = keyless(MapType.BLOOM_FILTER);
    expect(words(errorOf(() => queue.get(1)))).toMatchInlineSnapshot(
      `"map 'values' has no keys [QueueMap.of(map), BloomFilter.of(map) and the readers of ring buffers are for such maps]"`,
    );
    expect(words(errorOf(() => [...queue]))).toMatchInlineSnapshot(
      `"cannot walk map 'values': a queue has no keys: read and write it through QueueMap.of(map) (EINVAL)"`,
    );
    expect(words(errorOf(() => queue.drain()))).toMatchInlineSnapshot(
      `"cannot walk map 'values': a queue has no keys: read and write it through QueueMap.of(map) (EINVAL)"`,
    );
    expect(words(errorOf(() => filter.clear()))).toMatchInlineSnapshot(
      `"cannot walk map 'values': a bloom_filter has no keys: read and write it through BloomFilter.of(map) (EOPNOTSUPP)"`,
    );
    expect(BloomFilter.of(filter, u32).has(1)).toBe(false);
  });
});
