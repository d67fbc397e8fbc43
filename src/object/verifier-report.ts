// Verifier reports as they are announced for kernels to come; none prints them yet, so that much is taken:
//
//   Verification failed: <category>: <title>
//   Reason: …
//   At: …
//   Causal path: …
//   Suggestion: …
//
// A part begins behind its heading or on the line below, and goes on to the next heading.

/** One block of such a report, its parts by lines; a part that it does not have is empty. */
export interface VerifierFailure {
  /** Empty where the heading has a title alone. */
  readonly category: string;
  readonly title: string;
  readonly reason: readonly string[];
  readonly at: readonly string[];
  /** How it came to that. */
  readonly causalPath: readonly string[];
  readonly suggestion: readonly string[];
}

const HEADING = /^\W*verification failed\s*:\s*(.*)$/i;
const PART = /^\W*(reason|at|causal path|suggestion)\s*:\s*(.*)$/i;
const PARTS = {
  reason: 'reason',
  at: 'at',
  'causal path': 'causalPath',
  suggestion: 'suggestion',
} as const;
type Part = (typeof PARTS)[keyof typeof PARTS];

/** The blocks among a log's lines, and the index of the line that begins the first one. */
export function readReport(lines: readonly string[]): {
  readonly failures: readonly VerifierFailure[];
  readonly from: number;
} {
  const failures: VerifierFailure[] = [];
  const from = lines.findIndex((line) => HEADING.test(line));
  if (from < 0) return { failures, from: lines.length };
  let parts = newParts();
  let current: string[] | undefined;
  for (const line of lines.slice(from)) {
    const heading = HEADING.exec(line);
    const part = heading ? null : PART.exec(line);
    if (heading) {
      parts = newParts();
      current = undefined;
      failures.push({ ...titleOf(heading[1]!), ...parts });
    } else if (part) {
      current = parts[PARTS[part[1]!.toLowerCase() as keyof typeof PARTS]];
      if (part[2] !== '') current.push(part[2]!.trim());
    } else current?.push(line.trim());
  }
  return { failures, from };
}

function newParts(): Record<Part, string[]> {
  return { reason: [], at: [], causalPath: [], suggestion: [] };
}

function titleOf(heading: string): { category: string; title: string } {
  const colon = heading.indexOf(': ');
  if (colon < 0) return { category: '', title: heading.trim() };
  return { category: heading.slice(0, colon).trim(), title: heading.slice(colon + 2).trim() };
}
