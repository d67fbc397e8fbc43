import { spawnSync } from 'node:child_process';

/** One command to time as a whole process. */
export interface Command {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** What it exits with; 0 where that is left out. */
  readonly status?: number;
}

export interface Timing {
  readonly name: string;
  readonly medianMs: number;
  readonly minMs: number;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function once({ name, argv, status: wanted = 0 }: Command): number {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(argv[0], argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== wanted) throw new Error(`${name} exited with ${status}: ${stderr}`);
  return ms;
}

/** Times commands in turn, A B C A B C …, so that a drift of the machine meets all of them alike. */
export function timeProcesses(commands: readonly Command[], rounds = 21): Timing[] {
  for (const command of commands) once(command);
  const samples = commands.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, command] of commands.entries()) samples[index]!.push(once(command));
  }
  return commands.map(({ name }, index) => ({
    name,
    medianMs: median(samples[index]!),
    minMs: Math.min(...samples[index]!),
  }));
}

/** True where the tool can be started: a peer that is not installed is left out, and said so. */
export function isInstalled(tool: string): boolean {
  return spawnSync(tool, ['--version'], { stdio: 'ignore' }).error === undefined;
}

export function printTimings(title: string, timings: readonly Timing[], notes: readonly string[]): void {
  console.log(`\n${title}`);
  for (const { name, medianMs, minMs } of timings) {
    console.log(
      `  ${name.padEnd(34)} median ${medianMs.toFixed(1).padStart(7)} ms   min ${minMs.toFixed(1).padStart(7)} ms`,
    );
  }
  for (const note of notes) console.log(`  = ${note}`);
}
