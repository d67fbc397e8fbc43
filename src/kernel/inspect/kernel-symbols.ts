import { readFileSync } from 'node:fs';

/** What calls of helpers and kernel functions count from in code that the verifier has rewritten. */
const CALL_BASE = '__bpf_call_base';

/**
 * The kernel's functions by their distance from `__bpf_call_base`, which is what a rewritten call holds; empty
 * where `/proc/kallsyms` hides the addresses.
 *
 * @param distances those that are wanted
 */
export function calledSymbols(
  distances: Iterable<number>,
  text: string = readSymbols(),
): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  const address = new RegExp(`^([0-9a-f]+) . ${CALL_BASE}$`, 'm').exec(text)?.[1];
  if (address === undefined || /^0+$/.test(address)) return names;
  const base = BigInt(`0x${address}`);
  for (const distance of new Set(distances)) {
    const wanted = BigInt.asUintN(64, base + BigInt(distance))
      .toString(16)
      .padStart(address.length, '0');
    const at = text.startsWith(`${wanted} `) ? 0 : text.indexOf(`\n${wanted} `) + 1;
    if (at === 0 && !text.startsWith(`${wanted} `)) continue;
    const name = /^[0-9a-f]+ \S (\S+)/.exec(text.slice(at, at + 512))?.[1];
    if (name !== undefined) names.set(distance, name);
  }
  return names;
}

function readSymbols(): string {
  try {
    return readFileSync('/proc/kallsyms', 'latin1');
  } catch {
    return '';
  }
}
