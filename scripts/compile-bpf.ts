import { execFileSync } from 'node:child_process';

/** The compilers of Debian 12 whose objects are kept. */
export const CLANGS = ['clang-14', 'clang-16', 'clang-19'] as const;
export type Clang = (typeof CLANGS)[number];
export type Target = 'bpfel' | 'bpfeb';

/**
 * Compiles a C file for BPF with BTF but without DWARF, in a way that gives the same bytes
 * wherever the project lies.
 */
export function compileBpf(source: string, object: string, options: { clang: Clang; target: Target }): void {
  // __x86_64__: <gnu/stubs.h> asks for 32-bit headers otherwise. The directory of the headers is Debian's.
  const flags = ['-O2', '-g', '-Wall', '-Werror', '-D__x86_64__', '-I/usr/include/x86_64-linux-gnu'];
  execFileSync(
    options.clang,
    ['-target', options.target, ...flags, '-fdebug-compilation-dir=.', '-c', source, '-o', object],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  execFileSync('llvm-strip-19', ['--strip-debug', object]);
}
