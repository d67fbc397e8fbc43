import { expect, test } from 'vitest';
import { assemble } from '../../src/asm/assemble/assemble.ts';
import { DIRECTIVE_DOCS } from '../../src/asm/assemble/directive-docs.ts';
import { DIRECTIVES } from '../../src/asm/assemble/directives.ts';

test('every directive of the table is documented', () => {
  expect([...DIRECTIVES.keys()].filter((name) => DIRECTIVE_DOCS[name] === undefined)).toEqual([]);
});

test('every directive that is documented is known to the assembler', () => {
  // What reads the text (.macro, .if) is in no table: the assembler is asked.
  const unknown = Object.keys(DIRECTIVE_DOCS).filter((name) =>
    assemble(`${name}\n`).diagnostics.some(({ code }) => code === 'unknown-directive'),
  );
  expect(unknown).toEqual([]);
});

test('the syntax begins with the name, and the text is a sentence', () => {
  const wrong = Object.entries(DIRECTIVE_DOCS).filter(
    ([name, { syntax, text }]) => syntax.split(' ')[0] !== name || !/^[A-Z].*\.$/.test(text),
  );
  expect(wrong).toEqual([]);
});
