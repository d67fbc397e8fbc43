// How long assembling takes beside LLVM's assembler on the same text: as whole processes, in process,
// and how much memory both take.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '../src/asm/index.ts';
import { writeElf } from '../src/elf/index.ts';
import { type Command, isInstalled, printTimings, type Timing, timeProcesses } from './process.ts';

const CLI = join('dist', 'cli.cjs');
const OPERATIONS = ['+', '-', '*', '/', '&', '|', '^', '<<', '>>', 's>>'];

/** Lines as compilers print them, a label every dozen. All registers are set before they are read. */
function programText(lines: number): string {
  const out = ['\t.section xdp,"ax",@progbits', '\t.globl\tprog', '\t.type prog,@function', 'prog:'];
  for (let r = 0; r < 10; r++) out.push(`\tr${r} = ${r + 1}`);
  for (let block = 0; out.length < lines - 2; block++) {
    const [a, b] = [block % 10, (block * 7 + 3) % 10];
    const op = OPERATIONS[block % OPERATIONS.length]!;
    out.push(
      `\tr${a} = ${block % 1000}`,
      `\tr${b} ${op}= ${op.includes('<') || op.includes('>') ? 3 : `r${a}`}`,
      `\tw${a} &= 255`,
      `\t*(u64 *)(r10 - ${8 * (1 + (block % 60))}) = r${a}`,
      `\tr${b} = *(u32 *)(r10 - ${8 * (1 + (block % 60))})`,
      `\tif r${a} == ${block % 100} goto LBB0_${block}`,
      `\tr${b} = r${a}`,
      `\tr${a} <<= 32`,
      `\tr${b} = 0x${(block * 2654435761).toString(16)} ll`,
      `\tr${a} s>>= 32`,
      `\tif w${a} s> w${b} goto LBB0_${block}`,
      `LBB0_${block}:                                 # %if.end`,
    );
  }
  return [...out, '\tr0 = 2', '\texit', ''].join('\n');
}

/** The most memory that a command had, in kilobytes (`VmHWM`, looked at while it runs). */
function peakMemory({ argv }: Command): Promise<number> {
  const child = spawn(argv[0], argv.slice(1), { stdio: 'ignore' });
  let peak = 0;
  const look = (): void => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 2);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => {
      clearInterval(timer);
      resolve(peak);
    });
  });
}

function printRatio(lines: number, [node, ours, peer]: readonly Timing[], inProcessMs: number): void {
  const over = ours!.minMs - node!.minMs;
  printTimings(
    `Assembling ${lines} lines, whole process`,
    [node!, ours!, ...(peer ? [peer] : [])],
    [
      `ours takes ${over.toFixed(1)} ms over an empty node; in process, warm, ${inProcessMs.toFixed(1)} ms`,
      ...(peer
        ? [`llvm-mc-19 takes ${(peer.medianMs / ours!.medianMs).toFixed(2)} times as long as ours`]
        : ['llvm-mc-19 is not installed']),
    ],
  );
}

function inProcess(text: string): number {
  const samples = Array.from({ length: 5 }, () => {
    const start = process.hrtime.bigint();
    writeElf(assemble(text).object!);
    return Number(process.hrtime.bigint() - start) / 1e6;
  });
  return Math.min(...samples);
}

export async function benchAsm(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-bench-'));
  try {
    const empty = join(dir, 'empty.cjs');
    writeFileSync(empty, '');
    for (const [lines, rounds] of [
      [100, 21],
      [100_000, 9],
      [1_000_000, 3],
    ] as const) {
      const source = join(dir, `${lines}.s`);
      const text = programText(lines);
      writeFileSync(source, text);
      const ours: Command = {
        name: 'tsbpf asm',
        argv: [process.execPath, CLI, 'asm', source, '-o', join(dir, 'ours.o')],
      };
      const llvm = 'llvm-mc-19 -triple bpfel -mcpu=v4 -filetype=obj'.split(' ') as [string, ...string[]];
      const peer: Command = { name: 'llvm-mc-19', argv: [...llvm, source, '-o', join(dir, 'peer.o')] };
      const commands: Command[] = [
        { name: 'node, empty file', argv: [process.execPath, empty] },
        ours,
        ...(isInstalled('llvm-mc-19') ? [peer] : []),
      ];
      printRatio(lines, timeProcesses(commands, rounds), inProcess(text));
      if (lines < 1_000_000 || commands.length < 3) continue;
      const [ownPeak, peerPeak] = [await peakMemory(ours), await peakMemory(peer)];
      console.log(
        `  = peak memory ${(ownPeak / 1024).toFixed(0)} MB, llvm-mc-19 ${(peerPeak / 1024).toFixed(0)} MB: ${(ownPeak / peerPeak).toFixed(2)} times`,
      );
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
