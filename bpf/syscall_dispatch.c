// Hands each system call of one process to the program that stands at its number in a prog array.
// Where none does, nothing happens.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SYSCALLS 512

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
	__uint(max_entries, SYSCALLS);
} sys_enter_tails SEC(".maps");

struct event {
	__u32 syscall;
	__u32 mode;
	char path[56];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

// How often each number was counted.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, SYSCALLS);
} counts SEC(".maps");

// Whose calls are looked at: a process, or with 0 every one.
const volatile __u32 only_pid;
// Where in the registers the second and third argument lie, in units of 8 bytes: the processor's matter.
const volatile __u32 second_argument = 13; // x86-64: si of struct pt_regs
const volatile __u32 third_argument = 12;  // x86-64: dx

static __always_inline __u64 argument(struct bpf_raw_tracepoint_args *ctx, __u32 place)
{
	const __u64 *registers = (const __u64 *)ctx->args[0];
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), registers + place);
	return value;
}

SEC("raw_tracepoint/sys_enter")
int sys_enter_init(struct bpf_raw_tracepoint_args *ctx)
{
	if (only_pid && bpf_get_current_pid_tgid() >> 32 != only_pid)
		return 0;
	bpf_tail_call(ctx, &sys_enter_tails, ctx->args[1]);
	return 0;
}

// For any number.
SEC("raw_tracepoint/sys_enter")
int count_syscall(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 number = ctx->args[1];
	__u64 *count = bpf_map_lookup_elem(&counts, &number);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

// fchmodat(directory, path, mode).
SEC("raw_tracepoint/sys_enter")
int enter_fchmodat(struct bpf_raw_tracepoint_args *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->syscall = ctx->args[1];
	event->mode = argument(ctx, third_argument);
	if (bpf_probe_read_user_str(event->path, sizeof(event->path), (void *)argument(ctx, second_argument)) < 0)
		event->path[0] = 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
