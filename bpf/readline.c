// Tells of each line that a bash has read, and then, by a tail call, whether its length is odd or even.
// Attached to the return of bash's readline(); the records go through a perf buffer.
#define __TARGET_ARCH_x86
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum mark { MARK_LINE = 3, MARK_ODD = 5, MARK_EVEN = 8 };
enum { SLOT_ODD = 135, SLOT_EVEN = 146 };

struct event {
	__u32 pid;
	char line[256];
	__u8 mark;
};

// As many entries as there are CPUs: the loader's to fill in.
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
} events SEC(".maps");

static __always_inline int tell_parity(struct pt_regs *ctx, enum mark mark)
{
	struct event event = {};

	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.mark = mark;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}

SEC("uretprobe/bash_readline_odd")
int readline_odd(struct pt_regs *ctx)
{
	return tell_parity(ctx, MARK_ODD);
}

SEC("uretprobe/bash_readline_even")
int readline_even(struct pt_regs *ctx)
{
	return tell_parity(ctx, MARK_EVEN);
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
	__uint(max_entries, 1024);
	__array(values, int(void *));
} tail_jmp_table SEC(".maps") = {
	.values = {
		[SLOT_ODD] = (void *)&readline_odd,
		[SLOT_EVEN] = (void *)&readline_even,
	},
};

SEC("uretprobe/bash_readline")
int readline_returns(struct pt_regs *ctx)
{
	struct event event = {};
	const void *line = (const void *)PT_REGS_RC(ctx);
	long size;

	// The end of the input: there is no line.
	if (!line)
		return 0;
	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.mark = MARK_LINE;
	// With the NUL at its end.
	size = bpf_probe_read_user_str(event.line, sizeof(event.line), line);
	if (size <= 0)
		return 0;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));

	bpf_tail_call(ctx, &tail_jmp_table, (size - 1) % 2 ? SLOT_ODD : SLOT_EVEN);
	return 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
