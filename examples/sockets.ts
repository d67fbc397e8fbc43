// What Node keeps to itself of a socket.
import type { Server, Socket } from 'node:net';
import { TsbpfError } from 'tsbpf/util';

/** The descriptor of a socket, as maps of sockets take it. */
export function descriptorOf(socket: Socket | Server): bigint {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } };
  if (handle?.fd === undefined)
    throw new TsbpfError('SOCKET_FD', 'this Node tells no descriptor of a socket');
  return BigInt(handle.fd);
}
