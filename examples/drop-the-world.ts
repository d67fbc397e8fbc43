// Drops every frame that one end of a veth pair receives, then lets them pass again. The program is
// read from an object of clang, or from an assembly text:
//   npm run example -- examples/drop-the-world.ts [FILE.o | FILE.s] [generic | native]
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { assembleOrThrow } from 'tsbpf/asm';
import { readObject } from 'tsbpf/elf';
import { attachXdp, loadCollection, showXdp } from 'tsbpf/kernel';
import { collect } from 'tsbpf/object';
import { createVethPair, enterNewNetworkNamespace, findLink, PacketSocket, setLink } from 'tsbpf/syscall';
import { isNumberedFrame, numberedFrame } from './frames.ts';

const file = process.argv[2] ?? 'bpf/drop_world.o';
const mode = process.argv[3] === 'native' ? 'native' : 'generic';
const FRAMES = 5;

const spec = file.endsWith('.s')
  ? collect(assembleOrThrow({ name: file, text: readFileSync(file, 'utf8') }).object)
  : readObject(new Uint8Array(readFileSync(file)));

// A network namespace of this process's own: the interfaces vanish with it, whatever happens.
enterNewNetworkNamespace();
createVethPair('left', 'right');
for (const name of ['left', 'right']) setLink(name, { up: true });
using sender = new PacketSocket(findLink('left').ifindex);
using receiver = new PacketSocket(findLink('right').ifindex);

/** Sends frames into `left` and counts those that come out at `right`. */
async function deliver(): Promise<number> {
  for (let number = 0; number < FRAMES; number++) sender.send(numberedFrame(number));
  let arrived = 0;
  for (let waited = 0; waited < 10 && arrived < FRAMES; waited++) {
    await sleep(10);
    for (let frame = receiver.receive(); frame; frame = receiver.receive())
      if (isNumberedFrame(frame)) arrived++;
  }
  return arrived;
}

console.log(`before: ${await deliver()} of ${FRAMES} frames arrive`);
{
  using collection = loadCollection(spec);
  const program = collection.program('xdp');
  using attachment = attachXdp(program, { interface: 'right', mode });
  const [state] = showXdp('right');
  const [attached] = state!.programs;
  console.log(
    `attached ${program.name} from ${file} to ${attachment.ifname}: ${attached!.mode}, tag ${attached!.tag}`,
  );
  console.log(`while attached: ${await deliver()} of ${FRAMES} frames arrive`);
}
console.log(
  `after: ${await deliver()} of ${FRAMES} frames arrive, XDP on right: ${showXdp('right')[0]!.mode}`,
);
