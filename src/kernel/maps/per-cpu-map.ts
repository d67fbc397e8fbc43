import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import { possibleCpus } from '../machine.ts';
import type { BpfMap } from './map.ts';
import { perCpuOf } from './per-cpu.ts';
import { TypedMap } from './typed-map.ts';

/**
 * A per-CPU map with a layout: a value is an array, one for each possible CPU. Programs write only
 * that of the CPU that they run on, so nothing is ever lost between them.
 *
 * @example
 * ```ts
 * const packets = map.perCpu({ key: u32, value: u64 });
 * packets.get(0);    // [ 17n, 4n ]
 * packets.total(0);  // 21n
 * packets.fill(0, 0n);
 * ```
 */
export class PerCpuMap<K, V> extends TypedMap<K, V[]> {
  /** @throws {TsbpfError} `MAP_TYPE`, `KEY_SIZE`, `VALUE_SIZE` */
  constructor(map: BpfMap, key: FieldType<K>, value: FieldType<V>) {
    if (!map.elements.perCpu)
      throw new TsbpfError(
        'MAP_TYPE',
        `${map.fd.what} is of type ${map.typeName}, which has one value an entry`,
        {
          hint: 'use as() in the place of perCpu()',
        },
      );
    if (value.size !== map.valueSize)
      throw new TsbpfError(
        'VALUE_SIZE',
        `values of ${map.fd.what} are ${map.valueSize} bytes a CPU, but the layout is ${value.size}`,
      );
    super(map, key, perCpuOf(value));
  }

  /** Gives every CPU the same value. */
  fill(key: K, value: V, flags?: number): void {
    this.set(key, new Array<V>(possibleCpus()).fill(value), flags);
  }

  /** All CPUs' values folded into one; undefined where there is no such entry. */
  reduce<T>(key: K, fold: (total: T, value: V, cpu: number) => T, start: T): T | undefined {
    return this.get(key)?.reduce(fold, start);
  }

  /**
   * The sum of all CPUs' values, for those that are numbers.
   *
   * @throws {TsbpfError} `VALUE_NOT_NUMERIC` where they are not: use {@link reduce}
   */
  total(key: K): bigint | undefined {
    return this.reduce(
      key,
      (total, value) => {
        if (typeof value === 'bigint' || typeof value === 'number') return total + BigInt(value);
        throw new TsbpfError('VALUE_NOT_NUMERIC', `values of ${this.map.fd.what} are no numbers`, {
          hint: 'say with reduce() how they are put together',
        });
      },
      0n,
    );
  }
}
