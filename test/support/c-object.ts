import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ObjectSpec, readObject } from '../../src/index.ts';

const CLANGS: readonly string[] = [19, 16, 14].map((version) => `/usr/bin/clang-${version}`);

/** The newest clang that is here. */
export const newestClang: string | undefined = CLANGS.find((path) => existsSync(path));

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
