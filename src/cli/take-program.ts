import { existsSync, statfsSync } from 'node:fs';
import { type Collection, type LoadOptions, loadCollection, type Program } from '../kernel/index.ts';
import { TsbpfError } from '../util/errors.ts';
import { chooseProgram } from './commands/run.ts';
import { readSpec } from './source.ts';
import { onlyWhich, openProgram } from './which.ts';

/** A program that a command was given: of an object that is loaded for it, or one that the kernel holds. */
export interface TakenProgram extends Disposable {
  readonly program: Program;
  /** Its name, in full where it comes from an object. */
  readonly name: string;
  /** What was loaded for it. */
  readonly collection: Collection | undefined;
}

/** What is for objects alone. */
export interface TakeOptions {
  readonly program?: string;
  readonly license?: string;
}

/** BPF_FS_MAGIC (Linux, `include/uapi/linux/magic.h`). */
const BPF_FS = 0xcafe4a11;

/** Whether something is there, in a BPF file system. */
export const isPin = (path: string): boolean => existsSync(path) && statfsSync(path).type === BPF_FS;

/** A word alone is a file where there is one, and where it looks like the path of one; else what the kernel holds. */
function isFile(words: readonly string[]): words is readonly [string] {
  const [word = ''] = words;
  if (words.length !== 1 || isPin(word)) return false;
  return word === '-' || existsSync(word) || /[./]/.test(word);
}

/**
 * `prog.o`, `prog.s`, `-`, `12`, `/sys/fs/bpf/x`, `classify`, `id 12`, `pinned PATH`, `name N`, `tag T`.
 *
 * @param given options of the command line; those that a program of the kernel's cannot have are refused with it
 * @throws {TsbpfError} `PROGRAM_AMBIGUOUS`, `PROGRAM_NOT_FOUND`, `OPTIONS_CONTRADICT` … @throws {SyscallError}
 */
export async function takeProgram(
  words: readonly string[],
  given: TakeOptions,
  load: Pick<LoadOptions, 'type' | 'device'> = {},
): Promise<TakenProgram> {
  if (isFile(words)) {
    const spec = await readSpec(words[0]);
    const { name } = chooseProgram(spec, given.program);
    const { license } = given;
    const collection = loadCollection(spec, {
      programs: [name],
      ...load,
      ...(license !== undefined && { license }),
    });
    return {
      program: collection.program(name),
      name,
      collection,
      [Symbol.dispose]: () => collection[Symbol.dispose](),
    };
  }
  for (const option of ['program', 'license'] as const)
    if (given[option] !== undefined) refuseForLoaded(option);
  const program = openProgram(onlyWhich(words));
  return { program, name: program.name, collection: undefined, [Symbol.dispose]: () => program.close() };
}

/** @throws {TsbpfError} `OPTIONS_CONTRADICT` */
export function refuseForLoaded(option: string): never {
  throw new TsbpfError(
    'OPTIONS_CONTRADICT',
    `--${option} is for objects, and this names a program that is loaded already`,
  );
}
