import { asm } from './commands/asm.ts';
import type { ExitCode } from './exit.ts';
import { report } from './report.ts';

/** `tsbpf asm FILE [-o OUTPUT]` with everything else as it is by default. */
export async function quickAsm(file: string, output: string | undefined): Promise<ExitCode> {
  try {
    return await asm(file, { endian: 'little', ...(output !== undefined && { output }) });
  } catch (error) {
    return report(error, false);
  }
}
