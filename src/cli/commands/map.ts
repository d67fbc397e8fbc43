import { UpdateFlag } from '../../isa/kernel-tables.generated.ts';
import {
  type BpfMap,
  btfValueData,
  elementText,
  listMaps,
  listPins,
  type MapElement,
  type MapSummary,
  type MapTypes,
  mapElements,
  mapInfoText,
  mapText,
  mapTypes,
  objectOwners,
  pinsOf,
  prettyValue,
  QueueMap,
  readElement,
  summarizeMap,
  typedElement,
} from '../../kernel/index.ts';
import { isPerCpu } from '../../kernel/maps/map-kinds.ts';
import { toHex } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import { ExitCode } from '../exit.ts';
import { type CommonOptions, print, printJson, tell } from '../io.ts';
import { keyBytes, type Sides, splitSides, writeElement } from '../map-input.ts';
import { onlyWhich, openMap, takeWhich } from '../which.ts';

export { create, freeze } from './map-create.ts';
export { top } from './map-top.ts';
export { watch } from './map-watch.ts';

function summaryData(map: MapSummary, pinned: readonly string[], owners: readonly unknown[]): object {
  const { typeName, type: _number, ...facts } = map;
  return { ...facts, type: typeName, pinned, owners };
}

function tellMaps(maps: readonly MapSummary[], json: boolean | undefined): void {
  const pins = pinsOf('map', listPins());
  const owners = objectOwners().map;
  const held = (id: number) => (owners.get(id) ?? []).filter(({ pid }) => pid !== process.pid);
  if (json) printJson({ maps: maps.map((map) => summaryData(map, pins.get(map.id) ?? [], held(map.id))) });
  else if (maps.length === 0) print('there are no maps');
  else
    for (const map of maps) print(mapInfoText(map, { pins: pins.get(map.id) ?? [], owners: held(map.id) }));
}

/** `tsbpf map list`, `tsbpf map show 7`. */
export async function show(words: readonly string[], options: CommonOptions): Promise<undefined> {
  if (words.length === 0) {
    tellMaps(listMaps(), options.json);
    return;
  }
  using map = openMap(onlyWhich(words));
  tellMaps([summarizeMap(map.fd)], options.json);
}

/** An element as data: bytes in hexadecimal, and by its types where it has some. */
export function elementData(
  element: MapElement,
  types: MapTypes | undefined,
  perCpu: boolean,
): Record<string, unknown> {
  const { key, values, errno } = element;
  const bytes = perCpu
    ? { values: values.map((value, cpu) => ({ cpu, value: toHex(value) })) }
    : { value: values[0] && toHex(values[0]) };
  return {
    key: toHex(key),
    ...(errno === undefined ? bytes : { errno }),
    ...(types && errno === undefined && { formatted: btfValueData(typedElement(element, types, perCpu)) }),
  };
}

/** A map as JSON names it. */
export const mapData = (map: BpfMap): Record<string, unknown> => ({
  id: map.info().id,
  name: map.name,
  type: map.typeName,
});

/** `tsbpf map dump 7`. */
export async function dump(
  words: readonly string[],
  options: CommonOptions & { readonly hex?: boolean },
): Promise<undefined> {
  using map = openMap(onlyWhich(words));
  if (!options.json) {
    // Written in pieces, for a map may be large.
    let piece = '';
    for (const text of mapText(map, { hex: options.hex === true })) {
      piece += text;
      if (piece.length < 1 << 16) continue;
      process.stdout.write(piece);
      piece = '';
    }
    process.stdout.write(piece);
    return;
  }
  const types = options.hex ? undefined : mapTypes(map);
  const perCpu = isPerCpu(map.type);
  const elements = Array.from(mapElements(map), (element) => elementData(element, types, perCpu));
  printJson({ map: mapData(map), elements });
}

/** Opens the map that the first words name, and reads the others. */
export function mapAndSides(words: readonly string[], wanted: 'key' | 'both'): { map: BpfMap; sides: Sides } {
  const { which, rest } = takeWhich(words);
  const map = openMap(which);
  try {
    return { map, sides: splitSides(rest, wanted, map) };
  } catch (error) {
    map.close();
    throw error;
  }
}

/** `tsbpf map get 7 KEY`. */
export async function get(
  words: readonly string[],
  options: CommonOptions & { readonly hex?: boolean },
): Promise<ExitCode> {
  const { map, sides } = mapAndSides(words, 'key');
  using held = map;
  const key = keyBytes(sides.key, held, mapTypes(held));
  return tellElement(held, key, readElement(held, key), options);
}

/** Prints what was found at a key, or that nothing was. */
function tellElement(
  map: BpfMap,
  key: Uint8Array,
  element: MapElement | undefined,
  options: CommonOptions & { readonly hex?: boolean },
): ExitCode {
  const types = options.hex ? undefined : mapTypes(map);
  const perCpu = isPerCpu(map.type);
  if (options.json)
    printJson({
      map: mapData(map),
      found: element !== undefined,
      element: elementData(element ?? { key, values: [], errno: 2 }, types, perCpu),
    });
  else if (!element) print(key.length > 0 ? `key:\n${toHex(key, ' ')}\n\nNot found` : 'there is no value');
  else if (types) print(prettyValue(typedElement(element, types, perCpu)));
  else print(elementText(element, perCpu));
  return element ? ExitCode.ok : ExitCode.rejected;
}

/** `tsbpf map pop 7`, of a queue or a stack. */
export async function pop(
  words: readonly string[],
  options: CommonOptions & { readonly hex?: boolean },
): Promise<ExitCode> {
  using map = openMap(onlyWhich(words));
  // Which says what other types are.
  QueueMap.of(map);
  const value = map.elements.takeBytes(undefined, 0);
  const key = new Uint8Array(0);
  return tellElement(map, key, value && { key, values: [value] }, options);
}

export interface SetOptions extends CommonOptions {
  /** Only where there is none yet, or only where there is one. */
  readonly ifAbsent?: boolean;
  readonly ifPresent?: boolean;
}

/** `tsbpf map set 7 KEY VALUE`. */
export async function set(words: readonly string[], options: SetOptions): Promise<undefined> {
  if (options.ifAbsent && options.ifPresent)
    throw new TsbpfError('OPTIONS_CONTRADICT', '--if-absent and --if-present leave nothing to do');
  const { map, sides } = mapAndSides(words, 'both');
  using held = map;
  const types = mapTypes(held);
  const key = keyBytes(sides.key, held, types);
  const { ifAbsent, ifPresent } = options;
  const flags = ifAbsent ? UpdateFlag.NOEXIST : ifPresent ? UpdateFlag.EXIST : sides.flags;
  writeElement(held, key, sides.value, types, flags);
  if (options.json) printJson({ map: mapData(held), set: { key: toHex(key) } });
  warnOrphan(held);
}

/** A prog array is emptied when its last descriptor or pin goes, whatever programs use it. */
function warnOrphan(map: BpfMap): void {
  if (map.typeName !== 'prog_array') return;
  const { id } = map.info();
  const isHeld = (objectOwners().map.get(id) ?? []).some(({ pid }) => pid !== process.pid);
  if (isHeld || pinsOf('map').has(id)) return;
  tell(
    'warning: no other process and no pin holds this prog array: its slots are emptied when this command ends',
  );
}

/** `tsbpf map delete 7 KEY`. */
export async function remove(words: readonly string[], options: CommonOptions): Promise<ExitCode> {
  const { map, sides } = mapAndSides(words, 'key');
  using held = map;
  const key = keyBytes(sides.key, held, mapTypes(held));
  const deleted = held.delete(key);
  if (options.json) printJson({ map: mapData(held), deleted, key: toHex(key) });
  else if (!deleted) print(`key:\n${toHex(key, ' ')}\n\nNot found`);
  return deleted ? ExitCode.ok : ExitCode.rejected;
}
