import { parseBtf } from '../../btf/parse.ts';
import { CONTEXT_OF_PROG_TYPE } from '../../isa/context-structs.generated.ts';
import { programKind, sectionNames } from '../../object/section-names.ts';
import type { ExternSpec, FunctionSpec, LineInfo, Linkage, MapSpec, ObjectSpec } from '../../object/spec.ts';
import type { Endian } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { FunctionBody } from './body.ts';
import type { Code } from './code.ts';
import { codeOf } from './code-builder.ts';
import type { ContextName } from './context.ts';
import { DataSections } from './data-sections.ts';
import type { DataType } from './data-types.ts';
import type {
  ExternHandle,
  FunctionHandle,
  KfuncHandle,
  MapHandle,
  ProgramHandle,
  VariableHandle,
} from './handles.ts';
import { kfuncTypes } from './kfunc-types.ts';
import { encodeValue, MapDeclaration } from './map-declaration.ts';
import type { EntryOf, KeyOf, MapOptions } from './map-options.ts';
import type { FunctionOptions, KfuncOptions, ObjectBuilder, ObjectOptions } from './object-builder.ts';
import { ObjectTypes, type Param } from './object-types.ts';
import { callerOf, type Place } from './place.ts';
import { BuildProblems, misuse, type ReadSource } from './problems.ts';

/**
 * Describes an object in TypeScript: maps, variables, programs and functions. What it gives is as
 * what `readObject` or the assembler give, and remembers the line of each instruction.
 *
 * @throws {DiagnosticsError} with everything that is wrong, each with its place in the source
 *
 * @example
 * ```ts
 * const spec = object({ license: 'GPL' }, (o) => {
 *   const seen = o.map('seen', { type: 'array', value: u64, maxEntries: 1 });
 *   o.program('count', 'xdp', (p) => {
 *     p.store('u32', r10, -4, 0).address(r2, r10, -4).loadMap(r1, seen);
 *     p.call('bpf_map_lookup_elem');
 *     p.if([r0, '!=', 0], () => p.mov(r1, 1).atomic_add(r0, 0, r1));
 *     p.mov(r0, XdpAction.PASS).exit();
 *   });
 * });
 * using collection = loadCollection(spec);
 * ```
 */
export function object(build: (o: ObjectBuilder) => void): ObjectSpec;
export function object(options: ObjectOptions, build: (o: ObjectBuilder) => void): ObjectSpec;
export function object(
  first: ObjectOptions | ((o: ObjectBuilder) => void),
  second?: (o: ObjectBuilder) => void,
): ObjectSpec {
  const [options, build] = typeof first === 'function' ? [{}, first] : [first, second!];
  return new ObjectDeclaration(options).run(build);
}

/** What BTF takes for the name of a function or a variable, and a map is one. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const KFUNC_SECTION = '.ksyms';
const KCONFIG_SECTION = '.kconfig';
const TEXT = '.text';

interface Declared {
  readonly name: string;
  readonly section: string;
  readonly linkage: Linkage;
  readonly body: FunctionBody;
  readonly type: () => number;
  readonly fill: () => void;
}

/** One object under way: everything is kept here, nothing outside. */
class ObjectDeclaration {
  readonly #options: ObjectOptions;
  readonly #endian: Endian;
  readonly #problems: BuildProblems;
  readonly #types: ObjectTypes = new ObjectTypes();
  readonly #data: DataSections = new DataSections();
  readonly #names: Map<string, Place | undefined> = new Map();
  readonly #handles: Set<object> = new Set();
  readonly #maps: MapDeclaration[] = [];
  readonly #functions: Declared[] = [];
  readonly #externs: Map<
    string,
    { kind: ExternSpec['kind']; weak: boolean; type: () => number | undefined }
  > = new Map();
  #closed = false;

  constructor(options: ObjectOptions) {
    this.#options = options;
    this.#endian = options.endian ?? 'little';
    const read: ReadSource = options.source ?? (() => undefined);
    this.#problems = new BuildProblems(read);
  }

  run(build: (o: ObjectBuilder) => void): ObjectSpec {
    const result: unknown = build(this.#builder());
    refuseAsync('the description of an object', result);
    // Bodies may declare more: what a helper of theirs needs, say.
    for (let index = 0; index < this.#functions.length; index++) this.#functions[index]!.fill();
    this.#closed = true;
    return this.#finish();
  }

  #builder(): ObjectBuilder {
    const at = (method: unknown): Place | undefined => this.#caller(method);
    const builder: ObjectBuilder = {
      map: (name, options) => this.#map(name, options, at(builder.map)),
      variable: (name, type, initial) => this.#variable(name, type, initial, false, at(builder.variable)),
      constant: (name, type, value) => this.#variable(name, type, value, true, at(builder.constant)),
      program: (name, section, body) => this.#program(name, section, body as never, at(builder.program)),
      function: (name: string, ...rest: readonly unknown[]) => {
        const [options, body] = rest.length > 1 ? rest : [{}, rest[0]];
        return this.#function(name, options as FunctionOptions<string>, body as never, at(builder.function));
      },
      kfunc: (name, options = {}) => this.#kfunc(name, options, at(builder.kfunc)),
      ksym: (name, type, options = {}) => this.#extern('ksym', name, type, !!options.weak, at(builder.ksym)),
      kconfig: (name, type, options = {}) =>
        this.#extern('kconfig', name, type, !!options.weak, at(builder.kconfig)),
    };
    return Object.freeze(builder);
  }

  #caller(method: unknown): Place | undefined {
    if (this.#closed) throw misuse('BUILDER_CLOSED', 'the object is finished, nothing can be added to it');
    return this.#options.places === false ? undefined : callerOf(method);
  }

  #handle<T extends object>(handle: T): T {
    this.#handles.add(handle);
    return Object.freeze(handle);
  }

  #declare(noun: string, name: string, place: Place | undefined): void {
    if (typeof name !== 'string' || !NAME.test(name))
      this.#problems.error('bad-name', `'${name}' cannot be the name of a ${noun}`, place, undefined, {
        help: ['names are made of letters, digits and _'],
      });
    else if (this.#names.has(name))
      this.#problems.error('defined-twice', `'${name}' is declared twice`, place, undefined, {
        beside: [{ place: this.#names.get(name), message: 'first declared here' }],
      });
    else this.#names.set(name, place);
  }

  #map<O extends MapOptions>(
    name: string,
    options: O,
    place: Place | undefined,
  ): MapHandle<KeyOf<O>, EntryOf<O>> {
    this.#declare('map', name, place);
    const declaration = new MapDeclaration(name, options, place, this.#endian, this.#problems);
    this.#maps.push(declaration);
    const handle: MapHandle<KeyOf<O>, EntryOf<O>> = {
      kind: 'map',
      name,
      type: options.type,
      set: (key, value) => {
        const isOwn = (other: object): boolean => this.#handles.has(other);
        declaration.set(key, value, isOwn, this.#caller(handle.set));
      },
    };
    return this.#handle(handle);
  }

  #variable<T>(
    name: string,
    type: DataType<T>,
    initial: unknown,
    constant: boolean,
    place: Place | undefined,
  ): VariableHandle<T> {
    this.#declare('variable', name, place);
    let bytes = new Uint8Array(type.size);
    try {
      if (initial !== undefined)
        bytes = encodeValue(type, initial, `variable '${name}'`, this.#endian) as Uint8Array<ArrayBuffer>;
    } catch (error) {
      if (!(error instanceof TsbpfError)) throw error;
      this.#problems.error('bad-value', error.message, place, undefined);
    }
    const map = constant ? '.rodata' : bytes.some((byte) => byte !== 0) ? '.data' : '.bss';
    const offset = this.#data.add(map, name, type, bytes);
    return this.#handle({ kind: 'variable', name, type, map, offset });
  }

  #program(
    name: string,
    section: string,
    body: (p: Code<never>) => void,
    place: Place | undefined,
  ): ProgramHandle {
    this.#declare('program', name, place);
    const kind = programKind(section);
    if (!kind)
      this.#problems.error(
        'unknown-section',
        `'${section}' does not say what its programs are`,
        place,
        `program '${name}'`,
        {
          help: [
            ...didYouMean(section, sectionNames),
            "titles are those of libbpf: 'xdp', 'tc', 'kprobe/do_exit'",
          ].slice(0, 1),
        },
      );
    const context = contextOf(section);
    const type = (): number => this.#types.func(name, [this.#types.contextParam(context)], 'global');
    this.#addFunction(`program '${name}'`, { name, section, linkage: 'global', type }, context, body, place);
    return this.#handle({ kind: 'program', name, section });
  }

  #function(
    name: string,
    options: FunctionOptions<string>,
    body: (p: Code<never>) => void,
    place: Place | undefined,
  ): FunctionHandle {
    this.#declare('function', name, place);
    const linkage = options.linkage ?? 'static';
    const context = options.context === undefined ? undefined : contextOf(options.context);
    const type = (): number => {
      const params = Object.entries(options.params ?? {}).map(
        ([param, of]): Param =>
          of === 'ctx'
            ? { ...this.#types.contextParam(context), name: param }
            : { name: param, type: this.#types.of(of as DataType<unknown>) },
      );
      return this.#types.func(name, params, linkage, this.#types.result(options.returns));
    };
    this.#addFunction(`function '${name}'`, { name, section: TEXT, linkage, type }, context, body, place);
    return this.#handle({ kind: 'function', name });
  }

  #addFunction(
    title: string,
    parts: Omit<Declared, 'body' | 'fill'>,
    context: ContextName | undefined,
    fill: (p: Code<never>) => void,
    place: Place | undefined,
  ): void {
    const body = new FunctionBody(title, place, this.#problems);
    const around = {
      places: this.#options.places !== false,
      owns: (handle: object) => this.#handles.has(handle),
    };
    const code = codeOf<never>(body, around, context);
    this.#functions.push({ ...parts, body, fill: () => refuseAsync(`the body of ${title}`, fill(code)) });
  }

  #kfunc(name: string, options: KfuncOptions, place: Place | undefined): KfuncHandle {
    this.#declare('kernel function', name, place);
    const type = (): number => {
      const isGiven = options.params !== undefined || options.returns !== undefined;
      const { returns, params } = (isGiven ? undefined : kfuncTypes(this.#types, name)) ?? {
        returns: this.#types.result(options.returns ?? 'void')!,
        params: Object.entries(options.params ?? {}).map(
          ([param, of]): Param => ({ name: param, type: this.#types.of(of as DataType<unknown>) }),
        ),
      };
      const number = this.#types.func(name, params, 'extern', returns);
      this.#types.place(KFUNC_SECTION, { type: number, offset: 0, size: 0 });
      return number;
    };
    this.#externs.set(name, { kind: 'kfunc', weak: !!options.weak, type });
    return this.#handle({ kind: 'kfunc', name });
  }

  #extern(
    kind: 'ksym' | 'kconfig',
    name: string,
    type: DataType<never> | DataType<unknown> | undefined,
    weak: boolean,
    place: Place | undefined,
  ): ExternHandle {
    this.#declare('variable', name, place);
    const number = (): number => {
      const { btf } = this.#types;
      const of = type === undefined ? btf.const(0) : this.#types.of(type as DataType<unknown>);
      const variable = btf.variable(name, of, 'extern');
      const section = kind === 'ksym' ? KFUNC_SECTION : KCONFIG_SECTION;
      this.#types.place(section, { type: variable, offset: 0, size: type?.size ?? 0 });
      return variable;
    };
    this.#externs.set(name, { kind, weak, type: number });
    return this.#handle({ kind, name });
  }

  #finish(): ObjectSpec {
    const maps = this.#maps.flatMap((map) => map.finish((type) => this.#types.of(type)) ?? []);
    const data = this.#data.finish(this.#types);
    const externs = [...this.#externs].map(
      ([name, { kind, weak, type }]): ExternSpec => Object.freeze({ name, kind, weak, type: type() }),
    );
    // With something of a size, which the kernel's form of these sections is made of.
    if (externs.length > 0) this.#types.btf.int('int', 4, { signed: true });
    for (const section of [KFUNC_SECTION, KCONFIG_SECTION]) this.#types.section(section, 0);
    const functions = this.#finishFunctions();
    this.#problems.throwIfAny();
    return Object.freeze({
      endian: this.#endian,
      license: this.#options.license ?? '',
      functions: byName(functions),
      maps: byName<MapSpec>([...maps, ...data.maps]),
      variables: byName(data.variables),
      externs: byName(externs),
      btf: parseBtf(this.#types.btf.build(this.#endian)),
    });
  }

  #finishFunctions(): FunctionSpec[] {
    const ends = new Map<string, number>();
    return this.#functions.map(({ name, section, linkage, body, type }): FunctionSpec => {
      const { code, relocations, places } = body.finish(this.#endian);
      const sectionOffset = ends.get(section) ?? 0;
      ends.set(section, sectionOffset + code.length);
      return Object.freeze({
        name,
        section,
        sectionOffset,
        linkage,
        code,
        relocations: Object.freeze(relocations),
        coreRelocations: Object.freeze([]),
        lines: Object.freeze(places.map(({ slot, place }) => this.#lineOf(slot, place))),
        type: type(),
        program: section === TEXT ? undefined : programKind(section),
      });
    });
  }

  #lineOf(slot: number, place: Place): LineInfo {
    const { btf } = this.#types;
    const text = this.#problems.textAt(place);
    const [fileOffset, textOffset] = [btf.string(place.file), btf.string(text)];
    return Object.freeze({ slot, ...place, text, fileOffset, textOffset });
  }
}

function byName<T extends { readonly name: string }>(list: readonly T[]): ReadonlyMap<string, T> {
  return new Map(list.map((each) => [each.name, each]));
}

function refuseAsync(what: string, result: unknown): void {
  const { then } = (result ?? {}) as Partial<PromiseLike<unknown>>;
  if (typeof then !== 'function') return;
  // What it runs into afterwards is a consequence.
  then.call(result, undefined, () => {});
  throw misuse('BUILDER_ASYNC', `${what} must not be async`, 'await first, describe then');
}

/** The struct that a section's programs are given. */
function contextOf(section: string): ContextName | undefined {
  const contexts: Readonly<Record<number, ContextName>> = CONTEXT_OF_PROG_TYPE;
  return contexts[programKind(section)?.progType ?? 0];
}
