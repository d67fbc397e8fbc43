import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { SyscallError } from '../../syscall/error.ts';
import type { ExplainPerf } from '../../syscall/perf-attach.ts';
import { TsbpfError } from '../../util/errors.ts';
import { tracefsFolder, tracepointId } from '../tracefs.ts';
import type { Attached } from './link.ts';

/** What a line of `kprobe_events` says: where the probe is (`do_unlinkat+0x4`), and whether it waits for the return. */
export interface TracefsProbe {
  readonly ret: boolean;
  readonly place: string;
}

let made = 0;

/** Whether tracefs is mounted and takes kprobes. */
export function tracefsKprobes(): boolean {
  const folder = tracefsFolder();
  return folder !== undefined && existsSync(`${folder}/kprobe_events`);
}

/**
 * Makes a probe through tracefs, hands its number to `attach`, and removes it when that is closed. A
 * process that is killed leaves the probe: it is named `tsbpf_PID/…`.
 *
 * @throws {TsbpfError} `TRACEFS_UNAVAILABLE`, `KPROBE_UNAVAILABLE` @throws {SyscallError}
 */
export function attachByTracefs(
  { ret, place }: TracefsProbe,
  doing: string,
  explain: ExplainPerf,
  attach: (id: number) => Attached,
): Attached {
  const folder = requireTracefs();
  const file = `${folder}/kprobe_events`;
  if (!existsSync(file))
    throw new TsbpfError('KPROBE_UNAVAILABLE', `this kernel has no kprobes: ${file} is missing`);
  const group = `tsbpf_${process.pid}`;
  const event = `${ret ? 'kretprobe' : 'kprobe'}_${++made}`;
  write(file, `${ret ? 'r' : 'p'}:${group}/${event} ${place}\n`, doing, explain);
  const remove = (): void => write(file, `-:${group}/${event}\n`, `remove ${group}/${event}`);
  let attached: Attached;
  try {
    attached = attach(tracepointId(group, event));
  } catch (error) {
    remove();
    throw error;
  }
  return new ProbeByTracefs(attached, remove);
}

class ProbeByTracefs implements Attached {
  readonly #attached: Attached;
  #remove: (() => void) | undefined;

  constructor(attached: Attached, remove: () => void) {
    this.#attached = attached;
    this.#remove = remove;
  }

  get target(): string {
    return this.#attached.target;
  }

  detach(): boolean {
    if (!this.#remove) return false;
    this.close();
    return true;
  }

  close(): void {
    const remove = this.#remove;
    this.#remove = undefined;
    this.#attached.close();
    // Only now: as long as an event is open, its probe is busy.
    remove?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function requireTracefs(): string {
  const folder = tracefsFolder();
  if (folder !== undefined) return folder;
  throw new TsbpfError('TRACEFS_UNAVAILABLE', 'tracefs is not mounted', {
    hint: 'mount -t tracefs nodev /sys/kernel/tracing',
  });
}

function write(file: string, line: string, doing: string, explain?: ExplainPerf): void {
  try {
    appendFileSync(file, line);
  } catch (error) {
    const errno = -((error as NodeJS.ErrnoException).errno ?? 0);
    throw new SyscallError({ syscall: 'write', errno, doing, ...explain?.(errno) });
  }
}

/**
 * The functions of the kernel that can be probed many at a time and that are wanted.
 *
 * @throws {TsbpfError} `TRACEFS_UNAVAILABLE`, `KERNEL_FUNCTION_NOT_FOUND`
 */
export function matchingFunctions(wanted: (name: string) => boolean): string[] {
  const text = readFileSync(`${requireTracefs()}/available_filter_functions`, 'latin1');
  const names = new Set<string>();
  for (const [name] of text.matchAll(/^\S+/gm)) {
    // Places of functions that the linker has dropped.
    if (!name.startsWith('__ftrace_invalid_address') && wanted(name)) names.add(name);
  }
  if (names.size > 0) return [...names];
  throw new TsbpfError(
    'KERNEL_FUNCTION_NOT_FOUND',
    'no function of the kernel that can be probed is wanted',
    {
      hint: 'available_filter_functions of tracefs lists them',
    },
  );
}
