/** A place in the user's source. */
export interface Place {
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** What is used of V8's `Error`, and by now of other engines'. */
interface StackTraces {
  captureStackTrace?(target: object, below: unknown): void;
  stackTraceLimit?: number;
}

/**
 * Where `method`, which runs now, was called. The engine is asked for that one frame as text, so
 * that source maps which somebody installed are applied; undefined where it does not say.
 */
export function callerOf(method: unknown): Place | undefined {
  const traces = Error as StackTraces;
  if (!traces.captureStackTrace) return undefined;
  const holder: { stack?: unknown } = {};
  const limit = traces.stackTraceLimit;
  try {
    traces.stackTraceLimit = 1;
    traces.captureStackTrace(holder, method);
    // Formatted while the limit holds: some source-map hooks walk all frames.
    const { stack } = holder;
    return typeof stack === 'string' ? firstPlace(stack) : undefined;
  } catch {
    return undefined; // a frozen Error
  } finally {
    if (limit !== undefined && traces.stackTraceLimit !== limit) traces.stackTraceLimit = limit;
  }
}

/** V8 writes a header first, and the one frame; engines that know no limit write all. */
function firstPlace(stack: string): Place | undefined {
  for (const line of stack.split('\n')) {
    const place = parseFrame(line);
    if (place) return place;
  }
  return undefined;
}

/**
 * A line of a stack as engines write it: `at f (file:///a.ts:3:5)`, `at async file:///a.ts:3:5`,
 * `f@https://host/a.ts:3:5`.
 */
export function parseFrame(line: string | undefined): Place | undefined {
  const position = /^(.*):(\d+):(\d+)\)?$/.exec(line?.trim() ?? '');
  if (!position) return undefined;
  const file = fileOf(position[1]!);
  if (file === '' || file.startsWith('<') || file.startsWith('native')) return undefined;
  return { file, line: Number(position[2]), column: Number(position[3]) };
}

function fileOf(head: string): string {
  let name = head;
  if (head.startsWith('at ')) {
    const open = head.indexOf(' (');
    name = open >= 0 ? head.slice(open + 2) : head.slice(3).replace(/^async /, '');
    // Code made by eval has no place in a file.
    if (name.startsWith('eval at ')) return '';
  } else name = head.slice(head.indexOf('@') + 1);
  return pathOf(name);
}

/** `file:///a%20b.ts` as a path; other addresses, and paths, as they are. */
function pathOf(name: string): string {
  const plain = name.replace(/\?.*$/, '');
  if (!plain.startsWith('file://')) return plain;
  try {
    return decodeURIComponent(plain.slice('file://'.length));
  } catch {
    return plain.slice('file://'.length);
  }
}
