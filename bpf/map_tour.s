# Programs for maps that only programs write to or read from, and maps whose types say what they hold.

    .license "GPL"

    .struct local { u64 visits; }

    .map ring, ringbuf, entries=4096
    .map perf, perf_event_array
    .map commands, user_ringbuf, entries=4096
    .map traces, stack_trace, key=4, value=8 * 16, entries=16
    .map of_socket, sk_storage, key=int, value=struct local, flags=BPF_F_NO_PREALLOC, entries=0
    .map of_task, task_storage, key=int, value=struct local, flags=BPF_F_NO_PREALLOC, entries=0
    .map of_inode, inode_storage, key=int, value=struct local, flags=BPF_F_NO_PREALLOC, entries=0
    .map of_cgroup, cgrp_storage, key=int, value=struct local, flags=BPF_F_NO_PREALLOC, entries=0
    .var u64 total

# A record of 8 bytes, reserved, filled and handed on or thrown away.
    .macro reserve_42 full
    r1 = ring ll
    r2 = 8
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto \full
    r1 = 42
    *(u64 *)(r0 + 0) = r1
    r1 = r0
    r2 = 0
    .endm

    .program submit, "xdp"
    reserve_42 full
    call bpf_ringbuf_submit
    r0 = 0
    exit
full:
    r0 = -1
    exit

    .program discard, "xdp"
    reserve_42 full_too
    call bpf_ringbuf_discard
    r0 = 0
    exit
full_too:
    r0 = -1
    exit

# Answers what the helper does: 0, or -ENOENT where nobody reads on this CPU.
    .program output, "xdp"
    r2 = 42
    *(u64 *)(r10 - 8) = r2
    r2 = perf ll
    r3 = 0xffffffff ll                       // BPF_F_CURRENT_CPU
    r4 = r10
    r4 += -8
    r5 = 8
    call bpf_perf_event_output
    exit

    .program drain, "xdp"
    r1 = commands ll
    r2 = add ll
    r3 = 0
    r4 = 0
    call bpf_user_ringbuf_drain
    exit

    .function add
    r3 = r1
    r1 = r10
    r1 += -8
    r2 = 8
    r4 = 0
    r5 = 0
    call bpf_dynptr_read
    if r0 != 0 goto done
    r2 = *(u64 *)(r10 - 8)
    r1 = total ll
    lock *(u64 *)(r1 + 0) += r2
done:
    r0 = 0
    exit

# Answers the number of the stack.
    .program keep_stack, "raw_tp/sys_enter"
    r2 = traces ll
    r3 = 0
    call bpf_get_stackid
    exit
