import type { Waiter } from './waiter.ts';

/** There is nothing to read right now; any value, undefined too, could be a record. */
export const NOTHING: unique symbol = Symbol('nothing');

/** Values that were there already, one after the other, before timers and others get their turn. */
const MAX_BURST = 1024;

/** A loop over what `take` finds, waiting where it finds nothing. Ends when the waiter is closed. */
export class WaitingIterator<T> implements AsyncIterableIterator<T> {
  readonly #waiter: Waiter;
  readonly #take: () => T | typeof NOTHING;
  readonly #signal: AbortSignal | undefined;
  #ended = false;
  #burst = 0;

  constructor(waiter: Waiter, take: () => T | typeof NOTHING, signal?: AbortSignal) {
    this.#waiter = waiter;
    this.#take = take;
    this.#signal = signal;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (++this.#burst > MAX_BURST) {
      this.#burst = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
    while (!this.#ended && !this.#waiter.closed) {
      if (this.#signal?.aborted) return this.#abort();
      const value = this.#take();
      if (value !== NOTHING) return { done: false, value };
      this.#burst = 0;
      await this.#wait();
    }
    this.#ended = true;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#ended = true;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #wait(): Promise<void> {
    try {
      await this.#waiter.wait(this.#signal);
    } catch {
      this.#abort();
    }
  }

  #abort(): never {
    this.#ended = true;
    throw this.#signal?.reason;
  }
}
