import { pausePerfOutput } from '../../syscall/perf-output.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { BpfMap } from '../maps/map.ts';
import type { PerfRecord } from './perf-buffer.ts';
import { backwardRecords } from './perf-memory.ts';
import { type PerfRingOptions, PerfRings } from './perf-rings.ts';
import type { RecordView } from './record-view.ts';
import { type DecodedBy, type RecordOptions, recordDecoder } from './ring-buffer.ts';

export interface PerfSnapshotOptions<T> extends RecordOptions<T>, PerfRingOptions {}

/**
 * A flight recorder: the rings of a BPF_MAP_TYPE_PERF_EVENT_ARRAY keep the newest records and write
 * over the oldest ones. Nobody waits; whoever wants to know what happened takes a snapshot.
 */
export class PerfRecorder<T = Uint8Array> implements Disposable {
  readonly #rings: PerfRings;
  readonly #decode: (record: RecordView) => T;

  /** @throws {TsbpfError} `MAP_TYPE`, `PERF_SLOTS` @throws {SyscallError} */
  static open<T>(map: BpfMap, options: PerfSnapshotOptions<T> & DecodedBy<T>): PerfRecorder<T>;
  static open(map: BpfMap, options?: PerfRingOptions): PerfRecorder;
  static open<T>(map: BpfMap, options: PerfSnapshotOptions<T> = {}): PerfRecorder<T> {
    return new PerfRecorder(map, options);
  }

  private constructor(map: BpfMap, options: PerfSnapshotOptions<T>) {
    // What is kept outlives the moment, so it is always copied.
    this.#decode = recordDecoder({ ...options, copy: true });
    this.#rings = new PerfRings(map, { ...options, wakeup: { events: 1 }, backward: true });
  }

  /** What the rings hold, each CPU's records from the oldest on. While one is read its CPU's records are lost. */
  snapshot(): PerfRecord<T>[] {
    if (this.#rings.closed) throw new TsbpfError('CLOSED', 'the recorder is closed');
    return this.#rings.rings.flatMap(({ cpu, fd, pages }) => {
      const records: PerfRecord<T>[] = [];
      pausePerfOutput(fd, true);
      try {
        backwardRecords(pages, cpu, (record) => void records.push({ cpu, data: this.#decode(record) }));
      } finally {
        pausePerfOutput(fd, false);
      }
      return records.reverse();
    });
  }

  /** Empties the slots; a second call does nothing. */
  close(): void {
    this.#rings.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
