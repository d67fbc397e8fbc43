// How long the command takes beside an empty Node: `--version`, and the assembly of a short file
// (`bench asm` has LLVM's assembler beside it).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, printTimings, timeProcesses } from './process.ts';

const CLI = join('dist', 'cli.cjs');

/** The language with all that it has: its types, debug information and warnings are loaded. */
function ownProgram(lines: number): string {
  return [
    '.license "GPL"',
    '.struct event { u32 pid; char comm[16]; }',
    '.map seen, hash, key=u32, value=struct event, entries=16',
    '.program prog, "xdp"',
    'r2 = ctx.data',
    ...Array.from({ length: lines - 7 }, (_, at) => `r${2 + (at % 4)} = sizeof(event) + ${at}`),
    'r0 = XDP_PASS',
    'exit',
    '',
  ].join('\n');
}

/** Plain LLVM syntax, so that both assemblers take it. */
function program(lines: number): string {
  const body = Array.from({ length: lines - 5 }, (_, at) => {
    const r = 1 + (at % 5);
    return [
      `r${r} = ${at}`,
      `r${r} += ${at % 7}`,
      `w${r} &= 255`,
      `*(u32 *)(r10 - ${4 * (1 + (at % 8))}) = w${r}`,
    ][at % 4]!;
  });
  return ['.section xdp,"ax"', '.globl prog', 'prog:', ...body, 'r0 = 2', 'exit', ''].join('\n');
}

export function benchStartup(): void {
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-bench-'));
  try {
    const empty = join(dir, 'empty.js');
    const source = join(dir, 'prog.s');
    const own = join(dir, 'own.s');
    const wrong = join(dir, 'wrong.s');
    writeFileSync(empty, '');
    writeFileSync(source, program(100));
    writeFileSync(own, ownProgram(100));
    // A mistake, and the grammar is loaded and built to tell what is wrong.
    writeFileSync(wrong, program(99).replace('exit\n', 'r0 +\nexit\n'));
    const node = { name: 'node, empty file', argv: [process.execPath, empty] as const };
    const version = timeProcesses([
      node,
      { name: 'tsbpf --version', argv: [process.execPath, CLI, '--version'] },
    ]);
    printTimings('Start', version, [
      `tsbpf --version takes ${(version[1]!.medianMs / version[0]!.medianMs).toFixed(2)} times an empty node (limit 1.5)`,
    ]);
    const asm = (name: string, file: string, status = 0): Command => ({
      name,
      argv: [process.execPath, CLI, 'asm', file, '-o', join(dir, 'ours.o')],
      status,
    });
    const short = timeProcesses([
      node,
      asm('tsbpf asm, LLVM syntax', source),
      asm('tsbpf asm, the whole language', own),
      asm('tsbpf asm, with a mistake', wrong, 1),
    ]);
    const over = (index: number): string => `${(short[index]!.medianMs - short[0]!.medianMs).toFixed(1)} ms`;
    printTimings('Assembling 100 lines, whole process', short, [
      `over an empty node: LLVM syntax ${over(1)} (limit 30), the whole language ${over(2)} (limit 60)`,
      `with a mistake, for which the grammar is loaded, ${over(3)}`,
    ]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
