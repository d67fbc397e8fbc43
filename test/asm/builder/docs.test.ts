import { describe, expect, test } from 'vitest';
import * as asm from '../../../src/asm/index.ts';
import { disassemble, object } from '../../../src/asm/index.ts';
import { writeElf } from '../../../src/elf/index.ts';
import { lower } from '../../../src/object/index.ts';
import { blocks, calls, runExamples } from './docs-examples.ts';

describe('docs/builder.md', async () => {
  const examples = await runExamples();

  test('its examples describe objects', () => {
    const specs = examples.flatMap(({ spec }) => spec ?? []);
    expect(specs.length).toBeGreaterThanOrEqual(6);
    for (const spec of specs) {
      expect(writeElf(lower(spec)).length).toBeGreaterThan(0);
      expect(disassemble(lower(spec))).toContain('\texit\n');
    }
  });

  test('its sizes and its report are right', () => {
    expect(examples.flatMap(({ sizes }) => sizes ?? [])).toEqual([24, 8, 16]);
    const report = examples.find((example) => example.report !== undefined)!.report;
    expect(blocks('').at(-1)!.trim()).toBe(report);
  });

  test.each(calls())('%s', (text) => {
    const run = new Function('p', 'names', `with (names) { ${text}; }`) as (
      p: unknown,
      names: unknown,
    ) => void;
    object((o) => {
      const fn = o.function('fn', (p) => p.exit());
      const kfunc = o.kfunc('bpf_rcu_read_lock');
      o.program('main', 'xdp', (p) => {
        run(p, { ...asm, fn, kfunc, out: p.here('out') });
        p.exit();
      });
    });
  });

  test('the table shows as many calls as it had', () => {
    expect(calls().length).toBeGreaterThan(35);
  });
});
