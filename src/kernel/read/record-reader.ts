import type { Fd } from '../../syscall/fd.ts';
import { INT_MAX } from '../../syscall/native.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { RecordRing } from './record-ring.ts';
import type { RecordView } from './record-view.ts';
import type { Waiter } from './waiter.ts';
import { NOTHING, WaitingIterator } from './waiting-iterator.ts';

export interface IterateOptions {
  /** Ends the loop with the signal's reason, as an error; callbacks just end. */
  readonly signal?: AbortSignal;
}

/** Callbacks that go on until they are stopped. */
export interface Subscription extends Disposable {
  stop(): void;
}

/** What was read so far. */
export interface ReaderStats {
  readonly records: number;
  /** Records that their program threw away after reserving them. */
  readonly discarded: number;
  /** Records that found no room, as far as the kernel counts them: a perf ring's. */
  readonly lost: number;
}

/** Callbacks in one turn of the event loop; others want theirs. */
const MAX_RECORDS_A_TURN = 8192;

export interface ReaderParts<T> {
  readonly what: string;
  readonly rings: readonly RecordRing[];
  readonly waiter: Waiter;
  readonly toValue: (record: RecordView) => T;
  /** What to close, in this order. */
  readonly fds: readonly Fd[];
  /** Lets go of everything else. */
  readonly release: () => void;
}

/**
 * What ring buffer and perf buffer have in common: a loop, callbacks, and reading what is there.
 * Records go to whoever asks first; two loops over one reader share them.
 */
export abstract class RecordReader<T> implements AsyncIterable<T>, Disposable {
  readonly #parts: ReaderParts<T>;
  /** The ring to look at first. */
  #turn = 0;
  /** The ring whose record was handed out last and may still be looked at. */
  #shown: RecordRing | undefined;

  protected constructor(parts: ReaderParts<T>) {
    this.#parts = parts;
  }

  get closed(): boolean {
    return this.#parts.waiter.closed;
  }

  stats(): ReaderStats {
    const { rings } = this.#parts;
    const sum = (of: (ring: RecordRing) => number): number =>
      rings.reduce((total, ring) => total + of(ring), 0);
    return {
      records: sum((ring) => ring.records),
      discarded: sum((ring) => ring.discarded),
      lost: sum((ring) => ring.lost),
    };
  }

  /** The next record, or undefined where there is none right now. @throws {TsbpfError} `CLOSED` */
  read(): T | undefined {
    const value = this.#take();
    return value === NOTHING ? undefined : value;
  }

  /**
   * Calls back with every record that is there, without waiting: the fastest way to read many.
   *
   * @param callback its argument is valid until it returns
   * @param limit of records
   * @returns how many there were
   * @throws {TsbpfError} `CLOSED`, and what the callback throws; the record is then taken as read
   *
   * @example `ring.consume((record) => { total += record.u32(0); });`
   */
  consume(callback: (record: RecordView) => unknown, limit: number = INT_MAX): number {
    this.#expectOpen();
    this.#settle();
    let count = 0;
    for (const ring of this.#parts.rings) {
      if (count >= limit || this.closed) break;
      count += ring.consume(callback, limit - count);
    }
    return count;
  }

  /**
   * Calls back with each record as it comes, until it is stopped, its signal is aborted or the reader is
   * closed. What the callback throws is an uncaught error.
   */
  onRecord(callback: (record: T) => void, { signal }: IterateOptions = {}): Subscription {
    this.#expectOpen();
    if (signal?.aborted) return { stop() {}, [Symbol.dispose]() {} };
    const { toValue, waiter } = this.#parts;
    let stopped = false;
    const each = (record: RecordView): void => callback(toValue(record));
    const drain = (): void => {
      if (stopped || this.closed) return;
      // More may be left when the callback throws too.
      let count = MAX_RECORDS_A_TURN;
      try {
        count = this.consume(each, MAX_RECORDS_A_TURN);
      } finally {
        if (count >= MAX_RECORDS_A_TURN) setImmediate(drain);
      }
    };
    const unlisten = waiter.listen(drain);
    setImmediate(drain);
    const stop = (): void => {
      stopped = true;
      unlisten();
      signal?.removeEventListener('abort', stop);
    };
    signal?.addEventListener('abort', stop, { once: true });
    return { stop, [Symbol.dispose]: stop };
  }

  /** The records as they come; ends when the reader is closed. */
  records(options: IterateOptions = {}): AsyncIterableIterator<T> {
    return new WaitingIterator(this.#parts.waiter, () => this.#take(), options.signal);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.records();
  }

  /** Waiting keeps the process alive again. */
  ref(): void {
    this.#parts.waiter.keepAlive = true;
  }

  /** The process may end while somebody waits for records. */
  unref(): void {
    this.#parts.waiter.keepAlive = false;
  }

  /** Ends all loops and lets go of the memory: views of records read zeros from now on. A second call does nothing. */
  close(): void {
    if (this.closed) return;
    this.#settle();
    const { waiter, release, fds, rings } = this.#parts;
    waiter.close();
    for (const ring of rings) ring.stop();
    release();
    for (const fd of fds) fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #take(): T | typeof NOTHING {
    this.#expectOpen();
    this.#settle();
    const { rings, toValue } = this.#parts;
    for (let tried = 0; tried < rings.length; tried++) {
      const ring = rings[this.#turn]!;
      this.#turn = (this.#turn + 1) % rings.length;
      if (!ring.next()) {
        // Discarded ones may have been stepped over; the kernel wakes nobody as long as it does not know.
        ring.publish();
        if (!ring.next()) continue;
      }
      this.#shown = ring;
      return toValue(ring.view);
    }
    return NOTHING;
  }

  #settle(): void {
    this.#shown?.publish();
    this.#shown = undefined;
  }

  #expectOpen(): void {
    if (this.closed) throw new TsbpfError('CLOSED', `${this.#parts.what} is closed`);
  }
}
