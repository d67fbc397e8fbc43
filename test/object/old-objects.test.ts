import { expect, test } from 'vitest';
import { encodeInsns, makeInsn } from '../../src/isa/index.ts';
import {
  collect,
  type ElfSymbol,
  link,
  type RelocatableObject,
  type Section,
} from '../../src/object/index.ts';

const code = (name: string, bytes: Uint8Array): Section => ({
  name,
  type: 1,
  flags: 6,
  align: 8,
  entrySize: 0,
  bytes,
  size: bytes.length,
});
const symbol = (name: string, section: number, value: number, more: Partial<ElfSymbol> = {}): ElfSymbol => ({
  name,
  section,
  value,
  size: 0,
  binding: 'global',
  type: 'notype',
  visibility: 'default',
  ...more,
});
const object = (parts: Partial<RelocatableObject>): RelocatableObject => ({
  endian: 'little',
  sections: [],
  symbols: [],
  relocations: [],
  ...parts,
});
const exits = (count: number): Uint8Array =>
  encodeInsns(
    Array.from({ length: count }, (_, index) =>
      makeInsn(index % 2 ? 'exit' : 'mov_k', { ...(index % 2 ? {} : { imm: index }) }),
    ),
  );

test('symbols without type and size end where the next one begins', () => {
  const spec = collect(
    object({
      sections: [code('socket', exits(6))],
      symbols: [symbol('last', 0, 32), symbol('first', 0, 0), symbol('LBB0_1', 0, 8, { binding: 'local' })],
    }),
  );
  expect([...spec.functions.values()].map(({ name, code: { length } }) => [name, length])).toEqual([
    ['first', 32],
    ['last', 16],
  ]);
});

test('a section whose symbols were stripped is one program, called as the section is', () => {
  const spec = collect(object({ sections: [code('xdp', exits(2))] }));
  expect(spec.functions.get('xdp')).toMatchObject({
    section: 'xdp',
    sectionOffset: 0,
    program: { progType: 6 },
  });
});

test('calls that the compiler resolved itself become relocations', () => {
  const bytes = encodeInsns([
    makeInsn('call_local', { imm: 1 }),
    makeInsn('exit'),
    makeInsn('mov_k', { imm: 7 }),
    makeInsn('exit'),
  ]);
  const spec = collect(
    object({
      sections: [code('xdp', bytes)],
      symbols: [symbol('main', 0, 0), symbol('sub', 0, 16, { binding: 'local', type: 'func' })],
    }),
  );
  expect(spec.functions.get('main')!.relocations).toEqual([{ kind: 'call', slot: 0, target: 'sub' }]);
  expect(spec.functions.get('sub')!.program).toBeUndefined();
  expect(link(spec, 'main').functions.map(({ name, slot }) => [name, slot])).toEqual([
    ['main', 0],
    ['sub', 2],
  ]);
});

test('a subprogram without a symbol of its own stays within its function', () => {
  const bytes = encodeInsns([
    makeInsn('call_local', { imm: 1 }),
    makeInsn('exit'),
    makeInsn('mov_k', { imm: 7 }),
    makeInsn('exit'),
  ]);
  const spec = collect(object({ sections: [code('xdp', bytes)], symbols: [symbol('main', 0, 0)] }));
  expect(spec.functions.get('main')).toMatchObject({ relocations: [], code: bytes });
});

test('two names for one function: the visible one is kept, and both lead to it', () => {
  const bytes = encodeInsns([makeInsn('call_local', { imm: -1 }), makeInsn('exit')]);
  const hidden = symbol('alias', 0, 0, { binding: 'local', type: 'func' });
  const shown = symbol('real', 0, 0, { type: 'func' });
  for (const names of [
    [hidden, shown],
    [shown, hidden],
  ]) {
    const spec = collect(
      object({
        sections: [code('.text', exits(2)), code('xdp', bytes)],
        symbols: [...names, symbol('main', 1, 0)],
        relocations: [{ section: 1, offset: 0, type: 10, symbol: 0, addend: 0 }],
      }),
    );
    expect([...spec.functions.keys()]).toEqual(['real', 'main']);
    expect(spec.functions.get('real')!.code.length).toBe(16);
    expect(spec.functions.get('main')!.relocations).toEqual([{ kind: 'call', slot: 0, target: 'real' }]);
  }
});

test('static functions that share a name are told apart', () => {
  const local = { binding: 'local', type: 'func' } as const;
  const spec = collect(
    object({
      sections: [code('.text', exits(4)), code('xdp', exits(4))],
      symbols: [
        symbol('helper', 0, 0, local),
        symbol('helper', 0, 16, local),
        symbol('main', 1, 0),
        symbol('helper', 1, 16),
      ],
    }),
  );
  expect(
    [...spec.functions.values()].map(({ name, section, sectionOffset }) => [name, section, sectionOffset]),
  ).toEqual([
    ['helper#2', '.text', 0],
    ['helper#3', '.text', 16],
    ['main', 'xdp', 0],
    ['helper', 'xdp', 16],
  ]);
});

test('an addend of a RELA entry counts as one in the field does', () => {
  const bytes = encodeInsns([makeInsn('call_local', { imm: -1 }), makeInsn('exit')]);
  const text = symbol('', 0, 0, { binding: 'local', type: 'section' });
  const spec = collect(
    object({
      sections: [code('.text', exits(4)), code('xdp', bytes)],
      symbols: [text, symbol('a', 0, 0), symbol('b', 0, 16), symbol('main', 1, 0)],
      relocations: [{ section: 1, offset: 0, type: 10, symbol: 0, addend: 16 }],
    }),
  );
  expect(spec.functions.get('main')!.relocations).toEqual([{ kind: 'call', slot: 0, target: 'b' }]);
});

test('an unknown section title makes a program whose type the load must name', () => {
  const spec = collect(object({ sections: [code('drop_tcp', exits(2))], symbols: [symbol('main', 0, 0)] }));
  expect(spec.functions.get('main')!.program).toEqual({
    progType: undefined,
    expectedAttachType: 0,
    flags: 0,
    attachTo: undefined,
    autoload: true,
  });
});

test('the licence is the content of its section, up to a NUL, whatever its symbol', () => {
  const license = { ...code('license', new TextEncoder().encode('GPL v2\0junk')), flags: 3 };
  expect(collect(object({ sections: [license] })).license).toBe('GPL v2');
  expect(collect(object({})).license).toBe('');
});
