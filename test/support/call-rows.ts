import { KernelFeatures } from '../../src/kernel/features/features.ts';
import { allowMemory } from '../../src/kernel/features/features-fallback.ts';
import { EpollEvent, epollAdd, epollTake, openEpoll } from '../../src/syscall/epoll.ts';
import { Fd } from '../../src/syscall/fd.ts';
import { mapMemory, tryPopulate } from '../../src/syscall/mapping.ts';
import {
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  unmount,
} from '../../src/syscall/namespace.ts';
import { enterNetworkNamespace, type NetworkNamespace } from '../../src/syscall/network-namespace.ts';
import type { SyscallName } from '../../src/syscall/numbers.ts';
import { perfEnable, tryPerfEventOpen, tryPerfSetBpf } from '../../src/syscall/perf-attach.ts';
import { openPerfOutput, pausePerfOutput } from '../../src/syscall/perf-output.ts';
import { openPidfd } from '../../src/syscall/pidfd.ts';
import { bindSocket, openSocket, tryReceive, trySend, trySetOption } from '../../src/syscall/socket.ts';
import { trySetSocketOption } from '../../src/syscall/socket-attach.ts';
import { mountTracefs } from '../../src/syscall/tracefs.ts';

/** A number, a C expression, or bytes (texts with their NUL) that the argument points to. */
export type Argument = number | string | { readonly at: Uint8Array | string };

/** A system call and its arguments; `null` for what is looked at elsewhere. */
export interface CallRow {
  readonly syscall: Exclude<SyscallName, 'bpf'>;
  readonly of: string;
  readonly args: readonly (Argument | null)[];
  readonly call: () => unknown;
  /** What a refusal is told by: EPERM, where nothing is said. */
  readonly refused?: 'answers' | 'throws' | 'ignored' | { readonly code: string };
}

const fd = (number: number): Fd => new Fd(number, 'a thing');
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const ADDRESS = bytes(16, 0, 0, 0);

export const CALL_ROWS: readonly CallRow[] = [
  {
    syscall: 'close',
    of: 'a descriptor',
    args: [9],
    call: () => fd(9).close(),
    refused: { code: 'CLOSE_FAILED' },
  },
  {
    syscall: 'fcntl',
    of: 'a duplicate',
    args: [9, 'F_DUPFD_CLOEXEC', 3],
    call: () => fd(9).duplicate(),
    refused: 'throws',
  },
  {
    syscall: 'mmap',
    of: 'shared memory',
    args: [0, 4096, 'PROT_READ | PROT_WRITE', 'MAP_SHARED', 5, 8192],
    call: () => mapMemory({ fd: 5, length: 4096, offset: 8192, writable: true, what: 'x' }),
    refused: 'throws',
  },
  {
    syscall: 'mmap',
    of: 'shared memory at one address',
    args: [0x1000, 4096, 'PROT_READ', 'MAP_SHARED | MAP_FIXED_NOREPLACE', 5, 0],
    call: () => mapMemory({ fd: 5, length: 4096, at: 0x1000, what: 'x' }),
    refused: 'throws',
  },
  {
    syscall: 'madvise',
    of: 'pages to write to',
    args: [0x1000, 8192, 'MADV_POPULATE_WRITE'],
    call: () => tryPopulate({ address: 0x1000, bytes: new Uint8Array() }, 8192),
    refused: 'answers',
  },
  {
    syscall: 'mount',
    of: 'bpffs',
    args: [{ at: 'bpf' }, { at: '/x' }, { at: 'bpf' }, 0, 0],
    call: () => mountBpffs('/x'),
    refused: 'throws',
  },
  {
    syscall: 'mount',
    of: 'tracefs',
    args: [{ at: 'tracefs' }, { at: '/x' }, { at: 'tracefs' }, 0, 0],
    call: () => mountTracefs('/x'),
    refused: 'throws',
  },
  {
    syscall: 'mount',
    of: 'what is mounted already, as private',
    args: [0, { at: '/' }, 0, 'MS_REC | MS_PRIVATE', 0],
    call: enterNewMountNamespace,
    refused: 'throws',
  },
  {
    syscall: 'umount2',
    of: 'a folder',
    args: [{ at: '/x' }, 0],
    call: () => unmount('/x'),
    refused: 'throws',
  },
  {
    syscall: 'unshare',
    of: 'the network',
    args: ['CLONE_NEWNET'],
    call: enterNewNetworkNamespace,
    refused: 'throws',
  },
  {
    syscall: 'unshare',
    of: 'the mounts',
    args: ['CLONE_NEWNS'],
    call: enterNewMountNamespace,
    refused: 'throws',
  },
  {
    syscall: 'setns',
    of: 'a network',
    args: [5, 'CLONE_NEWNET'],
    call: () => enterNetworkNamespace({ fd: fd(5), what: 'a namespace', path: '/x' } as NetworkNamespace),
    refused: 'throws',
  },
  {
    syscall: 'epoll_create1',
    of: 'a set',
    args: ['EPOLL_CLOEXEC'],
    call: () => openEpoll('a set'),
    refused: 'throws',
  },
  {
    syscall: 'epoll_ctl',
    of: 'a descriptor more',
    args: [4, 'EPOLL_CTL_ADD', 5, null],
    call: () => epollAdd(fd(4), 5, EpollEvent.IN, 'a ring'),
    refused: 'throws',
  },
  {
    syscall: 'epoll_pwait',
    of: 'what is ready',
    args: [4, null, 64, 0, 0, 8],
    call: () => epollTake(fd(4)),
    refused: 'throws',
  },
  {
    syscall: 'ioctl',
    of: 'a program on an event',
    args: [3, 'PERF_EVENT_IOC_SET_BPF', 9],
    call: () => tryPerfSetBpf(fd(3), 9),
    refused: 'answers',
  },
  {
    syscall: 'ioctl',
    of: 'an event that begins',
    args: [3, 'PERF_EVENT_IOC_ENABLE', 0],
    call: () => perfEnable(fd(3)),
    refused: 'throws',
  },
  {
    syscall: 'ioctl',
    of: 'a ring that pauses',
    args: [3, 'PERF_EVENT_IOC_PAUSE_OUTPUT', 1],
    call: () => pausePerfOutput(fd(3), true),
    refused: 'throws',
  },
  {
    syscall: 'perf_event_open',
    of: 'an event',
    args: [null, 12, -1, -1, 'PERF_FLAG_FD_CLOEXEC'],
    call: () => tryPerfEventOpen({ type: 1, config: 0n, pid: 12, cpu: -1 }),
    refused: 'answers',
  },
  {
    syscall: 'perf_event_open',
    of: 'a ring',
    args: [null, -1, 2, -1, 'PERF_FLAG_FD_CLOEXEC'],
    call: () => openPerfOutput({ cpu: 2, wakeup: { events: 1 } }),
    refused: 'throws',
  },
  { syscall: 'pidfd_open', of: 'a process', args: [12, 0], call: () => openPidfd(12), refused: 'throws' },
  {
    syscall: 'prlimit64',
    of: 'locked memory',
    args: [0, 'RLIMIT_MEMLOCK', { at: new Uint8Array(16).fill(0xff) }, 0],
    call: () => allowMemory(new KernelFeatures({}, { answers: { 'kernel/memcg-accounting': 'no' } })),
    refused: 'ignored',
  },
  {
    syscall: 'socket',
    of: 'netlink',
    args: ['AF_NETLINK', 'SOCK_RAW | SOCK_CLOEXEC', 'NETLINK_ROUTE'],
    call: () => openSocket(16, 3 | 0x80000, 0, 'a socket', []),
    refused: 'throws',
  },
  {
    syscall: 'bind',
    of: 'an address',
    args: [7, { at: ADDRESS }, 4],
    call: () => bindSocket(fd(7), ADDRESS),
    refused: 'throws',
  },
  {
    syscall: 'setsockopt',
    of: 'an option of any level',
    args: [7, 'SOL_NETLINK', 'NETLINK_EXT_ACK', { at: ADDRESS }, 4],
    call: () => trySetOption(fd(7), 270, 11, ADDRESS),
    refused: 'answers',
  },
  {
    syscall: 'setsockopt',
    of: 'a program on a socket',
    args: [7, 'SOL_SOCKET', 'SO_ATTACH_BPF', { at: bytes(9, 0, 0, 0) }, 4],
    call: () => trySetSocketOption(7, 50, 9),
    refused: 'answers',
  },
  {
    syscall: 'sendto',
    of: 'a message',
    args: [7, { at: ADDRESS }, 4, 0],
    call: () => trySend(fd(7), ADDRESS),
    refused: 'answers',
  },
  {
    syscall: 'recvfrom',
    of: 'the length of a message',
    args: [7, { at: ADDRESS }, 4, 'MSG_PEEK | MSG_TRUNC'],
    call: () => tryReceive(fd(7), ADDRESS, 0x22),
    refused: 'answers',
  },
];

/** Calls that are made when nothing is looking. */
export const UNSEEN: Readonly<Record<string, string>> = {
  munmap: 'comes with the garbage collection of the last view',
};
