import { expect, test } from 'vitest';
import { MapFlag, MapType, UpdateFlag } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, type MapOptions } from '../../src/kernel/index.ts';
import { struct, u16, u32, u64 } from '../../src/util/struct.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

function withMap(options: Partial<MapOptions>, use: (map: BpfMap) => void): void {
  using map = BpfMap.create({
    name: 'counts',
    type: MapType.HASH,
    keySize: 4,
    valueSize: 8,
    maxEntries: 2,
    ...options,
  });
  use(map);
}

describeKernel('a hash map', () => {
  test('sets, gets and deletes', () => {
    withMap({}, (map) => {
      map.set(7, 1n);
      map.set(8, -1);
      expect([map.get(7), map.get(8), map.get(9)]).toEqual([1n, 2n ** 64n - 1n, undefined]);
      expect([map.delete(7), map.delete(7)]).toEqual([true, false]);
      expect([...map.entries()]).toEqual([[8, 2n ** 64n - 1n]]);
    });
  });

  test('takes and gives bytes for sizes that are no integers', () => {
    withMap({ keySize: 3, valueSize: 5 }, (map) => {
      map.set(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3, 4, 5));
      expect(map.get(Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
      expect([...map.keys()]).toEqual([Uint8Array.of(1, 2, 3)]);
    });
  });

  test('has typed keys and values where a layout is given', () => {
    const stat = struct('stat', { packets: u64, port: u16 });
    withMap({ valueSize: 16 }, (map) => {
      const stats = map.as({ key: u32, value: stat });
      stats.set(1, { packets: 5n, port: 80 });
      expect(stats.get(1)).toEqual({ packets: 5n, port: 80 });
      expect([...stats]).toEqual([[1, { packets: 5n, port: 80 }]]);
      expect(errorOf(() => map.as({ key: u64, value: stat })).message).toMatchInlineSnapshot(
        `"keys of map 'counts' are 4 bytes, but the layout is 8"`,
      );
      expect(errorOf(() => map.as({ key: u32, value: u32 })).message).toMatchInlineSnapshot(
        `"values of map 'counts' are 16 bytes, but the layout is 4"`,
      );
    });
  });

  test('is walked while entries are deleted', () => {
    withMap({ maxEntries: 100 }, (map) => {
      for (let key = 0; key < 100; key++) map.set(key, BigInt(key));
      const seen: unknown[] = [];
      for (const key of map.keys()) {
        seen.push(key);
        map.delete(key);
      }
      expect(new Set(seen).size).toBe(100);
      expect([...map.keys()]).toEqual([]);
    });
  });

  test('says what is wrong', () => {
    withMap({}, (map) => {
      map.set(1, 1n);
      map.set(2, 2n);
      expect(errorOf(() => map.set(3, 3n)).message).toMatchInlineSnapshot(
        `"cannot write to map 'counts': the map is full: it holds at most 2 entries (E2BIG)"`,
      );
      expect(errorOf(() => map.set(1, 1n, UpdateFlag.NOEXIST)).message).toMatchInlineSnapshot(
        `"cannot write to map 'counts': the key exists already, and the flag NOEXIST asks for a new one (EEXIST)"`,
      );
      expect(errorOf(() => map.set(9, 1n, UpdateFlag.EXIST)).message).toMatchInlineSnapshot(
        `"cannot write to map 'counts': there is no such key, and the flag EXIST asks for one (ENOENT)"`,
      );
      expect(errorOf(() => map.set(1, 1n, 64)).message).toMatchInlineSnapshot(
        `"cannot write to map 'counts': this map takes no flags 64 (EINVAL)"`,
      );
      expect(errorOf(() => map.get(new Uint8Array(8))).message).toMatchInlineSnapshot(
        `"a key of map 'counts' is 4 bytes, but 8 were given"`,
      );
      expect(errorOf(() => map.set(1, new Uint8Array(4))).message).toMatchInlineSnapshot(
        `"a value of map 'counts' is 8 bytes, but 4 were given"`,
      );
      expect(errorOf(() => map.get(2 ** 32)).message).toMatchInlineSnapshot(
        `"key of map 'counts' is 4294967296, but must be a whole number from -2147483648 to 4294967295"`,
      );
      expect(errorOf(() => map.get(1.5)).message).toMatchInlineSnapshot(
        `"key of map 'counts' is 1.5, but must be a whole number from -2147483648 to 4294967295"`,
      );
    });
  });

  test('refuses writes once it is frozen, and everything once it is closed', () => {
    withMap({}, (map) => {
      map.freeze();
      expect(errorOf(() => map.set(1, 1n)).message).toMatchInlineSnapshot(
        `"cannot write to map 'counts': user space may not write to this map: it is frozen or was made with BPF_F_RDONLY (EPERM)"`,
      );
      // Older kernels answer EBUSY.
      expect(errorOf(() => map.freeze()).message).toMatch(
        /^cannot freeze map 'counts': the map is frozen already, .*\((EPERM|EBUSY)\)$/,
      );
      map.close();
      map.close();
      expect(errorOf(() => map.get(1)).message).toMatchInlineSnapshot(`"map 'counts' is closed"`);
    });
  });

  test('is shown by the kernel, found by id, and shared by duplicates', () => {
    withMap({ name: 'a-name-that-is-too-long' }, (map) => {
      expect(map.info()).toMatchObject({
        name: 'a_name_that_is_',
        type: MapType.HASH,
        keySize: 4,
        valueSize: 8,
        maxEntries: 2,
      });
      using same = BpfMap.openById(map.info().id);
      using copy = map.duplicate();
      same.set(1, 11n);
      map.close();
      expect(copy.get(1)).toBe(11n);
    });
    expect(errorOf(() => BpfMap.openById(2 ** 31)).message).toMatchInlineSnapshot(
      `"cannot open map 2147483648: nothing has id 2147483648 (any more) (ENOENT)"`,
    );
  });
});

describeKernel('an array map', () => {
  const array = { type: MapType.ARRAY, valueSize: 4, maxEntries: 3 };

  test('has all its entries from the start', () => {
    withMap(array, (map) => {
      map.set(2, 5);
      expect([...map]).toEqual([
        [0, 0],
        [1, 0],
        [2, 5],
      ]);
    });
  });

  test('says what is wrong', () => {
    withMap(array, (map) => {
      expect(errorOf(() => map.set(3, 1)).message).toMatchInlineSnapshot(
        `"cannot write to map 'counts': index 3 is out of range: the map has 3 entries, 0 to 2 (E2BIG)"`,
      );
      expect(errorOf(() => map.get(3)).message).toMatchInlineSnapshot(
        `"cannot read map 'counts': index 3 is out of range: the map has 3 entries, 0 to 2 (ENOENT)"`,
      );
      expect(errorOf(() => map.delete(0)).message).toMatchInlineSnapshot(
        `"cannot delete from map 'counts': entries of an array cannot be deleted; set them to zero instead (EINVAL)"`,
      );
      expect(errorOf(() => map.set(0, 1, UpdateFlag.NOEXIST)).message).toMatchInlineSnapshot(
        `"cannot write to map 'counts': every index of an array exists already, and the flag NOEXIST asks for a new one (EEXIST)"`,
      );
    });
  });
});

describeKernel('creating a map', () => {
  const refused = (options: Partial<MapOptions>): string => errorOf(() => withMap(options, () => {})).message;

  test('of an impossible shape is refused in words', () => {
    expect(refused({ maxEntries: 0 })).toMatchInlineSnapshot(
      `"cannot create map 'counts': a hash needs maxEntries of 1 or more (EINVAL)"`,
    );
    expect(refused({ type: MapType.ARRAY, keySize: 8 })).toMatchInlineSnapshot(
      `"cannot create map 'counts': an array has keys of 4 bytes, not 8 (EINVAL)"`,
    );
    expect(refused({ type: MapType.PROG_ARRAY })).toMatchInlineSnapshot(
      `"cannot create map 'counts': a prog_array has values of 4 bytes, not 8 (EINVAL)"`,
    );
    expect(
      refused({ type: MapType.PROG_ARRAY, valueSize: 4, flags: MapFlag.RDONLY_PROG }),
    ).toMatchInlineSnapshot(
      `"cannot create map 'counts': a prog_array takes neither BPF_F_RDONLY_PROG nor BPF_F_WRONLY_PROG (EINVAL)"`,
    );
    expect(refused({ type: MapType.LPM_TRIE, keySize: 8 })).toMatchInlineSnapshot(
      `"cannot create map 'counts': an lpm_trie needs the flag BPF_F_NO_PREALLOC (EINVAL)"`,
    );
    expect(
      refused({ type: MapType.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 5000 }),
    ).toMatchInlineSnapshot(
      `"cannot create map 'counts': the size of a ringbuf is a power of two, not 5000 (EINVAL)"`,
    );
    expect(refused({ type: 99 as MapType })).toMatchInlineSnapshot(
      `"cannot create map 'counts': there is no map type 99 (EINVAL)"`,
    );
  });
});
