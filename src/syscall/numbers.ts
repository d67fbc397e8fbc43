import { TsbpfError } from '../util/errors.ts';

/** System call numbers of x86-64 (Linux, `arch/x86/entry/syscalls/syscall_64.tbl`). */
const X64 = {
  close: 3,
  mmap: 9,
  munmap: 11,
  ioctl: 16,
  madvise: 28,
  socket: 41,
  sendto: 44,
  recvfrom: 45,
  bind: 49,
  getsockname: 51,
  setsockopt: 54,
  getsockopt: 55,
  fcntl: 72,
  mount: 165,
  umount2: 166,
  epoll_ctl: 233,
  unshare: 272,
  epoll_pwait: 281,
  epoll_create1: 291,
  perf_event_open: 298,
  prlimit64: 302,
  setns: 308,
  bpf: 321,
  pidfd_open: 434,
} as const;

export type SyscallName = keyof typeof X64;

/** The generic table that arm64 uses (Linux, `include/uapi/asm-generic/unistd.h`). */
const ARM64: Record<SyscallName, number> = {
  close: 57,
  mmap: 222,
  munmap: 215,
  madvise: 233,
  ioctl: 29,
  socket: 198,
  sendto: 206,
  recvfrom: 207,
  bind: 200,
  getsockname: 204,
  setsockopt: 208,
  getsockopt: 209,
  fcntl: 25,
  mount: 40,
  umount2: 39,
  epoll_ctl: 21,
  unshare: 97,
  epoll_pwait: 22,
  epoll_create1: 20,
  perf_event_open: 241,
  prlimit64: 261,
  setns: 268,
  bpf: 280,
  pidfd_open: 434,
};

/**
 * The system call numbers of an architecture as `process.arch` names it.
 *
 * @throws {TsbpfError} `ARCH_UNSUPPORTED`
 */
export function syscallNumbers(arch: string): Readonly<Record<SyscallName, number>> {
  if (arch === 'x64') return X64;
  if (arch === 'arm64') return ARM64;
  throw new TsbpfError('ARCH_UNSUPPORTED', `the system call numbers of ${arch} are not known here`, {
    hint: 'loading into a kernel works on x64 and arm64; everything else works anywhere',
  });
}
