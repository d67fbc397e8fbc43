import { expect, test } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { encodeInsns, makeInsn } from '../../src/isa/index.ts';
import {
  collect,
  type ElfSymbol,
  findProgram,
  link,
  type RelocatableObject,
  type Section,
} from '../../src/object/index.ts';
import { TsbpfError } from '../../src/util/index.ts';
import { fixture } from './fixtures.ts';

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
    return [error.code, error.message, ...(error.hint === undefined ? [] : [`hint: ${error.hint}`])].join(
      '\n',
    );
  }
  return 'no error';
}

test('mistakes in a source get an error that says what to change', () => {
  const read = (name: string): string => messageOf(() => readObject(fixture(`wrong-${name}`)));
  expect(read('MISPLACED_MAP')).toMatchInlineSnapshot(`
    "MAP_MISPLACED
    maps/hook: looks like a map definition, but lies in .data, where it is data
    hint: put SEC("maps") before hook"
  `);
  expect(read('UNKNOWN_FIELD')).toMatchInlineSnapshot(`
    "MAP_UNKNOWN_FIELD
    maps/table/max_entry: is no field of a map definition
    hint: did you mean 'max_entries'?"
  `);
  expect(read('STATIC_MAP')).toMatchInlineSnapshot(`
    "MAP_STATIC
    maps/table: a map cannot be static
    hint: remove 'static' before table"
  `);
  expect(read('LONG_DEFINITION')).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/table: its definition has 28 bytes, and byte 24 is not zero: only 20 bytes are known
    hint: define it in SEC(".maps"), which says inner maps and pinning by name"
  `);
  expect(read('POINTERS')).toMatchInlineSnapshot(`
    "DATA_POINTERS
    functions/entry/slots/4: .rodata holds pointers, which have no meaning in a map: the kernel does not place data at fixed addresses
    hint: use a switch, or an array of offsets or of values"
  `);
  expect(read('NO_BTF')).toMatchInlineSnapshot(`
    "MAP_NEEDS_BTF
    maps/by_protocol: needs BTF, as its definition stands in its types, and the object has none
    hint: recompile with -g"
  `);
});

test('a function of libc', () => {
  const spec = readObject(fixture('wrong-LIBC'));
  expect(spec.externs.get('puts')).toEqual({ name: 'puts', kind: 'unknown', weak: false, type: undefined });
  expect(messageOf(() => link(spec, 'entry'))).toMatchInlineSnapshot(`
    "EXTERN_UNRESOLVED
    nothing defines puts (in entry)
    hint: there is no libc in BPF; print with bpf_printk or bpf_trace_printk"
  `);
});

test('finding a program', () => {
  const spec = readObject(fixture('calls-19-el'));
  expect(findProgram(spec, 'two').name).toBe('two');
  expect(findProgram(spec, 'xdp.frags').name).toBe('spare');
  expect(findProgram(spec, '?xdp.frags').name).toBe('spare');
  expect(findProgram(spec, 'shared')).toMatchObject({ section: '.text', program: undefined });
  expect(messageOf(() => findProgram(spec, 'xdp'))).toMatchInlineSnapshot(`
    "PROGRAM_AMBIGUOUS
    section 'xdp' holds several programs: one, two, three
    hint: ask for one of them by its name"
  `);
  expect(messageOf(() => findProgram(spec, 'thre'))).toMatchInlineSnapshot(`
    "PROGRAM_NOT_FOUND
    there is no program or section 'thre'; there are one (xdp), two (xdp), three (xdp), spare (?xdp.frags)
    hint: did you mean 'three'?"
  `);
  expect(messageOf(() => findProgram(spec, 'socket'))).toMatchInlineSnapshot(`
    "PROGRAM_NOT_FOUND
    there is no program or section 'socket'; there are one (xdp), two (xdp), three (xdp), spare (?xdp.frags)"
  `);
  expect(messageOf(() => findProgram(collect(object({})), 'xdp'))).toMatchInlineSnapshot(`
    "PROGRAM_NOT_FOUND
    there is no program 'xdp': the object has no code at all"
  `);
});

function object(parts: Partial<RelocatableObject>): RelocatableObject {
  return { endian: 'little', sections: [], symbols: [], relocations: [], ...parts };
}

const bytes = encodeInsns([makeInsn('lddw', {}), makeInsn('call_local', { imm: -1 }), makeInsn('exit')]);
const section = (name: string, flags: number, content: Uint8Array): Section => ({
  name,
  type: 1,
  flags,
  align: 8,
  entrySize: 0,
  bytes: content,
  size: content.length,
});
const symbol = (name: string, index: number, value: number, more: Partial<ElfSymbol> = {}): ElfSymbol => ({
  name,
  section: index,
  value,
  size: 0,
  binding: 'global',
  type: 'func',
  visibility: 'default',
  ...more,
});

test('references that lead nowhere', () => {
  const sections = [
    section('xdp', 6, bytes),
    section('maps', 3, new Uint8Array(20).fill(1)),
    section('notes', 0, bytes),
  ];
  const symbols = [
    symbol('main', 0, 0),
    symbol('table', 1, 0, { type: 'object', size: 20 }),
    symbol('', 1, 0, { type: 'section', binding: 'local' }),
    symbol('inside', 0, 8, { type: 'notype', binding: 'local' }),
    symbol('note', 2, 0, { type: 'object' }),
  ];
  const read = (offset: number, type: number, target: number): string =>
    messageOf(() =>
      collect(
        object({ sections, symbols, relocations: [{ section: 0, offset, type, symbol: target, addend: 0 }] }),
      ),
    );
  expect(read(0, 1, 1)).toBe('no error');
  expect(read(4, 1, 1)).toMatchInlineSnapshot(`
    "RELOCATION_UNKNOWN
    functions/main/slots/0: a relocation points into the middle of an instruction, byte 4"
  `);
  expect(read(8, 1, 1)).toMatchInlineSnapshot(`
    "RELOCATION_UNKNOWN
    functions/main/slots/2: a relocation points into the middle of an instruction, byte 8"
  `);
  expect(read(16, 1, 1)).toMatchInlineSnapshot(`
    "RELOCATION_UNKNOWN
    functions/main/slots/2: a relocation of type 1 against table cannot apply to opcode 0x85"
  `);
  expect(read(0, 10, 1)).toMatchInlineSnapshot(`
    "RELOCATION_UNKNOWN
    functions/main/slots/0: a relocation of type 10 against table cannot apply to opcode 0x18"
  `);
  expect(read(0, 2, 1)).toMatchInlineSnapshot(`
    "RELOCATION_UNKNOWN
    functions/main/slots/0: a relocation of type 2 against table cannot apply to opcode 0x18"
  `);
  expect(read(0, 1, 3)).toMatchInlineSnapshot(`
    "RELOCATION_UNKNOWN
    functions/main/slots/0: loads the address of byte 8 of inside, where no function begins"
  `);
  expect(read(0, 1, 4)).toMatchInlineSnapshot(`
    "RELOCATION_UNKNOWN
    functions/main/slots/0: loads the address of note in section notes, which is no map, data or code"
  `);
  expect(read(0, 1, -1)).toMatchInlineSnapshot(`
    "RELOCATION_UNKNOWN
    functions/main/slots/0: a relocation names no symbol"
  `);
  expect(read(16, 10, 1)).toMatchInlineSnapshot(`
    "RELOCATION_UNKNOWN
    functions/main/slots/2: calls byte 0 of table, where no function begins"
  `);
});

test('functions that no loader can cut out', () => {
  const read = (symbols: ElfSymbol[]): string =>
    messageOf(() => collect(object({ sections: [section('xdp', 6, bytes)], symbols })));
  expect(read([symbol('odd', 0, 4)])).toMatchInlineSnapshot(`
    "FUNCTION_UNALIGNED
    functions/odd: bytes 4 to 32 are not a whole number of 8-byte instructions"
  `);
  expect(read([symbol('long', 0, 0, { size: 64 })])).toMatchInlineSnapshot(`
    "SYMBOL_OUTSIDE
    symbols/long: 64 bytes at 0 do not fit into the 32 bytes of xdp"
  `);
  expect(read([symbol('one', 0, 0, { size: 24 }), symbol('two', 0, 16)])).toMatchInlineSnapshot(`
    "FUNCTION_OVERLAP
    functions/two: begins within one, which ends at byte 24 of xdp"
  `);
  expect(read([symbol('far', 0, 800)])).toMatchInlineSnapshot(`
    "SYMBOL_OUTSIDE
    symbols/far: 0 bytes at 800 do not fit into the 32 bytes of xdp"
  `);
});

test('legacy definitions that are none', () => {
  const definition = (content: Uint8Array, symbols: ElfSymbol[]): string =>
    messageOf(() => collect(object({ sections: [section('maps', 3, content)], symbols })));
  const map = (value: number, size: number): ElfSymbol => symbol('table', 0, value, { type: 'object', size });
  expect(definition(new Uint8Array(20), [map(0, 20)])).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/table/type: is 0, which is no map type"
  `);
  expect(definition(new Uint8Array(12).fill(1), [map(0, 12)])).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/table: its definition has 12 bytes, but a struct bpf_map_def has at least 16"
  `);
  expect(definition(new Uint8Array(40).fill(1), [map(0, 20), map(16, 20)])).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/table: lies over the definition of table"
  `);
  const padded = new Uint8Array(36);
  padded.set([1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 9]);
  expect(definition(padded, [map(0, 36)])).toBe('no error');
});
