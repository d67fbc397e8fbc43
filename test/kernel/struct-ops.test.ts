import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import {
  attachStructOps,
  BpfMap,
  type Collection,
  findStale,
  Link,
  loadCollection,
} from '../../src/kernel/index.ts';
import {
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  setLink,
  unmount,
} from '../../src/syscall/index.ts';
import { CLANG_19, compileText } from '../support/c-object.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`
    // Which members there are differs by kernel.
    .replace(/it has ssthresh, .*\]/, 'it has …]');

const BPFTOOL = '/usr/sbin/bpftool';

/** Less than the kernel's struct has, in another order, and one member more, at zero. */
const STRUCT = `
typedef unsigned int u32;
typedef unsigned long long u64;
struct sock;
struct tcp_congestion_ops {
  char name[16];
  u32 (*undo_cwnd)(struct sock *sk);
  void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
  u32 (*ssthresh)(struct sock *sk);
  void (*init)(struct sock *sk);
  void (*release)(struct sock *sk);
  u32 of_tomorrow;
};
#define SEC(name) __attribute__((section(name), used))
char gpl[] SEC("license") = "GPL";
`;

const control = (section: string, name = 'tsbpf_cc', more = ''): Uint8Array =>
  compileText(`${STRUCT}
u64 calls[4];
SEC("struct_ops/init") void counted_init(u64 *ctx) { __sync_fetch_and_add(&calls[0], 1); }
SEC("struct_ops/cong_avoid") void counted_avoid(u64 *ctx) { __sync_fetch_and_add(&calls[1], 1); }
SEC("struct_ops/release") void counted_release(u64 *ctx) { __sync_fetch_and_add(&calls[2], 1); }
SEC("struct_ops/ssthresh") u32 threshold(u64 *ctx) { return 2; }
SEC("struct_ops/undo_cwnd") u32 undo(u64 *ctx) { return 10; }
SEC("${section}") struct tcp_congestion_ops control = {
  .name = "${name}", .init = (void *)counted_init, .release = (void *)counted_release,
  .cong_avoid = (void *)counted_avoid, .ssthresh = (void *)threshold, .undo_cwnd = (void *)undo,
};
${more}`);

const calls = (collection: Collection): number[] => {
  const bytes = collection.variable('calls').getBytes();
  return [...new BigUint64Array(bytes.buffer, bytes.byteOffset, 3)].map(Number);
};

/** Sends a megabyte over a connection that asks for a congestion control; answers with the one that it got. */
function transfer(name: string): string {
  const script = `
import socket, threading, sys
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen()
client = socket.socket()
client.setsockopt(socket.IPPROTO_TCP, 13, sys.argv[1].encode())
client.connect(listener.getsockname())
peer, _ = listener.accept()
sender = threading.Thread(target=lambda: (client.sendall(b'x' * 1000000), client.shutdown(1)))
sender.start()
while peer.recv(65536): pass
sender.join()
print(client.getsockopt(socket.IPPROTO_TCP, 13, 16).split(b'\\0')[0].decode())`;
  try {
    return execFileSync('python3', ['-c', script, name], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch (error) {
    return /\w+Error: .*/.exec(String((error as { stderr: string }).stderr))?.[0] ?? String(error);
  }
}

describeKernel('a struct of functions', () => {
  beforeAll(() => {
    enterNewNetworkNamespace();
    setLink('lo', { up: true });
  });

  test.skipIf(!CLANG_19)('is registered by writing its map, and unregistered', () => {
    using collection = loadCollection(control('.struct_ops'));
    expect(transfer('tsbpf_cc')).toMatchInlineSnapshot(
      `"FileNotFoundError: [Errno 2] No such file or directory"`,
    );
    const attached = attachStructOps(collection, 'control');
    expect(attached.link).toBe(undefined);
    expect(transfer('tsbpf_cc')).toBe('tsbpf_cc');
    const [init = 0, avoid = 0, release = 0] = calls(collection);
    expect([init > 0, avoid > 0, release > 0]).toEqual([true, true, true]);
    expect(execFileSync(BPFTOOL, ['struct_ops', 'list'], { encoding: 'utf8' })).toMatch(
      /control\s+tcp_congestion_ops/,
    );
    expect([attached.detach(), attached.detach()]).toEqual([true, false]);
    expect(transfer('tsbpf_cc')).toContain('FileNotFoundError');
  });

  test.skipIf(!CLANG_19)('stays without a link when it is released', () => {
    using collection = loadCollection(control('.struct_ops'));
    const attached = attachStructOps(collection, 'control');
    attached.release();
    expect(attached.detach()).toBe(false);
    expect(transfer('tsbpf_cc')).toBe('tsbpf_cc');
    expect(words(errorOf(() => attachStructOps(collection, 'control')))).toMatchInlineSnapshot(
      `"cannot give the kernel the tcp_congestion_ops 'control': this one is registered already (EBUSY)"`,
    );
    const { id } = collection.map('control').info();
    const structs = (): string[] =>
      findStale().stale.flatMap(({ kind, mend }) => (kind === 'struct_ops' ? [mend] : []));
    expect(structs()).toEqual([]);
    collection.close();
    expect(structs()).toEqual([`tsbpf map delete ${id} 0`]);
    using map = BpfMap.openById(id);
    expect(map.delete(0)).toBe(true);
    expect(transfer('tsbpf_cc')).toContain('FileNotFoundError');
  });

  test.skipIf(!CLANG_19 || lacks('struct_ops link'))(
    'is attached by a link, which changes its struct and is pinned',
    () => {
      using first = loadCollection(control('.struct_ops.link'));
      using second = loadCollection(control('.struct_ops.link'));
      using other = loadCollection(control('.struct_ops.link', 'tsbpf_other'));
      {
        using attached = attachStructOps(first, 'control');
        expect(attached.link?.info()).toMatchObject({
          typeName: 'struct_ops',
          target: { kind: 'struct_ops', mapId: first.map('control').info().id },
        });
        expect(transfer('tsbpf_cc')).toBe('tsbpf_cc');
        expect(calls(first)[0]).toBeGreaterThan(0);
        expect(words(errorOf(() => attachStructOps(second, 'control')))).toMatchInlineSnapshot(
          `"cannot give the kernel the tcp_congestion_ops 'control': another one of this name is registered (EEXIST)"`,
        );
        const [control, next] = [first.structOps.get('control')!, second.structOps.get('control')!];
        attached.update(next, control);
        expect(transfer('tsbpf_cc')).toBe('tsbpf_cc');
        expect(calls(second)[0]).toBeGreaterThan(0);
        expect(words(errorOf(() => attached.update(control, control)))).toMatchInlineSnapshot(
          `"cannot put map 'control' into the link of 'control': another program is attached than the one that was to be replaced (EPERM)"`,
        );
        expect(words(errorOf(() => attached.update(other.structOps.get('control')!)))).toMatchInlineSnapshot(
          `"cannot put tcp_congestion_ops 'control' in the place of tcp_congestion_ops 'control': it is of another kind or has another name, or is attached without a link (EINVAL)"`,
        );
      }
      expect(transfer('tsbpf_cc')).toContain('FileNotFoundError');

      enterNewMountNamespace();
      const bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-struct-ops-fs-'));
      mountBpffs(bpffs);
      try {
        const attached = attachStructOps(first, 'control');
        attached.pin(`${bpffs}/control`);
        attached.close();
        expect(transfer('tsbpf_cc')).toBe('tsbpf_cc');
        using again = Link.openPinned(`${bpffs}/control`);
        again.update(second.map('control'));
        again.unpin();
        expect(again.detach()).toBe(true);
        expect(transfer('tsbpf_cc')).toContain('FileNotFoundError');
      } finally {
        unmount(bpffs);
        rmSync(bpffs, { recursive: true });
      }
    },
  );

  test.skipIf(lacks('struct_ops link'))('can be written in the language', () => {
    using collection = loadText(`
    .license "GPL"
    .struct tcp_congestion_ops {
        u32 (*ssthresh)(struct sock *sk);
        void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
        u32 (*undo_cwnd)(struct sock *sk);
        char name[16];
    }
    .var u64 calls
    .section ".struct_ops.link", "aw"
    .var struct tcp_congestion_ops control = { .ssthresh = threshold, .cong_avoid = avoid, .undo_cwnd = undo, .name = "tsbpf_s" }

    .program threshold, "struct_ops/ssthresh"
    r0 = 2
    exit
    .program undo, "struct_ops/undo_cwnd"
    r0 = 10
    exit
    .program avoid, "struct_ops/cong_avoid"
    r1 = calls ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    r0 = 0
    exit
`);
    using attached = attachStructOps(collection, 'control');
    expect(attached.link?.info().attached).toBe(true);
    expect(transfer('tsbpf_s')).toBe('tsbpf_s');
    expect(collection.variable('calls').get()).toBeGreaterThan(0n);
  });

  test.skipIf(!CLANG_19 || lacks('struct_ops link'))(
    'of the chosen programs alone is made, with all of its programs',
    () => {
      using collection = loadCollection(
        compileText(`${STRUCT}
SEC("struct_ops/ssthresh") u32 threshold(u64 *ctx) { return 2; }
SEC("struct_ops/undo_cwnd") u32 undo(u64 *ctx) { return 10; }
SEC("struct_ops") void avoid(u64 *ctx) { }
SEC("struct_ops") void spare_avoid(u64 *ctx) { }
SEC(".struct_ops.link") struct tcp_congestion_ops one = {
  .name = "tsbpf_one", .cong_avoid = (void *)avoid, .ssthresh = (void *)threshold, .undo_cwnd = (void *)undo,
};
SEC("?.struct_ops.link") struct tcp_congestion_ops spare = {
  .name = "tsbpf_spare", .cong_avoid = (void *)spare_avoid, .ssthresh = (void *)threshold, .undo_cwnd = (void *)undo,
};`),
        { programs: ['spare_avoid'] },
      );
      expect([...collection.programs.keys()].sort()).toEqual(['spare_avoid', 'threshold', 'undo']);
      expect([...collection.structOps.keys()]).toEqual(['spare']);
      expect(words(errorOf(() => attachStructOps(collection, 'spar')))).toMatchInlineSnapshot(
        `"there is no struct of functions 'spar'; there are: spare [did you mean 'spare'?]"`,
      );
      expect(words(errorOf(() => collection.program('undo').attach()))).toMatchInlineSnapshot(
        `"section 'struct_ops/undo_cwnd' does not say where program 'undo' (struct_ops) goes [attach it with attachStructOps, with the struct that it is in]"`,
      );
      using attached = attachStructOps(collection, 'spare');
      expect(attached.target).toMatchInlineSnapshot(`"tcp_congestion_ops 'spare'"`);
      expect(transfer('tsbpf_spare')).toBe('tsbpf_spare');
    },
  );

  test.skipIf(!CLANG_19 || lacks('struct_ops link'))(
    'of another shape than the kernel has is refused in words',
    () => {
      const refusal = (text: string, options = {}): string =>
        words(errorOf(() => loadCollection(compileText(STRUCT + text), options)));
      const programs = `
SEC("struct_ops") u32 threshold(u64 *ctx) { return 2; }
SEC("struct_ops") u32 undo(u64 *ctx) { return 10; }
SEC("struct_ops") void avoid(u64 *ctx) { }
`;
      const struct = (init: string): string =>
        `${programs}SEC(".struct_ops.link") struct tcp_congestion_ops control = { .name = "tsbpf_x", ${init} };`;
      expect(refusal(struct('.of_tomorrow = 1, .ssthresh = (void *)threshold'))).toMatchInlineSnapshot(
        `"'control' sets its member 'of_tomorrow', which the kernel's tcp_congestion_ops does not have [it has …]"`,
      );
      expect(
        refusal(`${programs}
struct tcp_congestion_opz { void *ssthresh; };
SEC(".struct_ops") struct tcp_congestion_opz control = { .ssthresh = (void *)threshold };`),
      ).toMatchInlineSnapshot(
        `"the kernel takes no struct of functions 'tcp_congestion_opz' [did you mean 'tcp_congestion_ops'?]"`,
      );
      expect(
        refusal(`${programs}
struct tcp_congestion_ops___mine { u32 (*ssthres)(void); };
SEC(".struct_ops") struct tcp_congestion_ops___mine control = { .ssthres = (void *)threshold };`),
      ).toMatchInlineSnapshot(
        `"'control' sets its member 'ssthres', which the kernel's tcp_congestion_ops does not have [did you mean 'ssthresh'?]"`,
      );
      expect(
        refusal(`${programs}
struct tcp_congestion_ops___mine { char name[8]; };
SEC(".struct_ops") struct tcp_congestion_ops___mine control = { .name = "x" };`),
      ).toMatchInlineSnapshot(
        `"'control' has an array of 8 bytes as its member name, but in the kernel's tcp_congestion_ops it is an array of 16 bytes [take the struct from the kernel's types: tsbpf btf dump --format c]"`,
      );
      expect(
        refusal(`${programs}
struct tcp_congestion_ops___mine { void *flags; };
SEC(".struct_ops") struct tcp_congestion_ops___mine control = { .flags = (void *)threshold };`),
      ).toMatchInlineSnapshot(
        `"'control' has a function as its member flags, but in the kernel's tcp_congestion_ops it is unsigned int of 4 bytes [take the struct from the kernel's types: tsbpf btf dump --format c]"`,
      );
      expect(
        refusal(struct('.ssthresh = (void *)threshold, .undo_cwnd = (void *)threshold')),
      ).toMatchInlineSnapshot(
        `"program 'threshold' is for tcp_congestion_ops.undo_cwnd and for tcp_congestion_ops.ssthresh, but a program is loaded for one member [write a program for each, which may call one function]"`,
      );
      expect(refusal(struct('.ssthresh = (void *)threshold'), { programs: ['undo'] })).toMatchInlineSnapshot(
        `"program 'undo' stands in for a function of the kernel, but no struct of functions names it [in C: SEC(".struct_ops.link") struct tcp_congestion_ops my_ops = { .ssthresh = (void *)f };]"`,
      );
      expect(
        refusal(
          struct(
            '.ssthresh = (void *)threshold, .cong_avoid = (void *)avoid, .undo_cwnd = (void *)undo',
          ).replace('"tsbpf_x"', '""'),
        ),
      ).toMatchInlineSnapshot(
        `"cannot give the kernel the tcp_congestion_ops 'control': a function that it needs is missing, or a member is set that programs may not set (EINVAL)"`,
      );
    },
  );
});
