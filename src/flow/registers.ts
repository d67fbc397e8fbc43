import type { InsnDef } from '../isa/insn-table.ts';
import { type FlowCode, insnAt, perRow } from './code.ts';
import type { FlowReference } from './graph.ts';
import { helperArguments } from './helper-arguments.ts';

/** A set of registers: bit N is rN. */
export type RegisterSet = number;

/** r0 to r5: what no call leaves as it was. */
export const CALLER_SAVED: RegisterSet = 0b11_1111;
/** r1 to r5. */
export const ARGUMENTS: RegisterSet = 0b11_1110;
const ALL: RegisterSet = 0b111_1111_1111;
const R0: RegisterSet = 1;
/** Where LD_ABS and LD_IND find the packet: their context (Linux, `Documentation/bpf/classic_vs_extended.rst`). */
const R6: RegisterSet = 1 << 6;

/** What an instruction does with the registers. Those that it clobbers have no value afterwards. */
export interface RegisterEffect {
  readonly uses: RegisterSet;
  readonly defines: RegisterSet;
  readonly clobbers: RegisterSet;
  /** False for a call whose number of arguments is not known: it reads any of r1 to r5. */
  readonly complete: boolean;
}

const USES_DST = 1;
const USES_SRC = 2;
const DEFINES_DST = 4;
const DEFINES_SRC = 8;
const USES_R0 = 16;
const DEFINES_R0 = 32;
const USES_R6 = 64;
const CALLS = 128;

function roles({ kind, op, x, fetch }: InsnDef): number {
  const src = x ? USES_SRC : 0;
  switch (kind) {
    case 'alu':
      return DEFINES_DST | src | (op === '' ? 0 : USES_DST);
    case 'neg':
    case 'end':
      return USES_DST | DEFINES_DST;
    case 'movsx':
    case 'addrSpaceCast':
    case 'ldx':
    case 'ldsx':
    case 'loadAcquire':
      return USES_SRC | DEFINES_DST;
    case 'lddw':
      return DEFINES_DST;
    case 'ldabs':
    case 'ldind':
      return src | USES_R6 | DEFINES_R0 | CALLS;
    case 'st':
      return USES_DST;
    case 'stx':
    case 'storeRelease':
      return USES_DST | USES_SRC;
    case 'atomic':
    case 'xchg':
      return USES_DST | USES_SRC | (fetch ? DEFINES_SRC : 0);
    case 'cmpxchg':
      return USES_DST | USES_SRC | USES_R0 | DEFINES_R0;
    case 'jcond':
      return USES_DST | src;
    case 'call':
      return DEFINES_R0 | CALLS;
    case 'callx':
      return USES_DST | DEFINES_R0 | CALLS;
    case 'exit':
      return USES_R0;
    case 'ja':
    case 'mayGoto':
    case 'unknown':
      return 0;
  }
}

const ROLES = perRow(roles);

/**
 * What the instruction at a slot does by itself. A call of a helper reads as many registers as the
 * helper has arguments; of any other call that is not known here (see `registerFlow`).
 */
export function registerEffect(
  code: FlowCode,
  slot: number,
  references?: ReadonlyMap<number, FlowReference>,
): RegisterEffect {
  const role = ROLES[code.row[slot]!]!;
  const dst = 1 << code.dst[slot]!;
  const src = 1 << code.src[slot]!;
  const defines =
    ((role & DEFINES_DST ? dst : 0) | (role & DEFINES_SRC ? src : 0) | (role & DEFINES_R0 ? R0 : 0)) & ALL;
  const count = argumentCount(code, slot, references);
  const uses =
    (role & USES_DST ? dst : 0) |
    (role & USES_SRC ? src : 0) |
    (role & USES_R0 ? R0 : 0) |
    (role & USES_R6 ? R6 : 0) |
    ((2 << (count ?? 0)) - 2);
  const clobbers = role & CALLS ? CALLER_SAVED & ~defines : 0;
  return { uses: uses & ALL, defines, clobbers, complete: count !== undefined };
}

/** How many argument registers the instruction reads; undefined where that is not known. */
function argumentCount(
  code: FlowCode,
  slot: number,
  references: ReadonlyMap<number, FlowReference> | undefined,
): number | undefined {
  const { kind, name } = insnAt(code, slot);
  if (kind === 'callx') return undefined;
  if (kind !== 'call') return 0;
  return name === 'call' && !references?.has(slot) ? helperArguments(code.imm[slot]!) : undefined;
}
