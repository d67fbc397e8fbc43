import { epollAdd, epollTake, openEpoll } from '../../syscall/epoll.ts';
import type { Fd } from '../../syscall/fd.ts';
import { type PollHandle, pollDescriptor } from '../../syscall/native.ts';

/** What is put behind it runs once the promises that are settled now had their turn. */
const SETTLED: Promise<void> = Promise.resolve();

/**
 * Waits for descriptors in the event loop of Node: no thread, no timer. The descriptors are in one
 * epoll set that reports edges. Levels would not do: a ring whose first record is still being
 * written counts as readable, and the loop would spin; and a perf ring tells only the first who
 * asks. The set stays in the loop until it is closed; it keeps the process alive only while somebody
 * waits.
 */
export class Waiter {
  readonly #epoll: Fd;
  #waiting: readonly (() => void)[] = [];
  #handle: PollHandle | undefined;
  #referenced = false;
  #keepAlive = true;
  #closed = false;
  #delivering = false;
  readonly #after = (): void => this.#quiet();

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
    this.#waiting = [...this.#waiting, callback];
    this.#reference();
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== callback);
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
    this.#waiting = [];
  }

  #start(): void {
    if (this.#handle || this.#closed) return;
    this.#handle = pollDescriptor(this.#epoll.number, () => this.#ready());
    // What becomes ready before the loop has really begun to wait can be missed. Two rounds of
    // immediates have a wait between them, wherever in its round the loop is now.
    setImmediate(() => setImmediate(() => this.#tell()));
  }

  /**
   * First those who wait get what they wait for, and a loop comes back for the next record, which is a
   * microtask away; only then the set is asked to be quiet: a call into the kernel, and letting go of the
   * handle and taking it again two more, would be a third of what a wake-up takes. What became
   * ready meanwhile is then told no more, so all look once again.
   */
  #ready(): void {
    if (this.#closed) return;
    this.#delivering = true;
    this.#tell();
    void SETTLED.then(this.#after);
  }

  #quiet(): void {
    this.#delivering = false;
    if (this.#closed) return;
    try {
      epollTake(this.#epoll);
    } catch (error) {
      throwLater(error);
    }
    this.#tell();
    this.#reference();
  }

  #tell(): void {
    // Those who begin or cease to wait meanwhile have a new array.
    const waiting = this.#waiting;
    for (let index = 0; index < waiting.length; index++) {
      try {
        waiting[index]!();
      } catch (error) {
        throwLater(error);
      }
    }
  }

  #reference(): void {
    const wanted = this.#keepAlive && this.#waiting.length > 0;
    if (!this.#handle || wanted === this.#referenced || this.#delivering) return;
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
