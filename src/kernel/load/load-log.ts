import { LOG_CUT } from '../../object/verifier-log.ts';
import { logText, type ProgLoadParams, tryProgLoad } from '../../syscall/bpf-prog.ts';
import { Errno } from '../../syscall/errno.ts';

// How the log of a refused program is fetched. The verifier walks a program again for every try, a second or
// more where it is too complex, so tries are what counts. Linux 6.4 and later keep the END of a log that does
// not fit, which is all that explains a refusal, and tell the size of the whole; kernels before keep its
// beginning, and answer ENOSPC.
//
// Verifications, and seconds on Linux 6.18. `before` is a buffer of 64 KiB, and then one for all of it (by
// fours before Linux 6.4):
//
//                                             before        end          whole
//   a short refusal                           2   0.0002    2   0.0003   1   0.011
//   30,000 instructions, a log of 1.5 MiB     3   0.16      2   0.09     1   0.12
//   40,000 branches, a log of 0.9 MiB         3   0.21      2   0.11     1   0.10
//   1,000,001 walked, a log of 48 MiB         3   6.4       2   5.2      1   3.1
//   the same before Linux 6.4 (by the fake)   7             3            3
//
// Of the 5.2 seconds 1.4 are the first answer; a verification that writes takes more than twice as long.

/** How much of a refusal's log is fetched. */
export interface LogOptions {
  /**
   * What is kept of the verifier's log where it refuses. `end`, its last MiB, is all that a refusal is
   * explained by; `whole` is all of it, up to 64 MiB, and is written from the first try on, so that good
   * programs take longer. Default: `end`.
   */
  readonly verifierLog?: 'end' | 'whole';
  /** How much the verifier writes: 1, the way up to the refusal, or 2, every step with all states. Default: 1. */
  readonly logLevel?: 1 | 2;
}

/** One try with a log. */
export interface LoadLog {
  /** The descriptor, or minus the errno. */
  readonly result: number;
  readonly log: string;
  /** Something of the log is missing: its beginning, or before Linux 6.4 its middle. */
  readonly truncated: boolean;
  /** Bytes of the whole log; 0 where the kernel does not tell. */
  readonly logSize: number;
}

const MIB = 1024 * 1024;
/** Holds the whole log of most programs; a larger buffer costs memory, a smaller one no less time. */
const END_SIZE = MIB;
/** Verifier logs of real programs reach tens of megabytes. Pages that are not written to cost nothing. */
export const WHOLE_SIZE: number = 64 * MIB;
/** The most that kernels before 5.2 take. */
const OLD_SIZE = 16 * MIB - 1;
/** BPF_LOG_STATS alone: messages and numbers, and nothing of the way. Linux 5.2 and later. */
const LAST_WORDS = 4;
const LAST_WORDS_SIZE = 64 * 1024;

function attempt(params: ProgLoadParams, level: number, size: number): LoadLog {
  const buffer = new Uint8Array(size);
  const { result, logTrueSize } = tryProgLoad({ ...params, log: { level, buffer } });
  const truncated = logTrueSize > size || (result === -Errno.ENOSPC && logTrueSize === 0);
  const text = logText(buffer);
  // What is kept of an end begins anywhere in a line.
  const log = logTrueSize > size ? text.slice(text.indexOf('\n') + 1) : text;
  return { result, log, truncated, logSize: logTrueSize };
}

/** Loads with room for the whole log. */
export function loadWithLog(params: ProgLoadParams, { logLevel = 1 }: LogOptions): LoadLog {
  return attempt(params, logLevel, WHOLE_SIZE);
}

/**
 * The log of a program that was refused, its last lines in any case.
 *
 * @param errno why it was refused
 * @param whole what a try with the largest buffer gave, where there was one
 */
export function refusalLog(
  params: ProgLoadParams,
  errno: number,
  { logLevel = 1 }: LogOptions,
  whole: LoadLog | undefined,
): LoadLog {
  const had = whole?.truncated ? whole : attempt(params, logLevel, END_SIZE);
  if (had.result >= 0 || !had.truncated || had.logSize > 0) return had;
  // An older kernel, which keeps the beginning. Logs of what is too complex fit nowhere.
  const tryMore = errno !== Errno.E2BIG && had !== whole;
  const more = tryMore ? attempt(params, logLevel, OLD_SIZE) : had;
  if (more.result >= 0 || !more.truncated) return more;
  const end = attempt(params, LAST_WORDS, LAST_WORDS_SIZE);
  if (end.result >= 0) return end;
  return { ...more, log: `${more.log}\n${LOG_CUT}\n${end.log}` };
}
