import { Errno } from './errno.ts';
import type { Explanation } from './explain.ts';

// What the errnos of other system calls mean for what is asked of them here (the manual pages of each;
// Linux, `kernel/events/core.c`, `net/core/sock.c`, `net/core/filter.c`). EPERM and EACCES are told apart
// by explainPermission().

const tooManyFiles = 'this process has as many descriptors open as it may';
export const MANY_FILES: Explanation = { explanation: tooManyFiles, hint: 'close some, or: ulimit -n' };

type Rows = Readonly<Record<number, Explanation | string>>;

/** By the names that a SyscallError has in `syscall`. */
const SYSTEM_MEANINGS: Readonly<Record<string, Rows>> = {
  perf_event_open: {
    [Errno.ENOENT]:
      'there is no such event here: the machine has no counter for it, or the path or function is not there',
    [Errno.EINVAL]: 'the kernel does not take this event, or not with this offset, period or flag',
    [Errno.ENODEV]: 'the CPU is offline, or this kind of event has no such machine',
    [Errno.EOPNOTSUPP]: 'this hardware or kernel cannot do it',
    [Errno.ESRCH]: 'there is no such process',
    [Errno.EBUSY]: 'another event has the counter for itself',
    [Errno.E2BIG]: 'this kernel does not know a field that was set',
    [Errno.ENOSPC]: 'all hardware breakpoints are in use',
    [Errno.EMFILE]: MANY_FILES,
  },
  ioctl: {
    [Errno.EEXIST]: 'the event has a program already',
    [Errno.EINVAL]: 'programs of this type do not go to this kind of event',
    [Errno.EBADF]: 'the program or the event is closed',
    [Errno.E2BIG]: 'as many programs as the kernel takes (64) are on this event already',
    [Errno.EOPNOTSUPP]: 'this kind of event takes no program, or not with a cookie',
  },
  setsockopt: {
    [Errno.EINVAL]: 'the program is of another type than this option takes, or the option is not known',
    [Errno.EPERM]: 'the filter of the socket is locked (SO_LOCK_FILTER)',
    [Errno.ENOENT]: 'the socket has no filter',
    [Errno.ENOPROTOOPT]: 'sockets of this kind have no such option',
    [Errno.ENOMEM]: 'programs of sockets need more memory than net.core.optmem_max allows',
    [Errno.ENOTSOCK]: 'the descriptor is no socket',
    [Errno.EBADF]: 'the socket or the program is closed',
  },
  mount: {
    [Errno.ENOENT]: 'the folder does not exist',
    [Errno.ENOTDIR]: 'it is no folder',
    [Errno.EBUSY]: 'it is mounted there already, or is in use',
    [Errno.ENODEV]: 'this kernel has no such file system',
    [Errno.EINVAL]: 'the kernel does not take these options, or not here',
  },
  umount2: {
    [Errno.EINVAL]: 'nothing is mounted there',
    [Errno.EBUSY]: 'files in it are open',
    [Errno.ENOENT]: 'the folder does not exist',
  },
  unshare: {
    [Errno.EINVAL]:
      'this kernel has no such namespaces, or the process has several threads that would have to move',
    [Errno.ENOSPC]: 'there are as many namespaces as allowed (user.max_*_namespaces)',
    [Errno.ENOMEM]: 'not enough memory for a namespace',
  },
  setns: {
    [Errno.EINVAL]: 'the descriptor is not one of a namespace of this kind',
    [Errno.EBADF]: 'the descriptor is not open',
  },
  mmap: {
    [Errno.EINVAL]: 'it cannot be mapped, or not with this length and offset: they are whole pages',
    [Errno.ENOMEM]: 'not enough memory, or too many mappings',
    [Errno.ENODEV]: 'it cannot be mapped',
    [Errno.EACCES]: 'it may not be mapped for writing',
    [Errno.EAGAIN]: 'over the limit of locked memory (ulimit -l)',
  },
  socket: {
    [Errno.EAFNOSUPPORT]: 'this kernel has no sockets of this family',
    [Errno.EPROTONOSUPPORT]: 'this kernel has no such protocol',
    [Errno.EMFILE]: MANY_FILES,
  },
  bind: { [Errno.ENODEV]: 'the interface is gone', [Errno.EADDRINUSE]: 'the address is in use' },
  sendto: {
    [Errno.ENETDOWN]: 'the interface is down',
    [Errno.EMSGSIZE]: 'it is larger than the interface takes',
    [Errno.ENOBUFS]: 'the queue of the interface is full',
    [Errno.ENXIO]: 'the interface is gone',
  },
  recvfrom: { [Errno.ENETDOWN]: 'the interface is down' },
  netlink: {
    [Errno.ENODEV]: 'there is no such interface in this network namespace',
    [Errno.ENOENT]: 'there is no such thing on the interface',
    [Errno.EEXIST]: 'there is one already',
    [Errno.EOPNOTSUPP]: 'the interface, or this kernel, cannot do it',
    [Errno.EINVAL]: 'the kernel does not take an attribute of the request',
  },
  fcntl: { [Errno.EMFILE]: MANY_FILES },
  epoll_create1: { [Errno.EMFILE]: MANY_FILES },
  epoll_ctl: {
    [Errno.EPERM]: 'it cannot be waited for',
    [Errno.EEXIST]: 'it is waited for already',
    [Errno.EBADF]: 'it is closed',
    [Errno.ENOSPC]: 'as many descriptors are waited for as allowed (fs.epoll.max_user_watches)',
  },
};

/** What an errno of a system call other than bpf(2) means; undefined where its own text has to do. */
export function explainSystem(syscall: string, errno: number): Explanation | undefined {
  const found = SYSTEM_MEANINGS[syscall]?.[errno];
  return typeof found === 'string' ? { explanation: found } : found;
}
