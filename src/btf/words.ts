import { type Endian, viewOf } from '../util/bytes.ts';

const HOST_IS_LITTLE = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * Reads words at byte offsets that are all `start` or whole words from it. Where the bytes lie as the
 * machine has them, without a DataView: passes over the 130,000 types of a kernel are made
 * once in a process, before a compiler has got to them.
 */
export function wordReader(bytes: Uint8Array, start: number, endian: Endian): (at: number) => number {
  const isAligned = (bytes.byteOffset | start) % 4 === 0;
  if (isAligned && (endian === 'little') === HOST_IS_LITTLE) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    return (at) => words[at >>> 2]!;
  }
  const view = viewOf(bytes);
  const little = endian === 'little';
  return (at) => view.getUint32(at, little);
}
