import { type Prototype, prototypeText } from '../../isa/prototype.ts';
import { parsePrototype } from '../types/declarations.ts';
import { TypeRegistry } from '../types/registry.ts';
import type { Assembler } from './assembler.ts';
import { helperIds } from './constants.ts';
import type { AsmSymbol } from './symbols.ts';

/** Names that are called, and that neither the file nor the table of helpers knows. */
export function* unknownCalls({ sections, symbols }: Assembler): Generator<AsmSymbol> {
  for (const { items } of sections)
    for (const item of items) {
      const target = item.kind === 'insn' && item.insn.def.kind === 'call' ? item.insn.target : undefined;
      if (target?.kind !== 'name' || helperIds().has(target.name)) continue;
      const symbol = symbols.mention(target.name);
      if (!symbol.defined && !symbol.prototype) yield symbol;
    }
}

/** Tags make no difference to whether the kernel's function fits. */
const TYPE_TAG = /__attribute__\(\(btf_type_tag\("[^"]*"\)\)\)/g;

/** Takes what is called and is one of the kernel's functions for declared. */
export function declareKfuncs(assembler: Assembler, kfuncs: Readonly<Record<string, Prototype>>): void {
  assembler.kfuncNames = Object.keys(kfuncs);
  let types: TypeRegistry | undefined;
  for (const symbol of unknownCalls(assembler)) {
    if (!Object.hasOwn(kfuncs, symbol.name)) continue;
    // The table's types are none of the file's: whatever is said of them is not for its reader.
    types ??= new TypeRegistry({ error: () => {}, suggest: () => [], label: assembler.problems.label });
    const text = prototypeText(symbol.name, kfuncs[symbol.name]!).replaceAll(TYPE_TAG, '');
    nameEnums(types, text);
    const prototype =
      parsePrototype(types, { text }) ?? parsePrototype(types, { text: `void ${symbol.name}(void)` });
    symbol.declared = true;
    symbol.prototype = prototype && { ...prototype, linkage: 'extern' };
  }
}

/** A struct is declared by naming it, an enum is not: its values do not matter to whether the kernel's function fits. */
function nameEnums(types: TypeRegistry, prototype: string): void {
  for (const [, name = ''] of prototype.matchAll(/\benum (\w+)/g)) {
    if (types.find(name)) continue;
    types.addEnum({ kind: 'enum', name, definedAt: undefined, values: [], size: 4, signed: false });
  }
}
