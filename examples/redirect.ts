// Frames that an XDP program sends out of another interface (devmap) or to another CPU (cpumap), with a
// program at the other end of each way. Everything is in a network namespace of this process.
//   npm run example -- examples/redirect.ts [native | generic] [FILE.o | FILE.s]
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { attachXdp, type Collection, cpumapEntry, devmapEntry, loadCollection } from 'tsbpf/kernel';
import { createVethPair, enterNewNetworkNamespace, findLink, PacketSocket, setLink } from 'tsbpf/syscall';
import { u32 } from 'tsbpf/util';
import { isNumberedFrame, numberedFrame } from './frames.ts';
import { given, readSpec, refusal, run } from './run.ts';

const FRAMES = 5;
/** Frames that may wait for a CPU. */
const QUEUE = 192;

/** Sends frames into `from` and counts those that come out at `to`. */
async function deliver(from: string, to: string): Promise<number> {
  using sender = new PacketSocket(findLink(from).ifindex);
  using receiver = new PacketSocket(findLink(to).ifindex);
  for (let number = 0; number < FRAMES; number++) sender.send(numberedFrame(number));
  let arrived = 0;
  for (let waited = 0; waited < 20 && arrived < FRAMES; waited++) {
    await sleep(10);
    for (let frame = receiver.receive(); frame; frame = receiver.receive())
      if (isNumberedFrame(frame)) arrived++;
  }
  return arrived;
}

type Mode = 'native' | 'generic';

/** outside - entry | exit - beyond: what comes in at `entry` leaves by `exit`. */
async function byInterface(collection: Collection, mode: Mode): Promise<void> {
  const interfaces = collection.map('interfaces').as({ key: u32, value: devmapEntry });
  using _entry = attachXdp(collection.program('to_interface'), { interface: 'entry', mode });
  console.log(`devmap, slot empty: ${await deliver('outside', 'beyond')} of ${FRAMES} frames arrive`);
  const exit = findLink('exit').ifindex;
  interfaces.set(0, { ifindex: exit, program: collection.program('at_interface') });
  console.log(`devmap, exit in its slot: ${await deliver('outside', 'beyond')} of ${FRAMES} frames arrive`);
  {
    using _napi = attachXdp(collection.program('pass'), { interface: 'beyond' });
    console.log(
      `with a program on the peer: ${await deliver('outside', 'beyond')} of ${FRAMES} frames arrive`,
    );
  }
  const ran = Number(collection.variable('sent').get());
  const byExit = collection.variable('sent_by').get() === exit;
  console.log(`the program of the slot ran for ${ran} frames, at exit: ${byExit}`);
  console.log(`an interface that is not there: ${refusal(() => interfaces.set(1, { ifindex: 9999 }))}`);
}

async function byCpu(collection: Collection, mode: Mode): Promise<void> {
  const cpus = collection.map('cpus').as({ key: u32, value: cpumapEntry });
  const received = collection.map('received');
  using _entry = attachXdp(collection.program('to_cpu'), { interface: 'entry', mode });
  for (let cpu = 0; cpu < Math.min(availableParallelism(), cpus.map.maxEntries); cpu++) {
    cpus.set(cpu, { queueSize: QUEUE, program: collection.program('at_cpu') });
    collection.variable('cpu_slot').set(cpu);
    const before = Number(received.get(cpu));
    const arrived = await deliver('outside', 'entry');
    console.log(
      `cpumap, CPU ${cpu}: its program ran for ${Number(received.get(cpu)) - before}, ${arrived} of ${FRAMES} arrive`,
    );
  }
  console.log(`a queue that is too long: ${refusal(() => cpus.set(0, { queueSize: 20000 }))}`);
}

await run(async () => {
  const { file, args } = given('bpf/redirect.o');
  const mode = args[0] === 'generic' ? 'generic' : 'native';
  enterNewNetworkNamespace();
  createVethPair('outside', 'entry');
  createVethPair('exit', 'beyond');
  for (const name of ['outside', 'entry', 'exit', 'beyond']) setLink(name, { up: true });
  using collection = loadCollection(readSpec(file));
  await byInterface(collection, mode);
  await byCpu(collection, mode);
});
