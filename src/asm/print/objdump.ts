import type { Instruction } from '../../isa/codec.ts';
import { INSN_TABLE, type InsnDef, type InsnKind } from '../../isa/insn-table.ts';
import { formatInstruction } from './format.ts';

/** How one slot (or two) appears in llvm-objdump's listing. */
export interface ObjdumpInsn {
  readonly text: string;
  /** The row that objdump takes it for; undefined for `<unknown>`. */
  readonly def: InsnDef | undefined;
  readonly slots: 1 | 2;
}

const UNKNOWN: ObjdumpInsn = { text: '<unknown>', def: undefined, slots: 1 };
/** LLVM's register file has one more than the kernel's, for its own use. */
const LAST_REGISTER = 11;
const LDDW = 0x18;

const rowsByOpcode = new Map<number, InsnDef[]>();
for (const def of INSN_TABLE) {
  if (def.kind === 'loadAcquire' || def.kind === 'storeRelease') continue;
  const rows = rowsByOpcode.get(def.opcode);
  if (rows) rows.push(def);
  else rowsByOpcode.set(def.opcode, [def]);
}

/** The reserved fields that LLVM's decoder compares; the others may hold anything. */
const COMPARES_OFF: ReadonlySet<InsnKind> = new Set(['alu', 'movsx', 'addrSpaceCast', 'lddw'] as const);
const COMPARES_IMM: ReadonlySet<InsnKind> = new Set(['end', 'exit'] as const);

function matches(def: InsnDef, insn: Instruction): boolean {
  if (def.dst === 'reg' && insn.dst > LAST_REGISTER) return false;
  if (def.src === 'reg' && insn.src > LAST_REGISTER) return false;
  if (COMPARES_OFF.has(def.kind) && typeof def.off === 'number' && def.off !== insn.off) return false;
  return !(COMPARES_IMM.has(def.kind) && typeof def.imm === 'number' && def.imm !== insn.imm);
}

/**
 * Without `--mattr=+alu32`, llvm-objdump knows one atomic operation of 32 bits. It looks at the low
 * byte of imm: an operation, and 1 where the old value is fetched.
 */
function atomicMatches(def: InsnDef, insn: Instruction): boolean {
  if (def.width === 32) return def.name === 'atomic_add32' && (insn.imm & 0xf0) === 0;
  const wanted = (def.imm as number) & 0xff;
  return def.fetch ? (insn.imm & 0xff) === wanted : (insn.imm & 0xf0) === wanted && (insn.imm & 0x0f) !== 1;
}

function isAtomic(def: InsnDef): boolean {
  return def.kind === 'atomic' || def.kind === 'xchg' || def.kind === 'cmpxchg';
}

/** What llvm-objdump 19 makes of a decoded instruction, which may break rules that the kernel has. */
export function objdumpInsn(insn: Instruction): ObjdumpInsn {
  for (const def of rowsByOpcode.get(insn.opcode) ?? []) {
    if (!matches(def, insn) || (isAtomic(def) && !atomicMatches(def, insn))) continue;
    if (insn.opcode === LDDW && insn.src !== 0) {
      // The one immediate that it prints without sign.
      const imm = (insn.imm >>> 0).toString(16);
      return { text: `ld_pseudo\tr${insn.dst}, 0x${insn.src.toString(16)}, 0x${imm}`, def, slots: 2 };
    }
    // LLVM has no notion of the number that the kernel adds to the register of a packet load.
    const imm = def.kind === 'ldind' ? 0 : insn.imm;
    return { text: formatInstruction({ ...insn, imm, def }), def, slots: def.slots };
  }
  return UNKNOWN;
}
