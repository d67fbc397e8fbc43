import { MapType } from '../../isa/kernel-tables.generated.ts';
import { EpollEvent } from '../../syscall/epoll.ts';
import type { Fd } from '../../syscall/fd.ts';
import { type Mapping, mapMemory, pageSize, releaseMapping } from '../../syscall/mapping.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import type { BpfMap } from '../maps/map.ts';
import { RecordReader } from './record-reader.ts';
import type { RecordView } from './record-view.ts';
import { RingMemory } from './ring-memory.ts';
import { Waiter } from './waiter.ts';

/** What a record becomes. */
export interface RecordOptions<T> {
  /** Its layout: `struct()`, or a codec made from BTF. */
  readonly record?: FieldType<T>;
  /** Makes what is handed out; `record.source` tells the ring, or the CPU. */
  readonly decode?: (record: RecordView) => T;
  /** false: bytes are the ring's own, valid until the next record is asked for. */
  readonly copy?: boolean;
}

/** Options that tell what a record becomes; without them it is bytes. */
export type DecodedBy<T> = { readonly record: FieldType<T> } | { readonly decode: (record: RecordView) => T };

/** @throws {TsbpfError} `OPTIONS` */
export function recordDecoder<T>({
  record,
  decode,
  copy = true,
}: RecordOptions<T>): (record: RecordView) => T {
  if (record && decode) throw new TsbpfError('OPTIONS', "give either 'record' or 'decode'");
  if (decode) return decode;
  if (record) return (view) => view.decode(record);
  // Who gives neither gets bytes, and the overloads of open() say so.
  return (copy ? (view: RecordView) => view.copy() : (view: RecordView) => view.view()) as (
    view: RecordView,
  ) => T;
}

/** @throws {TsbpfError} `MAP_TYPE` */
export function expectMapType(map: BpfMap, type: MapType, reader: string): void {
  if (map.type === type) return;
  throw new TsbpfError(
    'MAP_TYPE',
    `${map.fd.what} is of type ${map.typeName}, which ${reader} does not take`,
  );
}

/**
 * Reads BPF_MAP_TYPE_RINGBUF maps. Opening one takes a descriptor of its own: the map may be closed.
 * The kernel counts no record that found no room; the program learns of it from its helper.
 *
 * @example
 * ```ts
 * using ring = RingBuffer.open(collection.map('events'), { record: struct('event', { pid: u32 }) });
 * for await (const { pid } of ring) console.log(pid);
 * ```
 */
export class RingBuffer<T = Uint8Array> extends RecordReader<T> {
  /**
   * @param maps one, or several that are read in turn
   * @throws {TsbpfError} `MAP_TYPE`, `OPTIONS` @throws {SyscallError} EPERM, ENOMEM
   */
  static open<T>(maps: BpfMap | readonly BpfMap[], options: RecordOptions<T> & DecodedBy<T>): RingBuffer<T>;
  static open(maps: BpfMap | readonly BpfMap[], options?: { readonly copy?: boolean }): RingBuffer;
  static open<T>(maps: BpfMap | readonly BpfMap[], options: RecordOptions<T> = {}): RingBuffer<T> {
    const list = 'fd' in maps ? [maps] : maps;
    if (list.length === 0) throw new TsbpfError('OPTIONS', 'a ring buffer reader needs one map or more');
    for (const map of list) expectMapType(map, MapType.RINGBUF, 'a ring buffer reader');
    return new RingBuffer(list, recordDecoder(options));
  }

  private constructor(maps: readonly BpfMap[], toValue: (record: RecordView) => T) {
    const what =
      maps.length === 1 ? `the reader of ${maps[0]!.fd.what}` : `the reader of ${maps.length} rings`;
    const mappings: Mapping[] = [];
    const fds: Fd[] = [];
    const release = (): void => {
      for (const mapping of mappings.splice(0)) releaseMapping(mapping);
    };
    const waiter = new Waiter(what);
    try {
      const rings = maps.map((map, source) => {
        const fd = map.fd.duplicate();
        fds.push(fd);
        const ring = new RingMemory(mapRing(fd, map.maxEntries, mappings), source);
        waiter.watch(fd, EpollEvent.IN | EpollEvent.EDGE);
        return ring;
      });
      super({ what, rings, waiter, toValue, fds, release });
    } catch (error) {
      waiter.close();
      release();
      for (const fd of fds) fd.close();
      throw error;
    }
  }
}

function mapRing(
  fd: Fd,
  size: number,
  mappings: Mapping[],
): { consumer: Uint8Array; producer: Uint8Array; data: Uint8Array } {
  const page = pageSize();
  const { what } = fd;
  const consumer = mapMemory({ fd: fd.number, length: page, writable: true, what });
  mappings.push(consumer);
  // Of the producer's side nothing may be written.
  const rest = mapMemory({ fd: fd.number, length: page + 2 * size, offset: page, what });
  mappings.push(rest);
  return { consumer: consumer.bytes, producer: rest.bytes, data: rest.bytes.subarray(page) };
}
