// A chain of XDP programs behind a root, with the map definition that predates BTF: the root tries
// each slot in turn and runs the first that is filled.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// <bpf/bpf_helpers.h> dropped this definition with libbpf 1.0.
struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

#define ROOT_ARRAY_SIZE 3

struct bpf_map_def SEC("maps") root_array = {
	.type = BPF_MAP_TYPE_PROG_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = ROOT_ARRAY_SIZE,
};

SEC("xdp-root")
int xdp_root(struct xdp_md *ctx)
{
#pragma clang loop unroll(full)
	for (__u32 i = 0; i < ROOT_ARRAY_SIZE; i++)
		bpf_tail_call(ctx, &root_array, i);
	return XDP_PASS;
}

SEC("xdp/drop")
int chain_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp/tx")
int chain_tx(struct xdp_md *ctx)
{
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
