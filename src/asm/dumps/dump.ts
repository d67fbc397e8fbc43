import type { SourceText } from '../../util/diagnostic.ts';
import { type DumpKind, dumpKindOf } from './dump-kind.ts';
import { readListing } from './dump-listing.ts';
import { readObjdump } from './dump-objdump.ts';
import type { DumpText } from './dump-text.ts';

export type { DumpKind } from './dump-kind.ts';
export type { DumpText } from './dump-text.ts';

export interface DumpOptions {
  /** Left out, the text itself tells. */
  readonly from?: DumpKind;
  /** By slot: the map (or other symbol) whose address an instruction loads, where a log shows a kernel address only. */
  readonly maps?: ReadonlyMap<number, string>;
}

/**
 * A dump as assembly, line by line; undefined for a text that is no dump. Nothing is lost: what the
 * text of an instruction leaves out is taken from the bytes beside it, where the dump shows them.
 */
export function readDump(source: SourceText, options: DumpOptions = {}): DumpText | undefined {
  const kind = options.from ?? dumpKindOf(source.text);
  if (kind === undefined) return undefined;
  return kind === 'objdump' ? readObjdump(source) : readListing(source, kind, options.maps ?? new Map());
}
