# Tells of each line that a bash has read, and then, by a tail call, whether its length is odd or even.
# Attached to the return of bash's readline() on x86-64; the records go through a perf buffer.

    .license "Dual MIT/GPL"
    .enum mark { MARK_LINE = 3, MARK_ODD = 5, MARK_EVEN = 8 }
    .const SLOT_ODD  = 135
    .const SLOT_EVEN = 146
    .const PT_REGS_RC = 80                   // ax in struct pt_regs

    .struct event {
        u32 pid;
        char line[256];
        u8 mark;
    }

    .map events, perf_event_array
    .map tail_jmp_table, prog_array, entries=1024
    .entry SLOT_ODD, readline_odd
    .entry SLOT_EVEN, readline_even

# Room for an event that would take half of the stack: one with a line, and one whose line stays empty.
    .enum room { ROOM_LINE, ROOM_PARITY, ROOMS }
    .map scratch, percpu_array, key=u32, value=struct event, entries=ROOMS

# r6 = the context, r7 = an event with the number of this process in it; goes on only where there is one.
    .macro begin room, none
    r6 = r1
    *(u32 *)(r10 - 4) = \room
    r1 = scratch ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto \none
    r7 = r0
    call bpf_get_current_pid_tgid
    r0 >>= 32
    *(u32 *)(r7 + event.pid) = r0
    .endm

    .macro output mark
    r1 = \mark
    *(u8 *)(r7 + event.mark) = r1
    r1 = r6
    r2 = events ll
    r3 = 0xffffffff ll                       // BPF_F_CURRENT_CPU
    r4 = r7
    r5 = sizeof(event)
    call bpf_perf_event_output
    .endm

    .program readline_odd, "uretprobe/bash_readline_odd"
    begin ROOM_PARITY, odd_end
    output MARK_ODD
odd_end:
    r0 = 0
    exit

    .program readline_even, "uretprobe/bash_readline_even"
    begin ROOM_PARITY, even_end
    output MARK_EVEN
even_end:
    r0 = 0
    exit

    .program readline_returns, "uretprobe/bash_readline"
    r8 = *(u64 *)(r1 + PT_REGS_RC)
    if r8 == 0 goto end                      // the end of the input: there is no line
    begin ROOM_LINE, end
    r1 = r7
    r1 += event.line
    r2 = sizeof(event.line)
    r3 = r8
    call bpf_probe_read_user_str
    if r0 s<= 0 goto end
    r8 = r0                                  // its length, with the NUL
    output MARK_LINE
    r1 = r6
    r2 = tail_jmp_table ll
    r3 = SLOT_ODD
    if r8 & 1 goto even
    goto jump
even:
    r3 = SLOT_EVEN
jump:
    call bpf_tail_call
end:
    r0 = 0
    exit
