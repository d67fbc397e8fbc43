import { arch } from 'node:process';
import { type Struct, struct, u32, u64 } from '../util/struct.ts';
import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { Fd } from './fd.ts';
import { addressOf, invoke } from './native.ts';

/** Linux, `include/uapi/linux/eventpoll.h`. */
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
export const EpollEvent: { readonly IN: number; readonly OUT: number; readonly EDGE: number } = {
  IN: 1,
  OUT: 4,
  /** Told once when it becomes so, not for as long as it is so. */
  EDGE: 1 << 31,
};

/** `struct epoll_event`, which only x86-64 packs. */
const epollEvent: Struct<{ events: typeof u32; data: typeof u64 }> = struct(
  'epoll_event',
  { events: u32, data: u64 },
  { packed: arch === 'x64' },
);

/** A set of descriptors that is one descriptor itself, readable when one of them is ready. @throws {SyscallError} EMFILE */
export function openEpoll(what: string): Fd {
  const result = invoke('epoll_create1', [], EPOLL_CLOEXEC);
  if (result >= 0) return new Fd(result, what);
  throw new SyscallError({ syscall: 'epoll_create1', errno: -result, doing: `make ${what}` });
}

/** Adds a descriptor; closing it takes it out again. @throws {SyscallError} EPERM for what cannot be waited for */
export function epollAdd(epoll: Fd, fd: number, events: number, what: string): void {
  const event = epollEvent.encode({ events: events >>> 0, data: BigInt(fd) });
  const result = invoke('epoll_ctl', [event], epoll.number, EPOLL_CTL_ADD, fd, addressOf(event));
  if (result < 0) throw new SyscallError({ syscall: 'epoll_ctl', errno: -result, doing: `wait for ${what}` });
}

/** More in one call than most sets have; the rest keeps the set readable. */
const MAX_EVENTS = 64;
const taken = new Uint8Array(epollEvent.size * MAX_EVENTS);
const SIGSET_SIZE = 8;

/** Takes what is ready off the set without waiting. @returns how many descriptors were ready @throws {SyscallError} */
export function epollTake(epoll: Fd): number {
  const result = invoke(
    'epoll_pwait',
    [taken],
    epoll.number,
    addressOf(taken),
    MAX_EVENTS,
    0,
    0,
    SIGSET_SIZE,
  );
  if (result >= 0) return result;
  if (result === -Errno.EINTR) return 0;
  throw new SyscallError({ syscall: 'epoll_pwait', errno: -result, doing: `ask ${epoll.what}` });
}
