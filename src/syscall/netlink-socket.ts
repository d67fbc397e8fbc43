import { TsbpfError } from '../util/errors.ts';
import { type Struct, struct, u16, u32 } from '../util/struct.ts';
import { Errno, errnoText } from './errno.ts';
import { SyscallError } from './error.ts';
import { type Explanation, explainPermission } from './explain.ts';
import { explainSystem } from './explain-system.ts';
import type { Fd } from './fd.ts';
import {
  buildMessage,
  NetlinkFlag,
  type NetlinkMessage,
  NetlinkType,
  parseAck,
  parseMessages,
} from './netlink.ts';
import { readPrivileges } from './privileges.ts';
import {
  AddressFamily,
  bindSocket,
  MessageFlag,
  openSocket,
  SocketType,
  socketError,
  tryReceive,
  trySend,
  trySetOption,
} from './socket.ts';

/** The kernel refused a netlink request; `extAck` is its own text about it, where it gave one. */
export class NetlinkError extends SyscallError {
  override readonly name = 'NetlinkError';
  readonly extAck: string | undefined;

  constructor(errno: number, doing: string, extAck: string | undefined, explanation?: string, hint?: string) {
    super({
      syscall: 'netlink',
      errno,
      doing,
      explanation: [
        explanation ?? extAck ?? explainSystem('netlink', errno)?.explanation ?? errnoText(errno),
        explanation && extAck,
      ]
        .filter(Boolean)
        .join('; the kernel says: '),
      hint,
    });
    this.extAck = extAck;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), ...(this.extAck !== undefined && { extAck: this.extAck }) };
  }
}

const sockaddrNl: Struct<{
  family: typeof u16;
  pad: typeof u16;
  pid: typeof u32;
  groups: typeof u32;
}> = struct('sockaddr_nl', { family: u16, pad: u16, pid: u32, groups: u32 });

/** Socket options (Linux, `include/uapi/linux/netlink.h`, `include/uapi/asm-generic/socket.h`). */
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;

/** Answers come at once; a thread that waits longer than this would wait for ever. */
const RECEIVE_TIMEOUT_S = 5;
/** Dumps come in pieces of at most 32 KiB (Linux, `net/netlink/af_netlink.c`); single answers may be larger. */
const RECEIVE_BUFFER_SIZE = 64 * 1024;
/** No answer to our own questions is larger; a bound for what a reply may make us allocate. */
const MAX_RECEIVE_SIZE = 16 * 1024 * 1024;

function u32Bytes(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** A netlink socket that asks and waits for the answer. Belongs to the network namespace of the thread that opens it. */
export class NetlinkSocket {
  readonly #fd: Fd;
  #buffer = new Uint8Array(RECEIVE_BUFFER_SIZE);
  #seq = 0;

  constructor(protocol: number) {
    this.#fd = openSocket(
      AddressFamily.NETLINK,
      SocketType.RAW | SocketType.CLOEXEC,
      protocol,
      'a netlink socket',
      [],
    );
    try {
      this.#configure();
    } catch (error) {
      this.#fd.close();
      throw error;
    }
  }

  #configure(): void {
    // Each of these is newer than the oldest kernels (4.2, 4.12, 4.20); without them answers are merely poorer.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      trySetOption(this.#fd, SOL_NETLINK, option, u32Bytes(1));
    }
    const timeval = u32Bytes(RECEIVE_TIMEOUT_S, 0, 0, 0);
    const result = trySetOption(this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeval);
    if (result < 0) throw socketError('setsockopt', -result, 'set the timeout of a netlink socket');
    bindSocket(this.#fd, sockaddrNl.encode({ family: AddressFamily.NETLINK }));
  }

  /**
   * Sends a request and gathers its answers.
   *
   * @param explain words for an errno, where the command knows better than the errno's own text
   * @throws {NetlinkError} with the kernel's extended acknowledgement
   */
  request(
    type: number,
    flags: number,
    payload: Uint8Array,
    doing: string,
    explain?: (errno: number) => Explanation | undefined,
  ): NetlinkMessage[] {
    const seq = ++this.#seq;
    const bytes = buildMessage(type, flags | NetlinkFlag.REQUEST | NetlinkFlag.ACK, seq, payload);
    const sent = trySend(this.#fd, bytes);
    if (sent < 0) throw socketError('sendto', -sent, doing);
    const answers: NetlinkMessage[] = [];
    for (;;) {
      for (const message of parseMessages(this.#receive(doing))) {
        if (message.seq !== seq) continue;
        if (message.type !== NetlinkType.ERROR && message.type !== NetlinkType.DONE) {
          answers.push(message);
          continue;
        }
        const { errno, message: extAck } = parseAck(message);
        if (errno === 0) return answers;
        const meaning = explain?.(errno) ?? (errno === Errno.EPERM ? explainNetAdmin() : undefined);
        throw new NetlinkError(errno, doing, extAck, meaning?.explanation, meaning?.hint);
      }
    }
  }

  /** One datagram, whole: looked at first, so that a larger one finds room. */
  #receive(doing: string): Uint8Array {
    const size = this.#attempt(MessageFlag.PEEK | MessageFlag.TRUNC, doing);
    if (size > MAX_RECEIVE_SIZE) {
      throw new TsbpfError('NETLINK_TOO_LARGE', `cannot ${doing}: the kernel answers with ${size} bytes`);
    }
    if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
    return this.#buffer.slice(0, this.#attempt(0, doing));
  }

  #attempt(flags: number, doing: string): number {
    for (;;) {
      const received = tryReceive(this.#fd, this.#buffer, flags);
      if (received >= 0) return received;
      if (received === -Errno.EAGAIN) {
        throw new TsbpfError('NETLINK_TIMEOUT', `cannot ${doing}: the kernel did not answer`);
      }
      if (received !== -Errno.EINTR) throw socketError('recvfrom', -received, doing);
    }
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function explainNetAdmin(): { explanation: string; hint?: string } {
  const { explanation, hint } = explainPermission(['CAP_NET_ADMIN'], { logEmpty: false }, readPrivileges());
  return { explanation, ...(hint !== undefined && { hint }) };
}

/** Linux, `include/uapi/linux/netlink.h`. */
const NETLINK_ROUTE = 0;

/** One request of rtnetlink, in this thread's network namespace. @throws as {@link NetlinkSocket.request} */
export function requestRoute(...request: Parameters<NetlinkSocket['request']>): NetlinkMessage[] {
  using socket = new NetlinkSocket(NETLINK_ROUTE);
  return socket.request(...request);
}
