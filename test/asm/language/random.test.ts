import { describe, expect, test } from 'vitest';
import { disassemble, formatSource } from '../../../src/asm/index.ts';
import { parseBtf, parseBtfExt } from '../../../src/btf/index.ts';
import { parseElf, writeElf } from '../../../src/elf/index.ts';
import { collect, link } from '../../../src/object/index.ts';
import { toHex } from '../../../src/util/index.ts';
import { fc, test as property } from '../../support/property.ts';
import { describeObject } from '../tools.ts';
import { right } from './tools.ts';

const scalar = fc.constantFrom('u8', 'u16', 'u32', 'u64', 's32', 'char', 'int', '__u64');
const member = fc.oneof(
  scalar.map(
    (type) =>
      (name: string): string =>
        `${type} ${name};`,
  ),
  fc.tuple(scalar, fc.integer({ min: 1, max: 9 })).map(
    ([type, count]) =>
      (name: string): string =>
        `${type} ${name}[${count}];`,
  ),
  fc.constant((name: string): string => `struct { u16 ${name}_low; u64 ${name}_high; } ${name};`),
  fc.constant((name: string): string => `struct s0 *${name};`),
);
const struct = fc.array(member, { minLength: 1, maxLength: 5 });
const map = fc.record({
  type: fc.constantFrom('hash', 'array', 'lru_hash', 'percpu_array'),
  entries: fc.integer({ min: 1, max: 100 }),
  struct: fc.nat(5),
});
/** A piece of a function's body; `structs` and `maps` of them there are. */
const piece = fc.record({
  kind: fc.constantFrom(
    'alu',
    'sizeof',
    'field',
    'string',
    'map',
    'call',
    'macro',
    'rept',
    'if',
    'mnemonic',
    'jump',
    'variable',
  ),
  number: fc.nat(1000),
});
const program = fc.record({
  structs: fc.array(struct, { minLength: 1, maxLength: 3 }),
  maps: fc.array(map, { minLength: 1, maxLength: 3 }),
  variables: fc.array(fc.tuple(scalar, fc.nat(100)), { minLength: 1, maxLength: 3 }),
  functions: fc.array(fc.array(piece, { maxLength: 8 }), { minLength: 1, maxLength: 3 }),
  programs: fc.array(fc.array(piece, { maxLength: 8 }), { minLength: 1, maxLength: 3 }),
});
type Program = typeof program extends fc.Arbitrary<infer T> ? T : never;

function textOf({ structs, maps, variables, functions, programs }: Program): string {
  let labels = 0;
  const lines = (kind: string, number: number): string => {
    const [s, m, v, f] = [structs, maps, variables, functions].map((list) => number % list.length);
    const label = `l${labels}`;
    switch (kind) {
      case 'sizeof':
        return `    r3 = sizeof(struct s${s}) + sizeof(u64[${number + 1}])`;
      case 'field':
        return `    *(u32 *)(r10 - 256 + s${s}.f0) = be32(${number})`;
      case 'string':
        return `    r1 = "text ${number}; \\n" ll`;
      case 'map':
        return `    r1 = m${m} ll // the map`;
      case 'variable':
        return `    r1 = v${v} ll; r1 = *(u8 *)(r1 + 0)`;
      case 'call':
        return `    call f${f}`;
      case 'macro':
        return `    set r${(number % 5) + 1}, ${number}`;
      case 'rept':
        return `    .rept ${number % 4}\n    r0 += ${number}\n    .endr`;
      case 'if':
        return `    .if ${number} > 500 && sizeof(s${s}) != 0\n    r0 = 1\n    .else\n    r0 = 2\n    .endif`;
      case 'mnemonic':
        return `    add r2, sizeof(u32) * ${number}; stxw [r10-8], r2`;
      case 'jump':
        labels++;
        return `    if r0 != ${number} goto ${label}\n    r0 = 0\n${label}:`;
      default:
        return `    r0 = ${number}; w0 ^= w0`;
    }
  };
  const body = (pieces: Program['programs'][number]): string =>
    [...pieces.map(({ kind, number }) => lines(kind, number)), '    r0 = 0', '    exit'].join('\n');
  return [
    '    .license "GPL"',
    '    .macro set reg, value=1\n    \\reg = \\value\n    .endm',
    ...structs.map(
      (members, at) =>
        `    .struct s${at} {\n${members.map((one, index) => `        ${one(`f${index}`)}`).join('\n')}\n    }`,
    ),
    ...maps.map(
      ({ type, entries, struct: index }, at) =>
        `    .map m${at}, ${type}, key=u32, value=struct s${index % structs.length}, entries=${entries}`,
    ),
    ...variables.map(([type, value], at) => `    .var ${type} v${at} = ${value}`),
    ...programs.map((pieces, at) => `    .program p${at}, "xdp"\n${body(pieces)}`),
    ...functions.map((pieces, at) => `    .function int f${at}(u32 x, const struct s0 *p)\n${body(pieces)}`),
    '',
  ].join('\n');
}

property.prop([program, fc.constantFrom('little', 'big')], { numRuns: 120 })(
  'random programs assemble, link, are read back, formatted and disassembled without a change',
  (made, endian) => {
    const text = textOf(made);
    const options = { endian: endian as 'little' | 'big' };
    const object = right(text, options);
    const spec = collect(object);
    for (const name of spec.functions.keys()) {
      const linked = link(spec, name);
      expect(linked.functions.every(({ type }) => type !== undefined)).toBe(true);
      const lines = new Set(linked.lines.map(({ slot }) => slot));
      expect(linked.functions.every(({ slot }) => lines.has(slot))).toBe(true);
    }
    expect([...spec.maps.values()].filter(({ origin }) => origin === 'btf').length).toBe(made.maps.length);
    // Read back, and formatted in both dialects.
    expect(describeObject(parseElf(writeElf(object)))).toEqual(
      expect.arrayContaining(describeObject(object).filter((line) => line.startsWith('section xdp'))),
    );
    const code = (one: typeof object): string[] =>
      one.sections
        .filter(({ name }) => /^(?:xdp|\.text|\.rodata|\.data)$/.test(name))
        .map(({ bytes }) => toHex(bytes));
    for (const style of [undefined, 'llvm', 'mnemonic'] as const) {
      const { text: formatted } = formatSource(text, style ? { style } : {});
      expect(code(right(formatted, options))).toEqual(code(object));
    }
    // As a listing, the names of which are symbols.
    const xdp = object.sections.find(({ name }) => name === 'xdp')!.bytes;
    expect(disassemble(object).length).toBeGreaterThan(xdp.length / 16);
  },
);

describe('big endian objects', () => {
  const TEXT = `
    .license "GPL"
    .struct event { u32 pid; u64 time; }
    .struct task_struct { int tgid; }
    .var const u32 limit = 0x01020304
    .var struct event last = { .pid = 5, .time = 0x0102030405060708 }
    .map seen, hash, key=u32, value=struct event, entries=4
    .program first, "xdp"
    r1 = limit ll
    r2 = core.offset(task_struct.tgid)
    *(u16 *)(r10 - 2) = be16(0x1234)
    *(u16 *)(r10 - 4) = le16(0x1234)
    call half
    exit
    .function int half(u32 x)
    r0 = r1
    exit
`;

  test('hold the same as little ones, in their order', () => {
    const read = (object: ReturnType<typeof right>): Read => {
      const bytes = (name: string): Uint8Array => object.sections.find((one) => one.name === name)!.bytes;
      const btf = parseBtf(bytes('.BTF'));
      expect(btf.endian).toBe(object.endian);
      const types = Array.from({ length: btf.typeCount - 1 }, (_, at) => btf.type(at + 1));
      return { object, types, ext: parseBtfExt(bytes('.BTF.ext'), btf), spec: collect(object) };
    };
    const [big, little] = [read(right(TEXT, { endian: 'big' })), read(right(TEXT))];
    expect(big.types).toEqual(little.types);
    expect(big.ext).toEqual(little.ext);
    expect(big.spec.functions.get('first')!.lines).toEqual(little.spec.functions.get('first')!.lines);
    const of = (one: Read, name: string): string =>
      toHex(one.object.sections.find((section) => section.name === name)!.bytes);
    expect([of(big, '.rodata'), of(little, '.rodata')]).toEqual(['01020304', '04030201']);
    expect(of(big, '.data')).toBe('00000005000000000102030405060708');
    expect(of(big, 'xdp').slice(48, 80)).toBe('6aa0fffe000012346aa0fffc00003412');
    expect(of(little, 'xdp').slice(48, 80)).toBe('6a0afeff123400006a0afcff34120000');
  });
});

interface Read {
  readonly object: ReturnType<typeof right>;
  readonly types: readonly unknown[];
  readonly ext: unknown;
  readonly spec: ReturnType<typeof collect>;
}
