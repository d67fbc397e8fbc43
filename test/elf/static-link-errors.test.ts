import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BtfBuilder } from '../../src/btf/index.ts';
import { linkObjects, parseElf, writeElf } from '../../src/elf/index.ts';
import { encodeInsns, makeInsn } from '../../src/isa/index.ts';
import type { ElfSymbol, RelocatableObject, Section } from '../../src/object/index.ts';
import { TsbpfError } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';

const section = (name: string, bytes: Uint8Array, parts: Partial<Section> = {}): Section => ({
  name,
  type: 1,
  flags: 3,
  align: 8,
  entrySize: 0,
  bytes,
  size: bytes.length,
  ...parts,
});
const symbol = (name: string, parts: Partial<ElfSymbol> = {}): ElfSymbol => ({
  name,
  section: 0,
  value: 0,
  size: 8,
  binding: 'global',
  type: 'object',
  visibility: 'default',
  ...parts,
});
const object = (parts: Partial<RelocatableObject>): RelocatableObject => ({
  endian: 'little',
  sections: [],
  symbols: [],
  relocations: [],
  ...parts,
});
const data = (...symbols: ElfSymbol[]): RelocatableObject =>
  object({ sections: [section('.data', new Uint8Array(8))], symbols });

function refusal(...objects: RelocatableObject[]): string {
  try {
    linkObjects(objects, { names: ['a.o', 'b.o'] });
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
    return `${error.code}: ${error.message}${error.hint ? `\n${error.hint}` : ''}`;
  }
  throw new Error('it was linked');
}

describe('objects that do not go together', () => {
  test('of two endiannesses', () => {
    expect(refusal(object({}), object({ endian: 'big' }))).toMatchInlineSnapshot(`
      "LINK_ENDIAN: a.o is little endian, b.o is big endian
      compile both with the same -target, bpfel or bpfeb"
    `);
    expect(() => linkObjects([])).toThrowErrorMatchingInlineSnapshot(
      `[TsbpfError: there are no objects to link]`,
    );
  });

  test('under two licences', () => {
    const licensed = (text: string): RelocatableObject =>
      object({ sections: [section('license', new TextEncoder().encode(`${text}\0`))] });
    expect(refusal(licensed('GPL'), licensed('Proprietary'))).toMatchInlineSnapshot(`
      "LINK_LICENSE: license differs: "GPL" in a.o, "Proprietary" in b.o
      give every object the same license: one program is made of them"
    `);
    expect(linkObjects([licensed('GPL'), licensed('GPL')]).sections).toHaveLength(1);
    expect(linkObjects([licensed('GPL'), object({})]).sections).toHaveLength(1);
  });

  test('that define a name twice', () => {
    expect(refusal(data(symbol('total')), data(symbol('total')))).toMatchInlineSnapshot(`
      "LINK_DUPLICATE_SYMBOL: symbol total is defined in a.o and again in b.o
      make one of them static or __weak, or declare it extern in one of the files"
    `);
    expect(
      refusal(data(symbol('run', { type: 'func' })), data(symbol('run', { type: 'func' }))),
    ).toMatchInlineSnapshot(`
      "LINK_DUPLICATE_SYMBOL: function run is defined in a.o and again in b.o
      make one of them static or __weak, or declare it extern in one of the files"
    `);
    expect(
      refusal(data(symbol('x', { binding: 'weak', type: 'func' })), data(symbol('x'))),
    ).toMatchInlineSnapshot(`"LINK_KIND_MISMATCH: x is a function in a.o, but a variable in b.o"`);
  });

  test('with a tentative definition', () => {
    expect(refusal(object({ symbols: [symbol('old', { section: 'common' })] }))).toMatchInlineSnapshot(`
      "LINK_COMMON_SYMBOL: a.o: old is a tentative definition
      compile with -fno-common, or give it a value"
    `);
  });

  test('whose sections of one name are of two kinds', () => {
    const bss = section('.data', new Uint8Array(), { type: 8, size: 8 });
    expect(refusal(data(), object({ sections: [bss] }))).toMatchInlineSnapshot(`
      "LINK_SECTION_MISMATCH: section .data cannot be joined: it is PROGBITS WRITE ALLOC in a.o, but NOBITS WRITE ALLOC in b.o
      give one of the two sections another name"
    `);
    const code = section('.data', new Uint8Array(8), { flags: 6 });
    expect(refusal(data(), object({ sections: [code] }))).toMatchInlineSnapshot(`
      "LINK_SECTION_MISMATCH: section .data cannot be joined: it is PROGBITS WRITE ALLOC in a.o, but PROGBITS ALLOC EXECINSTR in b.o
      give one of the two sections another name"
    `);
  });

  test('whose relocations cannot be moved', () => {
    const one = data(symbol('', { type: 'section', binding: 'local' }));
    const relocated = (type: number, offset: number): RelocatableObject => ({
      ...one,
      relocations: [{ section: 0, offset, type, symbol: 0, addend: 0 }],
    });
    expect(refusal(one, relocated(77, 0))).toMatchInlineSnapshot(
      `"LINK_BAD_RELOCATION: b.o/.data: the relocation at byte 0 is of type 77, which is not known here"`,
    );
    expect(refusal(one, relocated(2, 4))).toMatchInlineSnapshot(
      `"LINK_BAD_RELOCATION: b.o/.data: the relocation at byte 4 does not fit into its section"`,
    );
    const debug = section('.debug_info', new Uint8Array(8));
    const intoDebug = object({
      sections: [section('.data', new Uint8Array(8)), debug],
      symbols: [symbol('', { section: 1, type: 'section', binding: 'local' })],
      relocations: [{ section: 0, offset: 0, type: 2, symbol: 0, addend: 0 }],
    });
    expect(refusal(intoDebug)).toMatchInlineSnapshot(
      `"LINK_BAD_RELOCATION: a.o/.data: the relocation at byte 0 refers to a symbol of a section that is not linked"`,
    );
  });
});

/** An object that declares or defines names by its types. */
function typed(
  define: boolean,
  build: (btf: BtfBuilder, linkage: 'global' | 'extern') => { name: string; map?: number },
): RelocatableObject {
  const btf = new BtfBuilder();
  const { name, map } = build(btf, define ? 'global' : 'extern');
  if (map !== undefined) btf.datasec('.maps', 8, [{ type: map, offset: 0, size: 8 }]);
  const bytes = btf.build('little');
  return object({
    sections: [section('.data', new Uint8Array(8)), section('.BTF', bytes, { flags: 0, align: 4 })],
    symbols: [symbol(name, define ? {} : { section: 'undefined', type: 'notype', size: 0 })],
  });
}

describe('declarations that say something else than the definition', () => {
  test('of a variable', () => {
    const variable = (define: boolean, size: number): RelocatableObject =>
      typed(define, (btf, linkage) => {
        btf.variable('total', btf.int(size === 4 ? 'unsigned int' : 'unsigned long', size), linkage);
        return { name: 'total' };
      });
    expect(refusal(variable(false, 4), variable(true, 8))).toMatchInlineSnapshot(`
      "LINK_TYPE_MISMATCH: variable total differs: its type is unsigned long in b.o, but unsigned int in a.o
      declare it in one header that both files include"
    `);
    expect(linkObjects([variable(false, 8), variable(true, 8)]).symbols).toHaveLength(1);
  });

  test('of a function', () => {
    const fn = (define: boolean, params: number, result: number): RelocatableObject =>
      typed(define, (btf, linkage) => {
        const [int, long] = [btf.int('int', 4, { signed: true }), btf.int('long', 8, { signed: true })];
        const list = Array.from({ length: params }, (_, index) => ({ name: `p${index}`, type: int }));
        btf.func('scale', btf.funcProto(result === 4 ? int : long, list), linkage);
        return { name: 'scale' };
      });
    expect(refusal(fn(true, 2, 4), fn(false, 1, 4))).toMatchInlineSnapshot(`
      "LINK_TYPE_MISMATCH: function scale differs: the number of parameters is 2 in a.o, but 1 in b.o
      declare it in one header that both files include"
    `);
    expect(refusal(fn(true, 2, 4), fn(false, 2, 8))).toMatchInlineSnapshot(`
      "LINK_TYPE_MISMATCH: function scale differs: the result is int in a.o, but long in b.o
      declare it in one header that both files include"
    `);
  });

  test('of a map', () => {
    const map = (define: boolean, fields: Readonly<Record<string, number>>): RelocatableObject =>
      typed(define, (btf, linkage) => {
        const int = btf.int('int', 4, { signed: true });
        const members = Object.entries(fields).map(([name, value], index) => ({
          name,
          type: btf.ptr(btf.array(int, int, value)),
          offsetBits: index * 64,
        }));
        const type = btf.struct('', members.length * 8, members);
        return { name: 'counters', map: btf.variable('counters', type, linkage) };
      });
    const base = { type: 1, key_size: 4, value_size: 8, max_entries: 16 };
    expect(refusal(map(true, base), map(false, { ...base, max_entries: 32 }))).toMatchInlineSnapshot(`
      "LINK_TYPE_MISMATCH: map counters differs: max_entries is 16 in a.o, but 32 in b.o
      declare it in one header that both files include"
    `);
    expect(refusal(map(false, { ...base, map_flags: 1 }), map(true, base))).toMatchInlineSnapshot(`
      "LINK_TYPE_MISMATCH: map counters differs: map_flags is left out in b.o, but given in a.o
      declare it in one header that both files include"
    `);
    // The order of the fields says nothing.
    const { type, ...rest } = base;
    expect(linkObjects([map(true, base), map(false, { ...rest, type })]).symbols).toHaveLength(1);
  });

  test('of another kind of thing', () => {
    const one = typed(true, (btf, linkage) => {
      btf.variable('thing', btf.int('int', 4), linkage);
      return { name: 'thing' };
    });
    const other = typed(false, (btf, linkage) => {
      btf.func('thing', btf.funcProto(0, []), linkage);
      return { name: 'thing' };
    });
    expect(refusal(one, other)).toMatchInlineSnapshot(
      `"LINK_KIND_MISMATCH: thing is a variable in a.o, but a function in b.o"`,
    );
  });

  test('types that refer to each other, and types of types without end, are compared in bounded time', () => {
    const nested = (define: boolean): RelocatableObject =>
      typed(define, (btf, linkage) => {
        let id = btf.int('int', 4);
        for (let depth = 0; depth < 200; depth++)
          id = btf.struct(
            `s${depth}`,
            4,
            Array.from({ length: 8 }, (_, index) => ({ name: `m${index}`, type: id, offsetBits: 0 })),
          );
        btf.variable('deep', id, linkage);
        return { name: 'deep' };
      });
    expect(linkObjects([nested(true), nested(false)]).symbols).toHaveLength(1);
  });
});

test('a section symbol’s addends grow by what lies before it', () => {
  const file = (filler: number): RelocatableObject => {
    const code = encodeInsns([
      makeInsn('lddw', { dst: 1, imm: 4 }),
      makeInsn('call_local', { imm: 2 }),
      makeInsn('exit'),
    ]);
    return object({
      sections: [section('xdp', code, { flags: 6 }), section('.data', new Uint8Array(8 * filler))],
      symbols: [
        symbol('', { type: 'section', binding: 'local' }),
        symbol('', { section: 1, type: 'section', binding: 'local' }),
      ],
      relocations: [
        { section: 0, offset: 0, type: 1, symbol: 1, addend: 0 },
        { section: 0, offset: 16, type: 10, symbol: 0, addend: 0 },
        { section: 1, offset: 0, type: 2, symbol: 1, addend: 0 },
      ],
    });
  };
  const linked = linkObjects([file(1), file(2)]);
  const [code, values] = linked.sections.map(({ bytes }) => new DataView(bytes.buffer));
  expect([code!.getInt32(32 + 4, true), code!.getInt32(32 + 16 + 4, true)]).toEqual([4 + 8, 2 + 4]);
  expect(values!.getBigInt64(8, true)).toBe(8n);
  expect(linked.symbols).toHaveLength(2);
  expect(linked.relocations.map(({ section, offset }) => [section, offset])).toEqual([
    [0, 0],
    [0, 16],
    [0, 32],
    [0, 48],
    [1, 0],
    [1, 8],
  ]);
});

const inputs = ['first-19-el', 'second-19-el'].map(
  (name) => new Uint8Array(readFileSync(new URL(`./link/${name}.o`, import.meta.url))),
);

property.prop([fc.nat(1), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 })], {
  numRuns: 400,
})('damaged objects are linked or refused in words', (which, changes) => {
  const bytes = inputs.map((each) => each.slice());
  for (const [at, value] of changes) bytes[which]![at % bytes[which]!.length] = value;
  try {
    writeElf(linkObjects(bytes.map((each) => parseElf(each))));
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
  }
});
