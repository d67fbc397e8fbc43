// Damages real objects a million times (or as often as is asked for) and reads what is left of them:
//   npm run mutate -- 1000000 [SEED]
// Nothing but an error of ours may come out, and none may take long. For a nightly run; the tests do
// a bounded number of the same.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Mutation, mutate, readAll } from '../test/elf/mutations.ts';

const count = Number(process.argv[2] ?? 1_000_000);
let state = Number(process.argv[3] ?? Date.now()) >>> 0 || 1;
const seed = state;

/** One damaged file takes some milliseconds; the rest is for the collector and other users of the machine. */
const MAX_MS = 2000;

/** xorshift32: from 0 up to 1, the same for the same seed everywhere. */
function random(): number {
  state ^= state << 13;
  state >>>= 0;
  state ^= state >>> 17;
  state ^= state << 5;
  state >>>= 0;
  return state / 2 ** 32;
}

const WORDS = [0, 1, 7, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

function anyMutation(): Mutation {
  const kind = random();
  const at = random();
  if (kind < 0.4) return { kind: 'flip', at, bit: Math.floor(random() * 8) };
  if (kind < 0.8) return { kind: 'word', at, value: WORDS[Math.floor(random() * WORDS.length)]! };
  if (kind < 0.85) return { kind: 'cut', at };
  return { kind: 'splice', from: random(), at, length: Math.floor(random() * 64) };
}

const originals = [
  'bpf',
  'bpf/generations',
  'test/object/fixtures/objects',
  'test/btf/fixtures/objects',
].flatMap((dir) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.o'))
    .map((name) => new Uint8Array(readFileSync(`${dir}/${name}`))),
);

const outcomes = { read: 0, refused: 0 };
let slowestMs = 0;
for (let run = 0; run < count; run++) {
  const original = originals[Math.floor(random() * originals.length)]!;
  const damaged = mutate(original, Array.from({ length: 1 + Math.floor(random() * 6) }, anyMutation));
  const start = performance.now();
  try {
    outcomes[readAll(damaged)]++;
  } catch (error) {
    fail(`run ${run} of seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`, damaged);
  }
  const tookMs = performance.now() - start;
  slowestMs = Math.max(slowestMs, tookMs);
  if (tookMs > MAX_MS) fail(`run ${run} of seed ${seed} took ${tookMs.toFixed(0)} ms`, damaged);
}
console.log(
  `${count} damaged objects, seed ${seed}: ${outcomes.read} read, ${outcomes.refused} refused, the slowest in ${slowestMs.toFixed(0)} ms`,
);

function fail(message: string, bytes: Uint8Array): never {
  mkdirSync('.tmp', { recursive: true });
  writeFileSync('.tmp/mutated.o', bytes);
  console.error(`${message}\n(kept as .tmp/mutated.o)`);
  process.exit(1);
}
