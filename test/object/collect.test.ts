import { describe, expect, test } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { type ObjectSpec, programsOf } from '../../src/object/index.ts';
import { compile, fixture, hasTool } from './fixtures.ts';

/** What every compiler and either endianness must give for a source, in a few lines. */
const expectations: Readonly<Record<string, (spec: ObjectSpec) => void>> = {
  dispatch: expectDispatch,
  calls: expectCalls,
  globals: expectGlobals,
  legacy: expectLegacy,
  nested: expectNested,
};

const committed = ['14-el', '16-eb', '19-el'];
describe.each(Object.entries(expectations))('%s.c', (source, expectIt) => {
  test.each(committed)('as committed, by clang %s', (variant) => {
    expectIt(readObject(fixture(`${source}-${variant}`)));
  });

  test.skipIf(!hasTool('clang-14') || !hasTool('clang-16') || !hasTool('clang-19'))(
    'as compiled now, by every clang, for every processor and either endianness',
    () => {
      for (const clang of ['clang-14', 'clang-16', 'clang-19']) {
        for (const target of ['bpfel', 'bpfeb']) {
          for (const cpu of ['v1', 'v2', 'v3'])
            expectIt(readObject(compile(clang, source, ['-g', '-target', target, `-mcpu=${cpu}`])));
        }
      }
    },
    60_000,
  );
});

test.each(['calls', 'globals', 'legacy'])('%s.c without BTF, big endian', (source) => {
  const spec = readObject(fixture(`${source}-14-eb-plain`));
  expect(spec.btf).toBeUndefined();
  expectations[source]!(spec);
});

function expectDispatch(spec: ObjectSpec): void {
  expect(spec.license).toBe('Dual MIT/GPL');
  expect(programsOf(spec).map(({ name, section, program }) => [name, section, program?.progType])).toEqual([
    ['on_icmp', 'xdp/icmp', 6],
    ['on_tcp', 'xdp/tcp', 6],
    ['on_udp', 'xdp/udp', 6],
    ['first_class', 'classifier/0', 3],
    ['root', 'xdp-root', 6],
    ['classify', 'xdp_classifier', 6],
  ]);
  const program = (key: number, name: string): object => ({ kind: 'program', key, program: name });
  expect(spec.maps.get('by_protocol')).toMatchObject({
    type: 3,
    keySize: 4,
    valueSize: 4,
    maxEntries: 3,
    contents: [program(0, 'on_icmp'), program(1, 'on_tcp'), program(2, 'on_udp')],
  });
  expect(spec.maps.get('sparse')).toMatchObject({
    maxEntries: 1024,
    contents: [program(135, 'on_tcp'), program(146, 'on_icmp')],
  });
  expect(spec.maps.get('counters')).toMatchObject({
    type: 1,
    keySize: 4,
    valueSize: 8,
    maxEntries: 8,
    origin: 'btf',
  });
  expect(spec.maps.get('events')).toMatchObject({ type: 4, keySize: 4, valueSize: 4, maxEntries: 0 });
  const { btf } = spec;
  expect(btf!.type(spec.maps.get('counters')!.value!)).toMatchObject({ kind: 'typedef', name: 'u64' });
  expect(spec.functions.get('classify')!.relocations.map((each) => 'map' in each && each.map)).toEqual([
    'counters',
    'by_protocol',
    'sparse',
  ]);
  const lines = spec.functions.get('on_tcp')!.lines;
  expect(lines[0]).toMatchObject({ slot: 0, line: 5 });
  expect(lines[0]!.text).toContain('on_tcp');
  expect(lines[0]!.file).toMatch(/dispatch\.c$/);
  expect(btf!.type(spec.functions.get('on_tcp')!.type!)).toMatchObject({ kind: 'func', name: 'on_tcp' });
}

function expectCalls(spec: ObjectSpec): void {
  const targets = (name: string): (string | false)[] =>
    spec.functions.get(name)!.relocations.map((each) => 'target' in each && `${each.kind} ${each.target}`);
  expect(
    [...spec.functions.values()].map(({ name, section, linkage }) => `${linkage} ${name} in ${section}`),
  ).toEqual([
    'global shared in .text',
    'static twice in .text',
    'static mix in .text',
    'static each in .text',
    'global one in xdp',
    'global two in xdp',
    'global three in xdp',
    'global spare in ?xdp.frags',
  ]);
  expect(programsOf(spec).map(({ name, program }) => [name, program?.autoload, program?.flags])).toEqual([
    ['one', true, 0],
    ['two', true, 0],
    ['three', true, 0],
    ['spare', false, 32],
  ]);
  expect(targets('one')).toEqual(['call twice', 'call shared']);
  expect(targets('twice')).toEqual(['call mix', 'call mix']);
  expect(targets('two')).toEqual(['call mix', 'call shared']);
  expect(targets('three')).toEqual(['functionAddress each']);
}

function expectGlobals(spec: ObjectSpec): void {
  const data = (name: string): unknown => {
    const entry = spec.maps.get(name)?.contents[0];
    return entry?.kind === 'bytes' ? [...entry.value] : entry;
  };
  const little = spec.endian === 'little';
  const word = (value: number): number[] => (little ? [value, 0, 0, 0] : [0, 0, 0, value]);
  const long = (value: number): number[] =>
    little ? [...word(value), 0, 0, 0, 0] : [0, 0, 0, 0, ...word(value)];
  expect(spec.maps.get('.rodata')).toMatchObject({
    type: 2,
    keySize: 4,
    valueSize: 32,
    maxEntries: 1,
    flags: 128,
    freeze: true,
  });
  expect(data('.rodata')).toEqual([...word(40), 0, 0, 0, 0, ...long(1), ...long(2), ...long(3)]);
  expect(data('.data')).toEqual([...word(5), ...word(6)]);
  expect(spec.maps.get('.bss')).toMatchObject({ valueSize: 40, flags: 0, freeze: false, contents: [] });
  expect(data('.rodata.config')).toEqual(word(9));
  expect(data('.data.extra')).toEqual(word(11));
  expect(data('.rodata.str1.1')).toEqual([...new TextEncoder().encode('seen\n\0')]);
  expect(spec.variables.get('table')).toMatchObject({ map: '.rodata', offset: 8, size: 24, constant: true });
  expect(spec.variables.get('hidden')).toMatchObject({ map: '.data', offset: 4, size: 4, constant: false });
  expect(spec.variables.get('zeroed')).toMatchObject({ map: '.bss', offset: 8, size: 32 });
  expect([...spec.variables.keys()].sort()).toEqual([
    'extra',
    'hidden',
    'level',
    'limit',
    'seen',
    'table',
    'tuned',
    'zeroed',
  ]);
  if (spec.btf) expect(spec.btf.sizeOf(spec.variables.get('table')!.type!)).toBe(24);
  const places = spec.functions
    .get('count')!
    .relocations.map((each) => each.kind === 'mapValue' && `${each.map}+${each.offset}`);
  for (const place of [
    '.rodata+0',
    '.bss+0',
    '.bss+8',
    '.data+0',
    '.data+4',
    '.rodata.config+0',
    '.data.extra+0',
  ])
    expect(places).toContain(place);
}

function expectLegacy(spec: ObjectSpec): void {
  expect(spec.maps.get('jumps')).toMatchObject({
    type: 3,
    keySize: 4,
    valueSize: 4,
    maxEntries: 8,
    flags: 0,
    origin: 'legacy',
  });
  expect(spec.maps.get('flows')).toMatchObject({
    type: 1,
    keySize: 8,
    valueSize: 16,
    maxEntries: 64,
    flags: 1,
  });
  expect(spec.maps.get('plain')).toMatchObject({
    type: 2,
    keySize: 4,
    valueSize: 8,
    maxEntries: 2,
    flags: 0,
  });
  expect(spec.functions.get('entry')!.relocations.map((each) => 'map' in each && each.map)).toEqual([
    'plain',
    'flows',
    'jumps',
  ]);
}

function expectNested(spec: ObjectSpec): void {
  const outer = spec.maps.get('outer')!;
  expect(outer).toMatchObject({ type: 12, keySize: 4, valueSize: 4, maxEntries: 5 });
  expect(outer.inner).toMatchObject({ type: 2, keySize: 4, valueSize: 8, maxEntries: 4, origin: 'btf' });
  expect(outer.contents).toEqual([
    { kind: 'map', key: 1, map: 'second' },
    { kind: 'map', key: 4, map: 'first' },
  ]);
  expect(spec.maps.get('pinned')).toMatchObject({
    keySize: 6,
    valueSize: 10,
    maxEntries: 100,
    flags: 1 | 4,
    numaNode: 0,
    pinning: 'byName',
    extra: 0n,
    key: undefined,
  });
}
