/** TC_ACT_*: macros of `linux/pkt_cls.h`, which BTF does not hold. */
export const TcAction = {
  UNSPEC: -1,
  OK: 0,
  RECLASSIFY: 1,
  SHOT: 2,
  PIPE: 3,
  STOLEN: 4,
  QUEUED: 5,
  REPEAT: 6,
  REDIRECT: 7,
  TRAP: 8,
} as const;
export type TcAction = (typeof TcAction)[keyof typeof TcAction];

/** Flags of helpers: unnamed enums of `linux/bpf.h`. */
export const HelperFlag = {
  F_INDEX_MASK: 0xffff_ffff,
  F_CURRENT_CPU: 0xffff_ffff,
  F_INGRESS: 1,
  F_BROADCAST: 8,
  F_EXCLUDE_INGRESS: 16,
  F_RECOMPUTE_CSUM: 1,
  F_INVALIDATE_HASH: 2,
  F_USER_STACK: 256,
  RB_NO_WAKEUP: 1,
  RB_FORCE_WAKEUP: 2,
} as const;

/** What other programs than those of XDP and tc return, by the names of `linux/bpf.h`, `linux/if_link.h` and `linux/netfilter.h`. */
export const ReturnValue = {
  TCX_NEXT: -1,
  TCX_PASS: 0,
  TCX_DROP: 2,
  TCX_REDIRECT: 7,
  NETKIT_NEXT: -1,
  NETKIT_PASS: 0,
  NETKIT_DROP: 2,
  NETKIT_REDIRECT: 7,
  BPF_OK: 0,
  BPF_DROP: 2,
  BPF_REDIRECT: 7,
  BPF_LWT_REROUTE: 128,
  BPF_FLOW_DISSECTOR_CONTINUE: 129,
  NF_DROP: 0,
  NF_ACCEPT: 1,
} as const;
