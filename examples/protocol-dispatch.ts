// An XDP program that hands each packet to the program of its protocol through a prog array, which
// the object fills itself. Then one slot is emptied while it runs.
//   npm run example -- examples/protocol-dispatch.ts
import { readFileSync } from 'node:fs';
import { loadCollection } from 'tsbpf/kernel';
import { IpProtocol, ipv4Frame } from './frames.ts';

using collection = loadCollection(new Uint8Array(readFileSync('bpf/protocol_dispatch.o')));
const classifier = collection.program('xdp_classifier');
const jumps = collection.map('packet_processing_progs');
const programs = [...collection.programs.values()];

console.log('slots, as the object fills them:');
for (const [slot, id] of jumps.entries()) {
  const target = programs.find((program) => program.id === id);
  console.log(`  ${slot}: program ${target?.name}`);
}

/** The counters of the three handlers, u64 each. */
function handled(): bigint[] {
  const bytes = collection.variable('handled').get() as Uint8Array;
  return [...new BigUint64Array(bytes.slice().buffer)];
}

function send(name: keyof typeof IpProtocol): void {
  const before = handled();
  const { retval } = classifier.testRun({ data: ipv4Frame(IpProtocol[name]) });
  const ran = handled().findIndex((count, slot) => count !== before[slot]);
  const callee = ran < 0 ? 'no handler: fell through' : `slot ${ran} handled it`;
  console.log(`  ${name}: retval ${retval}, ${callee}`);
}

console.log('frames:');
for (const name of ['ICMP', 'TCP', 'UDP'] as const) send(name);

jumps.delete(1);
console.log('slot 1 deleted, frames:');
for (const name of ['ICMP', 'TCP', 'UDP'] as const) send(name);
