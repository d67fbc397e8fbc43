import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RUNNING } from './reporter.ts';
import type { FileResult, Outcome } from './result.ts';

/** What runs files of tests, here or in a guest. */
export interface Runner {
  /** How long one file may take. */
  readonly limitSeconds: number;
  /** When all of it is to end, in milliseconds since 1970: what has not ended then is given up, which is no failure. */
  readonly deadline?: number | undefined;
  /** How long it may take until the first begins. */
  readonly startSeconds: number;
  /** The command that runs these files, in a group of processes of its own, and writes into `results`. */
  readonly command: (names: readonly string[], results: string) => [program: string, ...args: string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

interface Running {
  readonly name: string;
  readonly since: number;
  readonly test?: string;
}

const POLL_MS = 500;

/**
 * Runs files of tests, and goes on with the rest where one of them does not end: a kernel that hangs is booted anew.
 *
 * @param told what is told as it happens
 */
export async function runWatched(
  names: readonly string[],
  runner: Runner,
  told: (line: string) => void,
): Promise<Outcome> {
  const files = new Map<string, FileResult>();
  let left = [...names];
  while (left.length > 0) {
    const results = mkdtempSync('/tmp/tsbpf-kernels-');
    const remove = (): void => rmSync(results, { recursive: true, force: true });
    process.once('exit', remove);
    try {
      const problem = await runOnce(left, runner, results, (file) => {
        files.set(file.name, file);
        for (const failure of file.failures) told(`${file.name}: failed: ${failure}`);
        told(
          `${file.name}: ${file.passed}/${file.failures.length}/${file.skipped}, ${file.seconds.toFixed(1)} s`,
        );
      });
      const before = left.length;
      left = left.filter((name) => !files.has(name));
      const late = problem !== undefined && Date.now() >= (runner.deadline ?? Number.POSITIVE_INFINITY);
      if (late) return { files, problem: `${problem}; not run: ${left.join(', ') || 'nothing'}` };
      // What does not even begin would not begin again either.
      if (problem !== undefined && (left.length === before || left.length === 0)) return { files, problem };
      if (problem === undefined) break;
      told(`${problem}; going on with the rest`);
    } finally {
      remove();
      process.removeListener('exit', remove);
    }
  }
  return { files };
}

/** @returns why it ended before its end */
async function runOnce(
  names: readonly string[],
  runner: Runner,
  results: string,
  done: (file: FileResult) => void,
): Promise<string | undefined> {
  const [program, ...args] = runner.command(names, results);
  const child = spawn(program, args, {
    cwd: runner.cwd,
    env: { ...runner.env, TSBPF_RESULTS: results },
    detached: true,
    // What the tests print goes to stderr: the table alone is the result.
    stdio: ['ignore', 2, 2],
  });
  const stop = (): void => killGroup(child);
  process.once('exit', stop);
  let failure: string | undefined;
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      failure = error.message;
      resolve(null);
    });
    child.once('exit', resolve);
  });
  const seen = new Set<string>();
  const collect = (): void => {
    for (const file of readdirSync(results).filter((each) => each.endsWith('.json') && !seen.has(each))) {
      const result = parsed<FileResult>(join(results, file));
      if (!result) continue; // half written
      seen.add(file);
      done(result);
    }
  };
  try {
    const begun = Date.now();
    let running: Running | undefined;
    for (;;) {
      const status = await Promise.race([ended, sleep(POLL_MS, 'running' as const)]);
      collect();
      if (status !== 'running') {
        if (names.every((name) => seen.has(`${name}.json`))) return undefined;
        const how = failure ?? `it ended with ${child.signalCode ?? status}`;
        running = parsed<Running>(join(results, RUNNING)) ?? running;
        // A kernel that panics would do so again in the same file.
        if (running && !seen.has(`${running.name}.json`)) done(cutShort(running, how));
        return how;
      }
      if (Date.now() >= (runner.deadline ?? Number.POSITIVE_INFINITY)) {
        stop();
        await ended;
        return 'the time was over';
      }
      // It may be half written when it is read.
      running = parsed<Running>(join(results, RUNNING)) ?? running;
      const hung = overdue(running, seen, runner, begun);
      if (hung === undefined) continue;
      stop();
      await ended;
      if (typeof hung === 'string') return hung;
      done(hung);
      return hung.failures[0];
    }
  } finally {
    process.removeListener('exit', stop);
  }
}

/** The file that has run for too long, as one that failed; a text where none has begun. */
function overdue(
  running: Running | undefined,
  seen: ReadonlySet<string>,
  { limitSeconds, startSeconds }: Runner,
  begun: number,
): FileResult | string | undefined {
  if (!running) {
    return Date.now() - begun > startSeconds * 1000 ? `nothing began within ${startSeconds} s` : undefined;
  }
  const seconds = (Date.now() - running.since) / 1000;
  if (seen.has(`${running.name}.json`)) {
    // Between two files, or after the last.
    return seconds < limitSeconds + startSeconds ? undefined : `nothing came after ${running.name}`;
  }
  if (seconds < limitSeconds) return undefined;
  return cutShort(running, `it did not end within ${limitSeconds} s`);
}

/** A file in the middle of which it ended, as one that failed. */
function cutShort({ name, since, test }: Running, how: string): FileResult {
  const where = test === undefined ? 'before its first test' : `in '${test}'`;
  const seconds = (Date.now() - since) / 1000;
  return { name, seconds, passed: 0, skipped: 0, failures: [`${how}: it was ${where}`] };
}

function parsed<T>(file: string): T | undefined {
  try {
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
  } catch {
    return undefined;
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGTERM');
  } catch {
    // It has ended.
  }
}
