# Hands each system call of one process to the program that stands at its number in a prog array.
# Where none does, nothing happens.

    .license "GPL"
    .const SYSCALLS = 512

    .struct event {
        u32 syscall;
        u32 mode;
        char path[56];
    }

    .map sys_enter_tails, prog_array, entries=SYSCALLS
    .map events, ringbuf, entries=64 * 1024
    .map counts, array, key=u32, value=u64, entries=SYSCALLS

    .var const u32 only_pid = 0              // 0: every process
    .var const u32 second_argument = 13      // where in struct pt_regs, in units of 8 bytes: x86-64's si
    .var const u32 third_argument = 12       // and dx

# struct bpf_raw_tracepoint_args: the registers, then the number of the call.
    .const REGISTERS = 0
    .const NUMBER    = 8

    .program sys_enter_init, "raw_tracepoint/sys_enter"
    r6 = r1
    r7 = only_pid ll
    r7 = *(u32 *)(r7 + 0)
    if r7 == 0 goto dispatch
    call bpf_get_current_pid_tgid
    r0 >>= 32
    if r0 != r7 goto none
dispatch:
    r3 = *(u64 *)(r6 + NUMBER)
    r1 = r6
    r2 = sys_enter_tails ll
    call bpf_tail_call
none:
    r0 = 0
    exit

# For any number.
    .program count_syscall, "raw_tracepoint/sys_enter"
    r1 = *(u64 *)(r1 + NUMBER)
    *(u32 *)(r10 - 4) = r1
    r1 = counts ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto counted
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
counted:
    r0 = 0
    exit

# Puts the register that the variable `place` names on the stack, at r10 - 8. r6 is the context.
    .macro argument place
    r3 = \place ll
    r3 = *(u32 *)(r3 + 0)
    r3 <<= 3
    r1 = *(u64 *)(r6 + REGISTERS)
    r3 += r1
    r1 = r10
    r1 += -8
    r2 = 8
    call bpf_probe_read_kernel
    .endm

# fchmodat(directory, path, mode).
    .program enter_fchmodat, "raw_tracepoint/sys_enter"
    r6 = r1
    r1 = events ll
    r2 = sizeof(event)
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto full
    r7 = r0
    r1 = *(u64 *)(r6 + NUMBER)
    *(u32 *)(r7 + event.syscall) = r1
    argument third_argument
    r1 = *(u64 *)(r10 - 8)
    *(u32 *)(r7 + event.mode) = r1
    argument second_argument
    r1 = r7
    r1 += event.path
    r2 = sizeof(event.path)
    r3 = *(u64 *)(r10 - 8)
    call bpf_probe_read_user_str
    r1 = r7
    r2 = 0
    call bpf_ringbuf_submit
full:
    r0 = 0
    exit
