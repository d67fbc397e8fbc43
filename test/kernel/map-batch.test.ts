import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { BpfCmd, MapFlag, MapType, UpdateFlag } from '../../src/isa/kernel-tables.generated.ts';
import {
  BpfMap,
  type MapContent,
  MapEntryError,
  type MapOptions,
  type MapValue,
} from '../../src/kernel/index.ts';
import { possibleCpus } from '../../src/kernel/machine.ts';
import { type Native, nativeInUse, setNative, syscallNumber } from '../../src/syscall/native.ts';
import { u32, u64 } from '../../src/util/struct.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { fc, test } from '../support/property.ts';

const BATCH_COMMANDS: readonly number[] = [
  BpfCmd.MAP_LOOKUP_BATCH,
  BpfCmd.MAP_LOOKUP_AND_DELETE_BATCH,
  BpfCmd.MAP_UPDATE_BATCH,
  BpfCmd.MAP_DELETE_BATCH,
];
const ENOTSUPP = 524;
const BPFTOOL = '/usr/sbin/bpftool';

/** The kernel below, watched: how often each command was called, and batches refused where that is wanted. */
function watchKernel(refuse = 0): Disposable & { readonly calls: Map<number, number> } {
  const real = nativeInUse();
  const calls = new Map<number, number>();
  const watching: Native = {
    address: (bytes) => real.address(bytes),
    view: (address, length) => real.view(address, length),
    poll: (fd, ready) => real.poll(fd, ready),
    syscall(number, command, ...rest) {
      if (number === syscallNumber('bpf')) {
        calls.set(command, (calls.get(command) ?? 0) + 1);
        if (refuse !== 0 && BATCH_COMMANDS.includes(command)) return -refuse;
      }
      return real.syscall(number, command, ...rest);
    },
  };
  setNative(watching);
  return { calls, [Symbol.dispose]: () => void setNative(real) };
}

function create(options: Partial<MapOptions> = {}): BpfMap {
  return BpfMap.create({
    name: 'all',
    type: MapType.HASH,
    keySize: 4,
    valueSize: 8,
    maxEntries: 64,
    ...options,
  });
}

const sorted = (entries: Iterable<readonly [MapValue, MapContent]>): (readonly [MapValue, MapContent])[] =>
  [...entries].sort(([a], [b]) => Number(a) - Number(b));

/** bpftool's answer: keys and values in hex. */
function dumpByBpftool(map: BpfMap): Map<string, string> {
  const text = execFileSync(BPFTOOL, ['map', 'dump', 'id', `${map.info().id}`, '-j'], { encoding: 'utf8' });
  const hex = (bytes: readonly string[]): string => bytes.map((byte) => byte.slice(2)).join('');
  const rows = JSON.parse(text) as { key: string[]; value: string[] }[];
  return new Map(rows.map(({ key, value }) => [hex(key), hex(value)]));
}

describeKernel('a whole map', () => {
  test('is read and written in a few calls', () => {
    using map = create({ maxEntries: 65_536 });
    using kernel = watchKernel();
    const entries = Array.from({ length: 65_536 }, (_, key) => [key, BigInt(key) * 3n] as const);
    expect(map.setAll(entries)).toBe(65_536);
    expect(kernel.calls.get(BpfCmd.MAP_UPDATE_BATCH)).toBe(1);
    expect(sorted(map)).toEqual(entries);
    // Batches of 4096 entries: a bucket that does not fit comes with the next.
    expect(kernel.calls.get(BpfCmd.MAP_LOOKUP_BATCH)).toBeLessThan(25);
    expect(map.readAll().count).toBe(65_536);
    expect([...kernel.calls.keys()].every((command) => BATCH_COMMANDS.includes(command))).toBe(true);
  });

  test.skipIf(!existsSync(BPFTOOL))('is what bpftool sees', () => {
    using map = create();
    map.setAll(Array.from({ length: 50 }, (_, key) => [key, BigInt(key + 1)]));
    map.deleteAll([3, 4, 400]);
    const seen = dumpByBpftool(map);
    const { count, keys, values } = map.readAll();
    const ours = Array.from({ length: count }, (_, at) => [
      Buffer.from(keys.subarray(4 * at, 4 * at + 4)).toString('hex'),
      Buffer.from(values.subarray(8 * at, 8 * at + 8)).toString('hex'),
    ]);
    expect(count).toBe(48);
    expect(new Map(ours as [string, string][])).toEqual(seen);
  });

  test('is cleared, and drained', () => {
    using map = create();
    map.setAll([
      [1, 1n],
      [2, 2n],
    ]);
    expect(sorted(map.drain())).toEqual([
      [1, 1n],
      [2, 2n],
    ]);
    expect([...map]).toEqual([]);
    expect(map.setAll([[3, 3n]])).toBe(1);
    map.clear();
    expect([[...map], map.drain(), map.readAll().count, map.setAll([]), map.deleteAll([])]).toEqual([
      [],
      [],
      0,
      0,
      0,
    ]);
  });

  test.each([
    ['array', { type: MapType.ARRAY }],
    ['percpu_array', { type: MapType.PERCPU_ARRAY }],
  ])('of type %s is cleared to zeros, and cannot be drained', (_, options) => {
    using map = create({ ...options, maxEntries: 3 });
    map.setAll([
      [0, 5n],
      [2, 6n],
    ]);
    map.clear();
    const zero = map.type === MapType.ARRAY ? 0n : new Array(possibleCpus()).fill(0n);
    expect([...map.values()]).toEqual([zero, zero, zero]);
    expect(errorOf(() => map.drain()).message).toMatch(/entries of an array cannot be deleted/);
  });

  test('a refused entry is named, and those before it are done', () => {
    using map = create({ maxEntries: 2 });
    const entries = [5, 6, 7].map((key) => [key, 1n] as const);
    const error = errorOf(() => map.setAll(entries));
    expect(error.message).toMatchInlineSnapshot(
      `"cannot write entry 3 of 3, key 7, of map 'all': the map is full: it holds at most 2 entries (E2BIG)"`,
    );
    expect(error).toMatchObject({ name: 'MapEntryError', index: 2, key: 7, code: 'E2BIG' });
    expect(error).toBeInstanceOf(MapEntryError);
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ index: 2, key: 7 });
    expect(sorted(map).map(([key]) => key)).toEqual([5, 6]);
    using array = create({ type: MapType.ARRAY, maxEntries: 2 });
    expect(
      errorOf(() =>
        array.setAll([
          [1, 1n],
          [2, 2n],
        ]),
      ).message,
    ).toMatchInlineSnapshot(
      `"cannot write entry 2 of 2, key 2, of map 'all': index 2 is out of range: the map has 2 entries, 0 to 1 (E2BIG)"`,
    );
    expect(errorOf(() => array.deleteAll([0])).message).toMatchInlineSnapshot(
      `"cannot delete entry 1 of 1, key 0, of map 'all': entries of an array cannot be deleted; set them to zero instead (EINVAL)"`,
    );
    map.freeze();
    expect(errorOf(() => map.setAll(entries)).message).toMatchInlineSnapshot(
      `"cannot write to map 'all': user space may not write to this map: it is frozen or was made with BPF_F_RDONLY (EPERM)"`,
    );
    expect(errorOf(() => map.deleteAll([1])).message).toMatchInlineSnapshot(
      `"cannot delete from map 'all': user space may not write to this map: it is frozen or was made with BPF_F_RDONLY (EPERM)"`,
    );
  });

  test('bytes that are fewer than they say are not given to the kernel', () => {
    using map = create();
    const [keys, values] = [new Uint8Array(8), new Uint8Array(16)];
    expect(map.setAll({ count: 2, keys, values })).toBe(2);
    expect(errorOf(() => map.setAll({ count: 3, keys, values })).message).toMatchInlineSnapshot(
      `"3 keys of map 'all' are 12 bytes, but 8 were given"`,
    );
    expect(errorOf(() => map.setAll({ count: 2, keys, values: keys })).message).toMatchInlineSnapshot(
      `"2 values of map 'all' are 16 bytes, but 8 were given"`,
    );
    expect(errorOf(() => map.setAll({ count: -1, keys, values }))).toMatchObject({ code: 'OUT_OF_RANGE' });
    expect(errorOf(() => map.setAll([[1, new Uint8Array(4)]])).message).toMatchInlineSnapshot(
      `"a value of map 'all' is 8 bytes, but 4 were given"`,
    );
  });

  test('takes the flags that single entries take', () => {
    using map = create();
    map.setAll([[1, 1n]], UpdateFlag.NOEXIST);
    expect(errorOf(() => map.setAll([[1, 2n]], UpdateFlag.NOEXIST)).message).toMatchInlineSnapshot(
      `"cannot write entry 1 of 1, key 1, of map 'all': the key exists already, and the flag NOEXIST asks for a new one (EEXIST)"`,
    );
    expect(errorOf(() => map.setAll([[9, 2n]], UpdateFlag.EXIST)).message).toMatchInlineSnapshot(
      `"cannot write entry 1 of 1, key 9, of map 'all': there is no such key, and the flag EXIST asks for one (ENOENT)"`,
    );
    expect(errorOf(() => map.setAll([[1, 2n]], UpdateFlag.F_LOCK)).message).toMatchInlineSnapshot(
      `"cannot write entry 1 of 1, key 1, of map 'all': the flag F_LOCK is for values with a bpf_spin_lock, and this map has none (EINVAL)"`,
    );
    expect([...map]).toEqual([[1, 1n]]);
  });

  test('has typed keys and values', () => {
    using map = create();
    const typed = map.as({ key: u32, value: u64 });
    expect(
      typed.setAll(
        new Map([
          [1, 10n],
          [2, 20n],
        ]),
      ),
    ).toBe(2);
    expect(sorted(typed.entries())).toEqual([
      [1, 10n],
      [2, 20n],
    ]);
    expect([[...typed.keys()].sort(), [...typed.values()].sort()]).toEqual([
      [1, 2],
      [10n, 20n],
    ]);
    expect([typed.take(1), typed.take(1), typed.deleteAll([1, 2]), typed.drain()]).toEqual([
      10n,
      undefined,
      1,
      [],
    ]);
  });

  test('may lose and gain entries while it is read: what stays comes once', () => {
    for (const refused of [0, ENOTSUPP]) {
      using map = create({ maxEntries: 30_000 });
      map.setAll(Array.from({ length: 20_000 }, (_, key) => [key, BigInt(key)]));
      using _kernel = watchKernel(refused);
      const seen: MapValue[] = [];
      for (const key of map.keys()) {
        seen.push(key);
        // Every third goes, those still to come among them; and as many new ones come.
        const victim = (Number(key) * 7) % 20_000;
        if (victim % 3 === 0 && map.delete(victim)) map.set(20_000 + (victim % 9_000), 1n);
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((key) => Number(key) < 20_000 && Number(key) % 3 !== 0).length).toBe(13_333);
    }
  });

  test('a bucket that is larger than the batch makes the batch grow', () => {
    // A hash of one entry's room has one bucket.
    using map = create({ maxEntries: 1, type: MapType.LRU_HASH });
    using large = create({ maxEntries: 3000, keySize: 8, valueSize: 4096 });
    large.setAll(Array.from({ length: 3000 }, (_, key) => [BigInt(key), new Uint8Array(4096).fill(key)]));
    expect(large.readAll().count).toBe(3000);
    expect([...large.keys()].length).toBe(3000);
    expect([...map]).toEqual([]);
  });
});

type Step =
  | { readonly kind: 'setAll' | 'deleteAll'; readonly keys: readonly number[] }
  | { readonly kind: 'drain' | 'clear' | 'read' }
  | { readonly kind: 'take'; readonly key: number };

const key = fc.nat(40);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('setAll' as const, 'deleteAll' as const),
      keys: fc.array(key, { maxLength: 30 }),
    }),
    fc.record({ kind: fc.constantFrom('drain' as const, 'clear' as const, 'read' as const) }),
    fc.record({ kind: fc.constant('take' as const), key }),
  ),
  { maxLength: 25 },
);

/** Types that hold what they are given, and how a value comes out of them. */
const KINDS = {
  hash: { type: MapType.HASH },
  'hash without memory of its own': { type: MapType.HASH, flags: MapFlag.NO_PREALLOC },
  lru_hash: { type: MapType.LRU_HASH, maxEntries: 4096 },
  percpu_hash: { type: MapType.PERCPU_HASH },
  lru_percpu_hash: { type: MapType.LRU_PERCPU_HASH, maxEntries: 4096 },
  // Every key has a prefix of all its bits: four bytes of data, the first of which counts.
  lpm_trie: { type: MapType.LPM_TRIE, keySize: 8, flags: MapFlag.NO_PREALLOC },
} as const;

function run(kind: keyof typeof KINDS, program: readonly Step[], refuse: number): unknown[] {
  using map = create(KINDS[kind]);
  using _kernel = watchKernel(refuse);
  const keyOf = (number: number): MapValue => (kind === 'lpm_trie' ? (BigInt(number) << 32n) | 32n : number);
  const plain = (given: MapValue): number =>
    kind === 'lpm_trie' ? Number((given as bigint) >> 32n) : Number(given);
  const one = (value: MapContent): unknown => (Array.isArray(value) ? value[0] : value);
  const rows = (entries: Iterable<readonly [MapValue, MapContent]>): unknown[] =>
    [...entries].map(([key, value]) => [plain(key), one(value)]).sort(([a], [b]) => Number(a) - Number(b));
  let stamp = 0n;
  return program.map((step) => {
    if (step.kind === 'setAll') return map.setAll(step.keys.map((number) => [keyOf(number), stamp++]));
    if (step.kind === 'deleteAll') return map.deleteAll(step.keys.map(keyOf));
    if (step.kind === 'drain') return rows(map.drain());
    if (step.kind === 'clear') return map.clear();
    if (step.kind === 'read') return [rows(map.entries()), [...map.keys()].length];
    if (step.kind !== 'take') return undefined;
    const value = kind === 'lpm_trie' ? map.get(keyOf(step.key)) : map.take(keyOf(step.key));
    if (kind === 'lpm_trie') map.delete(keyOf(step.key));
    return value === undefined ? undefined : one(value);
  });
}

function runModel(program: readonly Step[]): unknown[] {
  const map = new Map<number, bigint>();
  let stamp = 0n;
  const rows = (): unknown[] => [...map].sort(([a], [b]) => a - b);
  return program.map((step) => {
    if (step.kind === 'setAll') {
      for (const number of step.keys) map.set(number, stamp++);
      return step.keys.length;
    }
    if (step.kind === 'deleteAll') return step.keys.filter((number) => map.delete(number)).length;
    if (step.kind === 'read') return [rows(), map.size];
    if (step.kind === 'take') {
      const value = map.get(step.key);
      map.delete(step.key);
      return value;
    }
    const all = step.kind === 'drain' ? rows() : undefined;
    map.clear();
    return all;
  });
}

describeKernel('batches and single calls', () => {
  test.prop([fc.constantFrom(...(Object.keys(KINDS) as (keyof typeof KINDS)[])), steps], { numRuns: 150 })(
    'do what a Map does',
    (kind, program) => {
      const expected = runModel(program);
      expect(run(kind, program, 0)).toEqual(expected);
      expect(run(kind, program, ENOTSUPP)).toEqual(expected);
    },
  );
});
