import { defineConfig } from 'vitest/config';

export default defineConfig({
  // `using` is a SyntaxError on Node 20.
  oxc: { target: 'node20' },
  test: {
    reporters: ['default', './test/support/reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kernel/**'],
          // Nothing here keeps state between files, and loading the parser generator once per file is what takes time.
          isolate: false,
          // Against hanging; a shared machine can be ten times as slow as it was.
          testTimeout: 120_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          pool: 'forks',
          // One file at a time: they count descriptors, programs and maps of the whole machine.
          maxWorkers: 1,
          testTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
