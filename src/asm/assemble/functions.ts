import { programKind } from '../../object/section-names.ts';
import type { Range } from '../syntax/ast.ts';
import type { RawText } from '../syntax/raw-directives.ts';
import { typeText } from '../types/c-type.ts';
import { type Prototype, parsePrototype } from '../types/declarations.ts';
import { contextType } from '../types/field-path.ts';
import type { Assembler, DirectiveStatement } from './assembler.ts';
import { UNTOLD } from './called-places.ts';
import { rawOf } from './directives-types.ts';
import type { SectionBuilder } from './section-builder.ts';
import type { AsmSymbol } from './symbols.ts';

interface Name extends Range {
  readonly name: string;
}

/** The prototype that a text of ours has, under another name. */
function known(assembler: Assembler, text: string, name: string, linkage: Prototype['linkage']): Prototype {
  return { ...parsePrototype(assembler.language.types, { text })!, name, linkage };
}

/** Opens a function: what was open ends, and a FUNC symbol stands where the next instruction goes. */
function openFunction(assembler: Assembler, name: Name, section: SectionBuilder): AsmSymbol | undefined {
  assembler.closeFunction();
  assembler.enter(section);
  section.align = Math.max(section.align, 8);
  const symbol = assembler.defineLabel(name.name, name);
  if (!symbol) return undefined;
  symbol.type = 'func';
  symbol.declared = true;
  assembler.open = { symbol, section };
  return symbol;
}

/** A function that a loader finds by its name; the section's tells what it is given. */
export function openProgram(assembler: Assembler, name: Name, section: SectionBuilder): void {
  const symbol = openFunction(assembler, name, section);
  if (!symbol) return;
  symbol.binding = 'global';
  const { types } = assembler.language;
  const progType = programKind(section.name)?.progType;
  const context = progType === undefined ? undefined : contextType(types, progType);
  const parameter = context ? `${typeText(context)} *ctx` : 'void *ctx';
  assembler.debug.add({
    symbol,
    section,
    type: (btf) => btf.func(known(assembler, `int f(${parameter})`, name.name, 'global')),
  });
}

const SimpleName = /^(?!\d)[\w.$]+(?=\s*(?:,|$))/;
const Linkage = /^\s*,\s*linkage\s*=\s*(global|static)\s*$/;

/** `.function half`, `.function int half(u32 x)`, both with `, linkage=global` behind them. */
export function declareFunction(assembler: Assembler, line: DirectiveStatement): void {
  const raw = rawOf(assembler, line, 'the name of the function');
  if (!raw) return;
  const simple = SimpleName.exec(raw.text)?.[0];
  const end = simple === undefined ? raw.text.lastIndexOf(')') + 1 : simple.length;
  const global = linkageOf(assembler, raw, end);
  if (global === undefined) return;
  const text = { text: raw.text.slice(0, end || undefined), base: raw.start };
  const prototype = simple === undefined ? parsePrototype(assembler.language.types, text) : undefined;
  if (simple === undefined && !prototype) return;
  const name = prototype
    ? { name: prototype.name, ...prototype.range }
    : { name: simple!, start: raw.start, end: raw.start + end };
  const section = assembler.section('.text', undefined);
  const symbol = openFunction(assembler, name, section);
  if (!symbol) return;
  const isGlobal = global === 'global';
  if (isGlobal) symbol.binding = 'global';
  // The kernel checks global functions by their prototype alone: without one it had better not.
  const linkage = isGlobal && prototype ? 'global' : 'static';
  assembler.debug.add({
    symbol,
    section,
    type: (btf) =>
      btf.func(prototype ? { ...prototype, linkage } : known(assembler, UNTOLD, name.name, linkage)),
  });
}

function linkageOf(assembler: Assembler, raw: RawText, from: number): 'global' | 'static' | undefined {
  const rest = raw.text.slice(from);
  if (rest.trim() === '' || from === 0) return 'static';
  const found = Linkage.exec(rest)?.[1];
  if (found !== undefined) return found as 'global' | 'static';
  const start = raw.start + from + (rest.length - rest.replace(/^[\s,]+/, '').length);
  assembler.problems.error(
    { start, end: Math.max(raw.end, start + 1) },
    'argument',
    "expected 'linkage=global' or 'linkage=static'",
  );
  return undefined;
}

const Names = /^[\w.$]+(?:\s*,\s*[\w.$]+)*$/;

/** `.extern counter, total`, `.extern void bpf_rcu_read_lock(void)`: what another file or the kernel defines. */
export function declareExtern(assembler: Assembler, line: DirectiveStatement): void {
  const raw = rawOf(assembler, line, 'a name');
  if (!raw) return;
  if (Names.test(raw.text)) {
    for (const name of raw.text.split(',')) declare(assembler, name.trim());
    return;
  }
  const prototype = parsePrototype(assembler.language.types, { text: raw.text, base: raw.start });
  if (!prototype) return;
  const symbol = declare(assembler, prototype.name);
  symbol.prototype = { ...prototype, linkage: 'extern' };
}

function declare(assembler: Assembler, name: string): AsmSymbol {
  const symbol = assembler.symbols.mention(name);
  symbol.declared = true;
  return symbol;
}
