import type { Range } from '../syntax/ast.ts';
import type { CType, EnumType } from './c-type.ts';

/** The names of types that a reader asks for. */
export interface TypeNames {
  /** What a bare word stands for: a typedef, or a struct, union or enum without its keyword. */
  find(name: string): CType | undefined;
  /** What stands behind `struct`, `union` or `enum`; a struct that is not known is declared by that. */
  tag(kind: 'struct' | 'union' | 'enum', name: string, range: Range): CType;
  all(): Iterable<string>;
  /** Values of enumerations. */
  readonly constants: ReadonlyMap<string, bigint>;
  /** Makes the values of an enumeration known, one after the other while it is read. */
  addConstant(name: string, value: bigint, range: Range): void;
  addEnum(type: EnumType): void;
}
