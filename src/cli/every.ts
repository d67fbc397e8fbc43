import { ExitCode } from './exit.ts';

/**
 * Calls something every so many seconds, at once for the first time, until Ctrl-C, SIGTERM, the end of a given
 * number of calls, or a reader of stdout that has seen enough.
 *
 * @param seconds between two calls; the time that a call takes is part of it
 * @returns 130 after Ctrl-C
 */
export async function every(
  seconds: number,
  tick: (secondsPassed: number) => void,
  count: number = Number.POSITIVE_INFINITY,
): Promise<ExitCode> {
  let wake = (): void => {};
  let exit: ExitCode | undefined;
  const stop = (code: ExitCode): (() => void) => {
    return () => {
      exit ??= code;
      wake();
    };
  };
  const interrupted = stop(ExitCode.interrupted);
  const closed = stop(ExitCode.ok);
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  process.stdout.once('close', closed);
  try {
    let last = performance.now();
    for (let calls = 1; exit === undefined; calls++) {
      const now = performance.now();
      tick((now - last) / 1000);
      last = now;
      if (calls >= count) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, seconds * 1000 - (performance.now() - now)));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    process.stdout.off('close', closed);
  }
  return exit ?? ExitCode.ok;
}
