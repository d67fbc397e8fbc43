import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import {
  attachCgroup,
  attachCgroupProgram,
  attachFlowDissector,
  attachIter,
  attachNetfilter,
  attachNetns,
  attachReuseport,
  attachSocketFilter,
  attachSockmap,
  BpfMap,
  IterAttachment,
  type Link,
  Program,
  queryCgroup,
} from '../../src/kernel/index.ts';
import { enterNewNetworkNamespace, setLink } from '../../src/syscall/index.ts';
import { bytesOf, struct, u8 } from '../../src/util/index.ts';
import { returns } from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { countingText, hits, loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`.replaceAll(
    new RegExp(`\\b${process.pid}\\b`, 'g'),
    'PID',
  );
const BPFTOOL = '/usr/sbin/bpftool';

const CGROUP_ROOTS = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'];
const cgroupRoot = CGROUP_ROOTS.find((root) => existsSync(`${root}/cgroup.controllers`));
if (!cgroupRoot) console.warn('skipped: programs of cgroups: no cgroup of version 2 is mounted');

/** A cgroup made for a test and removed behind it. */
function withCgroup(use: (path: string) => void): void {
  const path = `${cgroupRoot}/tsbpf-links-${process.pid}`;
  mkdirSync(path);
  try {
    use(path);
  } finally {
    rmdirSync(path);
  }
}

/** Runs a script of Python in a cgroup; its exit code tells. */
function inCgroup(path: string, script: string): number {
  const command = `echo $$ > ${path}/cgroup.procs && exec python3 -c "$1"`;
  try {
    execFileSync('/bin/sh', ['-c', command, 'sh', script], { stdio: 'pipe' });
    return 0;
  } catch (error) {
    return (error as { status: number }).status;
  }
}

const SOCKET = 'import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)';

describeKernel('a cgroup', () => {
  test.skipIf(!cgroupRoot)('a program decides about sockets, by a link', () => {
    withCgroup((path) => {
      using deny = loadText(countingText('cgroup/sock_create', 0));
      expect(inCgroup(path, SOCKET)).toBe(0);
      const link = attachCgroup(deny.program('probe'), { cgroup: path });
      expect(inCgroup(path, SOCKET)).toBe(1);
      expect(hits(deny)).toBeGreaterThan(0n);
      expect(link.info().target).toMatchObject({ kind: 'cgroup', attachType: 'cgroup_inet_sock_create' });
      expect(queryCgroup(path)).toEqual([
        { attachType: 'cgroup_inet_sock_create', programId: deny.program('probe').id, mode: 'multi' },
      ]);
      const shown = execFileSync(BPFTOOL, ['cgroup', 'show', path], { encoding: 'utf8' });
      expect(shown).toMatch(
        new RegExp(`${deny.program('probe').id}\\s+cgroup_inet_sock_create\\s+multi\\s+probe`),
      );
      link.close();
      expect(inCgroup(path, SOCKET)).toBe(0);
    });
  });

  test.skipIf(!cgroupRoot)('a link says when its cgroup has gone', () => {
    using allow = loadText(countingText('cgroup_skb/egress', 1));
    let link: Link | undefined;
    withCgroup((path) => {
      link = attachCgroup(allow.program('probe'), { cgroup: path });
      expect(link.detach()).toBe(true);
      expect(link.info().attached).toBe(false);
    });
    link?.close();
  });

  test.skipIf(!cgroupRoot)('without a link: modes, replacement, what bpftool attached', () => {
    withCgroup((path) => {
      const load = (name: string): Program =>
        Program.load({ name, type: 'cgroup/connect4', code: returns(1) });
      using first = load('first');
      using second = load('second');
      const alone = attachCgroupProgram(first, { cgroup: path, mode: 'single' });
      expect(queryCgroup(path)).toMatchObject([{ attachType: 'cgroup_inet4_connect', mode: 'single' }]);
      expect(words(errorOf(() => attachCgroup(second, { cgroup: path })))).toMatchInlineSnapshot(
        `"cannot attach program 'second' to cgroup /sys/fs/cgroup/unified/tsbpf-links-PID (cgroup_inet4_connect): a program is attached here or above without leave for others, or this process lacks CAP_NET_ADMIN (EPERM) [a single program blocks others: detach it, or attach all with mode 'multi']"`,
      );
      alone.close();
      const a = attachCgroupProgram(first, { cgroup: path });
      const b = attachCgroupProgram(second, { cgroup: path, replace: first });
      expect(queryCgroup(path).map(({ programId }) => programId)).toEqual([second.id]);
      expect([a.detach(), b.detach(), b.detach()]).toEqual([false, true, false]);
      execFileSync(BPFTOOL, ['cgroup', 'attach', path, 'connect4', 'id', `${first.id}`, 'multi']);
      expect(queryCgroup(path)).toMatchObject([{ programId: first.id, mode: 'multi' }]);
      execFileSync(BPFTOOL, ['cgroup', 'detach', path, 'connect4', 'id', `${first.id}`]);
    });
  });

  test.skipIf(!cgroupRoot || lacks('cgroup order'))('links have an order', () => {
    withCgroup((path) => {
      const load = (name: string): Program =>
        Program.load({ name, type: 'cgroup/setsockopt', code: returns(1) });
      using a = load('a');
      using b = load('b');
      using linkA = attachCgroup(a, { cgroup: path });
      using _linkB = attachCgroup(b, { cgroup: path, position: { before: linkA } });
      expect(queryCgroup(path).map(({ programId }) => programId)).toEqual([b.id, a.id]);
    });
  });

  test.skipIf(!cgroupRoot)('says what is wrong', () => {
    using filter = loadText(countingText('cgroup/connect4', 1));
    const program = filter.program('probe');
    const attach = (...given: [string, 'cgroup_inet6_connect'?]): string =>
      words(
        errorOf(() => attachCgroup(program, { cgroup: given[0], ...(given[1] && { attachType: given[1] }) })),
      );
    expect(attach('/sys/fs/cgroup/nowhere')).toMatchInlineSnapshot(
      `"there is no cgroup /sys/fs/cgroup/nowhere [cgroups of version 2 are folders below /sys/fs/cgroup or /sys/fs/cgroup/unified]"`,
    );
    expect(attach('/tmp')).toMatchInlineSnapshot(
      `"cannot attach program 'probe' to cgroup /tmp (cgroup_inet4_connect): the target is no cgroup of version 2 (EBADF) [name a folder below /sys/fs/cgroup, or where cgroup2 is mounted (tsbpf doctor)]"`,
    );
    expect(attach(cgroupRoot!, 'cgroup_inet6_connect')).toMatchInlineSnapshot(
      `"cannot attach program 'probe' to cgroup /sys/fs/cgroup/unified (cgroup_inet6_connect): the program was loaded with expected_attach_type CGROUP_INET4_CONNECT, but CGROUP_INET6_CONNECT is asked for (EINVAL) [load it from a section of that name, or with expectedAttachType: AttachType.CGROUP_INET6_CONNECT]"`,
    );
    expect(attach(cgroupRoot!, 'cgroup_inet6_conect' as 'cgroup_inet6_connect')).toMatchInlineSnapshot(
      `"a cgroup has no attach type 'cgroup_inet6_conect' [did you mean 'cgroup_inet6_connect'?]"`,
    );
    using plain = Program.load({ name: 'plain', type: 'cgroup_skb', code: returns(1) });
    expect(words(errorOf(() => attachCgroup(plain, { cgroup: cgroupRoot! })))).toMatchInlineSnapshot(
      `"program 'plain' (cgroup_skb) does not say where in a cgroup it goes [give attachType, such as 'cgroup_inet_egress']"`,
    );
    using xdp = Program.load({ name: 'xdp', type: 'xdp', code: returns(2) });
    expect(words(errorOf(() => attachCgroup(xdp, { cgroup: cgroupRoot! })))).toMatchInlineSnapshot(
      `"program 'xdp' is of type xdp; a cgroup takes cgroup_skb or cgroup_sock or cgroup_sock_addr or cgroup_device or cgroup_sysctl or cgroup_sockopt or sock_ops or lsm programs"`,
    );
  });
});

/** Sends datagrams to a socket on lo and gathers what arrives. */
async function datagrams(receiver: ReturnType<typeof createSocket>, ...sizes: number[]): Promise<number[]> {
  const got: number[] = [];
  receiver.on('message', (message) => got.push(message.length));
  const sender = createSocket('udp4');
  for (const size of sizes) {
    await new Promise<void>((resolve) =>
      sender.send(Buffer.alloc(size), receiver.address().port, '127.0.0.1', () => resolve()),
    );
  }
  // What is dropped never comes.
  const deadline = Date.now() + 500;
  while (got.length < sizes.length && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
  sender.close();
  return got;
}

const fdOf = (socket: unknown): number => {
  const own = socket as { _handle?: { fd: number } };
  const handle =
    own._handle ??
    (Reflect.ownKeys(socket as object)
      .filter((key) => typeof key === 'symbol')
      .map((key) => (socket as Record<symbol, { handle?: { fd: number } }>)[key as symbol]?.handle)
      .find((value) => value !== undefined) as { fd: number });
  return handle.fd;
};

async function boundSocket(): Promise<ReturnType<typeof createSocket>> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

describeKernel('sockets', () => {
  beforeAll(() => {
    enterNewNetworkNamespace();
    setLink('lo', { up: true });
  });

  test('a filter cuts packets, and lets them through again', async () => {
    // 8 bytes are the UDP header, which the filter sees too.
    using filter = loadText(countingText('socket', 8 + 3));
    const socket = await boundSocket();
    const attached = attachSocketFilter(filter.program('probe'), fdOf(socket));
    expect(await datagrams(socket, 10, 2)).toEqual([3, 2]);
    expect(hits(filter)).toBe(2n);
    expect([attached.detach(), attached.detach()]).toEqual([true, false]);
    socket.removeAllListeners('message');
    expect(await datagrams(socket, 10)).toEqual([10]);
    const again = attachSocketFilter(filter.program('probe'), fdOf(socket));
    socket.close();
    await once(socket, 'close');
    expect(again.detach()).toBe(false);
    expect(words(errorOf(() => attachSocketFilter(filter.program('probe'), 9999)))).toMatchInlineSnapshot(
      `"cannot attach program 'probe' to the filter of socket 9999: the socket or the program is closed (EBADF)"`,
    );
  });

  test('sk_lookup runs in a network namespace', async () => {
    using lookup = loadText(countingText('sk_lookup', 1));
    const link = attachNetns(lookup.program('probe'));
    const socket = await boundSocket();
    expect(await datagrams(socket, 1)).toEqual([1]);
    expect(hits(lookup)).toBe(1n);
    expect(link.info()).toMatchObject({ typeName: 'netns', target: { attachType: 'sk_lookup' } });
    link.close();
    socket.removeAllListeners('message');
    expect(await datagrams(socket, 1)).toEqual([1]);
    expect(hits(lookup)).toBe(1n);
    socket.close();
    await once(socket, 'close');
    expect(
      words(errorOf(() => attachNetns(lookup.program('probe'), { name: 'no-such' }))),
    ).toMatchInlineSnapshot(
      `"there is no network namespace /run/netns/no-such [named ones lie in /run/netns: ip netns list]"`,
    );
  });

  test('a flow dissector is attached once', () => {
    using dissector = loadText(countingText('flow_dissector', 0));
    const program = dissector.program('probe');
    {
      using _link = attachNetns(program);
      expect(words(errorOf(() => attachNetns(program)))).toMatchInlineSnapshot(
        `"cannot attach program 'probe' to network namespace /proc/thread-self/ns/net (flow_dissector): as many programs as the kernel takes (64) are attached there already (E2BIG)"`,
      );
    }
    const attached = attachFlowDissector(program);
    expect([attached.detach(), attached.detach()]).toEqual([true, false]);
  });

  test.skipIf(lacks('netfilter link'))('netfilter sees packets that come in', async () => {
    using accept = loadText(countingText('netfilter', 1));
    const options = { family: 'ipv4', hook: 'input', priority: 10 } as const;
    using link = attachNetfilter(accept.program('probe'), options);
    const socket = await boundSocket();
    expect(await datagrams(socket, 1, 1)).toEqual([1, 1]);
    expect(hits(accept)).toBe(2n);
    expect(link.info().target).toEqual({
      kind: 'netfilter',
      protocolFamily: 2,
      hook: 1,
      priority: 10,
      flags: 0,
    });
    expect(words(errorOf(() => attachNetfilter(accept.program('probe'), options)))).toMatchInlineSnapshot(
      `"cannot attach program 'probe' to netfilter ipv4 input (priority 10): another BPF program has this hook at this priority (EBUSY)"`,
    );
    socket.close();
    await once(socket, 'close');
  });

  test('a program chooses among sockets of one port', () => {
    using choose = Program.load({ name: 'choose', type: 'sk_reuseport', code: returns(1) });
    expect(words(errorOf(() => attachReuseport(choose, 9999)))).toMatchInlineSnapshot(
      `"cannot attach program 'choose' to the port group of socket 9999: the socket or the program is closed (EBADF)"`,
    );
  });

  const ways = lacks('sockmap link') ? (['attach'] as const) : (['link', 'attach'] as const);
  test.each(ways)('a sockmap has its program by %s', async (via) => {
    using map = BpfMap.create({
      name: 'socks',
      type: MapType.SOCKMAP,
      keySize: 4,
      valueSize: 8,
      maxEntries: 2,
    });
    using verdict = loadText(countingText('sk_skb/verdict', 'SK_PASS'));
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as { port: number }).port, '127.0.0.1');
    const [peer] = (await once(server, 'connection')) as [Socket];
    if (client.connecting) await once(client, 'connect');
    const attached = attachSockmap(verdict.program('probe'), map, { via });
    map.set(0, BigInt(fdOf(peer)));
    client.write('hello');
    const [data] = await once(peer, 'data');
    expect(String(data)).toBe('hello');
    expect(hits(verdict)).toBeGreaterThan(0n);
    const error = words(
      errorOf(() =>
        attachSockmap(verdict.program('probe'), map, { attachType: 'sk_skb_stream_verdict', via }),
      ),
    );
    expect(error).toMatch(/EBUSY|EINVAL/);
    attached.close();
    for (const socket of [client, peer]) socket.destroy();
    server.close();
    await once(server, 'close');
  });
});

const DUMP = (section: string): string => `
    .license "GPL"
    .program dump, "${section}"
    r6 = r1
    r7 = *(u64 *)(r1 + 8)
    if r7 == 0 goto out
    *(u32 *)(r10 - 8) = 0x0a6b6f
    r1 = *(u64 *)(r6 + 0)
    r1 = *(u64 *)(r1 + 0)
    r2 = r10
    r2 += -8
    r3 = 3
    call bpf_seq_write
out:
    r0 = 0
    exit
`;

describeKernel('an iterator', () => {
  test('walks the maps, as often as it is read', async () => {
    using collection = loadText(DUMP('iter/bpf_map'));
    using _map = BpfMap.create({
      name: 'seen',
      type: MapType.ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
    });
    using iterator = attachIter(collection.program('dump'));
    expect(iterator.read()).toMatch(/^(ok\n)+$/);
    const lines: string[] = [];
    for await (const line of iterator) lines.push(line);
    expect(new Set(lines)).toEqual(new Set(['ok']));
    expect(iterator.link.info().target).toEqual({ kind: 'iter', name: 'bpf_map' });
  });

  test('walks one process', () => {
    using collection = loadText(DUMP('iter/task'));
    using mine = attachIter(collection.program('dump'), { task: { tid: process.pid } });
    expect(mine.read()).toBe('ok\n');
    expect(mine.link.info().target).toMatchObject({ kind: 'iter', name: 'task', tid: process.pid });
  });

  test('walks the elements of a map, and needs one', () => {
    using map = BpfMap.create({
      name: 'walked',
      type: MapType.HASH,
      keySize: 4,
      valueSize: 4,
      maxEntries: 8,
    });
    for (const key of [1, 2, 3]) map.set(key, key);
    using collection = loadText(DUMP('iter/bpf_map_elem').replace('(r1 + 8)', '(r1 + 16)'));
    using iterator = attachIter(collection.program('dump'), { map });
    expect(iterator.read()).toBe('ok\nok\nok\n');
    expect(iterator.link.info().target).toEqual({ kind: 'iter', name: 'bpf_map_elem', mapId: map.info().id });
    expect(words(errorOf(() => attachIter(collection.program('dump'))))).toMatchInlineSnapshot(
      `"cannot attach program 'dump' to its iterator: this iterator walks through a map, and none was given (EBADF) [name it: attachIter(program, { map })]"`,
    );
  });

  test('gives records, and ends with its signal', async () => {
    using collection = loadText(DUMP('iter/bpf_map'));
    using _map = BpfMap.create({ type: MapType.ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    using attached = collection.program('dump').attach();
    if (!(attached instanceof IterAttachment)) throw new Error('an iterator was expected');
    const letters = struct('letters', { o: u8, k: u8, end: u8 });
    const records: unknown[] = [];
    for await (const record of attached.records(letters)) records.push(record);
    expect(records.length).toBeGreaterThan(0);
    expect(new Set(records.map((record) => JSON.stringify(record)))).toEqual(
      new Set(['{"o":111,"k":107,"end":10}']),
    );
    const all = async (options: { signal?: AbortSignal }, size = 3): Promise<unknown> => {
      try {
        for await (const _ of attached.records(bytesOf(size), options));
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(await all({ signal: AbortSignal.abort('enough') })).toBe('enough');
    expect(await all({}, 1 << 16)).toMatchObject({ code: 'RECORD_SIZE' });
    expect(attached.target).toBe('its iterator');
  });

  test('takes neither cookie nor process by its section', () => {
    using collection = loadText(DUMP('iter/bpf_map'));
    const dump = collection.program('dump');
    expect(words(errorOf(() => dump.attach({ cookie: 1n })))).toMatchInlineSnapshot(
      `"program 'dump' of section 'iter/bpf_map' takes no cookie [iterators have none]"`,
    );
    expect(words(errorOf(() => dump.attach({ pid: 1 })))).toMatchInlineSnapshot(
      `"program 'dump' of section 'iter/bpf_map' takes no pid [only uprobes and USDT probes can be for one process; others compare bpf_get_current_pid_tgid()]"`,
    );
  });
});
