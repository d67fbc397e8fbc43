import type { Btf } from '../../btf/index.ts';
import { MapType } from '../../isa/kernel-tables.generated.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { BpfMap } from '../maps/map.ts';
import { isPerCpu } from '../maps/map-kinds.ts';
import { perCpuStride } from '../maps/per-cpu.ts';
import { type BtfValue, readBtfValue } from './btf-value.ts';
import { btfById } from './loaded-btf.ts';

/** An element as bytes. */
export interface MapElement {
  readonly key: Uint8Array;
  /** One value, or of a per-CPU map one for each possible CPU; none where it could not be read. */
  readonly values: readonly Uint8Array[];
  /** The errno of a value that could not be read: 2 (ENOENT) for an empty slot. */
  readonly errno?: number;
}

/** The types of a map's two sides; 0 for a side that has none. */
export interface MapTypes {
  readonly btf: Btf;
  readonly key: number;
  readonly value: number;
}

const ENOENT = 2;

/** Of these, an empty slot is no element, and no failure to tell of either. */
const SPARSE: readonly number[] = [MapType.PROG_ARRAY, MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS];

/** Of these, every key has a value that can be read, so they are read many at a time. */
const PLAIN: readonly number[] = [
  MapType.HASH,
  MapType.ARRAY,
  MapType.PERCPU_HASH,
  MapType.PERCPU_ARRAY,
  MapType.LRU_HASH,
  MapType.LRU_PERCPU_HASH,
  MapType.LPM_TRIE,
];

/** What the kernel answers for one element, each CPU's value apart and without its padding. */
export function splitCpus(map: BpfMap, bytes: Uint8Array): Uint8Array[] {
  if (!isPerCpu(map.type)) return [bytes];
  const step = perCpuStride(map.valueSize);
  return Array.from({ length: Math.floor(bytes.length / step) }, (_, cpu) =>
    bytes.subarray(cpu * step, cpu * step + map.valueSize),
  );
}

/** The element of a key; undefined where there is none. @throws {SyscallError} */
export function readElement(map: BpfMap, key: Uint8Array): MapElement | undefined {
  const bytes = map.getBytes(key);
  return bytes && { key, values: splitCpus(map, bytes) };
}

/**
 * Walks a map. Elements whose values cannot be read come with the errno, those that vanish meanwhile and the
 * empty slots of prog arrays and maps of maps not at all. Queues, stacks, bloom filters and ring buffers have
 * no keys to walk, and so no elements.
 *
 * @throws {SyscallError} EPERM
 */
export function* mapElements(map: BpfMap): Generator<MapElement, void, undefined> {
  if (map.keySize === 0) return;
  if (PLAIN.includes(map.type)) yield* inBatches(map);
  else yield* oneByOne(map);
}

function* inBatches(map: BpfMap): Generator<MapElement, void, undefined> {
  const { keySize } = map;
  for (const { count, keys, values } of map.chunks()) {
    const entrySize = values.length / count;
    for (let at = 0; at < count; at++) {
      yield {
        key: keys.subarray(at * keySize, (at + 1) * keySize),
        values: splitCpus(map, values.subarray(at * entrySize, (at + 1) * entrySize)),
      };
    }
  }
}

function* oneByOne(map: BpfMap): Generator<MapElement, void, undefined> {
  const quiet = SPARSE.includes(map.type);
  for (const key of map.keyBytes()) {
    try {
      const element = readElement(map, key);
      if (element) yield element;
      else if (!quiet) yield { key, values: [], errno: ENOENT };
    } catch (error) {
      if (!(error instanceof SyscallError) || error.command !== 'MAP_LOOKUP_ELEM') throw error;
      yield { key, values: [], errno: error.errno };
    }
  }
}

/**
 * The types that a map was made with; undefined where it was made without.
 *
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN
 */
export function mapTypes(map: BpfMap): MapTypes | undefined {
  const { btfId, btfKeyTypeId, btfValueTypeId } = map.info();
  if (btfValueTypeId === 0) return undefined;
  const btf = btfById(btfId);
  return btf && { btf, key: btfKeyTypeId, value: btfValueTypeId };
}

/** An element by its types, in the shape in which bpftool shows it. */
export function typedElement(element: MapElement, types: MapTypes, perCpu: boolean): BtfValue {
  const members: [string, BtfValue][] = [];
  if (types.key !== 0) members.push(['key', readBtfValue(types.btf, types.key, element.key)]);
  const shown = (bytes: Uint8Array): BtfValue => readBtfValue(types.btf, types.value, bytes);
  if (perCpu) {
    const elements = element.values.map(
      (bytes, cpu): BtfValue => ({
        kind: 'object',
        members: [
          ['cpu', { kind: 'number', value: cpu }],
          ['value', shown(bytes)],
        ],
      }),
    );
    members.push(['values', { kind: 'array', elements }]);
  } else if (element.values[0]) members.push(['value', shown(element.values[0])]);
  return { kind: 'object', members };
}
