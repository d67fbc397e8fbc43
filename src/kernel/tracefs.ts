import { existsSync, readFileSync } from 'node:fs';
import { TsbpfError } from '../util/errors.ts';

/** Where tracefs is mounted; the first that is there counts. */
const TRACEFS_FOLDERS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** The folder of tracefs, undefined where it is mounted nowhere. */
export function tracefsFolder(): string | undefined {
  return TRACEFS_FOLDERS.find((folder) => existsSync(`${folder}/events`));
}

/** A tracepoint's number, from a text such as that of its `format` file. */
export function tracepointIdOf(format: string): number | undefined {
  const id = format.match(/^(?:ID:\s*)?(\d+)\s*$/m)?.[1];
  return id === undefined ? undefined : Number(id);
}

/**
 * The number by which perf_event_open(2) knows a tracepoint: from `events/CATEGORY/NAME/id` of tracefs.
 *
 * @throws {TsbpfError} `TRACEFS_UNAVAILABLE`, `TRACEPOINT_NOT_FOUND`
 */
export function tracepointId(category: string, name: string): number {
  const folder = tracefsFolder();
  if (folder === undefined) {
    throw new TsbpfError('TRACEFS_UNAVAILABLE', 'tracefs is not mounted, so tracepoints have no number', {
      hint: 'mount -t tracefs nodev /sys/kernel/tracing (or give the number: id)',
    });
  }
  const here = `${folder}/events/${category}/${name}`;
  for (const file of ['id', 'format']) {
    let text: string;
    try {
      text = readFileSync(`${here}/${file}`, 'utf8');
    } catch {
      continue;
    }
    const id = tracepointIdOf(text);
    if (id !== undefined) return id;
  }
  throw new TsbpfError('TRACEPOINT_NOT_FOUND', `there is no tracepoint '${category}/${name}'`, {
    hint: existsSync(`${folder}/events/${category}`)
      ? `ls ${folder}/events/${category} lists those of '${category}'`
      : `ls ${folder}/events lists the categories`,
  });
}
