import { MapType } from '../isa/kernel-tables.generated.ts';
import type { Code } from './code.ts';
import type { Context } from './context.ts';
import type { FunctionCut, FunctionTable } from './functions.ts';
import type { MapEntry, MapSpec, ProgramKind } from './spec.ts';

/** A section called `"<map id>/<key>"`, decimal, octal or hexadecimal as `%i` of scanf reads them. */
const TITLE = /^(0[xX][0-9a-fA-F]+|[0-9]+)\/(0[xX][0-9a-fA-F]+|[0-9]+)$/;

/** What the title of a section says of a slot, if it does. */
export function slotOfTitle(title: string): { readonly id: number; readonly key: number } | undefined {
  const [, id, key] = TITLE.exec(title) ?? [];
  return id && key ? { id: numberOf(id), key: numberOf(key) } : undefined;
}

function numberOf(text: string): number {
  return /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
}

/**
 * Reads iproute2's way of filling prog arrays: the program of section `2/0` goes into slot 0 of the
 * map whose `id` is 2.
 */
export function slotReader(
  context: Context,
  functions: FunctionTable,
): (id: number, map: MapSpec) => MapEntry[] {
  const slots = context.object.sections.flatMap(({ name }, section) => {
    const slot = context.roles[section] === 'code' ? slotOfTitle(name) : undefined;
    const cut = functions.startingAt(section, 0);
    return slot && cut ? [{ ...slot, cut }] : [];
  });
  return (id, map) =>
    slots
      .filter((slot) => slot.id === id)
      .map(({ key, cut }): MapEntry => {
        if (key < map.maxEntries) return Object.freeze({ kind: 'program', key, program: cut.name });
        throw context.error(
          'MAP_BAD_FIELD',
          `maps/${map.name}/max_elem`,
          `is ${map.maxEntries}, but the section of ${cut.name} names slot ${key}`,
          `set max_elem to ${key + 1} or more`,
        );
      });
}

/**
 * Gives programs whose section's title says nothing the kind of those that tail-call them: a prog
 * array serves one kind.
 */
export function inheritKinds(
  cuts: readonly FunctionCut[],
  codes: readonly Code[],
  maps: readonly MapSpec[],
  kinds: readonly (ProgramKind | undefined)[],
): (ProgramKind | undefined)[] {
  const out = [...kinds];
  if (maps.every(({ contents }) => contents.length === 0)) return out;
  const indexOf = new Map(cuts.map(({ name }, index) => [name, index]));
  const waiting = new Map(
    maps.filter(({ type }) => type === MapType.PROG_ARRAY).map(({ name, contents }) => [name, contents]),
  );
  // Those whose kind is known and whose arrays are to be looked at; what they settle comes behind them.
  const open = [...out.keys()].filter((index) => out[index]?.progType !== undefined);
  for (const index of open) {
    const { progType, expectedAttachType, flags } = out[index]!;
    for (const relocation of codes[index]!.relocations) {
      const contents = relocation.kind === 'map' ? waiting.get(relocation.map) : undefined;
      if (relocation.kind !== 'map' || !contents) continue;
      waiting.delete(relocation.map);
      for (const entry of contents) {
        const target = entry.kind === 'program' ? indexOf.get(entry.program) : undefined;
        const own = target === undefined ? undefined : out[target];
        if (target === undefined || !own || own.progType !== undefined) continue;
        out[target] = Object.freeze({ ...own, progType, expectedAttachType, flags });
        open.push(target);
      }
    }
  }
  return out;
}
