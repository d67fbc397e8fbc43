import { arch } from 'node:process';
import type { RecordRing } from './record-ring.ts';
import { RecordView } from './record-view.ts';

// Records of a BPF ring buffer (Linux, `kernel/bpf/ringbuf.c`), each from a multiple of 8 on:
//
//   0      4      8                length
//   +------+------+----------------+-- up to a multiple of 8
//   | len  | pgoff| data           |
//   +------+------+----------------+
//   len bit 31: being written (busy), bit 30: discarded
//
// The pages of the data are mapped twice, one behind the other, so that no record is cut in two.

export const RING_HEADER_SIZE = 8;
/** BPF_RINGBUF_BUSY_BIT: the sign. */
export const RING_BUSY: number = 1 << 31;
export const RING_DISCARD: number = 1 << 30;
/** Lengths are rounded up to a multiple of 8; the upper bits are no part of them. */
const STEP_MASK = 0x3ffffff8;

/** x86-64 keeps loads in order by itself; `Atomics.load` costs 3 of some 8 ns a record there. */
const LOADS_IN_ORDER = arch === 'x64';

/** The memory of one ring as the kernel maps it. */
export interface RingPages {
  /** Begins with the consumer's position, a u64, which is ours to write. */
  readonly consumer: Uint8Array;
  /** Begins with the producer's position, a u64. */
  readonly producer: Uint8Array;
  /** The data, twice. */
  readonly data: Uint8Array;
}

/** Calls back with the records that begin before a position. @returns how many */
type Walk = (callback: (record: RecordView) => unknown, end: number) => number;

/**
 * Reads one ring. Positions are kept as 32-bit numbers that wrap around with the low word of the
 * kernel's 64-bit ones: a ring is never larger than that, and BigInts would take twice the time of
 * everything else.
 */
export class RingMemory implements RecordRing {
  readonly view: RecordView;
  discarded = 0;
  records = 0;
  readonly lost = 0;
  readonly #consumer: BigInt64Array;
  readonly #producer: Int32Array;
  readonly #words: Int32Array;
  readonly #mask: number;
  /** How far was read, and how far the kernel was told. */
  #position: number;
  #published: number;
  #publishedFull: bigint;
  #stopped = false;
  readonly #walk: Walk;

  constructor(pages: RingPages, source: number) {
    const { consumer, producer, data } = pages;
    this.view = new RecordView(source, data);
    this.#consumer = new BigInt64Array(consumer.buffer, consumer.byteOffset, 1);
    this.#producer = new Int32Array(producer.buffer, producer.byteOffset, 2);
    this.#words = new Int32Array(data.buffer, data.byteOffset, data.length >>> 2);
    this.#mask = data.length / 2 - 1;
    // Another reader may have been here before.
    this.#publishedFull = Atomics.load(this.#consumer, 0);
    this.#published = Number(BigInt.asIntN(32, this.#publishedFull));
    this.#position = this.#published;
    this.#walk = this.#makeWalk();
  }

  /** Bytes that are there to be read, those of records that are being written too. */
  get available(): number {
    return (Atomics.load(this.#producer, 0) - this.#position) >>> 0;
  }

  next(): boolean {
    while (!this.#stopped && this.#position !== Atomics.load(this.#producer, 0)) {
      const at = this.#position & this.#mask;
      const header = LOADS_IN_ORDER ? this.#words[at >>> 2]! : Atomics.load(this.#words, at >>> 2);
      if (header < 0) return false;
      this.#position = (this.#position + ((header + RING_HEADER_SIZE + 7) & STEP_MASK)) | 0;
      if ((header & RING_DISCARD) === 0) {
        this.records++;
        this.view.place(at + RING_HEADER_SIZE, header);
        return true;
      }
      this.discarded++;
    }
    return false;
  }

  consume(callback: (record: RecordView) => unknown, limit: number): number {
    let count = 0;
    try {
      for (;;) {
        const start = this.#position;
        const told = start === this.#published;
        const there = Atomics.load(this.#producer, 0);
        // Telling the kernel takes 20 ns; it has to be often enough that the ring is not full before.
        // A record takes 8 bytes or more, so these are not more than the limit allows.
        const most = Math.min((this.#mask + 1) >>> 3, (limit - count) * RING_HEADER_SIZE);
        const end = (there - start) >>> 0 > most ? (start + most) | 0 : there;
        count += this.#walk(callback, end);
        // The kernel wakes for what is written once it was told, so the last look comes after that.
        if (count >= limit || this.#stopped || (told && this.#position === start)) return count;
        this.publish();
      }
    } finally {
      this.publish();
    }
  }

  /** What calls back until a position is reached, or a record is still being written. */
  #makeWalk(): Walk {
    return LOADS_IN_ORDER ? this.#walkInOrder() : (callback, end) => this.#step(callback, end);
  }

  #step(callback: (record: RecordView) => unknown, end: number): number {
    let count = 0;
    while (((this.#position - end) | 0) < 0 && this.next()) {
      count++;
      callback(this.view);
    }
    return count;
  }

  /**
   * The same, fast: a closure over constants and not a method, so that V8 knows where the memory is when
   * it compiles it for the first ring of a process, and mostly there is no other. The first record has
   * a copy of the loop's body to itself: what V8 checks there of callback and view it need not check again
   * for each of the others. The numbers of the format stand in it as such, for a module's constants
   * are variables once it is bundled. With a callback that reads one field 3.3 ns a record, with all in
   * the loop 4.1, as a method 4.2, where libbpf takes 3.05 (`npm run bench -- readers`).
   */
  #walkInOrder(): Walk {
    const { view } = this;
    const words = this.#words;
    const mask = this.#mask;
    return (callback, end) => {
      let position = this.#position;
      let count = 0;
      if (((position - end) | 0) >= 0) return 0;
      try {
        let at = position & mask;
        let header = words[at >>> 2]!;
        // RING_BUSY
        if (header < 0) return 0;
        // RING_HEADER_SIZE, up to a multiple of 8, and STEP_MASK
        position = (position + ((header + 15) & 0x3fff_fff8)) | 0;
        // Before the callback, which may throw, read on by itself, or close the reader.
        this.#position = position;
        // RING_DISCARD
        if ((header & 0x4000_0000) === 0) {
          count = (count + 1) | 0;
          view.place((at + 8) | 0, header);
          callback(view);
          // Compared and not just read back: a load here would make each record wait for the one before.
          if (this.#position !== position) return count;
        } else this.discarded++;
        while (((position - end) | 0) < 0) {
          at = position & mask;
          header = words[at >>> 2]!;
          if (header < 0) break;
          position = (position + ((header + 15) & 0x3fff_fff8)) | 0;
          this.#position = position;
          if ((header & 0x4000_0000) === 0) {
            count = (count + 1) | 0;
            view.place((at + 8) | 0, header);
            callback(view);
            if (this.#position !== position) break;
          } else this.discarded++;
        }
      } finally {
        this.records += count;
      }
      return count;
    };
  }

  /**
   * Gives what was read back to the kernel. One store of 64 bits: with two of 32 the kernel would
   * once in 4 GiB see a position far away. It wakes a reader only for the record at this position,
   * so whoever is going to wait looks once more after this.
   */
  publish(): void {
    const moved = (this.#position - this.#published) >>> 0;
    if (moved === 0 || this.#stopped) return;
    this.#publishedFull += BigInt(moved);
    this.#published = this.#position;
    Atomics.store(this.#consumer, 0, this.#publishedFull);
  }

  stop(): void {
    this.#stopped = true;
    // No record begins here: a walk that is under way sees that something is different.
    this.#position ^= 1;
  }
}
