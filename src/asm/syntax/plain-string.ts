import { encodeText } from '../../util/bytes.ts';
import type { Range } from './ast.ts';
import { stringBytes } from './literals.ts';
import type { Scanner } from './scanner.ts';

const Text = /"(?:[^"\\\n]|\\[^\n])*"/y;

/** A string in double quotes; undefined for one that the grammar has to complain of. */
export function takeString(scanner: Scanner): ({ readonly bytes: Uint8Array } & Range) | undefined {
  const start = scanner.place;
  const literal = scanner.takeMatch(Text)?.[0];
  if (literal === undefined) return undefined;
  const bytes = literal.includes('\\') ? stringBytes(literal) : encodeText(literal.slice(1, -1));
  return bytes instanceof Uint8Array ? { bytes, start, end: start + literal.length } : undefined;
}
