import { SectionFlag, SectionType } from '../../object/relocatable.ts';
import { alignUp } from '../../util/bytes.ts';
import { parseVariable, type VariableDeclaration } from '../types/declarations.ts';
import { encodeVariable, type InitialValue } from '../types/encode.ts';
import type { Assembler } from './assembler.ts';
import type { SectionBuilder } from './section-builder.ts';

const { ALLOC, WRITE } = SectionFlag;

/** Where variables live, by what is known of them; the names are those of compilers. */
const SECTIONS = {
  '.rodata': { type: SectionType.PROGBITS, flags: ALLOC, entrySize: 0 },
  '.data': { type: SectionType.PROGBITS, flags: ALLOC | WRITE, entrySize: 0 },
  '.bss': { type: SectionType.NOBITS, flags: ALLOC | WRITE, entrySize: 0 },
} as const;

/**
 * Sections whose variables stay there, as libbpf names them: structs of functions for the kernel, and what
 * lies in the object's arena.
 */
const OWN_SECTIONS = /^(?:\??\.struct_ops(?:\.link)?|\.addr_space\.1)$/;

/** Read-only text that programs point to: `.rodata`. */
export function constantsSection(assembler: Assembler): SectionBuilder {
  return assembler.section('.rodata', SECTIONS['.rodata']);
}

function sectionOf(
  assembler: Assembler,
  { constant }: VariableDeclaration,
  value: InitialValue,
): SectionBuilder {
  const here = assembler.current;
  if (here && OWN_SECTIONS.test(here.name)) return here;
  if (constant) return constantsSection(assembler);
  const isZero = value.addresses.length === 0 && !value.bytes?.some((byte) => byte !== 0);
  const name = isZero ? '.bss' : '.data';
  return assembler.section(name, SECTIONS[name]);
}

/** `.var const u32 limit = 300`: a variable of C in `.rodata`, `.data` or `.bss`. */
export function declareVariable(
  assembler: Assembler,
  text: { readonly text: string; readonly base: number },
): void {
  const { language, options, problems } = assembler;
  const declared = parseVariable(language.types, text);
  if (!declared) {
    const name = /([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)*(?:=|$)/.exec(text.text)?.[1];
    if (name !== undefined) assembler.poison(name);
    return;
  }
  if (declared.linkage === 'extern') {
    problems.error(
      declared.range,
      'bad-declaration',
      "a variable of another file is declared with '.extern'",
    );
    return;
  }
  const value = encodeVariable(language.types, declared, options.endian);
  if (!value) {
    assembler.poison(declared.name);
    return;
  }
  place(assembler, declared, value);
}

function place(assembler: Assembler, declared: VariableDeclaration, value: InitialValue): void {
  const section = sectionOf(assembler, declared, value);
  const before = assembler.current;
  assembler.current = section;
  const gap = alignUp(section.size, value.align) - section.size;
  if (assembler.hasRoom(declared.range, gap + value.size)) {
    section.align = Math.max(section.align, value.align);
    section.fill(gap, 0);
    const symbol = assembler.defineLabel(declared.name, declared.range);
    const offset = section.size;
    if (value.bytes) section.append(value.bytes);
    else section.fill(value.size, 0);
    for (const { offset: at, name, addend, start, end } of value.addresses) {
      const target = { kind: 'name', name, start, end } as const;
      const number = { kind: 'number', value: addend, start, end } as const;
      section.items.push({
        kind: 'data',
        offset: offset + at,
        size: 8,
        value: addend === 0n ? target : { kind: 'binary', op: '+', left: target, right: number, start, end },
      });
    }
    if (symbol) {
      symbol.type = 'object';
      if (declared.linkage === 'global') symbol.binding = 'global';
      assembler.setSize(symbol, value.size);
      const { debug } = assembler;
      const type = debug.types.variable(declared, value.type);
      debug.variables.push({ section: section.name, type, offset, size: value.size });
    }
  }
  assembler.current = before;
}
