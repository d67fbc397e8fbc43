import { viewOf } from '../util/bytes.ts';
import { checkRange } from '../util/errors.ts';
import { bpf, pointer } from './bpf.ts';
import { mapBatchAttr } from './bpf-attr.ts';
import { Errno } from './errno.ts';
import type { BpfCommandName } from './explain.ts';
import { INT_MAX } from './native.ts';

/** The two commands that read many entries. */
export type ReadBatchCommand = Extract<BpfCommandName, 'MAP_LOOKUP_BATCH' | 'MAP_LOOKUP_AND_DELETE_BATCH'>;

/** Hash maps keep the number of a bucket where other maps keep a key (Linux, `kernel/bpf/hashtab.c`). */
const BUCKET_SIZE = 4;

/**
 * The place of a walk through a map by batches. What stands in it is the kernel's business: the number
 * of a bucket or the last key.
 */
export class BatchCursor {
  readonly #bytes: Uint8Array;
  #started = false;

  constructor(keySize: number) {
    this.#bytes = new Uint8Array(Math.max(keySize, BUCKET_SIZE));
  }

  /**
   * Reads on from here, as many entries as find room.
   *
   * @param keys room for whole keys, `values` for as many values
   * @returns minus the errno (ENOENT: that was the end), or 0; and how many entries were written
   */
  read(
    command: ReadBatchCommand,
    fd: number,
    keys: Uint8Array,
    values: Uint8Array,
    room: number,
  ): { readonly result: number; readonly count: number } {
    const cursor = pointer(this.#bytes);
    const attr = mapBatchAttr.encode({
      // Without one, from the beginning.
      in_batch: this.#started ? cursor : 0n,
      out_batch: cursor,
      keys: pointer(keys),
      values: pointer(values),
      count: checkRange('batch', room, 1, INT_MAX),
      map_fd: fd,
    });
    const result = bpf(command, { attr, held: [this.#bytes, keys, values] });
    const count = countIn(attr);
    // Refused as a whole: nothing was counted and the cursor was not written.
    if (count === room && result < 0 && result !== -Errno.ENOENT) return { result, count: 0 };
    if (count > 0) this.#started = true;
    return { result, count };
  }
}

/** How many entries a batch of writes got done: `count` is the index of the entry that was refused. */
export interface WriteBatchResult {
  /** 0, or minus the errno. */
  readonly result: number;
  /** undefined where the kernel refused the command itself. */
  readonly count: number | undefined;
}

/** BPF_MAP_UPDATE_BATCH. `flags`: F_LOCK only, others are refused. */
export function tryUpdateBatch(
  fd: number,
  keys: Uint8Array,
  values: Uint8Array,
  count: number,
  flags: number,
): WriteBatchResult {
  return writeBatch('MAP_UPDATE_BATCH', fd, [keys, values], count, flags);
}

/** BPF_MAP_DELETE_BATCH. */
export function tryDeleteBatch(fd: number, keys: Uint8Array, count: number): WriteBatchResult {
  return writeBatch('MAP_DELETE_BATCH', fd, [keys], count, 0);
}

function writeBatch(
  command: BpfCommandName,
  fd: number,
  held: readonly Uint8Array[],
  count: number,
  flags: number,
): WriteBatchResult {
  const [keys, values] = held;
  const attr = mapBatchAttr.encode({
    keys: pointer(keys),
    values: pointer(values),
    count: checkRange('batch', count, 1, INT_MAX),
    map_fd: fd,
    elem_flags: BigInt(flags),
  });
  const result = bpf(command, { attr, held });
  const done = countIn(attr);
  // The kernel writes the count when it is through; left as given, it never began.
  return { result, count: result < 0 && done === count ? undefined : done };
}

function countIn(attr: Uint8Array): number {
  return viewOf(attr).getUint32(mapBatchAttr.offsets.count, true);
}
