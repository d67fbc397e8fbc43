import { type Capability, missingCapabilities, type Privileges } from '../syscall/privileges.ts';

/** Something that this library and its command line do, and what the kernel asks for it. */
export interface Operation {
  readonly what: string;
  /** Of `tsbpf`. */
  readonly commands: readonly string[];
  /** CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON. */
  readonly needs: readonly Capability[];
}

/**
 * What needs which capability, from the user's side; the kernel's, by command and type of program, is
 * `requiredCapabilities` (Linux 6.18, `kernel/bpf/syscall.c`).
 */
export const OPERATIONS: readonly Operation[] = [
  {
    what: 'loading socket filters and cgroup_skb programs, making and using maps, pinning, test runs',
    commands: ['load', 'attach', 'run', 'map', 'pin', 'unpin', 'prog run', 'features', 'ring tail'],
    needs: ['CAP_BPF'],
  },
  {
    what: 'loading XDP, tc, socket and other cgroup programs, making redirection maps, attaching to interfaces and cgroups',
    commands: ['xdp attach', 'xdp detach', 'tc', 'cgroup', 'net'],
    needs: ['CAP_BPF', 'CAP_NET_ADMIN'],
  },
  {
    what: 'loading tracing programs (kprobe, tracepoint, perf_event, fentry), opening perf events of the whole system',
    commands: ['tracepoint', 'raw-tracepoint', 'iter run', 'perf tail'],
    needs: ['CAP_BPF', 'CAP_PERFMON'],
  },
  {
    what: 'putting programs into the functions of the kernel (struct_ops)',
    commands: ['struct-ops'],
    needs: ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'],
  },
  {
    what: 'probing functions of processes (uprobe, uretprobe, USDT)',
    commands: ['uprobe'],
    needs: ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'],
  },
  {
    what: 'listing and opening programs, maps, links and types of others, counting runs',
    commands: ['prog', 'link', 'btf list', 'doctor --stale', 'map top'],
    needs: ['CAP_SYS_ADMIN'],
  },
  {
    what: 'mounting bpffs and tracefs, reading trace_pipe',
    commands: ['doctor --fix', 'trace'],
    needs: ['CAP_SYS_ADMIN'],
  },
  { what: 'sending and receiving frames on an interface', commands: [], needs: ['CAP_NET_RAW'] },
];

/** What does not work without a capability, in words. */
export function effectWithout(capability: Capability): string {
  if (capability === 'CAP_BPF') return 'nothing can be loaded';
  const lost = OPERATIONS.filter(({ needs }) => needs.includes(capability)).map(({ what }) => what);
  return `not possible: ${lost.join('; ')}`;
}

/** The operations that a process may not do, each with the capabilities that it lacks for it. */
export function forbiddenOperations(
  privileges: Privileges,
): readonly { readonly operation: Operation; readonly missing: readonly Capability[] }[] {
  return OPERATIONS.flatMap((operation) => {
    const missing = missingCapabilities(privileges, operation.needs);
    return missing.length > 0 ? [{ operation, missing }] : [];
  });
}
