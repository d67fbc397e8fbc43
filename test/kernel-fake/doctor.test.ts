import { describe, expect, test } from 'vitest';
import { examine, type Finding } from '../../src/kernel/doctor/doctor.ts';
import { type Machine, parseMounts } from '../../src/kernel/doctor/doctor-machine.ts';
import { KernelFeatures } from '../../src/kernel/features/features.ts';

const ALL = (1n << 41n) - 1n;

/** A machine where everything works, but for what a test says. */
function machine(
  changes: Partial<Omit<Machine, 'read'>> = {},
  files: Readonly<Record<string, string | undefined>> = {},
): Machine {
  const there: Readonly<Record<string, string | undefined>> = {
    '/proc/self/mounts': [
      'bpf /sys/fs/bpf bpf rw 0 0',
      'tracefs /sys/kernel/tracing tracefs rw 0 0',
      'cgroup /sys/fs/cgroup cgroup2 rw 0 0',
      'securityfs /sys/kernel/security securityfs rw 0 0',
    ].join('\n'),
    '/sys/kernel/btf/vmlinux': 'types',
    '/sys/kernel/security/lsm': 'lockdown,capability,bpf',
    '/proc/sys/net/core/bpf_jit_enable': '1\n',
    '/proc/sys/net/core/bpf_jit_harden': '0\n',
    '/proc/sys/kernel/kptr_restrict': '0\n',
    '/proc/sys/kernel/perf_event_paranoid': '2\n',
    '/proc/kallsyms': 'ffffffff81000000 T _text\n',
    '/proc/self/limits': 'Max locked memory         8388608              8388608              bytes\n',
    '/sys/bus/event_source/devices/kprobe/type': '6\n',
    '/sys/bus/event_source/devices/uprobe/type': '7\n',
    ...files,
  };
  const yes = [
    'kernel/memcg-accounting',
    'kernel/token',
    'attach/trace_kprobe_multi',
    'attach/trace_uprobe_multi',
    'attach/trace_fentry',
    'attach/lsm_mac',
    'attach/tcx_ingress',
  ];
  return {
    platform: 'linux',
    arch: 'x64',
    nodeVersion: '20.19.0',
    kernelRelease: '6.18.0',
    privileges: {
      effective: ALL,
      unprivilegedBpfDisabled: 2,
      lockdown: 'none',
      initialUserNamespace: true,
    },
    bpf: { ok: true },
    features: new KernelFeatures({}, { answers: Object.fromEntries(yes.map((name) => [name, 'yes'])) }),
    ...changes,
    read: (path) => there[path],
  };
}

const wrong = (of: Machine): Finding[] => examine(of).filter(({ state }) => state !== 'ok');

test('a machine that is as it should be has nothing to tell', () => {
  expect(wrong(machine())).toEqual([]);
});

describe('without', () => {
  test('file systems, it says how to mount them', () => {
    expect(wrong(machine({}, { '/proc/self/mounts': 'proc /proc proc rw 0 0' }))).toMatchInlineSnapshot(`
      [
        {
          "check": "bpffs",
          "effect": "nothing can be pinned",
          "found": "not mounted",
          "mend": "mount -t bpf bpf /sys/fs/bpf",
          "state": "broken",
        },
        {
          "check": "tracefs",
          "effect": "tracepoints are not found by name, and what bpf_trace_printk() prints is not seen",
          "found": "not mounted",
          "mend": "mount -t tracefs tracefs /sys/kernel/tracing",
          "state": "broken",
        },
        {
          "check": "cgroup2",
          "effect": "programs cannot be attached to cgroups",
          "found": "not mounted",
          "mend": "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
          "state": "broken",
        },
      ]
    `);
  });

  test('capabilities, it says what does not work', () => {
    const privileges = {
      effective: 0n,
      unprivilegedBpfDisabled: 2,
      lockdown: 'integrity',
      initialUserNamespace: true,
    };
    const bpf = {
      ok: false,
      code: 'EPERM',
      reason: 'this process lacks CAP_BPF',
      hint: 'run as root',
    } as const;
    expect(wrong(machine({ privileges, bpf }))).toMatchInlineSnapshot(`
      [
        {
          "check": "bpf(2)",
          "effect": "nothing can be loaded, listed or opened",
          "found": "this process lacks CAP_BPF",
          "mend": "run as root",
          "state": "broken",
        },
        {
          "check": "CAP_BPF",
          "effect": "nothing can be loaded",
          "found": "missing",
          "mend": "run as root, or: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep "$(readlink -f "$(command -v node)")"",
          "state": "broken",
        },
        {
          "check": "CAP_NET_ADMIN",
          "effect": "XDP, tc, socket and cgroup programs cannot be loaded, nor attached to interfaces",
          "found": "missing",
          "mend": "run as root, or: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep "$(readlink -f "$(command -v node)")"",
          "state": "limited",
        },
        {
          "check": "CAP_PERFMON",
          "effect": "tracing programs (kprobe, tracepoint, perf_event, fentry) cannot be loaded",
          "found": "missing",
          "mend": "run as root, or: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep "$(readlink -f "$(command -v node)")"",
          "state": "limited",
        },
        {
          "check": "CAP_SYS_ADMIN",
          "effect": "programs, maps and links of others cannot be listed or opened, nor uprobes attached",
          "found": "missing",
          "mend": "run as root",
          "state": "limited",
        },
        {
          "check": "kernel.unprivileged_bpf_disabled",
          "effect": "nothing can be loaded",
          "found": "2: only with CAP_BPF, which this process lacks",
          "mend": "run as root, or: sysctl kernel.unprivileged_bpf_disabled=0",
          "state": "broken",
        },
        {
          "check": "lockdown",
          "effect": "programs may not write to the memory of processes: no bpf_probe_write_user()",
          "found": "integrity",
          "mend": "boot without lockdown= (and without secure boot, where that turns it on)",
          "state": "limited",
        },
        {
          "check": "kernel.perf_event_paranoid",
          "effect": "perf events, and with them tracepoints and uprobes, cannot be opened for the whole system",
          "found": "2",
          "mend": "run with CAP_PERFMON, or: sysctl kernel.perf_event_paranoid=0",
          "state": "limited",
        },
      ]
    `);
  });

  test('CAP_BPF but with CAP_SYS_ADMIN, nothing is missing', () => {
    const effective = (1n << 21n) | (1n << 12n);
    const privileges = { ...machine().privileges, effective };
    expect(wrong(machine({ privileges }))).toEqual([]);
  });

  test('a kernel that has them, kprobes and the like cannot be mended here', () => {
    const answers = {
      'kernel/memcg-accounting': 'no',
      'kernel/token': 'no',
      'attach/trace_kprobe_multi': 'no',
      'attach/trace_uprobe_multi': 'no',
      'attach/trace_fentry': { state: 'unknown', why: 'refused (EPERM)', errno: 1 },
      'attach/lsm_mac': 'yes',
      'attach/tcx_ingress': 'yes',
    } as const;
    const files = {
      '/sys/bus/event_source/devices/kprobe/type': undefined,
      '/sys/kernel/btf/vmlinux': undefined,
      '/proc/kallsyms': '0000000000000000 T _text\n',
      '/proc/sys/kernel/kptr_restrict': '2\n',
      '/proc/sys/net/core/bpf_jit_enable': '0\n',
      '/proc/sys/net/core/bpf_jit_harden': undefined,
      '/sys/kernel/security/lsm': 'lockdown,capability',
    };
    const features = new KernelFeatures({}, { answers });
    expect(wrong(machine({ features }, files))).toMatchInlineSnapshot(`
      [
        {
          "check": "BTF",
          "effect": "CO-RE relocations, fentry, LSM, iterators and kfuncs do not work",
          "found": "/sys/kernel/btf/vmlinux cannot be read",
          "mend": "use a kernel with CONFIG_DEBUG_INFO_BTF=y, or give the types of this one (tsbpf btf min, option facts)",
          "state": "limited",
        },
        {
          "check": "security modules",
          "effect": "LSM programs load and are never called: bpf is not among them",
          "found": "lockdown,capability",
          "mend": "boot with lsm=lockdown,capability,bpf",
          "state": "limited",
        },
        {
          "check": "memlock",
          "effect": "larger maps are refused with EPERM",
          "found": "at most 8388608 bytes of maps and programs",
          "mend": "ulimit -l unlimited",
          "state": "limited",
        },
        {
          "check": "net.core.bpf_jit_enable",
          "effect": "they are slow, and fentry, kfuncs and struct_ops do not work",
          "found": "0: programs are interpreted",
          "mend": "sysctl net.core.bpf_jit_enable=1",
          "state": "limited",
        },
        {
          "check": "net.core.bpf_jit_harden",
          "found": "it cannot be read",
          "state": "unknown",
        },
        {
          "check": "kernel.kptr_restrict",
          "effect": "typeless .ksyms externs are not resolved, stacks have no names",
          "found": "2: addresses of symbols are hidden",
          "mend": "sysctl kernel.kptr_restrict=1",
          "state": "limited",
        },
        {
          "check": "kprobe",
          "effect": "kprobes and kretprobes cannot be attached",
          "found": "there is no /sys/bus/event_source/devices/kprobe",
          "mend": "use a kernel with CONFIG_KPROBE_EVENTS=y",
          "state": "limited",
        },
        {
          "check": "kprobe.multi",
          "effect": "such programs cannot be used",
          "found": "as given",
          "mend": "use Linux 5.18 or later with CONFIG_FPROBE=y",
          "state": "limited",
        },
        {
          "check": "uprobe.multi",
          "effect": "such programs cannot be used",
          "found": "as given",
          "mend": "use Linux 6.6 or later",
          "state": "limited",
        },
        {
          "check": "fentry",
          "found": "refused (EPERM)",
          "state": "unknown",
        },
        {
          "check": "bpf token",
          "effect": "such programs cannot be used",
          "found": "as given",
          "mend": "use Linux 6.9 or later",
          "state": "limited",
        },
      ]
    `);
  });

  test.each([
    ['20.18.3', 'broken'],
    ['20.19.0', 'ok'],
    ['24.1.0', 'ok'],
    ['18.20.0', 'broken'],
  ])('a Node that is new enough: %s is %s', (nodeVersion, state) => {
    expect(examine(machine({ nodeVersion })).find(({ check }) => check === 'node')?.state).toBe(state);
  });

  test('Linux, nothing of Linux is looked at', () => {
    const checks = examine(machine({ platform: 'darwin', arch: 'arm64' })).map(({ check, state }) => [
      check,
      state,
    ]);
    expect(checks).toEqual([
      ['node', 'ok'],
      ['platform', 'broken'],
    ]);
  });
});

test('paths of mounts have their spaces again', () => {
  expect(parseMounts('bpf /mnt/two\\040words bpf rw 0 0\n')).toEqual([
    { path: '/mnt/two words', type: 'bpf' },
  ]);
});
