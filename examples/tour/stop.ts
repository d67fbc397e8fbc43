// One stop of the tour: a map of a type, and lines of what it answers.
import { MapType } from 'tsbpf/isa';
import { BpfMap, type MapOptions } from 'tsbpf/kernel';
import { refusal } from '../run.ts';

const WIDTH = 38;
const seen = new Set<number>();

/** Of some types there are two names; the newer one says that it is deprecated. */
const NAMES = new Map(
  Object.entries(MapType)
    .filter(([name]) => name !== 'UNSPEC' && !name.endsWith('_DEPRECATED'))
    .map(([name, type]) => [type as number, name.toLowerCase()]),
);

function show(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (value instanceof Uint8Array) return [...value].join(' ');
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  return String(value);
}

/** What is done and what came of it, in two columns. */
export function line(what: string, answer: unknown): void {
  console.log(`  ${what.padEnd(WIDTH)} ${show(answer)}`);
}

/** Does something and prints what came of it; a refusal is an answer too. */
export function tell(what: string, act: () => unknown): void {
  let answer: unknown;
  const refused = refusal(() => {
    answer = act();
  });
  line(what, refused.startsWith('not refused') ? answer : refused);
}

/** Begins a stop. */
export function title(type: MapType, use: string): void {
  seen.add(type);
  console.log(`\n${NAMES.get(type)}: ${use}`);
}

export type Shape = Partial<MapOptions> & { readonly type: MapType };

/** Creates a map of 4-byte keys and values with 4 entries, where nothing else is said; its name is its type's. */
export function create(shape: Shape): BpfMap {
  const name = NAMES.get(shape.type)!;
  return BpfMap.create({ name, keySize: 4, valueSize: 4, maxEntries: 4, ...shape });
}

/** A stop at a type: its map is there while `visit` runs. */
export function stop(shape: Shape, use: string, visit: (map: BpfMap) => void): void {
  title(shape.type, use);
  using map = create(shape);
  visit(map);
}

/** The types of this library's table that no stop was made at. */
export function untold(): string[] {
  return [...NAMES].flatMap(([type, name]) => (seen.has(type) ? [] : [name]));
}
