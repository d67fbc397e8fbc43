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
    maps/table/numa_node: is 3, but map_flags does not say so
    hint: add BPF_F_NUMA_NODE to map_flags"
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

test('mistakes in definitions of maps', () => {
  const read = (name: string): string => messageOf(() => readObject(fixture(`wrong-${name}`)));
  expect(read('UNPLACED_MAP')).toMatchInlineSnapshot(`
    "MAP_MISPLACED
    maps/table: is defined as a map, but lies in .bss, where it is data
    hint: put SEC(".maps") behind table"
  `);
  expect(read('TWO_LEVELS')).toMatchInlineSnapshot(`
    "MAP_BAD_FIELD
    maps/tree/values/values: an inner map cannot hold maps or programs: one level is all there is"
  `);
  expect(read('PINNED_INNER')).toMatchInlineSnapshot(`
    "MAP_BAD_FIELD
    maps/tree/values/pinning: an inner map cannot be pinned"
  `);
  expect(read('HASH_KEY')).toMatchInlineSnapshot(`
    "MAP_BAD_FIELD
    maps/tree/values: are numbered from 0, which makes keys of 4 bytes, but the map's have 8
    hint: make its key a __u32, or fill it after the load"
  `);
  expect(read('BIG_SLOT')).toMatchInlineSnapshot(`
    "MAP_BAD_FIELD
    maps/jumps/values: has an entry at 3, but max_entries is 2
    hint: set max_entries to 4 or more"
  `);
  expect(read('CONTRADICTION')).toMatchInlineSnapshot(`
    "MAP_BAD_FIELD
    maps/table/key: says 4 bytes, but another field says 8"
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

/** An object with definitions of some u32 words each in `maps`, called a, b, c … */
function definitions(...maps: readonly (readonly number[])[]): RelocatableObject {
  const words = maps.flat();
  const content = new Uint8Array(new Uint32Array(words).buffer);
  let start = 0;
  const symbols = maps.map((map, index) => {
    const value = start;
    start += map.length * 4;
    return symbol(String.fromCharCode(97 + index), 0, value, { type: 'object', size: map.length * 4 });
  });
  return object({ sections: [section('maps', 3, content)], symbols });
}

test('legacy definitions that contradict themselves or each other', () => {
  const read = (...maps: readonly (readonly number[])[]): string =>
    messageOf(() => collect(definitions(...maps)));
  const [ARRAY, OF_MAPS] = [2, 12];
  expect(read([ARRAY, 4, 4, 1, 0, 0, 0, 0, 0, 1])).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/a: its definition has 40 bytes, and byte 36 is not zero: it is none of the structs that loaders know, of 16, 20, 28 and 36 bytes
    hint: define it in SEC(".maps"), which says inner maps and pinning by name"
  `);
  expect(read([OF_MAPS, 4, 4, 1, 0, 0, 0, 9, 0])).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/a/inner_id: is 9, but no map has that id
    hint: give the inner map an id, and say it here"
  `);
  expect(read([OF_MAPS, 4, 4, 1, 0, 0, 0, 0, 0])).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/a/inner_id: is missing: a map of maps needs a template of what it holds
    hint: give the inner map an id, and say it here"
  `);
  expect(read([OF_MAPS, 4, 4, 1, 0, 7, 0])).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/a/inner_map_idx: is 7, but the last definition is number 0"
  `);
  expect(read([OF_MAPS, 4, 4, 1, 0, 1, 0, 1, 0])).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/a/inner_id: names a, which is itself a map of maps"
  `);
  expect(read([ARRAY, 4, 4, 1, 0, 5, 0, 0, 3], [OF_MAPS, 4, 4, 2, 0, 0, 0, 5, 0])).toMatchInlineSnapshot(`
    "MAP_BAD_DEFINITION
    maps/a/inner_idx: is 3, but b has 2 slots
    hint: set max_elem of b to 4 or more, or inner_idx to -1 to leave it out"
  `);
});

test('the two definitions of 28 bytes are told apart by what makes sense', () => {
  const maps = (...words: number[]): object => {
    const { numaNode, pinning, flags } = collect(definitions(words)).maps.get('a')!;
    return { numaNode, pinning, flags };
  };
  const NUMA_NODE = 4;
  expect(maps(2, 4, 4, 1, NUMA_NODE, 0, 1)).toEqual({ numaNode: 1, pinning: 'none', flags: NUMA_NODE });
  expect(maps(2, 4, 4, 1, 0, 42, 2)).toEqual({ numaNode: undefined, pinning: 'globalNs', flags: 0 });
  expect(maps(2, 4, 4, 1, 0, 42, 7)).toEqual({ numaNode: undefined, pinning: 7, flags: 0 });
});

test('a slot that a prog array does not have', () => {
  const { sections, symbols } = definitions([3, 4, 4, 2, 0, 8, 0, 0, 0]);
  const read = (title: string): string =>
    messageOf(() =>
      collect(
        object({
          sections: [...sections, section(title, 6, bytes.slice(24))],
          symbols: [...symbols, symbol('main', 1, 0)],
        }),
      ),
    );
  expect(read('8/1')).toBe('no error');
  expect(read('9/5')).toBe('no error');
  expect(read('010/5')).toMatchInlineSnapshot(`
    "MAP_BAD_FIELD
    maps/a/max_elem: is 2, but the section of main names slot 5
    hint: set max_elem to 6 or more"
  `);
});

test('an indirect jump', () => {
  const code = encodeInsns([makeInsn('lddw', {}), makeInsn('exit')]);
  const sections = [section('xdp', 6, code), section('.jumptables', 0, new Uint8Array(16))];
  const symbols = [symbol('main', 0, 0), symbol('BPF.JT.0.0', 1, 0, { type: 'object', size: 16 })];
  const relocations = [{ section: 0, offset: 0, type: 1, symbol: 1, addend: 0 }];
  expect(messageOf(() => collect(object({ sections, symbols, relocations })))).toMatchInlineSnapshot(`
    "JUMP_TABLES
    functions/main/slots/0: jumps through a table, which takes an indirect jump (clang 22 and Linux 6.19 brought it) that is not supported here
    hint: compile with -fno-jump-tables"
  `);
});

test('variables of an arena that the object does not have', () => {
  const code = encodeInsns([makeInsn('lddw', {}), makeInsn('exit')]);
  const sections = [section('syscall', 6, code), section('.addr_space.1', 3, new Uint8Array(16))];
  const symbols = [symbol('main', 0, 0), symbol('shared', 1, 0, { type: 'object', size: 16 })];
  const relocations = [{ section: 0, offset: 0, type: 1, symbol: 1, addend: 0 }];
  expect(messageOf(() => collect(object({ sections, symbols, relocations })))).toMatchInlineSnapshot(`
    "ARENA_MISSING
    sections/.addr_space.1: holds variables of an arena, but the object has no map of that type
    hint: define one in SEC(".maps") with __uint(type, BPF_MAP_TYPE_ARENA)"
  `);
});

test('a struct of functions without types', () => {
  const sections = [section('.struct_ops', 3, new Uint8Array(16))];
  const symbols = [symbol('ops', 0, 0, { type: 'object', size: 16 })];
  expect(messageOf(() => collect(object({ sections, symbols })))).toMatchInlineSnapshot(`
    "MAP_NEEDS_BTF
    maps/ops: lies in .struct_ops, where BTF must tell which struct of the kernel it is
    hint: recompile with -g, and give the variable the type that the kernel has"
  `);
});
