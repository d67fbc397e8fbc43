import { UpdateFlag } from '../../isa/kernel-tables.generated.ts';
import { viewOf } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import type { BpfMap } from './map.ts';
import { encodeField, type MapValue } from './map-codec.ts';
import { isQueue } from './map-kinds.ts';

/**
 * A queue (first in, first out) or a stack (last in, first out). It owns nothing: closing is the map's.
 *
 * @example
 * ```ts
 * const jobs = QueueMap.of(collection.map('jobs'), u32);
 * jobs.push(7);
 * jobs.peek(); // 7
 * jobs.pop();  // 7
 * jobs.pop();  // undefined
 * ```
 */
export class QueueMap<T = MapValue> {
  readonly map: BpfMap;
  readonly #type: FieldType<T> | undefined;

  /**
   * @param type the layout of a value; left out, values are as those of any map
   * @throws {TsbpfError} `MAP_TYPE`, `VALUE_SIZE`
   */
  static of(map: BpfMap): QueueMap;
  static of<T>(map: BpfMap, type: FieldType<T>): QueueMap<T>;
  static of<T>(map: BpfMap, type?: FieldType<T>): QueueMap<T> {
    return new QueueMap(map, type);
  }

  private constructor(map: BpfMap, type: FieldType<T> | undefined) {
    if (!isQueue(map.type))
      throw new TsbpfError(
        'MAP_TYPE',
        `${map.fd.what} is of type ${map.typeName}, neither a queue nor a stack`,
      );
    expectValueSize(map, type);
    this.map = map;
    this.#type = type;
  }

  /**
   * Puts a value in.
   *
   * @param replace where it is full, the oldest value goes instead of an error
   * @throws {SyscallError} E2BIG
   */
  push(value: T, options: { readonly replace?: boolean } = {}): void {
    const flags = options.replace ? UpdateFlag.EXIST : UpdateFlag.ANY;
    const { elements } = this.map;
    const result = elements.push(toValue(this.map, this.#type, value), flags);
    if (result < 0) throw elements.error('write', -result, undefined, flags);
  }

  /** The value that `pop` would answer with; undefined where there is none. */
  peek(): T | undefined {
    return this.#decode(this.map.elements.peekBytes());
  }

  /** Takes a value out; undefined where there is none. */
  pop(): T | undefined {
    return this.#decode(this.map.elements.takeBytes(undefined, 0));
  }

  /** Takes out what there is, as long as there is something. */
  *drain(): Generator<T, void, undefined> {
    for (let value = this.pop(); value !== undefined; value = this.pop()) yield value;
  }

  #decode(bytes: Uint8Array | undefined): T | undefined {
    if (!bytes) return undefined;
    if (this.#type) return this.#type.read(viewOf(bytes), 0, true);
    return this.map.elements.decodeContent(viewOf(bytes)) as T;
  }
}

/** What a map takes for a value of a layout. */
export function toValue<T>(map: BpfMap, type: FieldType<T> | undefined, value: T): MapValue {
  return type ? encodeField(type, value, `value of ${map.fd.what}`) : (value as MapValue);
}

/** @throws {TsbpfError} `VALUE_SIZE` */
export function expectValueSize(map: BpfMap, type: FieldType<unknown> | FieldType<never> | undefined): void {
  if (type === undefined || type.size === map.valueSize) return;
  throw new TsbpfError(
    'VALUE_SIZE',
    `values of ${map.fd.what} are ${map.valueSize} bytes, but the layout is ${type.size}`,
  );
}
