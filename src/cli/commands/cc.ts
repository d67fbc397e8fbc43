import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { basename, delimiter, extname, join } from 'node:path';
import { TsbpfError } from '../../util/errors.ts';
import { ExitCode } from '../exit.ts';
import { print, printJson } from '../io.ts';

export interface CcOptions {
  readonly output?: string;
  readonly include?: readonly string[];
  readonly define?: readonly string[];
  readonly clang?: string;
  readonly target: string;
  readonly mcpu?: string;
  /** Say what would be called, and call nothing. */
  readonly print?: boolean;
  readonly json?: boolean;
}

/** Newest first; below 11 clang lacks what today's headers ask for. */
export const CLANG_NAMES: readonly string[] = [
  'clang',
  ...Array.from({ length: 10 }, (_, index) => `clang-${20 - index}`),
];

/** What the C library's headers tell architectures by; without it they look for those of 32-bit x86. */
const ARCHITECTURES: Readonly<Record<string, { readonly define: string; readonly triplet: string }>> = {
  x64: { define: '__x86_64__', triplet: 'x86_64-linux-gnu' },
  arm64: { define: '__aarch64__', triplet: 'aarch64-linux-gnu' },
  riscv64: { define: '__riscv', triplet: 'riscv64-linux-gnu' },
  ppc64: { define: '__powerpc64__', triplet: 'powerpc64le-linux-gnu' },
  s390x: { define: '__s390x__', triplet: 's390x-linux-gnu' },
  loong64: { define: '__loongarch64', triplet: 'loongarch64-linux-gnu' },
};

/** What a machine has: for tests, another than this one. */
export interface CcMachine {
  readonly architecture: string;
  readonly path: string;
  readonly isExecutable: (file: string) => boolean;
  readonly exists: (file: string) => boolean;
}

const thisMachine: CcMachine = {
  architecture: process.arch,
  path: process.env.PATH ?? '',
  isExecutable: (file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  },
  exists: existsSync,
};

/**
 * The compiler: what was asked for, `BPF_CLANG`, or the first of {@link CLANG_NAMES} on the path.
 *
 * @throws {TsbpfError} `COMPILER_MISSING`
 */
export function findClang(asked: string | undefined, machine: CcMachine = thisMachine): string {
  const onPath = (name: string): boolean =>
    machine.path.split(delimiter).some((folder) => folder !== '' && machine.isExecutable(join(folder, name)));
  if (asked !== undefined) {
    if (asked.includes('/') ? machine.isExecutable(asked) : onPath(asked)) return asked;
    throw new TsbpfError('COMPILER_MISSING', `there is no compiler '${asked}'`, {
      hint: asked.includes('/')
        ? 'is it there, and may it be executed?'
        : 'apt install clang, or give its path',
    });
  }
  const found = CLANG_NAMES.find(onPath);
  if (found !== undefined) return found;
  throw new TsbpfError(
    'COMPILER_MISSING',
    `there is no clang: neither ${CLANG_NAMES[0]} nor ${CLANG_NAMES[1]} to ${CLANG_NAMES.at(-1)}`,
    {
      hint: 'did you install it? apt install clang, dnf install clang, apk add clang; or name one with --clang (gen: --cc) or BPF_CLANG',
    },
  );
}

/** The arguments for one file. */
export function clangArguments(
  source: string,
  output: string,
  options: Pick<CcOptions, 'include' | 'define' | 'target' | 'mcpu'>,
  flags: readonly string[],
  machine: Pick<CcMachine, 'architecture' | 'exists'> = thisMachine,
): string[] {
  const architecture = ARCHITECTURES[machine.architecture];
  const headers = architecture && `/usr/include/${architecture.triplet}`;
  return [
    ...['-target', options.target, '-O2', '-g'],
    ...(options.mcpu === undefined ? [] : [`-mcpu=${options.mcpu}`]),
    ...(architecture ? [`-D${architecture.define}`] : []),
    ...(options.define ?? []).map((define) => `-D${define}`),
    ...(options.include ?? []).map((folder) => `-I${folder}`),
    // Debian and its kin keep <asm/types.h> there; after the user's own, so that those win.
    ...(headers !== undefined && machine.exists(headers) ? ['-idirafter', headers] : []),
    ...flags,
    ...['-c', source, '-o', output],
  ];
}

/** What separates words of a shell, and everything else that it would not take as it stands. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** What follows `--` is clang's; of the files before it each becomes an object. */
function readArguments(words: readonly string[]): { sources: string[]; flags: string[] } {
  const at = words.findIndex((word) => word.startsWith('-') && word !== '-');
  return at < 0
    ? { sources: [...words], flags: [] }
    : { sources: words.slice(0, at), flags: words.slice(at) };
}

/** `tsbpf cc a.c -o a.o -- -Wall`: clang with what BPF needs; its messages and its exit status are passed on. */
export async function cc(words: readonly string[], options: CcOptions): Promise<ExitCode> {
  const { sources, flags } = readArguments(words);
  if (sources.length === 0) throw new TsbpfError('ARGUMENT_MISSING', 'there is no file to compile');
  if (options.output !== undefined && sources.length > 1)
    throw new TsbpfError(
      'OUTPUT_AMBIGUOUS',
      `${sources.length} files cannot become one object ${options.output}`,
      {
        hint: 'leave -o out, or join the objects with tsbpf link',
      },
    );
  const clang = findClang(options.clang ?? process.env.BPF_CLANG);
  const commands = sources.map((source) => {
    // As compilers do: the object stands where the command is called, whatever folder the source is in.
    const output = options.output ?? `${basename(source, extname(source)) || 'a'}.o`;
    return { source, output, argv: [clang, ...clangArguments(source, output, options, flags)] };
  });
  if (options.print) {
    if (options.json) printJson({ commands });
    else for (const { argv } of commands) print(argv.map(quoted).join(' '));
    return ExitCode.ok;
  }
  for (const { argv } of commands) {
    const status = compile(argv);
    // Clang's own status is passed on, whatever it is.
    if (status !== 0) return status as ExitCode;
  }
  if (options.json) printJson({ compiled: commands.map(({ source, output }) => ({ source, output })) });
  return ExitCode.ok;
}

/** Shells answer so for a program that a signal ended. */
const SIGNALLED = 128;

function compile([compiler = '', ...rest]: readonly string[]): number {
  const { status, signal, error } = spawnSync(compiler, rest, { stdio: ['inherit', 'inherit', 'inherit'] });
  if (error)
    throw new TsbpfError('COMPILER_MISSING', `${compiler} cannot be run: ${error.message}`, { cause: error });
  return status ?? (signal ? SIGNALLED + 2 : ExitCode.rejected);
}
