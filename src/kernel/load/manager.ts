import { readObject } from '../../elf/index.ts';
import type { ObjectSpec } from '../../object/spec.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { type Collection, type LoadOptions, loadCollection } from './collection.ts';
import { functionOf, withCopies } from './manager-copies.ts';
import { ManagedProbe, type ProbeListing, type ProbeOptions } from './manager-probe.ts';

/** An object that a manager loads. */
export interface ManagedObject {
  /** What `readObject`, the assembler or the builder gives, or the bytes of an ELF object. */
  readonly object: ObjectSpec | Uint8Array;
  /** What is changed about it; a function is given what was loaded before it, to share maps. */
  readonly load?: LoadOptions | ((loaded: ReadonlyMap<string, Collection>) => LoadOptions);
}

/** A tail-call slot that is filled once all is loaded, maybe with another object's program. */
export interface Route {
  /** The prog array. */
  readonly map: string;
  readonly key: number;
  readonly program: string;
  /** The object that has the map; may be left out where there is one only. */
  readonly object?: string;
  /** The object that has the program; left out, the map's. */
  readonly from?: string;
}

export interface ManagerOptions {
  /** By id, loaded in this order. */
  readonly objects: Readonly<Record<string, ManagedObject | ObjectSpec | Uint8Array>>;
  /** Attached in this order. */
  readonly probes?: readonly ProbeOptions[];
  readonly routes?: readonly Route[];
}

export interface StopOptions {
  /** Leaves attached what is pinned. */
  readonly keepPinned?: boolean;
}

interface Entry {
  readonly spec: ObjectSpec;
  load: NonNullable<ManagedObject['load']>;
  edits: LoadOptions;
  collection: Collection | undefined;
}

/** Runs `act` for each, the last one first; the first failure is thrown once all have been tried. */
function undoAll<T>(items: readonly T[], act: (item: T) => void): void {
  let failure: { readonly error: unknown } | undefined;
  for (const item of [...items].reverse()) {
    try {
      act(item);
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure) throw failure.error;
}

function unknown(noun: string, code: string, name: string, known: readonly string[]): TsbpfError {
  return new TsbpfError(code, `the manager has no ${noun} '${name}'; it has: ${known.join(', ') || 'none'}`, {
    hint: didYouMean(name, known)[0],
  });
}

/**
 * Several objects and where their programs go, loaded and attached together: all or nothing. What is to
 * be loaded can be edited until then; probes are started and stopped one by one or all at once.
 *
 * @example
 * ```ts
 * using manager = new Manager({
 *   objects: { main: readFileSync('trace.o') },
 *   probes: [
 *     { id: 'exec', program: 'on_exec' },
 *     { id: 'veth0', program: 'count', attach: (program) => attachXdpLink(program, { interface: 'veth0' }) },
 *   ],
 * });
 * manager.edit('main', { variables: { only_pid: 42 } });
 * manager.start();
 * manager.list(); // [{ id: 'exec', state: 'running', target: … }, …]
 * ```
 */
export class Manager implements Disposable {
  readonly #objects: Map<string, Entry> = new Map();
  readonly #probes: Map<string, ManagedProbe> = new Map();
  readonly #routes: readonly Route[];
  #loaded = false;

  /** @throws {TsbpfError} `OBJECT_UNKNOWN`, `PROBE_DUPLICATE`, `PROGRAM_NOT_FOUND`, `SECTION_UNKNOWN` */
  constructor(options: ManagerOptions) {
    const probes = options.probes ?? [];
    const specs = new Map(
      Object.entries(options.objects).map(([id, given]) => {
        const managed = 'object' in given ? given : { object: given };
        const { object } = managed;
        return [id, { managed, spec: object instanceof Uint8Array ? readObject(object) : object }];
      }),
    );
    for (const [id, { managed, spec }] of specs) {
      const own = probes.filter((probe) => this.#objectOf(probe, [...specs.keys()]) === id);
      for (const { program } of own) functionOf(spec, program);
      const copies = own.flatMap(({ id: probe, program, section }) =>
        section === undefined ? [] : [{ program, section, name: copyName(program, probe) }],
      );
      this.#objects.set(id, {
        spec: withCopies(spec, copies),
        load: managed.load ?? {},
        edits: {},
        collection: undefined,
      });
    }
    for (const probe of probes) this.#add(probe);
    this.#routes = options.routes ?? [];
    for (const route of this.#routes) {
      const object = this.#entry(this.#objectOf(route));
      const from = route.from === undefined ? object : this.#entry(route.from);
      functionOf(from.spec, route.program);
      if (!object.spec.maps.has(route.map))
        throw unknown('map', 'MAP_UNKNOWN', route.map, [...object.spec.maps.keys()]);
    }
  }

  /** Whether its objects are in the kernel. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** The probes by their ids. */
  get probes(): ReadonlyMap<string, ManagedProbe> {
    return this.#probes;
  }

  /** What is loaded, by the objects' ids. */
  get collections(): ReadonlyMap<string, Collection> {
    return new Map(
      [...this.#objects].flatMap(([id, { collection }]) => (collection ? [[id, collection] as const] : [])),
    );
  }

  /**
   * A loaded object; its id may be left out where there is one only.
   *
   * @throws {TsbpfError} `OBJECT_UNKNOWN`, `MANAGER_UNLOADED`
   */
  collection(object?: string): Collection {
    const id = this.#objectOf({ ...(object !== undefined && { object }) });
    const { collection } = this.#entry(id);
    if (collection) return collection;
    throw new TsbpfError('MANAGER_UNLOADED', `object '${id}' is not loaded`, {
      hint: 'call init() or start() first',
    });
  }

  /** @throws {TsbpfError} `PROBE_UNKNOWN` */
  probe(id: string): ManagedProbe {
    const probe = this.#probes.get(id);
    if (probe) return probe;
    throw unknown('probe', 'PROBE_UNKNOWN', id, [...this.#probes.keys()]);
  }

  /**
   * Changes what an object is loaded with: variables and constants, maps and their sizes, programs, members of
   * structs of functions, attach targets, licence. Later edits are added to earlier ones, name by name.
   *
   * @throws {TsbpfError} `MANAGER_LOADED`, `OBJECT_UNKNOWN`
   */
  edit(object: string, changes: LoadOptions): this {
    const entry = this.#entry(object);
    if (this.#loaded)
      throw new TsbpfError(
        'MANAGER_LOADED',
        `object '${object}' is loaded already, so it is not edited any more`,
        {
          hint: 'unload() first; maps and variables can be written while it is loaded',
        },
      );
    entry.edits = merged(entry.edits, changes);
    return this;
  }

  /**
   * Loads every object, all or nothing; does nothing where they are loaded.
   *
   * @throws {TsbpfError} as `loadCollection`, and of the routes what filling a prog array throws
   */
  init(): this {
    if (this.#loaded) return this;
    try {
      for (const [id, entry] of this.#objects) entry.collection = this.#load(id, entry);
      this.#fillRoutes();
    } catch (error) {
      this.#closeCollections();
      throw error;
    }
    this.#loaded = true;
    return this;
  }

  /**
   * Attaches every probe that is enabled and does not run, in their order, and loads first where that has not
   * been done. Where one is refused, those that this call has attached are taken off again; where this call has
   * loaded, that is undone too.
   *
   * @throws {TsbpfError} `PROBE_REFUSED`, and as {@link init}
   */
  start(): this {
    const loadedHere = !this.#loaded;
    this.init();
    const started: ManagedProbe[] = [];
    try {
      for (const probe of this.#probes.values()) {
        if (probe.options.enabled !== false && probe.start()) started.push(probe);
      }
    } catch (error) {
      undoAll(started, (probe) => probe.stop());
      if (loadedHere) this.#close({}, false);
      throw error;
    }
    return this;
  }

  /** Takes every probe off; maps keep their contents. */
  stop({ keepPinned = false }: StopOptions = {}): this {
    undoAll([...this.#probes.values()], (probe) => probe.stop(keepPinned));
    return this;
  }

  /** Stops and starts again, with the maps as they are; with `reload` everything is loaded anew, edits among it. */
  restart({ reload = false }: { readonly reload?: boolean } = {}): this {
    if (reload) this.unload();
    else this.stop();
    return this.start();
  }

  /** Stops, and closes what was loaded: then it can be edited and loaded again. */
  unload(options: StopOptions = {}): this {
    this.#close(options, true);
    return this;
  }

  /** What every probe is and does right now. */
  list(): ProbeListing[] {
    return [...this.#probes.values()].map((probe) => probe.listing());
  }

  /** As {@link unload}. */
  close(): void {
    this.unload();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #add(probe: ProbeOptions): void {
    const { id } = probe;
    if (this.#probes.has(id))
      throw new TsbpfError('PROBE_DUPLICATE', `two probes have the id '${id}'`, {
        hint: 'ids are unique in a manager',
      });
    const object = this.#objectOf(probe);
    this.#probes.set(
      id,
      new ManagedProbe(probe, {
        object,
        loadedAs: probe.section === undefined ? probe.program : copyName(probe.program, id),
        collection: () => this.collection(object),
        loaded: () => this.#objects.get(object)?.collection !== undefined,
      }),
    );
  }

  #entry(id: string): Entry {
    const entry = this.#objects.get(id);
    if (entry) return entry;
    throw unknown('object', 'OBJECT_UNKNOWN', id, [...this.#objects.keys()]);
  }

  #objectOf(
    { object }: { readonly object?: string },
    ids: readonly string[] = [...this.#objects.keys()],
  ): string {
    if (object !== undefined) {
      if (ids.includes(object)) return object;
      throw unknown('object', 'OBJECT_UNKNOWN', object, ids);
    }
    if (ids.length === 1) return ids[0]!;
    throw new TsbpfError(
      'OBJECT_UNKNOWN',
      `the manager has several objects, so one must be named: ${ids.join(', ')}`,
    );
  }

  #load(id: string, { spec, load, edits }: Entry): Collection {
    const given = typeof load === 'function' ? load(this.collections) : load;
    const options = merged(given, edits);
    const programs = this.#programsOf(id, spec, options.programs);
    return loadCollection(spec, { ...options, ...(programs && { programs }) });
  }

  /** Those of the object's own choice or the caller's, and those that probes and routes need. */
  #programsOf(id: string, spec: ObjectSpec, chosen: readonly string[] | undefined): string[] | undefined {
    const probes = [...this.#probes.values()].filter(({ object }) => object === id);
    const routed = this.#routes.flatMap((route) =>
      (route.from ?? this.#objectOf(route)) === id ? [route.program] : [],
    );
    const needed = [...probes.map(({ loadedAs }) => loadedAs), ...routed];
    // A program that only its copies are wanted of need not name a target itself.
    const originals = new Set(
      probes.map(({ options }) => options.program).filter((name) => !needed.includes(name)),
    );
    const own = [...spec.functions.values()].flatMap(({ name, program }) =>
      program?.autoload && !originals.has(name) && !name.includes(COPY_MARK) ? [name] : [],
    );
    // Left to the load, which knows more of what belongs together.
    if (!chosen && originals.size === 0 && needed.every((name) => own.includes(name))) return undefined;
    return [...new Set([...(chosen ?? own), ...needed])];
  }

  #fillRoutes(): void {
    for (const route of this.#routes) {
      const object = this.#objectOf(route);
      const program = this.collection(route.from ?? object).program(route.program);
      this.collection(object).map(route.map).set(route.key, program);
    }
  }

  #close({ keepPinned = false }: StopOptions, forget: boolean): void {
    try {
      this.stop({ keepPinned });
    } finally {
      this.#loaded = false;
      this.#closeCollections();
      if (forget) for (const probe of this.#probes.values()) probe.forget();
    }
  }

  #closeCollections(): void {
    undoAll([...this.#objects.values()], (entry) => {
      const { collection } = entry;
      entry.collection = undefined;
      collection?.close();
    });
  }
}

/** No function of an object has it in its name. */
const COPY_MARK = '@';

function copyName(program: string, probe: string): string {
  return `${program}${COPY_MARK}${probe}`;
}

/** Records of names are merged, everything else is replaced. */
function merged(before: LoadOptions, after: LoadOptions): LoadOptions {
  const both = { ...before, ...after };
  return {
    ...both,
    ...(both.maps && { maps: { ...before.maps, ...after.maps } }),
    ...(both.variables && { variables: { ...before.variables, ...after.variables } }),
    ...(both.mapOptions && { mapOptions: { ...before.mapOptions, ...after.mapOptions } }),
    ...(both.targets && { targets: { ...before.targets, ...after.targets } }),
    ...(both.structOps && { structOps: mergedStructs(before.structOps, after.structOps) }),
  };
}

/** Member by member. */
function mergedStructs(
  before: LoadOptions['structOps'] = {},
  after: LoadOptions['structOps'] = {},
): LoadOptions['structOps'] {
  const names = Object.keys({ ...before, ...after });
  return Object.fromEntries(names.map((name) => [name, { ...before[name], ...after[name] }]));
}
