import { mountBpffs as mountBpf } from '../../syscall/namespace.ts';
import { hasCapability } from '../../syscall/privileges.ts';
import { mountTracefs as mountTrace } from '../../syscall/tracefs.ts';
import { checkAttaching } from './doctor-attach.ts';
import { checkKernel } from './doctor-kernel.ts';
import { type Machine, mountsOf, thisMachine } from './doctor-machine.ts';
import { checkProcess } from './doctor-process.ts';

/**
 * `broken` does not work here and can be mended; `limited` works in part, or cannot be mended on this
 * kernel; `unknown` could not be found out.
 */
export type FindingState = 'ok' | 'limited' | 'broken' | 'unknown';

/** One thing that was looked at. */
export interface Finding {
  /** What was looked at: `bpffs`, `CAP_BPF`. Stable. */
  readonly check: string;
  readonly state: FindingState;
  /** What was found. */
  readonly found: string;
  /** What does not work because of it. */
  readonly effect?: string;
  /** The command that mends it, or what else to do. */
  readonly mend?: string;
}

/** Where bpffs and tracefs belong. */
export const BPFFS = '/sys/fs/bpf';
export const TRACEFS = '/sys/kernel/tracing';

/**
 * What will not work for this user on this machine, why, and what mends it.
 *
 * @example
 * ```ts
 * for (const { check, found, mend } of examine().filter(({ state }) => state === 'broken')) {
 *   console.log(`${check}: ${found}; ${mend}`); // bpffs: not mounted; mount -t bpf bpf /sys/fs/bpf
 * }
 * ```
 */
export function examine(machine: Machine = thisMachine()): Finding[] {
  return [
    ...checkProcess(machine),
    ...checkKernel(machine),
    ...checkMounts(machine),
    ...checkAttaching(machine),
  ].map((finding) => asThisUser(finding, machine));
}

/** Commands that only root can give. */
const FOR_ROOT = /^(?:mount|sysctl) /;

/** What mends it, in words that this user can follow. */
function asThisUser(finding: Finding, { privileges }: Machine): Finding {
  const { mend } = finding;
  if (mend === undefined || !FOR_ROOT.test(mend)) return finding;
  if (!privileges.initialUserNamespace) return { ...finding, mend: `outside of the container: ${mend}` };
  const root = hasCapability(privileges, 'CAP_SYS_ADMIN') !== false;
  return root ? finding : { ...finding, mend: `sudo ${mend}` };
}

function checkMounts(machine: Machine): Finding[] {
  if (machine.platform !== 'linux') return [];
  const mayUse = machine.mayUse ?? (() => true);
  const mounted = (check: string, type: string, at: string, effect: string): Finding => {
    const paths = mountsOf(machine, type);
    const found = `mounted on ${paths.join(', ')}`;
    if (paths.length > 0 && paths.some(mayUse)) return { check, state: 'ok', found };
    if (paths.length > 0) {
      const mend = `run as root, or: sudo chmod a+rx ${paths[0]} (and what is in it)`;
      return { check, state: 'limited', found: `${found}, where this user may not go`, effect, mend };
    }
    return { check, state: 'broken', found: 'not mounted', effect, mend: `mount -t ${type} ${type} ${at}` };
  };
  return [
    mounted('bpffs', 'bpf', BPFFS, 'nothing can be pinned'),
    mounted(
      'tracefs',
      'tracefs',
      TRACEFS,
      'tracepoints are not found by name, and what bpf_trace_printk() prints is not seen',
    ),
    mounted('cgroup2', 'cgroup2', '/sys/fs/cgroup', 'programs cannot be attached to cgroups'),
  ];
}

/** Mounts a BPF file system where none is. @returns where it is @throws {SyscallError} EPERM, ENOENT */
export function mountBpffs(path: string = BPFFS): string {
  return mountOnce('bpf', path, mountBpf);
}

/** Mounts tracefs where none is. @returns where it is @throws {SyscallError} EPERM, ENOENT */
export function mountTracefs(path: string = TRACEFS): string {
  return mountOnce('tracefs', path, mountTrace);
}

function mountOnce(type: string, path: string, mount: (path: string) => void): string {
  // A second one would hide the pins of the first.
  if (mountsOf(thisMachine(), type).includes(path)) return path;
  mount(path);
  return path;
}
