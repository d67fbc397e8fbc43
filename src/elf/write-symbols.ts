import type {
  ElfSymbol,
  RelocatableObject,
  SymbolBinding,
  SymbolSection,
  SymbolType,
  SymbolVisibility,
} from '../object/relocatable.ts';
import { viewOf } from '../util/bytes.ts';
import { SHN_ABS, SHN_COMMON, SHN_UNDEF, SYMBOL_SIZE } from './layout.ts';
import type { StringTableBuilder } from './write-strings.ts';

/** Local symbols must come before all others (gABI, "Symbol Table"); otherwise the order is kept. */
export function localsFirst(symbols: readonly ElfSymbol[]): {
  readonly locals: number;
  /** From an index of the object to a number of the file. */
  readonly numbers: Uint32Array;
} {
  const numbers = new Uint32Array(symbols.length);
  let next = 1;
  for (let index = 0; index < symbols.length; index++)
    if (symbols[index]!.binding === 'local') numbers[index] = next++;
  const locals = next - 1;
  for (let index = 0; index < symbols.length; index++)
    if (symbols[index]!.binding !== 'local') numbers[index] = next++;
  return { locals, numbers };
}

const bindingNumbers: Record<SymbolBinding, number> = { local: 0, global: 1, weak: 2 };
const typeNumbers: Record<SymbolType, number> = { notype: 0, object: 1, func: 2, section: 3, file: 4 };
const visibilityNumbers: Record<SymbolVisibility, number> = {
  default: 0,
  internal: 1,
  hidden: 2,
  protected: 3,
};

function sectionNumber(section: SymbolSection): number {
  if (section === 'undefined') return SHN_UNDEF;
  if (section === 'absolute') return SHN_ABS;
  return section === 'common' ? SHN_COMMON : section + 1;
}

/**
 * The symbols as the file has them (`Elf64_Sym`), the null symbol first. Written field by field: an
 * assembly file of a million lines has a hundred thousand of them, and a record each took longer
 * than reading the text.
 *
 * ```
 *  0        4    5     6     8         16        24
 *  | name   |info|other|shndx| value   | size    |
 * ```
 */
export function symbolTable(
  { symbols, endian }: RelocatableObject,
  numbers: Uint32Array,
  strings: StringTableBuilder,
): Uint8Array {
  const bytes = new Uint8Array((symbols.length + 1) * SYMBOL_SIZE);
  const view = viewOf(bytes);
  const little = endian === 'little';
  for (let index = 0; index < symbols.length; index++) {
    const symbol = symbols[index]!;
    const at = numbers[index]! * SYMBOL_SIZE;
    view.setUint32(at, strings.add(symbol.name), little);
    bytes[at + 4] = (bindingNumbers[symbol.binding] << 4) | typeNumbers[symbol.type];
    bytes[at + 5] = visibilityNumbers[symbol.visibility];
    view.setUint16(at + 6, sectionNumber(symbol.section), little);
    setU64(view, at + 8, symbol.value, little);
    setU64(view, at + 16, symbol.size, little);
  }
  return bytes;
}

/** Without a bigint for the usual, small ones. */
function setU64(view: DataView, at: number, value: number, little: boolean): void {
  if (value >= 0 && value <= 0xffff_ffff) view.setUint32(little ? at : at + 4, value, little);
  else view.setBigUint64(at, BigInt(value), little);
}
