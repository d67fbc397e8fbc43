import { constants, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { EpollEvent } from '../../syscall/epoll.ts';
import { Fd } from '../../syscall/fd.ts';
import { mountTracefs } from '../../syscall/tracefs.ts';
import { decodeText } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { IterateOptions } from './record-reader.ts';
import { TraceParser, type TraceRecord } from './trace-line.ts';
import { Waiter } from './waiter.ts';
import { NOTHING, WaitingIterator } from './waiting-iterator.ts';

const USUAL_TRACEFS = '/sys/kernel/tracing';

export interface TracePipeOptions {
  /** Where tracefs is mounted; left out, it is looked for. */
  readonly path?: string;
  /** Mounts tracefs at `path`, or its usual place, where it is not mounted. It stays mounted. */
  readonly mount?: boolean;
}

/**
 * What programs print with bpf_printk, from `trace_pipe`. A line goes to one reader only, whoever
 * reads it first on this machine.
 *
 * @example
 * ```ts
 * using trace = TracePipe.open();
 * for await (const { task, pid, text } of trace) console.log(task, pid, text);
 * ```
 */
export class TracePipe implements AsyncIterable<TraceRecord>, Disposable {
  readonly #fd: Fd;
  readonly #waiter: Waiter;
  readonly #parser: TraceParser = new TraceParser();
  readonly #buffer: Uint8Array = new Uint8Array(64 * 1024);
  #records: TraceRecord[] = [];
  #next = 0;

  /** @throws {TsbpfError} `TRACEFS_UNAVAILABLE`, `TRACE_REFUSED` @throws {SyscallError} where it cannot be mounted */
  static open(options: TracePipeOptions = {}): TracePipe {
    return new TracePipe(`${findTracefs(options)}/trace_pipe`);
  }

  private constructor(path: string) {
    this.#fd = openForReading(path);
    this.#waiter = new Waiter(path);
    try {
      this.#waiter.watch(this.#fd, EpollEvent.IN | EpollEvent.EDGE);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Events that found no room in the kernel's buffer. */
  get lost(): number {
    return this.#parser.lost;
  }

  /** The next record, or undefined where there is none right now. @throws {TsbpfError} `CLOSED` */
  read(): TraceRecord | undefined {
    while (this.#next >= this.#records.length) {
      const chunk = this.#readChunk();
      if (chunk === undefined) return undefined;
      this.#records = this.#parser.push(chunk);
      this.#next = 0;
    }
    return this.#records[this.#next++];
  }

  /** The records as they come; ends when this is closed. */
  records(options: IterateOptions = {}): AsyncIterableIterator<TraceRecord> {
    return new WaitingIterator(this.#waiter, () => this.read() ?? NOTHING, options.signal);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TraceRecord> {
    return this.records();
  }

  /** Ends all loops; a second call does nothing. */
  close(): void {
    this.#waiter.close();
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #readChunk(): string | undefined {
    try {
      const length = readSync(this.#fd.number, this.#buffer);
      return length === 0 ? undefined : decodeText(this.#buffer.subarray(0, length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
      throw error;
    }
  }
}

function openForReading(path: string): Fd {
  try {
    return new Fd(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const hint =
      code === 'EBUSY'
        ? 'another process reads it; end that one first'
        : 'reading it takes root, or CAP_DAC_OVERRIDE';
    throw new TsbpfError('TRACE_REFUSED', `${path} cannot be opened: ${code}`, { hint, cause });
  }
}

/** @throws {TsbpfError} `TRACEFS_UNAVAILABLE` */
function findTracefs({ path, mount = false }: TracePipeOptions): string {
  const found = [path ?? mountedTracefs(), path ?? USUAL_TRACEFS].find(
    (place) => place !== undefined && existsSync(`${place}/trace_pipe`),
  );
  if (found !== undefined) return found;
  const place = path ?? USUAL_TRACEFS;
  if (mount) {
    mountTracefs(place);
    return place;
  }
  throw new TsbpfError(
    'TRACEFS_UNAVAILABLE',
    `tracefs is not mounted${path === undefined ? '' : ` at ${path}`}`,
    {
      hint: `mount it: mount -t tracefs tracefs ${place}`,
    },
  );
}

function mountedTracefs(): string | undefined {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return lines.map((line) => line.split(' ')).find(([, , type]) => type === 'tracefs')?.[1];
}
