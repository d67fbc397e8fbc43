import { TsbpfError } from '../../util/errors.ts';
import { suggest } from '../../util/suggest.ts';
import { constants } from './constants.ts';
import { directives } from './directives.ts';
import { helpers } from './helpers.ts';
import { maps } from './maps.ts';
import { KINDS, type Kind, NOUNS, type Page, type Shelf } from './page.ts';
import { programs } from './programs.ts';

/** What is loaded at once: every file costs a start a millisecond or more. */
const AT_HAND: Readonly<Record<Exclude<Kind, 'insn' | 'kfunc'>, Shelf>> = {
  helper: helpers,
  map: maps,
  prog: programs,
  directive: directives,
  constant: constants,
};

/** All there is of one kind. */
export async function shelfOf(kind: Kind): Promise<Shelf> {
  if (kind === 'insn') return (await import('./insns.ts')).insns;
  return kind === 'kfunc' ? (await import('./kfuncs.ts')).kfuncs : AT_HAND[kind];
}

/** All there is, in the order of {@link KINDS}. */
export async function allShelves(): Promise<Shelf[]> {
  return await Promise.all(KINDS.map(shelfOf));
}

/** The pages that a name stands for, of one kind or of any. */
export async function findPages(name: string, kind: Kind | undefined): Promise<Page[]> {
  if (kind !== undefined) return [...(await shelfOf(kind)).find(name)];
  // A constant such as BPF_MAP_TYPE_HASH is found as a constant and as what it stands for.
  const pages = new Map<string, Page>();
  for (const shelf of Object.values(AT_HAND))
    for (const page of shelf.find(name)) pages.set(`${page.kind} ${page.name}`, page);
  if (pages.size > 0) return [...pages.values()];
  // Instructions and kfuncs have no name that something else has.
  return [...(await shelfOf('insn')).find(name), ...(await shelfOf('kfunc')).find(name)];
}

/** @returns `UNKNOWN_NAME`, with the name that was meant where one is near */
export async function unknownName(name: string, kind: Kind | undefined): Promise<TsbpfError> {
  const shelves = kind === undefined ? await allShelves() : [await shelfOf(kind)];
  const near = suggest(name, new Set(shelves.flatMap((shelf) => [...shelf.spellings()])));
  const what = kind === undefined ? 'nothing' : `no ${NOUNS[kind]}`;
  const list = kind === undefined ? 'tsbpf doc' : `tsbpf doc ${kind}`;
  return new TsbpfError('UNKNOWN_NAME', `there is ${what} named '${name}'`, {
    hint: near === undefined ? `'${list}' lists what there is` : `did you mean '${near}'?`,
  });
}
