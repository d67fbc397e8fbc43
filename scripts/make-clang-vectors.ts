// Writes test/asm/corpus: what clang prints of generated C programs, and what its objects of them
// say, for machines where clang is not installed. Run by hand: node scripts/run-ts.mjs
// scripts/make-clang-vectors.ts
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { compilationFor, runClang } from '../test/asm/clang-compare.ts';
import { withFiles } from '../test/asm/tools.ts';
import { generateProgram } from '../test/support/c-generator.ts';

const DIRECTORY = 'test/asm/corpus';
/** Programs to choose from; the seeds are none of those that the tests generate by default. */
const FIRST_SEED = 100_000;
const SEEDS = 150;
const MAX_BYTES = 300_000;

/** One of each kind is kept: the compiler, the byte order, the level and the debug information. */
function kindOf({ clang, triple, cpu, flags }: ReturnType<typeof compilationFor>): string {
  const old = cpu === 'v1' || cpu === 'v2' ? 'old' : 'new';
  const debug = flags.find((flag) => flag.startsWith('-g')) ?? '';
  return `${clang} ${debug === '' ? triple : ''} ${old} ${debug}`;
}

const smallest = new Map<string, { readonly seed: number; readonly bytes: Uint8Array }>();
for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  const how = compilationFor(seed);
  const { clang, triple, cpu, flags } = how;
  const output = withFiles((path) => {
    writeFileSync(path(`${seed}.c`), generateProgram(seed, how.options));
    // The same on every machine. Two directories, because the text of DWARF 4 does not tell which is that
    // of the compilation.
    const places = ['-fdebug-compilation-dir=/build', `-ffile-prefix-map=${path('')}=/source/`];
    return runClang({ ...how, flags: [...flags, ...places] }, path(`${seed}.c`));
  });
  const bytes = gzipSync(JSON.stringify({ clang, triple, cpu, flags, output }), { level: 9 });
  const kind = kindOf(how);
  const known = smallest.get(kind);
  if (!known || bytes.length < known.bytes.length) smallest.set(kind, { seed, bytes });
}
mkdirSync(DIRECTORY, { recursive: true });
for (const name of readdirSync(DIRECTORY)) rmSync(`${DIRECTORY}/${name}`);
let total = 0;
for (const { seed, bytes } of smallest.values()) {
  writeFileSync(`${DIRECTORY}/${seed}.json.gz`, bytes);
  total += bytes.length;
}
console.log(`${smallest.size} programs, ${total} bytes`);
if (total > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
