#!/usr/bin/env node
declare const __TSBPF_VERSION__: string;

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
  // Through `require`, which is faster: this file is built as CommonJS.
  const { quickAsm } = require('./quick-asm.ts') as typeof import('./quick-asm.ts');
  void quickAsm(file, output).then(exit);
} else {
  void import('./program.ts').then(({ main }) => main(args, __TSBPF_VERSION__)).then(exit);
}

function exit(code: number): void {
  process.exitCode = code;
}
