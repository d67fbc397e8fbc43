import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import {
  BpfMap,
  btfValueData,
  loadCollection,
  mapElements,
  mapText,
  mapTypes,
  Program,
  typedElement,
} from '../../src/kernel/index.ts';
import { isPerCpu } from '../../src/kernel/maps/map-kinds.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { returns } from '../support/bpf-code.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const CLANG = ['/usr/bin/clang-19', '/usr/bin/clang-16', '/usr/bin/clang-14'].find((path) =>
  existsSync(path),
);
const hasBpftool = existsSync(BPFTOOL);

/** What bpftool prints, whatever it exits with. */
const bpftool = (...args: string[]): string => spawnSync(BPFTOOL, args, { encoding: 'utf8' }).stdout;

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index + 1);

const TYPED = `
typedef unsigned int u32; typedef long long s64; typedef unsigned long long u64;
enum color { RED, GREEN = 5 };
struct key { unsigned short p, q; u32 ip; };
struct inner { char c; int x : 5; int y : 27; };
struct value { u32 a; s64 b; char name[8]; unsigned char raw[4]; struct inner in; enum color col; int *p; _Bool ok;
  union { int u1; char u2; }; int arr[3]; unsigned char hi; short sh; u64 big; };
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
struct { __uint(type, 1); __uint(max_entries, 8); __type(key, struct key); __type(value, struct value); } table SEC(".maps");
struct { __uint(type, 6); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } per_cpu SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 3); __type(key, u32); __type(value, enum color); } colors SEC(".maps");
int counter = 7; char word[6] = "hi";
SEC("xdp") int xdp_typed(void *ctx) { counter++; return 2; }
char LICENSE[] SEC("license") = "GPL";
`;

describeKernel('the commands of maps', () => {
  let bpffs = '';
  let folder = '';
  beforeAll(() => {
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-map-cli-fs-'));
    folder = mkdtempSync(join(tmpdir(), 'tsbpf-map-cli-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
    rmSync(folder, { recursive: true });
  });

  const plain = (text: string): string =>
    text
      .replaceAll(bpffs, 'BPFFS')
      .replaceAll(/\bmap \d+/g, 'map N')
      .replaceAll(/(ids?: )[\d, ]+/g, '$1N');
  const said = ({
    status,
    stdout,
    stderr,
  }: {
    status: number | null;
    stdout: string;
    stderr: string;
  }): string => plain(`${status}\n${stdout}${stderr}`);

  interface Shape {
    readonly type: keyof typeof MapType;
    readonly key: number;
    readonly value: number;
    readonly entries?: number;
    readonly flags?: number;
    /** Entries written; arrays have theirs. */
    readonly fill?: number;
  }
  const SHAPES: readonly Shape[] = [
    { type: 'ARRAY', key: 4, value: 1 },
    { type: 'ARRAY', key: 4, value: 4 },
    { type: 'ARRAY', key: 4, value: 16 },
    { type: 'ARRAY', key: 4, value: 17 },
    { type: 'ARRAY', key: 4, value: 4, entries: 1 },
    { type: 'ARRAY', key: 4, value: 20, entries: 5000 },
    { type: 'HASH', key: 8, value: 16, fill: 3 },
    { type: 'HASH', key: 16, value: 8, fill: 1 },
    { type: 'HASH', key: 16, value: 9, fill: 1 },
    { type: 'HASH', key: 17, value: 1, fill: 1 },
    { type: 'HASH', key: 40, value: 36, fill: 2 },
    { type: 'HASH', key: 4, value: 4, fill: 0 },
    { type: 'LRU_HASH', key: 4, value: 4, fill: 2 },
    { type: 'PERCPU_HASH', key: 4, value: 4, fill: 2 },
    { type: 'PERCPU_ARRAY', key: 4, value: 20 },
    { type: 'LPM_TRIE', key: 8, value: 4, flags: 1, fill: 1 },
    { type: 'PROG_ARRAY', key: 4, value: 4, entries: 3 },
    { type: 'PERF_EVENT_ARRAY', key: 4, value: 4 },
    { type: 'CGROUP_ARRAY', key: 4, value: 4 },
    { type: 'DEVMAP', key: 4, value: 4 },
    { type: 'SOCKMAP', key: 4, value: 4 },
    { type: 'STACK_TRACE', key: 4, value: 80 },
    { type: 'QUEUE', key: 0, value: 4 },
    { type: 'RINGBUF', key: 0, value: 0, entries: 4096 },
  ];
  const make = ({ type, key, value, entries = 2, flags = 0, fill = 0 }: Shape): BpfMap => {
    const map = BpfMap.create({
      name: 'shape',
      type: MapType[type],
      keySize: key,
      valueSize: value,
      maxEntries: Math.max(entries, fill),
      flags,
    });
    for (let index = 0; index < fill; index++) {
      const bytes = counting(key);
      if (type === 'LPM_TRIE') bytes.set([24, 0, 0, 0]);
      else bytes[0] = index;
      map.set(bytes, counting(value));
    }
    return map;
  };

  test.skipIf(!hasBpftool).each(SHAPES)('dump $type of $key and $value bytes as bpftool does', (shape) => {
    using map = make(shape);
    const { id } = map.info();
    expect([...mapText(map)].join('')).toBe(bpftool('map', 'dump', 'id', `${id}`));
    // Its JSON has the same bytes.
    const theirs = JSON.parse(bpftool('-j', 'map', 'dump', 'id', `${id}`)) as {
      key: string[];
      value?: string[] | { error: string };
      values?: { value: string[] }[];
    }[];
    const ours = Array.from(mapElements(map), ({ key, values, errno }) => [
      [...key],
      values.map((one) => [...one]),
      errno !== undefined,
    ]);
    expect(ours).toEqual(
      theirs.map(({ key, value, values }) => [
        key.map(Number),
        values ? values.map((one) => one.value.map(Number)) : Array.isArray(value) ? [value.map(Number)] : [],
        !values && !Array.isArray(value),
      ]),
    );
  });

  test.skipIf(!hasBpftool)('list and show maps as bpftool does', () => {
    using one = make({ type: 'HASH', key: 4, value: 8, fill: 1 });
    using frozen = make({ type: 'ARRAY', key: 4, value: 8 });
    frozen.freeze();
    one.pin(join(bpffs, 'one'));
    for (const map of [one, frozen]) {
      const { id } = map.info();
      const shown = tsbpf(['map', 'show', `${id}`]);
      // Debian's was built without what shows processes.
      expect(shown.stdout.replace(/\n\tpids .*/, '')).toBe(bpftool('-f', 'map', 'show', 'id', `${id}`));
      expect(shown.stdout).toContain(`(${process.pid})`);
      expect(tsbpf(['map', 'list']).stdout).toContain(shown.stdout);
    }
    rmSync(join(bpffs, 'one'));
  });

  test('dump prog arrays and maps of maps with numbers of what they hold', () => {
    using program = Program.load({ name: 'pass', type: 'xdp', code: returns(2) });
    using jumps = make({ type: 'PROG_ARRAY', key: 4, value: 4, entries: 3 });
    expect(tsbpf(['map', 'set', `${jumps.info().id}`, '1', `${program.id}`])).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(jumps.get(1)).toBe(program.id);
    using inner = make({ type: 'ARRAY', key: 4, value: 4 });
    using outer = BpfMap.create({
      type: MapType.ARRAY_OF_MAPS,
      name: 'outer',
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
      innerMap: inner,
    });
    expect(tsbpf(['map', 'set', `${outer.info().id}`, '0', 'id', `${inner.info().id}`]).status).toBe(0);
    expect(outer.get(0)).toBe(inner.info().id);
    expect(tsbpf(['map', 'set', `${outer.info().id}`, '0', 'of', `${inner.info().id}`]).status).toBe(2);
    expect(tsbpf(['map', 'set', `${outer.info().id}`, '0', `${inner.info().id}`]).status).toBe(0);
    for (const map of hasBpftool ? [jumps, outer] : [])
      expect([...mapText(map)].join('')).toBe(bpftool('map', 'dump', 'id', `${map.info().id}`));
  });

  describe.skipIf(CLANG === undefined || !hasBpftool)('with types', () => {
    let object = '';
    beforeAll(() => {
      const source = join(folder, 'typed.c');
      object = join(folder, 'typed.o');
      writeFileSync(source, TYPED);
      const made = tsbpf(['cc', source, '-o', object, '--clang', CLANG!]);
      expect(made.stderr).toBe('');
    });
    const key = { p: 1, q: 2, ip: 3 };
    const value = {
      a: 4294967295,
      b: '-1',
      name: 'AB',
      raw: [65, 66, 67, 68],
      in: { c: 65, x: 15, y: 33554431 },
      col: 'GREEN',
      p: '0xdeadbeef00000000',
      ok: true,
      '': { u1: 258 },
      arr: [7, 1, -2],
      hi: 200,
      sh: -3,
      big: '18446744073709551615',
    };

    test('are read and written by them, and dumped as bpftool does', () => {
      using collection = loadCollection(new Uint8Array(execFileSync('cat', [object])));
      const id = `${collection.map('table').info().id}`;
      const set = tsbpf(['map', 'set', id, JSON.stringify(key), JSON.stringify(value)]);
      expect(said(set)).toBe('0\n');
      tsbpf(['map', 'set', `${collection.map('per_cpu').info().id}`, '1', '18446744073709551615']);
      tsbpf(['map', 'set', `${collection.map('colors').info().id}`, '2', 'GREEN']);
      for (const [name, map] of collection.maps) {
        const mapId = `${map.info().id}`;
        expect([...mapText(map)].join(''), name).toBe(bpftool('map', 'dump', 'id', mapId));
        const theirs = JSON.parse(bpftool('-j', 'map', 'dump', 'id', mapId)) as { formatted: unknown }[];
        const types = mapTypes(map);
        if (!types) continue;
        const ours = Array.from(mapElements(map), (element) =>
          btfValueData(typedElement(element, types, isPerCpu(map.type))),
        );
        expect(comparable(ours), name).toEqual(comparable(theirs.map(({ formatted }) => formatted)));
      }
      const got = JSON.parse(tsbpf(['map', 'get', id, JSON.stringify(key), '--json']).stdout);
      expect(got.element.formatted).toEqual({ key, value: { ...value, '': { u1: 258, u2: 2 } } });
      expect(tsbpf(['map', 'get', id, JSON.stringify(key)]).stdout).toBe(
        bpftool('map', 'lookup', 'id', id, 'key', 'hex', ...'01 00 02 00 03 00 00 00'.split(' ')),
      );
      expect(said(tsbpf(['map', 'set', id, '{"pp": 1}', '{}']))).toMatchInlineSnapshot(`
        "1
        error[BTF_BAD_VALUE]: key has no member 'pp'
        help: did you mean 'p'?
        "
      `);
      expect(said(tsbpf(['map', 'set', id, '{}', '{"col": "GREN"}']))).toMatchInlineSnapshot(`
        "1
        error[BTF_BAD_VALUE]: value.col: enum color has no 'GREN'
        help: did you mean 'GREEN'?
        "
      `);
      expect(said(tsbpf(['map', 'set', id, '{}', '{"a": 1.5}']))).toMatchInlineSnapshot(`
        "1
        error[BTF_BAD_VALUE]: value.a must be a whole number, but is 1.5
        "
      `);
      expect(said(tsbpf(['map', 'set', id, '{"p": ', '{}']))).toMatchInlineSnapshot(`
        "1
        error[VALUE_SYNTAX]: the key is no JSON: Unexpected end of JSON input
        "
      `);
    });

    /** bpftool prints numbers where we print text, for JSON cannot hold them all. */
    function comparable(data: unknown): unknown {
      return JSON.parse(
        JSON.stringify(data, (_name, one: unknown) => (typeof one === 'bigint' ? one.toString() : one)),
        (_name, one: unknown) => {
          if (typeof one === 'string' && /^(-?\d{1,20}|0x[0-9a-f]+)$/.test(one)) return Number(one);
          return one;
        },
      );
    }
  });

  test('get, set and delete entries', () => {
    using map = make({ type: 'HASH', key: 4, value: 4, fill: 1 });
    const id = `${map.info().id}`;
    const key = 0x04030200;
    expect(tsbpf(['map', 'get', id, `${key}`]).stdout).toBe('key: 00 02 03 04  value: 01 02 03 04\n');
    expect(
      tsbpf(['map', 'set', id, 'key', 'hex', '07', '00', '00', '00', 'value', '1', '0', '0', '0']).status,
    ).toBe(0);
    expect(map.get(7)).toBe(1);
    expect(tsbpf(['map', 'set', id, '7', '-1']).status).toBe(0);
    expect(map.get(7)).toBe(0xffffffff);
    expect(tsbpf(['map', 'delete', id, '7']).status).toBe(0);
    expect(map.get(7)).toBeUndefined();
    expect(said(tsbpf(['map', 'get', id, '7']))).toMatchInlineSnapshot(`
      "1
      key:
      07 00 00 00

      Not found
      "
    `);
    expect(said(tsbpf(['map', 'delete', id, '7']))).toMatchInlineSnapshot(`
      "1
      key:
      07 00 00 00

      Not found
      "
    `);
  });

  test('take prefixes for the keys of an LPM trie', () => {
    using map = make({ type: 'LPM_TRIE', key: 8, value: 4, flags: 1 });
    const id = `${map.info().id}`;
    expect(said(tsbpf(['map', 'set', id, '10.1.0.0/16', '5']))).toBe('0\n');
    expect(tsbpf(['map', 'dump', id]).stdout).toBe(
      'key: 10 00 00 00 0a 01 00 00  value: 05 00 00 00\nFound 1 element\n',
    );
    expect(tsbpf(['map', 'get', id, '10.1.2.3']).stdout).toContain('value: 05 00 00 00');
    expect(said(tsbpf(['map', 'set', id, '2001:db8::/32', '5']))).toMatchInlineSnapshot(`
      "1
      error[KEY_SIZE]: a key of this map is 8 bytes, but 20 were given
      "
    `);
  });

  test('say what is wrong', () => {
    using map = make({ type: 'HASH', key: 4, value: 4 });
    using wide = make({ type: 'HASH', key: 20, value: 4 });
    map.pin(join(bpffs, 'counts'));
    const id = `${map.info().id}`;
    const all = [
      ['map', 'dump', '4294967295'],
      ['map', 'dump', '99999999999'],
      ['map', 'dump', `${bpffs}/none`],
      ['map', 'dump', 'no_such_map'],
      ['map', 'dump', id, 'extra'],
      ['map', 'get', id],
      ['map', 'get', id, 'hex 00 01'],
      ['map', 'get', id, 'hex 00 0g'],
      ['map', 'get', id, '1 2 3'],
      ['map', 'get', id, '4294967296'],
      ['map', 'get', id, 'abc'],
      ['map', 'get', id, '{}'],
      ['map', 'get', `${wide.info().id}`, '1'],
      ['map', 'set', id, '1'],
      ['map', 'set', id, '1', '2', '3'],
      ['map', 'set', id, '1', '2', '--if-presnt'],
      ['map', 'set', id, '1', '2', '--if-present'],
    ];
    expect(
      all
        .map(
          (args) =>
            `${plain(args.slice(1).join(' '))
              .replace(new RegExp(`\\b${id}\\b`), 'ID')
              .replace(new RegExp(`\\b${wide.info().id}\\b`), 'WIDE')}: ${said(tsbpf(args))}`,
        )
        .join('\n'),
    ).toMatchInlineSnapshot(`
      "dump 4294967295: 1
      error[ENOENT]: cannot open map N: nothing has id 4294967295 (any more) (ENOENT)

      dump 99999999999: 2
      error[ID_INVALID]: '99999999999' is no id: a whole number below 2^32

      dump BPFFS/none: 1
      error[ENOENT]: cannot open the pin BPFFS/none: nothing is pinned at BPFFS/none (ENOENT)

      dump no_such_map: 1
      error[MAP_NOT_FOUND]: there is no map 'no_such_map'
      help: tsbpf map list shows those that are there

      dump ID extra: 2
      error[ARGUMENT_EXTRA]: 'extra' is one word too many
      help: one object is its id, the path of its pin, or its name

      get ID: 2
      error[ARGUMENT_MISSING]: there is no key
      help: a number, 'hex 00 01 …', JSON by the map's type, or a prefix as 10.0.0.0/8

      get ID hex 00 01: 1
      error[KEY_SIZE]: a key of this map is 4 bytes, but 2 were given

      get ID hex 00 0g: 1
      error[VALUE_SYNTAX]: 'hex 00 0g' is no key of 4 bytes
      help: it takes a number, 'hex 00 01 …'

      get ID 1 2 3: 1
      error[KEY_SIZE]: a key of this map is 4 bytes, but 3 were given

      get ID 4294967296: 1
      error[VALUE_RANGE]: 4294967296 does not fit into the 4 bytes of a key

      get ID abc: 1
      error[VALUE_SYNTAX]: 'abc' is no key of 4 bytes
      help: it takes a number, 'hex 00 01 …'

      get ID {}: 1
      error[VALUE_SYNTAX]: this map has no type for its key
      help: write a number, or its bytes: 'hex 00 01 …'

      get WIDE 1: 1
      error[KEY_SIZE]: a key of this map is 20 bytes, which a number does not tell
      help: write its bytes: 'hex 00 01 …'

      set ID 1: 2
      error[ARGUMENT_MISSING]: there is no value
      help: a number, 'hex 00 01 …', JSON by the map's type, or a prefix as 10.0.0.0/8

      set ID 1 2 3: 2
      error[ARGUMENT_EXTRA]: '3' is one word too many
      help: put keys and values of several words into quotes, or write: key hex 01 00 value hex 02

      set ID 1 2 --if-presnt: 2
      error[OPTION_UNKNOWN]: there is no option '--if-presnt'
      help: --help shows those that there are

      set ID 1 2 --if-present: 1
      error[ENOENT]: cannot write to map N: there is no such key, and the flag EXIST asks for one (ENOENT)
      "
    `);
    rmSync(join(bpffs, 'counts'));
  });

  test('watch what changes, and show what counts', async () => {
    using map = make({ type: 'ARRAY', key: 4, value: 8 });
    const id = `${map.info().id}`;
    map.set(1, 7n);
    expect(tsbpf(['map', 'watch', id, '--count', '1']).stdout).toMatchInlineSnapshot(`
      "+ 00 00 00 00: 00 00 00 00 00 00 00 00
      + 01 00 00 00: 07 00 00 00 00 00 00 00
      "
    `);
    expect(
      tsbpf(['map', 'watch', id, '--count', '1', '--json'])
        .stdout.trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { version: 1, change: 'added', key: '00000000', value: '0000000000000000' },
      { version: 1, change: 'added', key: '01000000', value: '0700000000000000' },
    ]);
    const top = tsbpf(['map', 'top', id, '--count', '1', '--limit', '1', '--json']).stdout;
    expect(JSON.parse(top).rows).toEqual([
      { key: '00000000', counters: [{ name: 'value', total: '0', rate: 0 }] },
    ]);
    expect(tsbpf(['map', 'top', id, '--count', '2', '--interval', '0.05']).stdout).toMatchInlineSnapshot(`
      "key          value  /s
      00 00 00 00  0      0
      01 00 00 00  7      0
      key          value  /s
      00 00 00 00  0      0
      01 00 00 00  7      0
      "
    `);
    expect(said(tsbpf(['map', 'top', id, '--count', '1', '--by', 'valu']))).toMatchInlineSnapshot(`
      "1
      error[COUNTER_NOT_FOUND]: the values of this map have no number 'valu'
      help: did you mean 'value'?
      "
    `);
    expect(said(tsbpf(['map', 'watch', id, '--interval', '0']))).toMatchInlineSnapshot(`
      "2
      error: option '--interval <seconds>' argument '0' is invalid. it takes seconds, from more than 0 to 86400
      (tsbpf map watch --help shows what it takes)
      "
    `);
  });

  test('end where nobody reads on', () => {
    using map = make({ type: 'ARRAY', key: 4, value: 20, entries: 60_000 });
    const cli = join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs');
    const piped = spawnSync(
      'bash',
      [
        '-c',
        `"$0" "$1" map dump "$2" | head -n 1; echo "\${PIPESTATUS[0]}"`,
        process.execPath,
        cli,
        `${map.info().id}`,
      ],
      { encoding: 'utf8' },
    );
    expect([piped.stdout, piped.stderr]).toEqual(['key:\n0\n', '']);
  });
});
