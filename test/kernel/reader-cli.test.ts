import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Collection } from '../../src/kernel/index.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';
import { perfProgram, produce, ringPrograms } from '../support/readers.ts';

const root = join(import.meta.dirname, '..', '..');

/** Runs the command while this process goes on; `ready` is called again and again until it has ended. */
async function follow(
  args: readonly string[],
  ready: () => void,
): Promise<{ status: number; lines: string[] }> {
  const child = spawn(process.execPath, [join(root, 'dist', 'cli.cjs'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (data) => {
    text += data;
  });
  const again = setInterval(ready, 20);
  const [status] = await once(child, 'close');
  clearInterval(again);
  return { status, lines: text.trim().split('\n') };
}

const idOf = (collection: Collection): string => `${collection.map('events').info().id}`;

describeKernel('tsbpf ring tail', () => {
  test('prints records as bytes and by a type, and ends after so many', async () => {
    using collection = ringPrograms(4096);
    produce(collection, 2);
    const bytes = await follow(['ring', 'tail', idOf(collection), '--count', '2'], () => {});
    expect(bytes).toEqual({
      status: 0,
      lines: [
        '00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
        '01 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00',
      ],
    });
    const typed = await follow(
      ['ring', 'tail', idOf(collection), '--count', '2', '--type', 'struct timespec64'],
      () => produce(collection),
    );
    expect(typed.lines).toEqual(['{"tv_sec":"2","tv_nsec":"6"}', '{"tv_sec":"3","tv_nsec":"9"}']);
  });

  test('prints JSON lines', async () => {
    using collection = ringPrograms(4096);
    produce(collection, 1);
    const { lines } = await follow(['ring', 'tail', idOf(collection), '--count', '1', '--json'], () => {});
    expect(lines).toEqual(['{"version":1,"data":"00000000000000000000000000000000"}']);
  });

  test('ends when nothing comes for long enough', () => {
    using collection = ringPrograms(4096);
    expect(tsbpf(['ring', 'tail', idOf(collection), '--timeout', '1'])).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
  });

  test('says what it does not find', () => {
    using collection = perfProgram();
    expect(tsbpf(['ring', 'tail', 'no_such_map_here']).stderr).toMatch(
      /^error.*there is no map 'no_such_map_here'/,
    );
    expect(tsbpf(['ring', 'tail', idOf(collection)]).stderr).toMatch(
      /is of type perf_event_array, which a ring buffer reader does not take/,
    );
    expect(tsbpf(['ring', 'tail', idOf(collection), '--type', 'struct nothing']).stderr).toMatch(
      /the kernel has no type 'struct nothing'/,
    );
  });
});

describeKernel('tsbpf perf tail', () => {
  test('prints records with their CPU', async () => {
    using collection = perfProgram();
    const { status, lines } = await follow(['perf', 'tail', idOf(collection), '--count', '3'], () =>
      produce(collection),
    );
    expect(status).toBe(0);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^\[\d{3}\] ([0-9a-f]{2} ?){20}$/);
  });
});

describeKernel('a process with a reader', () => {
  const script = (wait: string): string => `
    const { BpfMap, RingBuffer, PerfBuffer } = await import(${JSON.stringify(join(root, 'dist', 'kernel', 'index.js'))});
    const ring = RingBuffer.open(BpfMap.openById(Number(process.argv[1])));
    ${wait}
    process.on('exit', () => console.log('end'));
  `;
  const run = async (wait: string, collection: Collection): Promise<string[]> => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script(wait), idOf(collection)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    child.stdout.on('data', (data) => lines.push(...String(data).trim().split('\n')));
    if (wait.includes('ready')) {
      await once(child.stdout, 'data');
      produce(collection);
    }
    await once(child, 'close');
    return lines;
  };

  test('ends while nobody waits, or while nobody needs to', async () => {
    using collection = ringPrograms(4096);
    expect(await run('ring.read();', collection)).toEqual(['end']);
    expect(await run('ring.unref(); ring.onRecord(() => {});', collection)).toEqual(['end']);
    expect(await run('ring.onRecord(() => {}).stop();', collection)).toEqual(['end']);
  });

  test('goes on while somebody waits', async () => {
    using collection = ringPrograms(4096);
    const wait = `console.log('ready'); ring.records().next().then(({ value }) => console.log(value.length));`;
    expect(await run(wait, collection)).toEqual(['ready', '16', 'end']);
  });
});
