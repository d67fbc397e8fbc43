// Maps beside libbpf's calls: the same maps, in the same run.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MapFlag, MapType } from '../src/isa/kernel-tables.generated.ts';
import { BpfMap, canUseBpf } from '../src/kernel/index.ts';

const ENTRIES = 10_000;
const BATCH = 65_536;
/** The best of all counts: others load the machine, and nothing makes a run too fast. */
const HALVES = 4;
const ROUNDS = 12;

/** What is measured: our side works on `entries` entries and answers with anything, lest it be optimised away. */
interface Case {
  readonly name: string;
  /** The mode of the C program. */
  readonly mode: string;
  readonly map: BpfMap;
  readonly entries: number;
  /** Of libbpf's time. */
  readonly limit?: number;
  readonly work: () => unknown;
}

let sink: unknown;

/** Compiles libbpf's side; undefined where that cannot be done. */
function compileC(folder: string): string | undefined {
  const out = join(folder, 'maps');
  const args = ['-O2', '-o', out, join('bench', 'maps.c'), '-lbpf'];
  return spawnSync(process.env.CC ?? 'gcc', args).status === 0 ? out : undefined;
}

function bestInC(binary: string, { mode, map, entries }: Case): number {
  const args = [mode, `${map.info().id}`, `${entries}`, `${ROUNDS}`];
  const { status, stdout } = spawnSync(binary, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`maps ${args.join(' ')} ended with ${status}`);
  return Math.min(...stdout.trim().split('\n').map(Number)) / entries;
}

function bestHere({ work, entries }: Case): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    sink = work();
    best = Math.min(best, Number(process.hrtime.bigint() - start));
  }
  return best / entries;
}

function measure(binary: string | undefined, one: Case): void {
  let [ours, theirs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  // In turn, so that a drift of the machine meets both alike.
  for (let half = 0; half < HALVES; half++) {
    if (binary) theirs = Math.min(theirs, bestInC(binary, one));
    ours = Math.min(ours, bestHere(one));
  }
  const limit = one.limit === undefined ? '' : `, limit ${one.limit}`;
  const ratio = binary
    ? `   C ${theirs.toFixed(2).padStart(8)} ns   ratio ${(ours / theirs).toFixed(2)}${limit}`
    : '';
  console.log(`  ${one.name.padEnd(44)} ${ours.toFixed(2).padStart(8)} ns${ratio}`);
}

function* cases(hash: BpfMap, big: BpfMap, shared: BpfMap): Generator<Case> {
  const each = (act: (key: number) => unknown) => () => {
    let last: unknown;
    for (let key = 0; key < ENTRIES; key++) last = act(key);
    return last;
  };
  const single = { map: hash, entries: ENTRIES } as const;
  yield {
    ...single,
    name: 'get, u32 to u64',
    mode: 'lookup',
    limit: 1.5,
    work: each((key) => hash.get(key)),
  };
  yield {
    ...single,
    name: 'set, u32 to u64',
    mode: 'update',
    limit: 1.5,
    work: each((key) => hash.set(key, 7n)),
  };
  yield {
    ...single,
    name: 'get of an array',
    mode: 'lookup',
    map: shared,
    limit: 1.5,
    work: each((key) => shared.get(key)),
  };
  const batch = { map: big, entries: BATCH } as const;
  const all = {
    count: BATCH,
    keys: new Uint8Array(Uint32Array.from({ length: BATCH }, (_, key) => key).buffer),
    values: new Uint8Array(BigUint64Array.from({ length: BATCH }, (_, key) => BigInt(key)).buffer),
  };
  yield {
    ...batch,
    name: `readAll, ${BATCH} entries, sum`,
    mode: 'read-batch',
    limit: 1.1,
    work() {
      const { count, values } = big.readAll();
      const words = new Uint32Array(values.buffer, values.byteOffset, 2 * count);
      let total = 0;
      for (let at = 0; at < words.length; at += 2) total = (total + words[at]!) | 0;
      return total;
    },
  };
  yield {
    ...batch,
    name: `setAll of bytes, ${BATCH} entries`,
    mode: 'write-batch',
    limit: 1.1,
    work: () => big.setAll(all),
  };
  yield {
    ...batch,
    name: 'entries, as numbers and bigints',
    mode: 'read-batch',
    work: () => new Map(big).size,
  };
  const pairs = Array.from({ length: BATCH }, (_, key) => [key, BigInt(key)] as const);
  yield {
    ...batch,
    name: 'setAll of numbers and bigints',
    mode: 'write-batch',
    work: () => big.setAll(pairs),
  };
  yield { ...batch, name: 'keys, beside get_next_key', mode: 'walk', work: () => [...big.keys()].length };
}

function benchShared(binary: string | undefined, shared: BpfMap): void {
  using memory = shared.mmap();
  const words = memory.array(Uint32Array);
  const work = (): number => {
    let total = 0;
    for (let index = 0; index < ENTRIES; index++) total = (total + words[2 * index]!) | 0;
    return total;
  };
  const one = { name: 'mapped array, low word, sum', map: shared, entries: ENTRIES, work };
  measure(binary, { ...one, mode: 'mmap' });
  measure(binary, { ...one, name: '  beside the system call in C', mode: 'lookup', limit: 1 });
  const whole = (): unknown => {
    let last: unknown;
    for (let index = 0; index < ENTRIES; index++) last = memory.get(index);
    return last;
  };
  measure(binary, {
    ...one,
    name: 'mapped array, get: atomic, as a bigint',
    mode: 'lookup',
    limit: 1,
    work: whole,
  });
}

export function benchMaps(): void {
  const bpf = canUseBpf();
  if (!bpf.ok) {
    console.log(`\nMaps: left out, ${bpf.reason}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tsbpf-maps-'));
  try {
    const binary = compileC(folder);
    console.log(
      `\nMaps, ns an entry, best of ${HALVES * ROUNDS}${binary ? '' : ', without libbpf, which gcc cannot link here'}`,
    );
    const options = { keySize: 4, valueSize: 8 } as const;
    using hash = BpfMap.create({ ...options, name: 'hash', type: MapType.HASH, maxEntries: ENTRIES });
    using big = BpfMap.create({ ...options, name: 'big', type: MapType.HASH, maxEntries: BATCH });
    using shared = BpfMap.create({
      ...options,
      name: 'shared',
      type: MapType.ARRAY,
      maxEntries: ENTRIES,
      flags: MapFlag.MMAPABLE,
    });
    for (let key = 0; key < ENTRIES; key++) hash.set(key, 7n);
    big.setAll(Array.from({ length: BATCH }, (_, key) => [key, BigInt(key)]));
    for (const one of cases(hash, big, shared)) measure(binary, one);
    benchShared(binary, shared);
    if (sink === undefined) throw new Error('nothing was measured');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
