import type { RawText } from '../syntax/raw-directives.ts';
import { declareComposite, declareEnum, declareTypedef } from '../types/declarations.ts';
import type { Assembler, DirectiveHandler, DirectiveStatement } from './assembler.ts';
import { declareVariable } from './variables.ts';

/** The text behind the name of a directive that reads it itself, where there is one. */
export function rawOf(assembler: Assembler, line: DirectiveStatement, wanted: string): RawText | undefined {
  if (line.raw && line.raw.text !== '') return line.raw;
  const at = { start: line.end, end: line.end };
  assembler.problems.error(at, 'argument', `'${line.name}' needs ${wanted}`);
  return undefined;
}

/** What a directive does with the C that stands behind its name. */
function declaration(
  wanted: string,
  declare: (assembler: Assembler, text: { readonly text: string; readonly base: number }) => unknown,
): DirectiveHandler {
  return (assembler, line) => {
    const raw = rawOf(assembler, line, wanted);
    if (raw) declare(assembler, { text: raw.text, base: raw.start });
  };
}

/** Directives with C's declarations. */
export const TYPE_DIRECTIVES: Readonly<Record<string, DirectiveHandler>> = {
  '.struct': declaration("a name and members: '.struct event { u32 pid; }'", ({ language }, text) =>
    declareComposite(language.types, 'struct', text),
  ),
  '.union': declaration("a name and members: '.union address { u32 v4; u8 v6[16]; }'", ({ language }, text) =>
    declareComposite(language.types, 'union', text),
  ),
  '.enum': declaration("values: '.enum colour { RED, GREEN = 5 }'", ({ language }, text) =>
    declareEnum(language.types, text),
  ),
  '.typedef': declaration("a declaration: '.typedef u32 address_t'", ({ language }, text) =>
    declareTypedef(language.types, text),
  ),
  '.var': declaration("a declaration: '.var u64 total'", (assembler, text) =>
    declareVariable(assembler, text),
  ),
};
