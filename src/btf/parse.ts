import type { Endian } from '../util/bytes.ts';
import { FormatError } from '../util/errors.ts';
import { ByteReader } from '../util/reader.ts';
import { Btf } from './btf.ts';
import {
  BTF_HEADER_SIZE,
  BTF_MAGIC,
  BTF_TYPE_SIZE,
  BTF_VERSION,
  kindLayouts,
  kindOfInfo,
  vlenOfInfo,
} from './layout.ts';
import { wordReader } from './words.ts';

/**
 * Indexes BTF: checks its header, that every type's record lies within it and that its strings
 * end. What types refer to is checked when they are asked for.
 *
 * @param bytes the content of a `.BTF` section or of `/sys/kernel/btf/vmlinux`
 * @param path what messages call it
 * @param base what a split BTF goes on from
 * @throws {FormatError} `BTF_NOT_BTF`, `BTF_TRUNCATED`, `BTF_UNKNOWN_KIND`, `BTF_BAD_STRING`
 *
 * @example
 * ```ts
 * const btf = parseBtf(section.bytes);
 * const id = btf.findByName('task_struct', 'struct');
 * if (id !== undefined) console.log(btf.sizeOf(id));
 * ```
 */
export function parseBtf(bytes: Uint8Array, path = 'BTF', base?: Btf): Btf {
  const endian = endianOf(bytes, path);
  const reader = new ByteReader(bytes, endian, path, 'BTF_');
  const version = reader.u8(2, 'header/version');
  if (version !== BTF_VERSION)
    throw reader.error('BTF_NOT_BTF', 'header/version', `is ${version}, but only ${BTF_VERSION} is known`);
  const headerSize = reader.u32(4, 'header/hdr_len');
  if (headerSize < BTF_HEADER_SIZE)
    throw reader.error(
      'BTF_TRUNCATED',
      'header/hdr_len',
      `is ${headerSize}, but needs to be ${BTF_HEADER_SIZE}`,
    );
  const part = (name: string, at: number): { offset: number; bytes: Uint8Array } => {
    const offset = headerSize + reader.u32(at, `header/${name}_off`);
    const length = reader.u32(at + 4, `header/${name}_len`);
    return { offset, bytes: reader.slice(offset, length, `header/${name}_len`) };
  };
  const types = part('type', 8);
  const strings = part('str', 16).bytes;
  if (strings.length > 0 && strings[strings.length - 1] !== 0)
    throw reader.error('BTF_BAD_STRING', 'strings', 'the last string has no terminating NUL');
  const offsets = indexTypes(reader, types.offset, types.bytes.length, base ? base.typeCount : 1);
  return new Btf({ bytes, endian, path, offsets, strings, base });
}

function endianOf(bytes: Uint8Array, path: string): Endian {
  const magic = bytes.length >= BTF_HEADER_SIZE ? bytes[0]! | (bytes[1]! << 8) : -1;
  if (magic === BTF_MAGIC) return 'little';
  if (magic === (((BTF_MAGIC & 0xff) << 8) | (BTF_MAGIC >> 8))) return 'big';
  if (magic < 0)
    throw new FormatError(
      'BTF_TRUNCATED',
      `${path}/header`,
      `needs ${BTF_HEADER_SIZE} bytes, but there are ${bytes.length}`,
    );
  throw new FormatError('BTF_NOT_BTF', `${path}/header/magic`, 'is not that of BTF (0xeb9f)');
}

/** The offset of every type's record; one pass, 4 bytes a type. */
function indexTypes(reader: ByteReader, start: number, length: number, firstId: number): Uint32Array {
  // The smallest record has 12 bytes.
  const offsets = new Uint32Array(Math.floor(length / 12));
  const end = start + length;
  const word = wordReader(reader.bytes, start, reader.endian);
  let count = 0;
  for (let at = start; at < end; ) {
    const room = end - at;
    const info = room < BTF_TYPE_SIZE ? 0 : word(at + 4);
    const kind = kindOfInfo(info);
    const size = BTF_TYPE_SIZE + fixedBytes[kind]! + eachBytes[kind]! * vlenOfInfo(info);
    if (size > room || kind === 0 || kind >= kindLayouts.length)
      throw badRecord(reader, `types/${firstId + count}`, room, kind);
    offsets[count++] = at;
    at += size;
  }
  return offsets.subarray(0, count);
}

/** By kind, 32 of which `info` can hold. */
const fixedBytes: Uint8Array = Uint8Array.from({ length: 32 }, (_, kind) => kindLayouts[kind]?.fixed ?? 0);
const eachBytes: Uint8Array = Uint8Array.from({ length: 32 }, (_, kind) => kindLayouts[kind]?.each ?? 0);

function badRecord(reader: ByteReader, path: string, room: number, kind: number): FormatError {
  if (room >= BTF_TYPE_SIZE && (kind === 0 || kind >= kindLayouts.length))
    return reader.error('BTF_UNKNOWN_KIND', path, `is of kind ${kind}, which is not known`);
  return reader.error('BTF_TRUNCATED', path, 'the type section ends within its record');
}
