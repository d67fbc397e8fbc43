/*
 * What libbpf makes of BPF objects, as text: the relocated instructions of every program, the maps
 * and what is put into them. No system call is made: the linker's --wrap puts the functions below
 * in the place of those of libbpf that would make one, so that it needs no privilege and no kernel.
 *
 *   libbpf-insns FILE...          one block of lines for each object
 *   libbpf-insns --names < names  program type and attach type of section titles
 *   libbpf-insns --time N FILE    the best time of N runs of bpf_object__open, in nanoseconds
 *   libbpf-insns --time-load N FILE    of bpf_object__load without the system calls
 *
 * ORACLE_BTF names a file with a kernel's types to take in place of the running kernel's, ORACLE_KCONFIG
 * holds lines of a configuration that come before the running kernel's.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Set while libbpf asks what the kernel can do, before it loads what is ours. */
static bool recording;

struct shape {
  int key_size, value_size;
};
/* By descriptor. */
static struct shape shapes[4096];

static int fake_fd(void) {
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd < 0 || fd >= 4096) {
    perror("open");
    exit(1);
  }
  return fd;
}

static void print_hex(const void *bytes, size_t size) {
  const unsigned char *at = bytes;
  if (size == 0) putchar('-');
  for (size_t i = 0; i < size; i++) printf("%02x", at[i]);
}

int __wrap_bpf_map_create(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size,
                          __u32 max_entries, const struct bpf_map_create_opts *opts) {
  (void)name;
  int fd = fake_fd();
  shapes[fd].key_size = key_size;
  shapes[fd].value_size = value_size;
  if (recording)
    printf("create\t%d\t%d\t%u\t%u\t%u\t%u\t%llu\t%u\t%u\n", fd, type, key_size, value_size, max_entries,
           opts ? opts->map_flags : 0, opts ? (unsigned long long)opts->map_extra : 0,
           opts ? opts->numa_node : 0, opts ? opts->inner_map_fd : 0);
  return fd;
}

int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags) {
  (void)flags;
  if (!recording) return 0;
  printf("update\t%d\t", fd);
  print_hex(key, shapes[fd].key_size);
  putchar('\t');
  print_hex(value, shapes[fd].value_size);
  putchar('\n');
  return 0;
}

int __wrap_bpf_map_freeze(int fd) {
  if (recording) printf("freeze\t%d\n", fd);
  return 0;
}

int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license,
                         const struct bpf_insn *insns, size_t count, const struct bpf_prog_load_opts *opts) {
  int fd = fake_fd();
  (void)license;
  if (recording) {
    printf("load\t%d\t%s\t%d\t%d\t%u\t", fd, name ? name : "", type, opts ? (int)opts->expected_attach_type : 0,
           opts ? opts->prog_flags : 0);
    print_hex(insns, count * sizeof *insns);
    printf("\t");
    if (opts && opts->func_info_rec_size)
      print_hex(opts->func_info, (size_t)opts->func_info_cnt * opts->func_info_rec_size);
    else putchar('-');
    putchar('\n');
  }
  return fd;
}

int __wrap_bpf_btf_load(const void *data, size_t size, const struct bpf_btf_load_opts *opts) {
  (void)opts;
  if (recording) {
    printf("btf\t");
    print_hex(data, size);
    putchar('\n');
  }
  return fake_fd();
}
int __wrap_bpf_obj_get(const char *path) {
  (void)path;
  errno = ENOENT;
  return -ENOENT;
}
int __wrap_bpf_obj_pin(int fd, const char *path) {
  (void)fd, (void)path;
  return 0;
}

static char messages[1 << 16];
static size_t messages_end;

static int collect_message(enum libbpf_print_level level, const char *format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  size_t space = sizeof messages - messages_end;
  int length = vsnprintf(messages + messages_end, space, format, args);
  messages_end += (size_t)length < space ? (size_t)length : space - 1;
  return length;
}

static void print_error(const char *step, int error) {
  for (size_t i = 0; i < messages_end; i++)
    if (messages[i] == '\n' || messages[i] == '\t') messages[i] = ' ';
  printf("error\t%s\t%d\t%.*s\n", step, error, (int)messages_end, messages);
}

/* Where libbpf would refuse a program for want of a target in the kernel, or of a known title. */
static int no_setup(struct bpf_program *prog, long cookie) {
  (void)cookie;
  if (bpf_program__type(prog) == BPF_PROG_TYPE_UNSPEC) bpf_program__set_type(prog, BPF_PROG_TYPE_XDP);
  return 0;
}

static void take_all_titles(void) {
  static const char *const titles[] = {"fentry+", "fexit+", "fmod_ret+", "fentry.s+", "fexit.s+", "freplace+",
                                       "lsm+", "lsm.s+", "lsm_cgroup+", "tp_btf+", "iter+", "iter.s+"};
  LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_setup_fn = no_setup);
  for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
    libbpf_register_prog_handler(titles[i], BPF_PROG_TYPE_XDP, 0, &opts);
  libbpf_register_prog_handler(NULL, BPF_PROG_TYPE_XDP, 0, &opts);
}

static void dump(const char *path) {
  struct bpf_map *map;
  struct bpf_program *prog;
  LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "o", .pin_root_path = "/nowhere",
              .btf_custom_path = getenv("ORACLE_BTF"), .kconfig = getenv("ORACLE_KCONFIG"));
  messages_end = 0;
  printf("object\t%s\n", path);
  struct bpf_object *object = bpf_object__open_file(path, &opts);
  if (!object) {
    print_error("open", errno);
    return;
  }
  bpf_object__for_each_program(prog, object) {
    printf("program\t%s\t%s\t%d\t%d\t%u\t%d\n", bpf_program__name(prog), bpf_program__section_name(prog),
           bpf_program__type(prog), bpf_program__expected_attach_type(prog), bpf_program__flags(prog),
           bpf_program__autoload(prog));
    /* All of them, whatever their title says. */
    bpf_program__set_autoload(prog, true);
  }
  bpf_object__for_each_map(map, object) {
    if (!bpf_map__pin_path(map)) continue;
    printf("pinned\t%s\n", bpf_map__name(map));
    bpf_map__set_pin_path(map, NULL);
  }
  recording = true;
  int error = bpf_object__load(object);
  recording = false;
  bpf_object__for_each_map(map, object) {
    size_t size = 0;
    const void *value = bpf_map__initial_value(map, &size);
    printf("map\t%d\t%s\t%d\t%u\t%u\t%u\t%u\t%llu\t%u\t", bpf_map__fd(map), bpf_map__name(map),
           bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map), bpf_map__max_entries(map),
           bpf_map__map_flags(map), (unsigned long long)bpf_map__map_extra(map), bpf_map__numa_node(map));
    print_hex(value, value ? size : 0);
    putchar('\n');
  }
  if (error) print_error("load", error);
  bpf_object__close(object);
}

static void name_types(void) {
  char title[4096];
  while (fgets(title, sizeof title, stdin)) {
    enum bpf_prog_type type;
    enum bpf_attach_type attach;
    title[strcspn(title, "\n")] = 0;
    int error = libbpf_prog_type_by_name(title, &type, &attach);
    if (error) printf("%s\t-\n", title);
    else printf("%s\t%d\t%d\n", title, type, attach);
  }
}

static long long now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int time_open(int rounds, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return perror(path), 1;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  void *bytes = malloc(size);
  if (fread(bytes, 1, size, file) != (size_t)size) return perror(path), 1;
  fclose(file);
  long long best = -1;
  for (int round = 0; round < rounds; round++) {
    long long start = now_ns();
    struct bpf_object *object = bpf_object__open_mem(bytes, size, NULL);
    long long took = now_ns() - start;
    if (!object) return perror("bpf_object__open_mem"), 1;
    bpf_object__close(object);
    if (best < 0 || took < best) best = took;
  }
  printf("%lld\n", best);
  free(bytes);
  return 0;
}

static int time_load(int rounds, const char *path) {
  struct bpf_program *prog;
  long long best = -1;
  for (int round = 0; round < rounds; round++) {
    struct bpf_object *object = bpf_object__open_file(path, NULL);
    if (!object) return perror(path), 1;
    bpf_object__for_each_program(prog, object) bpf_program__set_autoload(prog, true);
    long long start = now_ns();
    int error = bpf_object__load(object);
    long long took = now_ns() - start;
    if (error) return fprintf(stderr, "bpf_object__load: %d\n", error), 1;
    bpf_object__close(object);
    if (best < 0 || took < best) best = took;
  }
  printf("%lld\n", best);
  return 0;
}

int main(int count, char **args) {
  libbpf_set_print(collect_message);
  if (count == 2 && strcmp(args[1], "--names") == 0) return name_types(), 0;
  if (count == 4 && strcmp(args[1], "--time") == 0) return time_open(atoi(args[2]), args[3]);
  take_all_titles();
  if (count == 4 && strcmp(args[1], "--time-load") == 0) return time_load(atoi(args[2]), args[3]);
  for (int i = 1; i < count; i++) dump(args[i]);
  return 0;
}
