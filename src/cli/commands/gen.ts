import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { parseElf, stripDebug, writeElf } from '../../elf/index.ts';
import { collect, generateBindings } from '../../object/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { findClang } from './cc.ts';

export interface GenOptions extends CommonOptions {
  readonly cc?: string;
  readonly cflags?: string;
  readonly target: string;
  readonly outputDir: string;
  readonly type?: readonly string[];
  readonly exactNames?: boolean;
}

type Target = 'bpfel' | 'bpfeb';
const TARGETS: readonly string[] = ['bpfel', 'bpfeb'] satisfies Target[];

/** `tsbpf gen [NAME] SOURCE [-- CFLAGS]`: a C file or an object becomes a TypeScript module. */
export async function gen(first: string, rest: readonly string[], options: GenOptions): Promise<undefined> {
  const { name, source, flags } = readArguments(first, rest);
  const files = source.endsWith('.o')
    ? [fromObject(name, source, options)]
    : compileAll(name, source, flags, options);
  if (options.json) printJson({ name, source, files });
}

interface Written {
  readonly object: string;
  readonly module: string;
}

interface Arguments {
  readonly name: string;
  readonly source: string;
  readonly flags: readonly string[];
}

/** The name is optional; what follows `--` is for the compiler and begins with a dash. */
function readArguments(first: string, rest: readonly string[]): Arguments {
  const [second, ...others] = rest;
  if (second !== undefined && !second.startsWith('-')) return { name: first, source: second, flags: others };
  const name = basename(first, extname(first)).replace(/_bpfe[lb]$/, '');
  return { name, source: first, flags: rest };
}

function targetsOf(text: string): Target[] {
  return text.split(',').map((target) => {
    if (TARGETS.includes(target)) return target as Target;
    throw new TsbpfError('TARGET_UNKNOWN', `there is no target '${target}'`, {
      hint: 'the targets are bpfel and bpfeb',
    });
  });
}

function compileAll(name: string, source: string, flags: readonly string[], options: GenOptions): Written[] {
  return targetsOf(options.target).map((target) => {
    const object = resolve(options.outputDir, `${name}_${target}.o`);
    compile(source, object, target, flags, options);
    tell(options, `Compiled ${object}`);
    writeFileSync(object, writeElf(stripDebug(parseElf(readBytes(object), { name: object }))));
    tell(options, `Stripped ${object}`);
    return writeModule(name, `${name}_${target}`, basename(source), object, options);
  });
}

function fromObject(name: string, object: string, options: GenOptions): Written {
  return writeModule(name, basename(object, '.o'), basename(object), object, options);
}

function writeModule(
  name: string,
  stem: string,
  source: string,
  object: string,
  options: GenOptions,
): Written {
  const bytes = readBytes(object);
  const spec = collect(parseElf(bytes, { name: object }));
  const module = resolve(join(options.outputDir, `${stem}.ts`));
  const { type: types, exactNames } = options;
  writeFileSync(
    module,
    generateBindings(spec, {
      name,
      bytes,
      source,
      ...(types && { types }),
      ...(exactNames && { exactNames }),
    }),
  );
  tell(options, `Wrote ${module}`);
  return { object, module };
}

const readBytes = (file: string): Uint8Array => new Uint8Array(readFileSync(file));

/** Progress is the result here, as with other generators; with `--json` the document is. */
function tell(options: GenOptions, line: string): void {
  if (!options.json) print(line);
}

/** Debian and its kin keep the kernel's `asm/` headers there; a path that does not exist is passed over. */
const HEADERS = ['/usr/include/x86_64-linux-gnu', '/usr/include/aarch64-linux-gnu'];

function compile(
  source: string,
  object: string,
  target: Target,
  flags: readonly string[],
  options: GenOptions,
): void {
  const compiler = findClang(options.cc ?? process.env.BPF_CLANG);
  const given = (options.cflags ?? process.env.BPF_CFLAGS ?? '').split(/\s+/).filter((flag) => flag !== '');
  const argv = [
    ...['-target', target, '-O2', '-g', '-Wall', '-fdebug-compilation-dir=.'],
    ...HEADERS.map((dir) => `-I${dir}`),
    // Without a 32-bit libc, <gnu/stubs.h> has no header for BPF.
    '-D__x86_64__',
    ...given,
    ...flags,
    ...['-c', source, '-o', object],
  ];
  const { status, error } = spawnSync(compiler, argv, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) throw new TsbpfError('COMPILER_MISSING', `${compiler} cannot be run: ${error.message}`);
  if (status !== 0) throw new TsbpfError('COMPILE_FAILED', `${compiler} could not compile ${source}`);
}
