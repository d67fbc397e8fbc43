// Redirects frames: out of another interface by a devmap, and to another CPU by a cpumap. Programs of
// their own run there, at the end of both ways.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_devmap_val));
	__uint(max_entries, 4);
} interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_cpumap_val));
	__uint(max_entries, 4);
} cpus SEC(".maps");

// How many frames of the EtherType for experiments left by the devmap, and the interface of the last one.
__u64 sent;
__u32 sent_by;
// How many such frames came to a CPU by the cpumap.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 256);
} received SEC(".maps");

// Which CPU: the slot of it.
__u32 cpu_slot;

// Hosts send frames by themselves, which are not counted.
static __always_inline int is_counted(struct xdp_md *ctx)
{
	__u16 *ether_type = (void *)(long)ctx->data + 12;

	return (void *)(ether_type + 1) <= (void *)(long)ctx->data_end && *ether_type == bpf_htons(0x88b5);
}

// XDP_PASS where the slot is empty.
SEC("xdp")
int to_interface(struct xdp_md *ctx)
{
	return bpf_redirect_map(&interfaces, 0, XDP_PASS);
}

SEC("xdp")
int to_cpu(struct xdp_md *ctx)
{
	return bpf_redirect_map(&cpus, cpu_slot, XDP_PASS);
}

// A veth takes redirected frames only where its peer has NAPI, and a program gives it that.
SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp/devmap")
int at_interface(struct xdp_md *ctx)
{
	if (!is_counted(ctx))
		return XDP_PASS;
	__sync_fetch_and_add(&sent, 1);
	sent_by = ctx->egress_ifindex;
	return XDP_PASS;
}

SEC("xdp/cpumap")
int at_cpu(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 *count = bpf_map_lookup_elem(&received, &cpu);

	if (count && is_counted(ctx))
		__sync_fetch_and_add(count, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
