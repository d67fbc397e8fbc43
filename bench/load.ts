// A large object from its file into the kernel and out again, beside libbpf in the same run.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembleOrThrow } from '../src/asm/index.ts';
import { readObject, writeElf } from '../src/elf/index.ts';
import { canUseBpf, loadCollection } from '../src/kernel/index.ts';

const INSNS = 50_000;
const ROUNDS = 15;
/** Of libbpf's time. */
const LIMIT = 1.2;

/** What a generated program looks like: map look-ups, calls of helpers and of functions, arithmetic, branches. */
export function programText(): string {
  const lines: string[] = [];
  const block = (index: number): string[] => [
    `r1 = counts ll`,
    'r2 = r10',
    'r2 += -4',
    `*(u32 *)(r10 - 4) = ${index % 64}`,
    'call bpf_map_lookup_elem',
    `if r0 == 0 goto out${index}`,
    'r1 = *(u64 *)(r0 + 0)',
    ...Array.from({ length: 16 }, (_, at) => (at % 2 === 0 ? `r1 += ${at + index}` : 'r1 ^= r7')),
    '*(u64 *)(r0 + 0) = r1',
    `out${index}:`,
  ];
  // 26 slots a block.
  for (let index = 0; index * 26 < INSNS; index++) lines.push(...block(index));
  return `
    .license "GPL"
    .map counts, array, key=4, value=8, entries=64
    .program large, "socket"
    r7 = r1
    r7 = *(u32 *)(r1 + 0)
    ${lines.join('\n')}
    r0 = 0
    exit
`;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

function timesOfLibbpf(folder: string, object: string): number[] | undefined {
  const binary = join(folder, 'load');
  const { status } = spawnSync(process.env.CC ?? 'gcc', [
    '-O2',
    '-o',
    binary,
    join('bench', 'load.c'),
    '-lbpf',
  ]);
  if (status !== 0) return undefined;
  const run = spawnSync(binary, [object, `${ROUNDS}`], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`load ended with ${run.status}: ${run.stderr}`);
  return run.stdout.trim().split('\n').map(Number);
}

function timesOfOurs(object: string): number[] {
  return Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    using _collection = loadCollection(readObject(readFileSync(object)));
    return performance.now() - start;
  });
}

export function benchLoad(): void {
  const bpf = canUseBpf();
  if (!bpf.ok) {
    console.log(`\nLoad: left out, ${bpf.reason}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tsbpf-load-'));
  try {
    const object = join(folder, 'large.o');
    writeFileSync(object, writeElf(assembleOrThrow({ name: 'large.s', text: programText() }).object));
    const peer: number[] = [];
    const ours: number[] = [];
    for (let half = 0; half < 2; half++) {
      peer.push(...(timesOfLibbpf(folder, object) ?? []));
      ours.push(...timesOfOurs(object));
    }
    console.log(`\nLoad of an object of ${INSNS} instructions, wall time (limit ${LIMIT} of libbpf)`);
    const show = (name: string, times: readonly number[], note = ''): void =>
      console.log(
        `  ${name.padEnd(46)} first ${times[0]!.toFixed(1).padStart(6)} ms   median ${median(times).toFixed(1).padStart(6)} ms${note}`,
      );
    if (peer.length === 0) console.log('  without libbpf, which gcc cannot link here');
    else show('libbpf, open, load and close', peer);
    show(
      'readObject, loadCollection, close',
      ours,
      peer.length > 0 ? `   ${(median(ours) / median(peer)).toFixed(2)} of libbpf` : '',
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
