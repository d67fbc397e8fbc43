import type { BtfType } from './types.ts';

/**
 * Names for C, where a tag (`struct x`) and an identifier (typedef, enumerator) may each stand for
 * one thing only: the second of a name becomes `x___2`. CO-RE takes what follows three underscores
 * for a flavour and ignores it.
 */
export class CNames {
  readonly #byType: Map<number, string> = new Map();
  readonly #tags: Map<string, number> = new Map();
  readonly #identifiers: Map<string, number> = new Map();

  ofTag(type: BtfType): string {
    // A declaration means the definition of its name.
    const declares = type.kind === 'fwd' || ('values' in type && type.values.length === 0);
    return declares ? type.name : this.#unique(type, this.#tags);
  }

  ofTypedef(type: BtfType): string {
    return this.#unique(type, this.#identifiers);
  }

  ofEnumerator(name: string): string {
    return numbered(this.#identifiers, name);
  }

  #unique(type: BtfType, names: Map<string, number>): string {
    let name = this.#byType.get(type.id);
    if (name === undefined) {
      name = type.name === '' ? '' : numbered(names, type.name);
      this.#byType.set(type.id, name);
    }
    return name;
  }
}

function numbered(names: Map<string, number>, name: string): string {
  const count = (names.get(name) ?? 0) + 1;
  names.set(name, count);
  return count > 1 ? `${name}___${count}` : name;
}
