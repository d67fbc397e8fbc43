import { expect, test } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { bind, collect, link, type ObjectSpec, pruneSpec } from '../../src/object/index.ts';
import { fc, test as property } from '../support/property.ts';
import { fixture, special } from './fixtures.ts';
import { Modeller, plan } from './model.ts';

const names = (spec: ObjectSpec): object => ({
  functions: [...spec.functions.keys()],
  maps: [...spec.maps.keys()],
  variables: [...spec.variables.keys()],
});

test('what a program does not reach is left out', () => {
  const spec = readObject(fixture('calls-19-el'));
  expect(names(pruneSpec(spec, { programs: ['two'] }))).toEqual({
    functions: ['shared', 'mix', 'two'],
    maps: [],
    variables: [],
  });
  expect(names(pruneSpec(spec, { programs: ['three'] }))).toMatchObject({ functions: ['each', 'three'] });
});

test('a prog array brings its programs, a map of maps the maps in its slots', () => {
  const dispatch = readObject(fixture('dispatch-19-el'));
  expect(names(pruneSpec(dispatch, { programs: ['root'] }))).toEqual({
    functions: ['root'],
    maps: [],
    variables: [],
  });
  expect(names(pruneSpec(dispatch, { programs: ['classify'] }))).toMatchObject({
    functions: ['on_icmp', 'on_tcp', 'on_udp', 'classify'],
  });
  expect(names(pruneSpec(readObject(special('inner_maps')), { programs: ['from_hash'] }))).toEqual({
    functions: ['from_hash'],
    maps: ['third', 'second', 'by_hash', '.bss'],
    variables: ['wanted'],
  });
});

test('a struct of functions stays with each of its programs, and brings the others', () => {
  expect(names(pruneSpec(readObject(special('struct_ops')), { programs: ['avoid'] }))).toMatchObject({
    functions: ['threshold', 'undo', 'avoid'],
  });
});

test('a map that nobody refers to can be asked for', () => {
  const spec = readObject(fixture('nested-19-el'));
  expect(names(pruneSpec(spec, { programs: [], maps: ['pinned'] }))).toEqual({
    functions: [],
    maps: ['pinned'],
    variables: [],
  });
});

property.prop([plan, fc.nat(100)], { numRuns: 200 })(
  'a pruned object links its program as the whole one does',
  (given, pick) => {
    const spec = collect(new Modeller(given).model().object);
    const all = [...spec.functions.keys()];
    const name = all[pick % all.length]!;
    const pruned = pruneSpec(spec, { programs: [name] });
    const handles = new Map([...spec.maps.keys()].map((map, index) => [map, index]));
    const handle = (map: string): number => handles.get(map)!;
    const code = (from: ObjectSpec): Uint8Array => bind(link(from, name), { map: handle, mapValue: handle });
    expect(code(pruned)).toEqual(code(spec));
    expect(pruneSpec(pruned, { programs: [name] })).toEqual(pruned);
    // Nothing dangles, and nothing is there twice over.
    for (const { relocations } of pruned.functions.values()) {
      for (const relocation of relocations) {
        if (relocation.kind === 'call' || relocation.kind === 'functionAddress')
          expect(pruned.functions.has(relocation.target)).toBe(true);
        else if (relocation.kind !== 'extern') expect(pruned.maps.has(relocation.map)).toBe(true);
      }
    }
  },
);
