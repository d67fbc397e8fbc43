import { INSN_TABLE } from '../../isa/insn-table.ts';
import type { DataType } from './data-types.ts';
import type { ConditionOperator } from './instructions.generated.ts';

/** A condition's opposite, where it has one: `&` has none. */
export const OPPOSITES: ReadonlyMap<string, ConditionOperator> = new Map(
  (
    [
      ['==', '!='],
      ['>', '<='],
      ['<', '>='],
      ['s>', 's<='],
      ['s<', 's>='],
    ] as const
  ).flatMap(([a, b]): [string, ConditionOperator][] => [
    [a, b],
    [b, a],
  ]),
);

/** The mnemonic of a 64-bit comparison: `w` registers make it the other. */
export function comparison(op: string): string | undefined {
  return INSN_TABLE.find((def) => def.kind === 'jcond' && def.op === op && def.width === 64)?.mnemonic;
}

/** The mnemonic of a load or store of a size; the table knows which. */
export function memoryMnemonic(kinds: readonly string[], size: number): string | undefined {
  return INSN_TABLE.find((def) => kinds.includes(def.kind) && def.size === size)?.mnemonic;
}

/** What a type is to a load or a store. */
export interface Memory {
  readonly size: number;
  readonly signed: boolean;
  readonly name: string;
}

export function memoryOf(type: unknown): Memory {
  if (typeof type !== 'string') {
    const { size, signed, c } = type as DataType<unknown>;
    return { size, signed, name: c };
  }
  return { size: Number(type.slice(1)) / 8, signed: type.startsWith('s'), name: type };
}
