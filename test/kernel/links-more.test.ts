import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  attachCgroup,
  attachNetns,
  attachReuseport,
  attachSockmap,
  attachTcx,
  attachUsdt,
  loadCollection,
} from '../../src/kernel/index.ts';
import {
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  setLink,
  unmount,
} from '../../src/syscall/index.ts';
import { addressOf, invoke } from '../../src/syscall/native.ts';
import { encodeText } from '../../src/util/bytes.ts';
import { CLANG_19, compileText } from '../support/c-object.ts';
import { describeKernel } from '../support/kernel.ts';
import { countingText, hits, loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const USDT_HEADER = '/usr/include/bpf/usdt.bpf.h';
const mayCompile = CLANG_19 !== undefined && existsSync(USDT_HEADER);
if (!mayCompile)
  console.warn('skipped: arguments of USDT probes in C: clang-19 and libbpf-dev are not installed');

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsbpf-links-more-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A probe with arguments in a register, in memory and as a constant, in a note of its own. */
const TRACED = `
#include <stdlib.h>
static signed char memory = -7;
__attribute__((noinline)) void noted(int n, signed char *place)
{
  __asm__ volatile(
    "990: nop\\n"
    ".pushsection .note.stapsdt,\\"\\",\\"note\\"\\n"
    ".balign 4\\n"
    ".4byte 992f-991f, 994f-993f, 3\\n"
    "991: .asciz \\"stapsdt\\"\\n"
    "992: .balign 4\\n"
    "993: .8byte 990b\\n"
    ".8byte _.stapsdt.base\\n"
    ".8byte 0\\n"
    ".asciz \\"lab\\"\\n"
    ".asciz \\"step\\"\\n"
    ".asciz \\"-4@%0 -1@0(%1) 8@$0x123456789 2@$-1\\"\\n"
    "994: .balign 4\\n"
    ".popsection\\n"
    ".pushsection .stapsdt.base,\\"aG\\",\\"progbits\\",.stapsdt.base,comdat\\n"
    ".weak _.stapsdt.base\\n"
    ".hidden _.stapsdt.base\\n"
    "_.stapsdt.base: .space 1\\n"
    ".size _.stapsdt.base, 1\\n"
    ".popsection\\n" :: "r"(n), "r"(place));
}
int main(int argc, char **argv) { noted(-atoi(argv[1]), &memory); return 0; }
`;

const USDT_PROGRAM = `
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32; typedef unsigned long long __u64;
typedef signed char __s8; typedef short __s16; typedef int __s32; typedef long long __s64;
typedef __u16 __be16; typedef __u32 __be32; typedef __u32 __wsum; typedef _Bool bool;
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_ANY = 0, BPF_NOEXIST = 1 };
struct pt_regs { unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss; };
#define __VMLINUX_H__
#define __TARGET_ARCH_x86
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>
long seen[6];
long cookie;
SEC("usdt") int BPF_USDT(on_step, long a, long b, long c, long d)
{
  seen[0] = a; seen[1] = b; seen[2] = c; seen[3] = d;
  seen[4] = bpf_usdt_arg_cnt(ctx);
  cookie = bpf_usdt_cookie(ctx);
  return 0;
}
char gpl[] SEC("license") = "GPL";
`;

describeKernel('a USDT probe', () => {
  test.skipIf(!mayCompile)('tells a program in C its arguments and its cookie', () => {
    const binary = join(directory, 'traced');
    writeFileSync(`${binary}.c`, TRACED);
    execFileSync('gcc', ['-O1', '-o', binary, `${binary}.c`]);
    const object = compileText(USDT_PROGRAM, '-I/usr/include/x86_64-linux-gnu');
    using collection = loadCollection(object);
    using group = attachUsdt(collection.program('on_step'), {
      path: binary,
      provider: 'lab',
      name: 'step',
      cookie: 0x1_0000_0002n,
    });
    expect(group.links).toHaveLength(1);
    execFileSync(binary, ['42']);
    const bytes = collection.variable('seen').getBytes();
    const seen = [...new BigInt64Array(bytes.buffer, bytes.byteOffset, 5)];
    expect(seen).toEqual([-42n, -7n, 0x123456789n, 0xffffn, 4n]);
    expect(collection.variable('cookie').get()).toBe(0x1_0000_0002n);
    // The same place needs no second entry.
    using _again = attachUsdt(collection.program('on_step'), {
      path: binary,
      provider: 'lab',
      name: 'step',
      cookie: 0x1_0000_0002n,
    });
    const specs = collection.map('__bpf_usdt_specs');
    expect([0, 1].map((index) => specs.getBytes(index)!.some((byte) => byte !== 0))).toEqual([true, false]);
  });
});

/** Linux, `include/uapi/asm-generic/socket.h` and `include/linux/net.h`. */
const [AF_INET, SOCK_DGRAM, SOCK_NONBLOCK, SOL_SOCKET, SO_REUSEPORT] = [2, 2, 0o4000, 1, 15];

/** A UDP socket of 127.0.0.1 that shares its port. */
class SharedPort {
  readonly fd: number;
  readonly #received: Uint8Array = new Uint8Array(64);

  constructor(port: number) {
    this.fd = invoke('socket', [], AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const one = Uint8Array.of(1, 0, 0, 0);
    invoke('setsockopt', [one], this.fd, SOL_SOCKET, SO_REUSEPORT, addressOf(one), 4);
    const address = SharedPort.address(port);
    expect(invoke('bind', [address], this.fd, addressOf(address), address.length)).toBe(0);
  }

  static address(port: number): Uint8Array {
    return Uint8Array.of(AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  send(port: number): void {
    const [text, to] = [encodeText('x'), SharedPort.address(port)];
    expect(invoke('sendto', [text, to], this.fd, addressOf(text), 1, 0, addressOf(to), to.length)).toBe(1);
  }

  /** How many datagrams wait. */
  count(): number {
    let count = 0;
    const buffer = this.#received;
    while (invoke('recvfrom', [buffer], this.fd, addressOf(buffer), buffer.length, 0, 0, 0) > 0) count++;
    return count;
  }

  close(): void {
    invoke('close', [], this.fd);
  }
}

const fdOf = (socket: Socket | Server): number =>
  (socket as unknown as { _handle: { fd: number } })._handle.fd;

/** Two ends of a connection. */
interface Connection {
  readonly client: Socket;
  readonly peer: Socket;
}

async function withConnections(
  count: number,
  use: (connections: readonly Connection[]) => Promise<void>,
): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connections: Connection[] = [];
  for (let i = 0; i < count; i++) {
    const client = connect((server.address() as { port: number }).port, '127.0.0.1');
    const [[peer]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
      [Socket],
      unknown,
    ];
    connections.push({ client, peer });
  }
  try {
    await use(connections);
  } finally {
    for (const { client, peer } of connections) for (const socket of [client, peer]) socket.destroy();
    server.close();
    await once(server, 'close');
  }
}

const textOf = async (socket: Socket): Promise<string> => String((await once(socket, 'data'))[0]);

const CGROUPS = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((root) =>
  existsSync(`${root}/cgroup.controllers`),
);

describeKernel('traffic', () => {
  beforeAll(() => {
    enterNewNetworkNamespace();
    setLink('lo', { up: true });
  });

  test('of one port goes to the socket that a program chooses', () => {
    using collection = loadText(`
    .license "GPL"
    .map socks, reuseport_sockarray, key=4, value=8, entries=2
    .var u32 chosen = 1
    .program choose, "sk_reuseport"
    r2 = chosen ll
    r2 = *(u32 *)(r2 + 0)
    *(u32 *)(r10 - 4) = r2
    r2 = socks ll
    r3 = r10
    r3 += -4
    r4 = 0
    call bpf_sk_select_reuseport
    r0 = SK_PASS
    exit
`);
    const port = 7791;
    const [first, second, from] = [new SharedPort(port), new SharedPort(port), new SharedPort(7792)];
    const attached = attachReuseport(collection.program('choose'), first.fd);
    for (const [index, { fd }] of [first, second].entries()) collection.map('socks').set(index, BigInt(fd));
    for (let i = 0; i < 5; i++) from.send(port);
    expect([first.count(), second.count()]).toEqual([0, 5]);
    collection.variable('chosen').set(0);
    for (let i = 0; i < 4; i++) from.send(port);
    expect([first.count(), second.count()]).toEqual([4, 0]);
    expect([attached.detach(), attached.detach()]).toEqual([true, false]);
    for (const socket of [first, second, from]) socket.close();
  });

  test('to a port goes to another listener by sk_lookup', async () => {
    using collection = loadText(`
    .license "GPL"
    .map socks, sockmap, key=4, value=8, entries=1
    .program steer, "sk_lookup"
    r6 = r1
    *(u32 *)(r10 - 4) = 0
    r1 = socks ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r7 = r0
    r1 = r6
    r2 = r7
    r3 = 0
    call bpf_sk_assign
    r1 = r7
    call bpf_sk_release
out:
    r0 = SK_PASS
    exit
`);
    const server = createServer((socket) => socket.end('here')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    collection.map('socks').set(0, BigInt(fdOf(server)));
    {
      using _link = attachNetns(collection.program('steer'));
      const client = connect(7795, '127.0.0.1');
      expect(await textOf(client)).toBe('here');
      client.destroy();
    }
    const refused = connect(7795, '127.0.0.1');
    const [error] = await once(refused, 'error');
    expect((error as { code: string }).code).toBe('ECONNREFUSED');
    server.close();
    await once(server, 'close');
  });

  test('of a socket goes to another one of a sockhash by sk_msg', async () => {
    using collection = loadText(`
    .license "GPL"
    .map socks, sockhash, key=4, value=8, entries=2
    .program redirect, "sk_msg"
    *(u32 *)(r10 - 4) = 1
    r2 = socks ll
    r3 = r10
    r3 += -4
    r4 = 1
    call bpf_msg_redirect_hash
    exit
`);
    await withConnections(2, async ([one, two]) => {
      using _attached = attachSockmap(collection.program('redirect'), collection.map('socks'));
      collection.map('socks').set(0, BigInt(fdOf(one!.client)));
      collection.map('socks').set(1, BigInt(fdOf(two!.client)));
      one!.client.write('over there');
      expect(await textOf(two!.client)).toBe('over there');
      expect(one!.peer.bytesRead).toBe(0);
    });
  });

  test('is parsed and goes to another connection by sk_skb', async () => {
    using collection = loadText(`
    .license "GPL"
    .map socks, sockmap, key=4, value=8, entries=2
    .var u64 parsed
    .program parse, "sk_skb/stream_parser"
    r2 = parsed ll
    r3 = 1
    lock *(u64 *)(r2 + 0) += r3
    r0 = *(u32 *)(r1 + 0)
    exit
    .program verdict, "sk_skb/stream_verdict"
    r2 = socks ll
    r3 = 1
    r4 = 0
    call bpf_sk_redirect_map
    exit
`);
    await withConnections(2, async ([one, two]) => {
      const map = collection.map('socks');
      using _parser = attachSockmap(collection.program('parse'), map);
      using _verdict = attachSockmap(collection.program('verdict'), map);
      map.set(1, BigInt(fdOf(two!.client)));
      map.set(0, BigInt(fdOf(one!.peer)));
      one!.client.write('across');
      expect(await textOf(two!.peer)).toBe('across');
      expect(collection.variable('parsed').get()).toBeGreaterThan(0n);
      expect(one!.peer.bytesRead).toBe(0);
    });
  });

  test.skipIf(!CGROUPS)('of a cgroup is followed by sock_ops', () => {
    using collection = loadText(countingText('sockops', 1));
    const cgroup = `${CGROUPS}/tsbpf-more-${process.pid}`;
    mkdirSync(cgroup);
    try {
      using link = attachCgroup(collection.program('probe'), { cgroup });
      const script = `
import socket
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen()
socket.create_connection(listener.getsockname())`;
      execFileSync('/bin/sh', [
        '-c',
        `echo $$ > ${cgroup}/cgroup.procs && exec python3 -c "$1"`,
        'sh',
        script,
      ]);
      // TCP_CONNECT, and that both ends are established.
      expect(hits(collection)).toBeGreaterThanOrEqual(3n);
      expect(link.info().target).toMatchObject({ kind: 'cgroup', attachType: 'cgroup_sock_ops' });
    } finally {
      rmdirSync(cgroup);
    }
  });

  test.skipIf(lacks('tcx'))('is dissected by a program where a hash is asked for', () => {
    using dissector = loadText(countingText('flow_dissector', 0));
    using hashing = loadText(`
    .license "GPL"
    .program hash, "tc"
    call bpf_get_hash_recalc
    r0 = -1
    exit
`);
    using _dissects = attachNetns(dissector.program('probe'));
    using _hashes = attachTcx(hashing.program('hash'), { interface: 'lo', direction: 'ingress' });
    const socket = new SharedPort(7793);
    socket.send(7793);
    expect(hits(dissector)).toBeGreaterThan(0n);
    socket.close();
  });

  test('of a route runs a pinned program (lwt)', () => {
    const bpffs = join(directory, 'bpffs');
    mkdirSync(bpffs);
    enterNewMountNamespace();
    mountBpffs(bpffs);
    try {
      using collection = loadText(countingText('lwt_xmit', 0));
      collection.program('probe').pin(`${bpffs}/xmit`);
      execFileSync('ip', ['link', 'add', 'away', 'type', 'veth', 'peer', 'name', 'other']);
      for (const name of ['away', 'other']) execFileSync('ip', ['link', 'set', name, 'up']);
      execFileSync('ip', ['addr', 'add', '10.9.8.1/24', 'dev', 'away']);
      execFileSync('ip', ['neigh', 'add', '10.9.8.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'away']);
      const encap = ['encap', 'bpf', 'xmit', 'pinned', `${bpffs}/xmit`, 'via', '10.9.8.2', 'dev', 'away'];
      execFileSync('ip', ['route', 'add', '10.9.9.0/24', ...encap]);
      execFileSync('python3', ['-c', "import socket\nsocket.socket(2, 2).sendto(b'x', ('10.9.9.1', 9))"]);
      expect(hits(collection)).toBe(1n);
      execFileSync('ip', ['link', 'del', 'away']);
      rmSync(`${bpffs}/xmit`);
    } finally {
      unmount(bpffs);
    }
  });
});

describeKernel('a program of type syscall', () => {
  test('is given a context and gives it back', () => {
    using collection = loadText(`
    .license "GPL"
    .program double, "syscall"
    r2 = *(u64 *)(r1 + 0)
    r2 += r2
    *(u64 *)(r1 + 8) = r2
    r0 = 7
    exit
`);
    const ctx = new Uint8Array(16);
    ctx[0] = 21;
    const { retval, ctx: after } = collection.program('double').testRun({ ctx });
    expect([retval, after?.[0], after?.[8]]).toEqual([7, 21, 42]);
    expect(ctx[8]).toBe(0);
  });
});
