import { expect, test } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { decodeInsnAt, encodeInsns, makeInsn } from '../../src/isa/index.ts';
import { bind, type FunctionSpec, link, type ObjectSpec, type Relocation } from '../../src/object/index.ts';
import { fixture } from './fixtures.ts';

/** A spec of functions that each call some others and return. */
function specOf(calls: Readonly<Record<string, readonly string[]>>): ObjectSpec {
  const functions = Object.entries(calls).map(([name, targets]): FunctionSpec => {
    const relocations = targets.map((target, slot): Relocation => ({ kind: 'call', slot, target }));
    return {
      name,
      section: '.text',
      sectionOffset: 0,
      linkage: 'global',
      code: encodeInsns([...targets.map(() => makeInsn('call_local', { imm: -1 })), makeInsn('exit')]),
      relocations,
      coreRelocations: [{ slot: 0, type: 1, access: '0:0', kind: 0 }],
      lines: [{ slot: 0, file: 'a.c', line: 1, column: 1, text: name }],
      type: undefined,
      program: undefined,
    };
  });
  return {
    endian: 'little',
    license: '',
    functions: new Map(functions.map((each) => [each.name, each])),
    maps: new Map(),
    variables: new Map(),
    externs: new Map(),
    btf: undefined,
  };
}

const layout = (spec: ObjectSpec, name: string): unknown =>
  link(spec, name).functions.map((each) => `${each.name}@${each.slot}+${each.slots}`);

test('each function that is reached stands once, before what it reaches itself', () => {
  const spec = specOf({ main: ['a', 'b', 'a'], a: ['c'], b: ['c', 'd'], c: [], d: [], unused: ['a'] });
  expect(layout(spec, 'main')).toEqual(['main@0+4', 'a@4+2', 'c@6+1', 'b@7+3', 'd@10+1']);
  expect(layout(spec, 'd')).toEqual(['d@0+1']);
});

test('recursion is left to the kernel', () => {
  const spec = specOf({ main: ['main', 'a'], a: ['main'] });
  const linked = link(spec, 'main');
  expect(layout(spec, 'main')).toEqual(['main@0+3', 'a@3+2']);
  expect(decodeInsnAt(linked.code, 0)).toMatchObject({ src: 1, imm: -1 });
  expect(decodeInsnAt(linked.code, 3)).toMatchObject({ src: 1, imm: -4 });
});

test('a chain of twenty thousand calls is followed without recursion', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `f${index}`);
  const calls = Object.fromEntries(names.map((name, index) => [name, names.slice(index + 1, index + 2)]));
  expect(link(specOf(calls), 'f0').functions.length).toBe(20_000);
});

test('lines and CO-RE relocations move with their functions', () => {
  const linked = link(specOf({ main: ['a'], a: [] }), 'main');
  expect(linked.lines.map(({ slot, text }) => [slot, text])).toEqual([
    [0, 'main'],
    [2, 'a'],
  ]);
  expect(linked.coreRelocations.map(({ slot }) => slot)).toEqual([0, 2]);
});

test('binding leaves the linked program as it was', () => {
  const linked = link(readObject(fixture('globals-19-el')), 'count');
  const before = linked.code.slice();
  const code = bind(linked, { map: () => 3, mapValue: () => 4 });
  expect(linked.code).toEqual(before);
  expect(code).not.toEqual(before);
});

test.each(['little', 'big'] as const)(
  'externs are filled in with what the resolver says, %s endian',
  (endian) => {
    const insns = [makeInsn('lddw', { dst: 3 }), makeInsn('call_local', { imm: -1 }), makeInsn('exit')];
    const main: FunctionSpec = {
      ...specOf({ main: [] }).functions.get('main')!,
      code: encodeInsns(insns, endian),
      relocations: [
        { kind: 'extern', slot: 0, name: 'jiffies' },
        { kind: 'extern', slot: 2, name: 'bpf_task_release' },
      ],
    };
    const spec: ObjectSpec = {
      ...specOf({}),
      endian,
      functions: new Map([['main', main]]),
      externs: new Map([
        ['jiffies', { name: 'jiffies', kind: 'ksym', weak: false, type: undefined }],
        ['bpf_task_release', { name: 'bpf_task_release', kind: 'kfunc', weak: false, type: undefined }],
      ]),
    };
    const linked = link(spec, 'main');
    const answers = {
      jiffies: { src: 0, imm64: 0xffff_ffff_8000_1000n },
      bpf_task_release: { src: 2, imm64: 0x3_0000_1234n },
    };
    const code = bind(linked, {
      map: () => 0,
      mapValue: () => 0,
      extern: (name) => answers[name as keyof typeof answers],
    });
    expect(decodeInsnAt(code, 0, endian)).toMatchObject({ dst: 3, src: 0, imm: -0x7fff_f000, nextImm: -1 });
    expect(decodeInsnAt(code, 2, endian)).toMatchObject({ src: 2, off: 3, imm: 0x1234 });
    expect(() => bind(linked, { map: () => 0, mapValue: () => 0 })).toThrowErrorMatchingInlineSnapshot(
      `[TsbpfError: main needs jiffies, which is not known here]`,
    );
  },
);
