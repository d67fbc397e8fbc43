import type { Macro, Parameter } from './macros.ts';

function parameter(name: string, fallback?: string): Parameter {
  return { name, fallback, required: fallback === undefined, takesRest: false };
}

function macro(name: string, parameters: readonly Parameter[], lines: readonly string[]): [string, Macro] {
  const body = lines.map((line) => `    ${line}\n`).join('');
  return [name, { name, parameters, body, defined: undefined }];
}

type Move = readonly [register: string, parameter: string];

/** Lines that set two registers to two parameters, which may be each other's: those that are there stay. */
function pair([first, one]: Move, [second, two]: Move, free: string): string[] {
  const set = (register: string, parameter: string): string[] => [
    `.ifnc \\${parameter}, ${register}`,
    `${register} = \\${parameter}`,
    '.endif',
  ];
  return [
    `.ifc \\${one}, ${second}`,
    `${free} = \\${two}`,
    `${first} = ${second}`,
    `${second} = ${free}`,
    '.else',
    ...set(second, two),
    ...set(first, one),
    '.endif',
  ];
}

/** The small standard library: macros that every file has, unless it defines one of the same name. */
export const PRELUDE: ReadonlyMap<string, Macro> = new Map([
  // Control goes on behind it only where the slot is empty or 33 calls deep.
  macro(
    'tail_call',
    [parameter('ctx'), parameter('map'), parameter('index')],
    [...pair(['r1', 'ctx'], ['r3', 'index'], 'r2'), 'r2 = \\map ll', 'call bpf_tail_call'],
  ),
  // The kernel calls `function(index, context)` until it answers something else than 0 (Linux 5.17).
  macro(
    'loop',
    [parameter('count'), parameter('function'), parameter('context', '0'), parameter('flags', '0')],
    [
      ...pair(['r1', 'count'], ['r3', 'context'], 'r2'),
      'r2 = \\function ll',
      'r4 = \\flags',
      'call bpf_loop',
    ],
  ),
]);
