// Shows what is typed into every bash: a probe at the return of its readline() tells of the line, and
// hands over by a tail call to the program for lines of odd or of even length. Runs until Ctrl-C; SIGUSR2
// swaps the two.
//   npm run example -- examples/readline.ts [/bin/bash] [FILE.o | FILE.s]
import { attachUprobe, loadCollection, PerfBuffer } from 'tsbpf/kernel';
import { charArray, struct, u8, u32 } from 'tsbpf/util';
import { given, interrupted, readSpec, run } from './run.ts';

const Mark = { LINE: 3, ODD: 5, EVEN: 8 } as const;
const Slot = { ODD: 135, EVEN: 146 } as const;
const event = struct('event', { pid: u32, line: charArray(256), mark: u8 });

function log(text: string): void {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}/${two(now.getMonth() + 1)}/${two(now.getDate())}`;
  console.log(`${date} ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())} ${text}`);
}

await run(async () => {
  const { file, args } = given('bpf/readline.o');
  const path = args[0] ?? '/bin/bash';
  const signal = interrupted();
  using collection = loadCollection(readSpec(file));
  using events = PerfBuffer.open(collection.map('events'), {
    record: event,
    onLost: ({ count }) => log(`${count} records lost`),
  });
  using link = attachUprobe(collection.program('readline_returns'), { path, symbol: 'readline', ret: true });

  const jumps = collection.map('tail_jmp_table');
  const programs = [collection.program('readline_odd'), collection.program('readline_even')];
  process.on('SIGUSR2', () => {
    programs.reverse();
    jumps.set(Slot.ODD, programs[0]!);
    jumps.set(Slot.EVEN, programs[1]!);
    log('swapped slots 135 and 146');
  });

  log(`Listening for events.. (${link.target})`);
  try {
    for await (const { data } of events.records({ signal })) {
      if (data.mark === Mark.LINE) log(`${path}:readline return value: ${data.line}`);
      else log(data.mark === Mark.ODD ? 'get odd event' : 'get even event');
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  log('stopped');
});
