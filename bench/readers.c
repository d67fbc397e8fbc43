// libbpf's side of bench/readers.ts: the same program, the same map, the same callback.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t sum, latencies[100000];
static int count;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static int one_field(void *ctx, void *data, size_t size) {
  sum ^= *(uint32_t *)data;
  return 0;
}

static void perf_field(void *ctx, int cpu, void *data, __u32 size) {
  sum ^= *(uint32_t *)data;
}

static void perf_lost(void *ctx, int cpu, __u64 lost) {
}

static int stamp(void *ctx, void *data, size_t size) {
  latencies[count++] = (uint64_t)now() - *(uint64_t *)data;
  return 0;
}

static void fill(int prog, int records) {
  char frame[64] = {0};
  LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof frame, .repeat = records);
  if (bpf_prog_test_run_opts(prog, &opts)) exit(3);
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b;
  return x < y ? -1 : x > y;
}

// MODE MAP_ID PROG_ID RECORDS ROUNDS
int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int map = bpf_map_get_fd_by_id(atoi(argv[2])), prog = bpf_prog_get_fd_by_id(atoi(argv[3]));
  int records = atoi(argv[4]), rounds = atoi(argv[5]);
  if (map < 0 || prog < 0) return 3;
  if (!strcmp(argv[1], "produce")) {
    for (int i = 0; i < rounds; i++) {
      usleep(1000);
      fill(prog, records);
    }
    return 0;
  }
  if (!strcmp(argv[1], "wake")) {
    struct ring_buffer *ring = ring_buffer__new(map, stamp, NULL, NULL);
    printf("ready\n");
    fflush(stdout);
    while (count < rounds)
      if (ring_buffer__poll(ring, 5000) <= 0) return 4;
    qsort(latencies, count, sizeof *latencies, compare);
    printf("%llu %llu\n", (unsigned long long)latencies[count / 2], (unsigned long long)latencies[count * 99 / 100]);
    return 0;
  }
  struct ring_buffer *ring = NULL;
  struct perf_buffer *perf = NULL;
  if (!strcmp(argv[1], "ring")) ring = ring_buffer__new(map, one_field, NULL, NULL);
  else perf = perf_buffer__new(map, 2048, perf_field, perf_lost, NULL, NULL);
  if (!ring && !perf) return 3;
  for (int i = 0; i < rounds; i++) {
    fill(prog, records);
    double start = now();
    if (ring) ring_buffer__consume(ring);
    else perf_buffer__consume(perf);
    printf("%.0f\n", now() - start);
  }
  return sum == UINT64_MAX;
}
