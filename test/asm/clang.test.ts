import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { disassemble } from '../../src/asm/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { COMPILERS, differences, LEVELS, runClang } from './clang-compare.ts';
import { llvmObjdump, type Triple, testWith, withFiles } from './tools.ts';

const fixtures = new URL('./fixtures/', import.meta.url).pathname;
const demos = new URL('../../bpf/', import.meta.url).pathname;
const broad = readdirSync(fixtures).map((name) => fixtures + name);
const plain = readdirSync(demos)
  .filter((name) => name.endsWith('.c'))
  .map((name) => demos + name);

const DEBUG_FLAGS: readonly string[][] = [['-g'], [], ['-gdwarf-4']];

function compile(clang: string, source: string, triple: Triple, cpu: string, flags: string[]): Buffer {
  return withFiles((path) => {
    const include = ['-D__x86_64__', '-I/usr/include/x86_64-linux-gnu'];
    const args = ['-O2', '-target', triple, `-mcpu=${cpu}`, ...include, ...flags, source, '-o', path('out')];
    execFileSync(clang, args, { stdio: 'pipe' });
    return readFileSync(path('out'));
  });
}

/** The lowest level that a fixture compiles at stands in its name. */
function lowest(source: string): number {
  return Number(/\/v(\d)\.c$/.exec(source)?.[1] ?? 1);
}

function* cases(highest: number): Generator<readonly [source: string, triple: Triple, cpu: string]> {
  for (const source of broad)
    for (const [index, cpu] of LEVELS.entries())
      for (const triple of ['bpfel', 'bpfeb'] as const)
        if (index + 1 >= lowest(source) && index < highest) yield [source, triple, cpu];
  for (const source of plain) yield [source, 'bpfel', 'v2'];
}

describe.each(COMPILERS)('%s', (clang, highest) => {
  testWith(clang, 'clang-19')(
    'its assembly becomes the object that clang makes of the C file',
    () => {
      let count = 0;
      for (const [source, triple, cpu] of cases(highest)) {
        const flags = DEBUG_FLAGS[count++ % DEBUG_FLAGS.length]!;
        const output = runClang({ clang, triple, cpu, flags }, source);
        expect(differences(output, triple), `${source} ${triple} ${cpu} ${flags}`).toEqual([]);
      }
    },
    120_000,
  );

  testWith(clang, 'llvm-objdump-19')(
    'its objects are disassembled as llvm-objdump does',
    () => {
      for (const [source, triple, cpu] of cases(highest)) {
        const debug = triple === 'bpfel' ? ['-g'] : [];
        const bytes = compile(clang, source, triple, cpu, ['-c', ...debug]);
        const text = disassemble(parseElf(bytes), { name: 'x.o' });
        expect(text, `${source} ${triple} ${cpu}`).toBe(llvmObjdump(bytes));
      }
    },
    120_000,
  );
});
