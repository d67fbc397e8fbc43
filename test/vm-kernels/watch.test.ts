import { describe, expect, test } from 'vitest';
import { type Runner, runWatched } from './watch.ts';

/** Runs files as a guest would: what each does is told by its name. */
const PRETEND = `
  const { writeFileSync } = require('node:fs');
  const into = (name, value) => writeFileSync(process.env.TSBPF_RESULTS + '/' + name, JSON.stringify(value));
  for (const name of process.argv.slice(1)) {
    into('running', { name, since: Date.now(), test: 'the first of ' + name });
    if (name.startsWith('panics')) process.exit(125);
    if (name.startsWith('hangs')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    into(name + '.json', { name, seconds: 1, passed: 2, skipped: 0, failures: [] });
  }
`;

async function run(names: readonly string[], limitSeconds = 60): Promise<unknown> {
  const boots: string[][] = [];
  const runner: Runner = {
    limitSeconds,
    startSeconds: 60,
    command: (left) => {
      boots.push([...left]);
      return [process.execPath, '-e', PRETEND, ...left];
    },
    env: process.env,
    cwd: process.cwd(),
  };
  const { files, problem } = await runWatched(names, runner, () => {});
  const results = [...files.values()].map(({ name, failures, passed }) => [name, failures[0] ?? passed]);
  return { boots, results, problem };
}

describe('files that are run in a guest', () => {
  test('go on after one in which its kernel panics, first or not', async () => {
    expect(await run(['panics', 'panics too', 'a', 'panics again', 'b'])).toMatchInlineSnapshot(`
      {
        "boots": [
          [
            "panics",
            "panics too",
            "a",
            "panics again",
            "b",
          ],
          [
            "panics too",
            "a",
            "panics again",
            "b",
          ],
          [
            "a",
            "panics again",
            "b",
          ],
          [
            "b",
          ],
        ],
        "problem": undefined,
        "results": [
          [
            "panics",
            "it ended with 125: it was in 'the first of panics'",
          ],
          [
            "panics too",
            "it ended with 125: it was in 'the first of panics too'",
          ],
          [
            "a",
            2,
          ],
          [
            "panics again",
            "it ended with 125: it was in 'the first of panics again'",
          ],
          [
            "b",
            2,
          ],
        ],
      }
    `);
  });

  test('go on after one that does not end', async () => {
    expect(await run(['a', 'hangs', 'b'], 2)).toMatchInlineSnapshot(`
      {
        "boots": [
          [
            "a",
            "hangs",
            "b",
          ],
          [
            "b",
          ],
        ],
        "problem": undefined,
        "results": [
          [
            "a",
            2,
          ],
          [
            "hangs",
            "it did not end within 2 s: it was in 'the first of hangs'",
          ],
          [
            "b",
            2,
          ],
        ],
      }
    `);
  });

  test('do not begin again where nothing begins', async () => {
    const nothing: Runner = {
      limitSeconds: 60,
      startSeconds: 60,
      command: () => [process.execPath, '-e', 'process.exit(3)'],
      env: process.env,
      cwd: process.cwd(),
    };
    expect(await runWatched(['a', 'b'], nothing, () => {})).toEqual({
      files: new Map(),
      problem: 'it ended with 3',
    });
  });
});
