import { concatBytes, encodeText, toHex } from '../util/bytes.ts';
import { checkRange, TsbpfError } from '../util/errors.ts';
import { type Struct, s32, struct, u8, u16, u32 } from '../util/struct.ts';
import { didYouMean } from '../util/suggest.ts';
import { Errno } from './errno.ts';
import type { Explanation } from './explain.ts';
import { INT_MAX } from './native.ts';
import {
  attributeText,
  attributeU8,
  attributeU32,
  type NetlinkAttributes,
  NetlinkFlag,
  type NetlinkMessage,
  nested,
  parseAttributes,
  s32Attribute,
  stringAttribute,
  u32Attribute,
} from './netlink.ts';
import { requestRoute } from './netlink-socket.ts';
import type { NetworkNamespace } from './network-namespace.ts';

/** Linux, `include/uapi/linux/rtnetlink.h`. */
const Rtm = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, SETLINK: 19, GETNSID: 90 } as const;
/** Linux, `include/uapi/linux/if_link.h`. */
const Ifla = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  LINKINFO: 18,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  LINK_NETNSID: 37,
  XDP: 43,
} as const;
/** Linux, `include/uapi/linux/net_namespace.h`. */
const Netnsa = { NSID: 1, FD: 3 } as const;
/** `struct rtgenmsg`, with what aligns the attributes behind it. */
const RTGENMSG = new Uint8Array(4);
const IflaInfo = { KIND: 1, DATA: 2 } as const;
const IflaXdp = {
  FD: 1,
  ATTACHED: 2,
  FLAGS: 3,
  PROG_ID: 4,
  DRV_PROG_ID: 5,
  SKB_PROG_ID: 6,
  HW_PROG_ID: 7,
  EXPECTED_FD: 8,
} as const;
/** VETH_INFO_PEER (Linux, `include/uapi/linux/veth.h`). */
const VETH_INFO_PEER = 1;
/** RTEXT_FILTER_SKIP_STATS: statistics are most of an answer, and nobody reads them here. */
const SKIP_STATS = 1 << 3;
const IFF_UP = 1;
/** IFNAMSIZ without its NUL. */
const MAX_IFNAME_LENGTH = 15;

/** Flags of IFLA_XDP_FLAGS. */
export const XdpFlag = {
  UPDATE_IF_NOEXIST: 1,
  SKB_MODE: 2,
  DRV_MODE: 4,
  HW_MODE: 8,
  REPLACE: 16,
} as const;

const ifinfomsg: Struct<{
  family: typeof u8;
  pad: typeof u8;
  type: typeof u16;
  index: typeof s32;
  flags: typeof u32;
  change: typeof u32;
}> = struct('ifinfomsg', { family: u8, pad: u8, type: u16, index: s32, flags: u32, change: u32 });

/** Where XDP runs on an interface: in the driver, on the socket buffer, in the card. */
export type XdpAttachMode = 'native' | 'generic' | 'offload';

/** A network interface as rtnetlink shows it. */
export interface NetworkLink {
  readonly ifindex: number;
  readonly ifname: string;
  /** IFF_* bits. */
  readonly flags: number;
  readonly up: boolean;
  readonly mtu: number;
  /** The hardware address, `02:00:00:00:00:01`; empty where there is none. */
  readonly address: string;
  /** `veth`, `bridge`, …; undefined for hardware and `lo`. */
  readonly kind: string | undefined;
  /** What it lies on or is paired with: an interface's index, and the namespace of that, as a number that this one has for it. */
  readonly peer: { readonly ifindex: number; readonly netnsid: number | undefined } | undefined;
  /** The XDP programs on it, by id; at most one a mode. */
  readonly xdp: readonly { readonly mode: XdpAttachMode; readonly programId: number }[];
}

const XDP_MODES: readonly [attached: number, mode: XdpAttachMode, id: number][] = [
  [1, 'native', IflaXdp.DRV_PROG_ID],
  [2, 'generic', IflaXdp.SKB_PROG_ID],
  [3, 'offload', IflaXdp.HW_PROG_ID],
];

function parseXdp(bytes: Uint8Array | undefined): NetworkLink['xdp'] {
  if (bytes === undefined) return [];
  const path = 'netlink/link/xdp';
  const attributes = parseAttributes(bytes, path);
  const attached = attributeU8(attributes, IflaXdp.ATTACHED, path) ?? 0;
  const programId = attributeU32(attributes, IflaXdp.PROG_ID, path);
  return XDP_MODES.flatMap(([number, mode, type]) => {
    // Kernels before 5.0 give the id of a lone program in PROG_ID only.
    const id = attributeU32(attributes, type, path) ?? (attached === number ? programId : undefined);
    return id === undefined ? [] : [{ mode, programId: id }];
  });
}

/** Reads an RTM_NEWLINK. @throws {FormatError} with the path of the field that was wrong */
export function parseLink(message: NetlinkMessage): NetworkLink {
  const { index, flags } = ifinfomsg.decode(message.payload);
  const path = 'netlink/link';
  const attributes: NetlinkAttributes = parseAttributes(message.payload.subarray(ifinfomsg.size), path);
  const address = attributes.get(Ifla.ADDRESS);
  return {
    ifindex: index,
    ifname: attributeText(attributes, Ifla.IFNAME) ?? '',
    flags,
    up: (flags & IFF_UP) !== 0,
    mtu: attributeU32(attributes, Ifla.MTU, path) ?? 0,
    address: address ? toHex(address, ':') : '',
    kind: kindOf(attributes.get(Ifla.LINKINFO)),
    peer: peerOf(attributes, path),
    xdp: parseXdp(attributes.get(Ifla.XDP)),
  };
}

function kindOf(info: Uint8Array | undefined): string | undefined {
  return info && attributeText(parseAttributes(info, 'netlink/link/info'), IflaInfo.KIND);
}

function peerOf(attributes: NetlinkAttributes, path: string): NetworkLink['peer'] {
  const ifindex = attributeU32(attributes, Ifla.LINK, path);
  if (ifindex === undefined || ifindex === 0) return undefined;
  return { ifindex, netnsid: attributeU32(attributes, Ifla.LINK_NETNSID, path) };
}

/** Every interface of this thread's network namespace. */
export function listLinks(): NetworkLink[] {
  const payload = concatBytes([ifinfomsg.encode({}), u32Attribute(Ifla.EXT_MASK, SKIP_STATS)]);
  return requestRoute(Rtm.GETLINK, NetlinkFlag.DUMP, payload, 'list the network interfaces')
    .filter(({ type }) => type === Rtm.NEWLINK)
    .map(parseLink);
}

function checkedName(name: string): string {
  const length = encodeText(name).length;
  if (length > 0 && length <= MAX_IFNAME_LENGTH && !/[\s/\0]/.test(name)) return name;
  throw new TsbpfError(
    'IFNAME_INVALID',
    `'${name}' cannot be an interface's name: 1 to ${MAX_IFNAME_LENGTH} bytes without spaces and slashes`,
  );
}

/**
 * An interface by name or index.
 *
 * @throws {TsbpfError} `INTERFACE_NOT_FOUND` with those that there are
 */
export function findLink(nameOrIndex: string | number): NetworkLink {
  const index = typeof nameOrIndex === 'number' ? checkRange('ifindex', nameOrIndex, 1, INT_MAX) : 0;
  const name = typeof nameOrIndex === 'string' ? checkedName(nameOrIndex) : undefined;
  const payload = concatBytes([
    ifinfomsg.encode({ index }),
    u32Attribute(Ifla.EXT_MASK, SKIP_STATS),
    ...(name === undefined ? [] : [stringAttribute(Ifla.IFNAME, name)]),
  ]);
  try {
    const [answer] = requestRoute(Rtm.GETLINK, 0, payload, `find interface ${nameOrIndex}`);
    if (answer) return parseLink(answer);
  } catch (error) {
    if (!(error instanceof TsbpfError) || error.code !== 'ENODEV') throw error;
  }
  throw notFound(nameOrIndex);
}

function notFound(nameOrIndex: string | number): TsbpfError {
  const names = listLinks().map((link) => link.ifname);
  const what = typeof nameOrIndex === 'number' ? `with index ${nameOrIndex}` : `named '${nameOrIndex}'`;
  return new TsbpfError(
    'INTERFACE_NOT_FOUND',
    `there is no network interface ${what}; this namespace has: ${names.join(', ') || 'none'}`,
    { hint: typeof nameOrIndex === 'string' ? didYouMean(nameOrIndex, names)[0] : undefined },
  );
}

/** What setting XDP is given. */
export interface SetXdpParams {
  readonly ifindex: number;
  readonly ifname: string;
  /** A program's descriptor, or -1 to detach. */
  readonly fd: number;
  /** {@link XdpFlag} values, or-ed. */
  readonly flags: number;
  /** With REPLACE: a descriptor of what must be attached now (-1: nothing). */
  readonly expectedFd?: number | undefined;
}

/**
 * RTM_SETLINK with IFLA_XDP.
 *
 * @throws {NetlinkError} EBUSY (occupied), EEXIST (another program or mode), EOPNOTSUPP, EPERM
 */
export function setXdp(
  params: SetXdpParams,
  doing: string,
  explain?: (errno: number) => Explanation | undefined,
): void {
  const xdp = nested(
    Ifla.XDP,
    s32Attribute(IflaXdp.FD, params.fd),
    u32Attribute(IflaXdp.FLAGS, params.flags),
    ...(params.expectedFd === undefined ? [] : [s32Attribute(IflaXdp.EXPECTED_FD, params.expectedFd)]),
  );
  const payload = concatBytes([ifinfomsg.encode({ index: params.ifindex }), xdp]);
  requestRoute(Rtm.SETLINK, 0, payload, doing, explain);
}

/** Changes to an interface. */
export interface LinkChanges {
  readonly up?: boolean;
  readonly mtu?: number;
  /** Moves it there; it is down then, and has another index where its own is taken. */
  readonly netns?: NetworkNamespace;
}

/** Sets an interface up or down, its MTU, or its namespace. @throws {NetlinkError} @throws {TsbpfError} `INTERFACE_NOT_FOUND` */
export function setLink(nameOrIndex: string | number, changes: LinkChanges): void {
  const { ifindex, ifname } = findLink(nameOrIndex);
  const payload = concatBytes([
    ifinfomsg.encode({
      index: ifindex,
      flags: changes.up ? IFF_UP : 0,
      change: changes.up === undefined ? 0 : IFF_UP,
    }),
    ...(changes.mtu === undefined ? [] : [u32Attribute(Ifla.MTU, changes.mtu)]),
    ...(changes.netns === undefined ? [] : [u32Attribute(Ifla.NET_NS_FD, changes.netns.fd.number)]),
  ]);
  requestRoute(Rtm.SETLINK, 0, payload, `change interface ${ifname}`);
}

/** Creates a veth pair, both ends down. @throws {NetlinkError} EEXIST, EPERM */
export function createVethPair(name: string, peer: string): void {
  const peerInfo = concatBytes([ifinfomsg.encode({}), stringAttribute(Ifla.IFNAME, checkedName(peer))]);
  const payload = concatBytes([
    ifinfomsg.encode({}),
    stringAttribute(Ifla.IFNAME, checkedName(name)),
    nested(
      Ifla.LINKINFO,
      stringAttribute(IflaInfo.KIND, 'veth'),
      nested(IflaInfo.DATA, nested(VETH_INFO_PEER, peerInfo)),
    ),
  ]);
  const flags = NetlinkFlag.CREATE | NetlinkFlag.EXCL;
  requestRoute(Rtm.NEWLINK, flags, payload, `create the veth pair ${name}, ${peer}`, (errno) =>
    errno === Errno.EEXIST ? { explanation: 'an interface of one of these names exists already' } : undefined,
  );
}

/** Deletes an interface; of a veth pair the peer goes too. @throws {NetlinkError} @throws {TsbpfError} `INTERFACE_NOT_FOUND` */
export function deleteLink(nameOrIndex: string | number): void {
  const { ifindex, ifname } = findLink(nameOrIndex);
  const payload = ifinfomsg.encode({ index: ifindex });
  requestRoute(Rtm.DELLINK, 0, payload, `delete interface ${ifname}`);
}

/** The number that this thread's network namespace has for another; undefined where it has none. @throws {NetlinkError} */
export function netnsidOf(namespace: NetworkNamespace): number | undefined {
  const payload = concatBytes([RTGENMSG, u32Attribute(Netnsa.FD, namespace.fd.number)]);
  const [answer] = requestRoute(Rtm.GETNSID, 0, payload, `find the number of ${namespace.what}`);
  if (!answer) return undefined;
  const path = 'netlink/netns';
  const attributes = parseAttributes(answer.payload.subarray(RTGENMSG.length), path);
  const id = attributeU32(attributes, Netnsa.NSID, path);
  // NETNSA_NSID_NOT_ASSIGNED is -1.
  return id === undefined || id === 0xffff_ffff ? undefined : id;
}
