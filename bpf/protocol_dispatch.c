// Hands each IPv4 frame to the program of its protocol through a prog array that the loader fills
// from the initialiser below. A slot that is empty falls through to XDP_PASS.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { SLOT_ICMP, SLOT_TCP, SLOT_UDP, SLOTS };

// How often each handler ran, and the protocol that the classifier read last.
__u64 handled[SLOTS];
__u32 last_protocol;

static __always_inline int handled_by(__u32 slot)
{
	__sync_fetch_and_add(&handled[slot], 1);
	return XDP_PASS;
}

SEC("xdp/icmp")
int handle_icmp(struct xdp_md *ctx)
{
	bpf_printk("ICMP frame");
	return handled_by(SLOT_ICMP);
}

SEC("xdp/tcp")
int handle_tcp(struct xdp_md *ctx)
{
	bpf_printk("TCP frame");
	return handled_by(SLOT_TCP);
}

SEC("xdp/udp")
int handle_udp(struct xdp_md *ctx)
{
	bpf_printk("UDP frame");
	return handled_by(SLOT_UDP);
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, SLOTS);
	__array(values, int());
} packet_processing_progs SEC(".maps") = {
	.values = {
		[SLOT_ICMP] = &handle_icmp,
		[SLOT_TCP] = &handle_tcp,
		[SLOT_UDP] = &handle_udp,
	},
};

SEC("xdp_classifier")
int packet_classifier(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end)
		return (void *)(eth + 1) > end ? XDP_ABORTED : XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;

	last_protocol = ip->protocol;
	switch (ip->protocol) {
	case IPPROTO_ICMP:
		bpf_tail_call(ctx, &packet_processing_progs, SLOT_ICMP);
		break;
	case IPPROTO_TCP:
		bpf_tail_call(ctx, &packet_processing_progs, SLOT_TCP);
		break;
	case IPPROTO_UDP:
		bpf_tail_call(ctx, &packet_processing_progs, SLOT_UDP);
		break;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
