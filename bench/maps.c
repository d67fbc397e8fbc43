// libbpf's side of bench/maps.ts: the same maps, the same operations.
#include <bpf/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static uint32_t keys[1 << 20];
static uint64_t values[1 << 20];
static volatile uint64_t sum;

// MODE MAP_ID ENTRIES ROUNDS: nanoseconds of each round
int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int map = bpf_map_get_fd_by_id(atoi(argv[2]));
  uint32_t entries = atoi(argv[3]), rounds = atoi(argv[4]);
  if (map < 0 || entries > 1 << 20) return 3;
  for (uint32_t i = 0; i < entries; i++) keys[i] = values[i] = i;
  uint64_t *shared = NULL;
  if (!strcmp(argv[1], "mmap")) {
    shared = mmap(NULL, entries * 8, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (shared == MAP_FAILED) return 4;
  }
  for (uint32_t round = 0; round < rounds; round++) {
    uint64_t value, total = 0;
    double start = now();
    if (!strcmp(argv[1], "lookup")) {
      for (uint32_t key = 0; key < entries; key++)
        if (!bpf_map_lookup_elem(map, &key, &value)) total += value;
    } else if (!strcmp(argv[1], "update")) {
      value = 7;
      for (uint32_t key = 0; key < entries; key++) bpf_map_update_elem(map, &key, &value, 0);
    } else if (!strcmp(argv[1], "walk")) {
      uint32_t key, *previous = NULL;
      while (!bpf_map_get_next_key(map, previous, &key)) {
        total += key;
        previous = &key;
      }
    } else if (!strcmp(argv[1], "read-batch")) {
      uint64_t cursor;
      uint32_t count = entries;
      bpf_map_lookup_batch(map, NULL, &cursor, keys, values, &count, NULL);
      for (uint32_t i = 0; i < count; i++) total += (uint32_t)values[i];
    } else if (!strcmp(argv[1], "write-batch")) {
      uint32_t count = entries;
      bpf_map_update_batch(map, keys, values, &count, NULL);
    } else if (shared) {
      for (uint32_t i = 0; i < entries; i++) total += ((volatile uint64_t *)shared)[i];
    } else {
      return 2;
    }
    printf("%.0f\n", now() - start);
    sum += total;
  }
  return 0;
}
