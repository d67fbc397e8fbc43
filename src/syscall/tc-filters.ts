import { type Struct, s32, struct, u8, u16, u32 } from '../util/struct.ts';
import { attributeText, attributeU32, NetlinkFlag, parseAttributes } from './netlink.ts';
import { NetlinkError, NetlinkSocket } from './netlink-socket.ts';
import { listLinks } from './rtnetlink.ts';

const NETLINK_ROUTE = 0;
/** RTM_GETTFILTER (Linux, `include/uapi/linux/rtnetlink.h`). */
const GETTFILTER = 46;
/** TC_H_CLSACT and TC_H_MIN_INGRESS, TC_H_MIN_EGRESS (Linux, `include/uapi/linux/pkt_sched.h`). */
const PARENTS = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;
/** Linux, `include/uapi/linux/rtnetlink.h` and `pkt_cls.h`. */
const Tca = { KIND: 1, OPTIONS: 2 } as const;
const TCA_BPF_ID = 11;

const tcmsg: Struct<{
  family: typeof u8;
  pad1: typeof u8;
  pad2: typeof u16;
  ifindex: typeof s32;
  handle: typeof u32;
  parent: typeof u32;
  info: typeof u32;
}> = struct('tcmsg', { family: u8, pad1: u8, pad2: u16, ifindex: s32, handle: u32, parent: u32, info: u32 });

/** A filter of type bpf on an interface's clsact. */
export interface BpfFilter {
  readonly ifname: string;
  readonly direction: keyof typeof PARENTS;
  readonly priority: number;
  readonly handle: number;
  readonly programId: number;
}

/** Every bpf filter in this network namespace. @throws {NetlinkError} */
export function listBpfFilters(): BpfFilter[] {
  using socket = new NetlinkSocket(NETLINK_ROUTE);
  return listLinks().flatMap(({ ifindex, ifname }) =>
    (Object.keys(PARENTS) as BpfFilter['direction'][]).flatMap((direction) =>
      filtersOf(socket, ifindex, direction).map((filter) => ({ ifname, direction, ...filter })),
    ),
  );
}

type Filter = Pick<BpfFilter, 'priority' | 'handle' | 'programId'>;

function filtersOf(socket: NetlinkSocket, ifindex: number, direction: BpfFilter['direction']): Filter[] {
  const request = tcmsg.encode({ ifindex, parent: PARENTS[direction] });
  const path = 'netlink/filter';
  try {
    const answers = socket.request(GETTFILTER, NetlinkFlag.DUMP, request, 'list filters');
    return answers.flatMap(({ payload }): Filter[] => {
      const { handle, info } = tcmsg.decode(payload);
      const attributes = parseAttributes(payload.subarray(tcmsg.size), path);
      const options = attributes.get(Tca.OPTIONS);
      if (attributeText(attributes, Tca.KIND) !== 'bpf' || !options) return [];
      const programId = attributeU32(parseAttributes(options, path), TCA_BPF_ID, path);
      // A filter is shown once as a whole, and once for each of its programs.
      return programId === undefined ? [] : [{ priority: info >>> 16, handle, programId }];
    });
  } catch (error) {
    // There is no qdisc to have filters.
    if (error instanceof NetlinkError) return [];
    throw error;
  }
}
