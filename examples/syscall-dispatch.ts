// One program at the entry of all system calls hands each to the program at its number in a prog array.
// Here a shell becomes chmod(1), which calls fchmodat(2).
//   npm run example -- examples/syscall-dispatch.ts [FILE.o | FILE.s]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Collection, loadCollection, RingBuffer } from 'tsbpf/kernel';
import { charArray, struct, TsbpfError, u32 } from 'tsbpf/util';
import { given, readSpec, run } from './run.ts';

/** What differs between processors: the numbers, and where in the registers the arguments lie. */
const MACHINES: Readonly<
  Record<
    string,
    { readonly fchmodat: number; readonly exitGroup: number; readonly arguments: readonly [number, number] }
  >
> = {
  x64: { fchmodat: 268, exitGroup: 231, arguments: [13, 12] },
  arm64: { fchmodat: 53, exitGroup: 94, arguments: [1, 2] },
};
/** How many numbers are counted. */
const COUNTED = 300;

const event = struct('event', { syscall: u32, mode: u32, path: charArray(56) });

async function chmodUnderWatch(folder: string): Promise<void> {
  const machine = MACHINES[process.arch];
  if (!machine) throw new TsbpfError('ARCH_UNKNOWN', `this example knows no system calls of ${process.arch}`);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  // It waits for a line, so that it can be watched from its first call on.
  const child = spawn('/bin/sh', ['-c', 'read go; exec chmod 640 "$0"', file], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  using collection = loadCollection(readSpec(given('bpf/syscall_dispatch.o').file), {
    variables: {
      only_pid: child.pid!,
      second_argument: machine.arguments[0],
      third_argument: machine.arguments[1],
    },
  });
  const tails = collection.map('sys_enter_tails');
  for (let number = 0; number < COUNTED; number++) tails.set(number, collection.program('count_syscall'));
  tails.set(machine.fchmodat, collection.program('enter_fchmodat'));
  console.log(
    `${[...tails.entries()].length} slots are filled, with ${new Set([...tails.entries()].map(([, id]) => id)).size} programs`,
  );
  {
    using events = RingBuffer.open(collection.map('events'), { record: event });
    using _link = collection.program('sys_enter_init').attach();
    child.stdin!.end('go\n');
    for await (const { mode, path } of events) {
      console.log(`fchmodat: ${path.replace(folder, 'FOLDER')} becomes ${mode.toString(8)}`);
      break;
    }
    await ended;
  }
  tell(collection, machine);
  for (const [number] of [...tails.entries()]) tails.delete(number);
  console.log(`emptied: ${[...tails.entries()].length} slots are filled`);
}

function tell(
  collection: Collection,
  machine: { readonly fchmodat: number; readonly exitGroup: number },
): void {
  const counts = collection.map('counts');
  const numbers = [...counts.entries()].filter(([, count]) => count !== 0n);
  console.log(
    `exit_group was counted ${counts.get(machine.exitGroup)} time, fchmodat ${counts.get(machine.fchmodat)} times`,
  );
  console.log(`other calls were counted: ${numbers.length > 1}`);
}

await run(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsbpf-dispatch-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  await chmodUnderWatch(folder);
});
