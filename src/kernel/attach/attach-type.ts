import type { ProgType } from '../../isa/kernel-tables.generated.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { Program } from '../load/program.ts';
import { progTypeName } from '../names.ts';

/** @throws {TsbpfError} `PROG_TYPE_WRONG` unless the program is of one of these types */
export function requireType(program: Program, types: readonly ProgType[], target: string): void {
  if (types.includes(program.type)) return;
  const names = types.map(progTypeName).join(' or ');
  throw new TsbpfError(
    'PROG_TYPE_WRONG',
    `program '${program.name}' is of type ${program.typeName}; ${target} takes ${names} programs`,
  );
}
