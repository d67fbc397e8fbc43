import { release } from 'node:os';
import { expect, test } from 'vitest';
import { isGplOnly } from '../../scripts/probe-gpl.ts';
import { HELPERS } from '../../src/isa/index.ts';
import { describeKernel } from '../support/kernel.ts';

describeKernel('the table of helpers', () => {
  test('says of each helper whether it is GPL-only as the running kernel does', ({ skip }) => {
    const table = '6.18';
    if (!release().startsWith(`${table}.`)) skip(`the table is of Linux ${table}, this is ${release()}`);
    const wrong = HELPERS.flatMap(({ id, name, gplOnly }) => {
      const answer = isGplOnly(id);
      return answer === undefined || answer === gplOnly ? [] : [`${name}: ${answer}`];
    });
    expect(wrong).toEqual([]);
  });
});
