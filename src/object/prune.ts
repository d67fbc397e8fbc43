import { findProgram } from './find.ts';
import type { FunctionSpec, MapSpec, ObjectSpec, VariableSpec } from './spec.ts';

export interface PruneOptions {
  /** Function names or section titles of the programs to keep; left out, all of them. */
  readonly programs?: readonly string[];
  /** Maps to keep though no code refers to them. */
  readonly maps?: readonly string[];
}

/**
 * The object with only what its programs need: functions that they reach by calls, addresses and
 * the slots of prog arrays, maps that those refer to with the maps in their slots, structs of
 * functions of which a program is kept, the variables of all these, and the externs that are still asked for.
 * BTF stays as it is.
 *
 * @throws {TsbpfError} `PROGRAM_NOT_FOUND`, `PROGRAM_AMBIGUOUS`
 *
 * @example
 * ```ts
 * const small = pruneSpec(spec, { programs: ['xdp/icmp'] });
 * ```
 */
export function pruneSpec(spec: ObjectSpec, options: PruneOptions = {}): ObjectSpec {
  const keep = new Reached(spec);
  const programs = options.programs
    ? options.programs.map((name) => findProgram(spec, name))
    : [...spec.functions.values()].filter(({ program }) => program !== undefined);
  for (const { name } of programs) keep.addFunction(name);
  for (const name of options.maps ?? []) keep.addMap(name);
  keep.run();
  for (const { name, structOps } of spec.maps.values())
    if (structOps?.programs.some(({ program }) => keep.functions.has(program))) keep.addMap(name);
  keep.run();
  return Object.freeze({
    ...spec,
    functions: filter(spec.functions, ({ name }: FunctionSpec) => keep.functions.has(name)),
    maps: filter(spec.maps, ({ name }: MapSpec) => keep.maps.has(name)),
    variables: filter(spec.variables, ({ map }: VariableSpec) => keep.maps.has(map)),
    externs: filter(spec.externs, ({ name }) => keep.externs.has(name)),
  });
}

function filter<T>(from: ReadonlyMap<string, T>, wanted: (value: T) => boolean): ReadonlyMap<string, T> {
  return new Map([...from].filter(([, value]) => wanted(value)));
}

/** What has been reached; a list of open names instead of recursion, as objects nest at will. */
class Reached {
  readonly functions: Set<string> = new Set();
  readonly maps: Set<string> = new Set();
  readonly externs: Set<string> = new Set();
  readonly #spec: ObjectSpec;
  readonly #open: (() => void)[] = [];

  constructor(spec: ObjectSpec) {
    this.#spec = spec;
  }

  addFunction(name: string): void {
    const fn = this.#spec.functions.get(name);
    if (!fn || this.functions.has(name)) return;
    this.functions.add(name);
    this.#open.push(() => this.#follow(fn));
  }

  addMap(name: string): void {
    const map = this.#spec.maps.get(name);
    if (!map || this.maps.has(name)) return;
    this.maps.add(name);
    this.#open.push(() => this.#followMap(map));
  }

  run(): void {
    for (let next = this.#open.pop(); next; next = this.#open.pop()) next();
  }

  #follow({ relocations }: FunctionSpec): void {
    for (const relocation of relocations) {
      switch (relocation.kind) {
        case 'map':
        case 'mapValue':
          this.addMap(relocation.map);
          break;
        case 'call':
        case 'functionAddress':
          this.addFunction(relocation.target);
          break;
        case 'extern':
          this.externs.add(relocation.name);
      }
    }
  }

  #followMap({ contents, structOps }: MapSpec): void {
    for (const entry of contents) {
      if (entry.kind === 'program') this.addFunction(entry.program);
      else if (entry.kind === 'map') this.addMap(entry.map);
    }
    for (const { program } of structOps?.programs ?? []) this.addFunction(program);
  }
}
