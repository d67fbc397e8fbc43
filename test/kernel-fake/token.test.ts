import { describe, expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, loadCollection, Program, Token } from '../../src/kernel/index.ts';
import { btfLoadAttr, mapCreateAttr, progLoadAttr } from '../../src/syscall/bpf-attr.ts';
import { tryBtfLoad } from '../../src/syscall/bpf-prog.ts';
import { tokenCreateAttr } from '../../src/syscall/bpf-token.ts';
import { Errno } from '../../src/syscall/errno.ts';
import { Fd } from '../../src/syscall/fd.ts';
import { functionSpec, mapSpec, objectSpec, returns, XDP } from '../support/bpf-code.ts';
import { useFakeNative } from '../support/fake-native.ts';
import { errorOf } from '../support/kernel.ts';

const fake = useFakeNative();
const TOKEN_FD = 1 << 16;

/** The attrs of the calls of one command. */
const attrs = (command: string): Uint8Array[] =>
  fake()
    .calls.filter((call) => fake().named(call, 'bpf'))
    .map((call) => fake().bpf(call))
    .filter((call) => call.command === command)
    .map(({ attr }) => attr);

describe('a BPF token', () => {
  test('is named by maps, programs and types, with the flag that says so', () => {
    fake().answerAll((call, memory) => (memory.named(call, 'bpf') ? 70 : 0));
    const token = new Token(new Fd(42, 'a token'));
    BpfMap.create({ type: MapType.HASH, keySize: 4, valueSize: 4, maxEntries: 1, flags: 1, token });
    Program.load({ name: 'p', type: 'xdp', code: returns(2), flags: 1 << 5, token });
    tryBtfLoad(new Uint8Array(24), undefined, 42);
    const [map, program, btf] = [
      attrs('MAP_CREATE').at(-1)!,
      attrs('PROG_LOAD').at(-1)!,
      attrs('BTF_LOAD').at(-1)!,
    ];
    expect(mapCreateAttr.decode(map)).toMatchObject({ map_flags: TOKEN_FD | 1, map_token_fd: 42 });
    expect(progLoadAttr.decode(program)).toMatchObject({
      prog_flags: TOKEN_FD | (1 << 5),
      prog_token_fd: 42,
    });
    expect(btfLoadAttr.decode(btf)).toMatchObject({ btf_flags: TOKEN_FD, btf_token_fd: 42 });
  });

  test('is left out of what is loaded without one', () => {
    fake().answerAll((call, memory) => (memory.named(call, 'bpf') ? 70 : 0));
    BpfMap.create({ type: MapType.HASH, keySize: 4, valueSize: 4, maxEntries: 1 });
    expect(mapCreateAttr.decode(attrs('MAP_CREATE').at(-1)!)).toMatchObject({
      map_flags: 0,
      map_token_fd: 0,
    });
  });

  test('made by a load is closed by it, given to it is not', () => {
    const spec = objectSpec({
      functions: [functionSpec('main', 'xdp', returns(2), XDP)],
      maps: [mapSpec('m', MapType.ARRAY)],
    });
    let next = 100;
    const closed: number[] = [];
    fake().answerAll((call, memory) => {
      if (memory.named(call, 'close')) closed.push(call.args[0]!);
      return memory.named(call, 'bpf') || memory.named(call, 'fcntl') ? next++ : 0;
    });
    const made = loadCollection(spec, { token: '/' });
    const created = tokenCreateAttr.decode(attrs('TOKEN_CREATE')[0]!);
    expect(created.flags).toBe(0);
    const named = progLoadAttr.decode(attrs('PROG_LOAD').at(-1)!).prog_token_fd;
    expect(closed).toContain(named);
    made.close();
    const token = new Token(new Fd(7, 'a token'));
    loadCollection(spec, { token }).close();
    expect(progLoadAttr.decode(attrs('PROG_LOAD').at(-1)!).prog_token_fd).toBe(7);
    expect(closed).not.toContain(7);
    expect(token.fd.closed).toBe(false);
  });

  test('is refused in words', () => {
    const { ENOENT, EOPNOTSUPP, EPERM, EINVAL, EBADF, ENOMEM } = Errno;
    const refusals = [ENOENT, EOPNOTSUPP, EPERM, EINVAL, EBADF, ENOMEM].map((errno) => {
      fake().answerAll((call, memory) => (memory.named(call, 'bpf') ? -errno : 0));
      const { message, hint } = errorOf(() => Token.create('/'));
      return `${message} [${hint}]`;
    });
    expect(refusals).toMatchInlineSnapshot(`
      [
        "cannot make a BPF token from /: this BPF file system delegates nothing (ENOENT) [mount it with delegate_cmds, delegate_maps, delegate_progs and delegate_attachs, from the initial user namespace]",
        "cannot make a BPF token from /: this process is in the initial user namespace, where no token is needed (EOPNOTSUPP) [tokens are for containers; here the capabilities themselves count]",
        "cannot make a BPF token from /: this process is not in the user namespace of the BPF file system, or lacks CAP_BPF there (EPERM) [the file system must have been opened (fsopen) by a process of this user namespace]",
        "cannot make a BPF token from /: this kernel has no BPF tokens, or this is not the root of a BPF file system (EINVAL) [BPF tokens came with Linux 6.9]",
        "cannot make a BPF token from /: the directory was opened for its path only (O_PATH) (EBADF) [open it for reading]",
        "cannot make a BPF token from /: out of memory (ENOMEM) [undefined]",
      ]
    `);
  });
});
