import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  array,
  char,
  object,
  ptr,
  r0,
  r1,
  r2,
  r3,
  r4,
  r6,
  r7,
  r10,
  s32,
  struct,
  u8,
  u32,
  u64,
  w0,
} from '../../src/asm/index.ts';
import { writeElf } from '../../src/elf/index.ts';
import { MapFlag, XdpAction } from '../../src/isa/index.ts';
import { loadCollection, typedMap, typedVariable, VerifierError } from '../../src/kernel/index.ts';
import { lower, type ObjectSpec } from '../../src/object/index.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { blocks, runExamples } from '../asm/builder/docs-examples.ts';
import { frameOf } from '../support/bpf-code.ts';
import { runExample } from '../support/cli.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const FILE = basename(import.meta.filename);
/** A guest runs a bundle of this file, whose lines are others. */
const bundled = !new Error().stack?.includes(FILE);
if (bundled) console.warn(`skipped: the places of instructions in ${FILE}: it runs in a bundle`);
const source = (file: string): string => readFileSync(file, 'utf8');
const event = struct('event', { protocol: u32, length: u64, note: array(char, 8) });

/** An XDP dispatcher over a prog array, with counters and the last frame's facts. */
function dispatcher(options: Parameters<typeof object>[0] = {}): ObjectSpec {
  return object({ license: 'GPL', source, ...options }, (o) => {
    const counts = o.map('counts', {
      type: 'hash',
      key: u32,
      value: u64,
      maxEntries: 16,
      flags: MapFlag.NO_PREALLOC,
    });
    const last = o.variable('last', event);
    const handlers = o.map('handlers', { type: 'prog_array', maxEntries: 256 });
    const frames = o.variable('frames', u64);
    const fallback = o.constant('fallback', u32, XdpAction.ABORTED);

    o.program('dispatch', 'xdp', (p) => {
      const other = p.label('other');
      p.mov(r6, r1);
      p.ctx.load(r7, 'data').ctx.load(r2, 'data_end');
      p.mov(r1, r7).add(r1, 34).jgt(r1, r2, other);
      p.load('u8', r7, r7, 23);
      p.loadMapValue(r1, frames).mov(r2, 1).atomic_add(r1, 0, r2);
      p.mov(r1, r7).mov(r2, r6).call(note);
      p.tailCall(handlers, r7, r6);
      p.bind(other);
      p.loadVariable(r0, fallback).exit();
    });
    const note = o.function('note', (p) => {
      p.store('u32', r10, -4, r1).mov(r7, r1);
      p.address(r2, r10, -4).loadMap(r1, counts).call('bpf_map_lookup_elem');
      p.if(
        [r0, '!=', 0],
        () => p.mov(r1, 1).atomic_add(r0, 0, r1),
        () => {
          p.store('u64', r10, -16, 1).address(r2, r10, -4).address(r3, r10, -16);
          p.loadMap(r1, counts).mov(r4, 0).call('bpf_map_update_elem');
        },
      );
      p.loadMapValue(r1, last);
      p.store(r1, event.at.protocol, r7).store(r1, event.at.length, 64);
      p.store('u8', r1, event.at.note, 'x'.charCodeAt(0));
      p.mov(r0, 0).exit();
    });
    handlers.set(
      1,
      o.program('icmp', 'xdp', (p) => p.mov(w0, XdpAction.DROP).exit()),
    );
    handlers.set(
      17,
      o.program('udp', 'xdp', (p) => p.mov(w0, XdpAction.TX).exit()),
    );
  });
}

describeKernel('an object made by the builder', () => {
  test('loads and runs: maps, variables, functions, tail calls', () => {
    using collection = loadCollection(dispatcher());
    const run = (protocol: number): number =>
      collection.program('dispatch').testRun({ data: frameOf(protocol) }).retval;
    expect([run(1), run(17), run(17), run(6)]).toEqual([
      XdpAction.DROP,
      XdpAction.TX,
      XdpAction.TX,
      XdpAction.ABORTED,
    ]);
    expect([...collection.map('counts').entries()].sort()).toEqual([
      [1, 1n],
      [17, 2n],
      [6, 1n],
    ]);
    expect(collection.variable('frames').get()).toBe(4n);
    expect(typedVariable(collection, 'fallback').get()).toBe(0);
    expect(typedVariable(collection, 'last').get()).toEqual({ protocol: 6, length: 64n, note: 'x' });
  });

  test('a constant is changed before the load', () => {
    using collection = loadCollection(dispatcher(), { variables: { fallback: XdpAction.PASS } });
    expect(collection.program('dispatch').testRun({ data: frameOf(6) }).retval).toBe(XdpAction.PASS);
  });

  test('entries that maps have from the start, and maps in maps', () => {
    const spec = object({ license: 'GPL' }, (o) => {
      const one = o.map('one', { type: 'array', value: u32, maxEntries: 1 });
      const two = o.map('two', { type: 'array', value: u32, maxEntries: 1 });
      one.set(0, 11);
      two.set(0, 22);
      const names = o.map('names', { type: 'hash', key: array(char, 8), value: u64, maxEntries: 4 });
      names.set('eth0', 7);
      const facts = o.map('facts', { type: 'array', value: event, maxEntries: 1 });
      const outer = o.map('outer', {
        type: 'array_of_maps',
        maxEntries: 4,
        inner: { type: 'array', value: u32, maxEntries: 1 },
      });
      outer.set(1, one);
      outer.set(3, two);
      o.program('read', 'xdp', (p) => {
        const out = p.label('out');
        p.loadMapValue(r1, facts, event.offsets.length).store('u64', r1, 0, 5);
        p.store('u32', r10, -4, 3).address(r2, r10, -4).loadMap(r1, outer).call('bpf_map_lookup_elem');
        p.jeq(r0, 0, out).store('u32', r10, -4, 0);
        p.mov(r1, r0).address(r2, r10, -4).call('bpf_map_lookup_elem').jeq(r0, 0, out);
        p.load('u32', r0, r0);
        p.bind(out).exit();
      });
    });
    using collection = loadCollection(spec);
    expect(collection.program('read').testRun({ data: frameOf(6) }).retval).toBe(22);
    expect(typedMap(collection, 'names').get('eth0')).toBe(7n);
    expect(collection.map('facts').as({ key: u32, value: event }).get(0)).toEqual({
      protocol: 0,
      length: 5n,
      note: '',
    });
  });

  test.skipIf(lacks('cgrp_storage'))('maps of many types, with the types of their keys and values', () => {
    const spec = object({ license: 'GPL' }, (o) => {
      const address = struct('address', { prefix: u32, bytes: array(u8, 4) });
      const lock = struct('guarded', { lock: struct('bpf_spin_lock', { val: u32 }), n: u32 });
      for (const type of ['hash', 'percpu_hash', 'lru_hash', 'lru_percpu_hash'] as const)
        o.map(type, { type, key: address, value: event, maxEntries: 4 });
      for (const type of ['array', 'percpu_array'] as const) o.map(type, { type, value: u64, maxEntries: 4 });
      for (const type of ['queue', 'stack', 'bloom_filter'] as const)
        o.map(type, { type, value: u64, maxEntries: 4 });
      for (const type of ['ringbuf', 'user_ringbuf'] as const) o.map(type, { type, maxEntries: 4096 });
      for (const type of ['prog_array', 'cgroup_array', 'devmap', 'devmap_hash', 'cpumap', 'xskmap'] as const)
        o.map(type, { type, maxEntries: 4 });
      for (const type of ['task_storage', 'inode_storage', 'sk_storage', 'cgrp_storage'] as const)
        o.map(type, { type, key: s32, value: u64, flags: MapFlag.NO_PREALLOC });
      o.map('perf_event_array', { type: 'perf_event_array' });
      o.map('guarded', { type: 'array', value: lock, maxEntries: 1 });
      o.map('routes', {
        type: 'lpm_trie',
        key: address,
        value: u32,
        maxEntries: 4,
        flags: MapFlag.NO_PREALLOC,
      });
      const inner = { type: 'hash', key: u32, value: u32, maxEntries: 4 } as const;
      o.map('of_maps', { type: 'hash_of_maps', key: u32, maxEntries: 4, inner });
      o.map('traces', { type: 'stack_trace', key: u32, value: 64, maxEntries: 4 });
      o.program('nothing', 'xdp', (p) => p.mov(r0, 0).exit());
    });
    using collection = loadCollection(spec);
    for (const [name, map] of collection.maps) {
      const { keySize, valueSize } = spec.maps.get(name)!;
      expect([name, map.keySize, map.valueSize]).toEqual([name, keySize, valueSize]);
    }
    const typed = [...spec.maps.values()].filter(({ key }) => key !== undefined).map(({ name }) => name);
    expect(typed.length).toBe(4 + 2 + 4 + 1 + 1);
    // The kernel takes a spin lock only where BTF shows it.
    expect(collection.maps.size).toBe(spec.maps.size);
  });

  test.skipIf(bundled)('the example dispatches, counts and is refused', () => {
    const { status, stdout, stderr } = runExample('builder');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const text = readFileSync(join(import.meta.dirname, '../../examples/builder.ts'), 'utf8');
    const line = text.split('\n').findIndex((each) => each.includes('IP_PROTOCOL).exit()')) + 1;
    expect(stdout.replace(`builder.ts:${line}`, 'builder.ts:LINE')).toMatchInlineSnapshot(`
      "ping: TX
      UDP to port 53: DROP
      UDP to port 8080: PASS
      TCP, which nobody handles: PASS
      ping, its handler taken out: PASS
      ICMP: 2 frames, 128 bytes
      TCP: 1 frames, 64 bytes
      UDP: 2 frames, 300 bytes
      the verifier rejected program 'careless': R2 offset is outside of the packet (EACCES)
        source: p.load('u8', r0, r2, IP_PROTOCOL).exit(); @ builder.ts:LINE
        at slot 1: (71) r0 = *(u8 *)(r2 +23)
        state: R2=pkt(r=0)
        invalid access to packet, off=23 size=1, R2(id=0,off=23,r=0)
      "
    `);
  });

  test.skipIf(lacks('load_acquire'))('callbacks, loops, global functions, atomics and ordered access', () => {
    const spec = object({ license: 'GPL' }, (o) => {
      const sum = o.variable('sum', u64);
      const add = o.function('add', { params: { index: u32, ctx: ptr() }, returns: s32 }, (p) => {
        p.loadMapValue(r2, sum).atomic_fetch_add(r2, 0, r1).mov(r0, 0).exit();
      });
      const square = o.function('square', { linkage: 'global', params: { n: u32 } }, (p) => {
        p.mov(r0, r1).mul(r0, r0).exit();
      });
      o.program('main', 'tc', (p) => {
        p.mov(r1, 10).loadFunction(r2, add).mov(r3, 0).mov(r4, 0).call('bpf_loop');
        p.loadMapValue(r1, sum).load_acq_dw(r6, r1);
        p.mov(r7, 0);
        p.while([r7, '<', 5], ({ end }) => {
          p.add(r7, 1).jeq(r7, 4, end);
        });
        p.add(r6, r7);
        p.mov(r1, r6).call(square);
        p.if([r0, '&', 1], () => p.add(r0, 1000));
        p.exit();
      });
    });
    using collection = loadCollection(spec);
    // 0 + 1 + … + 9 = 45, and 4; 49 squared is odd.
    expect(collection.program('main').testRun({ data: frameOf(6) }).retval).toBe(49 * 49 + 1000);
  });

  test.skipIf(lacks('task kfuncs'))('functions, variables and the configuration of the kernel', () => {
    const spec = object({ license: 'GPL' }, (o) => {
      const lock = o.kfunc('bpf_rcu_read_lock');
      const unlock = o.kfunc('bpf_rcu_read_unlock');
      const gone = o.kfunc('no_such_function', { weak: true });
      // What these take and give is known: pointers to structs of the kernel.
      const acquire = o.kfunc('bpf_task_from_pid');
      const release = o.kfunc('bpf_task_release');
      const hz = o.kconfig('CONFIG_HZ', u32);
      const banner = o.ksym('schedule', undefined);
      const there = o.variable('there', u64);
      o.program('main', 'tc', (p) => {
        p.loadExtern(r1, banner).storeVariable(there, r1, r2);
        p.call(lock).call(unlock);
        p.mov(r1, 1).call(acquire);
        p.if([r0, '!=', 0], () => p.mov(r1, r0).call(release));
        p.loadExtern(r1, hz).load('u32', r0, r1);
        p.if([r0, '==', 0], () => p.call(gone));
        p.mov(r0, r0).exit();
      });
    });
    using collection = loadCollection(spec);
    const { retval } = collection.program('main').testRun({ data: frameOf(6) });
    expect([100, 250, 300, 1000]).toContain(retval);
    const symbols = readFileSync('/proc/kallsyms', 'utf8');
    const address = /^([0-9a-f]+) \w schedule$/m.exec(symbols)![1]!;
    expect(collection.variable('there').get()).toBe(BigInt(`0x${address}`));
  });

  test.skipIf(bundled)('a refusal of the verifier names the line of this file', () => {
    const spec = object({ source }, (o) => {
      o.program('careless', 'xdp', (p) => {
        p.ctx.load(r2, 'data');
        p.load('u8', r0, r2, 12); // nobody has looked where the packet ends
        p.exit();
      });
    });
    const error = errorOf(() => loadCollection(spec));
    expect(error).toBeInstanceOf(VerifierError);
    const line =
      readFileSync(import.meta.filename, 'utf8')
        .split('\n')
        .findIndex((text) => text.endsWith('where the packet ends')) + 1;
    const { excerpt } = error as VerifierError;
    expect(excerpt.source).toContain(`${FILE}:${line}`);
    expect(error.message.replace(`:${line}`, ':LINE')).toMatchInlineSnapshot(`
      "the verifier rejected program 'careless': R2 offset is outside of the packet (EACCES)
        source: p.load('u8', r0, r2, 12); // nobody has looked where the packet ends @ builder.test.ts:LINE
        at slot 1: (71) r0 = *(u8 *)(r2 +12)
        state: R2=pkt(r=0)
        invalid access to packet, off=12 size=1, R2(id=0,off=12,r=0)"
    `);
  });

  test.skipIf(bundled)('without the source its place is named all the same', () => {
    const spec = object((o) => {
      o.program('careless', 'xdp', (p) => p.load('u8', r0, r1, 100).exit());
    });
    const { excerpt } = errorOf(() => loadCollection(spec)) as VerifierError;
    expect(excerpt.source).toMatch(new RegExp(`^@ ${FILE}:\\d+$`));
  });

  test.skipIf(lacks('constants into a context'))(
    'the examples of the docs load, and the one that is refused is refused so',
    async () => {
      for (const { spec, refused } of await runExamples()) {
        if (spec) loadCollection(spec).close();
        if (!refused) continue;
        const text = errorOf(() => loadCollection(refused)).message;
        expect(text.replace(/example-\d+\.ts:\d+/, 'careless.ts:7')).toBe(
          blocks('')
            .find((block) => block.startsWith('the verifier'))!
            .trim(),
        );
      }
    },
  );

  test('without places it loads too', () => {
    const spec = dispatcher({ places: false });
    expect([...spec.functions.values()].flatMap(({ lines }) => lines)).toEqual([]);
    using collection = loadCollection(spec);
    expect(collection.program('dispatch').testRun({ data: frameOf(1) }).retval).toBe(XdpAction.DROP);
  });
});

const there = existsSync(BPFTOOL);
if (!there) console.warn('skipped: bpftool is not installed');

describeKernel('bpftool and libbpf', () => {
  let directory = '';
  let bpffs = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsbpf-builder-'));
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-builder-fs-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
    rmSync(directory, { recursive: true });
  });
  const run = (...args: string[]): string => execFileSync(BPFTOOL, args, { encoding: 'utf8', stdio: 'pipe' });

  describe.skipIf(!there)('with bpftool', () => {
    test('load the object that is written of it', () => {
      const object = join(directory, 'x.o');
      const packet = join(directory, 'packet');
      writeFileSync(object, writeElf(lower(dispatcher())));
      writeFileSync(packet, frameOf(17));
      try {
        run('prog', 'loadall', object, `${bpffs}/p`, 'pinmaps', `${bpffs}/m`);
        const result = run('--json', 'prog', 'run', 'pinned', `${bpffs}/p/dispatch`, 'data_in', packet);
        expect(JSON.parse(result).retval).toBe(XdpAction.TX);
        const counts = JSON.parse(run('--json', 'map', 'dump', 'pinned', `${bpffs}/m/counts`));
        expect(counts[0].formatted).toEqual({ key: 17, value: 1 });
      } finally {
        rmSync(`${bpffs}/p`, { recursive: true, force: true });
        rmSync(`${bpffs}/m`, { recursive: true, force: true });
      }
    });

    test.skipIf(bundled)(
      'show the lines of this file and the types of the functions for what we load',
      () => {
        using collection = loadCollection(dispatcher());
        const program = collection.program('dispatch');
        const dump = run('prog', 'dump', 'xlated', 'id', String(program.info().id), 'linum');
        expect(dump).toContain('int dispatch(struct xdp_md * ctx):');
        expect(dump).toContain('int note():');
        const lines = source(import.meta.filename).split('\n');
        const shown = [...dump.matchAll(/^; (.*) \[file:(.*) line_num:(\d+) line_col:(\d+)\]$/gm)];
        expect(shown.length).toBeGreaterThan(30);
        for (const [, text, file, line] of shown) {
          expect(file).toBe(import.meta.filename);
          expect(lines[Number(line) - 1]!.trim()).toBe(text);
        }
      },
    );
  });
});
