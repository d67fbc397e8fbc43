import { MapType } from '../isa/kernel-tables.generated.ts';
import { encodeText } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import type { BtfIndex } from './btf-index.ts';
import { KCONFIG_MAP } from './externs-kconfig.ts';
import type { Targets } from './lower-code.ts';
import type { ObjectDraft } from './object-draft.ts';
import { type ElfSymbol, SectionFlag } from './relocatable.ts';
import type { MapSpec, ObjectSpec, VariableSpec } from './spec.ts';

/** Globals of an arena are not in a map of their own: they lie at the arena's first byte. */
const ARENA_NAME = '.addr_space.1';

export function isFilledArena({ type, contents }: MapSpec): boolean {
  return type === MapType.ARENA && contents[0]?.kind === 'bytes';
}

/** A data section with the symbols of its variables. */
interface DataSection {
  readonly section: number;
  /** Sorted by place; static variables are named by their section instead. */
  readonly globals: readonly { readonly variable: VariableSpec; readonly symbol: ElfSymbol }[];
}

/** Writes the data sections with their variables, and answers where in them a byte is. */
export function lowerData(
  spec: ObjectSpec,
  draft: ObjectDraft,
  btf: BtfIndex | undefined,
): Pick<Targets, 'data'> {
  const variables = new Map<string, VariableSpec[]>();
  for (const variable of spec.variables.values()) {
    const list = variables.get(variable.map);
    if (list) list.push(variable);
    else variables.set(variable.map, [variable]);
  }
  const sections = new Map<string, DataSection>();
  for (const map of spec.maps.values()) {
    const name = isFilledArena(map) ? ARENA_NAME : map.name;
    // What a kernel's configuration says is no part of an object.
    if ((map.origin !== 'data' && name !== ARENA_NAME) || name === KCONFIG_MAP) continue;
    const section = draft.section({ name, ...traitsOf(spec, name), ...contentOf(map) });
    const own = variables.get(map.name) ?? [];
    sections.set(map.name, { section, globals: lowerVariables(draft, btf, section, name, own) });
  }
  return {
    data(name, offset) {
      const found = sections.get(name);
      if (!found) return undefined;
      const { variable, symbol } = found.globals[lastUpTo(found.globals, offset)] ?? {};
      if (variable && symbol && offset < variable.offset + variable.size)
        return { symbol, addend: offset - variable.offset };
      return { symbol: draft.sectionSymbol(found.section), addend: offset };
    },
  };
}

/** Index of the last variable that begins at an offset or before; -1 where none does. */
function lastUpTo(globals: DataSection['globals'], offset: number): number {
  let [low, high] = [0, globals.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (globals[middle]!.variable.offset <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Gives variables their symbols. */
function lowerVariables(
  draft: ObjectDraft,
  btf: BtfIndex | undefined,
  section: number,
  title: string,
  variables: readonly VariableSpec[],
): DataSection['globals'] {
  const globals: DataSection['globals'][number][] = [];
  for (const variable of [...variables].sort((a, b) => a.offset - b.offset)) {
    const { name, offset: value, size } = variable;
    const binding = isStaticVariable(btf, title, name) ? 'local' : 'global';
    const symbol = draft.symbol({ name, section, value, size, type: 'object', binding });
    if (binding === 'global') globals.push({ variable, symbol });
  }
  return globals;
}

/** The section's bytes, or only their number where all are zero. */
function contentOf(map: MapSpec): { readonly bytes: Uint8Array; readonly size?: number } {
  const [entry] = map.contents;
  if (entry?.kind !== 'bytes') return { bytes: new Uint8Array(), size: map.valueSize };
  if (map.type === MapType.ARENA || entry.value.length === map.valueSize) return { bytes: entry.value };
  throw new TsbpfError(
    'MAP_BAD_CONTENTS',
    `map ${map.name} has values of ${map.valueSize} bytes, but contents of ${entry.value.length}`,
  );
}

function isStaticVariable(btf: BtfIndex | undefined, section: string, name: string): boolean {
  const id = btf?.variables(section).get(name);
  const type = id === undefined ? undefined : btf!.btf.type(id);
  return type?.kind === 'var' && type.linkage === 'static';
}

/** `.rodata.str1.1`, `.rodata.cst16`: sections of literals that linkers may merge. */
const STRINGS_NAME = /^\.rodata\.str(\d{1,2})\.\d{1,3}$/;
const CONSTANTS_NAME = /^\.rodata\.cst(\d{1,3})$/;

/** A section of literals is marked so where code refers to it: readers leave out those that nothing needs. */
function traitsOf(spec: ObjectSpec, name: string): { flags: number; entrySize?: number } {
  const flags = SectionFlag.ALLOC | (name.startsWith('.rodata') ? 0 : SectionFlag.WRITE);
  const strings = STRINGS_NAME.exec(name);
  const match = strings ?? CONSTANTS_NAME.exec(name);
  if (!match || !isReferenced(spec, name)) return { flags };
  const merge = SectionFlag.MERGE | (strings ? SectionFlag.STRINGS : 0);
  return { flags: flags | merge, entrySize: Number(match[1]) };
}

function isReferenced({ functions }: ObjectSpec, map: string): boolean {
  return [...functions.values()].some(({ relocations }) =>
    relocations.some((relocation) => relocation.kind === 'mapValue' && relocation.map === map),
  );
}

/** The licence; its variable is called as the BTF calls it. */
export function lowerLicense(spec: ObjectSpec, draft: ObjectDraft, btf: BtfIndex | undefined): void {
  if (spec.license === '') return;
  const bytes = encodeText(`${spec.license}\0`);
  const flags = SectionFlag.ALLOC | SectionFlag.WRITE;
  const section = draft.section({ name: 'license', flags, bytes, align: 1 });
  const [name = '_license'] = btf ? btf.variables('license').keys() : [];
  draft.symbol({ name, section, size: bytes.length, type: 'object', binding: 'global' });
}
