import { viewOf } from '../../src/util/bytes.ts';

/**
 * An XDP program that asks the driver about every frame whose IP protocol is 253, and keeps the answers in `seen[0]`;
 * see {@link metadataOf}.
 */
export const METADATA_TEXT = `
    .license "GPL"
    .map seen, array, key=4, value=48, entries=1
    .program ask, "xdp"
    r6 = r1
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 24
    if r4 > r3 goto out
    r5 = *(u8 *)(r2 + 23)
    if r5 != 253 goto out
    *(u32 *)(r10 - 4) = 0
    r1 = seen ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r7 = r0
    r1 = 1
    lock *(u64 *)(r7 + 0) += r1
    r1 = r6
    r2 = r7
    r2 += 12
    r3 = r7
    r3 += 16
    call bpf_xdp_metadata_rx_hash
    *(u32 *)(r7 + 8) = w0
    r1 = r6
    r2 = r7
    r2 += 24
    call bpf_xdp_metadata_rx_timestamp
    *(u32 *)(r7 + 20) = w0
    r1 = r6
    r2 = r7
    r2 += 36
    r3 = r7
    r3 += 38
    call bpf_xdp_metadata_rx_vlan_tag
    *(u32 *)(r7 + 32) = w0
out:
    r0 = XDP_PASS
    exit
`;

export interface Metadata {
  readonly frames: bigint;
  /** 0, or minus the errno, of each question. */
  readonly results: { readonly hash: number; readonly timestamp: number; readonly vlan: number };
  readonly hash: number;
  readonly timestamp: bigint;
  readonly vlan: { readonly protocol: number; readonly tci: number };
}

/** What {@link METADATA_TEXT} was told of the last frame. */
export function metadataOf(value: Uint8Array): Metadata {
  const view = viewOf(value);
  return {
    frames: view.getBigUint64(0, true),
    results: {
      hash: view.getInt32(8, true),
      timestamp: view.getInt32(20, true),
      vlan: view.getInt32(32, true),
    },
    hash: view.getUint32(12, true),
    timestamp: view.getBigUint64(24, true),
    vlan: { protocol: view.getUint16(36, false), tci: view.getUint16(38, true) },
  };
}
