import type { Context } from './context.ts';

/** Which map begins where. Filled while maps are read, asked when code is. */
export class MapPlaces {
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

  /** The data map that a section becomes. */
  dataMap(section: number): string {
    if (this.#context.roles[section] === 'merged') this.#merged.add(section);
    return this.#context.object.sections[section]!.name;
  }

  /** Sections of string literals and constants that code refers to. */
  get referencedMerged(): ReadonlySet<number> {
    return this.#merged;
  }
}
