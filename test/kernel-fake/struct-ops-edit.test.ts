import { describe, expect, test } from 'vitest';
import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import { MapFlag, MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { loadCollection, type StructOpsMembers } from '../../src/kernel/index.ts';
import { UNKNOWN_KIND } from '../../src/object/section-names.ts';
import type { KernelFacts, ObjectSpec } from '../../src/object/spec.ts';
import { mapElementAttr, progLoadAttr } from '../../src/syscall/bpf-attr.ts';
import { functionSpec, mapSpec, objectSpec, returns } from '../support/bpf-code.ts';
import { useFakeNative } from '../support/fake-native.ts';
import { errorOf } from '../support/kernel.ts';

const fake = useFakeNative();

/** Byte offset of the struct in the map's value. */
const DATA = 64;

/** A struct with a member of each kind; the object's own copy has but three of them, in another order. */
function kernelTypes(): Uint8Array {
  const b = new BtfBuilder();
  const int = b.int('int', 4, { signed: true });
  const u32 = b.int('unsigned int', 4);
  const u64 = b.int('unsigned long long', 8);
  const flag = b.int('_Bool', 1, { bool: true });
  const char = b.int('char', 1, { signed: true });
  const color = b.enum('color', { RED: 1, GREEN: 2, BLUE: 300 });
  const fn = b.ptr(b.funcProto(int, []));
  const pair = b.struct('pair', 8, [
    { name: 'left', type: int, offsetBits: 0 },
    { name: 'right', type: u32, offsetBits: 32 },
  ]);
  const nameless = b.struct('', 4, [{ name: 'inner', type: u32, offsetBits: 0 }]);
  const struct = b.struct('demo_ops', 96, [
    { name: 'first', type: fn, offsetBits: 0 },
    { name: 'second', type: fn, offsetBits: 64 },
    { name: 'wide', type: u64, offsetBits: 128 },
    { name: 'number', type: int, offsetBits: 192 },
    { name: 'color', type: color, offsetBits: 224 },
    { name: 'name', type: b.array(char, u32, 8), offsetBits: 256 },
    { name: 'pairs', type: b.array(pair, u32, 2), offsetBits: 320 },
    { name: 'list', type: b.array(u32, u32, 3), offsetBits: 448 },
    { name: 'on', type: flag, offsetBits: 544 },
    { name: 'low', type: u32, offsetBits: 576, bitSize: 3 },
    { name: 'high', type: u32, offsetBits: 579, bitSize: 5 },
    { name: '', type: nameless, offsetBits: 608 },
    { name: 'pointer', type: b.ptr(int), offsetBits: 640 },
  ]);
  b.struct('bpf_struct_ops_demo_ops', DATA + 96, [
    { name: 'common', type: int, offsetBits: 0 },
    { name: 'data', type: struct, offsetBits: DATA * 8 },
  ]);
  return b.build('little');
}

function objectTypes(): { bytes: Uint8Array; struct: number } {
  const b = new BtfBuilder();
  const int = b.int('int', 4, { signed: true });
  const fn = b.ptr(b.funcProto(int, []));
  const struct = b.struct('demo_ops', 32, [
    { name: 'second', type: fn, offsetBits: 0 },
    { name: 'gone', type: fn, offsetBits: 64 },
    { name: 'number', type: int, offsetBits: 128 },
    { name: 'old', type: int, offsetBits: 160 },
  ]);
  return { bytes: b.build('little'), struct };
}

const kernel = parseBtf(kernelTypes());
const local = objectTypes();
const facts: KernelFacts = { btf: kernel, moduleBtf: new Map() };

function spec(): ObjectSpec {
  const kind = { ...UNKNOWN_KIND, progType: ProgType.STRUCT_OPS };
  const value = new Uint8Array(32);
  value[16] = 7;
  value[20] = 1;
  const functions = [
    functionSpec('called', 'struct_ops', returns(1), kind),
    functionSpec('spare', '?struct_ops', returns(2), { ...kind, autoload: false }),
    functionSpec('later', 'struct_ops', returns(3), kind),
  ];
  const programs = [
    { member: 'second', offset: 0, program: 'called' },
    { member: 'gone', offset: 8, program: 'later' },
  ];
  const map = mapSpec('demo', MapType.STRUCT_OPS, {
    valueSize: 32,
    maxEntries: 1,
    flags: MapFlag.LINK,
    value: local.struct,
    contents: [{ kind: 'bytes', key: new Uint8Array(4), value }],
    structOps: { struct: 'demo_ops', link: true, programs },
  });
  return { ...objectSpec({ functions, maps: [map] }), btf: parseBtf(local.bytes) };
}

/** What the kernel is given, and the members that the programs are loaded for. */
function load(members: StructOpsMembers): { data: Uint8Array; places: number[]; names: string[] } {
  const places: number[] = [];
  let data = new Uint8Array();
  let next = 100;
  fake().answerAll((call, memory) => {
    if (!memory.named(call, 'bpf')) return memory.named(call, 'close') ? 0 : ++next;
    const { command, attr } = memory.bpf(call);
    if (command === 'PROG_LOAD') places.push(progLoadAttr.decode(attr).expected_attach_type);
    if (command === 'MAP_UPDATE_ELEM')
      data = memory.at(mapElementAttr.decode(attr).value).slice(DATA, DATA + 96);
    return ['MAP_CREATE', 'PROG_LOAD', 'BTF_LOAD'].includes(command) ? ++next : 0;
  });
  // What this kernel does not have is taken away.
  const structOps = { demo: { gone: null, old: 0, ...members } };
  using collection = loadCollection(spec(), { facts, structOps });
  return { data, places, names: [...collection.programs.keys()] };
}

const refusal = (members: StructOpsMembers): string => {
  const { message, hint } = errorOf(() => load(members));
  return hint === undefined ? message : `${message} [${hint}]`;
};

describe('members of a struct of functions that the load gives', () => {
  test('stand where the kernel has them, the others as the object has them', () => {
    const view = new DataView(load({ wide: 2n ** 63n, on: true, inner: 9, name: 'ä b' }).data.buffer);
    expect([view.getBigUint64(16, true), view.getUint8(68), view.getUint32(76, true)]).toEqual([
      2n ** 63n,
      1,
      9,
    ]);
    expect([...new Uint8Array(view.buffer, 32, 8)]).toEqual([0xc3, 0xa4, 0x20, 0x62, 0, 0, 0, 0]);
    expect(view.getInt32(24, true)).toBe(7);
    expect(new DataView(load({ number: -2, color: 'BLUE' }).data.buffer).getBigUint64(24, true)).toBe(
      (300n << 32n) | 0xfffffffen,
    );
    expect(new DataView(load({ color: 2 }).data.buffer).getUint32(28, true)).toBe(2);
  });

  test('may be arrays, parts of structs, and bits', () => {
    const { data } = load({ list: [1, 2], pairs: [{ right: 5 }, { left: -1 }], low: 5, high: 17 });
    const view = new DataView(data.buffer);
    expect([0, 4, 8].map((at) => view.getUint32(56 + at, true))).toEqual([1, 2, 0]);
    expect([0, 4, 8, 12].map((at) => view.getInt32(40 + at, true))).toEqual([0, 5, -1, 0]);
    expect(view.getUint32(72, true)).toBe(5 | (17 << 3));
  });

  test('may be other programs, and none', () => {
    expect(load({})).toMatchObject({ names: ['called'], places: [1] });
    expect(load({ first: 'spare' })).toMatchObject({ names: ['called', 'spare'], places: [1, 0] });
    const { data, names } = load({ second: 'spare' });
    expect([names, new DataView(data.buffer).getBigUint64(8, true) > 100n]).toEqual([['spare'], true]);
    const none = load({ second: null });
    expect([none.names, new DataView(none.data.buffer).getBigUint64(8, true)]).toEqual([[], 0n]);
  });

  test('are left alone where they are undefined', () => {
    const members = { number: undefined } as unknown as StructOpsMembers;
    expect(new DataView(load(members).data.buffer).getInt32(24, true)).toBe(7);
  });

  test('are refused where they do not fit', () => {
    expect(refusal({ color: 'GREY' })).toMatchInlineSnapshot(
      `"demo.color is 'GREY', which is no value of enum color [it has RED, GREEN, BLUE]"`,
    );
    expect(refusal({ color: 'GREEM' })).toMatchInlineSnapshot(
      `"demo.color is 'GREEM', which is no value of enum color [did you mean 'GREEN'?]"`,
    );
    expect(refusal({ number: 2 ** 31 })).toMatchInlineSnapshot(
      `"demo.number is 2147483648, but must be a whole number from -2147483648 to 2147483647"`,
    );
    expect(refusal({ number: null })).toMatchInlineSnapshot(
      `"demo.number is no function, so it cannot be null [give it the value that it shall have, or leave it out]"`,
    );
    expect(refusal({ on: 2 })).toMatchInlineSnapshot(`"demo.on must be a boolean, but is of type number"`);
    expect(refusal({ low: 8 })).toMatchInlineSnapshot(
      `"demo.low is 8, but must be a whole number from 0 to 7"`,
    );
    expect(refusal({ wide: 1.5 })).toMatchInlineSnapshot(
      `"demo.wide is 1.5, but must be a whole number from 0 to 18446744073709551615"`,
    );
    expect(refusal({ list: [1, 2, 3, 4] })).toMatchInlineSnapshot(
      `"demo.list.length is 4, but must be a whole number from 0 to 3"`,
    );
    expect(refusal({ list: 5 })).toMatchInlineSnapshot(`"demo.list must be an array, but is of type number"`);
    expect(refusal({ pairs: [{ rigth: 1 }] })).toMatchInlineSnapshot(
      `"demo.pairs[0] has no member 'rigth' in the kernel [did you mean 'right'?]"`,
    );
    expect(refusal({ pairs: [[]] })).toMatchInlineSnapshot(
      `"demo.pairs[0] must be an object, but is of type array"`,
    );
    expect(refusal({ pointer: 5n })).toMatchInlineSnapshot(
      `"demo.pointer is a pointer, which nobody but the kernel can set [programs stand in for functions only; let one of them keep the data in a map]"`,
    );
    expect(refusal({ constructor: 1 } as unknown as StructOpsMembers)).toMatchInlineSnapshot(
      `"'demo' sets its member 'constructor', which the kernel's demo_ops does not have [it has first, second, wide, number, color, name, pairs, list, on, low, high, pointer]"`,
    );
    expect(refusal({ old: 1 })).toMatchInlineSnapshot(
      `"'demo' sets its member 'old', which the kernel's demo_ops does not have [it has first, second, wide, number, color, name, pairs, list, on, low, high, pointer]"`,
    );
    expect(refusal({ '': 1 })).toMatchInlineSnapshot(
      `"'demo' sets its member '', which the kernel's demo_ops does not have [it has first, second, wide, number, color, name, pairs, list, on, low, high, pointer]"`,
    );
    expect(refusal({ second: 'caled' })).toMatchInlineSnapshot(
      `"demo.second shall be program 'caled', which the object does not have; it has: called, spare, later [did you mean 'called'?]"`,
    );
    expect(load({ pointer: null }).names).toEqual(['called']);
  });

  test.each(['no_such', 'constructor'])('of %s, which is no struct of the object, are refused', (name) => {
    const { message } = errorOf(() => loadCollection(spec(), { facts, structOps: { [name]: {} } }));
    expect(message).toBe(`the object has no struct of functions '${name}'; it has: demo`);
  });
});
