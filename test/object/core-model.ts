import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import type { CoreRelocation, FunctionSpec, ObjectSpec } from '../../src/object/index.ts';
import { concatBytes, toHex } from '../../src/util/bytes.ts';
import { exit, functionSpec, objectSpec, slot, XDP } from '../support/bpf-code.ts';
import { fc } from '../support/property.ts';

type Shape =
  | { readonly kind: 'int'; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean }
  | { readonly kind: 'bits'; readonly bits: number; readonly signed: boolean; readonly packed: boolean }
  | { readonly kind: 'ptr' }
  | { readonly kind: 'array'; readonly size: 1 | 4 | 8; readonly count: number }
  | { readonly kind: 'struct'; readonly fields: readonly Field[] };

interface Field {
  readonly name: string;
  readonly shape: Shape;
}

/** A member, or some behind an anonymous struct or union. */
type Item = Field | { readonly anonymous: 'struct' | 'union'; readonly fields: readonly Field[] };

/** A struct of the program, and what the kernel has under its name. */
interface CorePlan {
  readonly local: readonly Item[];
  readonly target: readonly Item[];
  /** Whether places are taken with a load, or as numbers. */
  readonly load: boolean;
}

const size = fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const);
const int = fc.record({ kind: fc.constant('int' as const), size, signed: fc.boolean() });
const shape: fc.Arbitrary<Shape> = fc.oneof(
  { weight: 3, arbitrary: int },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('bits' as const),
      bits: fc.integer({ min: 1, max: 31 }),
      signed: fc.boolean(),
      packed: fc.boolean(),
    }),
  },
  fc.constant({ kind: 'ptr' as const }),
  fc.record({
    kind: fc.constant('array' as const),
    size: fc.constantFrom(1 as const, 4 as const, 8 as const),
    count: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    kind: fc.constant('struct' as const),
    fields: fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c'), shape: int }), {
      selector: ({ name }) => name,
      minLength: 1,
    }),
  }),
);

const NAMES = ['f0', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7'];
/** Names are drawn once, so that none comes twice in a struct. */
const items: fc.Arbitrary<readonly Item[]> = fc
  .tuple(
    fc.shuffledSubarray(NAMES, { minLength: 1 }),
    fc.array(shape, { minLength: NAMES.length, maxLength: NAMES.length }),
    fc.nat(7),
    fc.nat(3),
    fc.constantFrom('struct' as const, 'union' as const, undefined),
  )
  .map(([names, shapes, start, length, anonymous]) => {
    const fields = names.map((name, index): Field => ({ name, shape: shapes[index]! }));
    const inner = fields.slice(start, start + length);
    if (!anonymous || inner.length === 0) return fields;
    return [...fields.slice(0, start), { anonymous, fields: inner }, ...fields.slice(start + length)];
  });

export const corePlan: fc.Arbitrary<CorePlan> = fc.record({
  local: items,
  target: items,
  load: fc.boolean(),
});

interface Placed {
  readonly shape: Shape;
  readonly bitOffset: number;
  /** `0:1:2`. */
  readonly access: string;
}

const sizeOf = (of: Shape): number => {
  switch (of.kind) {
    case 'int':
      return of.size;
    case 'bits':
      return 4;
    case 'ptr':
      return 8;
    case 'array':
      return of.size * of.count;
    case 'struct':
      return of.fields.reduce((end, field) => end + (field.shape.kind === 'int' ? 8 : 0), 0);
  }
};

/** Lays a struct out as a compiler would, but that everything not a bit field begins at a multiple of 8 bytes. */
class Layout {
  readonly btf: BtfBuilder;
  readonly fields: Map<string, Placed> = new Map();

  constructor(btf: BtfBuilder) {
    this.btf = btf;
  }

  struct(name: string, all: readonly Item[]): number {
    return this.#composite('struct', name, all, 0, '0', true).type;
  }

  #composite(
    kind: 'struct' | 'union',
    name: string,
    all: readonly Item[],
    startBits: number,
    access: string,
    note: boolean,
  ): { readonly type: number; readonly bytes: number } {
    let end = 0;
    let largest = 0;
    const members = all.map((item, index) => {
      const place = `${access}:${index}`;
      const at = kind === 'union' ? 0 : nextPlace(item, end);
      if ('anonymous' in item) {
        const inner = this.#composite(item.anonymous, '', item.fields, startBits + at, place, note);
        end = at + inner.bytes * 8;
        largest = Math.max(largest, end);
        return { name: '', type: inner.type, offsetBits: at };
      }
      if (note) this.fields.set(item.name, { shape: item.shape, bitOffset: startBits + at, access: place });
      const bitSize = item.shape.kind === 'bits' ? item.shape.bits : 0;
      end = at + (bitSize || sizeOf(item.shape) * 8);
      largest = Math.max(largest, end);
      return { name: item.name, type: this.#type(item.shape), offsetBits: at, bitSize };
    });
    const bytes = Math.ceil(largest / 64) * 8;
    return { type: this.btf[kind](name, bytes, members), bytes };
  }

  #type(of: Shape): number {
    const { btf } = this;
    switch (of.kind) {
      case 'int':
        return btf.int(`${of.signed ? 's' : 'u'}${of.size}`, of.size, { signed: of.signed });
      case 'bits':
        return btf.int(of.signed ? 's4' : 'u4', 4, { signed: of.signed });
      case 'ptr':
        return btf.ptr(btf.int('u1', 1));
      case 'array':
        return btf.array(btf.int(`u${of.size}`, of.size), btf.int('u4', 4), of.count);
      case 'struct':
        return this.#composite('struct', '', of.fields, 0, '', false).type;
    }
  }
}

function nextPlace(item: Item, end: number): number {
  if ('anonymous' in item || item.shape.kind !== 'bits') return Math.ceil(end / 64) * 64;
  // A bit field does not cross the word of its type, or where it is packed, what one load can hold.
  const word = item.shape.packed ? 64 : 32;
  const last = end + item.shape.bits - 1;
  return Math.floor(end / word) === Math.floor(last / word) ? end : Math.ceil(end / word) * word;
}

/** What a relocation asks in one layout. */
interface Found {
  readonly kind: 'field' | 'element';
  readonly shape: Shape;
  readonly bitOffset: number;
}

/** The word that holds a bit field, or the field itself: byte offset and size. */
function wordOf({ shape: of, bitOffset }: Found): { readonly at: number; readonly bytes: number } {
  if (of.kind !== 'bits') return { at: bitOffset / 8, bytes: sizeOf(of) };
  for (const bytes of [4, 8]) {
    const at = Math.floor(bitOffset / (bytes * 8)) * bytes;
    if (bitOffset + of.bits <= (at + bytes) * 8) return { at, bytes };
  }
  throw new Error('no such bit field is made');
}

function answerTo(kind: number, found: Found, little: boolean): number {
  const { shape: of, bitOffset } = found;
  const { at, bytes } = wordOf(found);
  const bits = of.kind === 'bits' ? of.bits : bytes * 8;
  switch (kind) {
    case 0:
      return at;
    case 1:
      return bytes;
    case 2:
      return 1;
    case 3:
      return (of.kind === 'int' || of.kind === 'bits') && of.signed ? 1 : 0;
    case 4:
      return little ? 64 - (bitOffset - at * 8 + bits) : (8 - bytes) * 8 + (bitOffset - at * 8);
    default:
      return 64 - bits;
  }
}

const isInt = (of: Shape): boolean => of.kind === 'int' || of.kind === 'bits';
const compatible = (a: Shape, b: Shape): boolean => (isInt(a) && isInt(b)) || a.kind === b.kind;

const LOADS: Readonly<Record<number, number>> = { 1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79 };
const POISON = slot(0x85, 0, 0, 0, 0xbad2310);

/** An object with a program for each relocation, and what its first slot has to become. */
export interface CoreModel {
  readonly spec: ObjectSpec;
  readonly target: Uint8Array;
  readonly expected: ReadonlyMap<string, string>;
}

export function coreModel(plan: CorePlan, endian: 'little' | 'big' = 'little'): CoreModel {
  const local = new Layout(new BtfBuilder());
  const target = new Layout(new BtfBuilder());
  const type = local.struct('subject___local', plan.local);
  target.struct('other', [{ name: 'x', shape: { kind: 'ptr' } }]);
  target.struct('subject', plan.target);
  const proto = local.btf.funcProto(local.btf.int('s4', 4, { signed: true }), []);
  const functions: FunctionSpec[] = [];
  const expected = new Map<string, string>();
  const little = endian === 'little';
  const inOrder = (bytes: Uint8Array): Uint8Array => (little ? bytes : toBig(bytes));
  const add = (access: string, kind: number, own: Found, other: Found | undefined): void => {
    const name = `p${functions.length}`;
    const load = kind === 0 && plan.load && isLoadable(own);
    const value = answerTo(kind, own, little);
    const code = load ? slot(LOADS[wordOf(own).bytes]!, 0, 1, value, 0) : slot(0xb7, 0, 0, 0, value);
    expected.set(name, toHex(inOrder(expectation(kind, load, own, other, little))));
    const core: CoreRelocation = { slot: 0, type, access, kind };
    functions.push({
      ...functionSpec(name, 'xdp', concatBytes([inOrder(code), inOrder(exit)]), XDP),
      coreRelocations: [core],
      type: local.btf.func(name, proto, 'global'),
    });
  };
  for (const [name, placed] of local.fields) {
    const other = target.fields.get(name);
    const hit = other && compatible(placed.shape, other.shape) ? other : undefined;
    const own = { kind: 'field', ...placed } as const;
    // Shifts make a value of what fits a register.
    const kinds = sizeOf(placed.shape) <= 8 ? [0, 1, 2, 3, 4, 5] : [0, 1, 2, 3];
    for (const kind of kinds) add(placed.access, kind, own, hit && { kind: 'field', ...hit });
    addParts(placed, hit, add);
  }
  const btf = parseBtf(local.btf.build(endian));
  return {
    spec: { ...objectSpec({ functions }), endian, btf },
    target: target.btf.build(endian),
    expected,
  };
}

/** Elements of arrays, and members of structs within. */
function addParts(
  { shape: own, access, bitOffset }: Placed,
  other: Placed | undefined,
  add: (access: string, kind: number, own: Found, other: Found | undefined) => void,
): void {
  if (own.kind === 'array') {
    const element = (of: Shape, start: number, index: number): Found | undefined =>
      of.kind === 'array' && index < of.count
        ? {
            kind: 'element',
            shape: { kind: 'int', size: of.size, signed: false },
            bitOffset: start + index * of.size * 8,
          }
        : undefined;
    for (let index = 0; index < own.count; index++)
      for (const kind of [0, 1, 2])
        add(
          `${access}:${index}`,
          kind,
          element(own, bitOffset, index)!,
          other && element(other.shape, other.bitOffset, index),
        );
  }
  if (own.kind !== 'struct') return;
  const member = (of: Shape, start: number, name: string): Found | undefined => {
    const index = of.kind === 'struct' ? of.fields.findIndex((field) => field.name === name) : -1;
    if (of.kind !== 'struct' || index < 0) return undefined;
    return { kind: 'field', shape: of.fields[index]!.shape, bitOffset: start + index * 64 };
  };
  for (const [index, { name }] of own.fields.entries())
    for (const kind of [0, 1, 2, 3, 5])
      add(
        `${access}:${index}`,
        kind,
        member(own, bitOffset, name)!,
        other && member(other.shape, other.bitOffset, name),
      );
}

const isLoadable = ({ shape: of }: Found): boolean => of.kind === 'int' || of.kind === 'ptr';

function expectation(
  kind: number,
  load: boolean,
  own: Found,
  other: Found | undefined,
  little: boolean,
): Uint8Array {
  if (!other) return kind === 2 ? slot(0xb7, 0, 0, 0, 0) : POISON;
  const value = answerTo(kind, other, little);
  if (!load) return slot(0xb7, 0, 0, 0, value);
  const [from, to] = [own.shape, other.shape];
  const bytes = wordOf(own).bytes;
  // A bit field has no size of its own that a load could have.
  if (to.kind === 'bits') return POISON;
  const resized = wordOf(other).bytes;
  const unsigned = from.kind === 'int' && to.kind === 'int' && !from.signed && !to.signed;
  if (bytes !== resized && !unsigned) return POISON;
  return slot(LOADS[resized]!, 0, 1, value, 0);
}

/** A slot in the other byte order: registers, offset and number are turned around. */
function toBig(bytes: Uint8Array): Uint8Array {
  const [opcode = 0, registers = 0] = bytes;
  const swapped = ((registers & 15) << 4) | (registers >> 4);
  return Uint8Array.of(opcode, swapped, bytes[3]!, bytes[2]!, ...bytes.slice(4, 8).reverse());
}
