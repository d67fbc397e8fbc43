// Redirects between sockets in the kernel: what arrives at a socket of `echoing` is sent back on it,
// and what a socket of `piped` sends arrives at the socket whose port is named in `ways`.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} echoing SEC(".maps");

// Sockets by a number of their own.
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 16);
} piped SEC(".maps");

// The local port of who sends to the number of who receives.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 16);
} ways SEC(".maps");

__u64 echoed_bytes;
__u64 piped_bytes;

SEC("sk_skb/stream_verdict")
int echo(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&echoed_bytes, skb->len);
	return bpf_sk_redirect_map(skb, &echoing, 0, 0);
}

SEC("sk_msg")
int pipe(struct sk_msg_md *msg)
{
	__u32 from = msg->local_port;
	__u32 *to = bpf_map_lookup_elem(&ways, &from);

	if (!to)
		return SK_PASS;
	__u32 key = *to;
	__sync_fetch_and_add(&piped_bytes, msg->size);
	return bpf_msg_redirect_hash(msg, &piped, &key, BPF_F_INGRESS);
}

char _license[] SEC("license") = "GPL";
