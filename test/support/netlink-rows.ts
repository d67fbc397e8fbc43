import { Fd } from '../../src/syscall/fd.ts';
import type { NetworkNamespace } from '../../src/syscall/network-namespace.ts';
import {
  createVethPair,
  deleteLink,
  listLinks,
  netnsidOf,
  setLink,
  setXdp,
} from '../../src/syscall/rtnetlink.ts';
import {
  addClsact,
  deleteClsact,
  deleteTcFilter,
  listQdiscs,
  listTcFilters,
  setTcFilter,
  TcParent,
} from '../../src/syscall/rtnetlink-tc.ts';

/** A number, a C expression, a text with its NUL, or attributes within. */
export type Payload = number | string | { readonly text: string } | readonly AttributeRow[] | Nested;
/** A struct stands before the attributes within. */
export interface Nested {
  readonly skip: string;
  readonly attributes: readonly AttributeRow[];
}
/** The C name of its type, and what is in it. */
export type AttributeRow = readonly [string, Payload];

/** A request of rtnetlink, in the names of C. */
export interface NetlinkRow {
  readonly of: string;
  readonly type: string;
  readonly flags: string;
  readonly struct: 'ifinfomsg' | 'tcmsg' | 'rtgenmsg';
  readonly members: Readonly<Record<string, number | string>>;
  readonly attributes: readonly AttributeRow[];
  readonly call: () => unknown;
}

const EXT_MASK: AttributeRow = ['IFLA_EXT_MASK', 'RTEXT_FILTER_SKIP_STATS'];
const ASK = 'NLM_F_REQUEST | NLM_F_ACK';
const FILTER = {
  tcm_ifindex: 3,
  tcm_parent: 'TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)',
  tcm_handle: 7,
  tcm_info: 'TC_H_MAKE(5u << 16, htons(ETH_P_ALL))',
};
const CLSACT = { tcm_ifindex: 3, tcm_parent: 'TC_H_CLSACT', tcm_handle: 'TC_H_MAKE(TC_H_CLSACT, 0)' };
const key = { ifindex: 3, parent: TcParent.ingress, chain: 2, priority: 5, handle: 7 };

export const NETLINK_ROWS: readonly NetlinkRow[] = [
  {
    of: 'XDP',
    type: 'RTM_SETLINK',
    flags: ASK,
    struct: 'ifinfomsg',
    members: { ifi_index: 3 },
    attributes: [
      [
        'IFLA_XDP | NLA_F_NESTED',
        [
          ['IFLA_XDP_FD', 9],
          ['IFLA_XDP_FLAGS', 'XDP_FLAGS_REPLACE | XDP_FLAGS_SKB_MODE'],
          ['IFLA_XDP_EXPECTED_FD', -1],
        ],
      ],
    ],
    call: () => setXdp({ ifindex: 3, ifname: 'veth0', fd: 9, flags: 0x12, expectedFd: -1 }, 'attach'),
  },
  {
    of: 'the interfaces',
    type: 'RTM_GETLINK',
    flags: `${ASK} | NLM_F_DUMP`,
    struct: 'ifinfomsg',
    members: {},
    attributes: [EXT_MASK],
    call: listLinks,
  },
  {
    of: 'a veth pair',
    type: 'RTM_NEWLINK',
    flags: `${ASK} | NLM_F_CREATE | NLM_F_EXCL`,
    struct: 'ifinfomsg',
    members: {},
    attributes: [
      ['IFLA_IFNAME', { text: 'left' }],
      [
        'IFLA_LINKINFO | NLA_F_NESTED',
        [
          ['IFLA_INFO_KIND', { text: 'veth' }],
          [
            'IFLA_INFO_DATA | NLA_F_NESTED',
            [
              [
                'VETH_INFO_PEER | NLA_F_NESTED',
                { skip: 'sizeof(struct ifinfomsg)', attributes: [['IFLA_IFNAME', { text: 'right' }]] },
              ],
            ],
          ],
        ],
      ],
    ],
    call: () => createVethPair('left', 'right'),
  },
  {
    of: 'an interface that goes up',
    type: 'RTM_SETLINK',
    flags: ASK,
    struct: 'ifinfomsg',
    members: { ifi_index: 3, ifi_flags: 1, ifi_change: 1 },
    attributes: [['IFLA_MTU', 1400]],
    call: () => setLink('veth0', { up: true, mtu: 1400 }),
  },
  {
    of: 'an interface that is deleted',
    type: 'RTM_DELLINK',
    flags: ASK,
    struct: 'ifinfomsg',
    members: { ifi_index: 3 },
    attributes: [],
    call: () => deleteLink('veth0'),
  },
  {
    of: 'another namespace',
    type: 'RTM_GETNSID',
    flags: ASK,
    struct: 'rtgenmsg',
    members: {},
    attributes: [['NETNSA_FD', 9]],
    call: () => netnsidOf({ fd: new Fd(9, 'x'), what: 'x' } as NetworkNamespace),
  },
  {
    of: 'clsact',
    type: 'RTM_NEWQDISC',
    flags: `${ASK} | NLM_F_CREATE | NLM_F_EXCL`,
    struct: 'tcmsg',
    members: CLSACT,
    attributes: [['TCA_KIND', { text: 'clsact' }]],
    call: () => addClsact(3, 'add'),
  },
  {
    of: 'clsact that is deleted',
    type: 'RTM_DELQDISC',
    flags: ASK,
    struct: 'tcmsg',
    members: CLSACT,
    attributes: [],
    call: () => deleteClsact(3, 'delete'),
  },
  {
    of: 'the qdiscs',
    type: 'RTM_GETQDISC',
    flags: `${ASK} | NLM_F_DUMP`,
    struct: 'tcmsg',
    members: { tcm_ifindex: 3 },
    attributes: [],
    call: () => listQdiscs(3),
  },
  {
    of: 'a filter',
    type: 'RTM_NEWTFILTER',
    flags: `${ASK} | NLM_F_CREATE | NLM_F_ECHO | NLM_F_REPLACE`,
    struct: 'tcmsg',
    members: FILTER,
    attributes: [
      ['TCA_KIND', { text: 'bpf' }],
      ['TCA_CHAIN', 2],
      [
        'TCA_OPTIONS | NLA_F_NESTED',
        [
          ['TCA_BPF_FD', 9],
          ['TCA_BPF_NAME', { text: 'p' }],
          ['TCA_BPF_FLAGS', 'TCA_BPF_FLAG_ACT_DIRECT'],
          ['TCA_BPF_CLASSID', 0x10002],
        ],
      ],
    ],
    call: () =>
      setTcFilter({ ...key, fd: 9, name: 'p', directAction: true, classid: 0x10002 }, 'replace', 'set'),
  },
  {
    of: 'a filter that is deleted',
    type: 'RTM_DELTFILTER',
    flags: ASK,
    struct: 'tcmsg',
    members: FILTER,
    attributes: [
      ['TCA_KIND', { text: 'bpf' }],
      ['TCA_CHAIN', 2],
    ],
    call: () => deleteTcFilter(key, 'delete'),
  },
  {
    of: 'the filters',
    type: 'RTM_GETTFILTER',
    flags: `${ASK} | NLM_F_DUMP`,
    struct: 'tcmsg',
    members: { tcm_ifindex: 3, tcm_parent: 'TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)' },
    attributes: [],
    call: () => listTcFilters(3, TcParent.egress),
  },
];
