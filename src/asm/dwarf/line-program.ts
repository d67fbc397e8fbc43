import { sleb128, uleb128 } from './leb.ts';

/** One row of the line table: what a `.loc` says of the instruction behind it. */
export interface LineRow {
  /** Byte offset in the section. */
  readonly offset: number;
  readonly file: number;
  readonly line: number;
  readonly column: number;
  readonly isStatement: boolean;
  readonly basicBlock: boolean;
  readonly prologueEnd: boolean;
  readonly epilogueBegin: boolean;
  readonly isa: number;
  readonly discriminator: number;
}

/** Standard opcodes of line programs (DWARF 5, 6.2.5.2). */
const LNS = {
  COPY: 1,
  ADVANCE_PC: 2,
  ADVANCE_LINE: 3,
  SET_FILE: 4,
  SET_COLUMN: 5,
  NEGATE_STMT: 6,
  SET_BASIC_BLOCK: 7,
  CONST_ADD_PC: 8,
  SET_PROLOGUE_END: 10,
  SET_EPILOGUE_BEGIN: 11,
  SET_ISA: 12,
} as const;
/** Extended opcodes (6.2.5.3); each follows a 0 and its length. */
export const LNE = { END_SEQUENCE: 1, SET_ADDRESS: 2, SET_DISCRIMINATOR: 4 } as const;

/** What LLVM puts into the header, and special opcodes are counted with. */
export const LINE_BASE = -5;
export const LINE_RANGE = 14;
export const OPCODE_BASE = 13;
/** Addresses count in units of this many bytes: an instruction's. */
export const MIN_INSN_LENGTH = 8;
/** How far the address goes at most in one special opcode. */
const MAX_SPECIAL_ADVANCE = Math.floor((255 - OPCODE_BASE) / LINE_RANGE);

/** The registers of the line-number state machine that outlive a row. */
export interface LineState {
  file: number;
  line: number;
  column: number;
  isa: number;
  isStatement: boolean;
}

export function initialState(): LineState {
  return { file: 1, line: 1, column: 0, isa: 0, isStatement: true };
}

/** The opcodes that set everything but line and address. */
export function registerOpcodes(state: LineState, row: LineRow, version: number): number[] {
  const out: number[] = [];
  if (row.file !== state.file) out.push(LNS.SET_FILE, ...uleb128(row.file));
  if (row.column !== state.column) out.push(LNS.SET_COLUMN, ...uleb128(row.column));
  if (row.discriminator !== 0 && version >= 4) {
    const operand = uleb128(row.discriminator);
    out.push(0, operand.length + 1, LNE.SET_DISCRIMINATOR, ...operand);
  }
  if (row.isa !== state.isa) out.push(LNS.SET_ISA, ...uleb128(row.isa));
  if (row.isStatement !== state.isStatement) out.push(LNS.NEGATE_STMT);
  if (row.basicBlock) out.push(LNS.SET_BASIC_BLOCK);
  if (row.prologueEnd) out.push(LNS.SET_PROLOGUE_END);
  if (row.epilogueBegin) out.push(LNS.SET_EPILOGUE_BEGIN);
  const { file, column, isa, isStatement } = row;
  Object.assign(state, { file, column, isa, isStatement });
  return out;
}

/** Advances line and address and adds the row, in as few bytes as LLVM does. `advance` is in bytes. */
export function advanceOpcodes(lines: number, advance: number): number[] {
  const out: number[] = [];
  const units = Math.floor(advance / MIN_INSN_LENGTH);
  let special = lines - LINE_BASE;
  const tooFar = special < 0 || special >= LINE_RANGE || special + OPCODE_BASE > 255;
  if (tooFar) {
    out.push(LNS.ADVANCE_LINE, ...sleb128(lines));
    special = -LINE_BASE;
  }
  if ((tooFar || lines === 0) && units === 0) return [...out, LNS.COPY];
  special += OPCODE_BASE;
  if (units < 256 + MAX_SPECIAL_ADVANCE) {
    const near = special + units * LINE_RANGE;
    if (near <= 255) return [...out, near];
    const far = special + (units - MAX_SPECIAL_ADVANCE) * LINE_RANGE;
    if (far <= 255) return [...out, LNS.CONST_ADD_PC, far];
  }
  out.push(LNS.ADVANCE_PC, ...uleb128(units));
  out.push(tooFar ? LNS.COPY : special);
  return out;
}

/** Ends a sequence at the end of its section. */
export function endOpcodes(advance: number): number[] {
  const units = Math.floor(advance / MIN_INSN_LENGTH);
  const out: number[] = [];
  if (units === MAX_SPECIAL_ADVANCE) out.push(LNS.CONST_ADD_PC);
  else if (units > 0) out.push(LNS.ADVANCE_PC, ...uleb128(units));
  return [...out, 0, 1, LNE.END_SEQUENCE];
}
