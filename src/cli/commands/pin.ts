import { existsSync, unlinkSync } from 'node:fs';
import {
  BpfMap,
  loadCollection,
  objectOwners,
  type PinnedObject,
  Program,
  pinnedAt,
  pinsOf,
} from '../../kernel/index.ts';
import { SyscallError } from '../../syscall/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { type CommonOptions, print, printJson, tell } from '../io.ts';
import { pinCollection } from '../pin.ts';
import { readSpec } from '../source.ts';
import { onlyWhich, openLink, openMap, openProgram, type Which } from '../which.ts';
import { chooseProgram } from './run.ts';

export interface PinCommandOptions extends CommonOptions {
  /** Takes the place of what is pinned there already. */
  readonly replace?: boolean;
  readonly program?: string;
  readonly type?: string;
  readonly license?: string;
}

type Pinnable = {
  pin(path: string, options: { replace: boolean }): void;
  close(): void;
  readonly fd: { readonly what: string };
};

/** What `KIND` may be, and how one is opened. */
const KINDS: Readonly<Record<string, (which: Which) => Pinnable & { info(): { readonly id: number } }>> = {
  prog: (which) => openProgram(which),
  map: (which) => openMap(which),
  link: (which) => openLink(which),
};
const ALIASES: Readonly<Record<string, string>> = { program: 'prog' };

/** `tsbpf pin prog 7 PATH`; of an object file it loads a program first, or with `object` all of it into a folder. */
export async function pin(
  kindText: string,
  words: readonly string[],
  options: PinCommandOptions,
): Promise<undefined> {
  // The path is the last word, as of cp and mv.
  const [path, what = ''] = [words.at(-1)!, words[0]];
  if (words.length < 2)
    throw new TsbpfError('ARGUMENT_MISSING', `there is no path to pin '${what}' at`, {
      hint: `tsbpf pin ${kindText} ${what} /sys/fs/bpf/NAME`,
    });
  if (kindText === 'object') {
    onlyWhich(words.slice(0, -1));
    await pinObject(what, path, options);
    return;
  }
  const kind = ALIASES[kindText] ?? kindText;
  const open = KINDS[kind];
  if (!open)
    throw new TsbpfError('KIND_UNKNOWN', `there is no kind '${kindText}' to pin`, {
      hint:
        didYouMean(kindText, [...Object.keys(KINDS), 'object'])[0] ?? 'it takes prog, map, link or object',
    });
  if (kind === 'prog' && words.length === 2 && isObjectFile(what)) {
    await pinLoaded(what, path, options);
    return;
  }
  const object = open(onlyWhich(words.slice(0, -1)));
  try {
    object.pin(path, { replace: options.replace === true });
    tellPinned(
      { kind: kind === 'prog' ? 'program' : (kind as 'map' | 'link'), id: object.info().id, path },
      options,
    );
  } finally {
    object.close();
  }
}

/** A pin has a path too; but an object's ends in what no pin's can hold, a dot. */
const isObjectFile = (what: string): boolean => /\.(o|s|S|asm)$/.test(what);

async function pinLoaded(file: string, path: string, options: PinCommandOptions): Promise<void> {
  const spec = await readSpec(file);
  const chosen = chooseProgram(spec, options.program);
  using collection = loadCollection(spec, {
    programs: [chosen.name],
    ...(options.type !== undefined && { type: options.type }),
    ...(options.license !== undefined && { license: options.license }),
  });
  const program = collection.program(chosen.name);
  program.pin(path, { replace: options.replace === true });
  tellPinned({ kind: 'program', id: program.id, path }, options);
}

async function pinObject(file: string, folder: string, options: PinCommandOptions): Promise<void> {
  using collection = loadCollection(await readSpec(file), {
    ...(options.type !== undefined && { type: options.type }),
    ...(options.license !== undefined && { license: options.license }),
  });
  const pins = pinCollection(collection, folder);
  const pinned = [...pins].map(([object, path]) => ({
    kind: object instanceof Program ? ('program' as const) : ('map' as const),
    id: object.info().id,
    path,
  }));
  if (options.json) printJson({ pinned });
  else for (const one of pinned) print(`${one.kind} ${one.id} pinned at ${one.path}`);
}

function tellPinned(pinned: PinnedObject, options: CommonOptions): void {
  if (options.json) printJson({ pinned: [pinned] });
  else print(`${pinned.kind} ${pinned.id} pinned at ${pinned.path}`);
}

function nameOf({ kind, path }: PinnedObject): string {
  if (kind !== 'map' && kind !== 'program') return '';
  using object = kind === 'map' ? BpfMap.openPinned(path) : Program.openPinned(path);
  return ` '${object.name}'`;
}

/** Why a path is no pin, in words that fit what was asked for. */
function notPinned(path: string, cause: unknown): never {
  if (!existsSync(path))
    throw new TsbpfError('PIN_NOT_FOUND', `there is nothing at ${path}`, {
      hint: `tsbpf prog list and tsbpf map list show what is pinned where`,
      cause,
    });
  throw new TsbpfError('NOT_A_PIN', `${path} is no pin of BPF, so it is left alone`, { cause });
}

/** `tsbpf unpin PATH`. */
export async function unpin(path: string, options: CommonOptions): Promise<undefined> {
  let pinned: PinnedObject;
  try {
    pinned = pinnedAt(path);
  } catch (error) {
    // Whatever else there may be at a path, the kernel opens pins alone.
    if (
      error instanceof SyscallError &&
      !['EPERM', 'EACCES', 'ENOENT', 'ENOTDIR', 'EINVAL', 'ELOOP'].includes(error.errnoName)
    )
      throw error;
    notPinned(path, error);
  }
  const name = nameOf(pinned);
  unlinkSync(path);
  const owners = (objectOwners()[pinned.kind].get(pinned.id) ?? []).filter(({ pid }) => pid !== process.pid);
  if (options.json) {
    printJson({ unpinned: { ...pinned, owners } });
    return;
  }
  print(`${path}: ${pinned.kind} ${pinned.id}${name} unpinned`);
  const others = pinsOf(pinned.kind).get(pinned.id) ?? [];
  if (others.length > 0) tell(`note: it is still pinned at ${others.join(', ')}`);
  else if (owners.length > 0)
    tell(`note: ${owners.map(({ pid, name: who }) => `${who} (${pid})`).join(', ')} still holds it`);
}
