/** Waits for Ctrl-C or SIGTERM. */
export function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    // A pending promise alone keeps no process alive.
    const keepAlive = setInterval(() => {}, 2 ** 30);
    const done = (): void => {
      clearInterval(keepAlive);
      resolve();
    };
    process.once('SIGINT', done);
    process.once('SIGTERM', done);
  });
}
