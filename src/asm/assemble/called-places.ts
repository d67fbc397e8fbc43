import { type Prototype, parsePrototype } from '../types/declarations.ts';
import type { Assembler } from './assembler.ts';
import type { OwnFunction } from './debug-info.ts';
import type { SectionBuilder } from './section-builder.ts';
import { type AsmSymbol, isTemporary } from './symbols.ts';

/** What the emitter and these functions need of the assembler. */
type Own = Pick<Assembler, 'debug' | 'language' | 'symbols'>;

/** A function of which nothing is said: what the kernel asks of those without arguments that it checks. */
export const UNTOLD = 'int f(void)';

/**
 * A place that is called or whose address is taken: to the kernel a function begins there. It gets a
 * symbol and a FUNC as others have, or the kernel would refuse what is said of the rest: it wants a
 * record for each function (Linux, `check_btf_func`). Nothing is done in files without functions of
 * the language.
 */
export function noteCalledPlace(own: Own, section: SectionBuilder, offset: number, label?: AsmSymbol): void {
  const { functions } = own.debug;
  if (functions.length === 0 || !section.hasCode || offset % 8 !== 0) return;
  // What is no instruction, such as the second half of an `lddw`, the linker refuses.
  if (offset < 0 || offset >= section.size || section.placeOf(offset) === undefined) return;
  if (own.debug.startsAt(section, offset)) return;
  const usable = label && !isTemporary(label.name) && !label.constant;
  const symbol = usable ? label : unnamed(own, section, offset);
  symbol.type = 'func';
  own.debug.add({ symbol, section, type: (btf) => btf.func(untold(own, symbol.name)) });
}

function untold({ language }: Own, name: string): Prototype {
  return { ...parsePrototype(language.types, { text: UNTOLD })!, name, linkage: 'static' };
}

/** A symbol for a function that the text has no name for. */
function unnamed({ symbols }: Own, section: SectionBuilder, offset: number): AsmSymbol {
  let name = `function_at_${offset / 8}`;
  while (symbols.find(name)) name += '_';
  const symbol = symbols.mention(name);
  const at = section.placeOf(offset)!;
  symbol.defined = { start: at, end: at };
  symbol.section = section;
  symbol.value = offset;
  return symbol;
}

/** Functions end where the next one begins; those that other directives than ours declare get a FUNC too. */
export function settleFunctions({ debug, language, symbols, evaluator }: Assembler): void {
  const own = { debug, language, symbols };
  const sections = new Set(debug.functions.map(({ section }) => section));
  for (const symbol of symbols.all())
    if (symbol.type === 'func' && symbol.section && sections.has(symbol.section))
      noteCalledPlace(own, symbol.section, symbol.value, symbol);
  for (const section of sections) {
    const list = debug.functions.filter((one) => one.section === section);
    list.sort((a, b) => a.symbol.value - b.symbol.value);
    settleSection(list, section, (symbol) => {
      const { size } = symbol;
      if (!size) return undefined;
      const value = evaluator.number(size.expr, size.here, `the size of '${symbol.name}'`);
      return value === undefined ? 0 : Number(value);
    });
  }
}

function settleSection(
  list: readonly OwnFunction[],
  section: SectionBuilder,
  sizeOf: (symbol: AsmSymbol) => number | undefined,
): void {
  // How far the function reaches that a place lies in.
  let reach = 0;
  for (const [index, { symbol }] of list.entries()) {
    const { value } = symbol;
    const size = sizeOf(symbol);
    const own = size === undefined ? (reach > value ? reach : section.size) : value + size;
    reach = Math.max(reach, own);
    const next = list[index + 1]?.symbol.value ?? section.size;
    if (size !== undefined && own <= next) continue;
    const range = symbol.defined!;
    const expr = { kind: 'number', value: Math.min(own, next) - value, ...range } as const;
    symbol.size = { expr, here: { section, offset: value } };
  }
}
