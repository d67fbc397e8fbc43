import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { BpfMap, loadCollection, Program, queryCgroup, showTc, showXdp } from '../../src/kernel/index.ts';
import {
  createVethPair,
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  unmount,
} from '../../src/syscall/index.ts';
import { returns } from '../support/bpf-code.ts';
import { CLANG_19, compileText } from '../support/c-object.ts';
import { startTsbpf, tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';
import { countingText, iteratorText, loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const hasBpftool = existsSync(BPFTOOL);
const bpftool = (...args: string[]): string => spawnSync(BPFTOOL, args, { encoding: 'utf8' }).stdout;

const CONTROL = `
typedef unsigned int u32; typedef unsigned long long u64;
struct sock;
struct tcp_congestion_ops {
  char name[16];
  u32 (*undo_cwnd)(struct sock *sk);
  void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
  u32 (*ssthresh)(struct sock *sk);
};
#define SEC(name) __attribute__((section(name), used))
char gpl[] SEC("license") = "GPL";
SEC("struct_ops/cong_avoid") void avoid(u64 *ctx) { }
SEC("struct_ops/ssthresh") u32 threshold(u64 *ctx) { return 2; }
SEC("struct_ops/undo_cwnd") u32 undo(u64 *ctx) { return 10; }
SEC(".struct_ops.link") struct tcp_congestion_ops control = {
  .name = "tsbpf_cli_cc", .cong_avoid = (void *)avoid, .ssthresh = (void *)threshold, .undo_cwnd = (void *)undo };
`;

describeKernel('commands on what is loaded already', () => {
  let bpffs = '';
  let folder = '';
  beforeAll(() => {
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-loaded-fs-'));
    folder = mkdtempSync(join(tmpdir(), 'tsbpf-loaded-'));
    enterNewNetworkNamespace();
    createVethPair('veth0', 'veth1');
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterEach(() => {
    for (const name of ['one', 'two', 'dir']) rmSync(at(name), { force: true, recursive: true });
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
    rmSync(folder, { recursive: true });
  });
  const at = (name: string): string => join(bpffs, name);
  const source = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const said = (...args: string[]): string => {
    const { status, stdout, stderr } = tsbpf(args);
    return `${status} ${stdout}${stderr}`
      .replaceAll(bpffs, 'BPFFS')
      .replaceAll(folder, 'DIR')
      .replaceAll(/\b(map|link|prog|program|BTF) \d+/g, '$1 N');
  };

  test('xdp attach and tc attach take a program by its id, its pin and its name', () => {
    using drop = Program.load({ name: 'held_drop', type: 'xdp', code: returns(1) });
    using shot = Program.load({ name: 'held_shot', type: 'tc', code: returns(2) });
    drop.pin(at('one'));
    for (const words of [
      [at('one')],
      [`${drop.id}`],
      ['id', `${drop.id}`],
      ['pinned', at('one')],
      ['name', 'held_drop'],
      ['held_drop'],
    ]) {
      const { status, stderr } = tsbpf(['xdp', 'attach', 'veth0', ...words, '--replace']);
      expect([status, stderr]).toEqual([0, '']);
      expect(showXdp('veth0')[0]?.programs.map(({ id }) => id)).toEqual([drop.id]);
      expect(tsbpf(['xdp', 'detach', 'veth0']).status).toBe(0);
    }
    expect(tsbpf(['tc', 'attach', 'veth0', 'id', `${shot.id}`]).status).toBe(0);
    expect(tsbpf(['tc', 'filter', 'add', 'veth0', 'held_shot', '--direction', 'egress']).status).toBe(0);
    expect(showTc('veth0').map(({ direction, programId }) => [direction, programId])).toEqual([
      ['ingress', shot.id],
      ['egress', shot.id],
    ]);
    expect(said('tc', 'qdisc', 'delete', 'veth0')).toBe('0 veth0: clsact deleted, with the filters on it\n');
    expect(
      [
        said('xdp', 'attach', 'veth0', at('one'), '--license', 'GPL'),
        said('xdp', 'attach', 'veth0', at('one'), '--pin', at('dir')),
        said('tc', 'attach', 'veth0', at('one')),
        said('xdp', 'attach', 'veth0', 'held_dorp'),
        said('xdp', 'attach', 'veth0', 'held_drop', 'twice'),
        said('attach', at('one')),
        said('xdp', 'attach', 'veth0', join(folder, 'none.o')),
        said('prog', 'run', join(folder, 'none.o')),
      ].join(''),
    ).toMatchInlineSnapshot(`
      "2 error[OPTIONS_CONTRADICT]: --license is for objects, and this names a program that is loaded already
      2 error[OPTIONS_CONTRADICT]: --pin is for objects, and this names a program that is loaded already
      1 error[PROG_TYPE_WRONG]: program 'held_drop' is of type xdp; a filter of tc takes sched_cls programs
      1 error[PROGRAM_NOT_FOUND]: there is no program 'held_dorp'
      help: did you mean 'held_drop'?
      2 error[ARGUMENT_EXTRA]: 'twice' is one word too many
      help: one object is its id, the path of its pin, or its name
      1 error[SECTION_UNKNOWN]: the kernel does not tell where program 'held_drop' goes
      help: tsbpf tracepoint, raw-tracepoint, uprobe, cgroup, xdp and tc attach loaded programs
      2 error: no such file or directory, open 'DIR/none.o'
      2 error: no such file or directory, open 'DIR/none.o'
      "
    `);
    expect(showXdp('veth0')[0]?.mode).toBe('none');
  });

  test('raw-tracepoint attaches what is pinned, until Ctrl-C', async () => {
    using counting = loadText(countingText('raw_tp/sys_enter', 0));
    counting.program('probe').pin(at('one'));
    const { child, firstLine } = startTsbpf(['raw-tracepoint', 'sys_enter', 'pinned', at('one')]);
    expect(await firstLine).toBe("attached to raw tracepoint 'sys_enter'");
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect(code).toBe(130);
    expect(Number(counting.map('hits').get(0))).toBeGreaterThan(0);
  });

  test('xdp attach --foreground detaches at a Ctrl-C that comes at once, and where nobody reads', async () => {
    const attach = ['xdp', 'attach', 'veth0', 'bpf/drop_world.o', '--foreground'];
    const { child, firstLine } = startTsbpf(attach);
    await firstLine;
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    expect(showXdp('veth0')[0]?.mode).toBe('none');
    const cli = join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs');
    // The reader is gone before anything is written.
    const command = `{ sleep 0.2; "$0" "$@"; echo "$?" >&2; } | true`;
    const { stderr } = spawnSync('bash', ['-c', command, process.execPath, cli, ...attach], {
      encoding: 'utf8',
    });
    expect(stderr.split('\n').at(-2)).toBe('0');
    expect(showXdp('veth0')[0]?.mode).toBe('none');
  });

  test('load puts a map of the machine in the place of the object’s', () => {
    using before = loadCollection(readFileSync('bpf/protocol_dispatch.o'));
    const jumps = before.map('packet_processing_progs');
    jumps.pin(at('one'));
    jumps.delete(1);
    const load = ['load', 'bpf/protocol_dispatch.o', '--pin', at('dir'), '--map'];
    const { status, stderr } = tsbpf([...load, `packet_processing_progs=${at('one')}`]);
    expect([status, stderr]).toEqual([0, '']);
    using joined = BpfMap.openPinned(at('dir/maps/packet_processing_progs'));
    expect(joined.info().id).toBe(jumps.info().id);
    expect(
      [
        said(...load, `packet_processing_prog=${at('one')}`),
        said(...load, 'packet_processing_progs'),
        said(...load, 'packet_processing_progs=no_such_map'),
      ].join(''),
    ).toMatchInlineSnapshot(`
      "1 error[MAP_UNKNOWN]: the object has no map 'packet_processing_prog'; it has: packet_processing_progs, .rodata, .bss
      help: did you mean 'packet_processing_progs'?
      2 error[ARGUMENT_MISSING]: 'packet_processing_progs' does not say which map takes the place of which
      help: --map NAME=MAP, where MAP is an id, the path of a pin, or a name
      1 error[MAP_NOT_FOUND]: there is no map 'no_such_map'
      help: tsbpf map list shows those that are there
      "
    `);
  });

  test.skipIf(!hasBpftool)('btf dump prints the types of a program, of a map and of a number', () => {
    using dispatch = loadCollection(readFileSync('bpf/protocol_dispatch.o'));
    const program = dispatch.program('handle_udp');
    const { btfId } = program.info();
    const theirs = bpftool('btf', 'dump', 'id', `${btfId}`);
    expect(theirs).toContain("FUNC 'handle_udp'");
    const map = `${dispatch.map('packet_processing_progs').info().id}`;
    for (const words of [
      ['id', `${btfId}`],
      ['prog', `${program.id}`],
      ['prog', 'id', `${program.id}`],
      ['map', map],
      ['map', 'id', map],
    ])
      expect(tsbpf(['btf', 'dump', ...words]).stdout).toBe(theirs);
    expect(tsbpf(['btf', 'dump', 'map', map, '--format', 'c']).stdout).toContain('struct xdp_md {');
    expect(JSON.parse(tsbpf(['btf', 'dump', 'map', map, '--json']).stdout)).toMatchObject({ version: 1 });
    expect(tsbpf(['btf', 'show', 'id', `${btfId}`]).stdout).toBe(tsbpf(['btf', 'show', `${btfId}`]).stdout);
    using bare = Program.load({ name: 'bare', type: 'xdp', code: returns(1) });
    expect(
      [
        said('btf', 'dump', 'prog', `${bare.id}`),
        said('btf', 'dump', 'id', '4294967290'),
        said('btf', 'dump', 'porg', '1'),
        said('btf', 'dump', 'map', '1', '2'),
      ].join(''),
    ).toMatchInlineSnapshot(`
      "1 error[BTF_MISSING]: prog N was made without types
      help: compile with -g
      1 error[ENOENT]: cannot open BTF N: nothing has id 4294967290 (any more) (ENOENT)
      2 error[KIND_UNKNOWN]: types are not found by 'porg'
      help: did you mean 'prog'?
      2 error[ARGUMENT_EXTRA]: '2' is one word too many
      help: one object is its id, the path of its pin, or its name
      "
    `);
  });

  test('iter pin and attach --pin keep an iterator', () => {
    const file = source('walk.s', iteratorText('walk', 'bpf_map'));
    using array = BpfMap.create({ name: 'walked', type: 2, keySize: 4, valueSize: 4, maxEntries: 1 });
    expect(said('iter', 'pin', file, at('one'))).toBe('0 link N pinned at BPFFS/one\n');
    expect(said('attach', file, '--pin', at('two'))).toBe('0 attached to its iterator\n');
    for (const name of ['one', 'two']) {
      expect(tsbpf(['iter', 'run', at(name)]).stdout).toMatch(/^(x\n)+$/);
      expect(execFileSync('cat', [at(name)], { encoding: 'utf8' })).toMatch(/^(x\n)+$/);
    }
    expect(JSON.parse(tsbpf(['attach', file, '--json']).stdout).text).toMatch(/^(x\n)+$/);
    expect(array.fd.closed).toBe(false);
  });

  test('links and pins are named in all ways', () => {
    const file = source('raw.s', countingText('raw_tp/sched_switch', 0));
    expect(tsbpf(['attach', file, '--pin', at('one')]).status).toBe(0);
    const shown = (...words: string[]) =>
      JSON.parse(tsbpf(['link', 'show', ...words, '--json']).stdout).links;
    const [{ id, programId }] = shown(at('one'));
    expect(shown('pinned', at('one'))).toEqual(shown('id', `${id}`));
    expect(shown(`${id}`)).toEqual(shown('id', `${id}`));
    expect(said('link', 'pin', 'id', `${id}`, at('two'))).toBe('0 link N pinned at BPFFS/two\n');
    expect(JSON.parse(tsbpf(['prog', 'pin', `${programId}`, at('dir'), '--json']).stdout).pinned).toEqual([
      { kind: 'program', id: programId, path: at('dir') },
    ]);
    expect(said('link', 'show', 'sched')).toMatchInlineSnapshot(`
      "1 error[LINK_NAME]: links have neither names nor tags, so 'sched' is none
      help: give its id, or the path of its pin; tsbpf link list shows those that are there
      "
    `);
    expect(said('pin', 'link', at('one'))).toMatchInlineSnapshot(`
      "2 error[ARGUMENT_MISSING]: there is no path to pin 'BPFFS/one' at
      help: tsbpf pin link BPFFS/one /sys/fs/bpf/NAME
      "
    `);
    expect(said('link', 'detach', 'id', 'x')).toMatchInlineSnapshot(`
      "2 error[ID_INVALID]: 'x' is no id: a whole number below 2^32
      "
    `);
  });

  test.skipIf(!CLANG_19 || lacks('struct_ops link'))(
    'struct-ops gives the kernel a struct of functions',
    async () => {
      const file = join(folder, 'control.o');
      writeFileSync(file, compileText(CONTROL));
      const controls = (): string =>
        readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8');
      expect(said('struct-ops', file, '--pin', at('one'))).toBe("0 attached tcp_congestion_ops 'control'\n");
      expect(controls()).toContain('tsbpf_cli_cc');
      expect(said('unpin', at('one'))).toBe('0 BPFFS/one: link N unpinned\n');
      await expect.poll(controls).not.toContain('tsbpf_cli_cc');
      const { child, firstLine } = startTsbpf(['struct_ops', file, '--name', 'control']);
      expect(await firstLine).toBe("attached tcp_congestion_ops 'control'");
      expect(controls()).toContain('tsbpf_cli_cc');
      child.kill('SIGINT');
      expect(await once(child, 'exit')).toEqual([130, null]);
      await expect.poll(controls).not.toContain('tsbpf_cli_cc');
      expect(said('struct-ops', file, '--name', 'contrl')).toMatchInlineSnapshot(`
      "1 error[STRUCT_OPS_NOT_FOUND]: there is no struct of functions 'contrl'; there are: control
      help: did you mean 'control'?
      "
    `);
      expect(said('struct-ops', 'bpf/drop_world.o')).toMatchInlineSnapshot(`
      "1 error[STRUCT_OPS_NOT_FOUND]: the object has no struct of functions
      help: in C: SEC(".struct_ops.link") struct tcp_congestion_ops control = { … };
      "
    `);
    },
  );

  const root = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) =>
    existsSync(`${path}/cgroup.controllers`),
  );
  test.skipIf(!root)(
    'cgroup tree finds what is below, and tells of effective programs without a mode',
    () => {
      const cgroup = `${root}/tsbpf-loaded-cli-${process.pid}`;
      mkdirSync(join(cgroup, 'inner'), { recursive: true });
      try {
        const file = source('sock.s', countingText('cgroup/sock_create', 1));
        expect(tsbpf(['cgroup', 'attach', cgroup, file, '--pin', at('one')]).status).toBe(0);
        const [{ programId }] = queryCgroup(cgroup) as unknown as [{ programId: number }];
        const tree = (...args: string[]) =>
          JSON.parse(tsbpf(['cgroup', 'tree', ...args, '--json']).stdout).cgroups;
        const program = { attachType: 'cgroup_inet_sock_create', programId, name: 'probe' };
        expect(tree(cgroup)).toEqual([{ cgroup, programs: [{ ...program, mode: 'multi' }] }]);
        expect(tree()).toContainEqual({ cgroup, programs: [{ ...program, mode: 'multi' }] });
        expect(tree(cgroup, '--effective')).toEqual([
          { cgroup, programs: [program] },
          { cgroup: join(cgroup, 'inner'), programs: [program] },
        ]);
        expect(
          said('cgroup', 'tree', cgroup)
            .replaceAll(cgroup, 'CGROUP')
            .replaceAll(/ {2,}/g, '  ')
            .replace(`${programId}`, 'N'),
        ).toMatchInlineSnapshot(`
          "0 CGROUP
            attach type  program  mode  name
            cgroup_inet_sock_create  N  multi  probe
          "
        `);
        rmSync(at('one'));
        expect(said('cgroup', 'tree', cgroup)).toBe(`0 no cgroup below ${cgroup} has a program\n`);
      } finally {
        rmdirSync(join(cgroup, 'inner'));
        rmdirSync(cgroup);
      }
    },
  );

  test('what is no answer of features is said to be none', () => {
    const file = source('features.json', 'not json');
    expect(said('features', '--from', file, 'map')).toMatchInlineSnapshot(`
      "1 error[FEATURES_FILE]: DIR/features.json is not what 'tsbpf features --json' prints
      help: Unexpected token 'o', "not json" is not valid JSON
      "
    `);
    writeFileSync(file, 'null');
    expect(said('features', '--from', file, 'map/hash')).toContain('not told');
  });

  test('trace names the option that mounts', () => {
    expect(said('trace', '--timeout', '1')).toMatchInlineSnapshot(`
      "3 error[TRACEFS_UNAVAILABLE]: tracefs is not mounted
      help: tsbpf trace --mount, or mount it: mount -t tracefs tracefs /sys/kernel/tracing
      "
    `);
  });
});
