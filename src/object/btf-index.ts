import type { Btf } from '../btf/btf.ts';
import type { BtfDatasec } from '../btf/types.ts';

/** Functions, variables and data sections of a BTF by name, found in one pass. */
export class BtfIndex {
  readonly btf: Btf;
  readonly #functions: Map<string, number> = new Map();
  readonly #sections: Map<string, number> = new Map();
  /** Every extern, with the data section that it was declared in. */
  readonly #externs: Map<string, { section: string | undefined; type: number }> = new Map();
  readonly #variables: Map<string, ReadonlyMap<string, number>> = new Map();

  constructor(btf: Btf) {
    this.btf = btf;
    for (let id = btf.firstId; id < btf.typeCount; id++) {
      const kind = btf.kindOf(id);
      if (kind === 'datasec') this.#sections.set(btf.type(id).name, id);
      if (kind !== 'func' && kind !== 'var') continue;
      const type = btf.type(id);
      if ('linkage' in type && type.linkage === 'extern')
        this.#externs.set(type.name, { section: undefined, type: id });
      else if (kind === 'func') this.#functions.set(type.name, id);
    }
    for (const name of this.#sections.keys()) {
      for (const { type } of this.section(name)!.vars) {
        const extern = this.#externs.get(btf.type(type).name);
        if (extern?.type === type) extern.section = name;
      }
    }
  }

  /** A FUNC that the object defines. */
  func(name: string): number | undefined {
    return this.#functions.get(name);
  }

  extern(name: string): { readonly section: string | undefined; readonly type: number } | undefined {
    return this.#externs.get(name);
  }

  /** Of all data sections. */
  get sectionNames(): readonly string[] {
    return [...this.#sections.keys()];
  }

  section(name: string): BtfDatasec | undefined {
    const id = this.#sections.get(name);
    return id === undefined ? undefined : (this.btf.type(id) as BtfDatasec);
  }

  /** The VARs of a data section by name. */
  variables(section: string): ReadonlyMap<string, number> {
    let known = this.#variables.get(section);
    if (!known) {
      const vars = this.section(section)?.vars ?? [];
      known = new Map(vars.map(({ type }) => [this.btf.type(type).name, type]));
      this.#variables.set(section, known);
    }
    return known;
  }

  /** The type of a variable, as its VAR has it. */
  variableType(section: string, name: string): number | undefined {
    const id = this.variables(section).get(name);
    const type = id === undefined ? undefined : this.btf.type(id);
    return type?.kind === 'var' ? type.type : undefined;
  }
}
