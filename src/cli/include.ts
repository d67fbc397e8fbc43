import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SourceText } from '../util/diagnostic.ts';

/** Finds the file that an `.include` line names: beside the file that the line stands in. */
export function includeFrom(name: string, from: SourceText): SourceText | undefined {
  const path = join(from.name === '<stdin>' ? '.' : dirname(from.name), name);
  try {
    return { name: path, text: readFileSync(path, 'utf8') };
  } catch {
    return undefined;
  }
}

/** As {@link includeFrom}; notes every file that it finds. */
export function notingIncludes(found: Set<string>): typeof includeFrom {
  return (name, from) => {
    const source = includeFrom(name, from);
    if (source) found.add(source.name);
    return source;
  };
}
