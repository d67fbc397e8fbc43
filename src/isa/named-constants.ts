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
