import { basename } from 'node:path';
import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import { BpfMap } from '../../kernel/index.ts';
import { isIndexed, isQueue } from '../../kernel/maps/map-kinds.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { isWhichWord, onlyWhich, openMap, takeWhich, type Which } from '../which.ts';

/** What stands behind the path, each with one word after it; `inner` takes a map as everywhere. */
const WORDS: readonly string[] = ['type', 'key', 'value', 'entries', 'name', 'flags', 'inner', 'extra'];
/** bpftool's word. */
const ALIASES: Readonly<Record<string, string>> = { inner_map: 'inner' };

interface Shape {
  readonly given: ReadonlyMap<string, string>;
  readonly inner: Which | undefined;
}

/** @throws {TsbpfError} `ARGUMENT_EXTRA`, `ARGUMENT_MISSING` */
function parseShape(words: readonly string[]): Shape {
  const given = new Map<string, string>();
  let inner: Which | undefined;
  let rest = words;
  while (rest.length > 0) {
    const [first = '', value] = rest;
    const word = ALIASES[first] ?? first;
    if (!WORDS.includes(word))
      throw new TsbpfError('ARGUMENT_EXTRA', `'${first}' says nothing about a map`, {
        hint: didYouMean(first, WORDS)[0] ?? `it takes ${WORDS.join(', ')}, each with a value behind it`,
      });
    if (value === undefined || (isWhichWord(value) && word === 'inner' && rest.length < 3))
      throw new TsbpfError('ARGUMENT_MISSING', `there is nothing behind '${first}'`);
    if (given.has(word) || (word === 'inner' && inner !== undefined))
      throw new TsbpfError('ARGUMENT_EXTRA', `'${first}' stands there twice`);
    if (word === 'inner') {
      const taken = takeWhich(rest.slice(1));
      inner = taken.which;
      rest = taken.rest;
    } else {
      given.set(word, value);
      rest = rest.slice(2);
    }
  }
  return { given, inner };
}

function mapTypeOf(text: string | undefined): MapType {
  const names = Object.keys(MapType)
    .map((name) => name.toLowerCase())
    .filter((name) => name !== 'unspec');
  if (text === undefined)
    throw new TsbpfError('ARGUMENT_MISSING', "there is no type: 'type hash', 'type array' …", {
      hint: `there are ${names.join(', ')}`,
    });
  if (names.includes(text)) return MapType[text.toUpperCase() as keyof typeof MapType];
  throw new TsbpfError('MAP_TYPE_UNKNOWN', `there is no map type '${text}'`, {
    hint: didYouMean(text, names)[0] ?? `there are ${names.join(', ')}`,
  });
}

/** A number in decimal or behind `0x`. */
function numberOf(word: string, text: string): bigint {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return BigInt(text);
  throw new TsbpfError('NUMBER_INVALID', `'${word} ${text}': it takes a whole number from 0`);
}

/** A whole number of 32 bits; left out, what the type implies. */
function sizeOf(given: ReadonlyMap<string, string>, word: string, implied: number | undefined): number {
  const text = given.get(word);
  if (text === undefined && implied !== undefined) return implied;
  if (text === undefined)
    throw new TsbpfError('ARGUMENT_MISSING', `there is no '${word}'`, {
      hint:
        word === 'entries' ? "'entries 1024': how many there may be" : `'${word} 4': the bytes of a ${word}`,
    });
  const number = numberOf(word, text);
  if (number < 2n ** 32n) return Number(number);
  throw new TsbpfError('NUMBER_INVALID', `'${word} ${text}': it takes a number below 2^32`);
}

/** `0x81`, or names of the flags with commas between them. */
function flagsOf(text: string | undefined): number {
  if (text === undefined) return 0;
  let flags = 0n;
  for (const one of text.split(',')) {
    const known = MapFlag[one.toUpperCase() as keyof typeof MapFlag];
    if (known === undefined && !/^\d/.test(one)) {
      const names = Object.keys(MapFlag).map((name) => name.toLowerCase());
      throw new TsbpfError('FLAG_UNKNOWN', `there is no map flag '${one}'`, {
        hint: didYouMean(one, names)[0] ?? `there are ${names.join(', ')}`,
      });
    }
    flags |= known === undefined ? numberOf('flags', one) : BigInt(known);
  }
  return Number(flags & 0xffff_ffffn);
}

const { RINGBUF, USER_RINGBUF, ARENA, BLOOM_FILTER } = MapType;
/** Types without keys. */
const isKeyless = (type: number): boolean =>
  isQueue(type) || [RINGBUF, USER_RINGBUF, ARENA, BLOOM_FILTER].includes(type as typeof RINGBUF);
/** Types whose values are descriptors for user space, or that have none. */
function impliedValue(type: number): number | undefined {
  if ([RINGBUF, USER_RINGBUF, ARENA].includes(type as typeof RINGBUF)) return 0;
  const { ARRAY, PERCPU_ARRAY, HASH_OF_MAPS } = MapType;
  const holdsObjects = isIndexed(type) && type !== ARRAY && type !== PERCPU_ARRAY;
  return holdsObjects || type === HASH_OF_MAPS ? 4 : undefined;
}

/** `tsbpf map create PATH type hash key 4 value 8 entries 1024`: a map that its pin keeps. */
export async function create(
  path: string,
  words: readonly string[],
  options: CommonOptions,
): Promise<undefined> {
  const { given, inner } = parseShape(words);
  const type = mapTypeOf(given.get('type'));
  const innerMap = inner && openMap(inner);
  try {
    using map = BpfMap.create({
      name: given.get('name') ?? basename(path),
      type,
      keySize: sizeOf(given, 'key', isKeyless(type) ? 0 : isIndexed(type) ? 4 : undefined),
      valueSize: sizeOf(given, 'value', impliedValue(type)),
      maxEntries: sizeOf(given, 'entries', undefined),
      flags: flagsOf(given.get('flags')),
      extra: numberOf('extra', given.get('extra') ?? '0'),
      innerMap,
    });
    map.pin(path);
    const { id } = map.info();
    if (options.json) printJson({ created: { id, name: map.name, type: map.typeName, path } });
    else print(`map ${id} pinned at ${path}`);
  } finally {
    innerMap?.close();
  }
}

/** `tsbpf map freeze 7`. */
export async function freeze(words: readonly string[], options: CommonOptions): Promise<undefined> {
  using map = openMap(onlyWhich(words));
  map.freeze();
  if (options.json) printJson({ frozen: { id: map.info().id, name: map.name, type: map.typeName } });
}
