import {
  listNetworkNamespaces,
  NetworkNamespace,
  type NetworkNamespaceRef,
  OWN_NAMESPACE,
  runIn,
} from '../../syscall/network-namespace.ts';
import { findLink, type NetworkLink, netnsidOf } from '../../syscall/rtnetlink.ts';
import { TsbpfError } from '../../util/errors.ts';

/** The other end of a veth pair. */
export interface VethPeer {
  readonly link: NetworkLink;
  /** A path that opens the namespace that it is in. */
  readonly netns: string;
}

/**
 * Finds the other end of a veth pair, in whatever network namespace it is: by the number that the
 * namespace of this end has for the other's, which is looked for among those that have a name
 * (`ip netns`) or a process.
 *
 * @example `vethPeer('veth5722074').link.ifname // 'eth0', the one in the container`
 * @param options.netns where this end is
 * @throws {TsbpfError} `INTERFACE_NOT_FOUND`, `VETH_NO_PEER`, `NETNS_NOT_FOUND` where no name and no process leads there
 */
export function vethPeer(
  nameOrIndex: string | number,
  options: { readonly netns?: NetworkNamespaceRef } = {},
): VethPeer {
  return runIn(options.netns, (own) => peerOf(nameOrIndex, own?.path));
}

function peerOf(nameOrIndex: string | number, ownPath = OWN_NAMESPACE): VethPeer {
  const { ifname, kind, peer } = findLink(nameOrIndex);
  if (kind !== 'veth' || !peer) {
    throw new TsbpfError(
      'VETH_NO_PEER',
      `${ifname} is ${kind ? `a ${kind}` : 'no virtual interface'}, not one end of a veth pair`,
    );
  }
  const netns = peer.netnsid === undefined ? ownPath : namespaceNumbered(peer.netnsid);
  if (netns === undefined) {
    throw new TsbpfError(
      'NETNS_NOT_FOUND',
      `the peer of ${ifname} is interface ${peer.ifindex} in a network namespace that has no name and no process`,
    );
  }
  using namespace = NetworkNamespace.open(netns);
  return { netns, link: namespace.run(() => findLink(peer.ifindex)) };
}

function namespaceNumbered(netnsid: number): string | undefined {
  return listNetworkNamespaces().find((path) => {
    try {
      using namespace = NetworkNamespace.open(path);
      return netnsidOf(namespace) === netnsid;
    } catch (error) {
      // Its last process has ended meanwhile.
      if (error instanceof TsbpfError) return false;
      throw error;
    }
  });
}
