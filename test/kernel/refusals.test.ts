import { expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { writeElf } from '../../src/elf/index.ts';
import { type AttachType, MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import { attachXdp, BpfMap, loadCollection, Program } from '../../src/kernel/index.ts';
import { createVethPair, enterNewNetworkNamespace, setLink } from '../../src/syscall/index.ts';
import { returns } from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

/** What is refused by the kernel and told by our tables: message, and hint where there is one. */
function told(body: () => { close(): void } | undefined): string {
  const { message, hint } = errorOf(() => body()?.close());
  return hint === undefined ? message : `${message} [${hint}]`;
}

const HASH = { type: MapType.HASH, keySize: 4, valueSize: 8, maxEntries: 4 };
const create = (options: Partial<Parameters<typeof BpfMap.create>[0]>): string =>
  told(() => BpfMap.create({ ...HASH, ...options }));
const program = (options: Partial<Parameters<typeof Program.load>[0]>): string =>
  told(() => Program.load({ name: 'p', type: 'xdp', code: returns(1), license: 'GPL', ...options }));
const object = (text: string): string =>
  told(() => loadCollection(writeElf(assembleOrThrow(`.license "GPL"\n${text}\n`).object)));
const section = (title: string): string => object(`.program p, "${title}"\nr0 = 0\nexit`);

describeKernel('a map that cannot be', () => {
  test('is told by what is too much', () => {
    expect([
      create({ maxEntries: 2 ** 31, valueSize: 4096 }),
      create({ valueSize: 2 ** 30 }),
      create({ type: MapType.CPUMAP, valueSize: 4, maxEntries: 1_000_000 }),
      create({ type: MapType.ARRAY, valueSize: 2 ** 20, maxEntries: 2 ** 32 - 1 }),
      create({ type: MapType.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 5 * 4096 }),
    ]).toMatchInlineSnapshot(`
      [
        "cannot create a map of type hash: a hash has 134217728 entries at most, not 2147483648 (E2BIG)",
        "cannot create a map of type hash: an entry of a hash is less than 4 MiB with its key, not 1073741828 bytes (E2BIG)",
        "cannot create a map of type cpumap: a cpumap has one entry for each CPU that the kernel may have, not 1000000 (E2BIG)",
        "cannot create a map of type array: it takes 4 PiB, and there is not so much memory, or the cgroup may not have it (ENOMEM) [lower maxEntries or the size of a value]",
        "cannot create a map of type ringbuf: the size of a ringbuf is a power of two, not 20480 (EINVAL)",
      ]
    `);
  });

  test('is told by the flag that it does not have', () => {
    expect([
      create({ flags: 1 << 30 }),
      create({ type: MapType.LRU_HASH, flags: MapFlag.NO_PREALLOC }),
      create({ type: MapType.STRUCT_OPS }),
    ]).toMatchInlineSnapshot(`
      [
        "cannot create a map of type hash: flags has 0x40000000, which is no flag of maps (EINVAL)",
        "cannot create a map of type lru_hash: an lru_hash has its memory from the start: it does not take BPF_F_NO_PREALLOC (ENOTSUPP)",
        "cannot create a map of type struct_ops: a struct_ops is made with its object: load one that has a struct of functions (EINVAL)",
      ]
    `);
  });
});

describeKernel('a program that is refused before it is verified', () => {
  test('is told by its flag, attach type or size', () => {
    expect([
      program({ flags: 1 << 30 }),
      program({ type: 'cgroup_sockopt', expectedAttachType: 999 as AttachType }),
      program({ type: 'cgroup_sock_addr', expectedAttachType: 0 }),
      program({ type: 'syscall', expectedAttachType: 5 as AttachType }),
      program({ code: new Uint8Array(8 * 1_000_001) }),
      program({ code: new Uint8Array(7) }),
    ]).toMatchInlineSnapshot(`
      [
        "cannot load program 'p': flags has 0x40000000, which is no flag of programs (EINVAL)",
        "cannot load program 'p': expected_attach_type is 999, but programs of type cgroup_sockopt are for one of CGROUP_GETSOCKOPT, CGROUP_SETSOCKOPT (EINVAL)",
        "cannot load program 'p': expected_attach_type is not given, but programs of type cgroup_sock_addr are for one of CGROUP_INET4_BIND, CGROUP_INET6_BIND, CGROUP_INET4_CONNECT, CGROUP_INET6_CONNECT, CGROUP_UNIX_CONNECT, CGROUP_UDP4_SENDMSG and 11 more (EINVAL)",
        "cannot load program 'p': programs of type syscall have no expected_attach_type, but SK_SKB_STREAM_VERDICT was given (EINVAL)",
        "cannot load program 'p': it has 1000001 instructions, and the kernel takes 1000000 at most (E2BIG) [share the work among programs that call each other with bpf_tail_call()]",
        "code is 7 bytes, but instructions are 8 bytes each",
      ]
    `);
  });

  test.skipIf(lacks("the verifier's words of 6.18"))('is told by what its type or its code cannot be', () => {
    expect([
      program({ flags: 1 << 4 }),
      program({ code: Uint8Array.of(0xff, ...new Uint8Array(7), 0x95, ...new Uint8Array(7)) }),
    ]).toMatchInlineSnapshot(`
      [
        "the verifier rejected program 'p': Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable (EINVAL) [leave the .s of its section out (BPF_F_SLEEPABLE in flags)]",
        "the verifier rejected program 'p': unknown opcode ff (EINVAL) [this kernel has no such instruction, or bits of it that must be zero are not: make it for an older instruction set (clang -mcpu=v3, tsbpf asm --mcpu; tsbpf features isa)]",
      ]
    `);
  });

  test('is told by the name that is near', () => {
    expect([
      section('xpd'),
      section('nothing_like_it'),
      section('fentry/vfs_raed'),
      section('fentry/no_such_function_at_all'),
      section('tp_btf/sched_swich'),
      section('lsm/file_opne'),
      section('iter/no_such_thing'),
    ]).toMatchInlineSnapshot(`
      [
        "the section title 'xpd' of program 'p' tells no program type [did you mean 'xdp'? (or name the type: type: 'xdp', --type xdp)]",
        "the section title 'nothing_like_it' of program 'p' tells no program type [section titles begin with what the program is, as xdp, tc, kprobe/do_unlinkat (or name the type: type: 'xdp', --type xdp)]",
        "the kernel has no function 'vfs_raed' [did you mean 'vfs_read'?]",
        "the kernel has no function 'no_such_function_at_all' [the compiler may have inlined it, or its module is not loaded: /proc/kallsyms has what there is]",
        "the kernel has no tracepoint 'sched_swich' [did you mean 'sched_switch'?]",
        "the kernel has no LSM hook 'file_opne' [did you mean 'file_open'?]",
        "the kernel has no iterator 'no_such_thing' [there are task, task_file, task_vma, bpf_map, bpf_map_elem, bpf_prog, bpf_link, tcp, udp, unix, netlink, ksym, cgroup and others]",
      ]
    `);
  });
});

describeKernel('a test run that is refused', () => {
  test('is told by its input', () => {
    using pass = Program.load({ name: 'pass', type: 'xdp', code: returns(2) });
    const data = new Uint8Array(64);
    const run = (options: Parameters<typeof pass.testRun>[0]): string =>
      errorOf(() => pass.testRun(options)).message;
    expect([
      run({}),
      run({ data: new Uint8Array(13) }),
      run({ data, ctx: new Uint8Array(3) }),
      run({ data, dataSizeOut: 8 }),
    ]).toMatchInlineSnapshot(`
      [
        "cannot run program 'pass': programs of type XDP run on a packet, and none was given (EINVAL)",
        "cannot run program 'pass': a packet has at least an Ethernet header, 14 bytes, but 13 were given (EINVAL)",
        "cannot run program 'pass': the ctx of this type is larger than the 3 bytes that were given, so it does not fit when it comes back (ENOSPC)",
        "cannot run program 'pass': the output packet does not fit its buffer; give a larger dataSizeOut (ENOSPC)",
      ]
    `);
  });
});

describeKernel('what is no pin', () => {
  test('is told by where it is, and is no matter of rights', () => {
    const error = errorOf(() => BpfMap.openPinned('/etc/passwd'));
    expect(error).toMatchObject({ code: 'EACCES', aboutObject: true });
    expect(error.message).toMatchInlineSnapshot(
      `"cannot open the pin /etc/passwd: /etc/passwd is no pin: it is not in a BPF file system (EACCES)"`,
    );
  });
});

describeKernel('an interface with large packets', () => {
  test('is told by what makes them fit', () => {
    enterNewNetworkNamespace();
    createVethPair('left', 'right');
    for (const name of ['left', 'right']) setLink(name, { mtu: 9000 });
    using pass = Program.load({ name: 'pass', type: 'xdp', code: returns(2) });
    const error = errorOf(() => attachXdp(pass, { interface: 'left', mode: 'native' }));
    expect(`${error.message.replace(/the kernel says: .*/, '…')} [${error.hint}]`).toMatchInlineSnapshot(
      `"cannot attach program 'pass' to left: a packet of left or of its peer may be too large for one piece of memory; … [lower the MTU of both (ip link set dev NAME mtu 1500), or load the program from a section xdp.frags]"`,
    );
  });
});
