import { encodeText } from '../../util/bytes.ts';
import type { Range } from './ast.ts';
import { stringBytes } from './literals.ts';
import type { Problems } from './problems.ts';
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

/** Reports an escape that does not exist, in the string or character that begins at an offset. */
export function unknownEscape(
  problems: Pick<Problems, 'error'>,
  token: { readonly startOffset: number; readonly image: string },
  sequence: string,
): void {
  const start = token.startOffset + Math.max(0, token.image.indexOf(sequence));
  problems.error(
    { start, end: start + sequence.length },
    'unknown-escape',
    `there is no escape '${sequence}'`,
    {
      help: [
        token.image.startsWith("'")
          ? String.raw`the escapes of a character are \n \t \r \b \f \' \\ and \0`
          : String.raw`the escapes are \n \t \r \b \f \" \\ and up to three octal digits; a backslash is '\\'`,
      ],
    },
  );
}
