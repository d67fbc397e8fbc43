import { concatBytes, type Endian, viewOf } from '../util/bytes.ts';
import { BTF_HEADER_SIZE, BTF_MAGIC, BTF_TYPE_SIZE, BTF_VERSION } from './layout.ts';
import type { BtfRecord } from './record.ts';

/** Writes BTF: the header, the types, the strings behind each other. */
export function encodeBtf(
  types: readonly BtfRecord[],
  strings: readonly Uint8Array[],
  endian: Endian,
): Uint8Array {
  const text = concatBytes(strings);
  const typesSize = types.reduce((total, type) => total + BTF_TYPE_SIZE + 4 * type.tail.length, 0);
  const out = new Uint8Array(BTF_HEADER_SIZE + typesSize + text.length);
  const view = viewOf(out);
  const little = endian === 'little';
  view.setUint16(0, BTF_MAGIC, little);
  view.setUint8(2, BTF_VERSION);
  let at = 4;
  const put = (word: number): void => {
    view.setUint32(at, word >>> 0, little);
    at += 4;
  };
  for (const word of [BTF_HEADER_SIZE, 0, typesSize, typesSize, text.length]) put(word);
  for (const type of types) {
    put(type.nameOffset);
    put(type.info);
    put(type.word);
    for (const word of type.tail) put(word);
  }
  out.set(text, at);
  return out;
}
