import { type Struct, s32, struct, u8, u16 } from '../util/struct.ts';
import { Errno } from './errno.ts';
import type { Fd } from './fd.ts';
import {
  AddressFamily,
  bindSocket,
  MessageFlag,
  openSocket,
  SocketType,
  socketError,
  tryReceive,
  trySend,
} from './socket.ts';

/** `struct sockaddr_ll` up to what bind(2) reads (man 7 packet); `protocol` is in network byte order. */
const sockaddrLl: Struct<{
  family: typeof u16;
  protocol: typeof u16;
  ifindex: typeof s32;
  hatype: typeof u16;
  pkttype: typeof u8;
  halen: typeof u8;
  addressLow: typeof s32;
  addressHigh: typeof s32;
}> = struct('sockaddr_ll', {
  family: u16,
  protocol: u16,
  ifindex: s32,
  hatype: u16,
  pkttype: u8,
  halen: u8,
  addressLow: s32,
  addressHigh: s32,
});

/** ETH_P_ALL in network byte order. */
const ETH_P_ALL = 0x0300;
/** The largest frame of an interface with IP on it, and room for its headers. */
const MAX_FRAME_SIZE = 65536 + 64;

/**
 * Sends and receives whole Ethernet frames on one interface, never waiting. It sees frames in both
 * directions, its own excepted.
 *
 * @throws {SyscallError} EPERM without CAP_NET_RAW, ENETDOWN
 */
export class PacketSocket {
  readonly #fd: Fd;
  readonly #buffer = new Uint8Array(MAX_FRAME_SIZE);

  constructor(ifindex: number) {
    const type = SocketType.RAW | SocketType.CLOEXEC | SocketType.NONBLOCK;
    // Protocol 0 until bind: nothing of other interfaces is queued in between.
    this.#fd = openSocket(AddressFamily.PACKET, type, 0, 'a packet socket', ['CAP_NET_RAW']);
    try {
      bindSocket(this.#fd, sockaddrLl.encode({ family: AddressFamily.PACKET, protocol: ETH_P_ALL, ifindex }));
    } catch (error) {
      this.#fd.close();
      throw error;
    }
  }

  /** Sends a frame from its Ethernet header on. @throws {SyscallError} EMSGSIZE, ENETDOWN, ENOBUFS */
  send(frame: Uint8Array): void {
    const result = trySend(this.#fd, frame);
    if (result < 0) throw socketError('sendto', -result, `send a frame of ${frame.length} bytes`);
  }

  /** The next frame that came, or undefined. */
  receive(): Uint8Array | undefined {
    const received = tryReceive(this.#fd, this.#buffer, MessageFlag.DONTWAIT);
    if (received >= 0) return this.#buffer.slice(0, received);
    if (received === -Errno.EAGAIN) return undefined;
    throw socketError('recvfrom', -received, 'receive a frame');
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
