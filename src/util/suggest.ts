/**
 * The candidate nearest to `name` by edit distance with transpositions, if it is near enough to be
 * what was meant: at most a third of the letters differ.
 *
 * @example `suggest('bpf_tail_cal', ['bpf_tail_call', 'bpf_loop'])` is `'bpf_tail_call'`.
 */
export function suggest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `help` lines for a misspelt name: one suggestion, or none. */
export function didYouMean(name: string, candidates: Iterable<string>): string[] {
  const best = suggest(name, candidates);
  return best === undefined ? [] : [`did you mean '${best}'?`];
}

/** Optimal string alignment distance, cut off at `limit`; names longer than this are never typed by hand. */
const MAX_NAME_LENGTH = 128;

function editDistance(a: string, b: string, limit: number): number {
  if (a.length > MAX_NAME_LENGTH || b.length > MAX_NAME_LENGTH) return a === b ? 0 : limit;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, before[j - 2]! + 1);
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return Math.min(previous[b.length]!, limit);
}
