# A root that hands each frame to whatever stands in the root array, and two programs to stand there.
# Each counts what it sees; the root counts what found an empty slot.

    .license "GPL"
    .const ROOT_ARRAY_SIZE = 3
    .enum count { COUNT_MISSED, COUNT_FIRST, COUNT_SECOND, COUNTS }

    .map root_array, prog_array, entries=ROOT_ARRAY_SIZE
    .map counts, array, key=u32, value=u64, entries=COUNTS

    .program root, "xdp/root"
    r6 = r1
    tail_call r6, root_array, 0
    tail_call r6, root_array, 1
    tail_call r6, root_array, 2
    r1 = r6
    r2 = COUNT_MISSED
    call count
    exit

    .program count_first, "xdp/first"
    r2 = COUNT_FIRST
    call count
    exit

    .program count_second, "xdp/second"
    r2 = COUNT_SECOND
    call count
    exit

# Counts a frame of the EtherType for experiments and answers what becomes of it.
    .function int count(struct xdp_md *ctx, u32 which)
    *(u32 *)(r10 - 4) = r2
    r3 = *(u32 *)(r1 + xdp_md.data_end)
    r1 = *(u32 *)(r1 + xdp_md.data)
    r2 = r1
    r2 += 14
    if r2 > r3 goto pass
    r1 = *(u16 *)(r1 + 12)
    if r1 != be16(0x88b5) goto pass
    r1 = counts ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto drop
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
drop:
    r0 = XDP_DROP
    exit
pass:
    r0 = XDP_PASS
    exit
