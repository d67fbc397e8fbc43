// Load, attach, traffic, detach, for ten minutes (or SOAK_MINUTES): what a service that runs for months must survive.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { assembleOrThrow } from '../src/asm/index.ts';
import { attach, attachXdpLink, canUseBpf, loadCollection, RingBuffer } from '../src/kernel/index.ts';
import { collect, type ObjectSpec } from '../src/object/index.ts';
import { allIds } from '../src/syscall/bpf-object.ts';
import { enterNewNetworkNamespace } from '../src/syscall/namespace.ts';
import { setLink } from '../src/syscall/rtnetlink.ts';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 10);
const PACKETS = 20;
const PORT = 7911;
/** V8 and malloc settle in the first tenth. */
const SETTLING = 0.1;
/** What the resident set may still grow by after that: noise of the collector. */
const GROWTH_LIMIT = 1.1;

const TEXT = `
  .license "GPL"
  .map events, ringbuf, entries=65536
  .map table, prog_array, entries=4
  .entry 1, record
  .map seen, hash, key=4, value=8, entries=64
  .program root, "xdp"
  r6 = r1
  r2 = table ll
  r3 = 1
  call bpf_tail_call
  r0 = XDP_PASS
  exit
  .program record, "xdp"
  *(u64 *)(r10 - 8) = 7
  r1 = events ll
  r2 = r10
  r2 += -8
  r3 = 8
  r4 = 0
  call bpf_ringbuf_output
  r0 = XDP_PASS
  exit
  .program switches, "raw_tp/sched_process_fork"
  r0 = 0
  exit
`;

interface Sample {
  readonly rss: number;
  readonly heap: number;
  readonly descriptors: number;
}

/** Programs, maps and links of the whole machine. */
const objects = (): number => allIds('PROG').length + allIds('MAP').length + allIds('LINK').length;

/** The kernel frees some things a moment later. */
const RELEASE_MS = 3000;

function sample(): Sample {
  globalThis.gc?.();
  const status = readFileSync('/proc/self/status', 'utf8');
  return {
    rss: Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) * 1024,
    heap: process.memoryUsage().heapUsed,
    descriptors: readdirSync('/proc/self/fd').length,
  };
}

/** One life of a collection: everything that is opened is closed. @returns how many records came */
async function live(spec: ObjectSpec, socket: Socket): Promise<number> {
  using collection = loadCollection(spec);
  using _xdp = attachXdpLink(collection.program('root'), { interface: 'lo', mode: 'generic' });
  using _tracepoint = attach(collection.program('switches')) as Disposable;
  using events = RingBuffer.open(collection.map('events'), { decode: (record) => record.u32(0) });
  const seen = collection.map('seen');
  for (let key = 0; key < 64; key++) seen.set(key, 1n);
  let records = 0;
  for (let packet = 0; packet < PACKETS; packet++)
    socket.send('soak', PORT, '127.0.0.1', (error) => {
      if (error) throw error;
    });
  for await (const value of events) {
    if (value !== 7) throw new Error(`a record holds ${value}`);
    if (++records === PACKETS) break;
  }
  return records;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

async function released(before: number): Promise<number> {
  const deadline = Date.now() + RELEASE_MS;
  while (objects() > before && Date.now() < deadline) await sleep(20);
  return objects();
}

function report(samples: readonly Sample[], lives: number, records: number): void {
  const settled = samples.slice(Math.ceil(samples.length * SETTLING));
  const third = Math.max(1, Math.floor(settled.length / 3));
  const mean = (part: readonly Sample[], of: keyof Sample): number =>
    part.reduce((sum, one) => sum + one[of], 0) / part.length;
  const [early, late] = [settled.slice(0, third), settled.slice(-third)];
  console.log(`\nSoak, ${MINUTES} minutes: ${lives} times load, attach, traffic, detach; ${records} records`);
  for (const of of ['rss', 'heap'] as const) {
    const [from, to] = [mean(early, of), mean(late, of)];
    console.log(
      `  ${of.padEnd(12)} ${mebibytes(from)} then ${mebibytes(to)}: ${(to / from).toFixed(3)} times`,
    );
    if (to > from * GROWTH_LIMIT) process.exitCode = 1;
  }
  const [from, to] = [early, late].map((part) => Math.min(...part.map(({ descriptors }) => descriptors)));
  console.log(`  descriptors  ${from} then ${to}`);
  if (to! > from!) process.exitCode = 1;
}

export async function benchSoak(): Promise<void> {
  const bpf = canUseBpf();
  if (!bpf.ok) {
    console.log(`\nSoak: left out, ${bpf.reason}`);
    return;
  }
  enterNewNetworkNamespace();
  setLink('lo', { up: true });
  const spec = collect(assembleOrThrow({ name: 'soak.s', text: TEXT }).object);
  const socket = createSocket('udp4');
  socket.bind();
  await once(socket, 'listening');
  const before = objects();
  const end = Date.now() + MINUTES * 60_000;
  const samples: Sample[] = [];
  let [lives, records, next] = [0, 0, 0];
  while (Date.now() < end) {
    records += await live(spec, socket);
    lives++;
    await turn();
    if (Date.now() < next) continue;
    samples.push(sample());
    next = Date.now() + 1000;
  }
  socket.close();
  report(samples, lives, records);
  const after = await released(before);
  console.log(`  kernel       ${before} programs, maps and links before, ${after} after`);
  if (after > before) process.exitCode = 1;
  if (process.exitCode) console.log('  something grows, or was left');
}
