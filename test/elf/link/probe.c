/* Declares what the kernel has, relocates a field by its name, and leaves a function open for the third file. */
#include "bpf.h"
#define KSYM __attribute__((section(".ksyms")))
#define KCONFIG __attribute__((section(".kconfig")))
#define WEAK __attribute__((weak))

struct task_struct {
  int pid;
} __attribute__((preserve_access_index));

extern int LINUX_KERNEL_VERSION KCONFIG;
extern unsigned int CONFIG_HZ KCONFIG WEAK;
extern const void init_task KSYM;
extern const int bpf_prog_active KSYM;
extern int bpf_task_release(struct task_struct *task) KSYM WEAK;
extern u32 later(u32 a);

static void *(*current_task)(void) = (void *)35;
__attribute__((section(".rodata.tuned"))) const volatile u32 tuned = 4;

SEC("raw_tp/sys_enter") int probe(void *ctx) {
  struct task_struct *task = (void *)0;
  (void)current_task;
  if (CONFIG_HZ > 100) trace_printk("fast\n", 6);
  if ((u64)&init_task & 1) return (u64)&bpf_prog_active >> 9;
  return __builtin_preserve_access_index(&task->pid) == (void *)0 ? LINUX_KERNEL_VERSION : later(tuned);
}

char licence[] SEC("license") = "GPL";
