import { readFileSync } from 'node:fs';
import { TsbpfError } from '../util/errors.ts';

const ONLINE_CPUS_FILE = '/sys/devices/system/cpu/online';
/** More than NR_CPUS of any kernel; a list is not to be made of `0-4000000000`. */
const MAX_CPU = 1 << 16;

/** The CPUs that are online now, by number. */
export function onlineCpus(): number[] {
  return parseCpuList(readFileSync(ONLINE_CPUS_FILE, 'utf8'), ONLINE_CPUS_FILE);
}

/**
 * The numbers in a list as the kernel writes it.
 *
 * @example `parseCpuList('0-2,5')` is `[0, 1, 2, 5]`.
 * @throws {TsbpfError} `CPUS_UNKNOWN`
 */
export function parseCpuList(text: string, from = 'the list'): number[] {
  const out: number[] = [];
  for (const part of text.trim() === '' ? [] : text.trim().split(',')) {
    const match = part.match(/^(\d+)(?:-(\d+))?$/);
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (!match || last < first || last >= MAX_CPU)
      throw new TsbpfError('CPUS_UNKNOWN', `${from} says '${text.trim()}', which is no list of CPUs`);
    for (let cpu = first; cpu <= last; cpu++) out.push(cpu);
  }
  return out;
}
