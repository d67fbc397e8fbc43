import { SLOT_SIZE } from '../isa/codec.ts';
import type { Endian } from '../util/bytes.ts';

/** Sets the source register's nibble: the upper one in little endian, the lower in big (RFC 9669, section 3.1). */
export function setSrc(view: DataView, slot: number, endian: Endian, src: number): void {
  const at = slot * SLOT_SIZE + 1;
  const registers = view.getUint8(at);
  view.setUint8(at, endian === 'little' ? (registers & 0x0f) | (src << 4) : (registers & 0xf0) | src);
}

export function getSrc(view: DataView, slot: number, endian: Endian): number {
  const registers = view.getUint8(slot * SLOT_SIZE + 1);
  return endian === 'little' ? registers >> 4 : registers & 15;
}

/** Sets both halves of a wide instruction's immediate. */
export function setWide(view: DataView, slot: number, endian: Endian, imm: number, nextImm: number): void {
  const little = endian === 'little';
  view.setInt32(slot * SLOT_SIZE + 4, imm, little);
  view.setInt32((slot + 1) * SLOT_SIZE + 4, nextImm, little);
}
