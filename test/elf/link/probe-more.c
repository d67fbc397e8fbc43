/* Declares the same things of the kernel as probe.c, and more. */
#include "bpf.h"
#define KSYM __attribute__((section(".ksyms")))
#define KCONFIG __attribute__((section(".kconfig")))

struct task_struct {
  int tgid;
  struct task_struct *parent;
} __attribute__((preserve_access_index));

extern unsigned int CONFIG_HZ KCONFIG;
extern _Bool CONFIG_BPF KCONFIG;
extern const int bpf_prog_active KSYM;
extern int bpf_task_release(struct task_struct *task) KSYM;

NOINLINE u32 later(u32 a) {
  struct task_struct *task = (void *)0;
  if (CONFIG_BPF) a += CONFIG_HZ;
  trace_printk("fast\n", 6);
  return a + (u32)(u64)__builtin_preserve_access_index(&task->parent->tgid);
}

SEC("raw_tp/sys_exit") int probe_more(struct task_struct *task) {
  return bpf_task_release(task) + ((u64)&bpf_prog_active >> 9);
}

char licence[] SEC("license") = "GPL";
