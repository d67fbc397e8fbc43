#!/usr/bin/env node
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { requireCompiled } from './compiled.ts';

declare const __TSBPF_VERSION__: string;

/**
 * V8 compiles the reader's small functions into each other, and a file of 100,000 lines is over before
 * that is done: with less inlining it takes 180 ms in place of 213, and one of a million lines as long
 * as before. It is a heuristic's number, read when a function is compiled.
 */
const LESS_INLINING = '--max-inlined-bytecode-size=40';

// What is asked for most often is answered without loading the command line parser, which takes 25 ms
// where an empty Node takes 55: `tsbpf --version`, and `tsbpf asm FILE [-o FILE]` from a bundle of its own.
const args = process.argv.slice(2);
const isPlain = (arg: string | undefined): arg is string =>
  arg !== undefined && (arg === '-' || !arg.startsWith('-'));
const [command, file, flag, output] = args;
if (args.length === 1 && (command === '--version' || command === '-V')) {
  process.stdout.write(`${__TSBPF_VERSION__}\n`);
} else if (
  command === 'asm' &&
  isPlain(file) &&
  (args.length === 2 || (args.length === 4 && flag === '-o' && isPlain(output)))
) {
  const exports = requireCompiled(join(__dirname, 'quick', 'quick-asm.cjs'));
  // Not before: what was compiled with other flags V8 does not take.
  setFlagsFromString(LESS_INLINING);
  void (exports as typeof import('./quick-asm.ts')).quickAsm(file, output).then(exit);
} else {
  void import('./program.ts').then(({ main }) => main(args, __TSBPF_VERSION__)).then(exit);
}

function exit(code: number): void {
  process.exitCode = code;
}
