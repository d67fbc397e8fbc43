import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { assemble, disassemble } from '../../src/asm/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { renderDiagnostics } from '../../src/util/index.ts';
import { describeObject, llvmMc, llvmObjdump, type Triple, testWith, withFiles } from './tools.ts';

const fixtures = new URL('./fixtures/', import.meta.url).pathname;
const demos = new URL('../../bpf/', import.meta.url).pathname;
const broad = readdirSync(fixtures).map((name) => fixtures + name);
const plain = readdirSync(demos)
  .filter((name) => name.endsWith('.c'))
  .map((name) => demos + name);

const LEVELS = ['v1', 'v2', 'v3', 'v4'] as const;

/** Compilers and what they know: clang 14 and 16 stop at v3. */
const COMPILERS = [
  ['clang-14', 3],
  ['clang-16', 3],
  ['clang-19', 4],
] as const;

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
  testWith(clang, 'llvm-mc-19')(
    'its assembly becomes the object that LLVM makes of it',
    () => {
      for (const [source, triple, cpu] of cases(highest)) {
        const text = compile(clang, source, triple, cpu, ['-S']).toString();
        const endian = triple === 'bpfel' ? 'little' : 'big';
        const { object, diagnostics } = assemble({ name: source, text }, { endian });
        expect(renderDiagnostics(diagnostics)).toBe('');
        // clang prints zero-extending moves in a way that LLVM's own assembler refuses.
        const forLlvm = text.replace(/\br(\d+) = (w\d+)$/gm, 'w$1 = $2');
        const expected = parseElf(llvmMc(forLlvm, triple));
        expect(describeObject(object!), `${source} ${triple} ${cpu}`).toEqual(describeObject(expected));
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
