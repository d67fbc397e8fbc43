// Counts how often a program that tail-calls itself runs before the kernel lets the call fall through.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 runs;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} again SEC(".maps");

SEC("classifier/self")
int call_self(struct __sk_buff *skb)
{
	runs++;
	bpf_tail_call_static(skb, &again, 0);
	return 1;
}

SEC("classifier")
int start(struct __sk_buff *skb)
{
	bpf_tail_call_static(skb, &again, 0);
	return 2;
}

char _license[] SEC("license") = "GPL";
