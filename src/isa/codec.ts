import { type Endian, viewOf } from '../util/bytes.ts';
import { checkRange, FormatError, OutOfRangeError, TsbpfError } from '../util/errors.ts';
import { findInsn, INSN_TABLE, type InsnDef, UNKNOWN_INSN } from './insn-table.ts';
import { SLOT_SIZE } from './slot.ts';

export { SLOT_SIZE };

/**
 * One decoded instruction: its table row and its raw fields. `imm` is signed. `nextImm` is the imm
 * of the second slot of a wide instruction (RFC 9669, section 3.2), else 0.
 */
export interface Instruction {
  readonly def: InsnDef;
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
  readonly nextImm: number;
}

/** The operands of {@link makeInsn}; those left out are 0, or what the row demands. */
export interface InsnOperands {
  readonly dst?: number;
  readonly src?: number;
  readonly off?: number;
  readonly imm?: number;
  /** Wide instructions only; given alone it also sets `imm`. */
  readonly imm64?: bigint;
  readonly nextImm?: number;
}

/** A field, among those that tell the rows of one opcode apart. */
type Selector = 'src' | 'off' | 'imm';

interface OpcodeEntry {
  /** The only row, or the row to take where `select` is undefined. */
  readonly only: InsnDef | undefined;
  readonly select: Selector | undefined;
  readonly rows: readonly InsnDef[];
}

const REGISTERS = 11;

function selectorOf(rows: readonly InsnDef[]): Selector {
  const tellsApart = (field: Selector): boolean =>
    rows.every((def) => typeof def[field] === 'number' || field === 'off') &&
    new Set(rows.map((def) => def[field])).size === rows.length;
  return tellsApart('src') ? 'src' : tellsApart('off') ? 'off' : 'imm';
}

const byOpcode: readonly (OpcodeEntry | undefined)[] = Array.from({ length: 256 }, (_, opcode) => {
  const rows = INSN_TABLE.filter((def) => def.opcode === opcode);
  if (rows.length === 0) return undefined;
  // A lone row whose imm is fixed (an atomic of one size) still has to match it.
  const fixed = rows.length === 1 && typeof rows[0]!.imm === 'number' && rows[0]!.imm !== 0;
  if (rows.length === 1 && !fixed) return { only: rows[0], select: undefined, rows };
  return { only: undefined, select: fixed ? 'imm' : selectorOf(rows), rows };
});

/** The row for raw fields, or {@link UNKNOWN_INSN}. Fields that the row does not use may hold anything. */
export function defOf(opcode: number, src: number, off: number, imm: number): InsnDef {
  const entry = byOpcode[opcode];
  if (entry === undefined) return UNKNOWN_INSN;
  if (entry.only !== undefined) return entry.only;
  const key = entry.select === 'src' ? src : entry.select === 'off' ? off : imm;
  for (const def of entry.rows) if (def[entry.select!] === key) return def;
  return UNKNOWN_INSN;
}

/** Decodes the slot at `byteOffset`, taking the next one too where the instruction is wide. */
function decodeAt(view: DataView, byteOffset: number, little: boolean): Instruction {
  const opcode = view.getUint8(byteOffset);
  const regs = view.getUint8(byteOffset + 1);
  const dst = little ? regs & 15 : regs >> 4;
  const src = little ? regs >> 4 : regs & 15;
  const off = view.getInt16(byteOffset + 2, little);
  const imm = view.getInt32(byteOffset + 4, little);
  const def = defOf(opcode, src, off, imm);
  const wide = opcode === 0x18 && byteOffset + 2 * SLOT_SIZE <= view.byteLength;
  return {
    def: def.slots === 2 && !wide ? UNKNOWN_INSN : def,
    opcode,
    dst,
    src,
    off,
    imm,
    nextImm: wide && def.slots === 2 ? view.getInt32(byteOffset + SLOT_SIZE + 4, little) : 0,
  };
}

/**
 * Decodes code into instructions. It is total: what no row matches becomes an instruction of
 * {@link UNKNOWN_INSN} with its raw fields, one slot long.
 *
 * @param code a multiple of 8 bytes
 * @throws {FormatError} `CODE_UNALIGNED`
 *
 * @example
 * ```ts
 * decodeInsns(fromHex('b700000002000000 9500000000000000'), 'little').map((i) => i.def.name);
 * // ['mov_k', 'exit']
 * ```
 */
export function decodeInsns(code: Uint8Array, endian: Endian = 'little'): Instruction[] {
  if (code.length % SLOT_SIZE !== 0) {
    throw new FormatError(
      'CODE_UNALIGNED',
      'code',
      `${code.length} bytes are not a whole number of 8-byte slots`,
    );
  }
  const view = viewOf(code);
  const little = endian === 'little';
  const out: Instruction[] = [];
  for (let at = 0; at < code.length; ) {
    const insn = decodeAt(view, at, little);
    out.push(insn);
    at += insn.def.slots * SLOT_SIZE;
  }
  return out;
}

/** Decodes the one instruction at a slot. */
export function decodeInsnAt(code: Uint8Array, slot: number, endian: Endian = 'little'): Instruction {
  checkRange('slot', slot, 0, Math.floor(code.length / SLOT_SIZE) - 1);
  return decodeAt(viewOf(code), slot * SLOT_SIZE, endian === 'little');
}

function encodeAt(view: DataView, byteOffset: number, insn: Instruction, little: boolean): void {
  view.setUint8(byteOffset, insn.opcode);
  view.setUint8(byteOffset + 1, little ? (insn.src << 4) | insn.dst : (insn.dst << 4) | insn.src);
  view.setInt16(byteOffset + 2, insn.off, little);
  view.setInt32(byteOffset + 4, insn.imm, little);
  if (insn.def.slots === 2) {
    view.setInt32(byteOffset + SLOT_SIZE, 0, little);
    view.setInt32(byteOffset + SLOT_SIZE + 4, insn.nextImm, little);
  }
}

/** The number of 8-byte slots that instructions take. */
export function slotCount(insns: readonly Instruction[]): number {
  let slots = 0;
  for (const insn of insns) slots += insn.def.slots;
  return slots;
}

/** The bytes of instructions that {@link makeInsn} or {@link decodeInsns} gave; their fields are not checked again. */
export function encodeInsns(insns: readonly Instruction[], endian: Endian = 'little'): Uint8Array {
  const out = new Uint8Array(slotCount(insns) * SLOT_SIZE);
  const view = viewOf(out);
  const little = endian === 'little';
  let at = 0;
  for (const insn of insns) {
    encodeAt(view, at, insn, little);
    at += insn.def.slots * SLOT_SIZE;
  }
  return out;
}

/** The 64-bit immediate of a wide instruction, unsigned. */
export function wideImmediate(insn: Instruction): bigint {
  return (BigInt(insn.nextImm >>> 0) << 32n) | BigInt(insn.imm >>> 0);
}

function checkReg(
  field: 'dst' | 'src',
  use: InsnDef['dst'],
  value: number | undefined,
  name: string,
): number {
  if (use === 'reg') return checkRange(`${name}: ${field} register`, value ?? 0, 0, REGISTERS - 1);
  return checkFixed(field, use, value, name);
}

function checkFixed(field: string, demanded: number, value: number | undefined, name: string): number {
  if (value === undefined || value === demanded) return demanded;
  throw new TsbpfError(
    'FIELD_NOT_USED',
    `${name}: ${field} is ${value}, but this instruction has ${demanded} there`,
  );
}

function checkImm(def: InsnDef, value: number | undefined): number {
  if (typeof def.imm === 'number') return checkFixed('imm', def.imm, value, def.name);
  return checkRange(`${def.name}: imm`, value ?? 0, -(2 ** 31), 2 ** 31 - 1);
}

/**
 * Builds an instruction from a row's name, every operand checked against the row.
 *
 * @throws {OutOfRangeError} naming the field that does not fit
 * @throws {TsbpfError} `UNKNOWN_INSN` for a name that is not in the table, `FIELD_NOT_USED` for an
 *   operand that the instruction does not have
 *
 * @example
 * ```ts
 * makeInsn('mov_k', { dst: 0, imm: 2 });
 * makeInsn('lddw', { dst: 1, imm64: 0x1_0000_0000n });
 * makeInsn('add_k', { dst: 0, imm: 2 ** 40 }); // OutOfRangeError: add_k: imm is 1099511627776, …
 * ```
 */
export function makeInsn(name: string | InsnDef, operands: InsnOperands = {}): Instruction {
  const def = typeof name === 'string' ? findInsn(name) : name;
  if (!def || def === UNKNOWN_INSN)
    throw new TsbpfError('UNKNOWN_INSN', `there is no instruction named '${name}'`);
  const dst = checkReg('dst', def.dst, operands.dst, def.name);
  const src = checkReg('src', def.src, operands.src, def.name);
  const off =
    typeof def.off === 'number'
      ? checkFixed('off', def.off, operands.off, def.name)
      : checkRange(`${def.name}: off`, operands.off ?? 0, -(2 ** 15), 2 ** 15 - 1);
  const wide = operands.imm64 === undefined ? undefined : splitWide(def, operands.imm64);
  const imm = wide ? wide.imm : checkImm(def, operands.imm);
  const nextImm = wide ? wide.nextImm : checkNextImm(def, operands.nextImm);
  return { def, opcode: def.opcode, dst, src, off, imm, nextImm };
}

function checkNextImm(def: InsnDef, value: number | undefined): number {
  if (def.slots === 1) return checkFixed('nextImm', 0, value, def.name);
  return checkRange(`${def.name}: nextImm`, value ?? 0, -(2 ** 31), 2 ** 31 - 1);
}

const MIN_S64 = -(2n ** 63n);
const MAX_U64 = 2n ** 64n - 1n;

/** Signed and unsigned 64-bit values are both taken: `-1n` and `0xffff_ffff_ffff_ffffn` are the same bits. */
function splitWide(def: InsnDef, value: bigint): { imm: number; nextImm: number } {
  if (def.slots === 1) throw new TsbpfError('FIELD_NOT_USED', `${def.name}: has no 64-bit immediate`);
  if (value < MIN_S64 || value > MAX_U64)
    throw new OutOfRangeError(`${def.name}: imm64`, value, MIN_S64, MAX_U64);
  return { imm: Number(BigInt.asIntN(32, value)), nextImm: Number(BigInt.asIntN(32, value >> 32n)) };
}

/** A reserved field that is not what the row demands; the kernel refuses such code with EINVAL. */
export interface ReservedField {
  readonly field: 'dst' | 'src' | 'off' | 'imm';
  readonly value: number;
  readonly expected: number | 'r0 to r10';
}

/** The fields of a decoded instruction that break its row. */
export function reservedFields(insn: Instruction): ReservedField[] {
  const out: ReservedField[] = [];
  for (const field of ['dst', 'src', 'off', 'imm'] as const) {
    const use = insn.def[field];
    const value = insn[field];
    if (typeof use === 'number' && use !== value) out.push({ field, value, expected: use });
    else if (use === 'reg' && value >= REGISTERS) out.push({ field, value, expected: 'r0 to r10' });
  }
  return out;
}
