import { fc, test } from '@fast-check/vitest';

// A run of CI answers for the change at hand: with TSBPF_SEED it draws the same cases each time.
// Without it, as in `npm test` by hand, every run draws new ones, and prints the seed of each test.
const { TSBPF_SEED: seed } = process.env;
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });

export { fc, test };
