// A jump table that is filled from here, the control plane, while programs run through it; what the
// kernel answers to wrong slots and wrong values; and the limit on tail calls in a row.
//   npm run example -- examples/jump-table.ts
import { readFileSync } from 'node:fs';
import { MapType, UpdateFlag } from 'tsbpf/isa';
import { BpfMap, loadCollection } from 'tsbpf/kernel';
import { TsbpfError } from 'tsbpf/util';

const read = (name: string): Uint8Array => new Uint8Array(readFileSync(`bpf/${name}.o`));
const packet = new Uint8Array(64);

using collection = loadCollection(read('jump_table'));
const entry = collection.program('classifier');
const table = collection.map('jmp_table');
const say = (what: string): void =>
  console.log(`${what}: entry returns ${entry.testRun({ data: packet }).retval}`);

say('table empty');
for (let slot = 0; slot < table.maxEntries; slot++) {
  // The object has a program for the first two slots only.
  const title = `classifier/${slot}`;
  if ([...collection.programs.values()].some((program) => program.section === title))
    table.set(slot, collection.program(title));
}
say('slots 0 and 1 filled');
table.delete(1);
say('slot 1 deleted');
table.delete(0);
say('slot 0 deleted');

function attempt(what: string, act: () => unknown): void {
  try {
    console.log(`${what}: ${act()}`);
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
    console.log(`${what}: ${error.message}`);
  }
}

attempt('delete an empty slot', () => table.delete(0));
attempt('read an empty slot', () => table.get(0));
attempt('fill a slot behind the last', () => table.set(3, entry));
using other = BpfMap.create({
  name: 'no_program',
  type: MapType.ARRAY,
  keySize: 4,
  valueSize: 4,
  maxEntries: 1,
});
attempt('fill a slot with a map', () => table.set(0, other.fd.number));
attempt('fill a slot only where it is empty', () =>
  table.set(0, collection.program('classifier/0'), UpdateFlag.NOEXIST),
);

using limit = loadCollection(read('tail_call_limit'));
const again = limit.map('again');
const runs = limit.variable('runs');
again.set(0, limit.program('classifier/self'));
for (const [title, role] of [
  ['classifier', 'called'],
  ['classifier/self', 'started'],
] as const) {
  runs.set(0);
  limit.program(title).testRun({ data: packet });
  console.log(
    `a program that tail-calls itself, ${role} first by ${role === 'called' ? 'another' : 'us'}, runs ${runs.get()} times`,
  );
}
