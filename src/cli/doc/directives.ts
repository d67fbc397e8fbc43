import { DIRECTIVE_DOCS } from '../../asm/assemble/directive-docs.ts';
import { facts, type Page, type Shelf } from './page.ts';

const ORIGINS = { llvm: 'LLVM has it too', own: 'only here' } as const;

function page(name: string): Page {
  const { syntax, text, origin } = DIRECTIVE_DOCS[name]!;
  return {
    kind: 'directive',
    name,
    summary: text,
    blocks: [
      { kind: 'code', language: 'asm', text: syntax },
      { kind: 'text', text },
      facts(['origin', ORIGINS[origin]]),
    ],
    data: { syntax, origin },
  };
}

export const directives: Shelf = {
  kind: 'directive',
  title: 'Directives',
  file: 'docs/reference/directives.md',
  introduction:
    'Lines for the assembler itself. Capitals stand for what you fill in, brackets for what may be left out.',
  list: () => Object.entries(DIRECTIVE_DOCS).map(([name, { text }]) => ({ name, summary: text })),
  find: (name) => [name, `.${name}`].filter((one) => Object.hasOwn(DIRECTIVE_DOCS, one)).map(page),
  spellings: () => Object.keys(DIRECTIVE_DOCS),
};
