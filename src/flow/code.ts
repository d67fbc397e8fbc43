import { defOf, SLOT_SIZE } from '../isa/codec.ts';
import { INSN_TABLE, type InsnDef, UNKNOWN_INSN } from '../isa/insn-table.ts';
import { type Endian, viewOf } from '../util/bytes.ts';

/**
 * Code decoded once, one array per field and one element per 8-byte slot. The second slot of a wide
 * instruction is marked and holds no instruction; its `imm` is the upper half of the immediate.
 */
export interface FlowCode {
  readonly endian: Endian;
  readonly slots: number;
  /** Bytes behind the last whole slot, 0 to 7. */
  readonly restBytes: number;
  /** The instruction's place in the instruction table; see {@link insnAt}. */
  readonly row: Uint16Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly off: Int16Array;
  readonly imm: Int32Array;
  /** The slot of an `lddw` at the end of the code that has no second slot; -1 where there is none. */
  readonly cutOff: number;
  /** 1 for the second slot of a wide instruction. */
  readonly second: Uint8Array;
}

const ROWS: readonly InsnDef[] = [...INSN_TABLE, UNKNOWN_INSN];
const UNKNOWN_ROW = INSN_TABLE.length;
const rowOf: ReadonlyMap<InsnDef, number> = new Map(ROWS.map((def, row) => [def, row]));

/** Decodes code of any bytes: what no row of the table matches, a cut-off `lddw` too, is unknown. */
export function decodeFlow(bytes: Uint8Array, endian: Endian): FlowCode {
  const slots = Math.floor(bytes.length / SLOT_SIZE);
  let cutOff = -1;
  const code = {
    endian,
    slots,
    restBytes: bytes.length - slots * SLOT_SIZE,
    row: new Uint16Array(slots).fill(UNKNOWN_ROW),
    dst: new Uint8Array(slots),
    src: new Uint8Array(slots),
    off: new Int16Array(slots),
    imm: new Int32Array(slots),
    second: new Uint8Array(slots),
  };
  const view = viewOf(bytes);
  const little = endian === 'little';
  for (let slot = 0; slot < slots; slot++) {
    const at = slot * SLOT_SIZE;
    const registers = bytes[at + 1]!;
    code.dst[slot] = little ? registers & 15 : registers >> 4;
    code.src[slot] = little ? registers >> 4 : registers & 15;
    code.off[slot] = view.getInt16(at + 2, little);
    code.imm[slot] = view.getInt32(at + 4, little);
    if (slot > 0 && code.second[slot - 1] === 0 && ROWS[code.row[slot - 1]!]!.slots === 2) {
      code.second[slot] = 1;
      continue;
    }
    const def = defOf(bytes[at]!, code.src[slot]!, code.off[slot]!, code.imm[slot]!);
    if (def.slots === 2 && slot + 1 === slots) cutOff = slot;
    else code.row[slot] = rowOf.get(def)!;
  }
  return { ...code, cutOff };
}

/** The table's row of the instruction at a slot; `unknown` for the second slot of a wide one. */
export function insnAt(code: FlowCode, slot: number): InsnDef {
  return ROWS[code.row[slot]!]!;
}

/** For each row of the table what `of` says of it, so that it is asked by number. */
export function perRow(of: (def: InsnDef) => number): Uint16Array {
  return Uint16Array.from(ROWS, of);
}

/** The slot behind the instruction at a slot. */
export function nextSlot(code: FlowCode, slot: number): number {
  return slot + (slot + 1 < code.slots && code.second[slot + 1] === 1 ? 2 : 1);
}
