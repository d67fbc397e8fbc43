import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TracePipe, type TraceRecord } from '../../src/kernel/index.ts';
import { enterNewMountNamespace, unmount } from '../../src/syscall/index.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { printProgram, produce } from '../support/readers.ts';

describeKernel('trace_pipe', () => {
  let tracefs = '';
  beforeAll(() => {
    tracefs = mkdtempSync(join(tmpdir(), 'tsbpf-trace-'));
    enterNewMountNamespace();
  });
  afterAll(() => {
    if (existsSync(join(tracefs, 'trace_pipe'))) unmount(tracefs);
    rmdirSync(tracefs);
  });

  test('is not mounted unless that is asked for', () => {
    const error = errorOf(() => TracePipe.open({ path: tracefs }));
    expect(`${error.message} [${error.hint}]`.replaceAll(tracefs, '/tracefs')).toMatchInlineSnapshot(
      `"tracefs is not mounted at /tracefs [mount it: mount -t tracefs tracefs /tracefs]"`,
    );
  });

  test('gives what programs print, as it comes', async () => {
    const mark = `tsbpf-${process.pid}`;
    using collection = printProgram(`${mark} %d: with a colon`);
    using trace = TracePipe.open({ path: tracefs, mount: true });
    const seen: TraceRecord[] = [];
    produce(collection, 1, 'print');
    for await (const record of trace) {
      if (!record.text.startsWith(mark)) continue;
      seen.push(record);
      if (seen.length === 3) break;
      setImmediate(() => setImmediate(() => produce(collection, 1, 'print')));
    }
    expect(seen.map(({ text }) => text)).toEqual(Array(3).fill(`${mark} 42: with a colon`));
    expect(seen[0]).toMatchObject({ event: 'bpf_trace_printk', flags: expect.stringMatching(/^\S{4,6}$/) });
    expect(seen[0]!.pid).toBeGreaterThan(0);
    expect(seen[1]!.timestamp).toBeGreaterThanOrEqual(seen[0]!.timestamp);
  });

  test('ends when it is closed', async () => {
    const trace = TracePipe.open({ path: tracefs });
    const loop = trace.records();
    const done = (async () => {
      for await (const _record of loop);
    })();
    setImmediate(() => trace.close());
    await done;
    expect(errorOf(() => trace.read()).message.replaceAll(tracefs, '/tracefs')).toMatchInlineSnapshot(
      `"/tracefs/trace_pipe is closed"`,
    );
  });
});
