import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import {
  attachStructOps,
  type LoadOptions,
  loadCollection,
  Manager,
  type StructOpsMembers,
} from '../../src/kernel/index.ts';
import { enterNewNetworkNamespace, setLink } from '../../src/syscall/index.ts';
import { viewOf } from '../../src/util/bytes.ts';
import { CLANG_19, compileText } from '../support/c-object.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

const skip = !CLANG_19 || lacks('struct_ops link') !== undefined;

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`
    // Which members there are differs by kernel.
    .replace(/it has ssthresh, .*\]/, 'it has …]');

/** Without the flags, which the kernel has, and with a member more, which it has not. */
const SOURCE = `
typedef unsigned int u32;
typedef unsigned long long u64;
struct sock;
struct tcp_congestion_ops {
  char name[16];
  u32 (*undo_cwnd)(struct sock *sk);
  void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
  u32 (*ssthresh)(struct sock *sk);
  void (*init)(struct sock *sk);
  void (*of_tomorrow)(struct sock *sk);
};
#define SEC(name) __attribute__((section(name), used))
char gpl[] SEC("license") = "GPL";
u64 calls[2];
SEC("struct_ops/init") void first_init(u64 *ctx) { __sync_fetch_and_add(&calls[0], 1); }
SEC("?struct_ops/init") void second_init(u64 *ctx) { __sync_fetch_and_add(&calls[1], 1); }
SEC("struct_ops/of_tomorrow") void tomorrow(u64 *ctx) { }
SEC("struct_ops/cong_avoid") void avoid(u64 *ctx) { }
SEC("struct_ops/ssthresh") u32 threshold(u64 *ctx) { return 2; }
SEC("struct_ops/undo_cwnd") u32 undo(u64 *ctx) { return 10; }
SEC("?xdp") int other(void *ctx) { return 2; }
SEC(".struct_ops.link") struct tcp_congestion_ops control = {
  .name = "tsbpf_e", .init = (void *)first_init, .of_tomorrow = (void *)tomorrow,
  .cong_avoid = (void *)avoid, .ssthresh = (void *)threshold, .undo_cwnd = (void *)undo,
};`;

const available = (): string[] =>
  readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(/\s+/);

/** Connects with a congestion control; answers with the one that it got. */
function connect(name: string): string {
  const script = `
import socket, sys
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen()
client = socket.socket()
client.setsockopt(socket.IPPROTO_TCP, 13, sys.argv[1].encode())
client.connect(listener.getsockname())
print(client.getsockopt(socket.IPPROTO_TCP, 13, 16).split(b'\\0')[0].decode())`;
  return execFileSync('python3', ['-c', script, name], { encoding: 'utf8', stdio: 'pipe' }).trim();
}

describeKernel('members of a struct of functions', () => {
  let object: Uint8Array;
  const load = (members: StructOpsMembers, options: LoadOptions = {}) =>
    loadCollection(object, { ...options, structOps: { control: { of_tomorrow: null, ...members } } });
  const refusal = (members: StructOpsMembers): string => words(errorOf(() => load(members)));

  beforeAll(() => {
    if (skip) return;
    enterNewNetworkNamespace();
    setLink('lo', { up: true });
    object = compileText(SOURCE);
  });

  test.skipIf(skip)('are given by the load: texts, numbers and programs', () => {
    using collection = load({ name: 'tsbpf_f', flags: 1, init: 'second_init' });
    expect([...collection.programs.keys()].sort()).toEqual(['avoid', 'second_init', 'threshold', 'undo']);
    expect(available()).not.toContain('tsbpf_f');
    using _attached = attachStructOps(collection, 'control');
    expect([available().includes('tsbpf_f'), available().includes('tsbpf_e')]).toEqual([true, false]);
    expect(connect('tsbpf_f')).toBe('tsbpf_f');
    const calls = viewOf(collection.variable('calls').getBytes());
    expect([calls.getBigUint64(0, true), calls.getBigUint64(8, true) > 0n]).toEqual([0n, true]);
  });

  test.skipIf(skip)('the flags reach the kernel: one without leave is not for everybody', () => {
    // TCP_CONG_NON_RESTRICTED: unprivileged processes may ask for it.
    const allowed = (): boolean =>
      readFileSync('/proc/sys/net/ipv4/tcp_allowed_congestion_control', 'utf8')
        .split(/\s+/)
        .includes('tsbpf_e');
    {
      using collection = load({ flags: 1n });
      using _attached = attachStructOps(collection, 'control');
      expect(allowed()).toBe(true);
    }
    using collection = load({ flags: 0 });
    using _attached = attachStructOps(collection, 'control');
    expect([available().includes('tsbpf_e'), allowed()]).toEqual([true, false]);
  });

  test.skipIf(skip)('a function is left to the kernel with null', () => {
    using collection = load({ init: null });
    expect([...collection.programs.keys()].sort()).toEqual(['avoid', 'threshold', 'undo']);
    using attached = attachStructOps(collection, 'control');
    expect([connect('tsbpf_e'), attached.link?.info().attached]).toEqual(['tsbpf_e', true]);
    // A kernel without the function needs it to be taken away.
    expect(words(errorOf(() => loadCollection(object)))).toMatchInlineSnapshot(
      `"'control' sets its member 'of_tomorrow', which the kernel's tcp_congestion_ops does not have [it has …]"`,
    );
    expect(refusal({ of_tomorrow: 'tomorrow' })).toMatchInlineSnapshot(
      `"'control' sets its member 'of_tomorrow', which the kernel's tcp_congestion_ops does not have [it has …]"`,
    );
  });

  test.skipIf(skip)('a chosen program asks for the struct that gets it', () => {
    using collection = load({ init: 'second_init' }, { programs: ['second_init'] });
    expect([...collection.structOps.keys()]).toEqual(['control']);
    expect([...collection.programs.keys()].sort()).toEqual(['avoid', 'second_init', 'threshold', 'undo']);
  });

  test.skipIf(skip)('are refused in words', () => {
    expect(words(errorOf(() => loadCollection(object, { structOps: { contrl: {} } })))).toMatchInlineSnapshot(
      `"the object has no struct of functions 'contrl'; it has: control [did you mean 'control'?]"`,
    );
    expect(refusal({ flagz: 1 })).toMatchInlineSnapshot(
      `"'control' sets its member 'flagz', which the kernel's tcp_congestion_ops does not have [did you mean 'flags'?]"`,
    );
    expect(refusal({ flags: 2 ** 32 })).toMatchInlineSnapshot(
      `"control.flags is 4294967296, but must be a whole number from 0 to 4294967295"`,
    );
    expect(refusal({ flags: 'many' })).toMatchInlineSnapshot(
      `"control.flags must be a number, but is of type string"`,
    );
    expect(refusal({ flags: null })).toMatchInlineSnapshot(
      `"control.flags is no function, so it cannot be null [give it the value that it shall have, or leave it out]"`,
    );
    expect(refusal({ name: 'a_name_that_is_too_long' })).toMatchInlineSnapshot(
      `"control.name.length is 23, but must be a whole number from 0 to 16"`,
    );
    expect(refusal({ name: 5 })).toMatchInlineSnapshot(
      `"control.name must be a string, but is of type number"`,
    );
    expect(refusal({ owner: 1 })).toMatchInlineSnapshot(
      `"control.owner is a pointer, which nobody but the kernel can set [programs stand in for functions only; let one of them keep the data in a map]"`,
    );
    expect(refusal({ init: 'secnd_init' })).toMatchInlineSnapshot(
      `"control.init shall be program 'secnd_init', which the object does not have; it has: first_init, second_init, tomorrow, avoid, threshold, undo [did you mean 'second_init'?]"`,
    );
    expect(refusal({ init: 'other' })).toMatchInlineSnapshot(
      `"control.init shall be program 'other', which its section makes one of another type [in C: SEC("struct_ops") above other; there are: first_init, second_init, tomorrow, avoid, threshold, undo]"`,
    );
    expect(refusal({ init: 7 })).toMatchInlineSnapshot(
      `"control.init must be a program's name, or null, but is of type number"`,
    );
    expect(refusal({ init: 'threshold' })).toMatchInlineSnapshot(
      `"program 'threshold' is for tcp_congestion_ops.ssthresh and for tcp_congestion_ops.init, but a program is loaded for one member [write a program for each, which may call one function]"`,
    );
    // Which members may be set at all is the kernel's to say.
    expect(refusal({ key: 5 })).toMatchInlineSnapshot(
      `"cannot give the kernel the tcp_congestion_ops 'control': a function that it needs is missing, or a member is set that programs may not set (EINVAL)"`,
    );
  });

  test.skipIf(skip)('are edited in a manager, one after the other', () => {
    using manager = new Manager({ objects: { tcp: object } });
    manager.edit('tcp', { structOps: { control: { of_tomorrow: null, name: 'tsbpf_g' } } });
    manager.edit('tcp', { structOps: { control: { init: 'second_init' } } });
    manager.init();
    using _attached = attachStructOps(manager.collection(), 'control');
    expect(available()).toContain('tsbpf_g');
    expect([...manager.collection().programs.keys()]).toContain('second_init');
  });
});
