import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import {
  attachTc,
  attachUprobe,
  attachXdp,
  attachXdpLink,
  Link,
  Manager,
  type ProbeState,
  showTc,
  showXdp,
} from '../../src/kernel/index.ts';
import { collect } from '../../src/object/index.ts';
import type { ObjectSpec } from '../../src/object/spec.ts';
import {
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  findLink,
  mountBpffs,
  PacketSocket,
  setLink,
  unmount,
} from '../../src/syscall/index.ts';
import { mountTracefs } from '../../src/syscall/tracefs.ts';
import { frameOf } from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`;
const specOf = (text: string): ObjectSpec => collect(assembleOrThrow(text).object);

/** Adds one to a place of `hits`. */
const COUNT = (place: number | string): string => `
    r1 = ${place}
    *(u32 *)(r10 - 4) = r1
    r2 = r10
    r2 += -4
    r1 = hits ll
    call bpf_map_lookup_elem
    if r0 == 0 goto +2
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1`;

const MAIN = specOf(`
    .license "GPL"
    .map hits, array, key=u32, value=u64, entries=8
    .map jumps, prog_array, entries=4
    .var const u32 pid = 0
    .var u64 total

    .program on_exec, "tracepoint/syscalls/sys_enter_execve"
${COUNT(0)}
    r0 = 0
    exit

    .program on_raw, "raw_tp/sched_process_exec"
${COUNT(1)}
    r0 = 0
    exit

    .program on_call, "uprobe"
    call bpf_get_current_pid_tgid
    r0 >>= 32
    r1 = pid ll
    r1 = *(u32 *)(r1 + 0)
    if r0 != r1 goto out
    r1 = total ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
out:
    r0 = 0
    exit

    .program root, "xdp"
    r6 = r1
${COUNT(2)}
    r1 = r6
    r2 = jumps ll
    r3 = 1
    call bpf_tail_call
    r0 = XDP_PASS
    exit

    .program filter, "tc"
${COUNT(3)}
    r0 = TC_ACT_OK
    exit

    .program spare, "?raw_tp/sys_enter"
    r0 = 0
    exit
`);

const OTHER = specOf(`
    .license "GPL"
    .map hits, array, key=u32, value=u64, entries=8
    .program dropped, "xdp"
${COUNT(4)}
    r0 = XDP_DROP
    exit
`);

const hits = (manager: Manager, place: number): number =>
  Number(manager.collection('main').map('hits').get(place));
const states = (manager: Manager): Record<string, ProbeState> =>
  Object.fromEntries(manager.list().map(({ id, state }) => [id, state]));
const run = (): void => {
  execFileSync('/bin/true');
};
const send = (count: number): void => {
  using socket = new PacketSocket(findLink('lo').ifindex);
  for (let i = 0; i < count; i++) socket.send(frameOf(253));
};

describeKernel('a manager', () => {
  beforeAll(() => {
    enterNewNetworkNamespace();
    setLink('lo', { up: true });
    enterNewMountNamespace();
    mountTracefs('/sys/kernel/tracing');
  });

  test('loads, starts, stops and starts its probes again', () => {
    using manager = new Manager({
      objects: { main: MAIN },
      probes: [
        { id: 'exec', program: 'on_exec' },
        { id: 'raw', program: 'on_raw' },
        { id: 'later', program: 'on_exec', enabled: false },
      ],
    });
    expect(states(manager)).toEqual({ exec: 'unloaded', raw: 'unloaded', later: 'unloaded' });
    manager.init();
    expect(states(manager)).toEqual({ exec: 'stopped', raw: 'stopped', later: 'stopped' });
    run();
    expect(hits(manager, 0)).toBe(0);
    manager.start();
    expect(states(manager)).toEqual({ exec: 'running', raw: 'running', later: 'stopped' });
    run();
    const [first, raw] = [hits(manager, 0), hits(manager, 1)];
    expect(Math.min(first, raw)).toBeGreaterThan(0);

    expect(manager.probe('exec').start()).toBe(false);
    manager.probe('exec').stop();
    expect(manager.probe('exec').stop()).toBe(false);
    const before = hits(manager, 0);
    run();
    expect([hits(manager, 0), hits(manager, 1) > raw]).toEqual([before, true]);
    manager.start();
    run();
    expect(hits(manager, 0)).toBeGreaterThan(before);

    manager.restart();
    expect(hits(manager, 0)).toBeGreaterThan(0);
    manager.restart({ reload: true });
    expect(states(manager).exec).toBe('running');
    expect(hits(manager, 0)).toBe(0);
    manager.unload();
    expect(states(manager)).toEqual({ exec: 'unloaded', raw: 'unloaded', later: 'unloaded' });
    expect(words(errorOf(() => manager.collection()))).toMatchInlineSnapshot(
      `"object 'main' is not loaded [call init() or start() first]"`,
    );
  });

  test('is edited before the load, and not while it is loaded', () => {
    using manager = new Manager({
      objects: {
        main: { object: MAIN, load: { variables: { total: 5n }, mapOptions: { hits: { maxEntries: 16 } } } },
      },
      probes: [
        {
          id: 'call',
          program: 'on_call',
          attach: (program) => attachUprobe(program, { path: 'libc.so.6', symbol: 'readlink' }),
        },
      ],
    });
    manager
      .edit('main', { variables: { pid: process.pid } })
      .edit('main', { programs: [] })
      .start();
    const collection = manager.collection('main');
    expect([...collection.programs.keys()]).toEqual(['on_call']);
    expect([collection.map('hits').maxEntries, collection.variable('total').get()]).toEqual([16, 5n]);
    expect(words(errorOf(() => manager.edit('main', {})))).toMatchInlineSnapshot(
      `"object 'main' is loaded already, so it is not edited any more [unload() first; maps and variables can be written while it is loaded]"`,
    );
    manager
      .unload()
      .edit('main', { variables: { total: 7n } })
      .init();
    expect(manager.collection().variable('total').get()).toBe(7n);
  });

  test('attaches to interfaces: XDP by netlink and by a link, tc', () => {
    using manager = new Manager({
      objects: { main: MAIN },
      probes: [
        { id: 'xdp', program: 'root', attach: (p) => attachXdp(p, { interface: 'lo', mode: 'generic' }) },
        {
          id: 'tc',
          program: 'filter',
          attach: (program) => attachTc(program, { interface: 'lo', direction: 'ingress' }),
        },
      ],
    });
    manager.start();
    send(3);
    expect([hits(manager, 2) >= 3, hits(manager, 3) >= 3]).toEqual([true, true]);
    expect(manager.list()).toMatchObject([
      { id: 'xdp', object: 'main', program: 'root', section: 'xdp', state: 'running', linkIds: [] },
      { id: 'tc', program: 'filter', state: 'running', target: expect.stringContaining('lo') },
    ]);
    expect(showXdp('lo')[0]?.programs).toMatchObject([{ id: manager.probe('xdp').program.id }]);
    manager.stop();
    expect([showXdp('lo')[0]?.mode, showTc('lo')]).toEqual(['none', []]);
  });

  test('routes tail calls between objects, which share a map', () => {
    using manager = new Manager({
      objects: {
        main: MAIN,
        other: { object: OTHER, load: (loaded) => ({ maps: { hits: loaded.get('main')!.map('hits') } }) },
      },
      probes: [
        {
          id: 'xdp',
          object: 'main',
          program: 'root',
          attach: (program) => attachXdpLink(program, { interface: 'lo', mode: 'generic' }),
        },
      ],
      routes: [{ object: 'main', map: 'jumps', key: 1, from: 'other', program: 'dropped' }],
    });
    manager.start();
    send(3);
    expect([hits(manager, 2) >= 3, hits(manager, 4) >= 3]).toEqual([true, true]);
    expect(manager.list()[0]?.linkIds).toEqual([(manager.probe('xdp').attached as Link).id]);
  });

  test('runs one program in several probes, as a copy for another section', () => {
    using manager = new Manager({
      objects: { main: MAIN },
      probes: [
        { id: 'exit', program: 'on_raw', section: 'raw_tp/sched_process_exit' },
        { id: 'fork', program: 'on_raw', section: 'raw_tp/sched_process_fork' },
        { id: 'spare', program: 'spare', enabled: false },
      ],
    });
    manager.start();
    const names = [...manager.collection().programs.keys()];
    expect(names).toEqual(expect.arrayContaining(['on_exec', 'on_raw@exit', 'on_raw@fork', 'spare']));
    expect(names).not.toContain('on_raw');
    run();
    expect(hits(manager, 1)).toBeGreaterThanOrEqual(2);
    const [exit, fork] = manager.list();
    expect([exit?.target, fork?.target]).toEqual([
      "raw tracepoint 'sched_process_exit'",
      "raw tracepoint 'sched_process_fork'",
    ]);
    expect(exit?.programId).not.toBe(fork?.programId);
  });

  test('undoes what it has started where a probe is refused', () => {
    using manager = new Manager({
      objects: { main: MAIN },
      probes: [
        { id: 'exec', program: 'on_exec' },
        { id: 'lost', program: 'on_raw', section: 'raw_tp/no_such_tracepoint' },
        { id: 'never', program: 'on_raw' },
      ],
    });
    expect(words(errorOf(() => manager.start()))).toMatchInlineSnapshot(
      `"probe 'lost': cannot attach program 'on_raw@lost' to raw tracepoint 'no_such_tracepoint': the kernel has no tracepoint of this name (ENOENT) [the names are those of tracefs without their folder: sched_switch, sys_enter]"`,
    );
    expect(manager.loaded).toBe(false);
    expect(states(manager)).toEqual({ exec: 'unloaded', lost: 'unloaded', never: 'unloaded' });
    manager.init();
    manager.probe('never').start();
    expect(errorOf(() => manager.start()).code).toBe('PROBE_REFUSED');
    expect(states(manager)).toEqual({ exec: 'stopped', lost: 'failed', never: 'running' });
    expect(manager.list()[1]).toMatchObject({
      id: 'lost',
      state: 'failed',
      error: expect.stringContaining('ENOENT'),
    });
  });

  test('leaves nothing loaded where one object is refused', () => {
    const bad = specOf('.program bad, "xdp"\nr0 = *(u64 *)(r5 + 0)\nexit');
    const manager = new Manager({ objects: { main: MAIN, bad } });
    expect(errorOf(() => manager.init()).message).toMatch(/the verifier rejected program 'bad'/);
    expect([manager.loaded, manager.collections.size]).toEqual([false, 0]);
  });

  test('pins links, which can stay when it goes', () => {
    const bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-manager-'));
    mountBpffs(bpffs);
    try {
      const manager = new Manager({
        objects: { main: MAIN },
        probes: [{ id: 'raw', program: 'on_raw', pin: `${bpffs}/raw` }],
      });
      manager.edit('main', { programs: [] }).start().stop();
      expect(() => Link.openPinned(`${bpffs}/raw`)).toThrow(/ENOENT/);
      manager.start().unload({ keepPinned: true });
      using link = Link.openPinned(`${bpffs}/raw`);
      expect(link.info().target).toMatchObject({ kind: 'raw_tracepoint', name: 'sched_process_exec' });
      link.unpin();
    } finally {
      unmount(bpffs);
      rmdirSync(bpffs);
    }
  });

  test('says what is wrong with its description', () => {
    const refusal = (options: ConstructorParameters<typeof Manager>[0]): string =>
      words(errorOf(() => new Manager(options)));
    const objects = { main: MAIN };
    expect(refusal({ objects, probes: [{ id: 'a', program: 'on_exce' }] })).toMatchInlineSnapshot(
      `"the object has no program 'on_exce'; it has: on_exec, on_raw, on_call, root, filter, spare [did you mean 'on_exec'?]"`,
    );
    expect(
      refusal({ objects, probes: [{ id: 'a', program: 'on_exec', object: 'man' }] }),
    ).toMatchInlineSnapshot(`"the manager has no object 'man'; it has: main [did you mean 'main'?]"`);
    const twice = { id: 'a', program: 'on_exec' };
    expect(refusal({ objects, probes: [twice, twice] })).toMatchInlineSnapshot(
      `"two probes have the id 'a' [ids are unique in a manager]"`,
    );
    expect(refusal({ objects: { ...objects, other: OTHER }, probes: [twice] })).toMatchInlineSnapshot(
      `"the manager has several objects, so one must be named: main, other"`,
    );
    expect(refusal({ objects, probes: [{ ...twice, section: 'nothing' }] })).toMatchInlineSnapshot(
      `"'nothing' is no section's title that says what its programs are [as in C: tp_btf/sched_switch, uprobe//bin/bash:readline]"`,
    );
    expect(refusal({ objects, routes: [{ map: 'jump', key: 0, program: 'root' }] })).toMatchInlineSnapshot(
      `"the manager has no map 'jump'; it has: hits, jumps, .rodata, .bss [did you mean 'jumps'?]"`,
    );
    const manager = new Manager({ objects, probes: [twice] });
    expect(words(errorOf(() => manager.probe('b')))).toMatchInlineSnapshot(
      `"the manager has no probe 'b'; it has: a [did you mean 'a'?]"`,
    );
    expect(words(errorOf(() => manager.edit('mian', {})))).toMatchInlineSnapshot(
      `"the manager has no object 'mian'; it has: main [did you mean 'main'?]"`,
    );
    expect(words(errorOf(() => manager.probe('a').start()))).toMatchInlineSnapshot(
      `"object 'main' is not loaded [call init() or start() first]"`,
    );
  });
});
