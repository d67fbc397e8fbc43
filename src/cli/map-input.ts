import { closeSync, openSync } from 'node:fs';
import { MapType, UpdateFlag } from '../isa/kernel-tables.generated.ts';
import type { BpfMap, MapTypes } from '../kernel/index.ts';
import { parseValueInput } from '../kernel/inspect/value-input.ts';
import { isMapOfMaps } from '../kernel/maps/map-kinds.ts';
import { findLink } from '../syscall/rtnetlink.ts';
import { TsbpfError } from '../util/errors.ts';
import { isWhichWord, openMap, openProgram, takeWhich } from './which.ts';

/** What the words behind a map say. */
export interface Sides {
  readonly key: string;
  readonly value: string;
  /** Flags of the update, where the last word names some. */
  readonly flags: number;
}

/** What may stand behind a value, as bpftool has it. */
const UPDATE_FLAGS: ReadonlyMap<string | undefined, number> = new Map([
  ['any', UpdateFlag.ANY],
  ['noexist', UpdateFlag.NOEXIST],
  ['exist', UpdateFlag.EXIST],
]);

/**
 * Which words are the key, and which the value: `7 8`, `7 id 12`, or `key hex 01 00 value hex 02 noexist`.
 *
 * @param keyless maps without keys take values alone
 */
export function splitWords(words: readonly string[], wanted: 'key' | 'both', keyless = false): Sides {
  const isNamed = words[0] === 'key' || words[0] === 'value';
  const flags = UPDATE_FLAGS.get(words.at(-1));
  const at = words.indexOf('value');
  // A value of one word may be an enumerator of such a name.
  const shortest = isNamed ? at + 2 : keyless ? 1 : 2;
  if (wanted === 'both' && flags !== undefined && words.length > shortest && (!isNamed || at >= 0))
    return { ...splitWords(words.slice(0, -1), wanted, keyless), flags };
  if (isNamed) {
    const [key, value] =
      at < 0 ? [words.slice(1), []] : [words.slice(1, Math.max(at, 1)), words.slice(at + 1)];
    return { key: words[0] === 'key' ? key.join(' ') : '', value: value.join(' '), flags: 0 };
  }
  if (wanted === 'key') return { key: words.join(' '), value: '', flags: 0 };
  if (keyless) return { key: '', value: words.join(' '), flags: 0 };
  const isObject = words.length === 3 && isWhichWord(words[1]);
  // Whoever writes more words than two means bytes, and has to say where the value begins.
  if (words.length > 2 && !isObject)
    throw new TsbpfError('ARGUMENT_EXTRA', `'${words[2]}' is one word too many`, {
      hint: 'put keys and values of several words into quotes, or write: key hex 01 00 value hex 02',
    });
  return { key: words[0] ?? '', value: words.slice(1).join(' '), flags: 0 };
}

const missing = (side: string): TsbpfError =>
  new TsbpfError('ARGUMENT_MISSING', `there is no ${side}`, {
    hint: "a number, 'hex 00 01 …', JSON by the map's type, or a prefix as 10.0.0.0/8",
  });

/** @throws {TsbpfError} `OPTION_UNKNOWN`, `ARGUMENT_MISSING`, `ARGUMENT_EXTRA` */
export function splitSides(words: readonly string[], wanted: 'key' | 'both', map: BpfMap): Sides {
  const option = words.find((word) => /^-[^\d]/.test(word));
  if (option !== undefined)
    throw new TsbpfError('OPTION_UNKNOWN', `there is no option '${option}'`, {
      hint: '--help shows those that there are',
    });
  const sides = splitWords(words, wanted, map.keySize === 0);
  if (map.keySize > 0 && sides.key === '') throw missing('key');
  if (wanted === 'both' && sides.value === '') throw missing('value');
  return sides;
}

/** The bytes of a key that was given as text; none for maps without keys. */
export function keyBytes(text: string, map: BpfMap, types: MapTypes | undefined): Uint8Array {
  if (map.keySize === 0) return new Uint8Array(0);
  return parseValueInput(text, {
    side: 'key',
    size: map.keySize,
    prefix: map.type === MapType.LPM_TRIE,
    ...(types && types.key !== 0 && { btf: types.btf, type: types.key }),
  });
}

/** Writes an element whose value is text; prog arrays take a program, maps of maps a map. */
export function writeElement(
  map: BpfMap,
  key: Uint8Array,
  text: string,
  types: MapTypes | undefined,
  flags: number,
): void {
  const isBytes = /^hex\b/.test(text);
  if (map.type === MapType.PROG_ARRAY && !isBytes) {
    using program = openProgram(takeWhich(text.split(/\s+/)).which);
    map.set(key, program, flags);
  } else if (isMapOfMaps(map.type) && !isBytes) {
    using inner = openMap(takeWhich(text.split(/\s+/)).which);
    map.set(key, inner, flags);
  } else if (map.type === MapType.CGROUP_ARRAY && text.includes('/')) {
    const fd = openSync(text, 'r');
    try {
      map.set(key, fd, flags);
    } finally {
      closeSync(fd);
    }
  } else if (
    (map.type === MapType.DEVMAP || map.type === MapType.DEVMAP_HASH) &&
    map.valueSize === 4 &&
    /^[a-z_]/i.test(text) &&
    !isBytes
  ) {
    map.set(key, findLink(text).ifindex, flags);
  } else {
    const bytes = parseValueInput(text, {
      side: 'value',
      size: map.valueSize,
      ...(types && { btf: types.btf, type: types.value }),
    });
    map.set(key, bytes, flags);
  }
}
