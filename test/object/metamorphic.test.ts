import { expect } from 'vitest';
import { parseElf, writeElf } from '../../src/elf/index.ts';
import {
  bind,
  collect,
  type ElfSymbol,
  link,
  type ObjectSpec,
  type RelocatableObject,
  type SectionRelocation,
} from '../../src/object/index.ts';
import { fc, test as property } from '../support/property.ts';
import { Modeller, plan } from './model.ts';

/** The code of every program that both sides have, with maps under the numbers of the first. */
function codes(spec: ObjectSpec, like: ObjectSpec): Map<string, string> {
  const handles = new Map([...like.maps.keys()].map((map, index) => [map, index + 10]));
  const handle = (map: string): number => handles.get(map)!;
  return new Map(
    [...like.functions.keys()]
      .filter((name) => spec.functions.has(name))
      .map((name) => [
        name,
        Buffer.from(bind(link(spec, name), { map: handle, mapValue: handle })).toString('hex'),
      ]),
  );
}

const through = (object: RelocatableObject): ObjectSpec => collect(parseElf(writeElf(object)));

property.prop([plan, fc.infiniteStream(fc.nat(1000))], { numRuns: 200 })(
  'the order of symbols means nothing',
  (given, ranks) => {
    const { object } = new Modeller(given).model();
    const order = object.symbols.map((symbol, index) => ({
      symbol,
      index,
      rank: ranks.next().value as number,
    }));
    // Local ones come first in any file.
    order.sort(
      (a, b) =>
        Number(a.symbol.binding !== 'local') - Number(b.symbol.binding !== 'local') || a.rank - b.rank,
    );
    const place = new Map(order.map(({ index }, at) => [index, at]));
    const shuffled = through({
      ...object,
      symbols: order.map(({ symbol }) => symbol),
      relocations: object.relocations.map((entry) => ({ ...entry, symbol: place.get(entry.symbol)! })),
    });
    const spec = collect(object);
    expect(codes(shuffled, spec)).toEqual(codes(spec, spec));
    expect([...shuffled.maps.keys()].sort()).toEqual([...spec.maps.keys()].sort());
  },
);

property.prop([plan], { numRuns: 200 })('names of static functions mean nothing but names', (given) => {
  const { object } = new Modeller(given).model();
  const symbols = object.symbols.map((symbol) =>
    symbol.type === 'func' && symbol.binding === 'local' ? { ...symbol, name: 'same' } : symbol,
  );
  const spec = collect(object);
  const renamed = through({ ...object, symbols });
  const globals = new Set(symbols.filter(({ binding }) => binding !== 'local').map(({ name }) => name));
  const left = (all: Map<string, string>): [string, string][] =>
    [...all].filter(([name]) => globals.has(name));
  expect(left(codes(renamed, spec))).toEqual(left(codes(spec, spec)));
  expect(renamed.functions.size).toBe(spec.functions.size);
});

property.prop([plan], { numRuns: 200 })(
  'programs of one section mean the same in sections of their own',
  (given) => {
    const { object } = new Modeller({ ...given, sized: true }).model();
    const spec = collect(object);
    expect(codes(through(split(object)), spec)).toEqual(codes(spec, spec));
  },
);

property.prop([plan], { numRuns: 200 })(
  'subprograms mean the same behind one another in one section',
  (given) => {
    const { object } = new Modeller({ ...given, sized: true }).model();
    const spec = collect(object);
    const merged = through(mergeCode(object));
    expect([...merged.functions.keys()].sort()).toEqual([...spec.functions.keys()].sort());
    expect(codes(merged, spec)).toEqual(codes(spec, spec));
  },
);

const isCode = (object: RelocatableObject, section: ElfSymbol['section']): section is number =>
  typeof section === 'number' && (object.sections[section]!.flags & 4) !== 0;

/** Whether calls without a relocation, or references to the section as such, tie its functions together. */
function isTied(object: RelocatableObject, section: number): boolean {
  const { bytes } = object.sections[section]!;
  const referred = object.relocations.some((entry) => {
    const symbol = object.symbols[entry.symbol]!;
    return symbol.section === section && symbol.type === 'section';
  });
  const relocated = new Set(
    object.relocations.filter((entry) => entry.section === section).map(({ offset }) => offset),
  );
  let relative = false;
  for (let at = 0; at < bytes.length; at += bytes[at] === 0x18 ? 16 : 8)
    if (bytes[at] === 0x85 && !relocated.has(at)) relative = true;
  return referred || relative;
}

/** Each function of a section that nothing ties together gets a section of the same name. */
function split(object: RelocatableObject): RelocatableObject {
  const sections = [...object.sections];
  const moved = new Map<number, { section: number; start: number; end: number }[]>();
  const symbols = object.symbols.map((symbol) => {
    const { section, value, size } = symbol;
    if (!isCode(object, section) || symbol.type !== 'func' || isTied(object, section)) return symbol;
    const from = object.sections[section]!;
    const bytes = from.bytes.slice(value, value + size);
    const parts = moved.get(section) ?? [];
    moved.set(section, [...parts, { section: sections.length, start: value, end: value + size }]);
    sections.push({ ...from, bytes, size });
    return { ...symbol, section: sections.length - 1, value: 0 };
  });
  const relocations = object.relocations.map((entry): SectionRelocation => {
    const part = moved
      .get(entry.section)
      ?.find(({ start, end }) => entry.offset >= start && entry.offset < end);
    return part ? { ...entry, section: part.section, offset: entry.offset - part.start } : entry;
  });
  for (const section of moved.keys())
    sections[section] = { ...sections[section]!, bytes: new Uint8Array(), size: 0 };
  return { ...object, sections, symbols, relocations: sorted(relocations) };
}

/** All code behind one another in the first section of code; references to sections become ones to places in it. */
function mergeCode(object: RelocatableObject): RelocatableObject {
  const codeSections = object.sections.flatMap((_, section) => (isCode(object, section) ? [section] : []));
  const [first] = codeSections;
  if (first === undefined) return object;
  const starts = new Map<number, number>();
  let size = 0;
  for (const section of codeSections) {
    starts.set(section, size);
    size += object.sections[section]!.size;
  }
  const bytes = new Uint8Array(size);
  for (const [section, start] of starts) bytes.set(object.sections[section]!.bytes, start);
  const sections = object.sections.map((section, index) =>
    index === first
      ? { ...section, bytes, size }
      : starts.has(index)
        ? { ...section, bytes: new Uint8Array(), size: 0 }
        : section,
  );
  const symbols = object.symbols.map((symbol) => {
    const start = typeof symbol.section === 'number' ? starts.get(symbol.section) : undefined;
    return start === undefined ? symbol : { ...symbol, section: first, value: symbol.value + start };
  });
  const relocations = object.relocations.map((entry): SectionRelocation => {
    const start = starts.get(entry.section);
    return start === undefined ? entry : { ...entry, section: first, offset: entry.offset + start };
  });
  return { ...object, sections, symbols, relocations: sorted(relocations) };
}

function sorted(relocations: readonly SectionRelocation[]): SectionRelocation[] {
  return [...relocations].sort((a, b) => a.section - b.section || a.offset - b.offset);
}
