import { type Btf, parseBtf } from '../../btf/index.ts';
import { btfObjectBytes, btfObjectInfo } from '../../syscall/bpf-btf-dump.ts';
import { fdById } from '../../syscall/bpf-object.ts';
import { Fd } from '../../syscall/fd.ts';
import { runningKernel } from '../facts.ts';

/**
 * The types of a BTF by the kernel's number; 0 stands for none.
 *
 * @throws {SyscallError} ENOENT, EPERM without CAP_SYS_ADMIN
 */
export function btfById(id: number): Btf | undefined {
  if (id === 0) return undefined;
  using fd = new Fd(fdById('BTF', id), `BTF ${id}`);
  const { name, ofKernel } = btfObjectInfo(fd.number, fd.what);
  const kernel = ofKernel ? runningKernel().btf : undefined;
  if (name === 'vmlinux' && kernel) return kernel;
  return parseBtf(btfObjectBytes(fd.number, fd.what), `BTF ${id}`, kernel);
}
