import { enumName } from '../isa/enum-name.ts';
import { ProgType } from '../isa/kernel-tables.generated.ts';
import type { CommandContext, Explanation } from './explain.ts';
import { type Capability, missingCapabilities, type Privileges } from './privileges.ts';

/** Types that some kernels refuse outright, before the verifier, even to full capabilities. */
const OFTEN_REFUSED_PROGS: readonly number[] = [ProgType.TRACING, ProgType.LSM, ProgType.EXT];

/** What a mode of lockdown takes away that has to do with BPF (Linux, `security/security.c`). */
const LOCKED_DOWN: Readonly<Record<string, string>> = {
  integrity: 'writing to the memory of processes (bpf_probe_write_user)',
  confidentiality: 'reading memory of the kernel, kprobes and tracefs',
};

/** Security modules that judge bpf(2) and perf_event_open(2), and where they tell of it. */
const JUDGES: Readonly<Record<string, string>> = {
  selinux: 'ausearch -m avc -ts recent',
  apparmor: 'dmesg | grep -i apparmor',
  smack: 'dmesg | grep -i smack',
  tomoyo: 'dmesg | grep -i tomoyo',
  bpf: 'bpftool prog list, for programs of type lsm',
};

type Reason = (
  wanted: readonly Capability[],
  context: CommandContext,
  privileges: Privileges,
) => Explanation | undefined;

const missing: Reason = (wanted, _, privileges) => {
  const names = missingCapabilities(privileges, wanted);
  if (names.length === 0) return undefined;
  const sysctl = privileges.unprivilegedBpfDisabled ?? 0;
  const closed =
    sysctl > 0 && names.includes('CAP_BPF')
      ? `, and kernel.unprivileged_bpf_disabled=${sysctl} closes bpf(2) to everybody else`
      : '';
  return {
    explanation: `this process lacks ${names.join(' and ')}${closed}`,
    hint: privileges.initialUserNamespace
      ? `run as root, or give the process ${names.join(' and ')}`
      : `run outside of this user namespace with ${names.join(' and ')}, or use a BPF token (Linux 6.9 or later)`,
  };
};

const userNamespace: Reason = (_, { withToken }, { initialUserNamespace }) =>
  initialUserNamespace
    ? undefined
    : withToken
      ? {
          explanation: 'the BPF token does not give leave for it',
          hint: 'token.grants() tells for what it does; more is delegated by the options of the BPF file system, such as delegate_progs=xdp',
        }
      : {
          explanation: 'this process is in a user namespace, where its capabilities do not count for BPF',
          hint: 'run outside of the container, or use a BPF token (Linux 6.9 or later)',
        };

const refusedType: Reason = (_, { progType, logEmpty }) =>
  progType !== undefined && OFTEN_REFUSED_PROGS.includes(progType) && logEmpty !== false
    ? {
        explanation: `this kernel refuses programs of type ${enumName(ProgType, progType)} before the verifier sees them, although this process has the capabilities`,
        hint: 'try a kernel that allows this type; tracepoints, raw tracepoints and uprobes may serve instead',
      }
    : undefined;

/** Before Linux 5.11 maps and programs count against RLIMIT_MEMLOCK. */
const memory: Reason = (_, { countsMemory }, { kernelVersion, lockedMemory }) =>
  countsMemory &&
  kernelVersion !== undefined &&
  kernelVersion < ((5 << 16) | (11 << 8)) &&
  lockedMemory !== 'unlimited'
    ? {
        explanation: `refused although no capability is missing: before Linux 5.11 memory of maps and programs counts as locked, and the limit is ${lockedMemory ?? 'not known'}`,
        hint: 'ulimit -l unlimited',
      }
    : undefined;

const lockdown: Reason = (_, __, { lockdown: mode }) =>
  mode === undefined || mode === 'none'
    ? undefined
    : {
        explanation: `refused although no capability is missing; kernel lockdown is in mode '${mode}'`,
        ...(LOCKED_DOWN[mode] && { hint: `this mode forbids ${LOCKED_DOWN[mode]}; boot without lockdown=` }),
      };

const seccomp: Reason = (_, __, { seccompMode }) =>
  seccompMode === 2
    ? {
        explanation:
          'refused although no capability is missing: this process has a seccomp filter, as containers have',
        hint: 'allow bpf(2) and perf_event_open(2) in it (docker run --security-opt seccomp=unconfined)',
      }
    : undefined;

const securityModule: Reason = (_, __, { securityModules }) => {
  const judges = (securityModules ?? []).filter((name) => JUDGES[name] !== undefined);
  if (judges.length === 0) return undefined;
  return {
    explanation: `refused although no capability is missing: of the security modules here ${judges.join(' and ')} may forbid it`,
    hint: `see: ${judges.map((name) => JUDGES[name]).join('; ')}`,
  };
};

/** In this order: what is certain before what is likely. */
const REASONS: readonly Reason[] = [
  missing,
  userNamespace,
  refusedType,
  memory,
  seccomp,
  lockdown,
  securityModule,
];

/**
 * EPERM told apart: capability, user namespace, type refused by this kernel, limit of locked memory,
 * seccomp, lockdown, security module, or something else.
 */
export function explainPermission(
  wanted: readonly Capability[],
  context: CommandContext,
  privileges: Privileges,
): Explanation {
  for (const reason of REASONS) {
    const found = reason(wanted, context, privileges);
    if (found) return found;
  }
  return {
    explanation:
      'refused although no capability is missing: a security module, a seccomp filter or kernel lockdown forbids it',
  };
}
