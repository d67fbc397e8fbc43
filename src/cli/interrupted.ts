/**
 * Ctrl-C and SIGTERM, which end a wait and no more the process: made before what they have to undo, or one that
 * comes early leaves it behind.
 */
export class Interruption implements Disposable {
  #arrived = false;
  #wake: (() => void) | undefined;
  readonly #arrive = (): void => {
    this.#arrived = true;
    this.#wake?.();
  };

  constructor() {
    process.once('SIGINT', this.#arrive);
    process.once('SIGTERM', this.#arrive);
  }

  /** Waits for one; at once where one came already. */
  async wait(): Promise<void> {
    if (this.#arrived) return;
    // A pending promise alone keeps no process alive.
    const keepAlive = setInterval(() => {}, 2 ** 30);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    clearInterval(keepAlive);
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#arrive);
    process.off('SIGTERM', this.#arrive);
  }
}
