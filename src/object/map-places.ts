import type { Context } from './context.ts';

/** Which map begins where. Filled while maps are read, asked when code is. */
export class MapPlaces {
  /** The map of type ARENA, of which a loader takes one per object (Linux, `check_map_prog_compatibility`). */
  arena: string | undefined;
  readonly #context: Context;
  readonly #maps: Map<number, Map<number, string>> = new Map();
  readonly #merged: Set<number> = new Set();

  constructor(context: Context) {
    this.#context = context;
  }

  add(section: number, byteOffset: number, map: string): void {
    const places = this.#maps.get(section) ?? new Map<number, string>();
    this.#maps.set(section, places.set(byteOffset, map));
  }

  mapAt(section: number, byteOffset: number): string | undefined {
    return this.#maps.get(section)?.get(byteOffset);
  }

  /** The map that a section of data becomes, or whose memory it fills. */
  dataMap(section: number): string {
    const role = this.#context.roles[section];
    if (role === 'merged') this.#merged.add(section);
    const { name } = this.#context.object.sections[section]!;
    if (role !== 'arena') return name;
    if (this.arena !== undefined) return this.arena;
    throw this.#context.error(
      'ARENA_MISSING',
      `sections/${name}`,
      'holds variables of an arena, but the object has no map of that type',
      'define one in SEC(".maps") with __uint(type, BPF_MAP_TYPE_ARENA)',
    );
  }

  /** Sections of string literals and constants that code refers to. */
  get referencedMerged(): ReadonlySet<number> {
    return this.#merged;
  }
}
