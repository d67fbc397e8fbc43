# Tells who starts which program, from the tracepoint at the entry of execve(2).

    .license "GPL"

# What the tracepoint's format file says: 16 bytes of header, then the arguments.
    .struct sys_enter_execve {
        u64 header;
        s64 syscall_nr;
        const char *filename;
        const char *argv;
        const char *envp;
    }
    .struct exec_data {
        u32 pid;
        char fname[32];
        char comm[32];
    }
    .const DATA = -72                        // 68 bytes, at a multiple of 8

    .map events, perf_event_array

    .program on_execve, "tracepoint/syscalls/sys_enter_execve"
    r6 = r1
    call bpf_get_current_pid_tgid
    r0 >>= 32
    *(u32 *)(r10 + DATA + exec_data.pid) = r0
    r1 = r10
    r1 += DATA + exec_data.fname
    r2 = sizeof(exec_data.fname)
    r3 = *(u64 *)(r6 + sys_enter_execve.filename)
    call bpf_probe_read_user_str
    r1 = r10
    r1 += DATA + exec_data.comm
    r2 = sizeof(exec_data.comm)
    call bpf_get_current_comm
    r1 = r6
    r2 = events ll
    r3 = 0xffffffff ll                       // BPF_F_CURRENT_CPU
    r4 = r10
    r4 += DATA
    r5 = sizeof(exec_data)
    call bpf_perf_event_output
    r0 = 0
    exit
