import { fc } from '@fast-check/vitest';
import { BtfBuilder } from '../../src/btf/index.ts';
import { encodeInsns, type Instruction, makeInsn } from '../../src/isa/index.ts';
import type {
  ElfSymbol,
  MapEntry,
  RelocatableObject,
  Relocation,
  Section,
  SectionRelocation,
} from '../../src/object/index.ts';

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
  readonly definitionSize: 16 | 20;
  readonly legacyMaps: number;
  /** Static prog arrays: which slots are filled, how many fields stand before `values`, which relocation type is used. */
  readonly arrays: readonly {
    readonly slots: readonly number[];
    readonly fields: number;
    readonly type: 1 | 2;
    readonly way: number;
  }[];
  readonly dataSizes: readonly number[];
  readonly sized: boolean;
  readonly order: readonly number[];
}

const op: fc.Arbitrary<Op> = fc.record({
  kind: fc.constantFrom('nop', 'call', 'map', 'data', 'address'),
  pick: fc.nat(1000),
  way: fc.nat(2),
  offset: fc.nat(1000),
});

export const plan: fc.Arbitrary<Plan> = fc.record({
  endian: fc.constantFrom('little', 'big'),
  code: fc.array(
    fc.array(fc.record({ global: fc.boolean(), ops: fc.array(op, { maxLength: 8 }) }), {
      minLength: 1,
      maxLength: 4,
    }),
    { minLength: 1, maxLength: 4 },
  ),
  definitionSize: fc.constantFrom(16, 20),
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
  dataSizes: fc.array(fc.integer({ min: 8, max: 64 }), { maxLength: 3 }),
  sized: fc.boolean(),
  order: fc.array(fc.nat(100), { minLength: 12, maxLength: 12 }),
});

/** An object, and what a reader of it has to find. */
export interface Model {
  readonly object: RelocatableObject;
  readonly relocations: ReadonlyMap<string, readonly Relocation[]>;
  readonly contents: ReadonlyMap<string, readonly MapEntry[]>;
  readonly maps: readonly string[];
}

interface Placed {
  readonly name: string;
  readonly section: string;
  /** Byte offset. */
  readonly start: number;
}

const SLOTS_OF = { nop: 1, call: 1, map: 2, data: 2, address: 2 } as const;
const dataNames = ['.data', '.rodata', '.data.more'];

/** Lays a plan out as a compiler would, and notes what every reference means. */
export class Modeller {
  readonly plan: Plan;
  readonly sections: { name: string; section: Section }[] = [];
  readonly symbols: (Omit<ElfSymbol, 'section'> & { section: string })[] = [];
  readonly entries: { section: string; offset: number; type: number; symbol: string }[] = [];
  readonly functions: Placed[] = [];
  readonly maps: Placed[] = [];
  readonly expected: Map<string, Relocation[]> = new Map();
  readonly contents: Map<string, MapEntry[]> = new Map();

  constructor(given: Plan) {
    this.plan = given;
  }

  model(): Model {
    this.placeFunctions();
    this.addLegacyMaps();
    this.addArrays();
    for (const [index, size] of this.plan.dataSizes.entries())
      this.addSection(dataNames[index]!, 3, new Uint8Array(size));
    this.addCode();
    return {
      object: this.assemble(),
      relocations: this.expected,
      contents: this.contents,
      maps: [
        ...this.maps.map(({ name }) => name),
        ...this.plan.dataSizes.map((_, index) => dataNames[index]!),
      ],
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
        this.addSymbol(
          name,
          section,
          start,
          this.plan.sized ? slots * 8 : 0,
          global ? 'global' : 'local',
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
  private addSection(name: string, flags: number, bytes: Uint8Array): void {
    this.sections.push({
      name,
      section: { name, type: 1, flags, align: 8, entrySize: 0, bytes, size: bytes.length },
    });
    this.addSymbol(`section ${name}`, name, 0, 0, 'local', 'section');
  }

  private addLegacyMaps(): void {
    const { legacyMaps, definitionSize, sized, endian } = this.plan;
    const bytes = new Uint8Array(legacyMaps * definitionSize);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < legacyMaps; index++) {
      const start = index * definitionSize;
      for (const [field, value] of [2, 4, 8, index + 1].entries())
        view.setUint32(start + field * 4, value, endian === 'little');
      const name = `legacy${index}`;
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
      vars.push({ type: btf.variable(name, struct, 'global'), offset: 0, size: 0 });
      bytes.push(...new Array<number>(size).fill(0));
      this.maps.push({ name, section: '.maps', start });
      this.addSymbol(name, '.maps', start, size, 'global', 'object');
      this.fillArray(name, start + array.fields * 8, array, bytes);
    }
    btf.datasec('.maps', 0, vars);
    this.addSection('.maps', 3, Uint8Array.from(bytes));
    this.addSection('.BTF', 0, btf.build(this.plan.endian));
  }

  private fillArray(name: string, start: number, array: Plan['arrays'][number], bytes: number[]): void {
    const entries: MapEntry[] = [];
    for (const key of [...array.slots].sort((a, b) => a - b)) {
      const target = this.functions[(key * 7) % this.functions.length]!;
      const offset = start + key * 8;
      this.entries.push({
        section: '.maps',
        offset,
        type: array.type,
        symbol: array.way ? target.name : `section ${target.section}`,
      });
      if (!array.way) {
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
    const target = this.functions[each.pick % this.functions.length]!;
    const dst = each.pick % 10;
    if (each.kind === 'call') {
      found.push({ kind: 'call', slot, target: target.name });
      if (each.way === 2 && target.section === section)
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
    if (kind === 'address') return [{ kind: 'functionAddress', target: target.name }, ...refer(target, way)];
    if (kind === 'map') {
      const map = this.maps[pick % this.maps.length];
      return map && [{ kind: 'map', map: map.name }, ...refer(map, way)];
    }
    if (kind !== 'data' || this.plan.dataSizes.length === 0) return undefined;
    const nth = pick % this.plan.dataSizes.length;
    const byte = offset % this.plan.dataSizes[nth]!;
    return [{ kind: 'mapValue', map: dataNames[nth]!, offset: byte }, `section ${dataNames[nth]}`, byte];
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
