// A root program on an interface, and its array of programs pinned in a BPF file system. A second process
// opens the pin and swaps the program behind the root, again and again, while frames come in: none is lost.
//   npm run example -- examples/hot-swap.ts [SWAPS] [FILE.o | FILE.s]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { attachXdp, BpfMap, loadCollection, mountBpffs } from 'tsbpf/kernel';
import {
  createVethPair,
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  findLink,
  PacketSocket,
  setLink,
  unmount,
} from 'tsbpf/syscall';
import { numberedFrame } from './frames.ts';
import { given, readSpec, run } from './run.ts';

const SLOT = 2;
const BURST = 32;
const PATIENCE_MS = 2000;
const { file, args } = given('bpf/hot_swap.o');
const spec = readSpec(file);

/** The second process: it knows nothing but the pins. */
function joinRoot(pins: string, swaps: number): void {
  using rootArray = BpfMap.openPinned(join(pins, 'root_array'));
  using counts = BpfMap.openPinned(join(pins, 'counts'));
  using collection = loadCollection(spec, {
    programs: ['count_first', 'count_second'],
    maps: { root_array: rootArray, counts },
  });
  const programs = [collection.program('count_first'), collection.program('count_second')];
  for (let swap = 0; swap < swaps; swap++) rootArray.set(SLOT, programs[swap % 2]!);
  console.log(`second process: ${swaps} swaps`);
}

async function serve(swaps: number): Promise<void> {
  // Namespaces of this process's own: pins and interfaces vanish with it, whatever happens.
  enterNewNetworkNamespace();
  enterNewMountNamespace();
  const pins = mkdtempSync(join(tmpdir(), 'tsbpf-hot-swap-'));
  mountBpffs(pins);
  process.on('exit', () => {
    unmount(pins);
    rmdirSync(pins);
  });
  createVethPair('left', 'right');
  for (const name of ['left', 'right']) setLink(name, { up: true });
  using collection = loadCollection(spec, { programs: ['root'] });
  const counts = collection.map('counts');
  for (const name of ['root_array', 'counts']) collection.map(name).pin(join(pins, name));
  using _attachment = attachXdp(collection.program('root'), { interface: 'right' });
  console.log('first process: root attached to right, root_array pinned');

  using sender = new PacketSocket(findLink('left').ifindex);
  const counted = (): bigint[] => [0, 1, 2].map((which) => counts.get(which) as bigint);
  const total = (): number => Number(counted().reduce((sum, count) => sum + count));
  let sent = 0;
  /** Sends some frames, and waits until all have been counted. */
  const send = async (): Promise<void> => {
    for (let number = 0; number < BURST; number++, sent++) sender.send(numberedFrame(number));
    const start = Date.now();
    // At least one turn: the event loop has to hear of the second process.
    do await turn();
    while (total() < sent && Date.now() - start < PATIENCE_MS);
  };

  await send();
  console.log(`root_array empty: ${counted()[0]} of ${sent} frames fell through`);
  // A slot that is filled never falls through again; the count starts anew.
  const missedBefore = counted()[0]!;
  using first = loadCollection(spec, {
    programs: ['count_first'],
    maps: { root_array: collection.map('root_array'), counts },
  });
  collection.map('root_array').set(SLOT, first.program('count_first'));

  const command = [join('scripts', 'run-ts.mjs'), process.argv[1]!, 'join', pins, String(swaps), file];
  const second = spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = once(second, 'exit');
  try {
    while (second.exitCode === null && second.signalCode === null) await send();
    const [status] = await ended;
    if (status !== 0) throw new Error(`the second process ended with ${status}`);
  } finally {
    second.kill();
  }
  await send();

  const [missed, one, two] = counted();
  const lost = sent - total();
  console.log(
    `frames sent while it swapped: ${sent > 10 * BURST ? 'many' : sent}; seen by both programs: ${one! > 0n && two! > 0n}`,
  );
  console.log(`lost: ${lost}, fallen through: ${missed! - missedBefore}`);
  console.log(
    `slot ${SLOT} is still filled, its maker gone: ${collection.map('root_array').get(SLOT) !== undefined}`,
  );
}

const [mode, pins, swaps] = args;
await run(async () => {
  if (mode === 'join') joinRoot(pins!, Number(swaps));
  else await serve(Number(mode ?? 10_000));
});
