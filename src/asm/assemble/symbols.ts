import type { SymbolBinding, SymbolType, SymbolVisibility } from '../../object/relocatable.ts';
import type { Expr, InsnStatement, Range } from '../syntax/ast.ts';
import type { Prototype } from '../types/declarations.ts';
import type { SectionBuilder } from './section-builder.ts';

/** A name of the file: a label, a constant, or something that another file defines. */
export interface AsmSymbol {
  readonly name: string;
  /** Where it was defined; undefined for a name that is only used or declared. */
  defined: Range | undefined;
  /** A label's place. */
  section: SectionBuilder | undefined;
  /** Byte offset in its section; of a common symbol its alignment. */
  value: number;
  /** Of a constant; its own `.` is where the constant was set. */
  constant: { readonly expr: Expr; readonly here: Location } | undefined;
  /** True for constants that the object shows too: `.set`. */
  absolute: boolean;
  common: boolean;
  declared: boolean;
  binding: SymbolBinding | undefined;
  type: SymbolType;
  visibility: SymbolVisibility;
  size: { readonly expr: Expr; readonly here: Location } | undefined;
  /** True where a relocation needs it in the symbol table. */
  used: boolean;
  /** Of a function of the kernel: how it is declared. */
  prototype: Prototype | undefined;
  /** Its number in the object's table, once that is made. */
  index: number;
  /** Jumps that wait for its place. */
  waiting: WaitingJump[] | undefined;
  /** Those that are written but for their distance: the offsets of their instructions … */
  readonly jumps: number[];
  /** … in this section. */
  jumpsFrom: SectionBuilder | undefined;
}

/** A jump to a label that has not come yet. */
export interface WaitingJump {
  readonly section: SectionBuilder;
  readonly offset: number;
  readonly insn: InsnStatement;
}

/** A place in a section. */
export interface Location {
  readonly section: SectionBuilder;
  readonly offset: number;
}

/** Names that the assembler keeps to itself (LLVM, `MCAsmInfo::PrivateGlobalPrefix`). */
export function isTemporary(name: string): boolean {
  return name.startsWith('.L');
}

/** What a relocation names: a symbol, or a section where that has none of its own. */
export function isSymbol(target: AsmSymbol | SectionBuilder): target is AsmSymbol {
  return 'binding' in target;
}

export function newSymbol(name: string): AsmSymbol {
  return {
    name,
    defined: undefined,
    section: undefined,
    value: 0,
    constant: undefined,
    absolute: false,
    common: false,
    declared: false,
    binding: undefined,
    type: 'notype',
    visibility: 'default',
    size: undefined,
    used: false,
    prototype: undefined,
    index: 0,
    waiting: undefined,
    jumps: [],
    jumpsFrom: undefined,
  };
}

/** The names of a file, in the order of their first mention. */
export class SymbolTable {
  readonly #byName: Map<string, AsmSymbol> = new Map();

  find(name: string): AsmSymbol | undefined {
    return this.#byName.get(name);
  }

  /** The symbol of that name, made where it is new. */
  mention(name: string): AsmSymbol {
    const known = this.#byName.get(name);
    if (known) return known;
    const symbol = newSymbol(name);
    this.#byName.set(name, symbol);
    return symbol;
  }

  /** The names of an expression: the table has names in the order of their first use, as LLVM's. */
  mentionAll(expr: Expr): void {
    if (expr.kind === 'name') this.mention(expr.name);
    else if (expr.kind === 'binary') {
      this.mentionAll(expr.left);
      this.mentionAll(expr.right);
    }
  }

  all(): IterableIterator<AsmSymbol> {
    return this.#byName.values();
  }

  /** For suggestions. */
  *definedNames(): Generator<string> {
    for (const symbol of this.#byName.values()) if (symbol.defined) yield symbol.name;
  }
}
