// Readers beside libbpf's: the same programs, the same maps, in the same run.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Collection, canUseBpf, PerfBuffer, RingBuffer } from '../src/kernel/index.ts';
import { load, perfProgram, produce, ringPrograms } from '../test/support/readers.ts';

const RING_SIZE = 1 << 24;
/** With headers 14.4 MB. */
const RECORDS = 600_000;
/** 8 MiB hold 200,000 of them. */
const PERF_RECORDS = 150_000;
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
  const { status } = spawnSync('gcc', ['-O2', '-o', out, join('bench', 'readers.c'), '-lbpf']);
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

function row(name: string, ns: readonly number[], peer?: readonly number[]): void {
  const ratio = peer ? `   ${(median(ns) / median(peer)).toFixed(2)} of libbpf` : '';
  const [mid, best] = [median(ns), Math.min(...ns)].map((value) => value.toFixed(1).padStart(7));
  console.log(`  ${name.padEnd(46)} median ${mid} ns   best ${best} ns${ratio}`);
}

function benchRing(binary: string | undefined): void {
  using collection = ringPrograms(RING_SIZE);
  const [fields, views, copies]: number[][] = [[], [], []];
  const peer: number[] = [];
  const sum = { value: 0 };
  const perRecord = (ns: number): number => ns / RECORDS;
  for (let half = 0; half < 2; half++) {
    if (binary) peer.push(...timesInC(binary, 'ring', collection, RECORDS).map(perRecord));
    using ring = RingBuffer.open(collection.map('events'), { copy: false });
    using copied = RingBuffer.open(collection.map('events'));
    for (let round = 0; round < ROUNDS; round++) {
      produce(collection, RECORDS);
      fields!.push(
        perRecord(
          timedNs(() => {
            ring.consume((record) => {
              sum.value = (sum.value + record.u32(0)) | 0;
            });
          }),
        ),
      );
    }
    void copied;
    for (let round = 0; round < 3; round++) {
      produce(collection, RECORDS);
      views!.push(perRecord(timedNs(() => drain(ring))));
    }
  }
  using copied = RingBuffer.open(collection.map('events'));
  for (let round = 0; round < 3; round++) {
    produce(collection, RECORDS);
    copies!.push(perRecord(timedNs(() => drain(copied))));
  }
  console.log(`\nRing buffer, ${RECORDS} records of 16 bytes (limit ${LIMIT} of libbpf)`);
  if (binary) row('libbpf, ring_buffer__consume, one field', peer);
  row('consume, one field', fields!, binary ? peer : undefined);
  row('read, a view each', views!);
  row('read, a copy each', copies!);
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
      peer!.push(
        ...timesInC(binary, 'perf', collection, PERF_RECORDS / 2).map((ns) => ns / (PERF_RECORDS / 2)),
      );
    using events = PerfBuffer.open(collection.map('events'), {
      sizePerCpu: PERF_SIZE,
      copy: false,
      wakeupEvents: 2 ** 30,
    });
    for (let round = 0; round < ROUNDS; round++) {
      produce(collection, PERF_RECORDS / 2);
      times!.push(
        2 *
          perRecord(
            timedNs(() => {
              events.consume((record) => {
                sum.value = (sum.value + record.u32(0)) | 0;
              });
            }),
          ),
      );
    }
  }
  console.log(`\nPerf buffer, ${PERF_RECORDS / 2} records of 60 bytes`);
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
    benchRing(binary);
    benchPerf(binary);
    if (binary) await benchWake(binary);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
