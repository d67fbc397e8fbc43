import { concatBytes, toHex } from '../util/bytes.ts';
import { type Struct, s32, struct, u8, u16, u32 } from '../util/struct.ts';
import type { Explanation } from './explain.ts';
import {
  attributeText,
  attributeU32,
  NetlinkFlag,
  type NetlinkMessage,
  nested,
  parseAttributes,
  s32Attribute,
  stringAttribute,
  u32Attribute,
} from './netlink.ts';
import { requestRoute } from './netlink-socket.ts';

/** Linux, `include/uapi/linux/rtnetlink.h`. */
const Rtm = {
  NEWQDISC: 36,
  DELQDISC: 37,
  GETQDISC: 38,
  NEWTFILTER: 44,
  DELTFILTER: 45,
  GETTFILTER: 46,
} as const;
const Tca = { KIND: 1, OPTIONS: 2, CHAIN: 11 } as const;
/** Linux, `include/uapi/linux/pkt_cls.h`. */
const TcaBpf = { CLASSID: 3, FD: 6, NAME: 7, FLAGS: 8, FLAGS_GEN: 9, TAG: 10, ID: 11 } as const;
const ACT_DIRECT = 1;
/** Of `FLAGS_GEN`: a card runs it; or none does. */
const IN_HW = 1 << 2;
const NOT_IN_HW = 1 << 3;
const NLM_F_REPLACE = 0x100;
/** The answer holds what was made, with the numbers that the kernel chose. */
const NLM_F_ECHO = 0x8;
/** Most filters of BPF see every protocol. */
const ETH_P_ALL = 3;

/** `TC_H_CLSACT`, and the two places below it (Linux, `include/uapi/linux/pkt_sched.h`). */
const CLSACT_PARENT = 0xffff_fff1;
const CLSACT_HANDLE = 0xffff_0000;
export const TcParent = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;

const tcmsg: Struct<{
  family: typeof u8;
  pad1: typeof u8;
  pad2: typeof u16;
  ifindex: typeof s32;
  handle: typeof u32;
  parent: typeof u32;
  info: typeof u32;
}> = struct('tcmsg', {
  family: u8,
  pad1: u8,
  pad2: u16,
  ifindex: s32,
  handle: u32,
  parent: u32,
  info: u32,
});

/** What identifies a filter among those of an interface. */
export interface TcFilterKey {
  readonly ifindex: number;
  /** {@link TcParent}, or the handle of a qdisc or class: major number in the upper half. */
  readonly parent: number;
  readonly chain?: number | undefined;
  /** 1 to 65535, lower ones run first; 0 lets the kernel choose. */
  readonly priority?: number | undefined;
  /** Among those of a priority; 0 lets the kernel choose. */
  readonly handle?: number | undefined;
  /** ETH_P_*: all filters of a priority are for one. Left out, ETH_P_ALL. */
  readonly protocol?: number | undefined;
}

export interface TcBpfFilter extends TcFilterKey {
  readonly fd: number;
  readonly name: string;
  /** The program's answer is the verdict; without, it is the class or -1. */
  readonly directAction: boolean;
  readonly classid?: number | undefined;
}

/** A filter as the kernel shows it. */
export interface TcFilter {
  readonly ifindex: number;
  readonly parent: number;
  readonly chain: number;
  readonly priority: number;
  readonly handle: number;
  /** ETH_P_*; 3 for every protocol. */
  readonly protocol: number;
  /** `bpf`, `flower`, `u32` … */
  readonly kind: string;
  /** What only those of BPF have. */
  readonly bpf?:
    | {
        readonly programId: number | undefined;
        readonly name: string | undefined;
        readonly tag: string | undefined;
        readonly directAction: boolean;
        readonly classid: number | undefined;
        /** Whether the network card runs it; undefined where the kernel does not tell. */
        readonly inHardware?: boolean | undefined;
      }
    | undefined;
}

export interface TcQdisc {
  readonly ifindex: number;
  readonly kind: string;
  readonly handle: number;
  readonly parent: number;
  /** How many hold it, as `tc qdisc show` counts them. */
  readonly refcnt: number;
}

/** RTM_NEWQDISC of clsact: what filters of both directions hang on. @throws {NetlinkError} EEXIST */
export function addClsact(ifindex: number, doing: string): void {
  const payload = concatBytes([
    tcmsg.encode({ ifindex, handle: CLSACT_HANDLE, parent: CLSACT_PARENT }),
    stringAttribute(Tca.KIND, 'clsact'),
  ]);
  requestRoute(Rtm.NEWQDISC, NetlinkFlag.CREATE | NetlinkFlag.EXCL, payload, doing);
}

/** RTM_DELQDISC of clsact, with all filters on it. @throws {NetlinkError} ENOENT, EINVAL where there is none */
export function deleteClsact(ifindex: number, doing: string): void {
  const payload = tcmsg.encode({ ifindex, handle: CLSACT_HANDLE, parent: CLSACT_PARENT });
  requestRoute(Rtm.DELQDISC, 0, payload, doing);
}

/** RTM_GETQDISC, in the order of the kernel; interface 0 stands for all. */
export function listQdiscs(ifindex: number): TcQdisc[] {
  const payload = tcmsg.encode({ ifindex });
  return (
    requestRoute(Rtm.GETQDISC, NetlinkFlag.DUMP, payload, 'list the qdiscs')
      .filter(({ type }) => type === Rtm.NEWQDISC)
      .map((message) => {
        const { ifindex: index, handle, parent, info } = tcmsg.decode(message.payload);
        const attributes = parseAttributes(message.payload.subarray(tcmsg.size), 'netlink/qdisc');
        return {
          ifindex: index,
          kind: attributeText(attributes, Tca.KIND) ?? '',
          handle,
          parent,
          refcnt: info,
        };
      })
      // Kernels before 5.x dump those of every interface.
      .filter((qdisc) => ifindex === 0 || qdisc.ifindex === ifindex)
  );
}

function keyMessage(key: TcFilterKey): Uint8Array {
  const { ifindex, parent, handle = 0, priority = 0, protocol = ETH_P_ALL } = key;
  return tcmsg.encode({ ifindex, parent, handle, info: ((priority << 16) | swapped(protocol)) >>> 0 });
}

/** Network byte order, in a field that is otherwise the machine's. */
function swapped(protocol: number): number {
  return ((protocol & 0xff) << 8) | (protocol >>> 8);
}

function chainAttribute({ chain }: TcFilterKey): Uint8Array[] {
  return chain === undefined ? [] : [u32Attribute(Tca.CHAIN, chain)];
}

/**
 * RTM_NEWTFILTER of kind bpf.
 *
 * @param how `add` refuses a handle that is taken, `replace` takes its place
 * @returns the filter with the numbers that the kernel chose
 * @throws {NetlinkError} EEXIST, ENOENT or EINVAL (no such qdisc), EPERM
 */
export function setTcFilter(
  filter: TcBpfFilter,
  how: 'add' | 'replace',
  doing: string,
  explain?: (errno: number) => Explanation | undefined,
): TcFilter | undefined {
  const options = nested(
    Tca.OPTIONS,
    s32Attribute(TcaBpf.FD, filter.fd),
    stringAttribute(TcaBpf.NAME, filter.name),
    u32Attribute(TcaBpf.FLAGS, filter.directAction ? ACT_DIRECT : 0),
    ...(filter.classid === undefined ? [] : [u32Attribute(TcaBpf.CLASSID, filter.classid)]),
  );
  const payload = concatBytes([
    keyMessage(filter),
    stringAttribute(Tca.KIND, 'bpf'),
    ...chainAttribute(filter),
    options,
  ]);
  const flags = NetlinkFlag.CREATE | NLM_F_ECHO | (how === 'add' ? NetlinkFlag.EXCL : NLM_F_REPLACE);
  const answers = requestRoute(Rtm.NEWTFILTER, flags, payload, doing, explain);
  return answers.filter(({ type }) => type === Rtm.NEWTFILTER).map(parseTcFilter)[0];
}

/** RTM_DELTFILTER: one filter, or without a handle all of a priority. @throws {NetlinkError} ENOENT, EINVAL */
export function deleteTcFilter(key: TcFilterKey, doing: string): void {
  const payload = concatBytes([keyMessage(key), stringAttribute(Tca.KIND, 'bpf'), ...chainAttribute(key)]);
  requestRoute(Rtm.DELTFILTER, 0, payload, doing);
}

/** RTM_GETTFILTER: the filters at one place of an interface, every chain. */
export function listTcFilters(ifindex: number, parent: number): TcFilter[] {
  const payload = tcmsg.encode({ ifindex, parent });
  return (
    requestRoute(Rtm.GETTFILTER, NetlinkFlag.DUMP, payload, 'list the filters')
      .filter(({ type }) => type === Rtm.NEWTFILTER)
      .map(parseTcFilter)
      // Each priority also shows a head, which is no filter.
      .filter(({ handle }) => handle !== 0)
  );
}

/** Reads an RTM_NEWTFILTER. @throws {FormatError} with the path of the field that was wrong */
export function parseTcFilter(message: NetlinkMessage): TcFilter {
  const path = 'netlink/filter';
  const { ifindex, handle, parent, info } = tcmsg.decode(message.payload);
  const attributes = parseAttributes(message.payload.subarray(tcmsg.size), path);
  const kind = attributeText(attributes, Tca.KIND) ?? '';
  return {
    ifindex,
    parent,
    chain: attributeU32(attributes, Tca.CHAIN, path) ?? 0,
    priority: info >>> 16,
    handle,
    protocol: swapped(info & 0xffff),
    kind,
    bpf: kind === 'bpf' ? parseBpf(attributes.get(Tca.OPTIONS), `${path}/bpf`) : undefined,
  };
}

function parseBpf(bytes: Uint8Array | undefined, path: string): TcFilter['bpf'] {
  if (!bytes) return undefined;
  const attributes = parseAttributes(bytes, path);
  const tag = attributes.get(TcaBpf.TAG);
  const hardware = attributeU32(attributes, TcaBpf.FLAGS_GEN, path) ?? 0;
  return {
    programId: attributeU32(attributes, TcaBpf.ID, path),
    name: attributeText(attributes, TcaBpf.NAME),
    tag: tag && toHex(tag),
    directAction: ((attributeU32(attributes, TcaBpf.FLAGS, path) ?? 0) & ACT_DIRECT) !== 0,
    classid: attributeU32(attributes, TcaBpf.CLASSID, path),
    inHardware: (hardware & (IN_HW | NOT_IN_HW)) === 0 ? undefined : (hardware & IN_HW) !== 0,
  };
}
