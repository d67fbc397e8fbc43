import { readFileSync } from 'node:fs';
import { enableRunStats } from '../../syscall/bpf-stats.ts';
import { Fd } from '../../syscall/fd.ts';
import { listPrograms, type ProgramSummary } from './list.ts';

/** How often a program ran, and how long, since the sample before. */
export interface RunStatsSample {
  readonly program: ProgramSummary;
  /** Since the counting began for this program, which may be long ago. */
  readonly totalRuns: bigint;
  readonly totalTimeNs: bigint;
  /** Since the sample before. */
  readonly runs: bigint;
  readonly timeNs: bigint;
}

/**
 * Has the kernel count the runs of all programs while it is open (BPF_ENABLE_STATS), which costs every run some
 * nanoseconds.
 *
 * @example
 * ```ts
 * using stats = RunStats.open();
 * await setTimeout(1000);
 * for (const { program, runs } of stats.sample()) console.log(program.name, runs);
 * ```
 */
export class RunStats {
  readonly #fd: Fd;
  #last: ReadonlyMap<number, ProgramSummary>;

  private constructor(fd: Fd) {
    this.#fd = fd;
    this.#last = byId(listPrograms());
  }

  /** @throws {SyscallError} EPERM without CAP_SYS_ADMIN, EINVAL before Linux 5.8 */
  static open(): RunStats {
    const fd = new Fd(enableRunStats(), 'the count of runs');
    try {
      return new RunStats(fd);
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  /** Whether the kernel counts whoever asks: `kernel.bpf_stats_enabled`. */
  static get alwaysOn(): boolean {
    try {
      return readFileSync('/proc/sys/kernel/bpf_stats_enabled', 'utf8').trim() === '1';
    } catch {
      return false;
    }
  }

  /** Every program, with its runs since the last call, or since this was opened; new ones count from nothing. */
  sample(): RunStatsSample[] {
    const programs = listPrograms();
    const samples = programs.map((program) => {
      const before = this.#last.get(program.id);
      return {
        program,
        totalRuns: program.runCount,
        totalTimeNs: program.runTimeNs,
        runs: program.runCount - (before?.runCount ?? 0n),
        timeNs: program.runTimeNs - (before?.runTimeNs ?? 0n),
      };
    });
    this.#last = byId(programs);
    return samples;
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function byId(programs: readonly ProgramSummary[]): ReadonlyMap<number, ProgramSummary> {
  return new Map(programs.map((program) => [program.id, program]));
}
