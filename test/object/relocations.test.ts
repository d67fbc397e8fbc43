import { expect, test } from 'vitest';
import { parseElf, writeElf } from '../../src/elf/index.ts';
import { decodeInsnAt } from '../../src/isa/index.ts';
import { bind, collect, link, type RelocatableObject } from '../../src/object/index.ts';
import { fc, test as property } from '../support/property.ts';
import { Modeller, plan } from './model.ts';

function defined(wanted: object): object {
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}

property.prop([plan], { numRuns: 500 })('every reference is found again as it was meant', (given) => {
  const { object, relocations, contents, maps, fields, bytes, variables } = new Modeller(given).model();
  const spec = collect(parseElf(writeElf(object)));
  expect([...spec.maps.keys()].sort()).toEqual([...maps].sort());
  expect(new Map([...spec.functions.values()].map((fn) => [fn.name, fn.relocations]))).toEqual(
    new Map([...spec.functions.keys()].map((name) => [name, relocations.get(name)])),
  );
  expect(spec.functions.size).toBe(relocations.size);
  for (const [name, entries] of contents) expect(spec.maps.get(name)?.contents).toEqual(entries);
  for (const [name, wanted] of fields) expect(spec.maps.get(name)).toMatchObject(defined(wanted));
  for (const [name, value] of bytes) {
    const entry = { kind: 'bytes', key: new Uint8Array(4), value };
    expect(spec.maps.get(name)).toMatchObject({
      valueSize: value.length,
      contents: name === '.bss' ? [] : [entry],
    });
  }
  for (const variable of variables) expect(spec.variables.get(variable.name)).toMatchObject(variable);
  expect(spec.variables.size).toBe(variables.length);
});

property.prop([plan], { numRuns: 300 })(
  'a linked and bound program refers to the right slots, maps and bytes',
  (given) => {
    const { object, relocations } = new Modeller(given).model();
    const spec = collect(object);
    const handles = new Map([...spec.maps.keys()].map((name, index) => [name, 100 + index]));
    const handle = (name: string): number => handles.get(name)!;
    for (const entry of spec.functions.keys()) {
      const linked = link(spec, entry);
      const code = bind(linked, { map: handle, mapValue: handle });
      expect(linked.functions[0]).toMatchObject({ name: entry, slot: 0 });
      const slotOf = new Map(linked.functions.map(({ name, slot }) => [name, slot]));
      for (const { name, slot: base } of linked.functions) {
        for (const relocation of relocations.get(name)!) {
          const slot = base + relocation.slot;
          const insn = decodeInsnAt(code, slot, given.endian);
          if (relocation.kind === 'call') {
            expect(insn).toMatchObject({ src: 1, imm: slotOf.get(relocation.target)! - slot - 1 });
          } else if (relocation.kind === 'functionAddress') {
            expect(insn).toMatchObject({
              src: 4,
              imm: slotOf.get(relocation.target)! - slot - 1,
              nextImm: 0,
            });
          } else if (relocation.kind === 'map') {
            expect(insn).toMatchObject({ src: 1, imm: handle(relocation.map), nextImm: 0 });
          } else if (relocation.kind === 'mapValue') {
            expect(insn).toMatchObject({ src: 2, imm: handle(relocation.map), nextImm: relocation.offset });
          }
        }
      }
    }
  },
);

property.prop([plan, fc.array(fc.nat(100), { minLength: 12, maxLength: 12 })], { numRuns: 200 })(
  'the order of sections does not change what an object means',
  (given, order) => {
    const describe = (object: RelocatableObject): object => {
      const spec = collect(object);
      const functions = [...spec.functions.values()].map(({ code, name, relocations }) => [
        name,
        { code, relocations },
      ]);
      return { functions: Object.fromEntries(functions), maps: Object.fromEntries(spec.maps) };
    };
    const meant = describe(new Modeller(given).model().object);
    expect(describe(new Modeller({ ...given, order }).model().object)).toEqual(meant);
  },
);

test('the generator makes every kind of reference', () => {
  const kinds = new Set<string>();
  for (const given of fc.sample(plan, { seed: 1, numRuns: 100 })) {
    const { relocations } = new Modeller(given).model();
    for (const { kind } of [...relocations.values()].flat()) kinds.add(kind);
  }
  expect([...kinds].sort()).toEqual(['call', 'functionAddress', 'map', 'mapValue']);
});
