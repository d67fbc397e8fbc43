import type { Macro, Parameter } from './macros.ts';

function parameter(name: string, fallback?: string): Parameter {
  return { name, fallback, required: fallback === undefined, takesRest: false };
}

function macro(name: string, parameters: readonly Parameter[], lines: readonly string[]): [string, Macro] {
  const body = lines.map((line) => `    ${line}\n`).join('');
  return [name, { name, parameters, body, defined: undefined }];
}

/** The small standard library: macros that every file has, unless it defines one of the same name. */
export const PRELUDE: ReadonlyMap<string, Macro> = new Map([
  // Control goes on behind it only where the slot is empty or 33 calls deep.
  macro(
    'tail_call',
    [parameter('ctx'), parameter('map'), parameter('index')],
    [
      '.ifnc \\ctx, r1',
      'r1 = \\ctx',
      '.endif',
      '.ifnc \\index, r3',
      'r3 = \\index',
      '.endif',
      'r2 = \\map ll',
      'call bpf_tail_call',
    ],
  ),
  // The kernel calls `function(index, context)` until it answers something else than 0 (Linux 5.17).
  macro(
    'loop',
    [parameter('count'), parameter('function'), parameter('context', '0'), parameter('flags', '0')],
    [
      '.ifnc \\count, r1',
      'r1 = \\count',
      '.endif',
      '.ifnc \\context, r3',
      'r3 = \\context',
      '.endif',
      'r2 = \\function ll',
      'r4 = \\flags',
      'call bpf_loop',
    ],
  ),
]);
