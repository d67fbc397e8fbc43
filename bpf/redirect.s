# Redirects frames: out of another interface by a devmap, and to another CPU by a cpumap. Programs of
# their own run there, at the end of both ways.

    .license "GPL"
    .map interfaces, devmap, key=u32, value=8, entries=4
    .map cpus, cpumap, key=u32, value=8, entries=4
    .map received, array, key=u32, value=u64, entries=256
    .var u64 sent
    .var u32 sent_by
    .var u32 cpu_slot

# Goes to `otherwise` unless the frame is of the EtherType for experiments; r6 is the context.
    .macro only_ours otherwise
    r2 = *(u32 *)(r6 + xdp_md.data)
    r3 = *(u32 *)(r6 + xdp_md.data_end)
    r4 = r2
    r4 += 14
    if r4 > r3 goto \otherwise
    r4 = *(u16 *)(r2 + 12)
    if r4 != be16(0x88b5) goto \otherwise
    .endm

    .program to_interface, "xdp"
    r1 = interfaces ll
    r2 = 0
    r3 = XDP_PASS                            // what is answered where the slot is empty
    call bpf_redirect_map
    exit

    .program to_cpu, "xdp"
    r2 = cpu_slot ll
    r2 = *(u32 *)(r2 + 0)
    r1 = cpus ll
    r3 = XDP_PASS
    call bpf_redirect_map
    exit

# A veth takes redirected frames only where its peer has NAPI, and a program gives it that.
    .program pass, "xdp"
    r0 = XDP_PASS
    exit

    .program at_interface, "xdp/devmap"
    r6 = r1
    only_ours sent_on
    r1 = sent ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    r1 = sent_by ll
    r2 = *(u32 *)(r6 + xdp_md.egress_ifindex)
    *(u32 *)(r1 + 0) = r2
sent_on:
    r0 = XDP_PASS
    exit

    .program at_cpu, "xdp/cpumap"
    r6 = r1
    only_ours received_on
    call bpf_get_smp_processor_id
    *(u32 *)(r10 - 4) = r0
    r1 = received ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto received_on
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
received_on:
    r0 = XDP_PASS
    exit
