/* The second of two files: it defines what the first one uses, and has statics of the same names. */
#include "bpf.h"
#define WEAK __attribute__((weak))

struct counter {
  u64 packets;
  u64 bytes;
};

struct {
  __uint(type, ARRAY);
  __uint(max_entries, 4);
  __type(key, u32);
  __type(value, struct counter);
} counters SEC(".maps");

struct {
  __uint(type, PROG_ARRAY);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(values, int(void *));
} jumps SEC(".maps");

u64 total;
const volatile u32 factor = 2;
static volatile u32 own = 30;
extern u32 shared_data;
u32 quiet(u32 a);

static NOINLINE u32 mix(u32 a) {
  asm volatile("%0 ^= 9" : "+r"(a));
  return a;
}

NOINLINE u32 fallback(u32 a) {
  asm volatile("%0 += 200" : "+r"(a));
  return a;
}

NOINLINE u32 scale(u32 value, struct counter *counter) {
  if (!counter) return 0;
  counter->bytes += own;
  return mix(value) * factor;
}

static long each(u32 index, u64 *sum) {
  *sum += index + own;
  return 0;
}

SEC("xdp") int second(struct xdp_md *ctx) {
  u64 sum = 0;
  loop(3, each, &sum, 0);
  trace_printk("second\n", 8);
  tail_call(ctx, &jumps, 2);
  return mix(sum) + quiet(shared_data) + fallback(total);
}

char licence[] SEC("license") = "GPL";
