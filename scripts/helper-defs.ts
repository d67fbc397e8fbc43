// Reads the prototypes of libbpf's bpf_helper_defs.h, which Debian's libbpf-dev installs.
import { readFileSync } from 'node:fs';
import type { Prototype } from '../src/isa/prototype.ts';

export const HELPER_DEFS = '/usr/include/bpf/bpf_helper_defs.h';

/** `const void *key` as its type and its name. */
function param(text: string): readonly [string, string] {
  if (text === '...') return ['...', ''];
  const [, type, name] = /^(.*?[\s*])([A-Za-z_]\w*)$/.exec(text) ?? [];
  if (type === undefined || name === undefined) throw new Error(`not a parameter: '${text}'`);
  return [type.trim(), name];
}

/** The prototype of every helper by its name. */
export function readHelperDefs(): Map<string, Prototype> {
  const header = readFileSync(HELPER_DEFS, 'utf8');
  const out = new Map<string, Prototype>();
  for (const [, returns, name, list] of header.matchAll(
    /^static (.*?)\s*\(\*(bpf_\w+)\)\((.*)\) = \(void \*\) \d+;$/gm,
  )) {
    const params = list === 'void' ? [] : list!.split(', ').map(param);
    out.set(name!, { returns: returns!, params });
  }
  return out;
}
