import { collect } from '../object/collect.ts';
import type { ObjectSpec } from '../object/spec.ts';
import { type ParseElfOptions, parseElf } from './parse.ts';

/**
 * Reads a BPF object file as a spec: its functions, maps, variables and what they need.
 *
 * @throws {FormatError} what {@link parseElf} and `collect` throw
 *
 * @example
 * ```ts
 * const spec = readObject(readFileSync('prog.o'));
 * spec.functions.get('handle_icmp')?.program?.progType; // 6, XDP
 * ```
 */
export function readObject(bytes: Uint8Array, options: ParseElfOptions = {}): ObjectSpec {
  return collect(parseElf(bytes, options), options);
}
