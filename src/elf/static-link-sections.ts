import { type Section, SectionFlag, SectionType } from '../object/relocatable.ts';
import { alignUp, decodeCString } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import { isAddressTable, isDebugSection } from './debug-sections.ts';
import type { LinkInput } from './static-link-input.ts';

/** Where a section of an input came to lie. */
export interface Place {
  /** Index of the linked object's section. */
  readonly section: number;
  /** Byte offset in it. */
  readonly offset: number;
}

/** Sections of the inputs, those of one name put behind each other. */
export interface MergedSections {
  /** `.BTF` and `.BTF.ext` are not among them. */
  readonly sections: readonly Section[];
  /** undefined for a section that is left out. */
  placeOf(input: LinkInput, section: number): Place | undefined;
  indexOf(name: string): number | undefined;
}

interface Growing {
  readonly index: number;
  readonly first: Section;
  readonly firstInput: LinkInput;
  align: number;
  size: number;
  readonly parts: { readonly bytes: Uint8Array; readonly offset: number }[];
}

/** Sections that every object has for itself, and that must say the same. */
const COMMON_TEXTS = new Set(['license', 'version']);

/** No object comes near; a hostile one could ask for terabytes of zeros with a few headers. */
const MAX_SECTION_SIZE = 2 ** 31 - 1;

/**
 * Puts sections of one name behind each other, each at its own alignment. Debug information and
 * tables that count symbols are left out.
 *
 * @throws {TsbpfError} `LINK_SECTION_MISMATCH`, `LINK_LICENSE`
 */
export function mergeSections(inputs: readonly LinkInput[]): MergedSections {
  const merged = new Map<string, Growing>();
  const places = new Map<LinkInput, (Place | undefined)[]>();
  for (const input of inputs) {
    places.set(
      input,
      input.object.sections.map((section) => (isLeftOut(section) ? undefined : add(merged, input, section))),
    );
  }
  const names = new Map([...merged.keys()].map((name, index) => [name, index]));
  return {
    sections: [...merged.values()].map(finishSection),
    placeOf: (input, section) => places.get(input)![section],
    indexOf: (name) => names.get(name),
  };
}

function isLeftOut(section: Section): boolean {
  const { name, type, size } = section;
  if (isDebugSection(section) || isAddressTable(section)) return true;
  if (type === SectionType.STRTAB || type === SectionType.GROUP || type === SectionType.NULL) return true;
  // Which compiler made a part says nothing of the whole, and readers draw conclusions from it.
  if (name === '.comment') return true;
  // Clang writes an empty one into every object.
  return name === '.BTF' || name === '.BTF.ext' || (name === '.text' && size === 0);
}

function add(merged: Map<string, Growing>, input: LinkInput, section: Section): Place | undefined {
  const { name, size } = section;
  let into = merged.get(name);
  if (!into) {
    into = { index: merged.size, first: section, firstInput: input, align: 1, size: 0, parts: [] };
    merged.set(name, into);
  } else {
    checkAlike(into, input, section);
    if (COMMON_TEXTS.has(name)) return undefined;
  }
  const align = Math.max(1, section.align);
  const offset = alignUp(into.size, align);
  into.align = Math.max(into.align, align);
  into.size = offset + size;
  if (into.size > MAX_SECTION_SIZE)
    throw new TsbpfError('LINK_TOO_LARGE', `${input.name}: section ${name} grows beyond 2 GB`);
  into.parts.push({ bytes: section.bytes, offset });
  return { section: into.index, offset };
}

function checkAlike({ first, firstInput }: Growing, input: LinkInput, section: Section): void {
  const { name } = section;
  if (COMMON_TEXTS.has(name)) {
    const texts = [decodeCString(first.bytes), decodeCString(section.bytes)];
    const same =
      first.bytes.length === section.bytes.length && first.bytes.every((b, i) => b === section.bytes[i]);
    if (same || (name === 'license' && texts[0] === texts[1])) return;
    const said = (text: string): string => (name === 'license' ? JSON.stringify(text) : 'another one');
    throw new TsbpfError(
      'LINK_LICENSE',
      `${name} differs: ${said(texts[0]!)} in ${firstInput.name}, ${said(texts[1]!)} in ${input.name}`,
      { hint: `give every object the same ${name}: one program is made of them` },
    );
  }
  const [there, here] = [first, section].map(traits);
  if (there === here) return;
  throw new TsbpfError(
    'LINK_SECTION_MISMATCH',
    `section ${name} cannot be joined: it is ${there} in ${firstInput.name}, but ${here} in ${input.name}`,
    { hint: 'give one of the two sections another name' },
  );
}

const typeNames = new Map<number, string>(Object.entries(SectionType).map(([name, type]) => [type, name]));

function traits({ type, flags, entrySize }: Section): string {
  const flagNames = Object.entries(SectionFlag).filter(([, flag]) => (flags & flag) !== 0);
  const known = flagNames.reduce((all, [, flag]) => all | flag, 0);
  const words = [typeNames.get(type) ?? `type ${type}`, ...flagNames.map(([name]) => name)];
  if (flags !== known) words.push(`flags 0x${flags.toString(16)}`);
  if (entrySize !== 0) words.push(`entries of ${entrySize} bytes`);
  return words.join(' ');
}

function finishSection({ first, align, size, parts }: Growing): Section {
  const isEmpty = first.type === SectionType.NOBITS;
  const bytes = new Uint8Array(isEmpty ? 0 : size);
  if (!isEmpty) for (const part of parts) bytes.set(part.bytes, part.offset);
  const { name, type, flags, entrySize } = first;
  return Object.freeze({ name, type, flags, align, entrySize, bytes, size });
}
