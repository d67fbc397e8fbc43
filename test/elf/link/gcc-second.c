/* As gcc-first.c, with other names. */
#define SEC(name) __attribute__((section(name), used))
typedef unsigned int u32; typedef unsigned long long u64;
struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };
struct bpf_map_def SEC("maps") three = { 2, 4, 8, 1, 0 };
struct bpf_map_def SEC("maps") four = { 2, 4, 16, 1, 0 };
u64 c = 3, d = 4;
__attribute__((noinline)) int subs3(int x) { return x ^ 5; }
__attribute__((noinline)) int subs4(int x) { return x ^ 9; }
SEC("xdp") int second(void *ctx) { u32 key = 0; u64 *v = ((void *(*)(void *, void *))1)(&four, &key); d++; return (v ? *v : 0) + subs3(d) + subs4(c); }
SEC("xdp") int more(void *ctx) { return subs4(3) + d; }
char lic[] SEC("license") = "GPL";
