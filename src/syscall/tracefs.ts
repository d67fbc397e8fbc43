import { encodeText } from '../util/bytes.ts';
import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { explainPermission } from './explain.ts';
import { addressOf, invoke } from './native.ts';
import { readPrivileges } from './privileges.ts';

/** Mounts tracefs on an existing directory. @throws {SyscallError} EPERM, ENOENT */
export function mountTracefs(path: string): void {
  const source = encodeText('tracefs\0');
  const target = encodeText(`${path}\0`);
  const [from, to] = [addressOf(source), addressOf(target)];
  const result = invoke('mount', [source, target], from, to, from, 0, 0);
  if (result >= 0) return;
  const meaning =
    result === -Errno.EPERM
      ? explainPermission(['CAP_SYS_ADMIN'], { logEmpty: false }, readPrivileges())
      : undefined;
  throw new SyscallError({ syscall: 'mount', errno: -result, doing: `mount tracefs on ${path}`, ...meaning });
}
