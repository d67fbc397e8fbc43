import type { Assembler } from '../assemble/assembler.ts';
import type { Location } from '../assemble/symbols.ts';
import type { Expr } from '../syntax/ast.ts';
import { type LebKind, paddedLeb128 } from './leb.ts';

/** Bytes of a number that is not known yet: 35 bits, more than the distance of any two labels. */
const RESERVED_BYTES = 5;

interface LaterNumber {
  readonly kind: LebKind;
  readonly expr: Expr;
  readonly here: Location;
}

/** Numbers of variable length that depend on later lines. */
export class LaterNumbers {
  readonly #all: LaterNumber[] = [];

  /** Reserves room for one, here. */
  add(assembler: Assembler, kind: LebKind, expr: Expr): void {
    const { here } = assembler;
    this.#all.push({ kind, expr, here });
    here.section.reserve(RESERVED_BYTES);
  }

  /** Fills them in, when all names are known. */
  write({ evaluator, problems }: Assembler): void {
    for (const { kind, expr, here } of this.#all) {
      const value = evaluator.number(expr, here, 'a number of variable length');
      if (value === undefined) continue;
      const bytes = paddedLeb128(kind, BigInt(value), RESERVED_BYTES);
      if (!bytes)
        problems.error(expr, 'out-of-range', `the number ${value} does not fit ${7 * RESERVED_BYTES} bits`, {
          help: ['numbers that are defined above the line can have 64 bits'],
        });
      else if (here.section.stored) here.section.bytes().set(bytes, here.offset);
    }
  }
}
