import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Editors write a file in several steps; what comes within this time is one change. */
const SETTLE_MS = 30;

/**
 * Runs something whenever one of the files changes that it says it depends on, from now until the
 * signal. Folders are watched, for editors put a new file in the old one's place.
 *
 * @param run answers with the files that the next run depends on
 */
export async function runOnChange(
  run: () => Promise<ReadonlySet<string>>,
  signal: AbortSignal,
): Promise<void> {
  let files = await run();
  while (!signal.aborted) {
    await nextChange(files, signal);
    if (signal.aborted) return;
    await pause(SETTLE_MS);
    files = await run();
  }
}

async function nextChange(files: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
  const watchers: FSWatcher[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      for (const folder of new Set([...files].map((file) => dirname(file)))) {
        const names = new Set(
          [...files].filter((file) => dirname(file) === folder).map((file) => basename(file)),
        );
        const watcher = watch(folder, (_event, name) => {
          if (name === null || names.has(name)) resolve();
        });
        watcher.on('error', reject);
        watchers.push(watcher);
      }
    });
  } finally {
    for (const watcher of watchers) watcher.close();
  }
}
