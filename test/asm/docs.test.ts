import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DIRECTIVES } from '../../src/asm/assemble/directives.ts';
import { assemble } from '../../src/asm/index.ts';
import { renderDiagnostics } from '../../src/util/index.ts';

const page = readFileSync(new URL('../../docs/language.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^```asm\n([\s\S]*?)^```$/gm)].map((match) => match[1]!);

describe('docs/language.md', () => {
  test.each(examples.map((text) => [text.split('\n')[0]!.trim(), text]))('example %s', (_name, text) => {
    const { diagnostics } = assemble({ name: 'docs/language.md', text });
    expect(renderDiagnostics(diagnostics)).toBe('');
  });

  test('every instruction that its table shows assembles', () => {
    const table = page.slice(page.search(/^\| what +\| how/m), page.indexOf('Comparisons are'));
    const insns = [...table.matchAll(/`([^`]+)`/g)]
      .map((match) => match[1]!)
      .filter((text) => !/^(_|\+=|\|=|\\\|)/.test(text) && !text.startsWith('+= '));
    expect(insns.length).toBeGreaterThan(35);
    const names = 'out: far_away: my_function: exit\n.extern counter';
    for (const text of insns) {
      const { diagnostics } = assemble({ name: text, text: `${text.replaceAll('\\|', '|')}\n${names}` });
      expect(renderDiagnostics(diagnostics)).toBe('');
    }
  });

  test('every directive is mentioned', () => {
    const synonyms = ['.global', '.hword', '.2byte', '.int', '.word', '.4byte', '.8byte', '.string'];
    const missing = [...DIRECTIVES.keys()].filter(
      (name) => !synonyms.includes(name) && !page.includes(`${name}`),
    );
    expect(missing).toEqual([]);
  });
});
