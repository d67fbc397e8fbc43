import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ObjectSpec, readObject } from '../../src/index.ts';

const CLANGS: readonly string[] = [19, 16, 14].map((version) => `/usr/bin/clang-${version}`);

/** The newest clang that is here. */
export const newestClang: string | undefined = CLANGS.find((path) => existsSync(path));

/** For what older ones cannot compile; undefined where it is not installed, which is told. */
export const CLANG_19: string | undefined = [CLANGS[0]!].find((path) => existsSync(path));
if (CLANG_19 === undefined)
  console.warn('skipped: what is written in C for these tests: clang-19 is not installed');

/** Compiles a text in C with types. */
export function compileText(text: string, ...options: readonly string[]): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-c-'));
  try {
    const object = join(dir, 'object.o');
    const args = ['-target', 'bpf', '-O2', '-g', ...options, '-x', 'c', '-', '-c', '-o', object];
    execFileSync(CLANG_19!, args, { input: text, stdio: ['pipe', 'pipe', 'inherit'] });
    return readFileSync(object);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Compiles a C file of the tests with types. */
export function compileBpf(source: string, clang: string = newestClang!): ObjectSpec {
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-c-'));
  try {
    const object = join(dir, 'object.o');
    execFileSync(clang, ['-target', 'bpf', '-O2', '-g', '-c', source, '-o', object]);
    return readObject(readFileSync(object));
  } finally {
    rmSync(dir, { recursive: true });
  }
}
