// Readers beside libbpf's: the same programs, the same maps, in the same run.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Collection, canUseBpf, PerfBuffer, RingBuffer } from '../src/kernel/index.ts';
import { load, perfProgram, produce } from '../test/support/readers.ts';

const RING_SIZE = 1 << 24;
/** Of 80 bytes in a ring: 6 MB. */
const PERF_RECORDS = 75_000;
const PERF_SIZE = 8 << 20;
const ROUNDS = 9;
const WAKE_UPS = 1500;
/** Of libbpf's time. */
const LIMIT = 1.3;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

function timedNs(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start);
}

/** Compiles libbpf's side; undefined where that cannot be done. */
function compileC(folder: string): string | undefined {
  const out = join(folder, 'readers');
  const { status } = spawnSync(process.env.CC ?? 'gcc', [
    '-O2',
    '-o',
    out,
    join('bench', 'readers.c'),
    '-lbpf',
  ]);
  return status === 0 ? out : undefined;
}

function idsOf(collection: Collection, program = 'write_events'): string[] {
  return [`${collection.map('events').info().id}`, `${collection.program(program).id}`];
}

function timesInC(binary: string, mode: string, collection: Collection, records: number): number[] {
  const args = [mode, ...idsOf(collection), `${records}`, `${ROUNDS}`];
  const { status, stdout } = spawnSync(binary, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`readers ${args.join(' ')} ended with ${status}`);
  return stdout.trim().split('\n').map(Number);
}

/** The same in a process of ours. */
function timesHere(collection: Collection, records: number, ...more: string[]): number[] {
  const args = [join('scripts', 'run-ts.mjs'), join('bench', 'readers-ring.ts'), ...idsOf(collection)];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...args, `${records}`, `${ROUNDS}`, ...more],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`readers-ring ended with ${status}: ${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((ns) => Number(ns) / records);
}

function row(name: string, ns: readonly number[], peer?: readonly number[]): void {
  const ratio = peer ? `   ${(median(ns) / median(peer)).toFixed(2)} of libbpf` : '';
  const [mid, best] = [median(ns), Math.min(...ns)].map((value) => value.toFixed(1).padStart(7));
  console.log(`  ${name.padEnd(46)} median ${mid} ns   best ${best} ns${ratio}`);
}

/** Writes records of so many bytes, of which the first four count. */
function countingProgram(size: number): Collection {
  const zeros = Array.from({ length: size / 8 }, (_, index) => `*(u64 *)(r10 - ${8 * (index + 1)}) = 0`);
  return load(`
    .license "GPL"
    .map events, ringbuf, entries=${RING_SIZE}
    .var u64 total
    .program write_events, "xdp"
    ${zeros.join('\n')}
    r1 = total ll
    r6 = 1
    r6 = atomic_fetch_add((u64 *)(r1 + 0), r6)
    *(u32 *)(r10 - ${size}) = r6
    r1 = events ll
    r2 = r10
    r2 += -${size}
    r3 = ${size}
    r4 = BPF_RB_NO_WAKEUP
    call bpf_ringbuf_output
    exit
`);
}

function benchRing(binary: string | undefined, size: number): void {
  using collection = countingProgram(size);
  const records = Math.floor((0.9 * RING_SIZE) / (size + 8));
  const times: Readonly<Record<'peer' | 'only' | 'field' | 'view' | 'copy', number[]>> = {
    peer: [],
    only: [],
    field: [],
    view: [],
    copy: [],
  };
  const sum = { value: 0 };
  const time = (into: number[], work: () => void): void => {
    produce(collection, records);
    into.push(timedNs(work) / records);
  };
  for (let half = 0; half < 2; half++) {
    if (binary) times.peer.push(...timesInC(binary, 'ring', collection, records).map((ns) => ns / records));
    times.only.push(...timesHere(collection, records));
    using views = RingBuffer.open(collection.map('events'), { copy: false });
    for (let round = 0; round < ROUNDS; round++) {
      time(times.field, () => {
        views.consume((record) => {
          sum.value ^= record.u32(0);
        });
      });
    }
    for (let round = 0; round < 3; round++) time(times.view, () => drain(views));
    views.close();
    using copies = RingBuffer.open(collection.map('events'));
    for (let round = 0; round < 3; round++) time(times.copy, () => drain(copies));
  }
  console.log(`\nRing buffer, ${records} records of ${size} bytes (limit ${LIMIT} of libbpf)`);
  if (binary) row('libbpf, ring_buffer__consume, one field', times.peer);
  row('consume, one field', times.only, binary ? times.peer : undefined);
  row('  of one of several rings', times.field, binary ? times.peer : undefined);
  row('read, a view each', times.view);
  row('read, a copy each', times.copy);
}

function drain(ring: RingBuffer): void {
  while (ring.read() !== undefined);
}

function benchPerf(binary: string | undefined): void {
  using collection = perfProgram(60);
  const [times, peer]: number[][] = [[], []];
  const sum = { value: 0 };
  const perRecord = (ns: number): number => ns / PERF_RECORDS;
  for (let half = 0; half < 2; half++) {
    if (binary)
      peer!.push(...timesInC(binary, 'perf', collection, PERF_RECORDS).map((ns) => ns / PERF_RECORDS));
    using events = PerfBuffer.open(collection.map('events'), {
      sizePerCpu: PERF_SIZE,
      copy: false,
      wakeupEvents: 2 ** 30,
    });
    for (let round = 0; round < ROUNDS; round++) {
      produce(collection, PERF_RECORDS);
      times!.push(
        perRecord(
          timedNs(() => {
            events.consume((record) => {
              sum.value ^= record.u32(0);
            });
          }),
        ),
      );
    }
  }
  console.log(`\nPerf buffer, ${PERF_RECORDS} records of 60 bytes`);
  if (binary) row('libbpf, perf_buffer__consume, one field', peer!);
  row('consume, one field', times!, binary ? peer : undefined);
}

/** Writes the time of writing. */
function stampProgram(): Collection {
  return load(`
    .license "GPL"
    .map events, ringbuf, entries=1 << 20
    .program write_events, "xdp"
    call bpf_ktime_get_ns
    *(u64 *)(r10 - 8) = r0
    r1 = events ll
    r2 = r10
    r2 += -8
    r3 = 8
    r4 = 0
    call bpf_ringbuf_output
    r0 = 0
    exit
`);
}

async function benchWake(binary: string): Promise<void> {
  const latencies: [p50: number, p99: number][] = [];
  const inC: [p50: number, p99: number][] = [];
  for (let round = 0; round < 3; round++) {
    using collection = stampProgram();
    const child = spawn(binary, ['wake', ...idsOf(collection), '1', `${WAKE_UPS}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
    });
    await once(child.stdout, 'data');
    spawn(binary, ['produce', ...idsOf(collection), '1', `${WAKE_UPS}`]);
    await once(child, 'close');
    inC.push(text.trim().split('\n')[1]!.split(' ').map(Number) as [number, number]);
    latencies.push(await wakeUps(binary));
  }
  const show = (name: string, pairs: readonly [number, number][]): void =>
    console.log(
      `  ${name.padEnd(46)} p50 ${(median(pairs.map(([p50]) => p50)) / 1000).toFixed(1)} us   p99 ${(median(pairs.map(([, p99]) => p99)) / 1000).toFixed(1)} us`,
    );
  console.log(`\nWake-up, ${WAKE_UPS} at 1 kHz (limit ${LIMIT} of libbpf)`);
  show('libbpf, ring_buffer__poll', inC);
  show('for await', latencies);
  const ratio = median(latencies.map(([p50]) => p50)) / median(inC.map(([p50]) => p50));
  console.log(`  ${''.padEnd(46)} ${ratio.toFixed(2)} of libbpf`);
}

async function wakeUps(binary: string): Promise<[number, number]> {
  using collection = stampProgram();
  using ring = RingBuffer.open(collection.map('events'), { decode: (record) => record.number64(0) });
  spawn(binary, ['produce', ...idsOf(collection), '1', `${WAKE_UPS}`]);
  const seen: number[] = [];
  for await (const written of ring) {
    seen.push(Number(process.hrtime.bigint()) - written);
    if (seen.length === WAKE_UPS) break;
  }
  seen.sort((a, b) => a - b);
  return [seen[seen.length >> 1]!, seen[Math.floor(seen.length * 0.99)]!];
}

export async function benchReaders(): Promise<void> {
  const bpf = canUseBpf();
  if (!bpf.ok) {
    console.log(`\nReaders: left out, ${bpf.reason}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tsbpf-readers-'));
  try {
    const binary = compileC(folder);
    if (!binary) console.log('\nReaders: without libbpf, which gcc cannot link here');
    benchRing(binary, 16);
    benchRing(binary, 64);
    benchPerf(binary);
    if (binary) await benchWake(binary);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
