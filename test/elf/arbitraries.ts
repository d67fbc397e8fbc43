import {
  type ElfSymbol,
  type RelocatableObject,
  type Section,
  type SectionRelocation,
  SectionType,
  type SymbolSection,
} from '../../src/object/index.ts';
import { fc } from '../support/property.ts';

const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !text.includes('\0'));

const section: fc.Arbitrary<Section> = fc
  .record({
    name,
    type: fc.constantFrom(
      SectionType.PROGBITS,
      SectionType.NOBITS,
      SectionType.NOTE,
      SectionType.LLVM_ADDRSIG,
      0x70000001,
    ),
    flags: fc.nat(0xffff_ffff),
    align: fc.constantFrom(0, 1, 2, 4, 8, 16, 4096),
    entrySize: fc.nat(64),
    content: fc.uint8Array({ minLength: 0, maxLength: 64 }),
    extra: fc.nat(2 ** 40),
  })
  .map(({ content, extra, ...rest }) =>
    rest.type === SectionType.NOBITS
      ? { ...rest, bytes: new Uint8Array(), size: extra }
      : { ...rest, bytes: content, size: content.length },
  );

function symbolOf(sections: number): fc.Arbitrary<ElfSymbol> {
  const places: fc.Arbitrary<SymbolSection>[] = [fc.constantFrom('undefined', 'absolute', 'common')];
  if (sections > 0) places.push(fc.nat(sections - 1));
  return fc.record({
    name,
    section: fc.oneof(...places),
    value: fc.maxSafeNat(),
    size: fc.nat(),
    binding: fc.constantFrom('local', 'global', 'weak'),
    type: fc.constantFrom('notype', 'object', 'func', 'section', 'file'),
    visibility: fc.constantFrom('default', 'internal', 'hidden', 'protected'),
  });
}

function relocationOf(sections: readonly Section[], symbols: number): fc.Arbitrary<SectionRelocation> {
  return fc.nat(sections.length - 1).chain((index) =>
    fc.record({
      section: fc.constant(index),
      offset: fc.nat(Math.max(0, sections[index]!.size - 1)),
      type: fc.nat(0xffff_ffff),
      symbol: fc.integer({ min: -1, max: symbols - 1 }),
      addend: fc.constantFrom(0, 0, 0, 8, -8, 2 ** 40),
    }),
  );
}

/** Any object that a file can hold: its symbols with the local ones first, as files have them. */
export const relocatableObject: fc.Arbitrary<RelocatableObject> = fc
  .array(section, { maxLength: 6 })
  .chain((sections) =>
    fc.array(symbolOf(sections.length), { maxLength: 8 }).chain((symbols) => {
      const sized = sections.some(({ size }) => size > 0);
      const relocations = sized
        ? fc.array(relocationOf(sections, symbols.length), { maxLength: 10 })
        : fc.constant<SectionRelocation[]>([]);
      return fc
        .record({ endian: fc.constantFrom('little', 'big'), relocations })
        .map(({ endian, relocations: all }) => ({
          endian,
          sections,
          symbols: [...symbols].sort((a, b) => Number(a.binding !== 'local') - Number(b.binding !== 'local')),
          relocations: all
            .filter((entry) => entry.offset < sections[entry.section]!.size)
            .sort((a, b) => a.section - b.section || a.offset - b.offset),
        }));
    }),
  );
