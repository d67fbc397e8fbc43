# Hands each IPv4 frame to the program of its protocol through a prog array that the loader fills.
# A slot that is empty falls through to XDP_PASS. The verdicts differ, so that a test run shows who ran.

    .license "GPL"

    .const SLOT_ICMP = 0
    .const SLOT_TCP  = 1
    .const SLOT_UDP  = 2

    .map handlers, prog_array, entries=3
    .entry SLOT_ICMP, handle_icmp
    .entry SLOT_TCP, handle_tcp
    .entry SLOT_UDP, handle_udp

# struct xdp_md, struct ethhdr and struct iphdr
    .const MD_DATA       = 0
    .const MD_DATA_END   = 4
    .const ETH_PROTO     = 12
    .const ETH_SIZE      = 14
    .const IP_PROTOCOL   = ETH_SIZE + 9
    .const HEADERS_SIZE  = ETH_SIZE + 20
    .const ETH_P_IP_LE   = 0x0008            // 0x0800 in network byte order, read by a little-endian load

    .program classify, "xdp"
    r2 = *(u32 *)(r1 + MD_DATA)
    r3 = *(u32 *)(r1 + MD_DATA_END)
    r4 = r2
    r4 += HEADERS_SIZE
    if r4 > r3 goto pass
    r4 = *(u16 *)(r2 + ETH_PROTO)
    if r4 != ETH_P_IP_LE goto pass
    r4 = *(u8 *)(r2 + IP_PROTOCOL)
    r3 = SLOT_ICMP
    if r4 == 1 goto dispatch
    r3 = SLOT_TCP
    if r4 == 6 goto dispatch
    r3 = SLOT_UDP
    if r4 != 17 goto pass
dispatch:
    r2 = handlers ll
    call bpf_tail_call                       // returns only where the slot is empty
pass:
    r0 = XDP_PASS
    exit

    .program handle_icmp, "xdp"
    r0 = XDP_TX
    exit

    .program handle_tcp, "xdp"
    r0 = XDP_DROP
    exit

    .program handle_udp, "xdp"
    r0 = XDP_ABORTED
    exit
