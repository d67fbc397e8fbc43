import { writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { generateProgram } from '../support/c-generator.ts';
import { COMPILERS, compilationFor, differences, runClang } from './clang-compare.ts';
import { testWith, withFiles } from './tools.ts';

/**
 * How many programs are generated: TSBPF_CLANG_PROGRAMS, 72 by default (12 s on a machine that does
 * nothing else). Every one is the same on every machine; TSBPF_CLANG_FIRST tells the first one's seed.
 */
const COUNT = Number(process.env.TSBPF_CLANG_PROGRAMS ?? 72);
const FIRST = Number(process.env.TSBPF_CLANG_FIRST ?? 0);
const PARTS = 9;

describe('generated C programs', () => {
  testWith(...COMPILERS.map(([clang]) => clang)).each(Array.from({ length: PARTS }, (_, part) => part))(
    'what clang prints of them becomes what clang makes of them (part %i)',
    (part) => {
      for (let seed = FIRST + part; seed < FIRST + COUNT; seed += PARTS) {
        const how = compilationFor(seed);
        const found = withFiles((path) => {
          writeFileSync(path(`${seed}.c`), generateProgram(seed, how.options));
          return differences(runClang(how, path(`${seed}.c`)), how.triple);
        });
        expect(found, `seed ${seed}: ${how.clang} ${how.triple} ${how.cpu} ${how.flags.join(' ')}`).toEqual(
          [],
        );
      }
    },
    20_000 + COUNT * 2000,
  );
});
