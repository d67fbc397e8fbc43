import { describe, expect } from 'vitest';
import { readObject, writeElf } from '../../src/elf/index.ts';
import { Modeller, planForLibbpf } from '../object/model.ts';
import { test as property } from '../support/property.ts';
import { factsOfLibbpf, factsOfOurs } from './compare.ts';
import { askLibbpf, hasLibbpf } from './libbpf.ts';

describe.skipIf(!hasLibbpf())('a generated object', () => {
  property.prop([planForLibbpf], { numRuns: 200 })(
    'means what libbpf says it means, slot for slot',
    (plan) => {
      const object = writeElf(new Modeller(plan).model().object);
      const answer = askLibbpf([object])[0]!;
      expect(answer.error).toBeUndefined();
      expect(answer.programs.size).toBeGreaterThan(0);
      expect(factsOfOurs(readObject(object), answer)).toEqual(factsOfLibbpf(answer));
    },
    60_000,
  );
});
