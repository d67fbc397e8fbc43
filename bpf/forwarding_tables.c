// Looks up where a packet is to be forwarded, in three steps: its destination in a hash, which gives
// the number of a table; that table in an array of maps; a row in the table. User space makes the
// tables and can put another one in a table's place while programs look rows up.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TABLE_ROWS 0x10000

struct glb_bind {
	__u32 ipv4;
	__u32 ipv6_rest[3];
	__u16 proto;
	__u16 port_from;
	__u16 port_to;
	__u16 pad;
};

struct row {
	__be32 primary;
	__be32 secondary;
};

// Destination to number of a table.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct glb_bind);
	__type(value, __u32);
	__uint(max_entries, 4096);
} glb_binds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 4096);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(key_size, sizeof(__u32));
		__uint(value_size, sizeof(struct row));
		__uint(max_entries, TABLE_ROWS);
	});
} glb_tables SEC(".maps");

// What the last packet found.
__u32 found_table;
__u32 found_row;
struct row found;

SEC("xdp")
int forward(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct glb_bind bind = {};

	if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	bind.ipv4 = ip->daddr;
	bind.proto = ip->protocol;
	bind.port_from = bpf_ntohs(udp->dest);
	bind.port_to = bpf_ntohs(udp->dest);

	__u32 *table = bpf_map_lookup_elem(&glb_binds, &bind);
	if (!table)
		return XDP_PASS;
	void *rows = bpf_map_lookup_elem(&glb_tables, table);
	if (!rows)
		return XDP_ABORTED;
	// The same client always finds the same row.
	__u32 index = (bpf_ntohl(ip->saddr) ^ bpf_ntohs(udp->source)) % TABLE_ROWS;
	struct row *row = bpf_map_lookup_elem(rows, &index);
	if (!row)
		return XDP_ABORTED;

	found_table = *table;
	found_row = index;
	found = *row;
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
