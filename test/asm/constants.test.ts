import { expect, test } from 'vitest';
import { namedConstants } from '../../src/asm/assemble/constants.ts';
import { RETURN_CODES } from '../../src/isa/return-codes.ts';

test('every return code with a name can be written by it', () => {
  const codes = RETURN_CODES.flatMap(({ codes: list }) => list).filter(({ name }) => name !== undefined);
  expect(codes.length).toBeGreaterThan(40);
  for (const { name, value } of codes)
    expect([name, namedConstants().get(name!)]).toEqual([name, BigInt(value)]);
});
