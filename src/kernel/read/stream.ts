import { Buffer } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { bpfError } from '../../syscall/bpf.ts';
import { tryStreamRead } from '../../syscall/bpf-stream.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { Fd } from '../../syscall/fd.ts';
import { checkRange } from '../../util/errors.ts';
import type { IterateOptions } from './record-reader.ts';

/** `enum bpf_stream_id` (Linux, `kernel/bpf/stream.c`). */
const STREAMS = { stdout: 1, stderr: 2 } as const;
export type StreamName = keyof typeof STREAMS;

/** The kernel keeps no more of a stream than this (BPF_STREAM_MAX_CAPACITY), so that one read mostly empties it. */
const BUFFER_SIZE = 100_000;
const USUAL_INTERVAL_MS = 100;

export interface StreamOptions extends IterateOptions {
  /** How long to wait between looking, where there was nothing: the kernel does not tell when there is. */
  readonly intervalMs?: number;
}

/**
 * What a program prints with bpf_stream_printk() (`stdout`), and what the kernel reports of its faults
 * (`stderr`): a may_goto that ran out of time, an access to memory of an arena that is not there.
 * Each text goes to one reader only.
 *
 * @example
 * ```ts
 * const text = collection.program('main').stream('stderr').read();
 * for await (const line of collection.program('main').stream('stdout')) console.log(line);
 * ```
 */
export class ProgramStream implements AsyncIterable<string> {
  readonly name: StreamName;
  readonly #fd: Fd;
  /** A letter may lie across two reads. */
  readonly #decoder: StringDecoder = new StringDecoder('utf8');
  #buffer: Uint8Array | undefined;

  /** @param fd the program's, which stays its owner's */
  constructor(fd: Fd, name: StreamName) {
    this.#fd = fd;
    this.name = name;
  }

  /**
   * All that is there now; empty where there is nothing.
   *
   * @throws {SyscallError} EINVAL from kernels before 6.17 @throws {TsbpfError} `CLOSED`
   */
  read(): string {
    let text = '';
    for (let chunk = this.#chunk(); chunk !== undefined; chunk = this.#chunk()) text += chunk;
    return text;
  }

  /** The lines as they come, without their ends; ends when the program is closed. */
  async *lines(options: StreamOptions = {}): AsyncGenerator<string, void, undefined> {
    const { signal, intervalMs = USUAL_INTERVAL_MS } = options;
    checkRange('intervalMs', intervalMs, 1, 2 ** 31 - 1);
    let rest = '';
    while (!this.#fd.closed) {
      signal?.throwIfAborted();
      const lines = (rest + (this.#chunk() ?? '')).split('\n');
      const nothing = lines.length === 1;
      rest = lines.pop()!;
      yield* lines;
      if (nothing) await pause(intervalMs, signal);
    }
    if (rest !== '') yield rest;
  }

  [Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    return this.lines();
  }

  #chunk(): string | undefined {
    this.#buffer ??= new Uint8Array(BUFFER_SIZE);
    const result = tryStreamRead(this.#fd.number, STREAMS[this.name], this.#buffer);
    if (result === 0) return undefined;
    if (result > 0) return this.#decoder.write(Buffer.from(this.#buffer.buffer, 0, result));
    const doing = `read ${this.name} of ${this.#fd.what}`;
    if (result !== -Errno.EINVAL) throw bpfError('PROG_STREAM_READ_BY_FD', -result, doing);
    throw new SyscallError({
      syscall: 'bpf',
      command: 'PROG_STREAM_READ_BY_FD',
      errno: Errno.EINVAL,
      doing,
      explanation: 'programs have no streams in this kernel',
      hint: 'they came with Linux 6.17; bpf_printk and TracePipe serve on every kernel',
    });
  }
}

/** A wait that a signal cuts short; the loop looks at the signal itself. */
function pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, durationMs);
    signal?.addEventListener('abort', end);
  });
}
