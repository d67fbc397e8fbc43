import { attachStructOps, loadCollection } from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { ExitCode } from '../exit.ts';
import { readSpec } from '../source.ts';
import { type AttachCommandOptions, stay } from './attach.ts';

export interface StructOpsOptions extends Pick<AttachCommandOptions, 'json' | 'license' | 'pin'> {
  /** The variable's name in the object. */
  readonly name?: string;
}

/** `tsbpf struct-ops FILE`: the kernel calls the functions of the object's struct, until Ctrl-C. */
export async function structOps(file: string, options: StructOpsOptions): Promise<ExitCode> {
  const { license } = options;
  using collection = loadCollection(await readSpec(file), license === undefined ? {} : { license });
  const names = [...collection.structOps.keys()];
  if (names.length === 0)
    throw new TsbpfError('STRUCT_OPS_NOT_FOUND', 'the object has no struct of functions', {
      hint: 'in C: SEC(".struct_ops.link") struct tcp_congestion_ops control = { … };',
    });
  if (names.length > 1 && options.name === undefined)
    throw new TsbpfError(
      'STRUCT_OPS_AMBIGUOUS',
      `the object has ${names.length} structs of functions: ${names.join(', ')}`,
      { hint: 'choose one with --name NAME' },
    );
  return await stay(attachStructOps(collection, options.name ?? names[0]!), options, 'attached');
}
