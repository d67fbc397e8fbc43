import { MapType, UpdateFlag } from '../../isa/kernel-tables.generated.ts';
import {
  BatchCursor,
  type ReadBatchCommand,
  tryDeleteBatch,
  tryUpdateBatch,
} from '../../syscall/bpf-map-batch.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { BpfCommandName } from '../../syscall/explain.ts';
import { INT_MAX } from '../../syscall/native.ts';
import { concatBytes, viewOf } from '../../util/bytes.ts';
import { checkRange, TsbpfError } from '../../util/errors.ts';
import { MapEntryError } from './element-error.ts';
import type { MapValue } from './map-codec.ts';
import type { MapContent, MapElements } from './map-elements.ts';
import { isIndexed } from './map-kinds.ts';

/**
 * Many entries as their bytes, one behind the other: `count` keys of the map's key size, and as many
 * values; a value of a per-CPU map has those of all CPUs, each padded to 8 bytes.
 */
export interface MapBatch {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

/** Entries of one batch of a walk, at first. */
const USUAL_ROOM = 4096;
/** Bytes of one batch of a walk. */
const USUAL_BYTES = 1 << 20;
/** Bytes of a read of all in one, before it grows. */
const LARGE_BYTES = 1 << 24;
/** A walk key by key that was thrown back so often that it took this many steps for each entry gives up. */
const STEPS_PER_ENTRY = 64;
const SPARE_STEPS = 4096;

const NONE = new Uint8Array(0);

/** What kernels and types without a batch command answer (5.5: EINVAL; others ENOTSUPP), and walks that a deletion met. */
const FALL_BACK: readonly number[] = [Errno.EINVAL, Errno.ENOTSUPP, Errno.EOPNOTSUPP, Errno.EINTR];

/**
 * The entries of a map all at once: by the kernel's batch commands, and one by one where it has none
 * for the type.
 */
export class MapBatches {
  readonly #elements: MapElements;
  /** Commands that the kernel does not have for this map. */
  readonly #refused: Set<BpfCommandName> = new Set();

  constructor(elements: MapElements) {
    this.#elements = elements;
  }

  /** All entries, in batches that are the receiver's. */
  *chunks(): Generator<MapBatch, void, undefined> {
    const { maxEntries } = this.#elements.shape;
    yield* this.#read('MAP_LOOKUP_BATCH', Math.min(maxEntries, this.#roomIn(USUAL_BYTES, USUAL_ROOM)));
  }

  /** The keys, in batches. Values are read along where that takes fewer calls, and not where only keys can be read. */
  *keyChunks(): Generator<Omit<MapBatch, 'values'>, void, undefined> {
    const { maxEntries } = this.#elements.shape;
    const room = Math.min(maxEntries, this.#roomIn(USUAL_BYTES, USUAL_ROOM));
    yield* this.#read('MAP_LOOKUP_BATCH', room, (after) => this.#keysAlone(after));
  }

  /** The keys, copies of their own. */
  *keys(): Generator<Uint8Array, void, undefined> {
    const { keySize } = this.#elements.shape;
    for (const { keys, count } of this.keyChunks())
      for (let at = 0; at < count; at++) yield keys.slice(at * keySize, (at + 1) * keySize);
  }

  /** All entries in one piece. */
  readAll(command: ReadBatchCommand = 'MAP_LOOKUP_BATCH'): MapBatch {
    const room = Math.min(this.#elements.shape.maxEntries, this.#roomIn(LARGE_BYTES));
    const chunks = [...this.#read(command, room)];
    if (chunks.length === 1) return chunks[0]!;
    return {
      count: chunks.reduce((total, { count }) => total + count, 0),
      keys: concatBytes(chunks.map(({ keys }) => keys)),
      values: concatBytes(chunks.map(({ values }) => values)),
    };
  }

  /** Writes entries in their order. @returns how many @throws {MapEntryError} @throws {TsbpfError} `BATCH_SIZE` */
  write({ count, keys, values }: MapBatch, flags: number): number {
    const { entrySize, shape } = this.#elements;
    const { keySize } = shape;
    this.#expectBytes('keys', keys, count, keySize);
    this.#expectBytes('values', values, count, entrySize);
    let done = 0;
    // The batch command takes no other flags.
    const batched = (flags & ~UpdateFlag.F_LOCK) === 0 && !this.#refused.has('MAP_UPDATE_BATCH');
    if (batched && count > 0) {
      const { result, count: written } = tryUpdateBatch(this.#fd, keys, values, count, flags);
      if (result >= 0) return count;
      if (written === undefined) this.#forget('MAP_UPDATE_BATCH', -result);
      done = written ?? 0;
    }
    // Of what a batch refused, the refusal in words is that of the entry alone.
    for (; done < count; done++) {
      const key = keys.subarray(done * keySize, (done + 1) * keySize);
      const result = this.#elements.set(key, this.#valueAt(values, done), flags);
      if (result < 0) {
        const refusal = this.#elements.error('write', -result, key, flags);
        throw this.#entryError(refusal, key, done, count);
      }
    }
    return count;
  }

  /** Removes entries; keys that are not there are passed over. @returns how many were there @throws {MapEntryError} */
  delete(keys: Uint8Array, count: number): number {
    const { keySize } = this.#elements.shape;
    let at = 0;
    let deleted = 0;
    while (at < count && !this.#refused.has('MAP_DELETE_BATCH')) {
      const result = tryDeleteBatch(this.#fd, keys.subarray(at * keySize, count * keySize), count - at);
      if (result.result >= 0) return deleted + count - at;
      if (result.count === undefined) {
        this.#forget('MAP_DELETE_BATCH', -result.result);
        break;
      }
      deleted += result.count;
      at += result.count;
      if (result.result !== -Errno.ENOENT) break;
      at++;
    }
    for (; at < count; at++) {
      const key = keys.subarray(at * keySize, (at + 1) * keySize);
      try {
        if (this.#elements.delete(key)) deleted++;
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        throw this.#entryError(error, key, at, count);
      }
    }
    return deleted;
  }

  /** As bytes, so that many go in one command. */
  encode(entries: Iterable<readonly [MapValue, MapContent | readonly MapValue[]]>): MapBatch {
    const { entrySize, shape } = this.#elements;
    const { keySize } = shape;
    const all = Array.isArray(entries) ? entries : [...entries];
    const keys = new Uint8Array(all.length * keySize);
    const values = new Uint8Array(all.length * entrySize);
    const [keyView, valueView] = [viewOf(keys), viewOf(values)];
    for (let index = 0; index < all.length; index++) {
      const [key, value] = all[index]!;
      this.#elements.encodeKey(keyView, key, index * keySize);
      this.#elements.encodeContent(valueView, value, index * entrySize);
    }
    return { count: all.length, keys, values };
  }

  encodeKeys(given: Iterable<MapValue>): { keys: Uint8Array; count: number } {
    const { keySize } = this.#elements.shape;
    const all = [...given];
    const keys = new Uint8Array(all.length * keySize);
    const view = viewOf(keys);
    for (const [index, key] of all.entries()) this.#elements.encodeKey(view, key, index * keySize);
    return { keys, count: all.length };
  }

  /**
   * The keys one after the other, for maps without batches. A map that is no array goes on from its
   * beginning where the last key has been deleted meanwhile: keys that were handed out are passed over
   * then, so that the rest is still found.
   *
   * @throws {TsbpfError} `MAP_WALK_ABORTED` where deletions throw it back again and again
   */
  *keysOneByOne(after?: Uint8Array): Generator<Uint8Array, void, undefined> {
    const { type, maxEntries } = this.#elements.shape;
    const seen = isIndexed(type) ? undefined : new Set<string>();
    let steps = STEPS_PER_ENTRY * maxEntries + SPARE_STEPS;
    const next = (from: Uint8Array | undefined): Uint8Array | undefined => {
      for (let key = this.#elements.nextKey(from); key; key = this.#elements.nextKey(key)) {
        if (steps-- === 0) throw this.#aborted();
        if (!seen) return key;
        const text = Buffer.from(key).toString('latin1');
        if (seen.has(text)) continue;
        seen.add(text);
        return key;
      }
      return undefined;
    };
    let key = next(after);
    while (key) {
      // The next one before this one is handed out: the receiver may delete it.
      const following: Uint8Array | undefined = next(key);
      yield key;
      key = following;
    }
  }

  get #fd(): number {
    return this.#elements.fd.number;
  }

  #roomIn(bytes: number, most: number = Number.MAX_SAFE_INTEGER): number {
    const { entrySize, shape } = this.#elements;
    return Math.max(1, Math.min(most, Math.floor(bytes / Math.max(1, shape.keySize + entrySize))));
  }

  *#keysAlone(after: Uint8Array | undefined): Generator<MapBatch, void, undefined> {
    for (const keys of this.keysOneByOne(after)) yield { count: 1, keys, values: NONE };
  }

  *#read(
    command: ReadBatchCommand,
    firstRoom: number,
    otherwise = (after: Uint8Array | undefined) => this.#readOneByOne(command, after),
  ): Generator<MapBatch, void, undefined> {
    if (this.#refused.has(command)) {
      yield* otherwise(undefined);
      return;
    }
    const { entrySize, shape } = this.#elements;
    const { keySize } = shape;
    const cursor = new BatchCursor(keySize);
    const once = shape.type === MapType.LPM_TRIE ? this.#once() : undefined;
    let room = Math.max(1, firstRoom);
    let lastKey: Uint8Array | undefined;
    for (;;) {
      const keys = new Uint8Array(room * keySize);
      const values = new Uint8Array(room * entrySize);
      const { result, count } = cursor.read(command, this.#fd, keys, values, room);
      if (count > 0) {
        lastKey = keys.slice((count - 1) * keySize, count * keySize);
        const batch = batchOf(keys, values, count, keySize, entrySize);
        yield once ? once(batch) : batch;
      }
      if (result === -Errno.ENOENT) return;
      // One bucket of a hash holds more than there is room for.
      if (result === -Errno.ENOSPC) room *= 2;
      else if (result < 0) {
        this.#forget(command, -result);
        yield* otherwise(lastKey);
        return;
      }
    }
  }

  /**
   * Leaves out what was there before. A batch command on a trie goes on after its last key, and begins
   * anew where that one has been deleted.
   *
   * @throws {TsbpfError} `MAP_WALK_ABORTED`
   */
  #once(): (batch: MapBatch) => MapBatch {
    const { entrySize, shape } = this.#elements;
    const { keySize, maxEntries } = shape;
    const seen = new Set<string>();
    let steps = STEPS_PER_ENTRY * maxEntries + SPARE_STEPS;
    return ({ count, keys, values }) => {
      steps -= count;
      if (steps < 0) throw this.#aborted();
      let kept = 0;
      for (let at = 0; at < count; at++) {
        const key = keys.subarray(at * keySize, (at + 1) * keySize);
        const text = Buffer.from(key).toString('latin1');
        if (seen.has(text)) continue;
        seen.add(text);
        if (kept < at) {
          keys.set(key, kept * keySize);
          values.set(this.#valueAt(values, at), kept * entrySize);
        }
        kept++;
      }
      return batchOf(keys, values, kept, keySize, entrySize);
    };
  }

  /** Notes what the kernel does not have. @throws {SyscallError} where it refuses for another reason */
  #forget(command: BpfCommandName, errno: number): void {
    if (!FALL_BACK.includes(errno)) {
      const verb =
        command === 'MAP_DELETE_BATCH' ? 'delete' : command === 'MAP_UPDATE_BATCH' ? 'write' : 'read';
      throw this.#elements.error(verb, errno, undefined);
    }
    // A deletion in the middle of a walk says nothing about the next one.
    if (errno !== Errno.EINTR) this.#refused.add(command);
  }

  *#readOneByOne(
    command: ReadBatchCommand,
    after: Uint8Array | undefined,
  ): Generator<MapBatch, void, undefined> {
    const { entrySize, shape } = this.#elements;
    const { keySize } = shape;
    const take = command === 'MAP_LOOKUP_AND_DELETE_BATCH';
    const room = this.#roomIn(USUAL_BYTES, take ? Number.MAX_SAFE_INTEGER : 64);
    let keys = NONE;
    let values = NONE;
    let count = 0;
    for (const key of this.keysOneByOne(after)) {
      const value = take ? this.#takeBytes(key) : this.#elements.getBytes(key, 0);
      // Gone meanwhile, or an empty slot.
      if (!value) continue;
      if (count * keySize === keys.length || values.length < (count + 1) * entrySize) {
        keys = grown(keys, Math.max(64, 2 * count) * keySize);
        values = grown(values, Math.max(64, 2 * count) * entrySize);
      }
      keys.set(key, count * keySize);
      values.set(value, count * entrySize);
      count++;
      if (count < room) continue;
      yield batchOf(keys, values, count, keySize, entrySize);
      [keys, values, count] = [NONE, NONE, 0];
    }
    if (count > 0) yield batchOf(keys, values, count, keySize, entrySize);
  }

  /** Reads and removes; where the type has no such command, in two steps. */
  #takeBytes(key: Uint8Array): Uint8Array | undefined {
    if (!this.#refused.has('MAP_LOOKUP_AND_DELETE_ELEM')) {
      try {
        return this.#elements.takeBytes(key, 0);
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        if (!FALL_BACK.includes(error.errno)) throw error;
        this.#refused.add('MAP_LOOKUP_AND_DELETE_ELEM');
      }
    }
    const value = this.#elements.getBytes(key, 0);
    return value && this.#elements.delete(key) ? value : undefined;
  }

  #valueAt(values: Uint8Array, index: number): Uint8Array {
    const { entrySize } = this.#elements;
    return values.subarray(index * entrySize, (index + 1) * entrySize);
  }

  #entryError(refusal: SyscallError, key: Uint8Array, at: number, count: number): MapEntryError {
    const shown = this.#elements.decodeKey(viewOf(key));
    return new MapEntryError(refusal, shown, at, count, this.#elements.fd.what);
  }

  /** The kernel reads as many as it is told, whatever lies behind the bytes. */
  #expectBytes(side: string, bytes: Uint8Array, count: number, size: number): void {
    if (checkRange('count', count, 0, INT_MAX) * size === bytes.length) return;
    throw new TsbpfError(
      'BATCH_SIZE',
      `${count} ${side} of ${this.#elements.fd.what} are ${count * size} bytes, but ${bytes.length} were given`,
    );
  }

  #aborted(): TsbpfError {
    return new TsbpfError(
      'MAP_WALK_ABORTED',
      `the walk through ${this.#elements.fd.what} was thrown back to its beginning again and again by deletions`,
      { hint: 'try again when fewer entries are deleted at the same time' },
    );
  }
}

function batchOf(
  keys: Uint8Array,
  values: Uint8Array,
  count: number,
  keySize: number,
  entrySize: number,
): MapBatch {
  return { count, keys: keys.subarray(0, count * keySize), values: values.subarray(0, count * entrySize) };
}

function grown(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size);
  out.set(bytes);
  return out;
}
