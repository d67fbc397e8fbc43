# Drops TCP over IPv4 in both directions: frames that come in by XDP, packets that go out by a filter
# of tc. One file holds both; the function that recognises TCP is shared.

    .license "GPL"
    .var u64 dropped_in
    .var u64 dropped_out

    .const ETH_PROTO    = 12
    .const ETH_SIZE     = 14
    .const IP_PROTOCOL  = ETH_SIZE + 9
    .const HEADERS_SIZE = ETH_SIZE + 20
    .const IPPROTO_TCP  = 6

    .macro count variable
    r1 = \variable ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    .endm

    .program drop_tcp_in, "xdp"
    r2 = ctx.data_end
    r1 = ctx.data
    call is_tcp
    if r0 == 0 goto pass
    count dropped_in
    r0 = XDP_DROP
    exit
pass:
    r0 = XDP_PASS
    exit

    .program drop_tcp_out, "tc"
    r2 = ctx.data_end
    r1 = ctx.data
    call is_tcp
    if r0 == 0 goto ok
    count dropped_out
    r0 = TC_ACT_SHOT
    exit
ok:
    r0 = TC_ACT_OK
    exit

    .function is_tcp
    r0 = 0
    r3 = r1
    r3 += HEADERS_SIZE
    if r3 > r2 goto no
    r4 = *(u16 *)(r1 + ETH_PROTO)
    if r4 != be16(0x0800) goto no
    r4 = *(u8 *)(r1 + IP_PROTOCOL)
    if r4 != IPPROTO_TCP goto no
    r0 = 1
no:
    exit
