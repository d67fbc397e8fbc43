import { describe, expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, loadCollection } from '../../src/kernel/index.ts';
import { mapBatchAttr, mapElementAttr } from '../../src/syscall/bpf-attr.ts';
import { Errno } from '../../src/syscall/errno.ts';
import { toHex, viewOf } from '../../src/util/bytes.ts';
import { functionSpec, mapSpec, objectSpec, returns, XDP } from '../support/bpf-code.ts';
import { type FakeNative, useFakeNative } from '../support/fake-native.ts';
import { errorOf } from '../support/kernel.ts';

const fake = useFakeNative();

type Batch = ReturnType<typeof mapBatchAttr.decode>;

/** What the fake kernel knows: commands that are not named answer 0, map creation with a descriptor. */
interface Kernel {
  readonly batch?: (
    command: string,
    attr: Batch,
    memory: FakeNative,
  ) => readonly [result: number, count: number] | number;
  readonly element?: (command: string, key: number, memory: FakeNative, value: Uint8Array) => number;
}

function kernel({ batch, element }: Kernel): string[] {
  const commands: string[] = [];
  fake().answerAll((call, memory) => {
    if (!memory.named(call, 'bpf')) return 0;
    const { command, attr } = memory.bpf(call);
    commands.push(command);
    if (command === 'MAP_CREATE') return 100;
    if (command.endsWith('BATCH') && batch) {
      const answer = batch(command, mapBatchAttr.decode(attr), memory);
      if (typeof answer === 'number') return answer;
      viewOf(attr).setUint32(mapBatchAttr.offsets.count, answer[1], true);
      return answer[0];
    }
    if (!element) return 0;
    const { key, value } = mapElementAttr.decode(attr);
    const number = key === 0n ? -1 : viewOf(memory.at(key)).getUint32(0, true);
    return element(command, number, memory, value === 0n ? new Uint8Array(8) : memory.at(value));
  });
  return commands;
}

function create(maxEntries = 8): BpfMap {
  return BpfMap.create({ name: 'all', type: MapType.HASH, keySize: 4, valueSize: 4, maxEntries });
}

function put(memory: FakeNative, address: bigint, ...numbers: number[]): void {
  const view = viewOf(memory.at(address));
  for (const [index, number] of numbers.entries()) view.setUint32(4 * index, number, true);
}

describe('a batch', () => {
  test('goes to the kernel like this', () => {
    const seen: string[] = [];
    kernel({
      batch(command, attr, memory) {
        seen.push(`${command} ${toHex(mapBatchAttr.encode(attr), ' ')}`);
        if (command !== 'MAP_LOOKUP_BATCH') return [0, attr.count];
        put(memory, attr.keys, 1, 2);
        put(memory, attr.values, 10, 20);
        return attr.in_batch === 0n ? [0, 2] : [-Errno.ENOENT, 1];
      },
    });
    using map = create();
    expect([...map]).toEqual([
      [1, 10],
      [2, 20],
      [1, 10],
    ]);
    map.setAll([[5, 6]]);
    expect(map.deleteAll([5, 7])).toBe(2);
    expect(seen).toMatchInlineSnapshot(`
      [
        "MAP_LOOKUP_BATCH 00 00 00 00 00 00 00 00 00 30 00 00 00 00 00 00 00 40 00 00 00 00 00 00 00 50 00 00 00 00 00 00 08 00 00 00 64 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
        "MAP_LOOKUP_BATCH 00 30 00 00 00 00 00 00 00 30 00 00 00 00 00 00 00 70 00 00 00 00 00 00 00 80 00 00 00 00 00 00 08 00 00 00 64 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
        "MAP_UPDATE_BATCH 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 a0 00 00 00 00 00 00 00 b0 00 00 00 00 00 00 01 00 00 00 64 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
        "MAP_DELETE_BATCH 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 d0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00 00 64 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
      ]
    `);
  });

  test('that ends exactly with its room, and one that is empty', () => {
    let empty = false;
    kernel({
      batch: (_, { keys, values, count }, memory) => {
        if (empty) return [-Errno.ENOENT, 0];
        put(memory, keys, 1, 2);
        put(memory, values, 1, 2);
        expect(count).toBe(2);
        return [-Errno.ENOENT, 2];
      },
    });
    using map = create(2);
    expect(map.readAll().count).toBe(2);
    empty = true;
    expect(map.readAll().count).toBe(0);
  });

  test('grows where one bucket does not fit', () => {
    const rooms: number[] = [];
    kernel({
      batch: (_, { count }) => {
        rooms.push(count);
        return count < 32 ? [-Errno.ENOSPC, 0] : [-Errno.ENOENT, 20];
      },
    });
    using map = create(8);
    expect([map.readAll().count, rooms]).toEqual([20, [8, 16, 32]]);
  });

  test.each([
    ['an unknown command', Errno.EINVAL],
    ['a type without it', Errno.ENOTSUPP],
  ])('is not tried again after %s', (_, errno) => {
    const commands = kernel({
      batch: () => -errno,
      element: (command, _key, memory, value) =>
        command === 'MAP_GET_NEXT_KEY' ? -Errno.ENOENT : Number(memory === null) * value.length,
    });
    using map = create();
    for (let round = 0; round < 2; round++) {
      expect([...map]).toEqual([]);
      map.setAll([[1, 2]]);
      map.deleteAll([1]);
      expect(map.drain()).toEqual([]);
    }
    const tried = commands.filter((command) => command.endsWith('BATCH'));
    expect(tried.sort()).toEqual([
      'MAP_DELETE_BATCH',
      'MAP_LOOKUP_AND_DELETE_BATCH',
      'MAP_LOOKUP_BATCH',
      'MAP_UPDATE_BATCH',
    ]);
  });

  test('that a deletion met goes on key by key, after the last one that it gave', () => {
    const chain = [1, 2, 3, 4];
    kernel({
      batch: (_, { in_batch, keys, values }, memory) => {
        if (in_batch !== 0n) return [-Errno.EINTR, 0];
        put(memory, keys, 1, 2);
        put(memory, values, 10, 20);
        return [0, 2];
      },
      element: (command, key, _memory, value) => {
        const at = chain.indexOf(key);
        if (command === 'MAP_GET_NEXT_KEY') {
          if (at + 1 >= chain.length) return -Errno.ENOENT;
          viewOf(value).setUint32(0, chain[at + 1]!, true);
          return 0;
        }
        viewOf(value).setUint32(0, 10 * key, true);
        return 0;
      },
    });
    using map = create();
    expect([...map]).toEqual([
      [1, 10],
      [2, 20],
      [3, 30],
      [4, 40],
    ]);
  });

  test('of a trie that was thrown back gives nothing twice', () => {
    const rounds = [
      [1, 2],
      [1, 3],
      [3, 4],
    ];
    kernel({
      batch: (_, { keys, values }, memory) => {
        const [first, second] = rounds.shift()!;
        put(memory, keys, first!, 0, second!, 0);
        put(memory, values, 10 * first!, 10 * second!);
        return [rounds.length === 0 ? -Errno.ENOENT : 0, 2];
      },
    });
    using map = BpfMap.create({ type: MapType.LPM_TRIE, keySize: 8, valueSize: 4, maxEntries: 8, flags: 1 });
    expect([...map]).toEqual([
      [1n, 10],
      [2n, 20],
      [3n, 30],
      [4n, 40],
    ]);
  });

  test('is refused with the words of a single call', () => {
    kernel({ batch: () => -Errno.EPERM });
    using map = create();
    expect(errorOf(() => map.setAll([[1, 1]]))).toMatchObject({ code: 'EPERM' });
    expect(errorOf(() => [...map])).toMatchObject({ code: 'EPERM' });
  });
});

describe('a walk key by key', () => {
  /** Hands out `chain`; a key that is not in it any more sends the walk back to the beginning. */
  function walking(chain: number[], afterEach: (key: number) => void): string[] {
    return kernel({
      batch: () => -Errno.ENOTSUPP,
      element: (command, key, _memory, value) => {
        if (command !== 'MAP_GET_NEXT_KEY') return 0;
        const next = chain[chain.indexOf(key) + 1];
        afterEach(key);
        if (next === undefined) return -Errno.ENOENT;
        viewOf(value).setUint32(0, next, true);
        return 0;
      },
    });
  }

  test('finds the rest where the key that it stands on was deleted', () => {
    const chain = [1, 2, 3, 4, 5, 6];
    walking(chain, (key) => {
      if (key === 2 && chain[2] === 3) chain.splice(2, 1);
    });
    using map = create();
    // 3 was there when it was asked for, and gone when the next one was.
    expect([...map.keys()]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('gives up where it is sent back for ever', () => {
    // Every answer is a key that is new: some other process adds and deletes without end.
    let next = 1;
    const commands = kernel({
      batch: () => -Errno.ENOTSUPP,
      element: (command, _key, _memory, value) => {
        if (command === 'MAP_GET_NEXT_KEY') viewOf(value).setUint32(0, next++, true);
        return 0;
      },
    });
    using map = create(4);
    expect(errorOf(() => [...map.keys()]).message).toMatchInlineSnapshot(
      `"the walk through map 'all' was thrown back to its beginning again and again by deletions"`,
    );
    expect(commands.length).toBeLessThan(5000);
  });
});

describe('data maps', () => {
  test.each([
    [true, 1024],
    [false, 0],
  ])('are made to be shared where the kernel can (%s), and constants are not', (canShare, shared) => {
    const flags: [string, number][] = [];
    fake().answerAll((call, memory) => {
      if (!memory.named(call, 'bpf')) return 0;
      const { command, attr } = memory.bpf(call);
      if (command !== 'MAP_CREATE') return command === 'PROG_LOAD' ? 101 : 0;
      const view = viewOf(attr);
      const name = toHex(attr.subarray(28, 44)).replace(/(00)+$/, '');
      if (name !== '') flags.push([Buffer.from(name, 'hex').toString(), view.getUint32(16, true)]);
      return !canShare && (view.getUint32(16, true) & 1024) !== 0 ? -Errno.EINVAL : 100;
    });
    const data = { origin: 'data', valueSize: 4, maxEntries: 1 } as const;
    const object = objectSpec({
      functions: [functionSpec('entry', 'xdp', returns(1), XDP)],
      maps: [
        mapSpec('data', MapType.ARRAY, data),
        mapSpec('constants', MapType.ARRAY, { ...data, freeze: true }),
        mapSpec('plain', MapType.ARRAY),
      ],
    });
    loadCollection(object).close();
    // Others are made to ask what the kernel has.
    expect(flags.filter(([name]) => ['data', 'constants', 'plain'].includes(name))).toEqual([
      ['data', shared],
      ['constants', 0],
      ['plain', 0],
    ]);
  });
});
