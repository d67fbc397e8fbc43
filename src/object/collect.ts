import { decodeCString } from '../util/bytes.ts';
import { readCode } from './code.ts';
import { type Context, makeContext } from './context.ts';
import { DebugInfo } from './debug-info.ts';
import { collectExterns } from './externs.ts';
import { cutFunctions, type FunctionCut, type FunctionTable } from './functions.ts';
import { MapPlaces } from './map-places.ts';
import { type BtfMapDraft, finishBtfMaps, readBtfMaps } from './maps-btf.ts';
import { dataSections, readDataMap, readVariables } from './maps-data.ts';
import { readLegacyMaps } from './maps-legacy.ts';
import type { RelocatableObject } from './relocatable.ts';
import { programKind, UNKNOWN_KIND } from './section-names.ts';
import type { FunctionSpec, MapSpec, ObjectSpec, ProgramKind, VariableSpec } from './spec.ts';

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
  const specs = collectFunctions(context, functions, places);
  const sections = dataSections(context, places);
  const maps = [
    ...legacy,
    ...finishBtfMaps(context, drafts, functions, places),
    ...sections.map((section) => readDataMap(context, section)),
  ];
  return Object.freeze({
    endian: object.endian,
    license: licenseOf(object),
    functions: new Map(specs.map((spec) => [spec.name, spec])),
    maps: uniqueMaps(context, maps),
    variables: uniqueVariables(context, sections),
    externs: collectExterns(context),
    btf: context.btf?.btf,
  });
}

function readMapSections(context: Context, places: MapPlaces): { legacy: MapSpec[]; drafts: BtfMapDraft[] } {
  const legacy: MapSpec[] = [];
  const drafts: BtfMapDraft[] = [];
  for (const [section, role] of context.roles.entries()) {
    if (role === 'legacyMaps') legacy.push(...readLegacyMaps(context, section, places));
    else if (role === 'btfMaps') drafts.push(...readBtfMaps(context, section, places));
  }
  return { legacy, drafts };
}

function collectFunctions(context: Context, functions: FunctionTable, places: MapPlaces): FunctionSpec[] {
  const debug = new DebugInfo(context);
  const kinds = new Map<number, ProgramKind | undefined>();
  for (const [section, role] of context.roles.entries())
    if (role === 'code') kinds.set(section, sectionKind(context.object.sections[section]!.name));
  return functions.all.map((cut) => {
    const { code, relocations } = readCode(context, functions, places, cut);
    const section = context.object.sections[cut.section]!.name;
    const lines = debug.lines(section, cut);
    return Object.freeze({
      name: cut.name,
      section,
      sectionOffset: cut.start,
      linkage: cut.linkage,
      code,
      relocations,
      coreRelocations: debug.coreRelocations(section, cut),
      get lines() {
        return lines();
      },
      type: debug.type(section, cut),
      program: isProgram(cut) ? kinds.get(cut.section) : undefined,
    });
  });
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
function uniqueVariables(context: Context, sections: readonly number[]): Map<string, VariableSpec> {
  const { symbols } = context.object;
  const globals = new Set(symbols.filter(({ binding }) => binding !== 'local').map(({ name }) => name));
  const out = new Map<string, VariableSpec>();
  for (const section of sections) {
    const locals = new Set(
      context.symbolsOf[section]!.map((index) => symbols[index]!)
        .filter(({ binding }) => binding === 'local')
        .map(({ name }) => name),
    );
    for (const variable of readVariables(context, section)) {
      const { name } = variable;
      if (!out.has(name) && !(locals.has(name) && globals.has(name))) out.set(name, variable);
    }
  }
  return out;
}
