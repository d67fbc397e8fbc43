// Drops TCP over IPv4 in both directions: frames that come in by XDP, packets that go out by a filter
// of tc. One object holds both; the function that recognises TCP is shared.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// How many were dropped on the way in and out.
__u64 dropped_in;
__u64 dropped_out;

static __noinline _Bool is_tcp(void *data, void *end)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end)
		return 0;
	return eth->h_proto == bpf_htons(ETH_P_IP) && ip->protocol == IPPROTO_TCP;
}

SEC("xdp")
int drop_tcp_in(struct xdp_md *ctx)
{
	if (!is_tcp((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		return XDP_PASS;
	__sync_fetch_and_add(&dropped_in, 1);
	return XDP_DROP;
}

SEC("tc")
int drop_tcp_out(struct __sk_buff *skb)
{
	if (!is_tcp((void *)(long)skb->data, (void *)(long)skb->data_end))
		return TC_ACT_OK;
	__sync_fetch_and_add(&dropped_out, 1);
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
