import { decodeCString } from '../../util/bytes.ts';
import { OutOfRangeError, TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';

/**
 * One record where it lies, in memory that is shared with the kernel: nothing is copied until it is
 * asked for. A reader has one of these for each of its rings and moves it along, so what it shows
 * is valid until the reader goes on to the next record. Offsets count from the record's beginning.
 */
export class RecordView {
  /** Where it came from: the place of the ring among the reader's rings, or the CPU. */
  readonly source: number;
  #bytes: Uint8Array;
  #words: Int32Array;
  #data: DataView;
  #start = 0;
  #length = 0;

  constructor(source: number, memory: Uint8Array) {
    this.source = source;
    this.#bytes = memory;
    this.#words = new Int32Array(memory.buffer, memory.byteOffset, memory.length >>> 2);
    this.#data = new DataView(memory.buffer, memory.byteOffset, memory.length);
  }

  /** Bytes. Those of a perf ring are padded: it writes 4 bytes, then 12, 20 … */
  get length(): number {
    return this.#length;
  }

  /** Moves it along within its memory; for readers. */
  place(start: number, length: number): void {
    this.#start = start;
    this.#length = length;
  }

  u8(offset: number): number {
    return this.#bytes[this.#at(offset, 1)]!;
  }

  u16(offset: number): number {
    return this.#data.getUint16(this.#at(offset, 2), true);
  }

  // Aligned words from a typed array: a DataView takes three times as long.
  u32(offset: number): number {
    const at = this.#at(offset, 4);
    return (at & 3) === 0 ? this.#words[at >>> 2]! >>> 0 : this.#data.getUint32(at, true);
  }

  s32(offset: number): number {
    const at = this.#at(offset, 4);
    return (at & 3) === 0 ? this.#words[at >>> 2]! : this.#data.getInt32(at, true);
  }

  u64(offset: number): bigint {
    return this.#data.getBigUint64(this.#at(offset, 8), true);
  }

  s64(offset: number): bigint {
    return this.#data.getBigInt64(this.#at(offset, 8), true);
  }

  /** A u64 as a number, exact up to 2^53: a tenth of what a bigint takes. */
  number64(offset: number): number {
    return this.u32(offset) + this.u32(offset + 4) * 2 ** 32;
  }

  /** The text up to the first NUL, or all `size` bytes. */
  text(offset: number, size: number): string {
    const at = this.#at(offset, size);
    return decodeCString(this.#bytes.subarray(at, at + size));
  }

  /**
   * The record by a layout: `struct()`, or a codec made from BTF. What follows the layout is padding.
   *
   * @throws {TsbpfError} `RECORD_SIZE` where the record is shorter than its layout
   */
  decode<T>(type: FieldType<T>): T {
    if (type.size <= this.#length) return type.read(this.#data, this.#start, true);
    throw new TsbpfError('RECORD_SIZE', `a record has ${this.#length} bytes, but its layout is ${type.size}`);
  }

  /** A copy of its bytes. */
  copy(): Uint8Array {
    return this.#bytes.slice(this.#start, this.#start + this.#length);
  }

  /** The bytes themselves, without a copy: they change once the reader goes on. */
  view(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#start + this.#length);
  }

  #at(offset: number, size: number): number {
    if (offset >= 0 && offset + size <= this.#length) return this.#start + offset;
    throw new OutOfRangeError('offset in a record', offset, 0, this.#length - size);
  }
}
