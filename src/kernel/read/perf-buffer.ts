import { EpollEvent } from '../../syscall/epoll.ts';
import { checkRange } from '../../util/errors.ts';
import type { BpfMap } from '../maps/map.ts';
import { PerfMemory } from './perf-memory.ts';
import { type PerfRingOptions, PerfRings } from './perf-rings.ts';
import { RecordReader } from './record-reader.ts';
import type { RecordView } from './record-view.ts';
import { type DecodedBy, type RecordOptions, recordDecoder } from './ring-buffer.ts';
import { Waiter } from './waiter.ts';

/** A record and where it was written. */
export interface PerfRecord<T> {
  readonly cpu: number;
  readonly data: T;
}

export interface PerfBufferOptions<T> extends RecordOptions<T>, PerfRingOptions {
  /** The reader is woken once a CPU has written so many records. More cost less: each wake-up takes microseconds. */
  readonly wakeupEvents?: number;
  /** In place of that: so many bytes. */
  readonly wakeupBytes?: number;
  /** Told where records were lost for want of room, in order with those that were not. */
  readonly onLost?: (lost: PerfLost) => void;
}

export interface PerfLost {
  readonly cpu: number;
  readonly count: number;
}

/**
 * Reads what programs write with bpf_perf_event_output. Opening one fills the slots of a
 * BPF_MAP_TYPE_PERF_EVENT_ARRAY with a ring for each CPU that is online, closing it empties them.
 * A ring buffer does the same for much less; this is for kernels before 5.8 and for programs that
 * are written so.
 *
 * @example
 * ```ts
 * using events = PerfBuffer.open(collection.map('events'), { record: struct('event', { pid: u32 }) });
 * for await (const { cpu, data } of events) console.log(cpu, data.pid);
 * ```
 */
export class PerfBuffer<T = Uint8Array> extends RecordReader<PerfRecord<T>> {
  /** The CPUs whose records are read. */
  readonly cpus: readonly number[];
  readonly #memories: readonly PerfMemory[];

  /**
   * @throws {TsbpfError} `MAP_TYPE`, `PERF_SLOTS`
   * @throws {SyscallError} EACCES without CAP_PERFMON, EPERM over the limit of locked memory
   */
  static open<T>(map: BpfMap, options: PerfBufferOptions<T> & DecodedBy<T>): PerfBuffer<T>;
  static open(map: BpfMap, options?: Omit<PerfBufferOptions<never>, 'record' | 'decode'>): PerfBuffer;
  static open<T>(map: BpfMap, options: PerfBufferOptions<T> = {}): PerfBuffer<T> {
    return new PerfBuffer(map, options);
  }

  private constructor(map: BpfMap, options: PerfBufferOptions<T>) {
    const { onLost } = options;
    const decode = recordDecoder(options);
    const what = `the reader of ${map.fd.what}`;
    const waiter = new Waiter(what);
    const memories: PerfMemory[] = [];
    let rings: PerfRings;
    try {
      rings = new PerfRings(
        map,
        { ...options, wakeup: wakeupOf(options), backward: false },
        ({ cpu, fd, pages }) => {
          memories.push(new PerfMemory(pages, cpu, onLost && ((count) => onLost({ cpu, count }))));
          waiter.watch(fd, EpollEvent.IN | EpollEvent.EDGE);
        },
      );
    } catch (error) {
      waiter.close();
      throw error;
    }
    const toValue = (record: RecordView): PerfRecord<T> => ({ cpu: record.source, data: decode(record) });
    super({ what, rings: memories, waiter, toValue, fds: [], release: () => rings.close() });
    this.#memories = memories;
    this.cpus = rings.rings.map(({ cpu }) => cpu);
  }

  /** Records that were lost, by CPU; those without any are left out. */
  lostByCpu(): ReadonlyMap<number, number> {
    const pairs = this.#memories.map(({ lost }, index) => [this.cpus[index]!, lost] as const);
    return new Map(pairs.filter(([, lost]) => lost > 0));
  }
}

function wakeupOf(
  options: Pick<PerfBufferOptions<unknown>, 'wakeupEvents' | 'wakeupBytes'>,
): { events: number } | { bytes: number } {
  const { wakeupEvents, wakeupBytes } = options;
  if (wakeupBytes !== undefined) return { bytes: checkRange('wakeupBytes', wakeupBytes, 1, 2 ** 32 - 1) };
  return { events: checkRange('wakeupEvents', wakeupEvents ?? 1, 1, 2 ** 32 - 1) };
}
