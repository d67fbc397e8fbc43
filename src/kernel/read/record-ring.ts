import type { RecordView } from './record-view.ts';

/** One ring that a reader reads, without waiting. */
export interface RecordRing {
  /** Shows the record that was read last. */
  readonly view: RecordView;
  /** Records that were read. */
  readonly records: number;
  /** Records that their program threw away after reserving them. */
  readonly discarded: number;
  /** Records that the kernel had no room for, as far as it counts them. */
  readonly lost: number;
  /** Moves `view` to the next record. @returns false where there is none */
  next(): boolean;
  /** Calls back with each record that is there, `limit` at most. @returns how many */
  consume(callback: (record: RecordView) => unknown, limit: number): number;
  /** Gives the room of what was read back to the kernel. */
  publish(): void;
  /** Nothing is read from now on: its memory goes. */
  stop(): void;
}
