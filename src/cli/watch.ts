import { type FSWatcher, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Editors write a file in several steps; what comes within this time is one change. */
const SETTLE_MS = 30;

/** Knows which files have changed; folders are watched, for editors put a new file in the old one's place. */
class Changes {
  readonly #watchers: Map<string, FSWatcher> = new Map();
  readonly #changed: Set<string> = new Set();
  #wake: (() => void) | undefined;

  /** Watches the folders of these files too. */
  follow(files: Iterable<string>): void {
    for (const file of files) {
      const folder = dirname(file);
      if (this.#watchers.has(folder)) continue;
      const watcher = watch(folder, (_event, name) => {
        if (name === null) return;
        this.#changed.add(join(folder, name));
        this.#wake?.();
      });
      this.#watchers.set(folder, watcher);
    }
  }

  /** Waits until one of the files has changed since the last call of {@link forget}. */
  async of(files: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const names = new Set([...files].map((file) => join(file)));
    const hasChanged = (): boolean => [...this.#changed].some((file) => names.has(file));
    await new Promise<void>((resolve) => {
      this.#wake = () => {
        if (signal.aborted || hasChanged()) resolve();
      };
      signal.addEventListener('abort', this.#wake, { once: true });
      this.#wake();
    });
    this.#wake = undefined;
  }

  forget(): void {
    this.#changed.clear();
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
  }
}

/**
 * Runs something whenever one of the files changes that it says it depends on, from now until the
 * signal; a change while it runs counts.
 *
 * @param file the first of the files
 * @param run answers with the files that the next run depends on
 */
export async function runOnChange(
  file: string,
  run: () => Promise<ReadonlySet<string>>,
  signal: AbortSignal,
): Promise<void> {
  const changes = new Changes();
  changes.follow([file]);
  try {
    while (!signal.aborted) {
      changes.forget();
      const files = await run();
      changes.follow(files);
      await changes.of(files, signal);
      if (!signal.aborted) await pause(SETTLE_MS);
    }
  } finally {
    changes.close();
  }
}
