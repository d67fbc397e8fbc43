import { btfCodec } from '../../btf/index.ts';
import type { ObjectSpec } from '../../object/spec.ts';
import { TsbpfError } from '../../util/errors.ts';
import { bytesOf, type FieldType, u8, u16, u32, u64 } from '../../util/struct.ts';
import type { Collection } from '../load/collection.ts';
import { decodeField, encodeField } from './map-codec.ts';
import { perCpuOf } from './per-cpu.ts';
import type { TypedMap } from './typed-map.ts';
import type { Variable } from './variable.ts';

/** What a place of this many bytes holds where no type says more. */
function plainField(size: number): FieldType<unknown> {
  const numbers: Readonly<Record<number, FieldType<unknown>>> = { 1: u8, 2: u16, 4: u32, 8: u64 };
  return numbers[size] ?? bytesOf(size);
}

/** The layout of a place by its BTF type; of one without, or of another size, a number or bytes. */
export function fieldOf(spec: ObjectSpec, type: number | undefined, size: number): FieldType<unknown> {
  if (type === undefined || !spec.btf) return plainField(size);
  const codec = btfCodec(spec.btf, type);
  return codec.size === size ? codec : plainField(size);
}

/**
 * A map of a collection whose keys and values are read and written by their BTF types: structs as
 * objects, `char[]` as text. Without types it is as the map itself. A value of a per-CPU map is an
 * array, one for each possible CPU: `V` is `number[]`, say.
 *
 * @throws {TsbpfError} `MAP_NOT_FOUND`
 *
 * @example
 * ```ts
 * const events = typedMap<number, { pid: number; comm: string }>(collection, 'events');
 * events.get(0)?.comm;
 * ```
 */
export function typedMap<K = unknown, V = unknown>(collection: Collection, name: string): TypedMap<K, V> {
  const map = collection.map(name);
  const described = collection.spec.maps.get(name);
  const value = fieldOf(collection.spec, described?.value, map.valueSize);
  return map.as({
    key: fieldOf(collection.spec, described?.key, map.keySize) as FieldType<K>,
    value: (map.elements.perCpu ? perCpuOf(value) : value) as FieldType<V>,
  });
}

/** A global variable by its BTF type. */
export class TypedVariable<T> {
  readonly variable: Variable;
  readonly #field: FieldType<T>;

  constructor(variable: Variable, field: FieldType<T>) {
    this.variable = variable;
    this.#field = field;
    if (field.size !== variable.size)
      throw new TsbpfError(
        'VALUE_SIZE',
        `'${variable.name}' has ${variable.size} bytes, its type ${field.size}`,
      );
  }

  get(): T {
    return decodeField(this.#field, this.variable.getBytes());
  }

  /** As {@link Variable.set}. */
  set(value: T): void {
    this.variable.set(encodeField(this.#field, value, `variable '${this.variable.name}'`));
  }
}

/**
 * A global variable of a collection by its BTF type.
 *
 * @throws {TsbpfError} `VARIABLE_NOT_FOUND`
 */
export function typedVariable<T = unknown>(collection: Collection, name: string): TypedVariable<T> {
  const variable = collection.variable(name);
  const type = collection.spec.variables.get(name)?.type;
  return new TypedVariable(variable, fieldOf(collection.spec, type, variable.size) as FieldType<T>);
}
