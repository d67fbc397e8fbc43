import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { tryProgAttach, tryProgDetach } from '../../syscall/bpf-attach.ts';
import { tryLinkCreate } from '../../syscall/bpf-link.ts';
import { Errno } from '../../syscall/errno.ts';
import { socketError } from '../../syscall/socket.ts';
import { trySetSocketOption } from '../../syscall/socket-attach.ts';
import type { Program } from '../load/program.ts';
import type { BpfMap } from '../maps/map.ts';
import { requireType } from './attach-type.ts';
import { type Attached, attachContext, ownLink, TargetAttachment } from './link.ts';

/** Linux, `include/uapi/asm-generic/socket.h`. */
const SO_DETACH_FILTER = 27;
const SO_ATTACH_BPF = 50;
const SO_ATTACH_REUSEPORT_EBPF = 52;
const SO_DETACH_REUSEPORT_BPF = 68;

interface SocketHook {
  readonly attach: number;
  readonly detach: number;
  readonly noun: string;
}

function attachByOption(program: Program, socketFd: number, hook: SocketHook): TargetAttachment {
  const target = `${hook.noun} of socket ${socketFd}`;
  const result = trySetSocketOption(socketFd, hook.attach, program.fd.number);
  if (result < 0) throw socketError('setsockopt', -result, `attach program '${program.name}' to ${target}`);
  return new TargetAttachment(program, target, () => {
    const detached = trySetSocketOption(socketFd, hook.detach, 0);
    if (detached === 0) return true;
    // The socket is closed, or has none any more.
    if (detached === -Errno.ENOENT || detached === -Errno.EBADF) return false;
    throw socketError('setsockopt', -detached, `detach the program from ${target}`);
  });
}

/**
 * Puts a filter on a socket: it answers how many bytes of a packet the socket gets, 0 for none.
 *
 * @param socketFd a descriptor of the socket, which stays the caller's
 * @throws {SyscallError} EINVAL, EBADF
 */
export function attachSocketFilter(program: Program, socketFd: number): TargetAttachment {
  requireType(program, [ProgType.SOCKET_FILTER], 'a socket');
  return attachByOption(program, socketFd, {
    attach: SO_ATTACH_BPF,
    detach: SO_DETACH_FILTER,
    noun: 'the filter',
  });
}

/**
 * Lets a program choose among the sockets that share a port with SO_REUSEPORT.
 *
 * @param socketFd any socket of the group
 */
export function attachReuseport(program: Program, socketFd: number): TargetAttachment {
  requireType(program, [ProgType.SK_REUSEPORT, ProgType.SOCKET_FILTER], 'a group of sockets');
  return attachByOption(program, socketFd, {
    attach: SO_ATTACH_REUSEPORT_EBPF,
    detach: SO_DETACH_REUSEPORT_BPF,
    noun: 'the port group',
  });
}

export interface SockmapOptions {
  /** Left out, what the program was loaded for. */
  readonly attachType?:
    | 'sk_skb_stream_parser'
    | 'sk_skb_stream_verdict'
    | 'sk_skb_verdict'
    | 'sk_msg_verdict';
  /** `link` (Linux 6.10), or `attach`, where the map holds the program. Left out, a link where the kernel has it. */
  readonly via?: 'link' | 'attach';
}

/**
 * Attaches an sk_skb or sk_msg program to a sockmap or sockhash: it decides about what the sockets in
 * the map receive or send.
 *
 * @throws {TsbpfError} `PROG_TYPE_WRONG` @throws {SyscallError} EBUSY (occupied), EINVAL, EOPNOTSUPP
 */
export function attachSockmap(program: Program, map: BpfMap, options: SockmapOptions = {}): Attached {
  requireType(program, [ProgType.SK_SKB, ProgType.SK_MSG], 'a sockmap');
  const attachType = sockmapType(program, options.attachType);
  const target = `map '${map.name}'`;
  const doing = `attach program '${program.name}' to ${target}`;
  if (options.via !== 'attach') {
    const result = tryLinkCreate({ progFd: program.fd.number, target: map.fd.number, attachType });
    if (result >= 0) return ownLink(result, program, target);
    if (options.via === 'link' || result !== -Errno.EINVAL)
      throw bpfError('LINK_CREATE', -result, doing, attachContext(program, attachType));
  }
  const result = tryProgAttach({ target: map.fd.number, progFd: program.fd.number, attachType });
  if (result < 0) throw bpfError('PROG_ATTACH', -result, doing, attachContext(program, attachType));
  const own = map.duplicate();
  return new TargetAttachment(program, target, (held) => {
    try {
      const detached = tryProgDetach({ target: own.fd.number, progFd: held.fd.number, attachType });
      if (detached === 0) return true;
      if (detached === -Errno.ENOENT) return false;
      throw bpfError('PROG_DETACH', -detached, `detach program '${held.name}' from ${target}`);
    } finally {
      own.close();
    }
  });
}

function sockmapType(program: Program, name: SockmapOptions['attachType']): number {
  if (name !== undefined) return AttachType[name.toUpperCase() as Uppercase<typeof name>];
  const loaded = program.traits.expectedAttachType;
  if (loaded) return loaded;
  return program.type === ProgType.SK_MSG ? AttachType.SK_MSG_VERDICT : AttachType.SK_SKB_VERDICT;
}
