import { arch } from 'node:process';
import type { RecordView } from './record-view.ts';

/** x86-64 keeps loads in order by itself; `Atomics.load` costs 3 of some 8 ns a record there. */
export const LOADS_IN_ORDER: boolean = arch === 'x64';

/** A record takes this many bytes or more, and lies on a multiple of it. */
const RECORD_UNIT = 8;

type Callback = (record: RecordView) => unknown;

/** Calls back with the records that begin before a position, up to one that it does not know. @returns how many */
export type Walk = (callback: Callback, end: number) => number;

/** Where a ring begins and ends, as the kernel and its reader tell each other. */
export interface RingEnds {
  /** Its first word is the low one of how far the kernel has written. */
  readonly head: Int32Array;
  /** Its first quad is how far was read: ours to write. */
  readonly tail: BigInt64Array;
  /** Of the data, in bytes: a power of two. */
  readonly size: number;
}

/**
 * One ring that a reader reads, without waiting. Positions are kept as 32-bit numbers that wrap around
 * with the low word of the kernel's 64-bit ones: a ring is never larger than that, and BigInts would
 * take twice the time of everything else.
 */
export abstract class RecordRing {
  /** Shows the record that was read last. */
  abstract readonly view: RecordView;
  /** Records that were read. */
  records = 0;
  /** Records that their program threw away after reserving them. */
  discarded = 0;
  /** Records that the kernel had no room for, as far as it counts them. */
  lost = 0;
  /** How far was read. */
  protected position: number;
  protected stopped = false;
  protected readonly mask: number;
  /** Nearly all records, fast. */
  protected abstract readonly walk: Walk;
  readonly #head: Int32Array;
  readonly #tail: BigInt64Array;
  /** How far the kernel was told. */
  #published: number;
  #publishedFull: bigint;

  constructor({ head, tail, size }: RingEnds) {
    this.#head = head;
    this.#tail = tail;
    this.mask = size - 1;
    // Another reader may have been here before.
    this.#publishedFull = Atomics.load(tail, 0);
    this.#published = Number(BigInt.asIntN(32, this.#publishedFull));
    this.position = this.#published;
  }

  /** How far the kernel has written. */
  protected get head(): number {
    return Atomics.load(this.#head, 0);
  }

  /** Moves `view` to the next record. @returns false where there is none */
  abstract next(): boolean;

  /** Calls back with each record that is there, `limit` at most. @returns how many */
  consume(callback: Callback, limit: number): number {
    let count = 0;
    try {
      for (;;) {
        const start = this.position;
        const told = start === this.#published;
        const there = this.head;
        // Telling the kernel takes 20 ns; it has to be often enough that the ring is not full before.
        // And these cannot be more records than the limit allows.
        const most = Math.min((this.mask + 1) >>> 3, (limit - count) * RECORD_UNIT);
        const end = (there - start) >>> 0 > most ? (start + most) | 0 : there;
        count += this.walk(callback, end);
        if (count >= limit || this.stopped) return count;
        if (this.position === start) {
          if (this.next()) {
            count++;
            callback(this.view);
            // The kernel wakes for what is written once it was told, so the last look comes after that.
          } else if (told) return count;
        }
        this.publish();
      }
    } finally {
      this.publish();
    }
  }

  /** {@link walk} by single steps, where no faster one is known. */
  protected step(callback: Callback, end: number): number {
    let count = 0;
    while (((this.position - end) | 0) < 0 && this.next()) {
      count++;
      callback(this.view);
    }
    return count;
  }

  /**
   * Gives what was read back to the kernel. One store of 64 bits: with two of 32 the kernel would
   * once in 4 GiB see a position far away. A ring buffer wakes a reader only for the record at this
   * position, so whoever is going to wait looks once more after this.
   */
  publish(): void {
    const moved = (this.position - this.#published) >>> 0;
    if (moved === 0 || this.stopped) return;
    this.#publishedFull += BigInt(moved);
    this.#published = this.position;
    Atomics.store(this.#tail, 0, this.#publishedFull);
  }

  /** Nothing is read from now on: its memory goes. */
  stop(): void {
    this.stopped = true;
    // No record begins here: a walk that is under way sees that something is different.
    this.position ^= 1;
  }
}
