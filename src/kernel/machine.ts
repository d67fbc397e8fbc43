import { readFileSync } from 'node:fs';
import { TsbpfError } from '../util/errors.ts';

const POSSIBLE_CPUS_FILE = '/sys/devices/system/cpu/possible';
let possible: number | undefined;

/** How many CPUs this kernel may ever have: the number of values of one entry of a per-CPU map. */
export function possibleCpus(): number {
  possible ??= parsePossibleCpus(readFileSync(POSSIBLE_CPUS_FILE, 'utf8'));
  return possible;
}

/** `0-3` is 4, `0,2-3` is 4 too: the kernel counts to the highest. */
export function parsePossibleCpus(text: string): number {
  const highest = Number(text.trim().split(/[,-]/).at(-1));
  if (Number.isInteger(highest) && highest >= 0) return highest + 1;
  throw new TsbpfError(
    'CPUS_UNKNOWN',
    `${POSSIBLE_CPUS_FILE} says '${text.trim()}', which is no list of CPUs`,
  );
}
