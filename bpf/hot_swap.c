// A root that hands each frame to whatever stands in the root array, and two programs to stand there.
// Each counts what it sees; the root counts what found an empty slot.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ROOT_ARRAY_SIZE 3

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
	__uint(max_entries, ROOT_ARRAY_SIZE);
} root_array SEC(".maps");

enum { COUNT_MISSED, COUNT_FIRST, COUNT_SECOND, COUNTS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, COUNTS);
} counts SEC(".maps");

static __always_inline int count(void *data, void *end, __u32 which)
{
	// Of the EtherType for experiments: what hosts send by themselves is none of ours.
	__u16 *ether_type = data + 12;
	__u64 *seen;

	if ((void *)(ether_type + 1) > end || *ether_type != bpf_htons(0x88b5))
		return XDP_PASS;
	seen = bpf_map_lookup_elem(&counts, &which);
	if (seen)
		__sync_fetch_and_add(seen, 1);
	return XDP_DROP;
}

SEC("xdp/root")
int root(struct xdp_md *ctx)
{
#pragma clang loop unroll(full)
	for (__u32 slot = 0; slot < ROOT_ARRAY_SIZE; slot++)
		bpf_tail_call(ctx, &root_array, slot);
	return count((void *)(long)ctx->data, (void *)(long)ctx->data_end, COUNT_MISSED);
}

SEC("xdp/first")
int count_first(struct xdp_md *ctx)
{
	return count((void *)(long)ctx->data, (void *)(long)ctx->data_end, COUNT_FIRST);
}

SEC("xdp/second")
int count_second(struct xdp_md *ctx)
{
	return count((void *)(long)ctx->data, (void *)(long)ctx->data_end, COUNT_SECOND);
}

char _license[] SEC("license") = "GPL";
