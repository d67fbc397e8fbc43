import { rmSync } from 'node:fs';
import { readObject } from '../../elf/index.ts';
import { type AttachType, MapType, type ProgType } from '../../isa/kernel-tables.generated.ts';
import { bind, findProgram, withKconfig } from '../../object/index.ts';
import type { KernelFacts, LinkedProgram, ObjectSpec, Resolver } from '../../object/spec.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { Fd } from '../../syscall/fd.ts';
import type { NetworkNamespaceRef } from '../../syscall/network-namespace.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { AttachTargets, type TargetOption } from '../attach/attach-target.ts';
import type { StructOps } from '../attach/struct-ops.ts';
import type { StructOpsOptions } from '../attach/struct-ops-edit.ts';
import { StructOpsPlan } from '../attach/struct-ops-plan.ts';
import { runningKernel } from '../facts.ts';
import type { KernelFeatures } from '../features/features.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Variable } from '../maps/variable.ts';
import { type DeviceOption, devicesOf } from './bound-device.ts';
import { loadBtf, progBtf } from './load-btf.ts';
import type { LogOptions } from './load-log.ts';
import { type LoadedMap, loadMaps, type MapLoadOptions } from './load-maps.ts';
import { type Variables, variablesOf } from './load-variables.ts';
import { ModuleTypes } from './module-btf.ts';
import { isProgramSlot, type LoadPlan, type PlannedProgram, planLoad } from './plan.ts';
import { checkEndian, checkPlan } from './preflight.ts';
import { Program } from './program.ts';
import { type Token, type TokenOption, tokenFor } from './token.ts';
import { explainRejection, logStats, VerifierError } from './verifier-error.ts';

/** What a load may change about an object. */
export interface LoadOptions extends MapLoadOptions, StructOpsOptions, LogOptions {
  /**
   * Function names or section titles of the programs to load; those in their tail-call slots are
   * loaded with them. Left out, all that the object does not mark with `SEC("?…")`.
   */
  readonly programs?: readonly string[];
  /** The type of programs whose section title tells none, or another one: `xdp`, `sched_cls`, `tc` … */
  readonly type?: ProgType | string;
  /**
   * By name of the program: what a tracing or LSM program is for in place of what its section names, written as
   * there (`{ on_connect: 'tcp_v4_connect' }`), or the function of a loaded program that an freplace, fentry, fexit
   * or fmod_ret program is for.
   */
  readonly targets?: Readonly<Record<string, TargetOption>>;
  /**
   * The interface that XDP programs are bound to (Linux 6.3), by name or index: they run there alone, and may ask its
   * driver about a packet. Those that the load puts into prog arrays are not bound. By name of the program, for some.
   */
  readonly device?: DeviceOption;
  /** Where that interface is; left out, this thread's network namespace. */
  readonly netns?: NetworkNamespaceRef;
  /** In place of the object's licence. */
  readonly license?: string;
  /**
   * The leave to load in a user namespace: a token, or the path of a BPF file system to make one from. Left
   * out, LIBBPF_BPF_TOKEN_PATH counts, and in a user namespace what can be made from /sys/fs/bpf; false for none.
   */
  readonly token?: TokenOption;
  /** What CO-RE relocations and externs are settled with; left out, the running kernel. */
  readonly facts?: KernelFacts;
  /** What old kernels do without is decided by; left out, what the running kernel answers. */
  readonly features?: KernelFeatures;
}

interface Closable {
  close(): void;
}

/** Closes all, the last one first; the first failure is thrown once all have been tried. */
function closeAll(owned: Iterable<Closable>): void {
  let failure: unknown;
  for (const item of [...owned].reverse()) {
    try {
      item.close();
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
}

/**
 * Loads an object into the kernel, all or nothing: its maps, its data, its programs, and last its
 * tail-call slots. A failure closes every descriptor that was opened on the way.
 *
 * @param specOrBytes what `readObject` or the assembler gives, or the bytes of an ELF object
 *
 * @example
 * ```ts
 * using collection = loadCollection(readFileSync('dispatcher.o'));
 * const { retval } = collection.program('xdp_classifier').testRun({ data: frame });
 * ```
 *
 * @throws {VerifierError} with the last lines that matter and the log
 * @throws {SyscallError} with what the errno means for the command
 * @throws {TsbpfError} `EXTERN_UNRESOLVED`, `CORE_AMBIGUOUS` and others of `link`; `GPL_ONLY_HELPER`, `PROG_ARRAY_MIXED`, `PROG_TYPE_MISSING`, `ENDIAN_FOREIGN`, `MAP_INCOMPATIBLE` …
 */
export function loadCollection(specOrBytes: ObjectSpec | Uint8Array, options: LoadOptions = {}): Collection {
  const given = specOrBytes instanceof Uint8Array ? readObject(specOrBytes) : expectSpec(specOrBytes);
  checkEndian(given);
  const facts = options.facts ?? runningKernel();
  const spec = withKconfig(given, facts);
  const license = options.license ?? spec.license;
  const load = (): Collection => new Load(spec, options, license, facts).run();
  try {
    return load();
  } catch (error) {
    // Somebody else pinned a map of it since this load looked: now it is found there.
    if (error instanceof SyscallError && error.command === 'OBJ_PIN' && error.errno === Errno.EEXIST)
      return load();
    throw error;
  }
}

/** A path, say, from a caller without types. */
function expectSpec(given: ObjectSpec): ObjectSpec {
  if (typeof given === 'object' && given?.functions instanceof Map) return given;
  const what = typeof given === 'string' ? 'a text' : 'something else';
  throw new TsbpfError('OPTIONS', `an object is its bytes or what was read of them, but ${what} was given`, {
    hint: "loadCollection(readFileSync('prog.o')) takes a file, loadCollection(collect(object)) what the assembler gives",
  });
}

/** One load under way, and what has to be undone if it fails. */
class Load {
  readonly #spec: ObjectSpec;
  readonly #options: LoadOptions;
  readonly #license: string;
  readonly #plan: LoadPlan;
  readonly #structs: StructOpsPlan;
  #token: Token | undefined;
  readonly #owned: Closable[] = [];
  readonly #modules: ModuleTypes = new ModuleTypes((fd) => this.#own(fd));
  readonly #pinned: string[] = [];
  readonly #targets: AttachTargets;
  readonly #devices: ReadonlyMap<string, string | number>;

  constructor(spec: ObjectSpec, options: LoadOptions, license: string, facts: KernelFacts) {
    this.#spec = spec;
    this.#options = options;
    this.#license = license;
    const own = (fd: Fd): Fd => this.#own(fd);
    try {
      this.#structs = new StructOpsPlan(spec, options.programs, facts, own, options.structOps);
      this.#plan = planLoad(spec, { ...options, programs: this.#structs.programs }, facts);
      checkPlan(spec, this.#plan, license);
      this.#devices = devicesOf(spec, this.#plan, options.device);
      const targets = Object.entries(options.targets ?? {}).map(([name, target]) => [
        findProgram(spec, name).name,
        target,
      ]);
      this.#targets = new AttachTargets(facts, own, Object.fromEntries(targets));
    } catch (error) {
      // The types of modules that were looked into.
      closeAll(this.#owned);
      throw error;
    }
  }

  run(): Collection {
    try {
      const token = tokenFor(this.#options.token, (made) => this.#own(made));
      this.#token = token;
      const btf = loadBtf(this.#spec, this.#options.features, token);
      if (btf) this.#own(btf);
      const loadedMaps = loadMaps(this.#spec, this.#options, btf, (map) => this.#own(map), {
        structs: this.#structs,
        token,
        features: this.#options.features,
      });
      const programs = this.#loadPrograms(loadedMaps, btf);
      this.#fillSlots(loadedMaps, programs);
      const structOps = this.#structs.finish(this.#spec, loadedMaps, programs);
      this.#pinByName(loadedMaps);
      btf?.close();
      this.#modules.close();
      this.#targets.close();
      this.#structs.close();
      if (token !== this.#options.token) token?.close();
      const maps = new Map([...loadedMaps].map(([name, { map }]) => [name, map]));
      return new Collection(this.#spec, maps, programs, structOps);
    } catch (error) {
      for (const path of this.#pinned) rmSync(path, { force: true });
      closeAll(this.#owned);
      throw error;
    }
  }

  #own<T extends Closable>(item: T): T {
    this.#owned.push(item);
    return item;
  }

  #loadPrograms(maps: ReadonlyMap<string, LoadedMap>, btf: Fd | undefined): Map<string, Program> {
    const progArrays = [...maps.values()].flatMap(({ map }) =>
      map.type === MapType.PROG_ARRAY ? [map] : [],
    );
    const programs = new Map<string, Program>();
    for (const planned of this.#plan.values()) {
      const used = [...planned.maps].map((name) => maps.get(name)!.map);
      // Any of its prog arrays may be filled at run time with a program that calls through another.
      const calls = used.some((map) => map.type === MapType.PROG_ARRAY);
      const needed = calls ? [...new Set([...used, ...progArrays])] : used;
      const program = this.#own(this.#loadProgram(planned, maps, needed, btf));
      for (const map of used) map.noteOwner(program.traits);
      programs.set(planned.name, program);
    }
    return programs;
  }

  #loadProgram(
    planned: PlannedProgram,
    maps: ReadonlyMap<string, LoadedMap>,
    needed: readonly BpfMap[],
    btf: Fd | undefined,
  ): Program {
    const { name, section, linked, kind } = planned;
    const code = bind(linked, this.#resolver(maps, linked));
    const member = this.#structs.targetOf(name);
    const { verifierLog, logLevel } = this.#options;
    const load = (withBtf: Fd | undefined): Program =>
      Program.load({
        ...(verifierLog && { verifierLog }),
        ...(logLevel && { logLevel }),
        name,
        section,
        type: kind.progType,
        code,
        fdArray: this.#modules.fdArray,
        license: this.#license,
        expectedAttachType: (member?.expectedAttachType ?? kind.expectedAttachType) as AttachType | 0,
        flags: kind.flags,
        attachTarget: member?.attachTarget ?? this.#targets.of(kind, name),
        token: this.#token,
        device: this.#devices.get(name),
        netns: this.#options.netns,
        btf: progBtf(linked, withBtf),
        maps: needed,
      });
    try {
      return load(btf);
    } catch (refusal) {
      const error = explainRejection(refusal, linked);
      // Rejected before its first instruction: the types may be at fault, not the program.
      const early =
        error instanceof VerifierError && error.excerpt.insn === undefined && !logStats(error.log)?.processed;
      if (!early || btf === undefined) throw error;
      try {
        return load(undefined);
      } catch {
        throw error;
      }
    }
  }

  #resolver(maps: ReadonlyMap<string, LoadedMap>, linked: LinkedProgram): Resolver {
    const fdOf = (name: string): number => maps.get(name)!.map.fd.number;
    return {
      map: fdOf,
      mapValue: fdOf,
      extern: this.#modules.extern(linked),
    };
  }

  #fillSlots(maps: ReadonlyMap<string, LoadedMap>, programs: ReadonlyMap<string, Program>): void {
    for (const [name, { map, given }] of maps) {
      if (given) continue;
      for (const { key, program } of (this.#spec.maps.get(name)?.contents ?? []).filter(isProgramSlot)) {
        // Slots of an array that no loaded program uses stay empty.
        const target = programs.get(program);
        if (!target) continue;
        map.set(key, target);
        map.markFilledByLoad();
      }
    }
  }

  #pinByName(maps: ReadonlyMap<string, LoadedMap>): void {
    for (const { map, pinAt } of maps.values()) {
      if (pinAt === undefined) continue;
      map.pin(pinAt);
      this.#pinned.push(pinAt);
    }
  }
}

/**
 * An object in the kernel. It owns the descriptors of its programs and maps, and keeps prog arrays
 * filled by being open: their slots are emptied with the last descriptor or pin. Attachments and
 * detached programs hold descriptors of their own, so they outlive it.
 */
export class Collection {
  readonly spec: ObjectSpec;
  readonly #maps: Map<string, BpfMap>;
  readonly #programs: Map<string, Program>;
  readonly #variables: Variables;
  /** The structs of functions by their variables' names; {@link attachStructOps} gives them to the kernel. */
  readonly structOps: ReadonlyMap<string, StructOps>;

  constructor(
    spec: ObjectSpec,
    maps: Map<string, BpfMap>,
    programs: Map<string, Program>,
    structOps: ReadonlyMap<string, StructOps> = new Map(),
  ) {
    this.structOps = structOps;
    this.spec = spec;
    this.#maps = maps;
    this.#programs = programs;
    this.#variables = variablesOf(spec, maps);
  }

  /** By function name. */
  get programs(): ReadonlyMap<string, Program> {
    return this.#programs;
  }

  get maps(): ReadonlyMap<string, BpfMap> {
    return this.#maps;
  }

  /** By name, as entries and as members: `variables.get('limit')`, `variables.limit`. */
  get variables(): Variables {
    return this.#variables;
  }

  /**
   * A loaded program by its function name, or by its section's title where only one has it.
   *
   * @throws {TsbpfError} `PROGRAM_NOT_FOUND`, `PROGRAM_AMBIGUOUS`
   */
  program(nameOrTitle: string): Program {
    const byName = this.#programs.get(nameOrTitle);
    if (byName) return byName;
    const titled = [...this.#programs.values()].filter(({ section }) => section === nameOrTitle);
    if (titled.length === 1) return titled[0]!;
    if (titled.length > 1) {
      const names = titled.map(({ name }) => name).join(', ');
      throw new TsbpfError('PROGRAM_AMBIGUOUS', `section '${nameOrTitle}' holds several programs: ${names}`, {
        hint: 'ask for one of them by its name',
      });
    }
    throw this.#notFound('program', 'PROGRAM_NOT_FOUND', nameOrTitle, this.#programs, this.spec.functions);
  }

  /** @throws {TsbpfError} `MAP_NOT_FOUND` */
  map(name: string): BpfMap {
    const map = this.#maps.get(name);
    if (map) return map;
    throw this.#notFound('map', 'MAP_NOT_FOUND', name, this.#maps, this.spec.maps);
  }

  /** @throws {TsbpfError} `VARIABLE_NOT_FOUND` */
  variable(name: string): Variable {
    const variable = this.#variables.get(name);
    if (variable) return variable;
    throw this.#notFound('variable', 'VARIABLE_NOT_FOUND', name, this.#variables, this.spec.variables);
  }

  /**
   * Hands a program over to the caller, with descriptors of its own of the prog arrays and maps that
   * it needs: it works on after the collection is closed.
   *
   * @throws {TsbpfError} `PROGRAM_NOT_FOUND`, `PROGRAM_AMBIGUOUS`
   */
  detachProgram(nameOrTitle: string): Program {
    const program = this.program(nameOrTitle);
    const own = program.duplicate();
    this.#programs.delete(program.name);
    program.close();
    return own;
  }

  /** Closes every program and map of it; a second call does nothing. */
  close(): void {
    closeAll([...this.#maps.values(), ...this.#programs.values()]);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #notFound(
    noun: string,
    code: string,
    name: string,
    loaded: ReadonlyMap<string, unknown>,
    inObject: ReadonlyMap<string, unknown>,
  ): TsbpfError {
    const there = [...loaded.keys()];
    if (inObject.has(name)) {
      return new TsbpfError(code, `${noun} '${name}' is in the object, but was not loaded`);
    }
    return new TsbpfError(code, `there is no ${noun} '${name}'; there are: ${there.join(', ') || 'none'}`, {
      hint: didYouMean(name, there)[0],
    });
  }
}
