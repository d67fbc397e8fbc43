/* The first of two files: it uses a function, a map and variables of the second. */
#include "bpf.h"
#define WEAK __attribute__((weak))
#define HIDDEN __attribute__((visibility("hidden")))

struct counter {
  u64 packets;
  u64 bytes;
};

extern struct {
  __uint(type, ARRAY);
  __uint(max_entries, 4);
  __type(key, u32);
  __type(value, struct counter);
} counters SEC(".maps");

struct {
  __uint(type, HASH);
  __uint(max_entries, 8);
  __type(key, u32);
  __type(value, u64);
} seen SEC(".maps");

extern u64 total;
extern u32 scale(u32 value, struct counter *counter);

const volatile u32 limit = 40;
static volatile u32 own = 3;
u32 shared_data = 7;
static u64 zeroed[3];

static NOINLINE u32 mix(u32 a) {
  asm volatile("%0 ^= 5" : "+r"(a));
  return a;
}

WEAK NOINLINE u32 fallback(u32 a) {
  asm volatile("%0 += 100" : "+r"(a));
  return a;
}

HIDDEN NOINLINE u32 quiet(u32 a) {
  asm volatile("%0 += 11" : "+r"(a));
  return a;
}

SEC("xdp") int first(struct xdp_md *ctx) {
  u32 key = 1;
  struct counter *counter = map_lookup_elem(&counters, &key);
  u64 *hit = map_lookup_elem(&seen, &key);
  if (!counter) return XDP_ABORTED;
  counter->packets++;
  if (hit) total++;
  zeroed[ctx->rx_queue_index & 1]++;
  total += own + shared_data;
  return scale(mix(limit), counter) + fallback(1) + quiet(own);
}

char licence[] SEC("license") = "GPL";
