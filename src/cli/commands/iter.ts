import { once } from 'node:events';
import { attachIter, type BpfMap, IterAttachment, Link, loadCollection } from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { CommonOptions } from '../io.ts';
import { print, printJson } from '../io.ts';
import { readSpec } from '../source.ts';
import { isPin } from '../take-program.ts';
import { openMap, takeWhich } from '../which.ts';
import { chooseProgram } from './run.ts';

export interface IterOptions extends CommonOptions {
  readonly program?: string;
  readonly license?: string;
  /** The map that it walks: an id, a pin or a name. */
  readonly map?: string;
  /** Only this process. */
  readonly pid?: number;
}

/** Prints one walk as it comes, or as one document. */
async function walk(iterator: IterAttachment, options: CommonOptions): Promise<void> {
  if (options.json) {
    printJson({ text: iterator.read() });
    return;
  }
  for await (const chunk of iterator.chunks()) {
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  }
}

/** `tsbpf iter run OBJECT|PIN`: the text of one walk. */
export async function iterRun(what: string, options: IterOptions): Promise<undefined> {
  if (isPin(what)) {
    if (options.map !== undefined || options.pid !== undefined || options.program !== undefined)
      throw new TsbpfError('OPTIONS_CONTRADICT', 'a pinned iterator walks what it was attached to', {
        hint: '--map, --pid and --program are for objects',
      });
    using link = Link.openPinned(what);
    const { target, typeName } = link.info();
    if (target.kind !== 'iter')
      throw new TsbpfError(
        'NOT_AN_ITERATOR',
        `what is pinned at ${what} is a link of type ${typeName}, no iterator`,
      );
    await walk(new IterAttachment(link), options);
    return;
  }
  await withIterator(what, options, (iterator) => walk(iterator, options));
}

/** `tsbpf iter pin OBJECT PATH`: whoever reads the pin has a walk. */
export async function iterPin(what: string, path: string, options: IterOptions): Promise<undefined> {
  await withIterator(what, options, async ({ link }) => {
    link.pin(path);
    if (options.json) printJson({ pinned: [{ kind: 'link', id: link.info().id, path }] });
    else print(`link ${link.info().id} pinned at ${path}`);
  });
}

/** Loads an iterator and attaches it for as long as `use` takes. */
async function withIterator(
  what: string,
  options: IterOptions,
  use: (iterator: IterAttachment) => Promise<void>,
): Promise<void> {
  const spec = await readSpec(what);
  const chosen = chooseProgram(spec, options.program);
  using collection = loadCollection(spec, {
    programs: [chosen.name],
    ...(options.license !== undefined && { license: options.license }),
  });
  const map = mapOf(options.map, collection.maps);
  try {
    using iterator = attachIter(collection.program(chosen.name), {
      ...(map && { map: map.map }),
      ...(options.pid !== undefined && { task: { pid: options.pid } }),
    });
    await use(iterator);
  } finally {
    if (map?.own) map.map.close();
  }
}

/** A map of the object by its name, else one of the machine. */
function mapOf(
  text: string | undefined,
  maps: ReadonlyMap<string, BpfMap>,
): { readonly map: BpfMap; readonly own: boolean } | undefined {
  if (text === undefined) return undefined;
  const inside = maps.get(text);
  return inside ? { map: inside, own: false } : { map: openMap(takeWhich([text]).which), own: true };
}
