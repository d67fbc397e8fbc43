import {
  BpfMap,
  Link,
  listMaps,
  listPrograms,
  type MapSummary,
  Program,
  type ProgramSummary,
} from '../kernel/index.ts';
import { TsbpfError } from '../util/errors.ts';
import { didYouMean } from '../util/suggest.ts';

/** How an object of the kernel is named on the command line. */
export interface Which {
  readonly by: 'id' | 'pinned' | 'name' | 'tag';
  readonly value: string;
}

const WORDS: readonly string[] = ['id', 'pinned', 'name', 'tag'];

/** Whether a word says how the next one names an object. */
export const isWhichWord = (word: string | undefined): boolean => word !== undefined && WORDS.includes(word);

/** `7`, `/sys/fs/bpf/x`, `counts`; or with what it is in front: `id 7`, `pinned PATH`, `name N`, `tag T`. */
export function takeWhich(words: readonly string[]): { which: Which; rest: readonly string[] } {
  const [first = '', second, ...others] = words;
  if (WORDS.includes(first) && second !== undefined)
    return { which: { by: first as Which['by'], value: second }, rest: others };
  const by = /^\d+$/.test(first) ? 'id' : first.includes('/') ? 'pinned' : 'name';
  return { which: { by, value: first }, rest: words.slice(1) };
}

/** As {@link takeWhich}, where nothing may follow. @throws {TsbpfError} `ARGUMENT_EXTRA` */
export function onlyWhich(words: readonly string[]): Which {
  const { which, rest } = takeWhich(words);
  if (rest.length > 0)
    throw new TsbpfError('ARGUMENT_EXTRA', `'${rest[0]}' is one word too many`, {
      hint: 'one object is its id, the path of its pin, or its name',
    });
  return which;
}

interface Named {
  readonly id: number;
  readonly name: string;
  readonly tag?: string;
}

/** The kernel's names are cut to 15 bytes. */
const MAX_NAME = 15;

/** @throws {TsbpfError} `MAP_NOT_FOUND`, `MAP_AMBIGUOUS` and so on */
function findId(all: readonly Named[], { by, value }: Which, noun: string): number {
  const code = noun.toUpperCase();
  const wanted = by === 'name' ? value.slice(0, MAX_NAME) : value;
  const ids = all.filter((one) => (by === 'tag' ? one.tag : one.name) === wanted).map(({ id }) => id);
  if (ids.length === 1) return ids[0]!;
  const called = by === 'tag' ? `have the tag ${value}` : `are called '${value}'`;
  if (ids.length > 1)
    throw new TsbpfError(`${code}_AMBIGUOUS`, `${ids.length} ${noun}s ${called}`, {
      hint: `choose one by its id: ${ids.join(', ')}`,
    });
  const names = [...new Set(all.map((one) => (by === 'tag' ? (one.tag ?? '') : one.name)))];
  const sought = by === 'tag' ? `no ${noun} with the tag ${value}` : `no ${noun} '${value}'`;
  throw new TsbpfError(`${code}_NOT_FOUND`, `there is ${sought}`, {
    hint:
      didYouMean(value, names)[0] ??
      `tsbpf ${noun === 'map' ? 'map' : 'prog'} list shows those that are there`,
  });
}

/** A number of the kernel's, from 1 to 32 bits. @throws {TsbpfError} `ID_INVALID` */
export function parseId(text: string): number {
  const id = Number(text);
  if (/^\d+$/.test(text) && id < 2 ** 32) return id;
  throw new TsbpfError('ID_INVALID', `'${text}' is no id: a whole number below 2^32`);
}

/** Opens a map. @throws {TsbpfError} `MAP_NOT_FOUND`, `MAP_AMBIGUOUS`, `ID_INVALID` @throws {SyscallError} */
export function openMap(which: Which): BpfMap {
  if (which.by === 'pinned') return BpfMap.openPinned(which.value);
  if (which.by === 'id') return BpfMap.openById(parseId(which.value));
  if (which.by === 'tag')
    throw new TsbpfError('MAP_TAG', 'maps have no tags', { hint: 'give its id or name' });
  return BpfMap.openById(findId(listMaps() satisfies readonly MapSummary[], which, 'map'));
}

/** Opens a program. @throws {TsbpfError} `PROGRAM_NOT_FOUND`, `PROGRAM_AMBIGUOUS`, `ID_INVALID` @throws {SyscallError} */
export function openProgram(which: Which): Program {
  if (which.by === 'pinned') return Program.openPinned(which.value);
  if (which.by === 'id') return Program.openById(parseId(which.value));
  return Program.openById(findId(listPrograms() satisfies readonly ProgramSummary[], which, 'program'));
}

/** Opens a link. @throws {TsbpfError} `LINK_NAME`, `ID_INVALID` @throws {SyscallError} */
export function openLink(which: Which): Link {
  if (which.by === 'id') return Link.openById(parseId(which.value));
  if (which.by === 'pinned') return Link.openPinned(which.value);
  throw new TsbpfError('LINK_NAME', `links have neither names nor tags, so '${which.value}' is none`, {
    hint: 'give its id, or the path of its pin; tsbpf link list shows those that are there',
  });
}
