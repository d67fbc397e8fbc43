import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examine, type Finding } from '../../src/kernel/doctor/doctor.ts';
import { type Machine, parseMounts } from '../../src/kernel/doctor/doctor-machine.ts';
import { KernelFeatures } from '../../src/kernel/features/features.ts';
import { effectWithout, forbiddenOperations, OPERATIONS } from '../../src/kernel/operations.ts';

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
          "effect": "not possible: loading XDP, tc, socket and other cgroup programs, making redirection maps, attaching to interfaces and cgroups; putting programs into the functions of the kernel (struct_ops)",
          "found": "missing",
          "mend": "run as root, or: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep "$(readlink -f "$(command -v node)")"",
          "state": "limited",
        },
        {
          "check": "CAP_PERFMON",
          "effect": "not possible: loading tracing programs (kprobe, tracepoint, perf_event, fentry), opening perf events of the whole system; putting programs into the functions of the kernel (struct_ops); probing functions of processes (uprobe, uretprobe, USDT)",
          "found": "missing",
          "mend": "run as root, or: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep "$(readlink -f "$(command -v node)")"",
          "state": "limited",
        },
        {
          "check": "CAP_SYS_ADMIN",
          "effect": "not possible: probing functions of processes (uprobe, uretprobe, USDT); listing and opening programs, maps, links and types of others, counting runs; mounting bpffs and tracefs, reading trace_pipe",
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

  test('the initial user namespace, capabilities are told to count for little', () => {
    const privileges = { ...machine().privileges, initialUserNamespace: false };
    const bpf = { ok: false, code: 'EPERM', reason: 'this process is in a user namespace' } as const;
    const files = {
      '/proc/self/mounts': 'bpf /sys/fs/bpf bpf rw 0 0',
      '/proc/sys/net/core/bpf_jit_harden': undefined,
    };
    expect(wrong(machine({ privileges, bpf }, files))).toMatchInlineSnapshot(`
      [
        {
          "check": "bpf(2)",
          "effect": "nothing can be loaded, listed or opened",
          "found": "this process is in a user namespace",
          "state": "broken",
        },
        {
          "check": "CAP_BPF",
          "found": "effective, but in a user namespace",
          "state": "limited",
        },
        {
          "check": "CAP_NET_ADMIN",
          "found": "effective, but in a user namespace",
          "state": "limited",
        },
        {
          "check": "CAP_PERFMON",
          "found": "effective, but in a user namespace",
          "state": "limited",
        },
        {
          "check": "CAP_SYS_ADMIN",
          "found": "effective, but in a user namespace",
          "state": "limited",
        },
        {
          "check": "user namespace",
          "effect": "its capabilities do not count for BPF",
          "found": "this process is in one of its own",
          "mend": "run outside of the container, or use a BPF token (Linux 6.9 or later)",
          "state": "limited",
        },
        {
          "check": "kernel.unprivileged_bpf_disabled",
          "effect": "nothing can be loaded",
          "found": "2: only with CAP_BPF of the initial user namespace",
          "mend": "run outside of the container, or use a BPF token (Linux 6.9 or later)",
          "state": "broken",
        },
        {
          "check": "net.core.bpf_jit_harden",
          "found": "only root may read it",
          "state": "unknown",
        },
        {
          "check": "kernel.perf_event_paranoid",
          "effect": "perf events, and with them tracepoints and uprobes, cannot be opened for the whole system",
          "found": "2",
          "mend": "run with CAP_PERFMON, or: sysctl kernel.perf_event_paranoid=0",
          "state": "limited",
        },
        {
          "check": "tracefs",
          "effect": "tracepoints are not found by name, and what bpf_trace_printk() prints is not seen",
          "found": "not mounted",
          "mend": "outside of the container: mount -t tracefs tracefs /sys/kernel/tracing",
          "state": "broken",
        },
        {
          "check": "cgroup2",
          "effect": "programs cannot be attached to cgroups",
          "found": "not mounted",
          "mend": "outside of the container: mount -t cgroup2 cgroup2 /sys/fs/cgroup",
          "state": "broken",
        },
      ]
    `);
  });

  test('leave to enter a file system, it says so; and what only root can do begins with sudo', () => {
    const privileges = { ...machine().privileges, effective: (7n << 38n) | (1n << 12n) };
    const files = {
      '/proc/self/mounts': 'bpf /sys/fs/bpf bpf rw 0 0\nnone /sys/fs/cgroup cgroup2 rw 0 0',
      '/proc/sys/net/core/bpf_jit_enable': '0',
    };
    const limited = { ...machine({ privileges }, files), mayUse: (path: string) => path !== '/sys/fs/bpf' };
    expect(wrong(limited)).toMatchInlineSnapshot(`
      [
        {
          "check": "CAP_SYS_ADMIN",
          "effect": "not possible: probing functions of processes (uprobe, uretprobe, USDT); listing and opening programs, maps, links and types of others, counting runs; mounting bpffs and tracefs, reading trace_pipe",
          "found": "missing",
          "mend": "run as root",
          "state": "limited",
        },
        {
          "check": "net.core.bpf_jit_enable",
          "effect": "they are slow, and fentry, kfuncs and struct_ops do not work",
          "found": "0: programs are interpreted",
          "mend": "sudo sysctl net.core.bpf_jit_enable=1",
          "state": "limited",
        },
        {
          "check": "bpffs",
          "effect": "nothing can be pinned",
          "found": "mounted on /sys/fs/bpf, where this user may not go",
          "mend": "run as root, or: sudo chmod a+rx /sys/fs/bpf (and what is in it)",
          "state": "limited",
        },
        {
          "check": "tracefs",
          "effect": "tracepoints are not found by name, and what bpf_trace_printk() prints is not seen",
          "found": "not mounted",
          "mend": "sudo mount -t tracefs tracefs /sys/kernel/tracing",
          "state": "broken",
        },
      ]
    `);
  });

  test('leave by seccomp, lockdown or the kernel’s choice of types, each is told', () => {
    const privileges = { ...machine().privileges, seccompMode: 2, lockdown: 'confidentiality' };
    const bpf = { ok: false, code: 'EPERM', reason: 'a seccomp filter' } as const;
    expect(wrong(machine({ privileges, bpf }))).toMatchInlineSnapshot(`
      [
        {
          "check": "bpf(2)",
          "effect": "nothing can be loaded, listed or opened",
          "found": "a seccomp filter",
          "state": "broken",
        },
        {
          "check": "seccomp",
          "effect": "it may forbid bpf(2) and perf_event_open(2), whatever the capabilities",
          "found": "a filter is on this process, as containers have one",
          "mend": "allow both in it (docker run --security-opt seccomp=unconfined)",
          "state": "limited",
        },
        {
          "check": "lockdown",
          "effect": "programs may not read the kernel’s memory: no bpf_probe_read_kernel(), no kprobes",
          "found": "confidentiality",
          "mend": "boot without lockdown= (and without secure boot, where that turns it on)",
          "state": "limited",
        },
      ]
    `);
    const filtered = examine(machine({ privileges })).find(({ check }) => check === 'seccomp');
    expect(filtered).toMatchObject({ state: 'ok', found: 'a filter, which lets bpf(2) pass' });
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
          "found": "only root may read it",
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
          "effect": "such programs cannot be loaded here",
          "found": "refused (EPERM)",
          "mend": "use a kernel that allows this type; tracepoints, raw tracepoints and uprobes may serve instead",
          "state": "limited",
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

describe('operations', () => {
  test('are there for every command that asks the kernel', () => {
    const source = ['src/cli', 'src/cli/commands']
      .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    const commands = new Set(
      [...source.matchAll(/program\s*\.command\('([\w-]+)'/g)].map(([, name]) => name!),
    );
    expect(commands.size).toBeGreaterThan(20);
    const pure = ['asm', 'disasm', 'fmt', 'inspect', 'readelf', 'strip', 'gen', 'doc', 'cc'];
    const known = new Set([
      ...pure,
      ...OPERATIONS.flatMap(({ commands: names }) => names.map((name) => name.split(' ')[0]!)),
    ]);
    for (const name of commands) expect([...known]).toContain(name);
  });

  test('that a process may not do are named with what it lacks', () => {
    const privileges = { ...machine().privileges, effective: 1n << 39n };
    const told = forbiddenOperations(privileges).map(
      ({ operation, missing }) => `${operation.what}: ${missing}`,
    );
    expect(told).toMatchInlineSnapshot(`
      [
        "loading XDP, tc, socket and other cgroup programs, making redirection maps, attaching to interfaces and cgroups: CAP_NET_ADMIN",
        "loading tracing programs (kprobe, tracepoint, perf_event, fentry), opening perf events of the whole system: CAP_PERFMON",
        "putting programs into the functions of the kernel (struct_ops): CAP_NET_ADMIN,CAP_PERFMON",
        "probing functions of processes (uprobe, uretprobe, USDT): CAP_PERFMON,CAP_SYS_ADMIN",
        "listing and opening programs, maps, links and types of others, counting runs: CAP_SYS_ADMIN",
        "mounting bpffs and tracefs, reading trace_pipe: CAP_SYS_ADMIN",
        "sending and receiving frames on an interface: CAP_NET_RAW",
      ]
    `);
    expect(forbiddenOperations(machine().privileges)).toEqual([]);
    expect(effectWithout('CAP_NET_RAW')).toMatchInlineSnapshot(
      `"not possible: sending and receiving frames on an interface"`,
    );
  });
});

test('paths of mounts have their spaces again', () => {
  expect(parseMounts('bpf /mnt/two\\040words bpf rw 0 0\n')).toEqual([
    { path: '/mnt/two words', type: 'bpf' },
  ]);
});
