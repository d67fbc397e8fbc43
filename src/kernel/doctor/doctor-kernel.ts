import { missingCapabilities } from '../../syscall/privileges.ts';
import type { Finding } from './doctor.ts';
import { type Machine, mountsOf } from './doctor-machine.ts';

const MOUNT_SECURITYFS = 'mount -t securityfs securityfs /sys/kernel/security';

/** Settings of the kernel that stand in the way, or do not. */
export function checkKernel(machine: Machine): Finding[] {
  if (machine.platform !== 'linux') return [];
  return [
    checkTypes(machine),
    checkUnprivileged(machine),
    checkLockdown(machine),
    checkSecurityModules(machine),
    ...checkMemlock(machine),
    checkJit(machine),
    checkHardening(machine),
    checkSymbols(machine),
    checkPerf(machine),
  ];
}

function checkTypes({ read }: Machine): Finding {
  const there = read('/sys/kernel/btf/vmlinux') !== undefined;
  if (there) return { check: 'BTF', state: 'ok', found: 'the kernel shows its types' };
  return {
    check: 'BTF',
    state: 'limited',
    found: '/sys/kernel/btf/vmlinux cannot be read',
    effect: 'CO-RE relocations, fentry, LSM, iterators and kfuncs do not work',
    mend: 'use a kernel with CONFIG_DEBUG_INFO_BTF=y, or give the types of this one (tsbpf btf min, option facts)',
  };
}

/** A number in /proc/sys; undefined where it may not be read. */
function sysctl({ read }: Machine, name: string): number | undefined {
  const text = read(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim();
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

function checkUnprivileged(machine: Machine): Finding {
  const check = 'kernel.unprivileged_bpf_disabled';
  const value = machine.privileges.unprivilegedBpfDisabled;
  if (value === undefined) return { check, state: 'unknown', found: 'it cannot be read' };
  if (value === 0) return { check, state: 'ok', found: '0: everybody may load some programs' };
  const own = missingCapabilities(machine.privileges, ['CAP_BPF']).length === 0;
  if (!machine.privileges.initialUserNamespace) {
    return {
      check,
      state: 'broken',
      found: `${value}: only with CAP_BPF of the initial user namespace`,
      effect: 'nothing can be loaded',
      mend: 'run outside of the container, or use a BPF token (Linux 6.9 or later)',
    };
  }
  if (own) return { check, state: 'ok', found: `${value}: only with CAP_BPF, which this process has` };
  return {
    check,
    state: 'broken',
    found: `${value}: only with CAP_BPF, which this process lacks`,
    effect: 'nothing can be loaded',
    mend:
      value === 1
        ? 'run as root (the setting is final until the next boot)'
        : 'run as root, or: sysctl kernel.unprivileged_bpf_disabled=0',
  };
}

function checkLockdown(machine: Machine): Finding {
  const check = 'lockdown';
  const mode = machine.privileges.lockdown;
  if (mode === 'none') return { check, state: 'ok', found: 'none' };
  if (mode === undefined) {
    return mountsOf(machine, 'securityfs').length > 0
      ? { check, state: 'ok', found: 'this kernel has none' }
      : {
          check,
          state: 'unknown',
          found: 'securityfs is not mounted',
          mend: MOUNT_SECURITYFS,
        };
  }
  return {
    check,
    state: 'limited',
    found: mode,
    effect:
      mode === 'confidentiality'
        ? 'programs may not read the kernel’s memory: no bpf_probe_read_kernel(), no kprobes'
        : 'programs may not write to the memory of processes: no bpf_probe_write_user()',
    mend: 'boot without lockdown= (and without secure boot, where that turns it on)',
  };
}

function checkSecurityModules(machine: Machine): Finding {
  const check = 'security modules';
  const list = machine.read('/sys/kernel/security/lsm')?.trim();
  if (list === undefined || list === '') {
    const mounted = mountsOf(machine, 'securityfs').length > 0;
    return {
      check,
      state: 'unknown',
      found: mounted ? 'the list cannot be read' : 'securityfs is not mounted',
      ...(!mounted && { mend: MOUNT_SECURITYFS }),
    };
  }
  if (list.split(',').includes('bpf')) return { check, state: 'ok', found: list };
  return {
    check,
    state: 'limited',
    found: list,
    effect: 'LSM programs load and are never called: bpf is not among them',
    mend: `boot with lsm=${list},bpf`,
  };
}

function checkMemlock({ bpf, features, read }: Machine): Finding[] {
  if (!bpf.ok) return [];
  const check = 'memlock';
  const memcg = features.ask('kernel/memcg-accounting');
  if (memcg.state === 'yes') {
    return [{ check, state: 'ok', found: 'no limit: memory counts for the cgroup' }];
  }
  const limit = read('/proc/self/limits')?.match(/^Max locked memory\s+(\S+)/m)?.[1];
  if (limit === 'unlimited') return [{ check, state: 'ok', found: 'unlimited' }];
  return [
    {
      check,
      state: 'limited',
      found: limit === undefined ? 'the limit cannot be read' : `at most ${limit} bytes of maps and programs`,
      effect: 'larger maps are refused with EPERM',
      mend: 'ulimit -l unlimited',
    },
  ];
}

function checkJit(machine: Machine): Finding {
  const check = 'net.core.bpf_jit_enable';
  const value = sysctl(machine, check);
  if (value === undefined) return { check, state: 'unknown', found: 'it cannot be read' };
  if (value > 0) return { check, state: 'ok', found: `${value}: programs are compiled` };
  return {
    check,
    state: 'limited',
    found: '0: programs are interpreted',
    effect: 'they are slow, and fentry, kfuncs and struct_ops do not work',
    mend: 'sysctl net.core.bpf_jit_enable=1',
  };
}

function checkHardening(machine: Machine): Finding {
  const check = 'net.core.bpf_jit_harden';
  const value = sysctl(machine, check);
  if (value === undefined) return { check, state: 'unknown', found: 'only root may read it' };
  if (value < 2) return { check, state: 'ok', found: `${value}` };
  return {
    check,
    state: 'limited',
    found: '2: constants are hidden in the programs of root, too',
    effect: 'programs are longer and slower, and their compiled code is not shown',
    mend: 'sysctl net.core.bpf_jit_harden=1',
  };
}

function checkSymbols(machine: Machine): Finding {
  const check = 'kernel.kptr_restrict';
  const value = sysctl(machine, check);
  const hidden = /^0+ /.test(machine.read('/proc/kallsyms') ?? '0 ');
  if (!hidden) return { check, state: 'ok', found: `${value ?? '?'}: addresses of symbols are shown` };
  return {
    check,
    state: 'limited',
    found: `${value ?? '?'}: addresses of symbols are hidden`,
    effect: 'typeless .ksyms externs are not resolved, stacks have no names',
    mend: value === 2 ? 'sysctl kernel.kptr_restrict=1' : 'run with CAP_SYSLOG',
  };
}

/** From this on only CAP_PERFMON opens events of the whole system (man 2 perf_event_open). */
const PARANOID_SYSTEM = 1;

function checkPerf(machine: Machine): Finding {
  const check = 'kernel.perf_event_paranoid';
  const value = sysctl(machine, check);
  if (value === undefined) return { check, state: 'unknown', found: 'it cannot be read' };
  const { privileges } = machine;
  const free =
    privileges.initialUserNamespace && missingCapabilities(privileges, ['CAP_PERFMON']).length === 0;
  if (free || value < PARANOID_SYSTEM) {
    return {
      check,
      state: 'ok',
      found: `${value}${free ? ': this process has CAP_PERFMON, for which it does not count' : ''}`,
    };
  }
  return {
    check,
    state: 'limited',
    found: `${value}`,
    effect: 'perf events, and with them tracepoints and uprobes, cannot be opened for the whole system',
    mend: 'run with CAP_PERFMON, or: sysctl kernel.perf_event_paranoid=0',
  };
}
