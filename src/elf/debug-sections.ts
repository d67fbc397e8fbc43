import { type Section, SectionType } from '../object/relocatable.ts';

/** Names of sections that only debuggers read: DWARF, and what goes with it. */
const DEBUG_NAME = /^\.(z?debug|gdb_index|line$|stab)/;

/** Whether a section serves debuggers alone; `.BTF` does not, loaders read it. */
export function isDebugSection({ name }: Section): boolean {
  return DEBUG_NAME.test(name);
}

/** Whether a section lists symbols by their numbers in one file, and means nothing in another. */
export function isAddressTable({ type }: Section): boolean {
  return type === SectionType.LLVM_ADDRSIG;
}
