import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseElf, readObject, writeElf } from '../../src/elf/index.ts';
import { MapType } from '../../src/isa/index.ts';
import {
  collect,
  type FunctionSpec,
  link,
  type ObjectSpec,
  type RelocatableObject,
  type Relocation,
} from '../../src/object/index.ts';
import { compile, fixture, goodFixtures, hasTool, special } from './fixtures.ts';

/** What is referred to, as `slot kind target`. */
function references(spec: ObjectSpec, name: string): string[] {
  return spec.functions
    .get(name)!
    .relocations.map((relocation) => `${relocation.slot} ${relocation.kind} ${targetOf(relocation)}`);
}

function targetOf(relocation: Relocation): string {
  if (relocation.kind === 'map') return relocation.map;
  if (relocation.kind === 'mapValue') return `${relocation.map}+${relocation.offset}`;
  return relocation.kind === 'extern' ? relocation.name : relocation.target;
}

describe('an object of gcc 12, whose assembler writes whole addresses where clang writes addends', () => {
  function expectIt(spec: ObjectSpec): void {
    expect(references(spec, 'one')).toEqual(['1 mapValue .bss+0']);
    expect(references(spec, 'two')).toEqual(['0 call one', '1 mapValue .data+56']);
    expect(references(spec, 'three')).toEqual(['0 call two']);
    expect(references(spec, 'entry')).toEqual([
      '3 map table',
      '8 call two',
      '12 mapValue .data+0',
      '18 call three',
      '19 mapValue .data+24',
    ]);
    expect(references(spec, 'later')).toEqual(['2 call three', '5 call one', '9 map second']);
    expect(spec.maps.get('table')).toMatchObject({ type: MapType.ARRAY, keySize: 4, valueSize: 8 });
    expect(spec.variables.get('initial')).toMatchObject({ map: '.data', offset: 56, size: 4 });
  }

  test.each(['gcc-plain', 'gcc', 'gcc-eb'])('%s', (name) => {
    const spec = readObject(special(name));
    expectIt(spec);
    if (name === 'gcc-plain') return;
    const programs = spec.maps.get('jumps')!.contents;
    expect(programs).toEqual([
      { kind: 'program', key: 1, program: 'later' },
      { kind: 'program', key: 2, program: 'entry' },
    ]);
  });

  test.skipIf(!hasTool('bpf-gcc'))('as compiled now', () => {
    expectIt(readObject(compile('bpf-gcc', 'gcc', ['-gbtf'])));
    expectIt(readObject(compile('bpf-gcc', 'gcc', ['-gbtf', '-mbig-endian'])));
  });

  test('the same relocations mean other places where gcc is not named', () => {
    const object = parseElf(special('gcc'));
    const sections = object.sections.map((section) =>
      section.name === '.comment' ? { ...section, name: '.note' } : section,
    );
    expect(() => collect({ ...parts(object), sections })).toThrow();
  });
});

/** Without the reader's shortcut to one section's relocations. */
function parts({ endian, sections, symbols, relocations }: RelocatableObject): RelocatableObject {
  return { endian, sections, symbols, relocations };
}

/** What a program means to a kernel: without names that only say where it came from. */
function meaning(spec: ObjectSpec): object {
  const program = ({ name, code, relocations, program }: FunctionSpec): object => ({
    name,
    code,
    relocations,
    program,
  });
  return {
    license: spec.license,
    functions: [...spec.functions.values()].map(program),
    maps: [...spec.maps.values()].map(({ key, value, inner, ...map }) => ({ ...map, inner: inner?.type })),
  };
}

describe('what a compiler leaves out changes nothing', () => {
  const objects = goodFixtures.map((name) => [name, parseElf(fixture(name))] as const);
  const rewrite = (object: RelocatableObject, change: Partial<RelocatableObject>): ObjectSpec =>
    collect(parseElf(writeElf({ ...parts(object), ...change })));

  test.each(objects)('%s without the sizes of its symbols', (_, object) => {
    const symbols = object.symbols.map((symbol) => ({ ...symbol, size: 0 }));
    expect(meaning(rewrite(object, { symbols }))).toEqual(meaning(collect(object)));
  });

  test.each(objects)('%s without the types of its global symbols', (_, object) => {
    const symbols = object.symbols.map((symbol) =>
      symbol.binding === 'local' ? symbol : { ...symbol, type: 'notype' as const },
    );
    expect(meaning(rewrite(object, { symbols }))).toEqual(meaning(collect(object)));
  });

  test.each(objects)('%s without .BTF.ext', (_, object) => {
    const sections = object.sections.map((section) =>
      section.name === '.BTF.ext' ? { ...section, name: '.unknown' } : section,
    );
    const spec = rewrite(object, { sections });
    expect(meaning(spec)).toEqual(meaning(collect(object)));
    for (const { lines } of spec.functions.values()) expect(lines).toEqual([]);
  });

  test.each(objects)('%s with the older relocation in its initialisers', (_, object) => {
    const isMaps = (section: number): boolean => object.sections[section]!.name === '.maps';
    const relocations = object.relocations.map((entry) =>
      isMaps(entry.section) ? { ...entry, type: 1 } : entry,
    );
    expect(meaning(rewrite(object, { relocations }))).toEqual(meaning(collect(object)));
  });

  test.each(objects)(
    '%s with relocations of types that no loader applies, in sections of types',
    (_, object) => {
      const btf = object.sections.findIndex(({ name }) => name === '.BTF');
      if (btf < 0) return;
      const noise = [3, 4].map((type) => ({ section: btf, offset: 24, type, symbol: 0, addend: 0 }));
      const relocations = [...object.relocations, ...noise].sort(
        (a, b) => a.section - b.section || a.offset - b.offset,
      );
      expect(meaning(rewrite(object, { relocations }))).toEqual(meaning(collect(object)));
    },
  );
});

test('reading leaves the bytes of a file alone, in a Buffer too', () => {
  for (const name of goodFixtures) {
    const bytes = Buffer.from(fixture(name));
    const before = new Uint8Array(bytes);
    const first = readObject(bytes);
    expect(new Uint8Array(bytes)).toEqual(before);
    expect(meaning(readObject(bytes))).toEqual(meaning(first));
  }
});

test('structs of functions become maps with their bytes, and programs by the member that they fill', () => {
  const { maps, functions } = readObject(special('struct_ops'));
  expect([...functions.values()].map(({ name, program }) => [name, program?.attachTo])).toEqual([
    ['threshold', 'ssthresh'],
    ['undo', 'undo'],
    ['avoid', undefined],
  ]);
  const plain = maps.get('plain')!;
  expect(plain).toMatchObject({
    type: MapType.STRUCT_OPS,
    keySize: 4,
    valueSize: 48,
    maxEntries: 1,
    flags: 0,
  });
  expect(plain.autocreate).toBe(true);
  expect(plain.structOps).toEqual({
    struct: 'tcp_congestion_ops',
    link: false,
    programs: [
      { member: 'ssthresh', offset: 0, program: 'threshold' },
      { member: 'cong_avoid', offset: 8, program: 'avoid' },
      { member: 'undo_cwnd', offset: 16, program: 'undo' },
    ],
  });
  const [entry] = maps.get('linked')!.contents;
  const value = entry?.kind === 'bytes' ? entry.value : new Uint8Array();
  expect(Buffer.from(value.subarray(24, 30)).toString()).toBe('linked');
  expect(value[40]).toBe(3);
  expect(maps.get('linked')).toMatchObject({ flags: 8192, autocreate: true, structOps: { link: true } });
  expect(maps.get('spare')).toMatchObject({ autocreate: false });
});

test('variables of address space 1 lie in the arena', () => {
  const { maps, variables, functions } = readObject(special('arena'));
  expect([...variables.values()].map(({ name, map, offset, size }) => [name, map, offset, size])).toEqual([
    ['start', 'memory', 0, 4],
    ['counts', 'memory', 8, 32],
  ]);
  const [entry] = maps.get('memory')!.contents;
  expect(entry).toMatchObject({ kind: 'bytes', value: { length: 40, 0: 1, 8: 1, 16: 2, 24: 3 } });
  expect(functions.get('entry')!.relocations).toEqual([
    { kind: 'map', slot: 0, map: 'memory' },
    { kind: 'mapValue', slot: 2, map: 'memory', offset: 8 },
    { kind: 'mapValue', slot: 9, map: 'memory', offset: 0 },
  ]);
});

describe("iproute2's maps", () => {
  test('a section "<id>/<key>" fills a prog array, and its program is of the kind of the caller', () => {
    const spec = readObject(special('elf_map'));
    expect(spec.maps.get('jumps')!.contents).toEqual([
      { kind: 'program', key: 0, program: 'even' },
      { kind: 'program', key: 3, program: 'odd' },
    ]);
    expect(spec.functions.get('odd')!.program).toMatchObject({ progType: 3, attachTo: undefined });
    expect(link(spec, '0x2/3').name).toBe('odd');
  });

  test('inner_id names the template, and inner_idx the slot', () => {
    const outer = readObject(special('elf_map')).maps.get('outer')!;
    expect(outer).toMatchObject({ type: MapType.ARRAY_OF_MAPS, maxEntries: 3 });
    expect(outer.inner).toMatchObject({ type: MapType.ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    expect(outer.contents).toEqual([{ kind: 'map', key: 1, map: 'first' }]);
  });

  test('pinning is for the object or for all; with BTF and in big endian as well', () => {
    const { maps } = readObject(special('elf_map-pinned'));
    expect([...maps.values()].map(({ name, pinning }) => [name, pinning])).toEqual([
      ['jumps', 'none'],
      ['first', 'none'],
      ['apart', 'none'],
      ['outer', 'none'],
      ['shared', 'globalNs'],
      ['own', 'objectNs'],
    ]);
  });
});

test('typedefs and named structs define maps as anonymous ones do', () => {
  const { maps } = readObject(special('inner_maps'));
  expect(maps.get('by_index')).toMatchObject({
    type: MapType.ARRAY_OF_MAPS,
    maxEntries: 6,
    inner: { type: MapType.ARRAY, maxEntries: 1, keySize: 4, valueSize: 4 },
    contents: [
      { key: 1, map: 'third' },
      { key: 4, map: 'first' },
    ],
  });
  expect(maps.get('by_hash')).toMatchObject({
    type: MapType.HASH_OF_MAPS,
    contents: [
      { key: 3, map: 'second' },
      { key: 5, map: 'third' },
    ],
  });
});

test('a hidden function is told from a visible one', () => {
  const { functions } = readObject(special('callbacks'));
  expect([...functions.values()].filter(({ hidden }) => hidden).map(({ name }) => name)).toEqual(['bump']);
});

test('addresses of functions are references by name', () => {
  const path = new URL('./fixtures/special/callbacks.o', import.meta.url);
  expect(references(readObject(readFileSync(path)), 'sum_up')).toEqual([
    expect.stringMatching(/call bump$/),
    expect.stringMatching(/map elements$/),
    expect.stringMatching(/functionAddress add$/),
    expect.stringMatching(/functionAddress thrice$/),
  ]);
});
