import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, type Collection, type MapMemory, type MapOptions } from '../../src/kernel/index.ts';
import { nativeInUse, setNative, syscallNumber } from '../../src/syscall/native.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const refusal = (act: () => unknown): string => errorOf(act).message;

function create(options: Partial<MapOptions> = {}): BpfMap {
  return BpfMap.create({
    name: 'shared',
    type: MapType.ARRAY,
    keySize: 4,
    valueSize: 8,
    maxEntries: 1000,
    flags: MapFlag.MMAPABLE,
    ...options,
  });
}

describeKernel('the memory of an array', () => {
  test('is what get and set read and write', () => {
    using map = create();
    using memory = map.mmap();
    map.set(3, 33n);
    expect([memory.get(3), memory.array(BigUint64Array)[3], memory.length, memory.stride]).toEqual([
      33n,
      33n,
      1000,
      8,
    ]);
    memory.set(4, 44n);
    memory.array(BigUint64Array)[5] = 55n;
    expect([map.get(4), map.get(5), memory.add(5, -5), map.get(5)]).toEqual([44n, 55n, 55n, 50n]);
    expect(memory.bytes.length).toBe(8000);
    expect(refusal(() => memory.get(1000))).toMatchInlineSnapshot(
      `"index of map 'shared' is 1000, but must be a whole number from 0 to 999"`,
    );
    expect(refusal(() => memory.set(0, 2n ** 64n))).toMatchInlineSnapshot(
      `"value of map 'shared' is 18446744073709551616, but must be a whole number from -9223372036854775808 to 18446744073709551615"`,
    );
  });

  test('of 4 and of 5 bytes a value stands in steps of 8', () => {
    using words = create({ valueSize: 4 });
    using memory = words.mmap();
    words.set(2, 7);
    expect([memory.get(2), memory.array(Uint32Array)[4], memory.add(2, 2 ** 32 - 1), words.get(2)]).toEqual([
      7, 7, 7, 6,
    ]);
    using odd = create({ valueSize: 5 });
    using bytes = odd.mmap();
    odd.set(1, Uint8Array.of(1, 2, 3, 4, 5));
    expect([bytes.get(1), bytes.slot(1)]).toEqual([
      Uint8Array.of(1, 2, 3, 4, 5),
      Uint8Array.of(1, 2, 3, 4, 5),
    ]);
    bytes.set(1, Uint8Array.of(5, 4, 3, 2, 1));
    expect(odd.get(1)).toEqual(Uint8Array.of(5, 4, 3, 2, 1));
    expect(refusal(() => bytes.add(1, 1))).toMatchInlineSnapshot(
      `"a value of map 'shared' is 5 bytes, which is no number"`,
    );
  });

  test('is gone when it is closed: an error, and zeros in views that were taken before', () => {
    using map = create();
    const memory = map.mmap();
    const view = memory.array(BigUint64Array);
    memory.set(0, 5n);
    memory.close();
    memory.close();
    expect([memory.closed, view[0], map.get(0)]).toEqual([true, 0n, 5n]);
    view[0] = 9n;
    expect(map.get(0)).toBe(5n);
    for (const use of [
      () => memory.get(0),
      () => memory.set(0, 1n),
      () => memory.bytes,
      () => memory.array(Uint8Array),
      () => memory.slot(0),
    ])
      expect(refusal(use)).toBe("the memory of map 'shared' is closed");
  });

  test('stays when the map is closed', () => {
    const map = create();
    using memory = map.mmap();
    map.close();
    memory.set(1, 2n);
    expect(memory.get(1)).toBe(2n);
  });

  test('can be had for reading only, and of a frozen map in no other way', () => {
    using map = create();
    map.set(0, 7n);
    {
      using memory = map.mmap();
      expect(refusal(() => map.freeze())).toMatchInlineSnapshot(
        `"cannot freeze map 'shared': the map is frozen already, is being written to, or is mapped for writing (EBUSY)"`,
      );
      memory.close();
    }
    map.freeze();
    expect(refusal(() => map.mmap())).toMatchInlineSnapshot(
      `"cannot map the memory of map 'shared': user space may not write to this map: it is frozen or was opened for reading only (EPERM)"`,
    );
    using memory = map.mmap({ readOnly: true });
    expect([memory.get(0), memory.writable]).toEqual([7n, false]);
    expect(refusal(() => memory.set(0, 1n))).toMatchInlineSnapshot(
      `"the memory of map 'shared' was mapped for reading only"`,
    );
    expect(refusal(() => memory.add(0, 1n))).toMatchInlineSnapshot(
      `"the memory of map 'shared' was mapped for reading only"`,
    );
  });

  test('is refused where the map has none to share', () => {
    using plain = create({ flags: 0 });
    using hash = create({ type: MapType.HASH, flags: 0 });
    const words = (map: BpfMap): string => {
      const { message, hint } = errorOf(() => map.mmap());
      return `${message} [${hint}]`;
    };
    expect(words(plain)).toMatchInlineSnapshot(
      `"the memory of map 'shared' cannot be mapped [create it with the flag BPF_F_MMAPABLE]"`,
    );
    expect(words(hash)).toMatchInlineSnapshot(
      `"the memory of map 'shared' cannot be mapped [maps of type hash never can; arrays and arenas with BPF_F_MMAPABLE can]"`,
    );
    expect(refusal(() => create({ type: MapType.HASH }))).toMatchInlineSnapshot(
      `"cannot create map 'shared': a hash cannot be mapped: BPF_F_MMAPABLE is for arrays and arenas (EINVAL)"`,
    );
  });
});

describeKernel('the memory of an arena', () => {
  const arena = { type: MapType.ARENA, keySize: 0, valueSize: 0, maxEntries: 10 } as const;

  test.skipIf(lacks('arena'))('is one for all who ask, and goes with the map', () => {
    const map = create(arena);
    const first = map.mmap();
    const second = map.mmap();
    first.slot(3).set([1, 2, 3]);
    expect([...second.slot(3).subarray(0, 4)]).toEqual([1, 2, 3, 0]);
    const view = first.bytes;
    first.close();
    expect(second.slot(3)[0]).toBe(1);
    map.close();
    expect([refusal(() => second.slot(3)), view[3 * second.stride]]).toEqual([
      "the memory of map 'shared' is closed",
      0,
    ]);
  });

  test.skipIf(lacks('arena'))('lies at one address, where all handles share it', () => {
    const map = create(arena);
    const memory = map.mmap();
    const other = BpfMap.openById(map.info().id);
    const last = map.duplicate();
    const view = memory.slot(1);
    other.mmap().slot(1)[0] = 7;
    expect(memory.slot(1)[0]).toBe(7);
    map.close();
    expect([refusal(() => memory.slot(1)), other.mmap().slot(1)[0]]).toEqual([
      "the memory of map 'shared' is closed",
      7,
    ]);
    other.close();
    // Once it was let go it comes back where it was, also for views that were taken before.
    expect([view[0], last.mmap().slot(1)[0], view[0]]).toEqual([0, 7, 7]);
    view[0] = 8;
    expect(last.mmap().slot(1)[0]).toBe(8);
    last.close();
    expect(view[0]).toBe(0);
  });

  test.skipIf(lacks('arena'))('lies where another process has mapped it, which nobody tells', () => {
    using map = create(arena);
    const script = `
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True); libc.mmap.restype = ctypes.c_void_p
libc.syscall.restype = ctypes.c_long
attr = (ctypes.c_uint32 * 4)(int(sys.argv[1]), 0, 0, 0)
fd = libc.syscall(321 if os.uname().machine == 'x86_64' else 280, 14, attr, 16)
length = ctypes.c_size_t(10 * mmap.PAGESIZE)
print(libc.mmap(None, length, 3, 1, fd, ctypes.c_long(0)) not in (None, ctypes.c_void_p(-1).value))`;
    const mapped = execFileSync('python3', ['-c', script, `${map.info().id}`], { encoding: 'utf8' });
    expect(mapped.trim()).toBe('True');
    const { message, hint } = errorOf(() => map.mmap());
    expect(`${message} [${hint}]`).toMatchInlineSnapshot(
      `"cannot map the memory of map 'shared': it lies at the address at which it was mapped first, which the kernel does not tell others (EINVAL) [create it with an address of its own: extra, in C __ulong(map_extra, 1ull << 44)]"`,
    );
  });

  test.skipIf(lacks('arena'))('is refused where another one lies', () => {
    const extra = 1n << 45n;
    using first = create({ ...arena, extra });
    using second = create({ ...arena, extra });
    first.mmap();
    const { message, hint } = errorOf(() => second.mmap());
    expect(`${message} [${hint}]`).toMatchInlineSnapshot(
      `"cannot map the memory of map 'shared': an arena lies at one address in every process, and that is taken here (EEXIST) [another arena, or memory that was let go and is still referenced, may lie there]"`,
    );
    expect(refusal(() => create({ ...arena, flags: 0 }))).toMatchInlineSnapshot(
      `"cannot create map 'shared': an arena needs the flag BPF_F_MMAPABLE (EINVAL)"`,
    );
  });

  test.skipIf(lacks('arena'))('lies where the map says', () => {
    using map = create({ ...arena, extra: 0x1_0000_0000_0000n >> 4n });
    using memory = map.mmap();
    memory.set(0, new Uint8Array(memory.stride).fill(7));
    expect(memory.slot(0)[100]).toBe(7);
  });
});

describeKernel('global variables', () => {
  const TEXT = `
    .license "GPL"
    .var u64 total = 5
    .var u32 word = 6
    .var u16 half = 7
    .var u8 byte = 8
    .var u64 zero
    .program count, "xdp"
    r1 = total ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    r1 = word ll
    lock *(u32 *)(r1 + 0) += r2
    r1 = zero ll
    lock *(u64 *)(r1 + 0) += r2
    r1 = half ll
    *(u16 *)(r1 + 0) = 9
    r1 = byte ll
    *(u8 *)(r1 + 0) = 10
    r0 = 2
    exit
  `;
  const names = ['total', 'word', 'half', 'byte', 'zero'];
  const read = (collection: Collection): unknown[] => names.map((name) => collection.variable(name).get());

  function exercise(collection: Collection): void {
    expect(read(collection)).toEqual([5n, 6, 7, 8, 0n]);
    collection.program('count').testRun({ data: new Uint8Array(64), repeat: 3 });
    expect(read(collection)).toEqual([8n, 9, 9, 10, 3n]);
    for (const [index, name] of names.entries()) collection.variable(name).set(100 + index);
    expect(read(collection)).toEqual([100n, 101, 102, 103, 104n]);
    const bytes = names.map((name) => [...collection.variable(name).getBytes()][0]);
    expect(bytes).toEqual([100, 101, 102, 103, 104]);
    expect(refusal(() => collection.variable('byte').set(256))).toMatch(
      /must be a whole number from -128 to 255$/,
    );
  }

  test('are read and written in shared memory', () => {
    using collection = loadText(TEXT);
    exercise(collection);
    expect(names.map((name) => collection.variable(name).atomic)).toEqual(names.map(() => true));
    expect([collection.variable('total').add(5), collection.variable('total').get()]).toEqual([100n, 105n]);
    expect([collection.variable('byte').add(-104), collection.variable('byte').get()]).toEqual([103, 255]);
    const total = collection.variable('total');
    collection.close();
    expect(refusal(() => total.get())).toMatch(/^map '.*data' is closed$/);
    expect(refusal(() => total.set(1))).toMatch(/^map '.*data' is closed$/);
  });

  test('cost no call', () => {
    using collection = loadText(TEXT);
    const total = collection.variable('total');
    total.get();
    const real = nativeInUse();
    let calls = 0;
    setNative({
      ...real,
      syscall(...args) {
        calls++;
        return real.syscall(...args);
      },
    });
    try {
      total.set(7);
      expect([total.get(), calls]).toEqual([7n, 0]);
    } finally {
      setNative(real);
    }
  });

  test('are the whole section where the kernel shares no memory', () => {
    const real = nativeInUse();
    // A kernel before 5.5, as far as mmap goes.
    setNative({
      ...real,
      syscall: (number, ...args) =>
        number === syscallNumber('mmap') && args[4]! > 0 ? -1 : real.syscall(number, ...args),
    });
    try {
      using collection = loadText(TEXT);
      exercise(collection);
      expect(collection.variable('total').atomic).toBe(false);
      expect(refusal(() => collection.variable('total').add(1))).toMatchInlineSnapshot(
        `"'total' cannot be changed in one step"`,
      );
    } finally {
      setNative(real);
    }
  });

  test('other processes see them in the data map', () => {
    using collection = loadText(TEXT);
    const [name] = [...collection.maps.keys()].filter((map) => map.includes('data'));
    expect(collection.map(name!).info().flags & MapFlag.MMAPABLE).toBe(MapFlag.MMAPABLE);
    collection.variable('word').set(77);
    const memory: MapMemory = collection.map(name!).mmap();
    using _memory = memory;
    const { offset } = collection.spec.variables.get('word')!;
    expect(new DataView(memory.bytes.buffer, memory.bytes.byteOffset).getUint32(offset, true)).toBe(77);
  });
});
