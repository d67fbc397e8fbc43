import { arch } from 'node:process';
import type { RecordRing } from './record-ring.ts';
import { RecordView } from './record-view.ts';

// A perf ring (Linux, `include/uapi/linux/perf_event.h`): a page that begins with
// `struct perf_event_mmap_page`, then the data, a power of two of pages. Records lie on multiples
// of 8 and may be cut in two by the end of the data:
//
//   0      4      6      8      12
//   +------+------+------+------+------------+
//   | type | misc | size | raw  | data       |   PERF_RECORD_SAMPLE of sample_type PERF_SAMPLE_RAW
//   +------+------+------+------+------------+
//   +------+------+------+-------------+-----+
//   | type | misc | size | id          | lost|   PERF_RECORD_LOST, both u64
//   +------+------+------+-------------+-----+

const PERF_RECORD_LOST = 2;
const PERF_RECORD_SAMPLE = 9;
const HEADER_SIZE = 8;
const RAW_DATA = 12;
const LOST_COUNT = 16;
/** `data_head` and `data_tail` in the first page. */
const HEAD_WORD = 1024 / 4;
const HEAD_QUAD = 1024 / 8;
const TAIL_QUAD = 1032 / 8;
/** Sizes are u16. */
const MAX_RECORD_SIZE = 1 << 16;

const LOADS_IN_ORDER = arch === 'x64';

export interface PerfPages {
  readonly control: Uint8Array;
  readonly data: Uint8Array;
}

/** A record of the ring in one piece: where it lies, or copied where the end of the data cuts it. */
class PerfData {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly mask: number;
  readonly whole: RecordView;
  readonly pieced: RecordView;
  readonly #scratch: Uint8Array = new Uint8Array(MAX_RECORD_SIZE);

  constructor(data: Uint8Array, cpu: number) {
    this.bytes = data;
    this.words = new Int32Array(data.buffer, data.byteOffset, data.length >>> 2);
    this.mask = data.length - 1;
    this.whole = new RecordView(cpu, data);
    this.pieced = new RecordView(cpu, this.#scratch);
  }

  type(at: number): number {
    return LOADS_IN_ORDER ? this.words[at >>> 2]! : Atomics.load(this.words, at >>> 2);
  }

  /** Of the whole record. */
  size(at: number): number {
    // The header is never cut: records lie on multiples of its size.
    return this.words[(at >>> 2) + 1]! >>> 16;
  }

  sample(at: number, size: number): RecordView {
    // The length of the data stands behind the header, perhaps at the other end.
    const length = this.words[((at + HEADER_SIZE) & this.mask) >>> 2]!;
    const fits = Math.max(0, Math.min(length, size - RAW_DATA));
    if (at + size <= this.bytes.length) {
      this.whole.place(at + RAW_DATA, fits);
      return this.whole;
    }
    const first = this.bytes.length - at;
    this.#scratch.set(this.bytes.subarray(at));
    this.#scratch.set(this.bytes.subarray(0, size - first), first);
    this.pieced.place(RAW_DATA, fits);
    return this.pieced;
  }

  lost(at: number): number {
    return this.words[((at + LOST_COUNT) & this.mask) >>> 2]! >>> 0;
  }
}

/** Reads the ring of one CPU from its oldest record on. */
export class PerfMemory implements RecordRing {
  view: RecordView;
  records = 0;
  lost = 0;
  readonly discarded = 0;
  readonly #head: Int32Array;
  readonly #tail: BigInt64Array;
  readonly #data: PerfData;
  readonly #onLost: ((count: number) => void) | undefined;
  #position: number;
  #published: number;
  #publishedFull: bigint;
  #stopped = false;

  constructor(pages: PerfPages, cpu: number, onLost?: (count: number) => void) {
    const { control, data } = pages;
    this.#data = new PerfData(data, cpu);
    this.view = this.#data.whole;
    this.#head = new Int32Array(control.buffer, control.byteOffset, control.length >>> 2);
    this.#tail = new BigInt64Array(control.buffer, control.byteOffset, control.length >>> 3);
    this.#onLost = onLost;
    this.#publishedFull = Atomics.load(this.#tail, TAIL_QUAD);
    this.#published = Number(BigInt.asIntN(32, this.#publishedFull));
    this.#position = this.#published;
  }

  next(): boolean {
    while (!this.#stopped && this.#position !== Atomics.load(this.#head, HEAD_WORD)) {
      if (!this.#advance()) continue;
      this.records++;
      return true;
    }
    return false;
  }

  consume(callback: (record: RecordView) => unknown, limit: number): number {
    let count = 0;
    try {
      for (;;) {
        const start = this.#position;
        count += this.#walk(callback, limit - count);
        if (count >= limit || this.#stopped || this.#position === start) return count;
        this.publish();
      }
    } finally {
      this.publish();
    }
  }

  /** Calls back until the ring is empty. */
  #walk(callback: (record: RecordView) => unknown, limit: number): number {
    const { words, mask, whole } = this.#data;
    const often = (mask + 1) >>> 3;
    let position = this.#position;
    let published = this.#published;
    let count = 0;
    try {
      const head = Atomics.load(this.#head, HEAD_WORD);
      while (position !== head && count < limit) {
        const at = position & mask;
        const index = at >>> 2;
        const type = LOADS_IN_ORDER ? words[index]! : Atomics.load(words, index);
        const size = words[index + 1]! >>> 16;
        if (type === PERF_RECORD_SAMPLE && size > RAW_DATA && at + size <= mask) {
          // Nearly all of them: in one piece, with nothing to work out.
          position = (position + size) | 0;
          this.#position = position;
          whole.place(at + RAW_DATA, Math.max(0, Math.min(words[index + 2]!, size - RAW_DATA)));
          count++;
          callback(whole);
        } else if (this.#advance()) {
          position = this.#position;
          count++;
          callback(this.view);
          // A loss, or nothing that makes sense; whoever was told may have closed the reader.
        } else break;
        // The callback has read on by itself, or closed the reader.
        if (this.#position !== position) break;
        if (((position - published) | 0) > often) {
          this.publish();
          published = position;
        }
      }
    } finally {
      this.records += count;
    }
    return count;
  }

  publish(): void {
    const moved = (this.#position - this.#published) >>> 0;
    if (moved === 0 || this.#stopped) return;
    this.#publishedFull += BigInt(moved);
    this.#published = this.#position;
    Atomics.store(this.#tail, TAIL_QUAD, this.#publishedFull);
  }

  stop(): void {
    this.#stopped = true;
    // No record begins here: a walk that is under way sees that something is different.
    this.#position ^= 1;
  }

  /** Steps over one record. @returns whether it is one that a program wrote */
  #advance(): boolean {
    const at = this.#position & this.#data.mask;
    const type = this.#data.type(at);
    const size = this.#data.size(at);
    if (size === 0) {
      // No record has this size; whoever wrote over the ring, there is nothing to go on with.
      this.#position = Atomics.load(this.#head, HEAD_WORD);
      return false;
    }
    this.#position = (this.#position + size) | 0;
    if (type === PERF_RECORD_SAMPLE) {
      this.view = this.#data.sample(at, size);
      return true;
    }
    if (type === PERF_RECORD_LOST) {
      const count = this.#data.lost(at);
      this.lost += count;
      this.#onLost?.(count);
    }
    return false;
  }
}

/**
 * The records of a ring that is written backward, newest first. The oldest ones are written over;
 * where they are cut off, or nothing was written yet, the records end. Nothing may be written
 * meanwhile.
 */
export function backwardRecords(pages: PerfPages, cpu: number, each: (record: RecordView) => void): void {
  const data = new PerfData(pages.data, cpu);
  const control = pages.control;
  const quads = new BigInt64Array(control.buffer, control.byteOffset, HEAD_QUAD + 1);
  const head = Atomics.load(quads, HEAD_QUAD);
  // The head goes down from 0; a ring that has not gone round yet ends there.
  let left = Math.min(data.mask + 1, Number(-head));
  for (let at = Number(BigInt.asIntN(32, head)) & data.mask; left >= HEADER_SIZE; ) {
    const size = data.size(at);
    if (size === 0 || size > left) return;
    if (data.type(at) === PERF_RECORD_SAMPLE) each(data.sample(at, size));
    at = (at + size) & data.mask;
    left -= size;
  }
}
