# Redirects between sockets in the kernel: what arrives at a socket of `echoing` is sent back on it,
# and what a socket of `piped` sends arrives at the socket whose port is named in `ways`.

    .license "GPL"
    .map echoing, sockmap, key=u32, value=u64, entries=1
    .map piped, sockhash, key=u32, value=u64, entries=16
    .map ways, hash, key=u32, value=u32, entries=16
    .var u64 echoed_bytes
    .var u64 piped_bytes

    .program echo, "sk_skb/stream_verdict"
    r2 = *(u32 *)(r1 + __sk_buff.len)
    r3 = echoed_bytes ll
    lock *(u64 *)(r3 + 0) += r2
    r2 = echoing ll
    r3 = 0
    r4 = 0                                   // out by that socket; with BPF_F_INGRESS it would receive it
    call bpf_sk_redirect_map
    exit

    .program pipe, "sk_msg"
    r6 = r1
    r2 = *(u32 *)(r6 + sk_msg_md.local_port)
    *(u32 *)(r10 - 4) = r2
    r1 = ways ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto elsewhere
    r1 = *(u32 *)(r0 + 0)
    *(u32 *)(r10 - 4) = r1
    r1 = *(u32 *)(r6 + sk_msg_md.size)
    r2 = piped_bytes ll
    lock *(u64 *)(r2 + 0) += r1
    r1 = r6
    r2 = piped ll
    r3 = r10
    r3 += -4
    r4 = BPF_F_INGRESS
    call bpf_msg_redirect_hash
    exit
elsewhere:
    r0 = SK_PASS
    exit
