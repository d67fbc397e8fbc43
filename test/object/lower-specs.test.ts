import { describe, expect, test } from 'vitest';
import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import { parseElf, readObject, writeElf } from '../../src/elf/index.ts';
import { encodeInsns, makeInsn } from '../../src/isa/index.ts';
import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import {
  collect,
  type FunctionSpec,
  lower,
  type MapSpec,
  type ObjectSpec,
  RelocationType,
  type Section,
} from '../../src/object/index.ts';
import { TsbpfError } from '../../src/util/index.ts';
import { functionSpec, mapSpec, objectSpec, progArray, returns } from '../support/bpf-code.ts';
import { fixture } from './fixtures.ts';
import { meaningOf } from './meaning.ts';

const again = (spec: ObjectSpec): ObjectSpec => readObject(writeElf(lower(spec)));
const maps = (spec: ObjectSpec): Partial<MapSpec>[] => [...spec.maps.values()];
const withMaps = (spec: ObjectSpec, list: readonly MapSpec[]): ObjectSpec => ({
  ...spec,
  maps: new Map(list.map((map) => [map.name, map])),
});

function refusal(spec: ObjectSpec): string {
  try {
    lower(spec);
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
    return `${error.code}: ${error.message}${error.hint ? `\n${error.hint}` : ''}`;
  }
  throw new Error('it was written');
}

const leaf = functionSpec('leaf', 'xdp/leaf', returns(1));

describe('a spec that no file stood behind', () => {
  test.each(['little', 'big'] as const)('gets its maps defined by types, %s endian', (endian) => {
    const list = [
      progArray('jump', 5, undefined, 'leaf'),
      mapSpec('hash', MapType.HASH, { valueSize: 24, flags: 1, pinning: 'byName', extra: 3n }),
      mapSpec('near', MapType.ARRAY, { flags: MapFlag.NUMA_NODE, numaNode: 0 }),
      mapSpec('ring', MapType.RINGBUF, { keySize: 0, valueSize: 0, maxEntries: 4096 }),
    ];
    const code = encodeInsns([makeInsn('mov_k', { imm: 1 }), makeInsn('exit')], endian);
    const function_ = functionSpec('leaf', 'xdp/leaf', code);
    const spec = objectSpec({ functions: [function_], maps: list, license: 'GPL', endian });
    const read = again(spec);
    expect(maps(read)).toEqual(list.map((map) => ({ ...map, origin: 'btf' })));
    expect(read.license).toBe('GPL');
    expect(read.endian).toBe(endian);
    expect(read.functions.get('leaf')).toMatchObject({ code, program: { progType: 6, attachTo: 'leaf' } });
    expect(meaningOf(again(read))).toEqual(meaningOf(read));
  });

  test('keeps maps in maps', () => {
    const inner = mapSpec('outer.inner', MapType.HASH, { origin: 'btf' });
    const list = [
      mapSpec('one', MapType.HASH),
      mapSpec('outer', MapType.ARRAY_OF_MAPS, { inner, contents: [{ kind: 'map', key: 2, map: 'one' }] }),
    ];
    const read = again(objectSpec({ functions: [leaf], maps: list }));
    expect(maps(read)).toEqual(list.map((map) => ({ ...map, origin: 'btf' })));
  });

  test('tells several functions of a section apart by where they begin', () => {
    const functions = [
      functionSpec('a', 'xdp', returns(1)),
      functionSpec('b', 'xdp', returns(2)),
      functionSpec('sub', '.text', returns(3), undefined),
    ];
    const spec = objectSpec({ functions });
    const { sections } = lower(spec);
    expect(sections.map(({ name, size }) => [name, size])).toEqual([
      ['xdp', 32],
      ['.text', 16],
    ]);
    const read = again(spec);
    expect([...read.functions.values()].map(({ name, sectionOffset }) => [name, sectionOffset])).toEqual([
      ['a', 0],
      ['b', 16],
      ['sub', 0],
    ]);
  });
});

describe('a spec that was changed after it was read', () => {
  test('has its maps defined anew, and the types of the others kept', () => {
    const spec = readObject(fixture('dispatch-19-el'));
    const [changed, ...rest] = [...spec.maps.values()].filter(({ origin }) => origin === 'btf');
    const map = { ...changed!, maxEntries: changed!.maxEntries + 7 };
    const read = again(
      withMaps(
        spec,
        [...spec.maps.values()].map((each) => (each === changed ? map : each)),
      ),
    );
    expect(read.maps.get(map.name)).toEqual(map);
    for (const other of rest) expect(read.maps.get(other.name)).toEqual(other);
    expect([...read.functions.values()].map(({ relocations }) => relocations)).toEqual(
      [...spec.functions.values()].map(({ relocations }) => relocations),
    );
    // One DATASEC of the name, and in it one variable of each name.
    const { btf } = read;
    const sections = Array.from({ length: btf!.typeCount }, (_, id) => btf!.type(id)).filter(
      (type) => type.kind === 'datasec' && type.name === '.maps',
    );
    expect(sections).toHaveLength(1);
    expect(meaningOf(again(read))).toEqual(meaningOf(read));
  });

  test('may have maps that its types do not know', () => {
    const spec = readObject(fixture('dispatch-14-el'));
    const more = mapSpec('more', MapType.LRU_HASH, { valueSize: 8 });
    const read = again(withMaps(spec, [...spec.maps.values(), more]));
    expect(read.maps.get('more')).toEqual({ ...more, origin: 'btf' });
    expect(read.maps.size).toBe(spec.maps.size + 1);
    for (const [name, map] of spec.maps) expect(read.maps.get(name)).toEqual(map);
  });
});

describe('references', () => {
  const insns = (...list: Parameters<typeof encodeInsns>[0]): Uint8Array =>
    encodeInsns([...list, makeInsn('exit')]);
  const load = makeInsn('lddw', { dst: 1 });
  const call = makeInsn('call_local', { imm: -1 });

  test('are written as clang writes them', () => {
    const relocations: FunctionSpec['relocations'] = [
      { kind: 'functionAddress', slot: 0, target: 'near' },
      { kind: 'functionAddress', slot: 2, target: 'shared' },
      { kind: 'call', slot: 4, target: 'near' },
      { kind: 'call', slot: 5, target: 'beside' },
      { kind: 'call', slot: 6, target: 'shared' },
      { kind: 'extern', slot: 7, name: 'bpf_task_release' },
      { kind: 'extern', slot: 8, name: 'jiffies' },
    ];
    const functions = [
      functionSpec('main', 'xdp', insns(load, load, call, call, call, call, load), undefined, relocations),
      { ...functionSpec('beside', 'xdp', insns()), linkage: 'static' as const, program: undefined },
      functionSpec('shared', '.text', insns(makeInsn('mov_k'), makeInsn('mov_k')), undefined),
      { ...functionSpec('near', '.text', insns()), linkage: 'static' as const, program: undefined },
    ].map((each) => (each.section === '.text' ? { ...each, program: undefined } : each));
    const externs: ObjectSpec['externs'] = new Map([
      ['bpf_task_release', { name: 'bpf_task_release', kind: 'unknown', weak: true, type: undefined }],
    ]);
    const spec = { ...objectSpec({ functions }), externs };
    const object = lower(spec);
    const view = new DataView(object.sections[0]!.bytes.buffer);
    const seen = object.relocations.map(({ offset, type, symbol }) => {
      const { name, section, binding } = object.symbols[symbol]!;
      return [
        offset / 8,
        type,
        name || object.sections[section as number]!.name,
        binding,
        view.getInt32(offset + 4, true),
      ];
    });
    const { R_BPF_64_64, R_BPF_64_32 } = RelocationType;
    expect(seen).toEqual([
      [0, R_BPF_64_64, '.text', 'local', 24],
      [2, R_BPF_64_64, 'shared', 'global', 0],
      [4, R_BPF_64_32, '.text', 'local', 2],
      [6, R_BPF_64_32, 'shared', 'global', -1],
      [7, R_BPF_64_32, 'bpf_task_release', 'weak', -1],
      [8, R_BPF_64_64, 'jiffies', 'global', 0],
    ]);
    // A static function of the same section is called without one.
    expect(view.getInt32(5 * 8 + 4, true)).toBe(11 - 6);
    expect(again(spec).functions.get('main')!.relocations).toEqual(relocations);
  });

  test('that lead nowhere are refused', () => {
    const main = (code: Uint8Array, relocation: FunctionSpec['relocations'][number]): string =>
      refusal(objectSpec({ functions: [functionSpec('main', 'xdp', code, undefined, [relocation])] }));
    expect(main(insns(load), { kind: 'map', slot: 0, map: 'gone' })).toMatchInlineSnapshot(
      `"RELOCATION_UNKNOWN: slot 0 of main refers to the map gone, which the spec does not have"`,
    );
    expect(main(insns(load), { kind: 'mapValue', slot: 0, map: '.bss', offset: 0 })).toMatchInlineSnapshot(
      `"RELOCATION_UNKNOWN: slot 0 of main refers to the data section .bss, which the spec does not have"`,
    );
    expect(main(insns(call), { kind: 'call', slot: 0, target: 'gone' })).toMatchInlineSnapshot(
      `"RELOCATION_UNKNOWN: slot 0 of main refers to the function gone, which the spec does not have"`,
    );
    expect(main(insns(call), { kind: 'extern', slot: 1, name: 'x' })).toMatchInlineSnapshot(
      `"RELOCATION_UNKNOWN: slot 1 of main has a relocation, but no lddw to apply it to"`,
    );
    expect(main(insns(load), { kind: 'extern', slot: 2, name: 'x' })).toMatchInlineSnapshot(
      `"RELOCATION_UNKNOWN: slot 2 of main has a relocation, but no lddw to apply it to"`,
    );
    expect(
      refusal(objectSpec({ functions: [functionSpec('none', 'xdp', new Uint8Array())] })),
    ).toMatchInlineSnapshot(
      `"FUNCTION_UNALIGNED: function none has 0 bytes, which is no whole number of 8-byte instructions above 0"`,
    );
  });
});

describe('what a spec must have to be written', () => {
  test('types that its functions refer to', () => {
    const typed = { ...leaf, type: 3 };
    expect(refusal(objectSpec({ functions: [typed] }))).toMatchInlineSnapshot(
      `"BTF_MISSING: function leaf refers to types, but the spec has none"`,
    );
  });

  test('entries that an object can hold', () => {
    const entry = { kind: 'bytes', key: new Uint8Array(4), value: new Uint8Array(4) } as const;
    const hash = mapSpec('hash', MapType.HASH, { contents: [entry] });
    expect(refusal(objectSpec({ functions: [leaf], maps: [hash] }))).toMatchInlineSnapshot(`
      "MAP_BAD_CONTENTS: map hash has contents that no object can hold
      an object can hold programs and maps; write other entries after the load"
    `);
    expect(
      refusal(objectSpec({ functions: [], maps: [progArray('jump', 1, 'gone')] })),
    ).toMatchInlineSnapshot(
      `"RELOCATION_UNKNOWN: entry 0 of map jump is the program gone, which the spec does not have"`,
    );
    const data = mapSpec('.data', MapType.ARRAY, { origin: 'data', valueSize: 8, contents: [entry] });
    expect(refusal(objectSpec({ functions: [leaf], maps: [data] }))).toMatchInlineSnapshot(
      `"MAP_BAD_CONTENTS: map .data has values of 8 bytes, but contents of 4"`,
    );
  });

  test('legacy maps that a legacy definition can say', () => {
    const legacy = (parts: Partial<MapSpec>, more: readonly MapSpec[] = []): string =>
      refusal(
        objectSpec({
          functions: [leaf],
          maps: [mapSpec('old', MapType.HASH, { origin: 'legacy', ...parts }), ...more],
        }),
      );
    expect(legacy({ pinning: 'byName' })).toMatchInlineSnapshot(`
      "MAP_INEXPRESSIBLE: map old: no legacy definition can say that it is pinned by its name
      give it the origin 'builder': a definition in .maps can say it"
    `);
    expect(legacy({ extra: 1n })).toMatchInlineSnapshot(`
      "MAP_INEXPRESSIBLE: map old: no legacy definition can say map_extra
      give it the origin 'builder': a definition in .maps can say it"
    `);
    expect(legacy({ pinning: 'globalNs', flags: MapFlag.NUMA_NODE, numaNode: 1 })).toMatchInlineSnapshot(`
      "MAP_INEXPRESSIBLE: map old: no legacy definition can say pinning beside the rest
      give it the origin 'builder': a definition in .maps can say it"
    `);
    const jump = {
      type: MapType.PROG_ARRAY,
      contents: [{ kind: 'program', key: 0, program: 'leaf' }],
    } as const;
    expect(legacy(jump)).toMatchInlineSnapshot(`
      "MAP_INEXPRESSIBLE: map old: no legacy definition can say its slots: their programs are not in sections called "<map id>/<slot>"
      give it the origin 'builder': a definition in .maps can say it"
    `);
    const inner = mapSpec('old.inner', MapType.ARRAY, { origin: 'legacy' });
    expect(legacy({ type: MapType.HASH_OF_MAPS, inner })).toMatchInlineSnapshot(`
      "MAP_INEXPRESSIBLE: map old: no legacy definition can say what its inner maps are like: no other map is like them
      give it the origin 'builder': a definition in .maps can say it"
    `);
  });
});

describe('iproute2’s definitions', () => {
  const legacy = (name: string, type: MapType, parts: Partial<MapSpec> = {}): MapSpec =>
    mapSpec(name, type, { origin: 'legacy', ...parts });

  test('come back with their slots, pins and templates', () => {
    const inner = legacy('outer.inner', MapType.HASH, { valueSize: 8 });
    const list = [
      legacy('jump', MapType.PROG_ARRAY, {
        contents: [
          { kind: 'program', key: 0, program: 'first' },
          { kind: 'program', key: 3, program: 'second' },
        ],
      }),
      legacy('mine', MapType.HASH, { pinning: 'objectNs' }),
      legacy('ours', MapType.HASH, { pinning: 'globalNs' }),
      legacy('custom', MapType.HASH, { pinning: 7 }),
      legacy('template', MapType.HASH, { valueSize: 8 }),
      legacy('member', MapType.HASH, { valueSize: 8 }),
      legacy('outer', MapType.ARRAY_OF_MAPS, { inner, contents: [{ kind: 'map', key: 2, map: 'member' }] }),
      legacy('near', MapType.ARRAY, { flags: MapFlag.NUMA_NODE, numaNode: 1 }),
    ];
    const functions = [
      functionSpec('root', 'classifier', returns(0), undefined),
      functionSpec('first', '4/0', returns(1)),
      functionSpec('second', '4/0x3', returns(2)),
    ];
    const read = again(objectSpec({ functions, maps: list }));
    expect(maps(read)).toEqual(list);
    expect(maps(again(read))).toEqual(list);
  });
});

/** A section for objects that a compiler of the future might make. */
const section = (name: string, bytes: Uint8Array, flags = 3): Section => ({
  name,
  type: 1,
  flags,
  align: 8,
  entrySize: 0,
  bytes,
  size: bytes.length,
});

test('structs of functions and arenas come back', () => {
  const btf = new BtfBuilder();
  const int = btf.int('int', 4, { signed: true });
  const callback = btf.ptr(btf.funcProto(int, []));
  const ops = btf.struct('tcp_congestion_ops', 24, [
    { name: 'flags', type: int, offsetBits: 0 },
    { name: 'init', type: callback, offsetBits: 64 },
    { name: 'release', type: callback, offsetBits: 128 },
  ]);
  const uint = (value: number): number => btf.ptr(btf.array(int, int, value));
  const arena = btf.struct('', 24, [
    { name: 'type', type: uint(MapType.ARENA), offsetBits: 0 },
    { name: 'map_flags', type: uint(MapFlag.MMAPABLE), offsetBits: 64 },
    { name: 'max_entries', type: uint(10), offsetBits: 128 },
  ]);
  const vars = (...list: [string, number, number][]): { type: number; offset: number; size: number }[] =>
    list.map(([name, type, size]) => ({ type: btf.variable(name, type, 'global'), offset: 0, size }));
  btf.datasec('.struct_ops', 0, vars(['plain', ops, 24]));
  btf.datasec('?.struct_ops.link', 0, vars(['linked', ops, 24]));
  btf.datasec('.maps', 0, vars(['space', arena, 24]));
  btf.datasec('.addr_space.1', 0, vars(['shared', int, 4]));
  const pointers = new Uint8Array(24);
  pointers[0] = 5;
  const common = { size: 24, binding: 'global', type: 'object', visibility: 'default', value: 0 } as const;
  const code = encodeInsns([makeInsn('lddw', { dst: 1, imm: 4 }), makeInsn('exit')]);
  const spec = collect({
    endian: 'little',
    sections: [
      section('struct_ops/init', code, 6),
      section('.struct_ops', pointers),
      section('?.struct_ops.link', pointers),
      section('.maps', new Uint8Array(24)),
      section('.addr_space.1', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
      section('.BTF', btf.build('little'), 0),
    ],
    symbols: [
      { ...common, name: '', section: 4, size: 0, binding: 'local', type: 'section' },
      { ...common, name: 'init', section: 0, type: 'func' },
      { ...common, name: 'plain', section: 1 },
      { ...common, name: 'linked', section: 2 },
      { ...common, name: 'space', section: 3 },
      { ...common, name: 'shared', section: 4, size: 8 },
    ],
    relocations: [
      { section: 0, offset: 0, type: RelocationType.R_BPF_64_64, symbol: 0, addend: 0 },
      { section: 1, offset: 8, type: RelocationType.R_BPF_64_ABS64, symbol: 1, addend: 0 },
      { section: 2, offset: 16, type: RelocationType.R_BPF_64_ABS64, symbol: 1, addend: 0 },
    ],
  });
  expect(spec.maps.get('linked')).toMatchObject({ autocreate: false, structOps: { link: true } });
  expect(spec.functions.get('init')!.relocations).toEqual([
    { kind: 'mapValue', slot: 0, map: 'space', offset: 4 },
  ]);
  const read = again(spec);
  expect(meaningOf(read)).toEqual(meaningOf(spec));
  const written = parseElf(writeElf(lower(spec)));
  expect(written.sections.map(({ name }) => name)).toEqual([
    'struct_ops/init',
    '.maps',
    '.struct_ops',
    '?.struct_ops.link',
    '.addr_space.1',
    '.BTF',
  ]);
  expect(parseBtf(written.sections[5]!.bytes).typeCount).toBe(spec.btf!.typeCount);
});
