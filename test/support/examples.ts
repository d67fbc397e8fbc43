import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export { runExample } from './cli.ts';

const root = join(import.meta.dirname, '..', '..');

/** An example that runs beside the test. */
export interface RunningExample {
  readonly child: ChildProcess;
  /** Resolves to its status, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** What it printed so far. */
  output(): string;
  /** Waits until it has printed what matches. */
  says(pattern: RegExp): Promise<void>;
}

const PATIENCE_MS = 60_000;

/** Starts an example and goes on. */
export function startExample(name: string, ...args: string[]): RunningExample {
  const command = [join('scripts', 'run-ts.mjs'), join('examples', `${name}.ts`), ...args];
  const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  const ended = once(child, 'close').then(([status, signal]) => (status ?? signal) as number | string);
  const says = async (pattern: RegExp): Promise<void> => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    while (!pattern.test(output)) {
      if (child.exitCode !== null) throw new Error(`the example ended; it printed\n${output}`);
      await once(child.stdout, 'data', { signal }).catch(() => {
        child.kill('SIGKILL');
        throw new Error(`the example printed no ${pattern}, but\n${output}`);
      });
    }
  };
  return { child, ended, output: () => output, says };
}
