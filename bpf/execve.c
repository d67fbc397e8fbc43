// Tells who starts which program, from the tracepoint at the entry of execve(2).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// What the tracepoint's format file says: 16 bytes of header, then the arguments.
struct sys_enter_execve {
	__u64 header;
	__s64 syscall_nr;
	const char *filename;
	const char *const *argv;
	const char *const *envp;
};

struct exec_data {
	__u32 pid;
	char fname[32];
	char comm[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int on_execve(struct sys_enter_execve *ctx)
{
	struct exec_data data = {};

	data.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_probe_read_user_str(data.fname, sizeof(data.fname), ctx->filename);
	bpf_get_current_comm(data.comm, sizeof(data.comm));
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &data, sizeof(data));
	return 0;
}

char _license[] SEC("license") = "GPL";
