import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { explainPermission } from './explain.ts';
import { Fd } from './fd.ts';
import { addressOf, invoke } from './native.ts';
import { type Capability, readPrivileges } from './privileges.ts';

/** Linux, `include/linux/socket.h` and `include/linux/net.h`. */
export const AddressFamily = { NETLINK: 16, PACKET: 17 } as const;
export const SocketType = { RAW: 3, CLOEXEC: 0x80000, NONBLOCK: 0x800 } as const;
export const MessageFlag = { PEEK: 0x2, TRUNC: 0x20, DONTWAIT: 0x40 } as const;

/** What a refused socket call says, with EPERM told apart. */
export function socketError(
  syscall: string,
  errno: number,
  doing: string,
  needs: readonly Capability[] = [],
): SyscallError {
  const meaning =
    errno === Errno.EPERM && needs.length > 0
      ? explainPermission(needs, { logEmpty: false }, readPrivileges())
      : undefined;
  return new SyscallError({ syscall, errno, doing, ...meaning });
}

/** socket(2). @throws {SyscallError} */
export function openSocket(
  family: number,
  type: number,
  protocol: number,
  what: string,
  needs: readonly Capability[],
): Fd {
  const result = invoke('socket', [], family, type, protocol);
  if (result < 0) throw socketError('socket', -result, `open ${what}`, needs);
  return new Fd(result, what);
}

/** bind(2). @throws {SyscallError} */
export function bindSocket(fd: Fd, address: Uint8Array): void {
  const result = invoke('bind', [address], fd.number, addressOf(address), address.length);
  if (result < 0) throw socketError('bind', -result, `bind ${fd.what}`);
}

/** setsockopt(2). @returns 0, or minus the errno */
export function trySetOption(fd: Fd, level: number, option: number, value: Uint8Array): number {
  return invoke('setsockopt', [value], fd.number, level, option, addressOf(value), value.length);
}

/** sendto(2) without an address. @returns the bytes sent, or minus the errno */
export function trySend(fd: Fd, bytes: Uint8Array, flags = 0): number {
  return invoke('sendto', [bytes], fd.number, addressOf(bytes), bytes.length, flags);
}

/** recvfrom(2) without an address. @returns the bytes received (all that there were with TRUNC), or minus the errno */
export function tryReceive(fd: Fd, into: Uint8Array, flags = 0): number {
  return invoke('recvfrom', [into], fd.number, addressOf(into), into.length, flags);
}
