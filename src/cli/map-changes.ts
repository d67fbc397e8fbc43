import type { MapElement } from '../kernel/index.ts';
import { toHex } from '../util/bytes.ts';

/** What became of an element between two looks at a map. */
export interface MapChange {
  readonly change: 'added' | 'changed' | 'removed';
  readonly element: MapElement;
  /** As it was. */
  readonly before?: MapElement;
}

/** The elements of a map at one moment, by their keys. */
export type MapSnapshot = ReadonlyMap<string, MapElement>;

/** Elements that cannot be read are no part of it. */
export function takeSnapshot(elements: Iterable<MapElement>): MapSnapshot {
  const snapshot = new Map<string, MapElement>();
  for (const element of elements) if (element.errno === undefined) snapshot.set(toHex(element.key), element);
  return snapshot;
}

function isSame(one: MapElement, other: MapElement): boolean {
  return one.values.every((bytes, index) => Buffer.compare(bytes, other.values[index]!) === 0);
}

/** What changed from one look to the next, in the order of the new one; what is gone comes last. */
export function changesBetween(before: MapSnapshot, after: MapSnapshot): MapChange[] {
  const changes: MapChange[] = [];
  for (const [key, element] of after) {
    const old = before.get(key);
    if (!old) changes.push({ change: 'added', element });
    else if (!isSame(old, element)) changes.push({ change: 'changed', element, before: old });
  }
  for (const [key, element] of before) if (!after.has(key)) changes.push({ change: 'removed', element });
  return changes;
}
