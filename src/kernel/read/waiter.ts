import { epollAdd, epollTake, openEpoll } from '../../syscall/epoll.ts';
import type { Fd } from '../../syscall/fd.ts';
import { type PollHandle, pollDescriptor } from '../../syscall/native.ts';

/**
 * Waits for descriptors in the event loop of Node: no thread, no timer. The descriptors are in one
 * epoll set that reports edges. Levels would not do: a ring whose first record is still being
 * written counts as readable, and the loop would spin; and a perf ring tells only the first who
 * asks. The set stays in the loop until it is closed; it keeps the process alive only while somebody
 * waits.
 */
export class Waiter {
  readonly #epoll: Fd;
  readonly #waiting: Set<() => void> = new Set();
  #handle: PollHandle | undefined;
  #referenced = false;
  #keepAlive = true;
  #closed = false;

  constructor(what: string) {
    this.#epoll = openEpoll(`the readiness of ${what}`);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Adds a descriptor. @throws {SyscallError} */
  watch(fd: Fd, events: number): void {
    epollAdd(this.#epoll, fd.number, events, fd.what);
  }

  /**
   * Resolves when something may have become ready, and when this is closed. Who waits looks first,
   * after telling the kernel how far it has read.
   *
   * @throws the signal's reason
   */
  wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return resolve();
      if (signal?.aborted) return reject(signal.reason);
      const done = (): void => {
        stop();
        signal?.removeEventListener('abort', aborted);
        resolve();
      };
      const aborted = (): void => {
        stop();
        reject(signal?.reason);
      };
      const stop = this.listen(done);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Calls back each time something may have become ready, and when this is closed. @returns what ends it */
  listen(callback: () => void): () => void {
    this.#start();
    this.#waiting.add(callback);
    this.#reference();
    return () => {
      this.#waiting.delete(callback);
      this.#reference();
    };
  }

  /** Whether waiting keeps the process alive. */
  set keepAlive(keep: boolean) {
    this.#keepAlive = keep;
    this.#reference();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle?.close();
    this.#handle = undefined;
    this.#epoll.close();
    this.#tell();
    this.#waiting.clear();
  }

  #start(): void {
    if (this.#handle || this.#closed) return;
    this.#handle = pollDescriptor(this.#epoll.number, () => this.#ready());
    // What becomes ready before the loop has really begun to wait can be missed. Two rounds of
    // immediates have a wait between them, wherever in its round the loop is now.
    setImmediate(() => setImmediate(() => this.#tell()));
  }

  #ready(): void {
    if (this.#closed) return;
    try {
      epollTake(this.#epoll);
      this.#tell();
    } catch (error) {
      throwLater(error);
    }
  }

  #tell(): void {
    for (const callback of [...this.#waiting]) {
      try {
        callback();
      } catch (error) {
        throwLater(error);
      }
    }
  }

  #reference(): void {
    const wanted = this.#keepAlive && this.#waiting.size > 0;
    if (!this.#handle || wanted === this.#referenced) return;
    this.#referenced = wanted;
    if (wanted) this.#handle.ref();
    else this.#handle.unref();
  }
}

/** As an uncaught error; thrown out of a native callback it would come up at some later time. */
function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
