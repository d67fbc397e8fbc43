import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import { MAP_SIZES } from '../../isa/map-sizes.ts';
import type { MapEntry, MapSpec } from '../../object/spec.ts';
import type { Endian } from '../../util/bytes.ts';
import { viewOf } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { type DataType, u32 } from './data-types.ts';
import type { MapHandle, ProgramHandle } from './handles.ts';
import type { MapOptions, MapTypeName, Sized } from './map-options.ts';
import type { Place } from './place.ts';
import type { Beside, BuildProblems } from './problems.ts';

/** Any {@link MapOptions}, as its members are read. */
interface LooseOptions {
  readonly type: MapTypeName;
  readonly key?: Sized;
  readonly value?: Sized;
  readonly maxEntries?: number;
  readonly flags?: number;
  readonly extra?: bigint | number;
  readonly numaNode?: number;
  readonly pinning?: 'none' | 'byName';
  readonly inner?: MapOptions;
}

const MAX_U32 = 2 ** 32 - 1;

/**
 * Types whose keys and values the kernel takes with their BTF; others it refuses with it, or keeps
 * none (libbpf, `bpf_object__create_map`).
 */
const TYPED: ReadonlySet<MapTypeName> = new Set<MapTypeName>([
  'hash',
  'array',
  'percpu_hash',
  'percpu_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'sk_storage',
  'inode_storage',
  'task_storage',
  'cgrp_storage',
]);

const NESTED: ReadonlySet<MapTypeName> = new Set<MapTypeName>(['array_of_maps', 'hash_of_maps']);

const MAP_TYPE_NAMES: readonly string[] = Object.keys(MapType)
  .filter((name) => name !== 'UNSPEC')
  .map((name) => name.toLowerCase());

interface Size {
  readonly bytes: number;
  readonly type: DataType<unknown> | undefined;
}

/** A map under way: what was said of it, and its first entries. */
export class MapDeclaration {
  readonly name: string;
  readonly options: LooseOptions;
  readonly place: Place | undefined;
  readonly #problems: BuildProblems;
  readonly #endian: Endian;
  /** By their keys as text. */
  readonly #entries: Map<string, { readonly entry: MapEntry; readonly place: Place | undefined }> = new Map();

  constructor(
    name: string,
    options: MapOptions,
    place: Place | undefined,
    endian: Endian,
    problems: BuildProblems,
  ) {
    this.name = name;
    this.options = options;
    this.place = place;
    this.#problems = problems;
    this.#endian = endian;
  }

  /** @param target a handle of the object, or a value */
  set(key: unknown, target: unknown, isOwn: (handle: object) => boolean, place: Place | undefined): void {
    const entry = this.#entryOf(key, target, isOwn, place);
    if (!entry) return;
    const name = typeof entry.key === 'number' ? String(entry.key) : [...entry.key].join();
    const twin = this.#entries.get(name);
    if (!twin) this.#entries.set(name, { entry: Object.freeze(entry), place });
    else
      this.#error(
        'defined-twice',
        `entry ${String(key)} of map '${this.name}' is set twice`,
        place,
        [],
        [{ place: twin.place, message: 'first set here' }],
      );
  }

  #entryOf(
    key: unknown,
    target: unknown,
    isOwn: (handle: object) => boolean,
    place: Place | undefined,
  ): MapEntry | undefined {
    const { type } = this.options;
    const wants = type === 'prog_array' ? 'program' : NESTED.has(type) ? 'map' : undefined;
    if (wants === undefined) return this.#bytesEntry(key, target, place);
    const handle = target as Partial<ProgramHandle | MapHandle>;
    if (typeof target !== 'object' || target === null || handle.kind !== wants)
      return this.#error('wrong-kind', `the entries of map '${this.name}' are ${wants}s`, place);
    if (!isOwn(target))
      return this.#error('foreign-handle', `${wants} '${handle.name}' belongs to another object`, place);
    const last = (this.options.maxEntries ?? 0) - 1;
    if (typeof key !== 'number' || !Number.isInteger(key) || key < 0 || key > last)
      return this.#error(
        'out-of-range',
        `map '${this.name}' has slots 0 to ${last}, there is no ${String(key)}`,
        place,
      );
    return wants === 'program'
      ? { kind: 'program', key, program: handle.name! }
      : { kind: 'map', key, map: handle.name! };
  }

  #bytesEntry(key: unknown, value: unknown, place: Place | undefined): MapEntry | undefined {
    const defaults = MAP_SIZES[this.#typeKey] ?? {};
    try {
      const keyType = this.options.key ?? defaults.key ?? u32;
      const valueType = this.options.value ?? defaults.value ?? 0;
      const encode = (type: Sized, given: unknown, what: string): Uint8Array =>
        encodeValue(type, given, `map '${this.name}': ${what}`, this.#endian);
      return Object.freeze({
        kind: 'bytes',
        key: encode(keyType, key, 'key'),
        value: encode(valueType, value, 'value'),
      });
    } catch (error) {
      if (!(error instanceof TsbpfError)) throw error;
      return this.#error('bad-value', error.message, place);
    }
  }

  get #typeKey(): keyof typeof MapType {
    return String(this.options.type).toUpperCase() as keyof typeof MapType;
  }

  /** @param numberOf a type's number in the object's BTF */
  finish(numberOf: (type: DataType<unknown>) => number): MapSpec | undefined {
    const spec = this.#specOf(this.name, this.options, numberOf);
    const contents = Object.freeze([...this.#entries.values()].map(({ entry }) => entry));
    return spec && Object.freeze({ ...spec, contents });
  }

  #specOf(
    name: string,
    options: LooseOptions,
    numberOf: (type: DataType<unknown>) => number,
  ): MapSpec | undefined {
    const typeKey = String(options.type).toUpperCase() as keyof typeof MapType;
    const type: MapType | undefined = options.type === ('unspec' as string) ? undefined : MapType[typeKey];
    if (type === undefined)
      return this.#error(
        'unknown-map-type',
        `there is no map type '${options.type}'`,
        this.place,
        didYouMean(String(options.type), MAP_TYPE_NAMES),
      );
    const defaults = MAP_SIZES[typeKey] ?? {};
    const key = this.#sizeOf(
      'key',
      options.key,
      defaults.key ?? (INDEXED.has(options.type) ? u32 : undefined),
    );
    const value = this.#sizeOf('value', options.value, defaults.value);
    const maxEntries = this.#number('maxEntries', options.maxEntries ?? defaults.entries);
    const flags = this.#number('flags', options.flags ?? 0);
    if (!key || !value || maxEntries === undefined || flags === undefined) return undefined;
    const isNested = NESTED.has(options.type);
    if (isNested !== (options.inner !== undefined))
      return this.#error(
        'inner-map',
        isNested
          ? `map '${name}' needs 'inner', what its maps are like`
          : `a ${options.type} has no inner maps`,
        this.place,
      );
    const inner = options.inner && this.#specOf(`${name}.inner`, options.inner, numberOf);
    const typed = TYPED.has(options.type) && key.type && value.type;
    return Object.freeze({
      name,
      type,
      keySize: key.bytes,
      valueSize: value.bytes,
      maxEntries,
      flags: options.numaNode === undefined ? flags : (flags | MapFlag.NUMA_NODE) >>> 0,
      extra: BigInt(options.extra ?? 0),
      numaNode: options.numaNode,
      pinning: options.pinning ?? 'none',
      key: typed ? numberOf(key.type!) : undefined,
      value: typed ? numberOf(value.type!) : undefined,
      inner,
      contents: Object.freeze([]),
      freeze: false,
      origin: 'builder',
    });
  }

  #sizeOf(what: 'key' | 'value', given: Sized | undefined, fallback: Sized | undefined): Size | undefined {
    if (given !== undefined && given !== 0 && fallback === 0)
      return this.#error(
        'unused-option',
        `map '${this.name}': a ${this.options.type} has no ${what}s of its own`,
        this.place,
        [`leave '${what}' out`],
      );
    const sized = given ?? fallback;
    if (sized === undefined)
      return this.#error(
        'missing-option',
        `map '${this.name}' needs '${what}', a type or a size in bytes`,
        this.place,
      );
    if (typeof sized === 'object') return { bytes: sized.size, type: sized as DataType<unknown> };
    const bytes = this.#number(what, sized);
    return bytes === undefined ? undefined : { bytes, type: undefined };
  }

  #number(what: string, given: number | undefined): number | undefined {
    if (given === undefined)
      return this.#error('missing-option', `map '${this.name}' needs '${what}'`, this.place);
    if (Number.isInteger(given) && given >= 0 && given <= MAX_U32) return given;
    return this.#error(
      'out-of-range',
      `map '${this.name}': '${what}' is ${given}, but must be a whole number from 0 to ${MAX_U32}`,
      this.place,
    );
  }

  #error(
    code: string,
    message: string,
    place: Place | undefined,
    help: readonly string[] = [],
    beside: readonly Beside[] = [],
  ): undefined {
    return this.#problems.error(code, message, place, undefined, { help, beside });
  }
}

const INDEXED: ReadonlySet<MapTypeName> = new Set<MapTypeName>(['array', 'percpu_array']);

/** @throws {OutOfRangeError} @throws {TsbpfError} `VALUE_SIZE` */
export function encodeValue(type: Sized, given: unknown, path: string, endian: Endian): Uint8Array {
  if (typeof type === 'number') {
    if (given instanceof Uint8Array && given.length === type) return new Uint8Array(given);
    throw new TsbpfError('VALUE_SIZE', `${path} must be ${type} bytes`);
  }
  const bytes = new Uint8Array(type.size);
  if (given instanceof Uint8Array && given.length === type.size) bytes.set(given);
  else (type as DataType<unknown>).write(viewOf(bytes), 0, given, endian === 'little', path);
  return bytes;
}
