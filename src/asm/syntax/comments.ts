import type { Problems } from './problems.ts';

/**
 * A text with spaces in place of its comments between `/*` and its end sign, line breaks in them
 * included: what is left has its place and can be read line by line.
 */
export function withoutBlockComments(text: string, base: number, problems: Problems): string {
  if (!text.includes('/*')) return text;
  const out: string[] = [];
  let from = 0;
  for (const { start, end, closed } of blockComments(text)) {
    out.push(text.slice(from, start), ' '.repeat(end - start));
    from = end;
    if (!closed)
      problems.error(
        { start: base + start, end: base + start + 2 },
        'unclosed-comment',
        "the comment has no closing '*/'",
      );
  }
  out.push(text.slice(from));
  return out.join('');
}

interface Comment {
  readonly start: number;
  readonly end: number;
  readonly closed: boolean;
}

/** What hides a comment's sign: a string, a character, a comment to the end of its line. */
const Hidden = /"(?:[^"\\\n]|\\[^\n])*"?|'(?:[^'\\\n]|\\[^\n])'|(?:#|\/\/)[^\n]*|^[ \t]*;[^\n]*|\/\*/gm;

function* blockComments(text: string): Generator<Comment> {
  Hidden.lastIndex = 0;
  for (let found = Hidden.exec(text); found; found = Hidden.exec(text)) {
    if (found[0] !== '/*') continue;
    const start = found.index;
    const close = text.indexOf('*/', start + 2);
    const end = close < 0 ? text.length : close + 2;
    yield { start, end, closed: close >= 0 };
    Hidden.lastIndex = end;
  }
}
