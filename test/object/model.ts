import { BtfBuilder, type BtfMemberInput } from '../../src/btf/index.ts';
import { encodeInsns, type Instruction, makeInsn } from '../../src/isa/index.ts';
import type {
  ElfSymbol,
  MapEntry,
  MapSpec,
  RelocatableObject,
  Relocation,
  Section,
  SectionRelocation,
  VariableSpec,
} from '../../src/object/index.ts';
import { fc } from '../support/property.ts';

/** What a generated instruction is to do; the numbers pick a target and a way to refer to it. */
interface Op {
  readonly kind: 'nop' | 'call' | 'map' | 'data' | 'address';
  readonly pick: number;
  readonly way: number;
  readonly offset: number;
}

interface Plan {
  readonly endian: 'little' | 'big';
  /** For each code section its functions, for each of those its instructions. */
  readonly code: readonly (readonly { readonly global: boolean; readonly ops: readonly Op[] }[])[];
  readonly definitionSize: 16 | 20 | 28 | 36;
  readonly legacyMaps: number;
  /** Static prog arrays: which slots are filled, how many fields stand before `values`, which relocation type is used. */
  readonly arrays: readonly {
    readonly slots: readonly number[];
    readonly fields: number;
    readonly type: 1 | 2;
    readonly way: number;
  }[];
  /** Static maps of maps: which slots are filled with one of their two inner maps. */
  readonly nested: readonly { readonly slots: readonly number[]; readonly hash: boolean }[];
  readonly data: readonly { readonly size: number; readonly fill: number }[];
  readonly sized: boolean;
  /** Only what libbpf takes: it wants subprograms in `.text`, and references by certain symbols. */
  readonly forLibbpf: boolean;
  readonly order: readonly number[];
}

const op: fc.Arbitrary<Op> = fc.record({
  kind: fc.constantFrom('nop', 'call', 'map', 'data', 'address'),
  pick: fc.nat(1000),
  way: fc.nat(2),
  offset: fc.nat(1000),
});

const anyPlan: fc.Arbitrary<Plan> = fc.record({
  endian: fc.constantFrom('little', 'big'),
  code: fc.array(
    fc.array(fc.record({ global: fc.boolean(), ops: fc.array(op, { maxLength: 8 }) }), {
      minLength: 1,
      maxLength: 4,
    }),
    { minLength: 1, maxLength: 4 },
  ),
  definitionSize: fc.constantFrom(16, 20, 28, 36),
  legacyMaps: fc.nat(4),
  arrays: fc.array(
    fc.record({
      slots: fc.uniqueArray(fc.nat(200), { maxLength: 5 }),
      fields: fc.integer({ min: 4, max: 7 }),
      type: fc.constantFrom(1, 2),
      way: fc.nat(1),
    }),
    { maxLength: 3 },
  ),
  nested: fc.array(fc.record({ slots: fc.uniqueArray(fc.nat(20), { maxLength: 4 }), hash: fc.boolean() }), {
    maxLength: 2,
  }),
  data: fc.array(fc.record({ size: fc.integer({ min: 8, max: 64 }), fill: fc.nat(255) }), { maxLength: 4 }),
  sized: fc.boolean(),
  forLibbpf: fc.constant(false),
  order: fc.array(fc.nat(100), { minLength: 12, maxLength: 12 }),
});

export const plan: fc.Arbitrary<Plan> = anyPlan;

/** Objects that libbpf takes as well: no legacy maps, this machine's byte order, a program beside `.text`. */
export const planForLibbpf: fc.Arbitrary<Plan> = anyPlan
  .filter(({ code }) => code.length > 1)
  .map((given) => ({ ...given, endian: 'little', legacyMaps: 0, sized: true, forLibbpf: true }));

/** An object, and what a reader of it has to find. */
export interface Model {
  readonly object: RelocatableObject;
  readonly relocations: ReadonlyMap<string, readonly Relocation[]>;
  readonly contents: ReadonlyMap<string, readonly MapEntry[]>;
  readonly maps: readonly string[];
  /** What of some maps is to be found in the spec. */
  readonly fields: ReadonlyMap<string, Partial<MapSpec>>;
  /** Of each data section. */
  readonly bytes: ReadonlyMap<string, Uint8Array>;
  readonly variables: readonly VariablePlace[];
}

type VariablePlace = Pick<VariableSpec, 'name' | 'map' | 'offset' | 'size'>;

interface Placed {
  readonly name: string;
  readonly section: string;
  /** Byte offset. */
  readonly start: number;
}

const SLOTS_OF = { nop: 1, call: 1, map: 2, data: 2, address: 2 } as const;
const dataNames = ['.data', '.rodata', '.data.more', '.bss'];

/** Lays a plan out as a compiler would, and notes what every reference means. */
export class Modeller {
  readonly plan: Plan;
  readonly sections: { name: string; section: Section }[] = [];
  readonly symbols: (Omit<ElfSymbol, 'section'> & { section: string })[] = [];
  readonly entries: { section: string; offset: number; type: number; symbol: string }[] = [];
  readonly functions: Placed[] = [];
  readonly globals: Set<string> = new Set();
  readonly maps: Placed[] = [];
  readonly expected: Map<string, Relocation[]> = new Map();
  readonly contents: Map<string, MapEntry[]> = new Map();
  readonly fields: Map<string, Partial<MapSpec>> = new Map();
  readonly bytes: Map<string, Uint8Array> = new Map();
  readonly variables: VariablePlace[] = [];

  constructor(given: Plan) {
    this.plan = given;
  }

  model(): Model {
    this.placeFunctions();
    this.addLegacyMaps();
    this.addArrays();
    this.addData();
    this.addCode();
    return {
      object: this.assemble(),
      relocations: this.expected,
      contents: this.contents,
      maps: [...this.maps.map(({ name }) => name), ...this.plan.data.map((_, index) => dataNames[index]!)],
      fields: this.fields,
      bytes: this.bytes,
      variables: this.variables,
    };
  }

  private sectionTitle(index: number): string {
    return index === 0 ? '.text' : `xdp/part${index}`;
  }

  private placeFunctions(): void {
    for (const [index, functions] of this.plan.code.entries()) {
      let start = 0;
      for (const [nth, { global, ops }] of functions.entries()) {
        const slots = ops.reduce((total, { kind }) => total + SLOTS_OF[kind], 1);
        const name = `f${index}_${nth}`;
        const section = this.sectionTitle(index);
        this.functions.push({ name, section, start });
        if (global) this.globals.add(name);
        this.addSymbol(
          name,
          section,
          start,
          this.plan.sized ? slots * 8 : 0,
          global || (this.plan.forLibbpf && index > 0) ? 'global' : 'local',
          'func',
        );
        start += slots * 8;
      }
    }
  }

  private addSymbol(
    name: string,
    section: string,
    value: number,
    size: number,
    binding: ElfSymbol['binding'],
    type: ElfSymbol['type'],
  ): void {
    this.symbols.push({ name, section, value, size, binding, type, visibility: 'default' });
  }

  /** With its section symbol, which is called as the section here and nameless in the object. */
  private addSection(name: string, flags: number, bytes: Uint8Array, size: number = bytes.length): void {
    const type = size === bytes.length ? 1 : 8;
    this.sections.push({ name, section: { name, type, flags, align: 8, entrySize: 0, bytes, size } });
    this.addSymbol(`section ${name}`, name, 0, 0, 'local', 'section');
  }

  /** Two variables a section, and bytes that differ from place to place; `.bss` is NOBITS and zero. */
  private addData(): void {
    for (const [index, { size, fill }] of this.plan.data.entries()) {
      const name = dataNames[index]!;
      const isBss = name === '.bss';
      const bytes = new Uint8Array(size).map((_, at) => (isBss ? 0 : fill + at));
      this.bytes.set(name, bytes);
      this.addSection(name, 3, isBss ? new Uint8Array() : bytes, isBss ? size : undefined);
      for (const [offset, end] of [
        [0, 4],
        [4, size],
      ] as const) {
        const variable = { name: `var${index}_${offset}`, map: name, offset, size: end - offset };
        this.variables.push(variable);
        this.addSymbol(variable.name, name, offset, this.plan.sized ? variable.size : 0, 'global', 'object');
      }
    }
  }

  /** The words of the nth definition, and what a reader has to make of them. */
  private legacyDefinition(index: number): [number[], Partial<MapSpec>] {
    const { legacyMaps, definitionSize } = this.plan;
    const long = definitionSize > 20;
    const isOuter = long && index > 0 && index === legacyMaps - 1;
    const type = isOuter ? 12 : 2;
    const valueSize = isOuter ? 4 : 8;
    const words = [type, 4, valueSize, index + 1];
    const found = { type, keySize: 4, valueSize, maxEntries: index + 1 } as const;
    const template = { type: 2, keySize: 4, valueSize: 8, maxEntries: 1 } as const;
    const inner = isOuter ? (template as MapSpec) : undefined;
    if (definitionSize === 16) return [words, { ...found, flags: 0 }];
    if (definitionSize === 20) return [[...words, 1], { ...found, flags: 1 }];
    if (definitionSize === 28)
      return [[...words, 4, 0, index], { ...found, flags: 4, numaNode: index, inner }];
    const pinning = (['none', 'objectNs', 'globalNs'] as const)[index % 3]!;
    const contents: MapEntry[] = isOuter ? [{ kind: 'map', key: index, map: 'legacy0' }] : [];
    // The first is the template of the last, and in its last slot.
    const innerIdx = index === 0 ? Math.max(0, legacyMaps - 1) : 0;
    return [
      [...words, 0, index + 10, index % 3, isOuter ? 10 : 0, innerIdx],
      { ...found, flags: 0, pinning, inner, contents },
    ];
  }

  private addLegacyMaps(): void {
    const { legacyMaps, definitionSize, sized, endian, forLibbpf } = this.plan;
    // It refuses the section already.
    if (forLibbpf) return;
    const bytes = new Uint8Array(legacyMaps * definitionSize);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < legacyMaps; index++) {
      const start = index * definitionSize;
      const [words, found] = this.legacyDefinition(index);
      for (const [field, value] of words.entries())
        view.setUint32(start + field * 4, value, endian === 'little');
      const name = `legacy${index}`;
      this.fields.set(name, found);
      this.maps.push({ name, section: 'maps', start });
      this.addSymbol(name, 'maps', start, sized ? definitionSize : 0, 'global', sized ? 'object' : 'notype');
    }
    this.addSection('maps', 3, bytes);
  }

  private addArrays(): void {
    const btf = new BtfBuilder();
    const int = btf.int('int', 4, { signed: true });
    const uint = (value: number): number => btf.ptr(btf.array(int, int, value));
    const values = btf.array(btf.ptr(btf.funcProto(int, [])), int, 0);
    const fields = ['type', 'key_size', 'value_size', 'max_entries', 'map_flags', 'numa_node', 'map_extra'];
    const numbers = [3, 4, 4, 300, 0, 0, 0];
    const bytes: number[] = [];
    const vars: { type: number; offset: number; size: number }[] = [];
    for (const [index, array] of this.plan.arrays.entries()) {
      const name = `array${index}`;
      const start = bytes.length;
      const size = array.fields * 8 + 300 * 8;
      const members = fields
        .slice(0, array.fields)
        .map((field, nth) => ({ name: field, type: uint(numbers[nth]!), offsetBits: nth * 64 }));
      const struct = btf.struct('', size, [
        ...members,
        { name: 'values', type: values, offsetBits: array.fields * 64 },
      ]);
      vars.push({ type: btf.variable(name, struct, 'global'), offset: 0, size });
      bytes.push(...new Array<number>(size).fill(0));
      this.maps.push({ name, section: '.maps', start });
      this.addSymbol(name, '.maps', start, size, 'global', 'object');
      this.fillArray(name, start + array.fields * 8, array, bytes);
    }
    this.addNested(btf, uint, bytes, vars);
    if (vars.length > 0 || !this.plan.forLibbpf) {
      btf.datasec('.maps', 0, vars);
      this.addSection('.maps', 3, Uint8Array.from(bytes));
    }
    this.addSection('.BTF', 0, btf.build(this.plan.endian));
  }

  /** Each a template, two maps of it, and a map of maps with some slots filled with one or the other. */
  private addNested(
    btf: BtfBuilder,
    uint: (value: number) => number,
    bytes: number[],
    vars: { type: number; offset: number; size: number }[],
  ): void {
    const int = btf.int('int', 4, { signed: true });
    const fields = (values: readonly number[]): BtfMemberInput[] =>
      ['type', 'key_size', 'value_size', 'max_entries'].map((name, nth) => ({
        name,
        type: uint(values[nth]!),
        offsetBits: nth * 64,
      }));
    for (const [index, { slots, hash }] of this.plan.nested.entries()) {
      const place = (name: string, type: number, size: number): number => {
        const start = bytes.length;
        bytes.push(...new Array<number>(size).fill(0));
        vars.push({ type: btf.variable(name, type, 'global'), offset: 0, size });
        this.maps.push({ name, section: '.maps', start });
        this.addSymbol(name, '.maps', start, size, 'global', 'object');
        return start;
      };
      const inner = { type: 2, keySize: 4, valueSize: 8, maxEntries: index + 3 } as const;
      const innerType = btf.struct(`inner${index}`, 32, fields([2, 4, 8, index + 3]));
      const inners = [0, 1].map((nth) => `inner${index}_${nth}`);
      for (const name of inners) place(name, innerType, 32);
      const outerType = btf.struct('', 32, [
        ...fields([hash ? 13 : 12, 4, 4, 30]),
        { name: 'values', type: btf.array(btf.ptr(innerType), int, 0), offsetBits: 256 },
      ]);
      const start = place(`outer${index}`, outerType, 32 + 8 * 21);
      const contents = [...slots]
        .sort((a, b) => a - b)
        .map((key): MapEntry => {
          const map = inners[key % 2]!;
          this.entries.push({ section: '.maps', offset: start + 32 + key * 8, type: 2, symbol: map });
          return { kind: 'map', key, map };
        });
      this.fields.set(`outer${index}`, {
        type: hash ? 13 : 12,
        maxEntries: 30,
        inner: inner as MapSpec,
        contents,
      });
    }
  }

  private fillArray(name: string, start: number, array: Plan['arrays'][number], bytes: number[]): void {
    const entries: MapEntry[] = [];
    const programs = this.functions.filter(({ section }) => !this.plan.forLibbpf || section !== '.text');
    const way = this.plan.forLibbpf ? 1 : array.way;
    for (const key of [...array.slots].sort((a, b) => a - b)) {
      const target = programs[(key * 7) % programs.length]!;
      const offset = start + key * 8;
      this.entries.push({
        section: '.maps',
        offset,
        type: array.type,
        symbol: way ? target.name : `section ${target.section}`,
      });
      if (!way) {
        const pointer = new DataView(new ArrayBuffer(8));
        pointer.setBigInt64(0, BigInt(target.start), this.plan.endian === 'little');
        for (let byte = 0; byte < 8; byte++) bytes[offset + byte] = pointer.getUint8(byte);
      }
      entries.push({ kind: 'program', key, program: target.name });
    }
    this.contents.set(name, entries);
  }

  private addCode(): void {
    let nth = 0;
    for (const [index, functions] of this.plan.code.entries()) {
      const insns: Instruction[] = [];
      for (const { ops } of functions) {
        const { name, start } = this.functions[nth++]!;
        const found: Relocation[] = [];
        this.expected.set(name, found);
        let slot = 0;
        for (const each of ops) {
          const insn = this.insn(each, this.sectionTitle(index), start, slot, found);
          insns.push(insn);
          slot += insn.def.slots;
        }
        insns.push(makeInsn('exit'));
      }
      this.addSection(this.sectionTitle(index), 6, encodeInsns(insns, this.plan.endian));
    }
  }

  private insn(each: Op, section: string, start: number, slot: number, found: Relocation[]): Instruction {
    const at = start + slot * 8;
    const { forLibbpf } = this.plan;
    const targets = this.functions.filter((fn) => !forLibbpf || fn.section === '.text');
    const target = targets[each.pick % targets.length]!;
    const dst = each.pick % 10;
    if (each.kind === 'call') {
      found.push({ kind: 'call', slot, target: target.name });
      if (each.way === 2 && target.section === section && (!forLibbpf || section === '.text'))
        return makeInsn('call_local', { imm: (target.start - at) / 8 - 1 });
      const bySymbol = each.way === 0;
      this.entries.push({
        section,
        offset: at,
        type: 10,
        symbol: bySymbol ? target.name : `section ${target.section}`,
      });
      return makeInsn('call_local', { imm: bySymbol ? -1 : target.start / 8 - 1 });
    }
    const loads = this.loadOf(each, target);
    if (!loads) return makeInsn(each.kind === 'nop' ? 'mov_k' : 'lddw', { dst, imm: each.offset });
    const [relocation, symbol, addend] = loads;
    found.push({ ...relocation, slot } as Relocation);
    this.entries.push({ section, offset: at, type: 1, symbol });
    return makeInsn('lddw', { dst, imm: addend });
  }

  /** What is loaded, the symbol that says so, and the addend; undefined where the plan has nothing of the kind. */
  private loadOf({ kind, pick, way, offset }: Op, target: Placed): [object, string, number] | undefined {
    const { data, forLibbpf } = this.plan;
    if (kind === 'address') {
      const bySection = forLibbpf && !this.globals.has(target.name) ? 1 : way;
      return [{ kind: 'functionAddress', target: target.name }, ...refer(target, bySection)];
    }
    if (kind === 'map') {
      const map = this.maps[pick % this.maps.length];
      return map && [{ kind: 'map', map: map.name }, ...refer(map, forLibbpf ? 0 : way)];
    }
    if (kind !== 'data' || data.length === 0) return undefined;
    const nth = pick % data.length;
    const map = dataNames[nth]!;
    const byte = offset % data[nth]!.size;
    // By the variable's symbol or by the section's; the addend does the rest, and may lead before the variable.
    const base = way === 0 ? 4 : 0;
    return [
      { kind: 'mapValue', map, offset: byte },
      way === 2 ? `section ${map}` : `var${nth}_${base}`,
      byte - base,
    ];
  }

  private assemble(): RelocatableObject {
    const { order, endian } = this.plan;
    const sections = this.sections
      .map((each, index) => ({ ...each, rank: order[index % order.length]! }))
      .sort((a, b) => a.rank - b.rank);
    const sectionIndex = (name: string): number => sections.findIndex((each) => each.name === name);
    const symbols = [...this.symbols].sort(
      (a, b) => Number(a.binding !== 'local') - Number(b.binding !== 'local'),
    );
    const relocations: SectionRelocation[] = this.entries.map(({ section, offset, type, symbol }) => ({
      section: sectionIndex(section),
      offset,
      type,
      symbol: symbols.findIndex(({ name }) => name === symbol),
      addend: 0,
    }));
    return {
      endian,
      sections: sections.map(({ section }) => section),
      symbols: symbols.map((symbol) => ({
        ...symbol,
        name: symbol.type === 'section' ? '' : symbol.name,
        section: sectionIndex(symbol.section),
      })),
      relocations: relocations.sort((a, b) => a.section - b.section || a.offset - b.offset),
    };
  }
}

/** By its own symbol, or by its section's with its place as the addend. */
function refer({ name, section, start }: Placed, way: number): [string, number] {
  return way === 0 ? [name, 0] : [`section ${section}`, start];
}
