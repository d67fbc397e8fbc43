import { checkRange } from '../util/errors.ts';
import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { Fd } from './fd.ts';
import { INT_MAX, invoke } from './native.ts';

/**
 * A descriptor of a process, by which a task storage knows its main thread.
 *
 * @throws {SyscallError} ESRCH, EMFILE
 */
export function openPidfd(pid: number): Fd {
  const what = `process ${pid}`;
  const result = invoke('pidfd_open', [], checkRange('pid', pid, 1, INT_MAX), 0);
  if (result >= 0) return new Fd(result, what);
  const explanation = result === -Errno.EINVAL ? 'it is the number of a thread, not of a process' : undefined;
  throw new SyscallError({ syscall: 'pidfd_open', errno: -result, doing: `open ${what}`, explanation });
}
