import { existsSync, mkdirSync, mkdtempSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import { attachXdpLink, BpfMap, Link, loadCollection, Program } from '../../src/kernel/index.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { setNative, syscallNumber } from '../../src/syscall/native.ts';
import {
  frameOf,
  functionSpec,
  mapSpec,
  objectSpec,
  progArray,
  returns,
  tailCalls,
  XDP,
} from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

/** BPF_OBJ_PIN (Linux, `include/uapi/linux/bpf.h`). */
const OBJ_PIN = 6;

describeKernel('pins', () => {
  let bpffs = '';
  beforeAll(() => {
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-pin-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
  });
  const words = (error: Error & { hint?: string }): string =>
    `${error.message}${error.hint ? ` [${error.hint}]` : ''}`.replaceAll(bpffs, '/bpffs');

  const create = (maxEntries = 1): BpfMap =>
    BpfMap.create({ name: 'counts', type: MapType.ARRAY, keySize: 4, valueSize: 4, maxEntries });

  test('keep a map beyond its descriptor', () => {
    const path = join(bpffs, 'counts');
    const map = create();
    map.set(0, 42);
    map.pin(path);
    map.close();
    using opened = BpfMap.openPinned(path);
    expect(opened.pinned).toBe(true);
    unlinkSync(path);
    expect([opened.get(0), opened.name, opened.pinned]).toEqual([42, 'counts', false]);
  });

  test('are replaced in one step where that is asked for', () => {
    const path = join(bpffs, 'counts');
    using first = create();
    using second = create();
    second.set(0, 2);
    first.pin(path);
    expect(words(errorOf(() => second.pin(path)))).toMatchInlineSnapshot(
      `"cannot pin map 'counts': /bpffs/counts exists already (EEXIST) [remove it, or pin with replace]"`,
    );
    second.pin(path, { replace: true });
    using opened = BpfMap.openPinned(path);
    unlinkSync(path);
    expect(opened.get(0)).toBe(2);
  });

  test('say what is wrong', () => {
    using map = create();
    using program = Program.load({ name: 'two', type: 'xdp', code: returns(2) });
    const path = join(bpffs, 'two');
    program.pin(path);
    expect(words(errorOf(() => BpfMap.openPinned(path)))).toMatchInlineSnapshot(
      `"what is pinned at /bpffs/two is a program, not a map"`,
    );
    using opened = Program.openPinned(path);
    expect(opened.id).toBe(program.id);
    unlinkSync(path);
    expect(words(errorOf(() => BpfMap.openPinned(path)))).toMatchInlineSnapshot(
      `"cannot open the pin /bpffs/two: nothing is pinned at /bpffs/two (ENOENT)"`,
    );
    expect(words(errorOf(() => map.pin(join(bpffs, 'a.b'))))).toMatchInlineSnapshot(
      `"cannot pin map 'counts': 'a.b' cannot be the name of a pin: it has a '.' (EPERM)"`,
    );
    expect(words(errorOf(() => map.pin(join(bpffs, 'none', 'a'))))).toMatchInlineSnapshot(
      `"cannot pin map 'counts': the directory of /bpffs/none/a does not exist (ENOENT)"`,
    );
    expect(words(errorOf(() => map.pin('/tmp/tsbpf-not-here')))).toMatchInlineSnapshot(
      `"cannot pin map 'counts': /tmp is not in a BPF file system (EPERM) [pin below one: mount -t bpf bpf /sys/fs/bpf]"`,
    );
    expect(words(errorOf(() => map.pin('')))).toMatchInlineSnapshot(`"'' is not a path that Linux can hold"`);
  });

  const jump = { kind: 'map', slot: 0, map: 'jump' } as const;
  const dispatcher = objectSpec({
    functions: [
      functionSpec('entry', 'xdp', tailCalls(0, 3), XDP, [jump]),
      functionSpec('seven', 'xdp/7', returns(7)),
    ],
    maps: [progArray('jump', 1, 'seven')],
  });

  test('of a program wait for the prog array that it needs', async () => {
    const collection = loadCollection(dispatcher);
    const entry = collection.program('entry');
    expect(words(errorOf(() => entry.pin(join(bpffs, 'entry'))))).toMatchInlineSnapshot(
      `"pinning program 'entry' alone would orphan prog array 'jump': its slots are emptied with the last descriptor [pin the prog array first, or keep this process and its collection open]"`,
    );
    collection.map('jump').pin(join(bpffs, 'jump'));
    entry.pin(join(bpffs, 'entry'));
    collection.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    using opened = Program.openPinned(join(bpffs, 'entry'));
    const kept = opened.testRun({ data: frameOf(1) }).retval;
    unlinkSync(join(bpffs, 'jump'));
    unlinkSync(join(bpffs, 'entry'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([kept, opened.testRun({ data: frameOf(1) }).retval]).toEqual([7, 3]);
  });

  // The array has no slots of its own: they are filled at run time.
  const lateDispatcher = objectSpec({
    functions: [
      functionSpec('entry', 'xdp', tailCalls(0, 3), XDP, [jump]),
      functionSpec('seven', 'xdp/7', returns(7)),
    ],
    maps: [progArray('jump', 1)],
  });

  test('of a program wait for a prog array that was filled after the load, too', () => {
    using collection = loadCollection(lateDispatcher);
    const entry = collection.program('entry');
    const [array, path] = [collection.map('jump'), join(bpffs, 'late')];
    entry.pin(path);
    entry.unpin();
    array.set(0, collection.program('seven'));
    expect(words(errorOf(() => entry.pin(path)))).toMatchInlineSnapshot(
      `"pinning program 'entry' alone would orphan prog array 'jump': its slots are emptied with the last descriptor [pin the prog array first, or keep this process and its collection open]"`,
    );
    array.delete(0);
    entry.pin(path);
    entry.unpin();
    expect(existsSync(path)).toBe(false);
  });

  test('of a link refuse a program whose prog array would be orphaned', () => {
    using collection = loadCollection(lateDispatcher);
    const [entry, seven] = [collection.program('entry'), collection.program('seven')];
    collection.map('jump').set(0, seven);
    using link = attachXdpLink(seven, { interface: 'lo', mode: 'generic' });
    link.update(entry);
    link.update(seven);
    link.pin(join(bpffs, 'link'));
    using same = Link.openPinned(join(bpffs, 'link'));
    for (const handle of [link, same])
      expect(errorOf(() => handle.update(entry))).toMatchObject({ code: 'PROG_ARRAY_ORPHANED' });
    expect(link.info().programId).toBe(seven.id);
    collection.map('jump').pin(join(bpffs, 'slots'));
    same.update(entry);
    same.unpin();
    link.unpin();
    collection.map('jump').unpin();
    expect([existsSync(join(bpffs, 'link')), existsSync(join(bpffs, 'slots'))]).toEqual([false, false]);
  });

  test('are removed by the handle that made them or was opened from them', () => {
    using map = create();
    expect(words(errorOf(() => map.unpin()))).toMatchInlineSnapshot(
      `"map 'counts' was not pinned through this handle"`,
    );
    const paths = ['one', 'other'].map((name) => join(bpffs, name));
    for (const path of paths) map.pin(path);
    using opened = BpfMap.openPinned(paths[0]!);
    opened.unpin();
    expect(paths.map((path) => existsSync(path))).toEqual([false, true]);
    map.unpin();
    expect([existsSync(paths[1]!), map.pinned]).toEqual([false, false]);
    using program = Program.load({ name: 'two', type: 'xdp', code: returns(2) });
    expect(errorOf(() => program.unpin())).toMatchObject({ code: 'NOT_PINNED' });
  });

  const pinned = (maxEntries: number, flags = 0) =>
    objectSpec({
      functions: [],
      maps: [mapSpec('shared', MapType.HASH, { maxEntries, flags, pinning: 'byName' })],
    });

  test('by name are made by the first load and joined by the next', () => {
    mkdirSync(join(bpffs, 'mine'));
    const options = { pinPath: join(bpffs, 'mine') };
    using first = loadCollection(pinned(8), options);
    first.map('shared').set(1, 11);
    using second = loadCollection(pinned(8), options);
    expect(second.map('shared').get(1)).toBe(11);
    expect(words(errorOf(() => loadCollection(pinned(9), options)))).toMatchInlineSnapshot(
      `"map 'shared' wants maxEntries 9, but the one pinned at /bpffs/mine/shared has maxEntries 8"`,
    );
    const other = pinned(8, MapFlag.NO_PREALLOC | MapFlag.RDONLY_PROG);
    expect(words(errorOf(() => loadCollection(other, options)))).toMatchInlineSnapshot(
      `"map 'shared' wants flags NO_PREALLOC, RDONLY_PROG, but the one pinned at /bpffs/mine/shared has flags none"`,
    );
    expect(words(errorOf(() => loadCollection(pinned(8))))).toMatchInlineSnapshot(
      `"map 'shared' asks to be pinned by its name, but not where [give pinPath, for example '/sys/fs/bpf']"`,
    );
    unlinkSync(join(bpffs, 'mine', 'shared'));
    rmdirSync(join(bpffs, 'mine'));
    expect(existsSync(join(bpffs, 'mine'))).toBe(false);
  });

  test('by name are joined where another load has made them meanwhile', () => {
    const path = join(bpffs, 'shared');
    const options = { pinPath: bpffs };
    using other = loadCollection(pinned(8), { mapOptions: { shared: { pin: false } } });
    other.map('shared').set(1, 11);
    const real = setNative(undefined)!;
    setNative({
      ...real,
      syscall(number, ...args) {
        if (number === syscallNumber('bpf') && args[0] === OBJ_PIN) {
          setNative(real);
          other.map('shared').pin(path);
        }
        return real.syscall(number, ...args);
      },
    });
    try {
      using joined = loadCollection(pinned(8), options);
      expect(joined.map('shared').get(1)).toBe(11);
    } finally {
      setNative(real);
      other.map('shared').unpin();
    }
  });

  test("in iproute2's name spaces are made in the directory of the load", () => {
    const load = (pinning: 'globalNs' | 'objectNs', options: { pinPath?: string }) =>
      loadCollection(
        objectSpec({ functions: [], maps: [mapSpec('shared', MapType.HASH, { maxEntries: 8, pinning })] }),
        options,
      );
    for (const pinning of ['globalNs', 'objectNs'] as const) {
      load(pinning, { pinPath: bpffs }).close();
      expect(existsSync(join(bpffs, 'shared'))).toBe(true);
      unlinkSync(join(bpffs, 'shared'));
    }
    expect(words(errorOf(() => load('objectNs', {})))).toMatchInlineSnapshot(
      `"map 'shared' asks to be pinned by its name, but not where [give pinPath, for example '/sys/fs/bpf']"`,
    );
  });
});
