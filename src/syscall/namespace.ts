import { encodeText } from '../util/bytes.ts';
import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { explainPermission } from './explain.ts';
import { addressOf, invoke } from './native.ts';
import { readPrivileges } from './privileges.ts';

/** Linux, `include/uapi/linux/sched.h`. */
const CLONE_NEWNET = 0x40000000;
const CLONE_NEWNS = 0x00020000;
/** MS_REC | MS_PRIVATE (Linux, `include/uapi/linux/mount.h`). */
const MAKE_PRIVATE = 0x4000 | (1 << 18);

function refused(syscall: string, errno: number, doing: string): SyscallError {
  const meaning =
    errno === Errno.EPERM
      ? explainPermission(['CAP_SYS_ADMIN'], { logEmpty: false }, readPrivileges())
      : undefined;
  return new SyscallError({ syscall, errno, doing, ...meaning });
}

/**
 * Moves the calling thread, and only it, into a network namespace of its own: empty but for a `lo`
 * that is down. It is gone with all that is in it when the thread ends and nothing else holds it.
 * There is no way back; a process that wants one runs this in a Worker or a child.
 *
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN
 */
export function enterNewNetworkNamespace(): void {
  const result = invoke('unshare', [], CLONE_NEWNET);
  if (result < 0) throw refused('unshare', -result, 'make a network namespace');
}

/**
 * Moves the calling thread, and only it, into a mount namespace of its own: what it mounts is seen
 * by nobody else and is gone with the thread. Of `node:fs` only the synchronous calls run on this
 * thread.
 *
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN
 */
export function enterNewMountNamespace(): void {
  const result = invoke('unshare', [], CLONE_NEWNS);
  if (result < 0) throw refused('unshare', -result, 'make a mount namespace');
  const root = encodeText('/\0');
  // Mounts of the new namespace would show in the old one wherever `/` is shared.
  const made = invoke('mount', [root], 0, addressOf(root), 0, MAKE_PRIVATE, 0);
  if (made < 0) throw refused('mount', -made, 'make the mounts of this namespace private');
}

/** Mounts a BPF file system on an existing directory. @throws {SyscallError} EPERM, ENOENT */
export function mountBpffs(path: string): void {
  const source = encodeText('bpf\0');
  const target = encodeText(`${path}\0`);
  const type = encodeText('bpf\0');
  const result = invoke(
    'mount',
    [source, target, type],
    addressOf(source),
    addressOf(target),
    addressOf(type),
    0,
    0,
  );
  if (result < 0) throw refused('mount', -result, `mount a BPF file system on ${path}`);
}

/** umount2(2). @throws {SyscallError} EPERM, EBUSY, EINVAL where nothing is mounted */
export function unmount(path: string): void {
  const target = encodeText(`${path}\0`);
  const result = invoke('umount2', [target], addressOf(target), 0);
  if (result < 0) throw refused('umount2', -result, `unmount ${path}`);
}
