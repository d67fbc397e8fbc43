import { SLOT_SIZE } from '../isa/codec.ts';
import {
  type RelocatableObject,
  RelocationType,
  type Section,
  SectionFlag,
  type SectionRelocation,
  SectionType,
} from '../object/relocatable.ts';
import { type Endian, viewOf } from '../util/bytes.ts';
import { FormatError, TsbpfError } from '../util/errors.ts';
import { mergeTypes } from './static-link-btf.ts';
import { checkDeclarations } from './static-link-externs.ts';
import { type LinkInput, makeInput } from './static-link-input.ts';
import { type MergedSections, mergeSections } from './static-link-sections.ts';
import { type LinkedSymbols, mergeSymbols } from './static-link-symbols.ts';

export interface LinkObjectsOptions {
  /** What messages call the objects: their files. `object 1`, `object 2` … by default. */
  readonly names?: readonly string[];
}

/**
 * Joins objects into one, as `bpftool gen object` does: sections of one name are put behind each
 * other, symbols resolved, relocations and types moved along, equal types made one. What no object
 * defines stays undefined, for the kernel or a later link. Debug information other than BTF is left
 * out.
 *
 * @throws {TsbpfError} `LINK_NOTHING`, `LINK_ENDIAN`, `LINK_LICENSE`, `LINK_SECTION_MISMATCH`,
 *   `LINK_DUPLICATE_SYMBOL`, `LINK_KIND_MISMATCH`, `LINK_TYPE_MISMATCH`, `LINK_COMMON_SYMBOL`, `LINK_TOO_LARGE`
 * @throws {FormatError} for types or relocations that are damaged, with the object's name in its path
 *
 * @example
 * ```ts
 * const objects = ['a.o', 'b.o'].map((name) => parseElf(readFileSync(name), { name }));
 * writeFileSync('c.o', writeElf(linkObjects(objects, { names: ['a.o', 'b.o'] })));
 * ```
 */
export function linkObjects(
  objects: readonly RelocatableObject[],
  options: LinkObjectsOptions = {},
): RelocatableObject {
  const inputs = objects.map((object, index) =>
    makeInput(object, options.names?.[index] ?? `object ${index + 1}`),
  );
  const endian = commonEndian(inputs);
  const sections = mergeSections(inputs);
  const symbols = mergeSymbols(inputs, sections);
  checkDeclarations(inputs, symbols);
  const all = [...sections.sections];
  const indexes = new Map(symbols.all.map((symbol, index) => [symbol, index]));
  const relocations: SectionRelocation[] = [];
  for (const input of inputs)
    for (const section of input.object.sections.keys())
      relocations.push(
        ...moveRelocations({ input, section, sections, symbols, endian }, (s) => indexes.get(s)!),
      );
  relocations.sort((a, b) => a.section - b.section || a.offset - b.offset);
  const { btf, ext } = mergeTypes(inputs, sections, symbols, endian);
  if (btf) all.push(typeSection('.BTF', btf));
  if (ext) all.push(typeSection('.BTF.ext', ext));
  return Object.freeze({
    endian,
    sections: Object.freeze(all),
    symbols: Object.freeze(symbols.all.map(({ symbol }) => Object.freeze(symbol))),
    relocations: Object.freeze(relocations),
  });
}

function commonEndian(inputs: readonly LinkInput[]): Endian {
  const [first] = inputs;
  if (!first) throw new TsbpfError('LINK_NOTHING', 'there are no objects to link');
  const { endian } = first.object;
  const other = inputs.find(({ object }) => object.endian !== endian);
  if (!other) return endian;
  throw new TsbpfError(
    'LINK_ENDIAN',
    `${first.name} is ${endian} endian, ${other.name} is ${other.object.endian} endian`,
    { hint: 'compile both with the same -target, bpfel or bpfeb' },
  );
}

function typeSection(name: string, bytes: Uint8Array): Section {
  const { PROGBITS: type } = SectionType;
  return Object.freeze({ name, type, flags: 0, align: 4, entrySize: 0, bytes, size: bytes.length });
}

/** A section of an input whose relocations are moved. */
interface Site {
  readonly input: LinkInput;
  readonly section: number;
  readonly sections: MergedSections;
  readonly symbols: LinkedSymbols;
  readonly endian: Endian;
}

function moveRelocations(
  site: Site,
  indexOf: (symbol: LinkedSymbols['all'][number]) => number,
): SectionRelocation[] {
  const { input, section, sections, symbols } = site;
  const place = sections.placeOf(input, section);
  if (!place) return [];
  return input.relocationsOf(section).map((relocation) => {
    const { symbol: number } = relocation;
    const symbol = symbols.of(input, number);
    if (number >= 0 && !symbol) {
      const target = input.object.symbols[number];
      throw fail(site, relocation, `refers to ${target?.name || 'a symbol'} of a section that is not linked`);
    }
    let { addend } = relocation;
    const source = input.object.symbols[number];
    if (source?.type === 'section' && typeof source.section === 'number') {
      // The symbol stands for the whole section now, in which this input's part begins further on.
      const shift = sections.placeOf(input, source.section)!.offset + source.value;
      if (addend !== 0) addend += shift;
      else if (shift !== 0) shiftAddend(site, relocation, place.section, place.offset, shift);
    }
    return Object.freeze({
      section: place.section,
      offset: place.offset + relocation.offset,
      type: relocation.type,
      symbol: symbol ? indexOf(symbol) : -1,
      addend,
    });
  });
}

/** Bytes of the field that holds a relocation's addend, and where it begins. */
interface Field {
  readonly at: number;
  readonly size: 4 | 8;
  /** Bytes that one unit of it stands for. */
  readonly unit: number;
}

const CODE_FIELDS: Readonly<Record<number, Field | undefined>> = {
  [RelocationType.R_BPF_64_64]: { at: 4, size: 4, unit: 1 },
  [RelocationType.R_BPF_64_32]: { at: 4, size: 4, unit: SLOT_SIZE },
};

const DATA_FIELDS: Readonly<Record<number, Field | undefined>> = {
  // Clang before version 13 wrote this for pointers in data.
  [RelocationType.R_BPF_64_64]: { at: 0, size: 8, unit: 1 },
  [RelocationType.R_BPF_64_ABS64]: { at: 0, size: 8, unit: 1 },
  [RelocationType.R_BPF_64_ABS32]: { at: 0, size: 4, unit: 1 },
  [RelocationType.R_BPF_64_NODYLD32]: { at: 0, size: 4, unit: 1 },
};

function shiftAddend(
  site: Site,
  relocation: SectionRelocation,
  section: number,
  base: number,
  shift: number,
): void {
  const { bytes, flags } = site.sections.sections[section]!;
  const isCode = (flags & SectionFlag.EXECINSTR) !== 0;
  const field = (isCode ? CODE_FIELDS : DATA_FIELDS)[relocation.type];
  if (relocation.type === RelocationType.R_BPF_NONE) return;
  if (!field) throw fail(site, relocation, `is of type ${relocation.type}, which is not known here`);
  const own = site.input.object.sections[site.section]!.size;
  if (relocation.offset + field.at + field.size > own || bytes.length === 0)
    throw fail(site, relocation, 'does not fit into its section');
  if (shift % field.unit !== 0)
    throw fail(site, relocation, 'calls into a section that is not made of whole instructions');
  const view = viewOf(bytes);
  const at = base + relocation.offset + field.at;
  const little = site.endian === 'little';
  const delta = shift / field.unit;
  if (field.size === 8) view.setBigInt64(at, view.getBigInt64(at, little) + BigInt(delta), little);
  else view.setInt32(at, view.getInt32(at, little) + delta, little);
}

function fail({ input, section }: Site, { offset }: SectionRelocation, what: string): FormatError {
  const { name } = input.object.sections[section]!;
  return new FormatError(
    'LINK_BAD_RELOCATION',
    `${input.name}/${name}`,
    `the relocation at byte ${offset} ${what}`,
  );
}
