import { MapType } from '../isa/kernel-tables.generated.ts';
import { decodeCString } from '../util/bytes.ts';
import { type Code, readCodes } from './code.ts';
import { type Context, makeContext } from './context.ts';
import { DebugInfo } from './debug-info.ts';
import { collectExterns } from './externs.ts';
import { cutFunctions, type FunctionCut, type FunctionTable } from './functions.ts';
import { inheritKinds, slotReader } from './id-sections.ts';
import { setLineWords } from './line-words.ts';
import { MapPlaces } from './map-places.ts';
import { type BtfMapDraft, finishBtfMaps, readBtfMaps } from './maps-btf.ts';
import { dataSections, readDataMap, readVariables, withArenaData } from './maps-data.ts';
import { finishLegacyMaps, type LegacyMapDraft, readLegacyMaps } from './maps-legacy.ts';
import { readStructOps } from './maps-struct-ops.ts';
import type { RelocatableObject } from './relocatable.ts';
import { programKind, UNKNOWN_KIND } from './section-names.ts';
import type { FunctionSpec, LineTable, MapSpec, ObjectSpec, ProgramKind, VariableSpec } from './spec.ts';

export interface CollectOptions {
  /** What messages call the object. */
  readonly name?: string;
}

/**
 * Reads what an object's sections, symbols and relocations mean: functions cut out of their
 * sections, maps of both kinds, data sections with their variables, and who refers to what, by name.
 * Pure: the same object gives the same spec on every machine.
 *
 * @throws {FormatError} with a path such as `maps/counters/max_entries` or `functions/main/slots/3`
 */
export function collect(object: RelocatableObject, options: CollectOptions = {}): ObjectSpec {
  const context = makeContext(object, options.name);
  const places = new MapPlaces(context);
  const functions = cutFunctions(context);
  const { legacy, drafts } = readMapSections(context, places);
  places.arena = drafts.find(({ map }) => map.type === MapType.ARENA)?.map.name;
  const legacyMaps = finishLegacyMaps(context, legacy, slotReader(context, functions));
  const specs = collectFunctions(context, functions, places, legacyMaps);
  const sections = dataSections(context, places);
  const maps = [
    ...legacyMaps,
    ...finishBtfMaps(context, drafts, functions, places).map((map) => withArenaData(context, map, places)),
    ...sectionsOf(context, 'structOps').flatMap((section) => readStructOps(context, section, functions)),
    ...sections.map((section) => readDataMap(context, section)),
  ];
  return Object.freeze({
    endian: object.endian,
    license: licenseOf(object),
    functions: new Map(specs.map((spec) => [spec.name, spec])),
    maps: uniqueMaps(context, maps),
    variables: uniqueVariables(context, places, [...sections, ...sectionsOf(context, 'arena')]),
    externs: collectExterns(context),
    btf: context.btf?.btf,
  });
}

function sectionsOf({ roles }: Context, wanted: Context['roles'][number]): number[] {
  const out: number[] = [];
  for (let section = 0; section < roles.length; section++) if (roles[section] === wanted) out.push(section);
  return out;
}

function readMapSections(
  context: Context,
  places: MapPlaces,
): { legacy: LegacyMapDraft[]; drafts: BtfMapDraft[] } {
  return {
    legacy: sectionsOf(context, 'legacyMaps').flatMap((section) => readLegacyMaps(context, section, places)),
    drafts: sectionsOf(context, 'btfMaps').flatMap((section) => readBtfMaps(context, section, places)),
  };
}

function collectFunctions(
  context: Context,
  functions: FunctionTable,
  places: MapPlaces,
  legacyMaps: readonly MapSpec[],
): FunctionSpec[] {
  const debug = new DebugInfo(context);
  const codes = readCodes(context, functions, places);
  const kinds = programKinds(context, functions, codes, legacyMaps);
  return functions.all.map((cut, index) => {
    const { code, relocations } = codes[index]!;
    const section = context.object.sections[cut.section]!.name;
    const spec = {
      name: cut.name,
      section,
      sectionOffset: cut.start,
      linkage: cut.linkage,
      code,
      relocations,
      coreRelocations: debug.coreRelocations(section, cut),
      lines: NO_LINES,
      type: debug.type(section, cut),
      program: kinds[index],
    };
    linesOf.set(spec, debug.lines(section, cut));
    setLineWords(spec, debug.lineWords(section, cut));
    Object.defineProperty(spec, 'lines', LINES);
    return Object.freeze(cut.hidden ? Object.defineProperty(spec, 'hidden', HIDDEN) : spec);
  });
}

const NO_LINES: LineTable = Object.freeze([]);

/** How the lines of a function are made, which few readers want. */
const linesOf: WeakMap<object, () => LineTable> = new WeakMap();

/**
 * One getter for all functions: a getter in the literal is a new one for each, and the engine then
 * keeps a hidden class for each.
 */
const LINES: PropertyDescriptor & ThisType<object> = {
  get() {
    return linesOf.get(this)!();
  },
  enumerable: true,
};

const HIDDEN: PropertyDescriptor = { value: true, enumerable: true };

/** For each function what the title of its section says, or undefined for a subprogram. */
function programKinds(
  context: Context,
  functions: FunctionTable,
  codes: readonly Code[],
  legacyMaps: readonly MapSpec[],
): (ProgramKind | undefined)[] {
  const ofSection = new Map(
    sectionsOf(context, 'code').map((section) => [
      section,
      sectionKind(context.object.sections[section]!.name),
    ]),
  );
  const kinds = functions.all.map((cut) => (isProgram(cut) ? ofSection.get(cut.section) : undefined));
  return inheritKinds(functions.all, codes, legacyMaps, kinds);
}

/** Functions of `.text` are subprograms; those of other sections are programs, whatever the section's name says. */
function sectionKind(title: string): ProgramKind | undefined {
  if (title === '.text') return undefined;
  return programKind(title) ?? Object.freeze({ ...UNKNOWN_KIND, autoload: !title.startsWith('?') });
}

/** A static function beside programs is called by them, it is none itself. */
function isProgram({ linkage }: FunctionCut): boolean {
  return linkage !== 'static';
}

/** The content of the `license` section, whatever the variable there is called. */
function licenseOf({ sections }: RelocatableObject): string {
  const section = sections.find(({ name }) => name === 'license');
  return section ? decodeCString(section.bytes) : '';
}

function uniqueMaps(context: Context, maps: readonly MapSpec[]): Map<string, MapSpec> {
  const out = new Map<string, MapSpec>();
  for (const map of maps) {
    if (out.has(map.name))
      throw context.error('MAP_DUPLICATE', `maps/${map.name}`, 'there are two of this name');
    out.set(map.name, map);
  }
  return out;
}

/** Where a static variable has the name of a global one, or of an earlier static one, it is left out. */
function uniqueVariables(
  context: Context,
  places: MapPlaces,
  sections: readonly number[],
): Map<string, VariableSpec> {
  const { symbols } = context.object;
  const globals = new Set(symbols.filter(({ binding }) => binding !== 'local').map(({ name }) => name));
  const out = new Map<string, VariableSpec>();
  for (const section of sections) {
    const locals = new Set(
      context.symbolsOf[section]!.map((index) => symbols[index]!)
        .filter(({ binding }) => binding === 'local')
        .map(({ name }) => name),
    );
    for (const variable of readVariables(context, section, places.dataMap(section))) {
      const { name } = variable;
      if (!out.has(name) && !(locals.has(name) && globals.has(name))) out.set(name, variable);
    }
  }
  return out;
}
