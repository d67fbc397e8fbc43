import type { Prototype } from '../../isa/prototype.ts';
import { lowerMaps } from '../../object/lower-maps.ts';
import {
  type ElfSymbol,
  type RelocatableObject,
  RelocationType,
  SectionFlag,
  type SectionRelocation,
  SectionType,
} from '../../object/relocatable.ts';
import type { MapSpec } from '../../object/spec.ts';
import type { Range } from '../syntax/ast.ts';
import type { Assembler } from './assembler.ts';
import { settleFunctions } from './called-places.ts';
import { Emitter, type PendingRelocation } from './emit.ts';
import { declareKfuncs } from './kernel-functions.ts';
import type { SectionBuilder } from './section-builder.ts';
import { type AsmSymbol, isSymbol, isTemporary } from './symbols.ts';

/** Looks at code that is complete, with the relocations that belong to it. */
export type Check = (assembler: Assembler, relocations: readonly PendingRelocation[]) => void;

/** What is known beyond the text, and loaded where it is needed. */
export interface Help {
  /** Asked where everything is right so far. */
  readonly check?: Check | undefined;
  /** Functions of the kernel that can be called without being declared. */
  readonly kfuncs?: Readonly<Record<string, Prototype>> | undefined;
}

/**
 * The second pass: maps, instructions and data get their bytes, and all of it becomes an object.
 *
 */
export function finish(assembler: Assembler, { check, kfuncs }: Help): RelocatableObject {
  if (kfuncs) declareKfuncs(assembler, kfuncs);
  const { endian } = assembler.options;
  assembler.debugTables?.write(assembler);
  const mapRelocations = placeMaps(assembler);
  nameSections(assembler);
  const emitter = new Emitter(assembler.evaluator, assembler.symbols, assembler.problems, {
    endian,
    compiled: assembler.compiled,
    cpu: assembler.options.cpu,
    own: assembler,
  });
  for (const section of assembler.sections) {
    checkAlignment(assembler, section);
    emitter.emit(section);
  }
  settleFunctions(assembler);
  assembler.language.types.finish();
  if (check && !assembler.problems.failed) check(assembler, emitter.relocations);
  // Last, when it is known what the instructions ask of the kernel's types.
  if (describesItself(assembler)) assembler.debug.write();
  const wanted = [...emitter.relocations, ...mapRelocations];
  const { symbols, indexOf } = symbolTable(assembler, wanted);
  const relocations = wanted.map(
    (pending): SectionRelocation => ({
      section: pending.section.index,
      offset: pending.offset,
      type: pending.type,
      symbol: indexOf(pending.target),
      addend: 0,
    }),
  );
  relocations.sort((a, b) => a.section - b.section || a.offset - b.offset);
  return { endian, sections: assembler.sections.map(sectionOf), symbols, relocations };
}

function sectionOf(section: SectionBuilder): RelocatableObject['sections'][number] {
  const { name, kind, flags, align, size } = section;
  const bytes = section.bytes().slice();
  return { name, type: kind.type, flags, align, entrySize: kind.entrySize, bytes, size };
}

/** As in LLVM, a section's name stands for its beginning: `.long .debug_abbrev`. */
function nameSections({ sections, symbols }: Assembler): void {
  for (const section of sections) {
    if (!section.name.startsWith('.')) continue;
    const symbol = symbols.mention(section.name);
    if (symbol.defined || symbol.declared) continue;
    symbol.section = section;
    symbol.type = 'section';
  }
}

function checkAlignment({ problems }: Assembler, section: SectionBuilder): void {
  if (!section.misaligned) return;
  problems.error(
    section.misaligned,
    'misaligned-code',
    `the data before this instruction in section '${section.name}' is no multiple of 8 bytes`,
    { help: ["put the data into a section of its own, or '.p2align 3' behind it"] },
  );
}

/** Whether the file has declarations of the language, which `.BTF` tells loaders of. */
function describesItself(assembler: Assembler): boolean {
  const { debug, maps, language, problems } = assembler;
  if (maps.length + debug.functions.length + debug.variables.length + language.cores.length === 0)
    return false;
  if ((assembler.findSection('.BTF')?.size ?? 0) === 0) return true;
  const first = maps[0]?.range ?? debug.functions[0]?.symbol.defined ?? language.cores[0]?.reference;
  problems.error(
    first ?? { start: 0, end: 1 },
    'two-btf',
    "the file brings a '.BTF' section of its own, where the assembler would have to add types",
  );
  return false;
}

/** Puts the maps of `.map` lines into `.maps` and describes them in `.BTF`. */
function placeMaps(assembler: Assembler): PendingRelocation[] {
  if (assembler.maps.length === 0) return [];
  const flags = SectionFlag.ALLOC | SectionFlag.WRITE;
  const section = assembler.section('.maps', { type: SectionType.PROGBITS, flags, entrySize: 0 });
  if (section.size % 8 !== 0) section.fill(8 - (section.size % 8), 0);
  section.align = Math.max(section.align, 8);
  const base = section.size;
  const { bytes, maps, entries } = lowerMaps(mapSpecs(assembler), assembler.debug.builder, base);
  section.append(bytes);
  for (const { name, offset, size } of maps) {
    const symbol = assembler.symbols.mention(name);
    symbol.section = section;
    symbol.value = base + offset;
    assembler.setSize(symbol, size);
  }
  return entries.map(({ offset, target }) => {
    const symbol = assembler.symbols.mention(target);
    symbol.used = true;
    return { section, offset: base + offset, type: RelocationType.R_BPF_64_ABS64, target: symbol };
  });
}

function mapSpecs(assembler: Assembler): MapSpec[] {
  const functions = [...assembler.symbols.all()]
    .filter((symbol) => symbol.type === 'func')
    .map(({ name }) => name);
  const maps = new Map(assembler.maps.map((map) => [map.spec.name, map]));
  const undefinedEntry = (kind: 'program' | 'map', name: string, range: Range, names: string[]): false => {
    if (!assembler.evaluator.isPoisoned(name))
      assembler.problems.error(range, 'undefined-name', `there is no ${kind} '${name}'`, {
        label: assembler.symbols.find(name)?.defined ? `not a ${kind}` : 'not defined',
        help: assembler.problems.suggest(name, names),
      });
    return false;
  };
  const isProgram = (name: string): boolean => {
    const symbol = assembler.symbols.find(name);
    return symbol?.type === 'func' && symbol.section !== undefined;
  };
  return assembler.maps.map(({ spec, entries, inner }) => {
    const template = inner && maps.get(inner.name);
    if (inner && !template) undefinedEntry('map', inner.name, inner, [...maps.keys()]);
    const contents = entries
      .filter(({ target, range }) => {
        if (inner) return maps.has(target) || undefinedEntry('map', target, range, [...maps.keys()]);
        return isProgram(target) || undefinedEntry('program', target, range, functions);
      })
      .map(({ key, target }) =>
        inner
          ? ({ kind: 'map', key, map: target } as const)
          : ({ kind: 'program', key, program: target } as const),
      );
    // Those inside are made like their template, by another name and without what it holds.
    const inside: MapSpec | undefined = template && { ...template.spec, contents: [], pinning: 'none' };
    return { ...spec, inner: inside, contents };
  });
}

/** Local symbols first, as ELF demands; each symbol of the file is told its number. */
function symbolTable(
  assembler: Assembler,
  relocations: readonly PendingRelocation[],
): { readonly symbols: ElfSymbol[]; indexOf(target: AsmSymbol | SectionBuilder): number } {
  const locals: ElfSymbol[] = [];
  const globals: ElfSymbol[] = [];
  const exported: AsmSymbol[] = [];
  for (const name of assembler.files) locals.push({ ...blank, name, section: 'absolute', type: 'file' });
  const named = new Set(relocations.map(({ target }) => target).filter((target) => !isSymbol(target)));
  const sections = new Map<SectionBuilder, number>();
  for (const section of assembler.sections) {
    if (!named.has(section)) continue;
    sections.set(section, locals.length);
    locals.push({ ...blank, name: '', section: section.index, type: 'section' });
  }
  for (const symbol of assembler.symbols.all()) {
    const entry = elfSymbol(assembler, symbol);
    if (!entry) continue;
    if (entry.binding === 'local') symbol.index = locals.push(entry) - 1;
    else {
      globals.push(entry);
      exported.push(symbol);
    }
  }
  for (const [at, symbol] of exported.entries()) symbol.index = locals.length + at;
  return {
    symbols: [...locals, ...globals],
    indexOf: (target) => (isSymbol(target) ? target.index : (sections.get(target) ?? 0)),
  };
}

const blank: ElfSymbol = {
  name: '',
  section: 'undefined',
  value: 0,
  size: 0,
  binding: 'local',
  type: 'notype',
  visibility: 'default',
};

/** The entry of a symbol that the object shows, or undefined. */
function elfSymbol(assembler: Assembler, symbol: AsmSymbol): ElfSymbol | undefined {
  const { name, type, visibility, section } = symbol;
  if ((isTemporary(name) || type === 'section') && section) return undefined;
  const size = (symbol.size && sizeOf(assembler, symbol)) ?? 0;
  const { value, binding = 'local' } = symbol;
  if (section) return { name, type, visibility, size, section: section.index, value, binding };
  if (symbol.constant) return constantSymbol(assembler, symbol);
  const shown = symbol.used || symbol.common || type !== 'notype' || binding !== 'local';
  if (!shown) return undefined;
  const place = symbol.common ? 'common' : 'undefined';
  const bound = binding === 'weak' ? 'weak' : 'global';
  return { name, type, visibility, size, section: place, value, binding: bound };
}

function constantSymbol(assembler: Assembler, symbol: AsmSymbol): ElfSymbol | undefined {
  if (!symbol.absolute) return undefined;
  const { expr, here } = symbol.constant!;
  const value = assembler.evaluator.evaluate(expr, here);
  if (!value) return undefined;
  const common = { name: symbol.name, size: 0, type: symbol.type, visibility: symbol.visibility };
  const binding = symbol.binding ?? 'local';
  if (value.kind === 'number')
    return { ...common, section: 'absolute', value: Number(BigInt.asUintN(64, value.value)), binding };
  if (!value.symbol.section) return undefined;
  const section = value.symbol.section.index;
  return { ...common, section, value: value.symbol.value + Number(value.addend), binding };
}

function sizeOf(assembler: Assembler, symbol: AsmSymbol): number | undefined {
  const { expr, here } = symbol.size!;
  const size = assembler.evaluator.number(expr, here, `the size of '${symbol.name}'`);
  return size === undefined ? undefined : Number(size);
}
