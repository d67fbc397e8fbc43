import type { Btf } from '../btf/btf.ts';
import { BtfBuilder } from '../btf/build.ts';
import { BtfCopier } from '../btf/copy.ts';
import { dedupBtf } from '../btf/dedup.ts';
import type { ExtRecords } from '../btf/ext.ts';
import { parseBtf } from '../btf/parse.ts';
import type { BtfDatasec, BtfFunc, BtfSectionVar, BtfVar } from '../btf/types.ts';
import { btfExtBytes, type ExtSection } from '../object/btf-ext-bytes.ts';
import { SectionFlag } from '../object/relocatable.ts';
import type { Endian } from '../util/bytes.ts';
import type { LinkInput } from './static-link-input.ts';
import type { MergedSections } from './static-link-sections.ts';
import type { LinkedSymbols } from './static-link-symbols.ts';

interface MergedTypes {
  readonly btf: Uint8Array | undefined;
  readonly ext: Uint8Array | undefined;
}

/** One input's types on their way into the merged ones. */
interface Source {
  readonly input: LinkInput;
  readonly btf: Btf;
  readonly copier: BtfCopier;
}

type Named = BtfFunc | BtfVar;

/** A link while its types are merged. */
interface Merge {
  readonly sections: MergedSections;
  readonly symbols: LinkedSymbols;
  readonly builder: BtfBuilder;
  readonly sources: readonly Source[];
  /** Of all that are not static, the one FUNC or VAR of each name that stays. */
  readonly kept: ReadonlyMap<string, { readonly source: Source; readonly type: Named }>;
  /** Numbers of those whose linkage had to be changed. */
  readonly rewritten: Map<string, number>;
}

/**
 * Joins the types of all inputs and makes one of equal ones. A declaration of what another input
 * defines is replaced by the definition; DATASECs of one name become one, with the places that
 * their variables have now; records of `.BTF.ext` move along with their code.
 */
export function mergeTypes(
  inputs: readonly LinkInput[],
  sections: MergedSections,
  symbols: LinkedSymbols,
  endian: Endian,
): MergedTypes {
  const builder = new BtfBuilder();
  const sources = inputs.flatMap((input): Source[] => {
    const btf = input.index?.btf;
    return btf ? [{ input, btf, copier: new BtfCopier(btf, builder) }] : [];
  });
  if (sources.length === 0) return { btf: undefined, ext: undefined };
  const kept = chooseNamed(sources, symbols);
  const merge: Merge = { sections, symbols, builder, sources, kept, rewritten: new Map() };
  for (const source of sources) copyTypes(merge, source);
  mergeDatasecs(merge);
  const { builder: deduped, ids } = dedupBtf(parseBtf(builder.build(endian), 'BTF'));
  const ext = btfExtBytes(
    sections.sections
      .filter(({ flags }) => (flags & SectionFlag.EXECINSTR) !== 0)
      .map(({ name }) => extOf(merge, name, deduped, ids)),
    endian,
  );
  return { btf: deduped.build(endian), ext };
}

/** The definition that its symbol has; where that comes without types, the first that any input tells. */
function chooseNamed(sources: readonly Source[], symbols: LinkedSymbols): Merge['kept'] {
  const kept = new Map<string, { source: Source; type: Named }>();
  const final = new Set<string>();
  for (const source of sources) {
    for (const type of namedTypes(source.btf)) {
      if (type.linkage === 'static' || final.has(type.name)) continue;
      const symbol = symbols.global(type.name);
      const isDefinition = type.linkage !== 'extern' && (!symbol || symbol.definer === source.input);
      if (isDefinition) final.add(type.name);
      if (isDefinition || !kept.has(type.name)) kept.set(type.name, { source, type });
    }
  }
  return kept;
}

function* namedTypes(btf: Btf): Generator<Named> {
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    const kind = btf.kindOf(id);
    if (kind === 'func' || kind === 'var') yield btf.type(id) as Named;
  }
}

function copyTypes(merge: Merge, source: Source): void {
  const { btf, copier } = source;
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    const kind = btf.kindOf(id);
    // DATASECs are made anew; prototypes come with the functions and pointers that stay.
    if (kind === 'datasec' || kind === 'funcProto') continue;
    if (kind === 'declTag') {
      // Tags of what another input's type stands for go with it.
      const { type } = btf.type(id) as { readonly type: number };
      if (idOf(merge, source, type) === copier.id(type)) copier.id(id);
    } else idOf(merge, source, id);
  }
}

/** The number in the merged types of a type of an input. */
function idOf(merge: Merge, source: Source, id: number): number {
  const { btf, copier } = source;
  const kind = btf.kindOf(id);
  if (kind !== 'func' && kind !== 'var') return copier.id(id);
  const type = btf.type(id) as Named;
  const kept = type.linkage === 'static' ? undefined : merge.kept.get(type.name);
  if (!kept) return copier.id(id);
  const symbol = merge.symbols.global(type.name);
  // An object without types defines it.
  if (kept.type.linkage === 'extern' && symbol?.definer) return rewrite(merge, kept);
  return kept.source.copier.id(kept.type.id);
}

function rewrite({ rewritten, builder }: Merge, { source, type }: { source: Source; type: Named }): number {
  const { name } = type;
  let id = rewritten.get(name);
  if (id === undefined) {
    const of = source.copier.id(type.type);
    id = type.kind === 'func' ? builder.func(name, of, 'global') : builder.variable(name, of, 'global');
    rewritten.set(name, id);
  }
  return id;
}

function mergeDatasecs(merge: Merge): void {
  const { sources, sections, builder } = merge;
  const variables = new Map<string, BtfSectionVar[]>();
  for (const source of sources) {
    const { btf } = source;
    for (let id = btf.firstId; id < btf.typeCount; id++) {
      if (btf.kindOf(id) !== 'datasec') continue;
      const { name, vars } = btf.type(id) as BtfDatasec;
      const list = variables.get(name) ?? [];
      variables.set(name, list);
      for (const entry of vars) {
        const placed = placeVariable(merge, source, name, entry);
        if (placed) list.push(placed);
      }
    }
  }
  for (const [name, list] of variables) {
    const index = sections.indexOf(name);
    const size = index === undefined ? 0 : sections.sections[index]!.size;
    if (list.length > 0) builder.datasec(name, size, list);
  }
}

/** A variable at its place in the merged section; undefined where another input's stands for it. */
function placeVariable(
  merge: Merge,
  source: Source,
  section: string,
  entry: BtfSectionVar,
): BtfSectionVar | undefined {
  const { btf, input } = source;
  const named = btf.type(entry.type) as Named;
  const type = idOf(merge, source, entry.type);
  const size = entry.size || (named.kind === 'var' ? btf.sizeOf(named.type) : 0);
  if (named.linkage === 'static') {
    // Clang writes the places of static variables down, and leaves those of others to symbols.
    const index = input.object.sections.findIndex(({ name }) => name === section);
    const place = merge.sections.placeOf(input, index);
    return place && { type, offset: place.offset + entry.offset, size };
  }
  const kept = merge.kept.get(named.name);
  if (kept?.source !== source || kept.type.id !== named.id) return undefined;
  const symbol = merge.symbols.global(named.name);
  if (named.linkage === 'extern')
    return symbol?.definer ? undefined : { type, offset: entry.offset, size: entry.size };
  return { type, offset: symbol?.symbol.value ?? entry.offset, size };
}

/** The records of all inputs for one section of code, at their new places. */
function extOf(merge: Merge, name: string, builder: BtfBuilder, ids: Uint32Array): ExtSection {
  const out = { functions: [], lines: [], coreRelocations: [] } as {
    -readonly [K in 'functions' | 'lines' | 'coreRelocations']: ExtSection[K][number][];
  };
  for (const source of merge.sources) {
    const { input, btf } = source;
    if (!input.ext) continue;
    const text = (offset: number): number => builder.string(btf.string(offset));
    const moved = <T extends { readonly byteOffset: number }>(records: ExtRecords<T>): readonly T[] =>
      move(merge, input, name, records);
    for (const info of moved(input.ext.functions))
      out.functions.push({ ...info, type: ids[idOf(merge, source, info.type)]! });
    for (const line of moved(input.ext.lines))
      out.lines.push({ ...line, fileOffset: text(line.fileOffset), textOffset: text(line.textOffset) });
    for (const core of moved(input.ext.coreRelocations))
      out.coreRelocations.push({
        ...core,
        type: ids[source.copier.id(core.type)]!,
        accessOffset: text(core.accessOffset),
      });
  }
  return { nameOffset: builder.string(name), ...out };
}

function move<T extends { readonly byteOffset: number }>(
  { sections }: Merge,
  input: LinkInput,
  name: string,
  records: ExtRecords<T>,
): readonly T[] {
  const list = records.of(name);
  const index = input.object.sections.findIndex((section) => section.name === name);
  const place = list.length > 0 && index >= 0 ? sections.placeOf(input, index) : undefined;
  return place ? list.map((record) => ({ ...record, byteOffset: place.offset + record.byteOffset })) : [];
}
