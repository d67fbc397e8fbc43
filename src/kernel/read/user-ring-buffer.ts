import { MapType } from '../../isa/kernel-tables.generated.ts';
import { EpollEvent } from '../../syscall/epoll.ts';
import type { Fd } from '../../syscall/fd.ts';
import { type Mapping, mapMemory, pageSize, releaseMapping } from '../../syscall/mapping.ts';
import { viewOf } from '../../util/bytes.ts';
import { checkRange, OutOfRangeError, TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import type { BpfMap } from '../maps/map.ts';
import type { IterateOptions } from './record-reader.ts';
import { expectMapType } from './ring-buffer.ts';
import { RING_BUSY, RING_DISCARD, RING_HEADER_SIZE } from './ring-memory.ts';
import { Waiter } from './waiter.ts';

/** Room in the ring. Until it is submitted or discarded the kernel reads nothing behind it. */
export interface Reservation {
  /** In the ring itself; whatever was there before is still there. */
  readonly bytes: Uint8Array;
  submit(): void;
  discard(): void;
}

/**
 * Writes records for programs, which take them with bpf_user_ringbuf_drain, into a
 * BPF_MAP_TYPE_USER_RINGBUF. There is one writer at a time. Opening one takes a descriptor of its
 * own: the map may be closed.
 *
 * @example
 * ```ts
 * using ring = UserRingBuffer.open(collection.map('commands'), { record: u64 });
 * ring.write(42n);                 // false where there is no room
 * await ring.writeWhenFree(43n);
 * ```
 */
export class UserRingBuffer<T = Uint8Array> implements Disposable {
  readonly #fd: Fd;
  readonly #waiter: Waiter;
  readonly #mappings: readonly Mapping[];
  readonly #consumer: Int32Array;
  readonly #producer: BigInt64Array;
  readonly #data: Uint8Array;
  readonly #words: Int32Array;
  readonly #record: FieldType<T> | undefined;
  readonly #size: number;
  /** As in a reader, the low word; all of it stands in shared memory. */
  #position: number;

  /** @throws {TsbpfError} `MAP_TYPE` @throws {SyscallError} */
  static open(map: BpfMap): UserRingBuffer;
  static open<T>(map: BpfMap, options: { readonly record: FieldType<T> }): UserRingBuffer<T>;
  static open<T>(map: BpfMap, options: { readonly record?: FieldType<T> } = {}): UserRingBuffer<T> {
    expectMapType(map, MapType.USER_RINGBUF, 'a user ring buffer writer');
    return new UserRingBuffer(map, options.record);
  }

  private constructor(map: BpfMap, record: FieldType<T> | undefined) {
    const page = pageSize();
    const { what } = map.fd;
    const mappings: Mapping[] = [];
    this.#record = record;
    this.#size = map.maxEntries;
    this.#mappings = mappings;
    this.#fd = map.fd.duplicate();
    const fd = this.#fd.number;
    this.#waiter = new Waiter(what);
    try {
      // Of the consumer's side nothing may be written.
      mappings.push(mapMemory({ fd, length: page, what }));
      mappings.push(mapMemory({ fd, length: page + 2 * this.#size, offset: page, writable: true, what }));
      this.#waiter.watch(this.#fd, EpollEvent.OUT | EpollEvent.EDGE);
    } catch (error) {
      this.close();
      throw error;
    }
    const [consumer, producer] = [mappings[0]!.bytes, mappings[1]!.bytes];
    this.#consumer = new Int32Array(consumer.buffer, consumer.byteOffset, 1);
    this.#producer = new BigInt64Array(producer.buffer, producer.byteOffset, 1);
    this.#data = producer.subarray(page);
    this.#words = new Int32Array(this.#data.buffer, this.#data.byteOffset, this.#size / 2);
    this.#position = Number(BigInt.asIntN(32, Atomics.load(this.#producer, 0)));
  }

  get closed(): boolean {
    return this.#fd.closed;
  }

  /**
   * Room for `size` bytes, or undefined where there is none right now.
   *
   * @throws {OutOfRangeError} for more than the ring can ever hold @throws {TsbpfError} `CLOSED`
   */
  reserve(size: number): Reservation | undefined {
    const total = this.#totalSize(size);
    const used = (this.#position - Atomics.load(this.#consumer, 0)) >>> 0;
    if (this.#size - used < total) return undefined;
    const at = this.#position & (this.#size - 1);
    const header = at >>> 2;
    Atomics.store(this.#words, header, size | RING_BUSY);
    this.#words[header + 1] = 0;
    this.#position = (this.#position + total) | 0;
    Atomics.add(this.#producer, 0, BigInt(total));
    const start = at + RING_HEADER_SIZE;
    return {
      bytes: this.#data.subarray(start, start + size),
      submit: () => this.#finish(header, size),
      discard: () => this.#finish(header, size | RING_DISCARD),
    };
  }

  /**
   * Writes one record. The program sees it the next time it drains the ring.
   *
   * @returns false where there is no room right now
   * @throws {OutOfRangeError} for more than the ring can ever hold @throws {TsbpfError} `CLOSED`
   */
  write(value: T | Uint8Array): boolean {
    const bytes = this.#encode(value);
    const room = this.reserve(bytes.length);
    if (!room) return false;
    room.bytes.set(bytes);
    room.submit();
    return true;
  }

  /** Writes one record as soon as there is room for it. @throws {TsbpfError} `CLOSED`, and the signal's reason */
  async writeWhenFree(value: T | Uint8Array, options: IterateOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    while (!this.write(value)) await this.#waiter.wait(options.signal);
  }

  /** Ends all waiting, with an error; a second call does nothing. */
  close(): void {
    if (this.#fd.closed) return;
    this.#waiter.close();
    for (const mapping of this.#mappings) releaseMapping(mapping);
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #encode(value: T | Uint8Array): Uint8Array {
    if (value instanceof Uint8Array) return value;
    if (!this.#record)
      throw new TsbpfError('VALUE_TYPE', `a record of ${this.#fd.what} is a Uint8Array`, {
        hint: "say with 'record' what it is, and it can be that",
      });
    const bytes = new Uint8Array(this.#record.size);
    this.#record.write(viewOf(bytes), 0, value, true, `record of ${this.#fd.what}`);
    return bytes;
  }

  /** With the header, up to a multiple of 8. */
  #totalSize(size: number): number {
    if (this.closed) throw new TsbpfError('CLOSED', `the writer of ${this.#fd.what} is closed`);
    const most = this.#size - RING_HEADER_SIZE;
    if (size > most) throw new OutOfRangeError(`size of a record of ${this.#fd.what}`, size, 0, most);
    return (checkRange('record size', size, 0, most) + RING_HEADER_SIZE + 7) & ~7;
  }

  #finish(header: number, length: number): void {
    if (this.closed || this.#words[header]! >= 0) return;
    Atomics.store(this.#words, header, length);
  }
}
