// How long the command takes beside an empty Node: `--version`, and the assembly of a short file
// beside LLVM's assembler.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled, printTimings, timeProcesses } from './process.ts';

const CLI = join('dist', 'cli.cjs');

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
    const unusual = join(dir, 'unusual.s');
    writeFileSync(empty, '');
    writeFileSync(source, program(50));
    // One line that is not plain, and the grammar is loaded and built.
    writeFileSync(unusual, program(49).replace('exit\n', 'r2 = load_acquire((u64 *)(r10 - 8))\nexit\n'));
    const node = { name: 'node, empty file', argv: [process.execPath, empty] as const };
    const version = timeProcesses([
      node,
      { name: 'tsbpf --version', argv: [process.execPath, CLI, '--version'] },
    ]);
    printTimings('Start', version, [
      `tsbpf --version takes ${(version[1]!.medianMs / version[0]!.medianMs).toFixed(2)} times an empty node (limit 1.5)`,
    ]);
    const peers = isInstalled('llvm-mc-19')
      ? [
          {
            name: 'llvm-mc-19',
            argv: [
              'llvm-mc-19',
              '-triple',
              'bpfel',
              '-mcpu=v4',
              '-filetype=obj',
              source,
              '-o',
              join(dir, 'peer.o'),
            ] as const,
          },
        ]
      : [];
    const asm = timeProcesses([
      node,
      {
        name: 'tsbpf asm, 50 lines',
        argv: [process.execPath, CLI, 'asm', source, '-o', join(dir, 'ours.o')],
      },
      {
        name: 'tsbpf asm, one line unusual',
        argv: [process.execPath, CLI, 'asm', unusual, '-o', join(dir, 'ours.o')],
      },
      ...peers,
    ]);
    printTimings('Assembling 50 lines, whole process', asm, [
      `tsbpf asm takes ${(asm[1]!.medianMs - asm[0]!.medianMs).toFixed(1)} ms over an empty node (limit 60)`,
      `with the grammar ${(asm[2]!.medianMs - asm[0]!.medianMs).toFixed(1)} ms over an empty node`,
      ...(peers.length === 0 ? ['llvm-mc-19 is not installed'] : []),
    ]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
