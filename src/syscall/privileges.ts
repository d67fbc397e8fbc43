import { readFileSync } from 'node:fs';
import { release } from 'node:os';

/** Bits of `CapEff` (Linux, `include/uapi/linux/capability.h`). */
const CAPABILITY_BITS = {
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_SYS_ADMIN: 21,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;
export type Capability = keyof typeof CAPABILITY_BITS;

/** What this process may do, as far as /proc and /sys tell; undefined is "could not be read". */
export interface Privileges {
  /** The effective capability set. */
  readonly effective: bigint | undefined;
  /** `/proc/sys/kernel/unprivileged_bpf_disabled`: 0 open, 1 closed for good, 2 closed. */
  readonly unprivilegedBpfDisabled: number | undefined;
  /** `none`, `integrity` or `confidentiality`; readable where securityfs is mounted. */
  readonly lockdown: string | undefined;
  /** False in a user namespace, where capabilities count for little. */
  readonly initialUserNamespace: boolean;
  /** The active ones, in their order; readable where securityfs is mounted. */
  readonly securityModules?: readonly string[] | undefined;
  /** 0 none, 1 strict, 2 a filter. */
  readonly seccompMode?: number | undefined;
  /** `LINUX_VERSION_CODE`: major << 16 | minor << 8. */
  readonly kernelVersion?: number | undefined;
  /** The limit of locked memory: bytes, or `unlimited`. */
  readonly lockedMemory?: string | undefined;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether this process is in the initial user namespace, as far as its map of users tells. */
export function inInitialUserNamespace(): boolean {
  const uidMap = read('/proc/self/uid_map');
  return uidMap === undefined || /^\s*0\s+0\s+4294967295\s*$/.test(uidMap);
}

/** Reads the privileges of the calling process. */
export function readPrivileges(): Privileges {
  const status = read('/proc/self/status');
  const capEff = status?.match(/^CapEff:\s*([0-9a-f]+)$/m)?.[1];
  const seccomp = status?.match(/^Seccomp:\s*(\d)$/m)?.[1];
  const [major = Number.NaN, minor = Number.NaN] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  const sysctl = read('/proc/sys/kernel/unprivileged_bpf_disabled');
  return {
    effective: capEff === undefined ? undefined : BigInt(`0x${capEff}`),
    unprivilegedBpfDisabled: sysctl === undefined ? undefined : Number.parseInt(sysctl, 10),
    lockdown: read('/sys/kernel/security/lockdown')?.match(/\[(\w+)\]/)?.[1],
    initialUserNamespace: inInitialUserNamespace(),
    securityModules: read('/sys/kernel/security/lsm')?.trim().split(',').filter(Boolean),
    seccompMode: seccomp === undefined ? undefined : Number(seccomp),
    kernelVersion: Number.isNaN(minor) ? undefined : (major << 16) | (minor << 8),
    lockedMemory: read('/proc/self/limits')?.match(/^Max locked memory\s+(\S+)/m)?.[1],
  };
}

/** Whether a capability is in the effective set; undefined where that could not be read. */
export function hasCapability(privileges: Privileges, capability: Capability): boolean | undefined {
  if (privileges.effective === undefined) return undefined;
  return ((privileges.effective >> BigInt(CAPABILITY_BITS[capability])) & 1n) === 1n;
}

/** Those of `wanted` that are missing. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, as before Linux 5.8. */
export function missingCapabilities(privileges: Privileges, wanted: readonly Capability[]): Capability[] {
  const admin = hasCapability(privileges, 'CAP_SYS_ADMIN') === true;
  return wanted.filter((capability) => {
    if (hasCapability(privileges, capability) !== false) return false;
    return !(admin && (capability === 'CAP_BPF' || capability === 'CAP_PERFMON'));
  });
}
