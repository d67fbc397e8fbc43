// Tells who starts which program, from the tracepoint at the entry of execve(2): what the kernel's format
// file says of it, and what a program reads there. With a command it tells of that, else of every one
// until Ctrl-C.
//   npm run example -- examples/execve.ts [FILE.o | FILE.s] [COMMAND [ARG...]]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadCollection, mountTracefs, PerfBuffer, readTracepointFormat } from 'tsbpf/kernel';
import { enterNewMountNamespace } from 'tsbpf/syscall';
import { charArray, struct, u32 } from 'tsbpf/util';
import { given, interrupted, readSpec, run } from './run.ts';

const CATEGORY = 'syscalls';
const NAME = 'sys_enter_execve';
/** Where the program reads the file's name. */
const FILENAME_OFFSET = 16;
const execData = struct('exec_data', { pid: u32, fname: charArray(32), comm: charArray(32) });

await run(async () => {
  const { file, args } = given('bpf/execve.o');
  const signal = interrupted();
  // tracefs is mounted for this process only.
  enterNewMountNamespace();
  mountTracefs();
  const { id, fields } = readTracepointFormat(CATEGORY, NAME);
  console.log(`${CATEGORY}/${NAME} has number ${id}, and behind the header of 8 bytes`);
  for (const { name, type, offset, size, common } of fields)
    if (!common) console.log(`  ${`${type} ${name}`.padEnd(36)} ${size} bytes at ${offset}`);
  const filename = fields.find(({ name }) => name === 'filename');
  if (filename?.offset !== FILENAME_OFFSET) throw new Error('the program was written for another layout');

  using collection = loadCollection(readSpec(file));
  using events = PerfBuffer.open(collection.map('events'), { record: execData });
  using _link = collection.program('on_execve').attach();
  const [command, ...rest] = args;
  if (command !== undefined) {
    const child = spawn(command, rest, { stdio: 'inherit' });
    await once(child, 'exit', { signal }).catch((error: Error) => console.log(error.message));
    events.consume((record) => {
      const { pid, comm, fname } = record.decode(execData);
      if (pid === child.pid) console.log(`${comm} starts ${fname}`);
    });
    return;
  }
  console.log('listening; Ctrl-C ends it');
  try {
    for await (const { data } of events.records({ signal }))
      console.log(`${data.comm} (${data.pid}) starts ${data.fname}`);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
});
