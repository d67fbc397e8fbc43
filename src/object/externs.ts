import type { Context } from './context.ts';
import type { ElfSymbol } from './relocatable.ts';
import type { ExternSpec } from './spec.ts';

/** What the object refers to and does not define; its BTF says what each is, if anything does. */
export function collectExterns(context: Context): Map<string, ExternSpec> {
  const out = new Map<string, ExternSpec>();
  for (const symbol of context.object.symbols) {
    if (symbol.section !== 'undefined' || symbol.name === '' || out.has(symbol.name)) continue;
    out.set(symbol.name, Object.freeze(externOf(context, symbol)));
  }
  return out;
}

function externOf({ btf }: Context, { name, binding }: ElfSymbol): ExternSpec {
  const weak = binding === 'weak';
  const found = btf?.extern(name);
  if (!btf || !found) return { name, kind: 'unknown', weak, type: undefined };
  const isFunction = btf.btf.kindOf(found.type) === 'func';
  return { name, kind: kindOf(found.section, isFunction), weak, type: found.type };
}

function kindOf(section: string | undefined, isFunction: boolean): ExternSpec['kind'] {
  if (section === '.ksyms') return isFunction ? 'kfunc' : 'ksym';
  if (section === '.kconfig') return 'kconfig';
  if (section === '.maps') return 'map';
  return isFunction ? 'function' : 'unknown';
}
