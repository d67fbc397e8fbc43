import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { parseElf, writeElf } from '../../src/elf/index.ts';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { collect } from '../../src/object/index.ts';
import { testWith, withFiles } from './tools.ts';

const BPFTOOL = '/usr/sbin/bpftool';

const TEXT = `
    .license "GPL"
    .const SLOTS = 3
    .map jump_table, prog_array, entries=SLOTS
    .entry 0, handle_icmp
    .entry 2, handle_udp
    .map counters, percpu_hash, key=4, value=8, entries=64, flags=BPF_F_NO_PREALLOC
    .map config, array, key=4, value=16, entries=1, pinning=by_name, numa=0
    .map events, ringbuf, entries=4096
    .map seen, bloom_filter, value=4, entries=100, extra=3

    .program dispatch, "xdp"
    r6 = r1
    r2 = jump_table ll
    r3 = 0
    call bpf_tail_call
    call count
    r0 = XDP_PASS
    exit

    .program handle_icmp, "xdp/icmp"
    r0 = XDP_DROP
    exit

    .program handle_udp, "xdp"
    r0 = XDP_TX
    exit

    .function count
    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = counters ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
out:
    r0 = 0
    exit
`;

function bpftool(...args: string[]): string {
  return withFiles((path) => {
    writeFileSync(path('x.o'), writeElf(assembleOrThrow(TEXT).object));
    const command = args.map((arg) => (arg === 'x.o' ? path('x.o') : arg));
    return execFileSync(BPFTOOL, command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  });
}

describe.each(['little', 'big'] as const)('%s endian maps of the language', (endian) => {
  const { object } = assembleOrThrow(TEXT, { endian });
  const spec = collect(parseElf(writeElf(object)));

  test('come back from the object as they were declared', () => {
    const maps = [...spec.maps.values()].map(
      ({ name, type, keySize, valueSize, maxEntries, flags, extra, numaNode, pinning }) =>
        [name, type, keySize, valueSize, maxEntries, flags, extra, numaNode, pinning] as const,
    );
    expect(maps).toEqual([
      ['jump_table', MapType.PROG_ARRAY, 4, 4, 3, 0, 0n, undefined, 'none'],
      ['counters', MapType.PERCPU_HASH, 4, 8, 64, 1, 0n, undefined, 'none'],
      ['config', MapType.ARRAY, 4, 16, 1, 4, 0n, 0, 'byName'],
      ['events', MapType.RINGBUF, 0, 0, 4096, 0, 0n, undefined, 'none'],
      ['seen', MapType.BLOOM_FILTER, 0, 4, 100, 0, 3n, undefined, 'none'],
    ]);
  });

  test('keep their initial entries', () => {
    expect(spec.maps.get('jump_table')!.contents).toEqual([
      { kind: 'program', key: 0, program: 'handle_icmp' },
      { kind: 'program', key: 2, program: 'handle_udp' },
    ]);
  });

  test('are what the code refers to', () => {
    const targets = [...spec.functions.values()].map(({ name, relocations }) => [name, relocations]);
    expect(Object.fromEntries(targets)).toEqual({
      count: [{ kind: 'map', slot: 3, map: 'counters' }],
      dispatch: [
        { kind: 'map', slot: 1, map: 'jump_table' },
        { kind: 'call', slot: 5, target: 'count' },
      ],
      handle_icmp: [],
      handle_udp: [],
    });
    expect(spec.license).toBe('GPL');
  });
});

testWith(BPFTOOL)('bpftool reads the types of the maps', () => {
  expect(bpftool('btf', 'dump', 'file', 'x.o').split("VAR 'jump_table'")[0]).toMatchInlineSnapshot(`
    "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
    [2] ARRAY '(anon)' type_id=1 index_type_id=1 nr_elems=3
    [3] PTR '(anon)' type_id=2
    [4] ARRAY '(anon)' type_id=1 index_type_id=1 nr_elems=4
    [5] PTR '(anon)' type_id=4
    [6] PTR '(anon)' type_id=0
    [7] FUNC_PROTO '(anon)' ret_type_id=1 vlen=1
    	'(anon)' type_id=6
    [8] PTR '(anon)' type_id=7
    [9] ARRAY '(anon)' type_id=8 index_type_id=1 nr_elems=0
    [10] STRUCT '(anon)' size=32 vlen=5
    	'type' type_id=3 bits_offset=0
    	'key_size' type_id=5 bits_offset=64
    	'value_size' type_id=5 bits_offset=128
    	'max_entries' type_id=3 bits_offset=192
    	'values' type_id=9 bits_offset=256
    [11] "
  `);
});

testWith(BPFTOOL)('bpftool makes a skeleton with every map and program', () => {
  const skeleton = bpftool('gen', 'skeleton', 'x.o', 'name', 'demo');
  const members = [...skeleton.matchAll(/^\t\tstruct bpf_(map|program) \*(\w+);$/gm)].map(
    ([, kind, name]) => `${kind} ${name}`,
  );
  expect(members).toEqual([
    'map jump_table',
    'map counters',
    'map config',
    'map events',
    'map seen',
    'program dispatch',
    'program handle_udp',
    'program handle_icmp',
  ]);
});
