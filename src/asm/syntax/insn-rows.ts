import type { InsnDef } from '../../isa/insn-table.ts';
import { rowOf } from './insn-forms.ts';

/** Operations by number, as `ALU` and `JUMP` count them. */
export const ALU_OPS = ['', '+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>', 's>>', 's/', 's%'] as const;
const JUMP_OPS = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'] as const;

/** Rows by operation, width and kind of operand: four for each operation, as {@link variant} counts. */
function rowsOf(kind: 'alu' | 'jcond', ops: readonly string[]): readonly (InsnDef | undefined)[] {
  return ops.flatMap((op) =>
    [0, 1, 2, 3].map((bits) => rowOf({ kind, op, width: bits & 2 ? 32 : 64, x: (bits & 1) !== 0 })),
  );
}

/** Four rows for each operation: of 64 bits with imm, with src, of 32 bits with imm, with src. */
export const ALU: readonly (InsnDef | undefined)[] = rowsOf('alu', ALU_OPS);
export const JUMP: readonly (InsnDef | undefined)[] = rowsOf('jcond', JUMP_OPS);
export const SIZES = [1, 2, 4, 8] as const;
/** Four sizes without sign, four with: the numbers of `MemorySize`. */
export const LOAD: readonly (InsnDef | undefined)[] = ['ldx', 'ldsx'].flatMap((kind) =>
  SIZES.map((size) => rowOf({ kind: kind as 'ldx' | 'ldsx', size, x: true })),
);
export const STORE_K: readonly (InsnDef | undefined)[] = SIZES.map((size) => rowOf({ kind: 'st', size }));
export const STORE_X: readonly (InsnDef | undefined)[] = SIZES.map((size) =>
  rowOf({ kind: 'stx', size, x: true }),
);
export const NEG: readonly (InsnDef | undefined)[] = [64, 32].map((width) =>
  rowOf({ kind: 'neg', op: '-', width }),
);
