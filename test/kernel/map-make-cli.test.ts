import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { BpfMap, QueueMap, summarizeMap } from '../../src/kernel/index.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const hasBpftool = existsSync(BPFTOOL);

describeKernel('maps that commands make', () => {
  let bpffs = '';
  beforeAll(() => {
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-map-make-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterEach(() => {
    for (const name of ['one', 'two', 'three']) rmSync(at(name), { force: true });
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
  });
  const at = (name: string): string => join(bpffs, name);
  const said = (...args: string[]): string => {
    const { status, stdout, stderr } = tsbpf(args);
    return `${status} ${stdout}${stderr}`.replaceAll(bpffs, 'BPFFS').replaceAll(/\bmap \d+/g, 'map N');
  };
  const create = (name: string, words: string): string =>
    said('map', 'create', at(name), ...words.split(' '));
  /** What bpftool prints of a pin, without the number. */
  const seen = (name: string): string =>
    spawnSync(BPFTOOL, ['map', 'show', 'pinned', at(name)], { encoding: 'utf8' })
      .stdout.replace(/^\d+: /, '')
      .replaceAll(/ {2}memlock \d+B/g, '');

  test.skipIf(!hasBpftool)('have the shape that was asked for, as bpftool sees them', () => {
    expect(create('one', 'type hash key 4 value 8 entries 10')).toBe('0 map N pinned at BPFFS/one\n');
    expect(seen('one')).toBe('hash  name one  flags 0x0\n\tkey 4B  value 8B  max_entries 10\n');
    const lpm = 'type lpm_trie key 8 value 4 entries 5 flags no_prealloc,rdonly_prog name routes';
    expect(create('two', lpm)).toBe('0 map N pinned at BPFFS/two\n');
    expect(seen('two')).toBe('lpm_trie  name routes  flags 0x81\n\tkey 8B  value 4B  max_entries 5\n');
    // bpftool's own words, and what the type implies left out.
    expect(create('three', `type array_of_maps entries 3 inner_map pinned ${at('one')}`)).toBe(
      '0 map N pinned at BPFFS/three\n',
    );
    expect(seen('three')).toBe('array_of_maps  name three  flags 0x0\n\tkey 4B  value 4B  max_entries 3\n');
    using outer = BpfMap.openPinned(at('three'));
    using inner = BpfMap.openPinned(at('one'));
    outer.set(1, inner);
    expect(outer.get(1)).toBe(inner.info().id);
  });

  test('are told as data', () => {
    const { created } = JSON.parse(
      tsbpf(['map', 'create', at('one'), 'type', 'ringbuf', 'entries', '4096', '--json']).stdout,
    );
    using map = BpfMap.openPinned(at('one'));
    expect(created).toEqual({ id: map.info().id, name: 'one', type: 'ringbuf', path: at('one') });
  });

  test('are refused in words', () => {
    expect(
      [
        create('one', 'type hsh key 4 value 8 entries 10'),
        create('one', 'key 4 value 8 entries 10').replace(/there are hash.*/, 'there are …'),
        create('one', 'type hash key 4 value 8'),
        create('one', 'type hash value 8 entries 1'),
        create('one', 'type hash key 4 value 8 entries many'),
        create('one', 'type hash key 4 value 8 entries 4294967296'),
        create('one', 'type hash key 4 value 8 entries'),
        create('one', 'type hash key 4 key 4 value 8 entries 1'),
        create('one', 'type hash key 4 vale 8 entries 1'),
        create('one', 'type array_of_maps entries 4 inner id'),
        create('one', 'type lpm_trie key 8 value 4 entries 5 flags no_preallc'),
        create('one', 'type lpm_trie key 8 value 4 entries 5'),
      ].join(''),
    ).toMatchInlineSnapshot(`
      "2 error[MAP_TYPE_UNKNOWN]: there is no map type 'hsh'
      help: did you mean 'hash'?
      2 error[ARGUMENT_MISSING]: there is no type: 'type hash', 'type array' …
      help: there are …
      2 error[ARGUMENT_MISSING]: there is no 'entries'
      help: 'entries 1024': how many there may be
      2 error[ARGUMENT_MISSING]: there is no 'key'
      help: 'key 4': the bytes of a key
      2 error[NUMBER_INVALID]: 'entries many': it takes a whole number from 0
      2 error[NUMBER_INVALID]: 'entries 4294967296': it takes a number below 2^32
      2 error[ARGUMENT_MISSING]: there is nothing behind 'entries'
      2 error[ARGUMENT_EXTRA]: 'key' stands there twice
      2 error[ARGUMENT_EXTRA]: 'vale' says nothing about a map
      help: did you mean 'value'?
      2 error[ARGUMENT_MISSING]: there is nothing behind 'inner'
      2 error[FLAG_UNKNOWN]: there is no map flag 'no_preallc'
      help: did you mean 'no_prealloc'?
      1 error[EINVAL]: cannot create map 'one': an lpm_trie needs the flag BPF_F_NO_PREALLOC (EINVAL)
      "
    `);
    expect(existsSync(at('one'))).toBe(false);
  });

  test('take values without keys', () => {
    create('one', 'type queue value 4 entries 2');
    using map = BpfMap.openPinned(at('one'));
    const queue = QueueMap.of(map);
    expect(said('map', 'push', at('one'), '5')).toBe('0 ');
    expect(said('map', 'enqueue', at('one'), 'value', 'hex', '06', '0', '0', '0')).toBe('0 ');
    expect(said('map', 'push', at('one'), '7')).toMatchInlineSnapshot(`
      "1 error[E2BIG]: cannot write to map at BPFFS/one: the queue is full: it holds at most 2 values (E2BIG)
      "
    `);
    expect(said('map', 'peek', at('one'))).toBe('0 value: 05 00 00 00\n');
    if (hasBpftool)
      expect(
        `0 ${spawnSync(BPFTOOL, ['map', 'peek', 'pinned', at('one')], { encoding: 'utf8' }).stdout}`,
      ).toBe(said('map', 'peek', at('one')));
    expect(said('map', 'pop', at('one'))).toBe('0 value: 05 00 00 00\n');
    expect(queue.peek()).toBe(6);
    expect(JSON.parse(tsbpf(['map', 'dequeue', at('one'), '--json']).stdout)).toMatchObject({
      found: true,
      element: { value: '06000000' },
    });
    expect(said('map', 'pop', at('one'))).toBe('1 there is no value\n');
    expect(said('map', 'peek', at('one'))).toBe('1 there is no value\n');
    expect(said('map', 'push', at('one'))).toMatchInlineSnapshot(`
      "2 error[ARGUMENT_MISSING]: there is no value
      help: a number, 'hex 00 01 …', JSON by the map's type, or a prefix as 10.0.0.0/8
      "
    `);
    create('two', 'type array value 4 entries 1');
    expect(said('map', 'pop', at('two'))).toMatchInlineSnapshot(`
      "1 error[MAP_TYPE]: map at BPFFS/two is of type array, neither a queue nor a stack
      "
    `);
  });

  test('are set only if, and frozen', () => {
    create('one', 'type hash key 4 value 8 entries 10');
    using map = BpfMap.openPinned(at('one'));
    const key = ['key', '7', '0', '0', '0'];
    const value = ['value', '1', '0', '0', '0', '0', '0', '0', '0'];
    expect(said('map', 'update', 'pinned', at('one'), ...key, ...value, 'exist')).toMatchInlineSnapshot(`
      "1 error[ENOENT]: cannot write to map at BPFFS/one: there is no such key, and the flag EXIST asks for one (ENOENT)
      "
    `);
    expect(said('map', 'update', 'pinned', at('one'), ...key, ...value, 'noexist')).toBe('0 ');
    expect(said('map', 'set', at('one'), '7', '2', 'noexist')).toMatchInlineSnapshot(`
      "1 error[EEXIST]: cannot write to map at BPFFS/one: the key exists already, and the flag NOEXIST asks for a new one (EEXIST)
      "
    `);
    expect(said('map', 'set', at('one'), '7', '2', 'any')).toBe('0 ');
    expect(said('map', 'lookup', at('one'), ...key)).toBe(
      '0 key: 07 00 00 00  value: 02 00 00 00 00 00 00 00\n',
    );
    expect(said('map', 'freeze', at('one'))).toBe('0 ');
    expect(summarizeMap(map.fd).frozen).toBe(true);
    expect(said('map', 'set', at('one'), '7', '3')).toMatchInlineSnapshot(`
      "1 error[EPERM]: cannot write to map at BPFFS/one: user space may not write to this map: it is frozen or was made with BPF_F_RDONLY (EPERM)
      "
    `);
    expect(map.getBytes(7)?.[0]).toBe(2);
  });

  test('say where the disk is full', () => {
    create('one', 'type array value 4 entries 5000');
    const cli = join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs');
    const command = `"$0" "$1" map dump "$2" > /dev/full; echo "$?"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', command, process.execPath, cli, at('one')], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('1\n');
    expect(stderr).toMatchInlineSnapshot(`
      "error: cannot write to stdout: ENOSPC: no space left on device, write
      "
    `);
  });
});
