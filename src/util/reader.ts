import { decodeText, type Endian, viewOf } from './bytes.ts';
import { FormatError } from './errors.ts';

/** Of 2^53 - 1, the largest number that is exact. */
const MAX_HIGH_WORD = 0x1f_ffff;

/**
 * Reads numbers and strings from untrusted bytes. Every read names the field that it is for, so
 * that a short or hostile file is refused with the path of what was wrong.
 *
 * @example
 * ```ts
 * const reader = new ByteReader(file, 'little', 'elf');
 * reader.u16(18, 'e_machine'); // FormatError 'TRUNCATED' with path 'elf/e_machine' if the file ends before
 * ```
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly endian: Endian;
  readonly path: string;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #codePrefix: string;

  /** @param codePrefix what the codes of errors begin with: `ELF_` makes `ELF_TRUNCATED` */
  constructor(bytes: Uint8Array, endian: Endian, path: string, codePrefix = '') {
    this.#codePrefix = codePrefix;
    this.bytes = bytes;
    this.endian = endian;
    this.path = path;
    this.#view = viewOf(bytes);
    this.#little = endian === 'little';
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number, field: string): number {
    this.need(offset, 1, field);
    return this.bytes[offset]!;
  }

  u16(offset: number, field: string): number {
    this.need(offset, 2, field);
    return this.#view.getUint16(offset, this.#little);
  }

  u32(offset: number, field: string): number {
    this.need(offset, 4, field);
    return this.#view.getUint32(offset, this.#little);
  }

  s32(offset: number, field: string): number {
    this.need(offset, 4, field);
    return this.#view.getInt32(offset, this.#little);
  }

  u64(offset: number, field: string): bigint {
    this.need(offset, 8, field);
    return this.#view.getBigUint64(offset, this.#little);
  }

  /**
   * A u64 that serves as an offset or a size, as a number.
   *
   * @throws {FormatError} `TOO_LARGE` past 2^53
   */
  size64(offset: number, field: string): number {
    this.need(offset, 8, field);
    // Without a bigint: files have thousands of these.
    const high = this.#view.getUint32(this.#little ? offset + 4 : offset, this.#little);
    const low = this.#view.getUint32(this.#little ? offset : offset + 4, this.#little);
    if (high <= MAX_HIGH_WORD) return high * 2 ** 32 + low;
    throw this.error(
      `${this.#codePrefix}TOO_LARGE`,
      field,
      `0x${this.u64(offset, field).toString(16)} is larger than any file`,
    );
  }

  /** `length` bytes, not copied. */
  slice(offset: number, length: number, field: string): Uint8Array {
    this.need(offset, length, field);
    return this.bytes.subarray(offset, offset + length);
  }

  /** The text from `offset` to the next NUL. */
  cstring(offset: number, field: string): string {
    this.need(offset, 1, field);
    const end = this.bytes.indexOf(0, offset);
    if (end < 0)
      throw this.error(`${this.#codePrefix}UNTERMINATED`, field, 'the string has no terminating NUL');
    return decodeText(this.bytes.subarray(offset, end));
  }

  /** Throws `TRUNCATED` unless `length` bytes stand at `offset`. */
  need(offset: number, length: number, field: string): void {
    // Not `offset + length > size`: both may be near 2^53 in a hostile file.
    if (offset >= 0 && length >= 0 && offset <= this.bytes.length && length <= this.bytes.length - offset)
      return;
    throw this.error(
      `${this.#codePrefix}TRUNCATED`,
      field,
      `needs ${length} bytes at offset ${offset}, but there are ${this.bytes.length} in all`,
    );
  }

  error(code: string, field: string, message: string): FormatError {
    return new FormatError(code, `${this.path}/${field}`, message);
  }
}
