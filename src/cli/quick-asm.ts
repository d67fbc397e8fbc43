import { setFlagsFromString } from 'node:v8';
import { asm } from './commands/asm.ts';
import type { ExitCode } from './exit.ts';
import { report } from './report.ts';

/**
 * V8 compiles the reader's small functions into each other, and a file of 100,000 lines is over before
 * that is done: with less inlining it takes 180 ms in place of 213, and one of a million lines as long
 * as before. It is a heuristic's number, read when a function is compiled.
 */
const LESS_INLINING = '--max-inlined-bytecode-size=40';

/** `tsbpf asm FILE [-o OUTPUT]` with everything else as it is by default. */
export async function quickAsm(file: string, output: string | undefined): Promise<ExitCode> {
  setFlagsFromString(LESS_INLINING);
  try {
    return await asm(file, { endian: 'little', ...(output !== undefined && { output }) });
  } catch (error) {
    return report(error, false);
  }
}
