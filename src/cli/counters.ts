import type { BtfValue, MapElement, MapTypes } from '../kernel/index.ts';
import { typedElement } from '../kernel/index.ts';

/** Numbers of one value by their names; per-CPU ones are added up. */
export type Counters = ReadonlyMap<string, bigint>;

/** A number without a type is one of these sizes. */
const PLAIN_SIZES: readonly number[] = [1, 2, 4, 8];

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** A value without types: one number, or numbers of 8 bytes one behind the other; bytes that are left over do not count. */
function plainCounters(bytes: Uint8Array): [string, bigint][] {
  if (PLAIN_SIZES.includes(bytes.length)) return [['value', littleEndian(bytes)]];
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, index) => [
    `[${index}]`,
    littleEndian(bytes.subarray(index * 8, index * 8 + 8)),
  ]);
}

function numbersIn(value: BtfValue, path: string, out: [string, bigint][]): void {
  if (value.kind === 'number') {
    if (typeof value.value === 'bigint' || Number.isInteger(value.value))
      out.push([path === '' ? 'value' : path, BigInt(value.value)]);
  } else if (value.kind === 'bits') out.push([path === '' ? 'value' : path, value.value]);
  else if (value.kind === 'array')
    for (const [index, element] of value.elements.entries()) numbersIn(element, `${path}[${index}]`, out);
  else if (value.kind === 'object')
    for (const [name, member] of value.members)
      numbersIn(member, name === '' ? path : path === '' ? name : `${path}.${name}`, out);
}

/** The numbers in an element's value. */
export function countersOf(element: MapElement, types: MapTypes | undefined): Counters {
  const sums = new Map<string, bigint>();
  for (const bytes of element.values) {
    let numbers: [string, bigint][] = [];
    if (types) {
      const value = typedElement({ key: element.key, values: [bytes] }, { ...types, key: 0 }, false);
      const shown = value.kind === 'object' ? value.members[0]?.[1] : undefined;
      if (shown) numbersIn(shown, '', numbers);
    } else numbers = plainCounters(bytes);
    for (const [name, number] of numbers) sums.set(name, (sums.get(name) ?? 0n) + number);
  }
  return sums;
}

/** One element of a map with its counters and what they gained a second. */
export interface CounterRow {
  readonly key: string;
  readonly counters: readonly { readonly name: string; readonly total: bigint; readonly rate: number }[];
}

/**
 * Rows from the one that counts fastest on; equal ones in the order of the map.
 *
 * @param by the counter that decides; left out, the fastest of each row
 */
export function sortByRate(rows: readonly CounterRow[], by?: string): CounterRow[] {
  const rateOf = ({ counters }: CounterRow): number =>
    counters.reduce(
      (fastest, { name, rate }) => (by === undefined || name === by ? Math.max(fastest, rate) : fastest),
      Number.NEGATIVE_INFINITY,
    );
  return [...rows].sort((a, b) => rateOf(b) - rateOf(a) || 0);
}
