import { type Capability, hasCapability, missingCapabilities } from '../../syscall/privileges.ts';
import { effectWithout } from '../operations.ts';
import type { Finding } from './doctor.ts';
import type { Machine } from './doctor-machine.ts';

/** As `engines` of the package has it. */
const OLDEST_NODE = [20, 19] as const;

/** Node, koffi, bpf(2) itself and the capabilities of the process. */
export function checkProcess(machine: Machine): Finding[] {
  return [
    checkNode(machine),
    checkPlatform(machine),
    ...(machine.platform === 'linux'
      ? [checkBpf(machine), ...checkCapabilities(machine), ...checkSeccomp(machine)]
      : []),
  ];
}

function checkNode({ nodeVersion }: Machine): Finding {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const [wantedMajor, wantedMinor] = OLDEST_NODE;
  const enough = major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return enough
    ? { check: 'node', state: 'ok', found: nodeVersion }
    : {
        check: 'node',
        state: 'broken',
        found: nodeVersion,
        effect: 'this package does not run on it',
        mend: `install Node ${OLDEST_NODE.join('.')} or later`,
      };
}

function checkPlatform({ platform, arch, kernelRelease }: Machine): Finding {
  const known = platform === 'linux' && (arch === 'x64' || arch === 'arm64');
  const found = `${platform} ${kernelRelease} on ${arch}`;
  if (known) return { check: 'platform', state: 'ok', found };
  return {
    check: 'platform',
    state: 'broken',
    found,
    effect: 'programs cannot be loaded; assembling, linking and inspecting work',
    mend: 'use Linux on x64 or arm64',
  };
}

function checkBpf({ bpf }: Machine): Finding {
  if (bpf.ok) return { check: 'bpf(2)', state: 'ok', found: 'a map can be created' };
  const bridge = bpf.code.startsWith('KOFFI');
  return {
    check: bridge ? 'koffi' : 'bpf(2)',
    state: 'broken',
    found: bpf.reason,
    effect: 'nothing can be loaded, listed or opened',
    ...(bpf.hint !== undefined && { mend: bpf.hint }),
  };
}

/** Capabilities that are looked at, with what does not work without them: see {@link OPERATIONS}. */
const LOOKED_AT: readonly Capability[] = ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_SYS_ADMIN'];

/** All at once: setcap(8) takes away what it does not name. CAP_SYS_ADMIN is as good as root. */
function mend(check: Capability, missing: readonly Capability[]): string {
  if (check === 'CAP_SYS_ADMIN') return 'run as root';
  const names = missing
    .filter((name) => name !== 'CAP_SYS_ADMIN')
    .join(',')
    .toLowerCase();
  return `run as root, or: sudo setcap ${names}+ep "$(readlink -f "$(command -v node)")"`;
}

function checkCapabilities({ privileges }: Machine): Finding[] {
  if (privileges.effective === undefined) {
    return [{ check: 'capabilities', state: 'unknown', found: '/proc/self/status cannot be read' }];
  }
  const missing = missingCapabilities(privileges, LOOKED_AT);
  const findings = LOOKED_AT.map((check): Finding => {
    if (!missing.includes(check)) {
      const own = hasCapability(privileges, check) === true;
      const found = own ? 'effective' : 'CAP_SYS_ADMIN stands for it';
      if (privileges.initialUserNamespace) return { check, state: 'ok', found };
      // The finding below says what that means and what mends it.
      return { check, state: 'limited', found: `${found}, but in a user namespace` };
    }
    return {
      check,
      state: check === 'CAP_BPF' ? 'broken' : 'limited',
      found: 'missing',
      effect: effectWithout(check),
      mend: privileges.initialUserNamespace ? mend(check, missing) : OUTSIDE,
    };
  });
  return [...findings, ...checkUserNamespace(privileges)];
}

const OUTSIDE = 'run outside of the container, or use a BPF token (Linux 6.9 or later)';

function checkUserNamespace({ initialUserNamespace }: Machine['privileges']): Finding[] {
  if (initialUserNamespace) return [];
  return [
    {
      check: 'user namespace',
      state: 'limited',
      found: 'this process is in one of its own',
      effect: 'its capabilities do not count for BPF',
      mend: OUTSIDE,
    },
  ];
}

/** SECCOMP_MODE_FILTER. */
const SECCOMP_FILTER = 2;

function checkSeccomp({ privileges, bpf }: Machine): Finding[] {
  const check = 'seccomp';
  const { seccompMode } = privileges;
  if (seccompMode !== SECCOMP_FILTER) return [];
  if (bpf.ok) return [{ check, state: 'ok', found: 'a filter, which lets bpf(2) pass' }];
  return [
    {
      check,
      state: 'limited',
      found: 'a filter is on this process, as containers have one',
      effect: 'it may forbid bpf(2) and perf_event_open(2), whatever the capabilities',
      mend: 'allow both in it (docker run --security-opt seccomp=unconfined)',
    },
  ];
}
