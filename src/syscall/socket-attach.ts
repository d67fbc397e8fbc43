import { addressOf, invoke } from './native.ts';

/** SOL_SOCKET (Linux, `include/uapi/asm-generic/socket.h`). */
const SOL_SOCKET = 1;

/** setsockopt(2) of one int at the level of the socket. @returns 0, or minus the errno */
export function trySetSocketOption(fd: number, option: number, value: number): number {
  const bytes = new Uint8Array(Int32Array.of(value).buffer);
  return invoke('setsockopt', [bytes], fd, SOL_SOCKET, option, addressOf(bytes), bytes.length);
}
