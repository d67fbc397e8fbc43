import type { Btf, BtfKindName } from '../../btf/index.ts';

/** What the kernel's own types tell: which names its enumerations have, and where its functions are. */
export class KernelTypes {
  readonly #btf: Btf | undefined;
  readonly #enums: Map<string, ReadonlySet<string> | undefined> = new Map();
  readonly #found: Map<string, number | undefined> = new Map();
  #kfuncs: ReadonlySet<string> | undefined;

  constructor(btf: Btf | undefined) {
    this.#btf = btf;
  }

  get known(): boolean {
    return this.#btf !== undefined;
  }

  /** Whether an enumeration has a name; undefined where there are no types, or not this one. */
  enumHas(enumeration: string, name: string): boolean | undefined {
    if (!this.#enums.has(enumeration)) this.#enums.set(enumeration, this.#namesOf(enumeration));
    return this.#enums.get(enumeration)?.has(name);
  }

  /** The number of the first of these that is there. */
  firstOf(names: readonly string[], kind: BtfKindName): number | undefined {
    for (const name of names) {
      const id = this.#find(name, kind);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  /** Looks once: that goes through all of the 100,000 types. */
  #find(name: string, kind: BtfKindName): number | undefined {
    const key = `${kind} ${name}`;
    if (!this.#found.has(key)) this.#found.set(key, this.#btf?.findByName(name, kind));
    return this.#found.get(key);
  }

  /** Functions that the kernel marks as open to programs (Linux 6.9 and later; empty before). */
  get kfuncs(): ReadonlySet<string> {
    this.#kfuncs ??= this.#taggedFunctions();
    return this.#kfuncs;
  }

  #namesOf(enumeration: string): ReadonlySet<string> | undefined {
    const id = this.#btf?.findByName(enumeration, 'enum');
    const type = id === undefined ? undefined : this.#btf!.type(id);
    return type?.kind === 'enum' ? new Set(type.values.map(({ name }) => name)) : undefined;
  }

  #taggedFunctions(): ReadonlySet<string> {
    const btf = this.#btf;
    const names = new Set<string>();
    if (!btf) return names;
    for (let id = btf.firstId; id < btf.typeCount; id++) {
      if (btf.kindOf(id) !== 'declTag') continue;
      const tag = btf.type(id);
      if (tag.kind === 'declTag' && tag.name === 'bpf_kfunc') names.add(btf.type(tag.type).name);
    }
    return names;
  }
}
