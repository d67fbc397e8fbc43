# Looks up where a packet is to be forwarded, in three steps: its destination in a hash, which gives
# the number of a table; that table in an array of maps; a row in the table.

    .license "GPL"
    .const TABLE_ROWS = 0x10000

    .struct glb_bind {
        u32 ipv4;
        u32 ipv6_rest[3];
        u16 proto;
        u16 port_from;
        u16 port_to;
        u16 pad;
    }
    .struct row {
        u32 primary;
        u32 secondary;
    }

    .map glb_binds, hash, key=struct glb_bind, value=u32, entries=4096
    .map glb_table, array, key=u32, value=struct row, entries=TABLE_ROWS
    .map glb_tables, array_of_maps, inner=glb_table, key=u32, value=u32, entries=4096

# What the last packet found.
    .var u32 found_table
    .var u32 found_row
    .var struct row found

    .const IP      = 14
    .const UDP     = IP + 20
    .const HEADERS = UDP + 8
    .const BIND    = -sizeof(glb_bind)       // on the stack
    .const INDEX   = BIND - 4

    .program forward, "xdp"
    r7 = *(u32 *)(r1 + ctx.data)
    r2 = *(u32 *)(r1 + ctx.data_end)
    r1 = r7
    r1 += HEADERS
    if r1 > r2 goto pass
    r1 = *(u16 *)(r7 + 12)
    if r1 != be16(0x0800) goto pass

    r1 = 0
    *(u64 *)(r10 + BIND) = r1
    *(u64 *)(r10 + BIND + 8) = r1
    *(u64 *)(r10 + BIND + 16) = r1
    r1 = *(u32 *)(r7 + IP + 16)              // the destination
    *(u32 *)(r10 + BIND + glb_bind.ipv4) = r1
    r1 = *(u8 *)(r7 + IP + 9)
    *(u16 *)(r10 + BIND + glb_bind.proto) = r1
    r1 = *(u16 *)(r7 + UDP + 2)
    r1 = be16 r1
    *(u16 *)(r10 + BIND + glb_bind.port_from) = r1
    *(u16 *)(r10 + BIND + glb_bind.port_to) = r1

    r1 = glb_binds ll
    r2 = r10
    r2 += BIND
    call bpf_map_lookup_elem
    if r0 == 0 goto pass
    r6 = *(u32 *)(r0 + 0)
    r1 = glb_tables ll
    r2 = r0
    call bpf_map_lookup_elem
    if r0 == 0 goto aborted
    r8 = r0

# The same client always finds the same row.
    r1 = *(u32 *)(r7 + IP + 12)
    r1 = be32 r1
    r2 = *(u16 *)(r7 + UDP)
    r2 = be16 r2
    r1 ^= r2
    r1 &= TABLE_ROWS - 1
    *(u32 *)(r10 + INDEX) = r1
    r9 = r1
    r1 = r8
    r2 = r10
    r2 += INDEX
    call bpf_map_lookup_elem
    if r0 == 0 goto aborted

    r1 = found_table ll
    *(u32 *)(r1 + 0) = r6
    r1 = found_row ll
    *(u32 *)(r1 + 0) = r9
    r1 = found ll
    r2 = *(u32 *)(r0 + row.primary)
    *(u32 *)(r1 + row.primary) = r2
    r2 = *(u32 *)(r0 + row.secondary)
    *(u32 *)(r1 + row.secondary) = r2
    r0 = XDP_TX
    exit
pass:
    r0 = XDP_PASS
    exit
aborted:
    r0 = XDP_ABORTED
    exit
