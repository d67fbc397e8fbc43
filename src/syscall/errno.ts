/** An errno's name and the plain meaning of it, where nothing more is known. */
interface ErrnoText {
  readonly name: string;
  readonly text: string;
}

/** The numbers that x86-64 and arm64 share (Linux, `asm-generic/errno-base.h` and `errno.h`). */
const ERRNOS: Readonly<Record<number, ErrnoText>> = {
  1: { name: 'EPERM', text: 'operation not permitted' },
  2: { name: 'ENOENT', text: 'no such entry' },
  3: { name: 'ESRCH', text: 'no such process' },
  4: { name: 'EINTR', text: 'interrupted by a signal' },
  5: { name: 'EIO', text: 'input or output error' },
  6: { name: 'ENXIO', text: 'no such device or address' },
  7: { name: 'E2BIG', text: 'too big' },
  9: { name: 'EBADF', text: 'not an open file descriptor' },
  11: { name: 'EAGAIN', text: 'try again' },
  12: { name: 'ENOMEM', text: 'out of memory' },
  13: { name: 'EACCES', text: 'permission denied' },
  14: { name: 'EFAULT', text: 'bad address' },
  16: { name: 'EBUSY', text: 'in use' },
  17: { name: 'EEXIST', text: 'exists already' },
  19: { name: 'ENODEV', text: 'no such device' },
  20: { name: 'ENOTDIR', text: 'not a directory' },
  21: { name: 'EISDIR', text: 'is a directory' },
  22: { name: 'EINVAL', text: 'invalid argument' },
  23: { name: 'ENFILE', text: 'too many open files in the system' },
  24: { name: 'EMFILE', text: 'too many open files' },
  25: { name: 'ENOTTY', text: 'no such operation on this descriptor' },
  27: { name: 'EFBIG', text: 'file too large' },
  28: { name: 'ENOSPC', text: 'no space left' },
  30: { name: 'EROFS', text: 'read-only file system' },
  32: { name: 'EPIPE', text: 'broken pipe' },
  33: { name: 'EDOM', text: 'argument out of domain' },
  34: { name: 'ERANGE', text: 'result out of range' },
  35: { name: 'EDEADLK', text: 'would deadlock' },
  36: { name: 'ENAMETOOLONG', text: 'name too long' },
  38: { name: 'ENOSYS', text: 'no such system call in this kernel' },
  39: { name: 'ENOTEMPTY', text: 'not empty' },
  40: { name: 'ELOOP', text: 'too many symbolic links' },
  61: { name: 'ENODATA', text: 'no data available' },
  67: { name: 'ENOLINK', text: 'the link is severed' },
  71: { name: 'EPROTO', text: 'protocol error' },
  75: { name: 'EOVERFLOW', text: 'value too large' },
  84: { name: 'EILSEQ', text: 'invalid byte sequence' },
  88: { name: 'ENOTSOCK', text: 'not a socket' },
  90: { name: 'EMSGSIZE', text: 'message too long' },
  92: { name: 'ENOPROTOOPT', text: 'no such socket option' },
  93: { name: 'EPROTONOSUPPORT', text: 'protocol not supported' },
  95: { name: 'EOPNOTSUPP', text: 'operation not supported' },
  97: { name: 'EAFNOSUPPORT', text: 'address family not supported' },
  98: { name: 'EADDRINUSE', text: 'address in use' },
  99: { name: 'EADDRNOTAVAIL', text: 'address not available' },
  100: { name: 'ENETDOWN', text: 'network interface is down' },
  101: { name: 'ENETUNREACH', text: 'network unreachable' },
  105: { name: 'ENOBUFS', text: 'no buffer space' },
  110: { name: 'ETIMEDOUT', text: 'timed out' },
  114: { name: 'EALREADY', text: 'already in progress' },
  116: { name: 'ESTALE', text: 'stale' },
  125: { name: 'ECANCELED', text: 'cancelled' },
  // Kernel-internal (include/linux/errno.h); bpf(2) lets it out, and no libc names it.
  524: { name: 'ENOTSUPP', text: 'operation not supported' },
};

/** Numbers by name: `Errno.ENOENT`. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EINVAL: 22,
  EMFILE: 24,
  ENOSPC: 28,
  EDOM: 33,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOLINK: 67,
  EOVERFLOW: 75,
  EILSEQ: 84,
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENOBUFS: 105,
  ESTALE: 116,
  ENOTSUPP: 524,
} as const;

/** `ENOENT` for 2; `errno 4711` for a number without a name. */
export function errnoName(errno: number): string {
  return ERRNOS[errno]?.name ?? `errno ${errno}`;
}

/** What an errno means in general, in a few words. */
export function errnoText(errno: number): string {
  return ERRNOS[errno]?.text ?? 'unknown error';
}
