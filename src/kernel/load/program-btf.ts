import { type Btf, parseBtf } from '../../btf/index.ts';
import { btfObjectBytes } from '../../syscall/bpf-btf-dump.ts';
import { fdById } from '../../syscall/bpf-object.ts';
import { Fd } from '../../syscall/fd.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Program } from './program.ts';

/**
 * The types that a program was loaded with, as the kernel has them.
 *
 * @throws {TsbpfError} `PROGRAM_BTF_MISSING` @throws {SyscallError} EPERM without CAP_SYS_ADMIN
 */
function programBtf(program: Program): Btf {
  const { btfId } = program.info();
  if (btfId === 0) {
    throw new TsbpfError('PROGRAM_BTF_MISSING', `program '${program.name}' was loaded without types`, {
      hint: 'its source is compiled with -g',
    });
  }
  using fd = new Fd(fdById('BTF', btfId), `the types of program '${program.name}'`);
  return parseBtf(btfObjectBytes(fd.number, fd.what), `the types of program '${program.name}'`);
}

/**
 * The number of a function among the types of a program.
 *
 * @throws {TsbpfError} `ATTACH_TARGET_NOT_FOUND`, `PROGRAM_BTF_MISSING`
 */
export function functionInProgram(program: Program, name: string): number {
  const btf = programBtf(program);
  const id = btf.findByName(name, 'func');
  if (id !== undefined) return id;
  const ids = Array.from({ length: btf.typeCount - 1 }, (_, index) => index + 1);
  const names = ids.flatMap((each) => {
    const type = btf.type(each);
    return type.kind === 'func' ? [type.name] : [];
  });
  throw new TsbpfError('ATTACH_TARGET_NOT_FOUND', `program '${program.name}' has no function '${name}'`, {
    hint: didYouMean(name, names)[0] ?? `it has: ${names.join(', ')}`,
  });
}
