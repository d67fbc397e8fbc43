import type { MapType } from '../isa/kernel-tables.generated.ts';
import { TsbpfError } from '../util/errors.ts';
import { isMapOfMaps, plainMap } from './maps-legacy.ts';
import type { MapSpec } from './spec.ts';

/** The shape of a map: what BPF_MAP_CREATE is told. Sizes in bytes. */
export interface MapShape {
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `map_flags`: MapFlag values, or-ed. */
  readonly flags?: number;
}

/** What a map of an object becomes before it is made; what is left out stays as the object has it. */
export interface MapAdjustments extends Partial<MapShape> {
  readonly extra?: bigint;
  readonly numaNode?: number;
  /** The template of a map of maps: a shape, or a map that has it. */
  readonly inner?: MapShape;
  /** False: it is not made, where nothing that is loaded needs it. */
  readonly autocreate?: boolean;
}

/** An id of 32 bits stands in the value of a map of maps (Linux, `kernel/bpf/map_in_map.c`). */
const ID_SIZE = 4;

/**
 * A map's spec as it is to be made. Sizes that differ from its types' take the types away from it.
 *
 * @throws {TsbpfError} `INNER_MAP_UNEXPECTED` for a template of a map that is no map of maps
 */
export function adjustMap(spec: MapSpec, adjustments: MapAdjustments = {}): MapSpec {
  const { inner, ...others } = adjustments;
  const given = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  const adjusted: MapSpec = { ...spec, ...given };
  if (inner && !isMapOfMaps(adjusted)) {
    throw new TsbpfError(
      'INNER_MAP_UNEXPECTED',
      `map '${spec.name}' is no map of maps: it takes no inner map`,
    );
  }
  const valueSize = isMapOfMaps(adjusted) && adjusted.valueSize === 0 ? ID_SIZE : adjusted.valueSize;
  const same = adjusted.keySize === spec.keySize && valueSize === spec.valueSize;
  return {
    ...adjusted,
    valueSize,
    key: same ? adjusted.key : undefined,
    value: same ? adjusted.value : undefined,
    inner: inner ? template(spec.name, inner) : adjusted.inner,
  };
}

function template(outer: string, { type, keySize, valueSize, maxEntries, flags = 0 }: MapShape): MapSpec {
  return { ...plainMap(`${outer}.inner`, type, 'legacy'), keySize, valueSize, maxEntries, flags };
}
