/* For GCC, whose older assemblers write addresses where others write addends. */
#define SEC(name) __attribute__((section(name), used))
typedef unsigned int u32; typedef unsigned long long u64;
struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };
struct bpf_map_def SEC("maps") one = { 2, 4, 8, 1, 0 };
struct bpf_map_def SEC("maps") two = { 2, 4, 16, 1, 0 };
u64 a = 1, b = 2;
__attribute__((noinline)) int sub(int x) { return x ^ 5; }
__attribute__((noinline)) int sub2(int x) { return x ^ 9; }
SEC("xdp") int first(void *ctx) { u32 key = 0; u64 *v = ((void *(*)(void *, void *))1)(&two, &key); b++; return (v ? *v : 0) + sub(b) + sub2(a); }
SEC("xdp") int again(void *ctx) { return sub2(3) + b; }
char lic[] SEC("license") = "GPL";
