import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmdirSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BtfBuilder } from '../../src/btf/index.ts';
import { AttachType, MapFlag, MapType, UpdateFlag } from '../../src/isa/kernel-tables.generated.ts';
import { onlineCpus } from '../../src/kernel/cpu-list.ts';
import {
  attachCgroup,
  BloomFilter,
  BpfMap,
  cgroupStorageKey,
  cpumapEntry,
  devmapEntry,
  lpmKey,
  type MapOptions,
  openPidfd,
  QueueMap,
  typedMap,
} from '../../src/kernel/index.ts';
import { possibleCpus } from '../../src/kernel/machine.ts';
import { tryBtfLoad } from '../../src/syscall/bpf-prog.ts';
import { enterNewNetworkNamespace, Fd, findLink, setLink } from '../../src/syscall/index.ts';
import { addressOf, invoke } from '../../src/syscall/native.ts';
import { struct, u16, u32, u64 } from '../../src/util/struct.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

function create(options: Partial<MapOptions> & { readonly type: MapType }): BpfMap {
  return BpfMap.create({ name: 'one', keySize: 4, valueSize: 4, maxEntries: 4, ...options });
}

const BPFTOOL = '/usr/sbin/bpftool';
const hasBpftool = existsSync(BPFTOOL);
if (!hasBpftool) console.warn('skipped: bpftool sees per-CPU values: it is not installed');

/** Where cgroups of version 2 are; beside those of version 1 in a directory of their own. */
const cgroupRoot = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((root) =>
  existsSync(`${root}/cgroup.controllers`),
)!;

const refusal = (act: () => unknown): string => errorOf(act).message;

/** Keys and values as bpftool shows them. */
function dump(map: BpfMap): unknown {
  return JSON.parse(
    execFileSync(BPFTOOL, ['map', 'dump', 'id', `${map.info().id}`, '-j'], { encoding: 'utf8' }),
  );
}

function fdOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}

let server: Server;
let lo: number;
beforeAll(async () => {
  enterNewNetworkNamespace();
  setLink('lo', { up: true });
  lo = findLink('lo').ifindex;
  server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void server.close());

describeKernel('per-CPU maps', () => {
  const cpus = possibleCpus();

  test.each([
    ['percpu_array', MapType.PERCPU_ARRAY],
    ['percpu_hash', MapType.PERCPU_HASH],
    ['lru_percpu_hash', MapType.LRU_PERCPU_HASH],
  ])('%s: a value for each possible CPU', (_, type) => {
    using map = create({ type });
    const values = Array.from({ length: cpus }, (_, cpu) => cpu + 1);
    map.set(1, values);
    expect(map.get(1)).toEqual(values);
    map.set(1, 7);
    expect(map.get(1)).toEqual(values.map(() => 7));
    expect(map.getBytes(1)?.length).toBe(8 * cpus);
    map.set(1, map.getBytes(1)!);
    if (!hasBpftool) return;
    const seen = dump(map) as { key: string[]; values: { cpu: number; value: string[] }[] }[];
    const one = seen.find(({ key }) => key[0] === '0x01')!;
    expect(one.values.map(({ value }) => value[0])).toEqual(values.map(() => '0x07'));
    expect(one.values.map(({ value }) => value.length)).toEqual(values.map(() => 4));
  });

  test('6 bytes stand 8 apart, and are structs where a layout is given', () => {
    using map = create({ type: MapType.PERCPU_ARRAY, valueSize: 6 });
    const pair = struct('pair', { a: u32, b: u16 }, { packed: true });
    const typed = map.perCpu({ key: u32, value: pair });
    typed.fill(2, { a: 70_000, b: 3 });
    expect(typed.get(2)).toEqual(new Array(cpus).fill({ a: 70_000, b: 3 }));
    expect(typed.reduce(2, (total, { a }) => total + a, 0)).toBe(70_000 * cpus);
    expect(map.get(2)).toEqual(new Array(cpus).fill(Uint8Array.of(0x70, 0x11, 1, 0, 3, 0)));
    expect(refusal(() => typed.total(2))).toMatchInlineSnapshot(`"values of map 'one' are no numbers"`);
  });

  test('programs count on the CPU that they run on, and the total has all of it', () => {
    using collection = loadText(`
      .license "GPL"
      .map hits, percpu_array, key=4, value=8, entries=1
      .program count, "xdp"
      *(u32 *)(r10 - 4) = 0
      r2 = r10
      r2 += -4
      r1 = hits ll
      call bpf_map_lookup_elem
      if r0 == 0 goto out
      r1 = *(u64 *)(r0 + 0)
      r1 += 1
      *(u64 *)(r0 + 0) = r1
  out:
      r0 = 2
      exit
    `);
    collection.program('count').testRun({ data: new Uint8Array(64), repeat: 50 });
    const hits = collection.map('hits').perCpu({ key: u32, value: u64 });
    expect(hits.total(0)).toBe(50n);
    expect(hits.total(0)).toBe(hits.get(0)!.reduce((total, value) => total + value));
    expect([...hits.entries()]).toEqual([[0, hits.get(0)]]);
    hits.setAll([[0, new Array(cpus).fill(1n)]]);
    expect(hits.total(0)).toBe(BigInt(cpus));
    expect(refusal(() => collection.map('hits').as({ key: u32, value: u64 }))).toMatch(
      /^values of map 'hits' are \d+ bytes, but the layout is 8$/,
    );
  });

  test('are arrays of what the types of the object say', () => {
    using collection = loadText(`
      .license "GPL"
      .map hits, percpu_hash, key=u32, value=u64, entries=4
      .program none, "xdp"
      r1 = hits ll
      r0 = 2
      exit
    `);
    const hits = typedMap<number, bigint[]>(collection, 'hits');
    const values = Array.from({ length: cpus }, (_, cpu) => BigInt(cpu));
    hits.set(3, values);
    expect([...hits]).toEqual([[3, values]]);
    expect(hits.take(3)).toEqual(values);
  });

  test('what does not fit is refused', () => {
    using map = create({ type: MapType.PERCPU_ARRAY });
    using plain = create({ type: MapType.ARRAY });
    expect(errorOf(() => map.set(0, [1]))).toMatchObject({ code: cpus === 1 ? 'OK' : 'CPU_COUNT' });
    expect(refusal(() => plain.perCpu({ key: u32, value: u32 }))).toMatchInlineSnapshot(
      `"map 'one' is of type array, which has one value an entry"`,
    );
    expect(refusal(() => map.perCpu({ key: u32, value: u64 }))).toMatchInlineSnapshot(
      `"values of map 'one' are 4 bytes a CPU, but the layout is 8"`,
    );
    expect(refusal(() => create({ type: MapType.PERCPU_ARRAY, valueSize: 40_000 }))).toMatchInlineSnapshot(
      `"cannot create map 'one': a value of 40000 bytes is more than one CPU can have, 32768 (E2BIG)"`,
    );
    expect(
      refusal(() => create({ type: MapType.PERCPU_ARRAY, flags: MapFlag.MMAPABLE })),
    ).toMatchInlineSnapshot(
      `"cannot create map 'one': a percpu_array cannot be mapped: leave BPF_F_MMAPABLE out (EINVAL)"`,
    );
  });
});

describeKernel('queues, stacks and bloom filters', () => {
  test.each([
    ['queue', MapType.QUEUE, [1, 2, 3]],
    ['stack', MapType.STACK, [3, 2, 1]],
  ] as const)('a %s', (_, type, order) => {
    using map = create({ type, keySize: 0, maxEntries: 3 });
    const queue = QueueMap.of(map, u32);
    for (const value of [1, 2, 3]) queue.push(value);
    expect(refusal(() => queue.push(4))).toMatch(/is full: it holds at most 3 values \(E2BIG\)$/);
    expect([queue.peek(), queue.pop(), queue.pop(), queue.pop(), queue.pop(), queue.peek()]).toEqual([
      order[0],
      ...order,
      undefined,
      undefined,
    ]);
    for (const value of [1, 2, 3]) queue.push(value);
    queue.push(9, { replace: true });
    expect([...queue.drain()]).toEqual(type === MapType.QUEUE ? [2, 3, 9] : [9, 3, 2]);
    QueueMap.of(map).push(5);
    map.clear();
    expect(QueueMap.of(map).pop()).toBe(undefined);
    expect(refusal(() => [...map])).toMatch(
      /has no keys: read and write it through QueueMap\.of\(map\) \(EINVAL\)$/,
    );
    expect(refusal(() => QueueMap.of(map, u64))).toMatch(
      /^values of map 'one' are 4 bytes, but the layout is 8$/,
    );
  });

  test('a bloom filter', () => {
    using map = create({ type: MapType.BLOOM_FILTER, keySize: 0, maxEntries: 100, extra: 5n });
    const seen = BloomFilter.of(map, u32);
    seen.add(42);
    expect([seen.has(42), seen.has(43)]).toEqual([true, false]);
    expect([map.info().extra, map.extra]).toEqual([5n, 5n]);
    expect(refusal(() => [...map.keys()])).toMatchInlineSnapshot(
      `"cannot walk map 'one': a bloom_filter has no keys: read and write it through BloomFilter.of(map) (EOPNOTSUPP)"`,
    );
    expect(refusal(() => map.clear())).toMatchInlineSnapshot(
      `"cannot walk map 'one': a bloom_filter has no keys: read and write it through BloomFilter.of(map) (EOPNOTSUPP)"`,
    );
    expect(refusal(() => BloomFilter.of(create0()))).toMatchInlineSnapshot(
      `"map 'one' is of type hash, not a bloom filter"`,
    );
  });

  function create0(): BpfMap {
    using map = create({ type: MapType.HASH });
    return map;
  }

  test('of another shape are refused in words', () => {
    const bloom = { type: MapType.BLOOM_FILTER, keySize: 0 } as const;
    expect(refusal(() => create({ type: MapType.QUEUE }))).toMatchInlineSnapshot(
      `"cannot create map 'one': a queue has no keys: keySize is 0 (EINVAL)"`,
    );
    expect(refusal(() => create({ ...bloom, extra: 16n }))).toMatchInlineSnapshot(
      `"cannot create map 'one': extra is the number of hash functions of a bloom_filter, 1 to 15, not 16 (EINVAL)"`,
    );
    expect(refusal(() => create({ type: MapType.HASH, extra: 16n }))).toMatchInlineSnapshot(
      `"cannot create map 'one': a hash has no use for extra (EINVAL)"`,
    );
  });
});

describeKernel('an LPM trie', () => {
  test('finds the longest prefix', () => {
    using map = create({ type: MapType.LPM_TRIE, keySize: 8, flags: MapFlag.NO_PREALLOC });
    const routes = map.as({ key: lpmKey('ipv4'), value: u32 });
    routes.setAll([
      ['0.0.0.0/0', 1],
      ['10.0.0.0/8', 2],
      ['10.1.0.0/16', 3],
    ]);
    expect(['10.1.2.3', '10.2.0.1', '192.0.2.1'].map((address) => routes.get(address))).toEqual([3, 2, 1]);
    expect(new Map(routes)).toEqual(
      new Map([
        ['0.0.0.0/0', 1],
        ['10.0.0.0/8', 2],
        ['10.1.0.0/16', 3],
      ]),
    );
    expect([routes.delete('10.1.0.0/16'), routes.get('10.1.2.3')]).toEqual([true, 2]);
    routes.set('192.0.2.0/24', 4);
    routes.set('192.0.3.0/24', 4);
    expect(refusal(() => routes.set('192.0.4.0/24', 4))).toMatchInlineSnapshot(
      `"cannot write to map 'one': the trie is full: it holds at most 4 prefixes (ENOSPC)"`,
    );
    expect(refusal(() => map.set(Uint8Array.of(33, 0, 0, 0, 1, 2, 3, 4), 1))).toMatchInlineSnapshot(
      `"cannot write to map 'one': the prefix is longer than the data of a key (EINVAL)"`,
    );
  });

  test('has keys of 5 to 260 bytes, and allocates them one by one', () => {
    const trie = { type: MapType.LPM_TRIE, flags: MapFlag.NO_PREALLOC } as const;
    for (const keySize of [5, 20, 260]) create({ ...trie, keySize }).close();
    expect(refusal(() => create({ ...trie, keySize: 4 }))).toMatchInlineSnapshot(
      `"cannot create map 'one': a key of an lpm_trie is 4 bytes for the length of the prefix and 1 to 256 of data, not 4 (EINVAL)"`,
    );
    expect(refusal(() => create({ ...trie, keySize: 261 }))).toMatchInlineSnapshot(
      `"cannot create map 'one': a key of an lpm_trie is 4 bytes for the length of the prefix and 1 to 256 of data, not 261 (EINVAL)"`,
    );
    expect(refusal(() => create({ ...trie, keySize: 8, flags: 0 }))).toMatchInlineSnapshot(
      `"cannot create map 'one': an lpm_trie needs the flag BPF_F_NO_PREALLOC (EINVAL)"`,
    );
  });
});

describeKernel('maps of maps', () => {
  const inner = { type: MapType.ARRAY, valueSize: 8, maxEntries: 16 } as const;

  test.each([
    ['array_of_maps', MapType.ARRAY_OF_MAPS, 4],
    ['hash_of_maps', MapType.HASH_OF_MAPS, 24],
  ] as const)('%s: written as maps, read as ids or maps', (_, type, keySize) => {
    using first = create({ ...inner, name: 'first' });
    using outer = create({ type, keySize, innerMap: first });
    const key = keySize === 4 ? 1 : new Uint8Array(24).fill(1);
    outer.set(key, first);
    first.set(3, 33n);
    expect(outer.get(key)).toBe(first.info().id);
    using opened = outer.innerMap(key);
    expect(opened?.get(3)).toBe(33n);
    expect([...outer].length).toBe(1);
    expect([outer.delete(key), outer.innerMap(key), [...outer].length]).toEqual([true, undefined, 0]);
  });

  test('65,536 rows go in with one call', () => {
    using table = create({ ...inner, maxEntries: 65_536 });
    using outer = create({ type: MapType.ARRAY_OF_MAPS, innerMap: table });
    table.setAll(Array.from({ length: 65_536 }, (_, row) => [row, BigInt(row) ** 2n]));
    outer.set(0, table);
    using found = outer.innerMap(0);
    expect(found?.get(65_535)).toBe(65_535n ** 2n);
  });

  test('an inner map of another shape is refused with what differs', () => {
    using template = create(inner);
    using outer = create({ type: MapType.ARRAY_OF_MAPS, innerMap: template });
    const tried = (options: Partial<MapOptions>): string => {
      using other = create({ ...inner, ...options });
      return refusal(() => outer.set(0, other));
    };
    expect(tried({ valueSize: 4 })).toMatchInlineSnapshot(
      `"cannot write to map 'one': its inner maps have value size 8, but the one given has 4 (EINVAL)"`,
    );
    expect(tried({ maxEntries: 17 })).toMatchInlineSnapshot(
      `"cannot write to map 'one': its inner maps have maxEntries 16, but the one given has 17 (EINVAL)"`,
    );
    expect(tried({ type: MapType.HASH })).toMatchInlineSnapshot(
      `"cannot write to map 'one': its inner maps have type array, but the one given has hash (EINVAL)"`,
    );
    expect(tried({ flags: MapFlag.MMAPABLE })).toMatchInlineSnapshot(
      `"cannot write to map 'one': its inner maps have flags 0x0, but the one given has 0x400 (EINVAL)"`,
    );
    expect(refusal(() => outer.set(0, 0))).toMatchInlineSnapshot(
      `"cannot write to map 'one': descriptor 0 is something else; a map of maps takes maps (EINVAL)"`,
    );
    expect(refusal(() => outer.set(0, 4711))).toMatchInlineSnapshot(
      `"cannot write to map 'one': the value is not an open descriptor of a map (EBADF)"`,
    );
    // One that others made: known by what stands in it.
    outer.set(2, template);
    using same = BpfMap.openById(outer.info().id);
    using wrong = create({ ...inner, valueSize: 4 });
    expect(refusal(() => same.set(0, wrong)).replace(/map \d+/, 'map ID')).toMatchInlineSnapshot(
      `"cannot write to map ID: its inner maps have value size 8, but the one given has 4 (EINVAL)"`,
    );
    // Any size, where the template says so.
    using any = create({ ...inner, flags: MapFlag.INNER_MAP });
    using open = create({ type: MapType.ARRAY_OF_MAPS, innerMap: any });
    using small = create({ ...inner, maxEntries: 1, flags: MapFlag.INNER_MAP });
    open.set(0, small);
  });

  test('of another shape are refused in words', () => {
    using template = create(inner);
    using outer = create({ type: MapType.ARRAY_OF_MAPS, innerMap: template });
    using jumps = create({ type: MapType.PROG_ARRAY });
    const tried = (options: Partial<MapOptions>): string =>
      refusal(() => create({ type: MapType.ARRAY_OF_MAPS, ...options }));
    expect(tried({})).toMatchInlineSnapshot(
      `"cannot create map 'one': an array_of_maps needs innerMap: a map of the shape that the inner ones will have (EINVAL)"`,
    );
    expect(tried({ innerMap: outer })).toMatchInlineSnapshot(
      `"cannot create map 'one': maps of maps cannot be nested any further (EINVAL)"`,
    );
    expect(tried({ innerMap: jumps })).toMatchInlineSnapshot(
      `"cannot create map 'one': maps of type prog_array cannot stand in another map (ENOTSUPP)"`,
    );
    expect(tried({ innerMap: template, valueSize: 8 })).toMatchInlineSnapshot(
      `"cannot create map 'one': an array_of_maps has values of 4 bytes, not 8 (EINVAL)"`,
    );
  });
});

describeKernel('maps of devices and CPUs', () => {
  const programs = `
    .license "GPL"
    .program out, "xdp/devmap"
    r0 = XDP_PASS
    exit
    .program on_cpu, "xdp/cpumap"
    r0 = XDP_PASS
    exit
  `;

  test.each([
    ['devmap', MapType.DEVMAP],
    ['devmap_hash', MapType.DEVMAP_HASH],
  ])('%s: an interface, with a program or without', (_, type) => {
    using collection = loadText(programs);
    using plain = create({ type });
    plain.set(1, lo);
    expect([...plain]).toEqual([[1, lo]]);
    expect(refusal(() => plain.set(1, 9999))).toMatchInlineSnapshot(
      `"cannot write to map 'one': no interface of this network namespace has that index, or the program was not made for xdp/devmap (EINVAL)"`,
    );
    using map = create({ type, valueSize: 8 });
    const devices = map.as({ key: u32, value: devmapEntry });
    const program = collection.program('out');
    devices.set(0, { ifindex: lo, program });
    devices.set(1, { ifindex: lo });
    expect(new Map(devices)).toEqual(
      new Map([
        [0, { ifindex: lo, programId: program.info().id }],
        [1, { ifindex: lo }],
      ]),
    );
    expect([devices.delete(0), devices.get(0)]).toEqual([true, undefined]);
    expect(
      errorOf(() => devices.set(0, { ifindex: lo, program: collection.program('on_cpu') })),
    ).toMatchObject({
      code: 'EINVAL',
    });
    expect(refusal(() => create({ type, valueSize: 16 }))).toMatch(
      /has values of 4 or 8 bytes, not 16 \(EINVAL\)$/,
    );
  });

  test('cpumap: a queue for a CPU', () => {
    using collection = loadText(programs);
    const cpu = onlineCpus()[0]!;
    using map = create({ type: MapType.CPUMAP, valueSize: 8, maxEntries: possibleCpus() });
    const queues = map.as({ key: u32, value: cpumapEntry });
    const program = collection.program('on_cpu');
    queues.set(cpu, { queueSize: 192, program });
    expect(queues.get(cpu)).toEqual({ queueSize: 192, programId: program.info().id });
    expect(refusal(() => queues.set(cpu, { queueSize: 20_000 }))).toMatchInlineSnapshot(
      `"cannot write to map 'one': a queue has at most 16384 packets (EOVERFLOW)"`,
    );
    expect(
      refusal(() => queues.set(cpu, { queueSize: 192, program: collection.program('out') })),
    ).toMatchInlineSnapshot(
      `"cannot write to map 'one': the program was not made for xdp/cpumap, or there is not enough memory for the queue (ENOMEM)"`,
    );
  });
});

describeKernel('maps of sockets', () => {
  test.each([
    ['sockmap', MapType.SOCKMAP],
    ['sockhash', MapType.SOCKHASH],
  ])('%s: a descriptor goes in, a cookie comes out', (_, type) => {
    using map = create({ type, valueSize: 8 });
    map.set(2, fdOf(server));
    expect(map.get(2)).toBeTypeOf('bigint');
    expect([...map.keys()]).toContain(2);
    using udp = new Fd(invoke('socket', [], 2, 2 | 0x80000, 0), 'a socket');
    expect(refusal(() => map.set(1, udp.number))).toMatchInlineSnapshot(
      `"cannot write to map 'one': it takes TCP sockets that are connected or listen, UDP sockets that are bound, and connected stream sockets of AF_UNIX (EOPNOTSUPP)"`,
    );
    expect(refusal(() => map.set(1, 2n ** 31n))).toMatchInlineSnapshot(
      `"cannot write to map 'one': the value is a descriptor of a socket, below 2^31 (EINVAL)"`,
    );
    expect(refusal(() => map.set(1, map.fd.number))).toMatchInlineSnapshot(
      `"cannot write to map 'one': the value is a descriptor of a socket, and this one is of something else (ENOTSOCK)"`,
    );
    expect([map.delete(2), map.delete(2)]).toEqual([true, false]);
    using narrow = create({ type });
    narrow.set(0, fdOf(server));
    expect(refusal(() => narrow.get(0))).toMatchInlineSnapshot(
      `"cannot read map 'one': what can be read is the cookie of a socket, 8 bytes, but its values have 4 (ENOSPC)"`,
    );
    expect(refusal(() => create({ type, valueSize: 16 }))).toMatch(
      /has values of 4 or 8 bytes, not 16 \(EINVAL\)$/,
    );
  });

  test('reuseport_sockarray', () => {
    using map = create({ type: MapType.REUSEPORT_SOCKARRAY, valueSize: 8 });
    using udp = new Fd(invoke('socket', [], 2, 2 | 0x80000, 0), 'a socket');
    expect(refusal(() => map.set(0, udp.number))).toMatchInlineSnapshot(
      `"cannot write to map 'one': the value is a descriptor of a bound socket with SO_REUSEPORT (EINVAL)"`,
    );
    const on = new Uint8Array(Int32Array.of(1).buffer);
    invoke('setsockopt', [on], udp.number, 1, 15, addressOf(on), 4);
    const address = Uint8Array.of(2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    invoke('bind', [address], udp.number, addressOf(address), 16);
    map.set(0, udp.number);
    expect(map.get(0)).toBeTypeOf('bigint');
    expect(refusal(() => map.set(1, udp.number))).toMatchInlineSnapshot(
      `"cannot write to map 'one': the socket stands in such an array already (EBUSY)"`,
    );
    expect(map.delete(0)).toBe(true);
  });

  test('xskmap: an AF_XDP socket', () => {
    using map = create({ type: MapType.XSKMAP });
    expect(refusal(() => map.set(0, fdOf(server)))).toMatchInlineSnapshot(
      `"cannot write to map 'one': the value is a descriptor of an AF_XDP socket with its rings set up (EOPNOTSUPP)"`,
    );
    const AF_XDP = 44;
    const SOL_XDP = 283;
    using socket = new Fd(invoke('socket', [], AF_XDP, 3 | 0x80000, 0), 'an AF_XDP socket');
    const [length, chunk] = [16 * 4096, 4096];
    const memory = invoke('mmap', [], 0, length, 3, 0x22, -1, 0);
    try {
      const umem = struct('xdp_umem_reg', {
        addr: u64,
        len: u64,
        chunk_size: u32,
        headroom: u32,
        flags: u32,
        x: u32,
      });
      const region = umem.encode({ addr: BigInt(memory), len: BigInt(length), chunk_size: chunk });
      const entries = new Uint8Array(Int32Array.of(8).buffer);
      const set = (option: number, value: Uint8Array): number =>
        invoke('setsockopt', [value], socket.number, SOL_XDP, option, addressOf(value), value.length);
      const [RX_RING, UMEM_REG, FILL_RING, COMPLETION_RING] = [2, 4, 5, 6];
      expect([
        set(UMEM_REG, region),
        set(FILL_RING, entries),
        set(COMPLETION_RING, entries),
        set(RX_RING, entries),
      ]).toEqual([0, 0, 0, 0]);
      map.set(0, socket.number);
      expect(refusal(() => map.get(0))).toMatchInlineSnapshot(
        `"cannot read map 'one': maps of type xskmap cannot be read from user space (EOPNOTSUPP)"`,
      );
      expect([[...map.keys()].length, map.delete(0)]).toEqual([4, true]);
    } finally {
      invoke('munmap', [], memory, length);
    }
  });
});

describeKernel('storages', () => {
  function withTypes<T>(use: (btf: { fd: Fd; keyTypeId: number; valueTypeId: number }) => T): T {
    const builder = new BtfBuilder();
    const int = builder.int('int', 4, { signed: true });
    const u64Type = builder.int('unsigned long long', 8);
    using fd = new Fd(tryBtfLoad(builder.build('little')), 'types');
    return use({ fd, keyTypeId: int, valueTypeId: u64Type });
  }
  const storage = (type: MapType): BpfMap =>
    withTypes((btf) => create({ type, valueSize: 8, maxEntries: 0, flags: MapFlag.NO_PREALLOC, btf }));

  const kinds = [
    ['sk_storage', MapType.SK_STORAGE],
    ['inode_storage', MapType.INODE_STORAGE],
    ['task_storage', MapType.TASK_STORAGE],
    ...(lacks('cgrp_storage') ? [] : [['cgrp_storage', MapType.CGRP_STORAGE] as const]),
  ] as const;
  test.each(kinds)('%s: by a descriptor of its owner', (_, type) => {
    using map = storage(type);
    const opened = { number: -1 };
    using pidfd = openPidfd(process.pid);
    if (type === MapType.INODE_STORAGE) opened.number = openSync('/proc/self/exe', 'r');
    if (type === MapType.CGRP_STORAGE) opened.number = openSync(cgroupRoot, 'r');
    try {
      const owner =
        type === MapType.SK_STORAGE
          ? fdOf(server)
          : type === MapType.TASK_STORAGE
            ? pidfd.number
            : opened.number;
      expect(map.get(owner)).toBe(undefined);
      map.set(owner, 7n, UpdateFlag.NOEXIST);
      expect([map.get(owner), refusal(() => map.set(owner, 8n, UpdateFlag.NOEXIST))]).toEqual([
        7n,
        "cannot write to map 'one': the key exists already, and the flag NOEXIST asks for a new one (EEXIST)",
      ]);
      expect([map.delete(owner), map.delete(owner)]).toEqual([true, false]);
      expect(refusal(() => map.set(4711, 1n))).toMatch(
        /the key is not an open descriptor of what the storage hangs on/,
      );
      expect(refusal(() => [...map])).toMatch(/cannot be walked: ask for the entry of one owner/);
    } finally {
      if (opened.number >= 0) closeSync(opened.number);
    }
  });

  test('without types, flags or with a size are refused in words', () => {
    const type = MapType.SK_STORAGE;
    const tried = (options: Partial<MapOptions>): string => refusal(() => create({ type, ...options }));
    expect(tried({})).toMatchInlineSnapshot(
      `"cannot create map 'one': a sk_storage has as many entries as there are owners: maxEntries is 0 (EINVAL)"`,
    );
    expect(tried({ maxEntries: 0 })).toMatchInlineSnapshot(
      `"cannot create map 'one': a sk_storage needs the flag BPF_F_NO_PREALLOC (EINVAL)"`,
    );
    expect(tried({ maxEntries: 0, flags: MapFlag.NO_PREALLOC })).toMatchInlineSnapshot(
      `"cannot create map 'one': a sk_storage needs the BTF types of its key and value (EINVAL)"`,
    );
  });

  test.each([
    ['cgroup_storage', MapType.CGROUP_STORAGE],
    ['percpu_cgroup_storage', MapType.PERCPU_CGROUP_STORAGE],
  ] as const)('%s: an entry for each attachment', (name, type) => {
    const folder = `${cgroupRoot}/tsbpf-map-types-${process.pid}`;
    mkdirSync(folder);
    try {
      using collection = loadText(`
        .license "GPL"
        .map kept, ${name}, key=16, value=8, entries=0
        .program skb, "cgroup_skb/egress"
        r1 = kept ll
        r2 = 0
        call bpf_get_local_storage
        r0 = 1
        exit
      `);
      const map = collection.map('kept');
      const key = {
        cgroupId: statSync(folder, { bigint: true }).ino,
        attachType: AttachType.CGROUP_INET_EGRESS,
      };
      const encoded = new Uint8Array(16);
      cgroupStorageKey.write(new DataView(encoded.buffer), 0, key, true, 'key');
      expect(refusal(() => map.set(encoded, 5n))).toMatch(
        /no program that uses it is attached to that cgroup/,
      );
      using _attached = attachCgroup(collection.program('skb'), { cgroup: folder });
      map.set(encoded, 5n);
      expect(map.get(encoded)).toEqual(
        type === MapType.CGROUP_STORAGE ? 5n : new Array(possibleCpus()).fill(5n),
      );
      expect([...map.keys()]).toEqual([encoded]);
      expect(refusal(() => map.delete(encoded))).toMatch(/the entry goes when the program is detached/);
    } finally {
      rmdirSync(folder);
    }
  });
});

describeKernel('the others', () => {
  test('cgroup_array', () => {
    using map = create({ type: MapType.CGROUP_ARRAY });
    const fd = openSync(cgroupRoot, 'r');
    try {
      map.set(1, fd);
      expect(refusal(() => map.set(1, map.fd.number))).toMatchInlineSnapshot(
        `"cannot write to map 'one': the value is a descriptor of a directory of cgroup2 (EBADF)"`,
      );
      expect(refusal(() => map.get(1))).toMatchInlineSnapshot(
        `"cannot read map 'one': maps of type cgroup_array cannot be read from user space (ENOTSUPP)"`,
      );
      expect([map.delete(1), map.delete(1)]).toEqual([true, false]);
    } finally {
      closeSync(fd);
    }
  });

  test('stack_trace', () => {
    using map = create({ type: MapType.STACK_TRACE, valueSize: 8 * 16 });
    expect([...map]).toEqual([]);
    expect(map.get(1)).toBe(undefined);
    expect(refusal(() => map.set(1, new Uint8Array(128)))).toMatchInlineSnapshot(
      `"cannot write to map 'one': only the kernel writes stack traces (EINVAL)"`,
    );
    expect(refusal(() => create({ type: MapType.STACK_TRACE, valueSize: 12 }))).toMatchInlineSnapshot(
      `"cannot create map 'one': a stack_trace has values of 8 bytes a frame, not 12 (EINVAL)"`,
    );
  });

  test('lru_hash forgets the oldest instead of being full', () => {
    using map = create({ type: MapType.LRU_HASH, maxEntries: 4, flags: MapFlag.NO_COMMON_LRU });
    for (let key = 0; key < 100; key++) map.set(key, key);
    expect([...map].length).toBeLessThanOrEqual(4 * possibleCpus() + 4);
    expect(map.get(99)).toBe(99);
    expect(refusal(() => create({ type: MapType.HASH, flags: MapFlag.NO_COMMON_LRU }))).toMatchInlineSnapshot(
      `"cannot create map 'one': BPF_F_NO_COMMON_LRU is for lru maps, not for a hash (EINVAL)"`,
    );
  });

  test('a node of memory, and descriptors that only read or only write', () => {
    using map = create({ type: MapType.HASH, numaNode: 0 });
    expect(map.info().flags & MapFlag.NUMA_NODE).toBe(MapFlag.NUMA_NODE);
    map.set(1, 1);
    using reader = BpfMap.openById(map.info().id, { flags: MapFlag.RDONLY });
    using writer = BpfMap.openById(map.info().id, { flags: MapFlag.WRONLY });
    expect(reader.get(1)).toBe(1);
    writer.set(2, 2);
    expect([...reader].length).toBe(2);
    const anonymous = (text: string): string => text.replace(/map \d+/, 'map ID');
    expect(anonymous(refusal(() => reader.set(3, 3)))).toMatchInlineSnapshot(
      `"cannot write to map ID: user space may not write to this map: it is frozen or was made with BPF_F_RDONLY (EPERM)"`,
    );
    expect(anonymous(refusal(() => writer.get(1)))).toMatchInlineSnapshot(
      `"cannot read map ID: user space may not read this map (BPF_F_WRONLY) (EPERM)"`,
    );
    expect(anonymous(refusal(() => [...writer]))).toMatchInlineSnapshot(
      `"cannot read map ID: user space may not read this map (BPF_F_WRONLY) (EPERM)"`,
    );
    expect(
      refusal(() => create({ type: MapType.HASH, flags: MapFlag.RDONLY | MapFlag.WRONLY })),
    ).toMatchInlineSnapshot(
      `"cannot create map 'one': BPF_F_RDONLY and BPF_F_WRONLY exclude each other (EINVAL)"`,
    );
  });

  test('what reads and removes in one step', () => {
    using map = create({ type: MapType.HASH });
    map.set(1, 5);
    expect([map.take(1), map.take(1)]).toEqual([5, undefined]);
    using array = create({ type: MapType.ARRAY });
    expect(refusal(() => array.take(1))).toMatchInlineSnapshot(
      `"cannot take from map 'one': maps of type array do not read and delete in one step; get, then delete (ENOTSUPP)"`,
    );
  });
});
