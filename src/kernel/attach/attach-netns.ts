import { openSync } from 'node:fs';
import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { tryProgAttach, tryProgDetach } from '../../syscall/bpf-attach.ts';
import { Errno } from '../../syscall/errno.ts';
import { Fd } from '../../syscall/fd.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { Program } from '../load/program.ts';
import { requireType } from './attach-type.ts';
import { attachContext, createLink, type Link, TargetAttachment } from './link.ts';

/** A network namespace: a name of `ip netns`, a process, or a file such as /proc/7/ns/net. */
export type NetnsTarget = { readonly name: string } | { readonly pid: number } | { readonly path: string };

const NETNS_FOLDER = '/run/netns';

/** The file that a network namespace is; left out, that of the calling thread. */
export function netnsPath(target?: NetnsTarget): string {
  if (target === undefined) return '/proc/thread-self/ns/net';
  if ('path' in target) return target.path;
  return 'pid' in target ? `/proc/${target.pid}/ns/net` : `${NETNS_FOLDER}/${target.name}`;
}

const ATTACH_TYPES: Readonly<Partial<Record<number, number>>> = {
  [ProgType.SK_LOOKUP]: AttachType.SK_LOOKUP,
  [ProgType.FLOW_DISSECTOR]: AttachType.FLOW_DISSECTOR,
};

/**
 * Attaches an sk_lookup program or a flow dissector to a network namespace by a link (Linux 5.8).
 *
 * @param netns left out, that of the calling thread
 * @throws {TsbpfError} `NETNS_NOT_FOUND`, `PROG_TYPE_WRONG` @throws {SyscallError} EEXIST (one flow dissector at most), EPERM
 */
export function attachNetns(program: Program, netns?: NetnsTarget): Link {
  requireType(program, [ProgType.SK_LOOKUP, ProgType.FLOW_DISSECTOR], 'a network namespace');
  const path = netnsPath(netns);
  let number: number;
  try {
    number = openSync(path, 'r');
  } catch (cause) {
    throw new TsbpfError('NETNS_NOT_FOUND', `there is no network namespace ${path}`, {
      hint: `named ones lie in ${NETNS_FOLDER}: ip netns list`,
      cause,
    });
  }
  const fd = new Fd(number, `network namespace ${path}`);
  try {
    const attachType = ATTACH_TYPES[program.type]!;
    return createLink(program, { target: fd.number, attachType }, `${fd.what} (${program.typeName})`);
  } finally {
    fd.close();
  }
}

/** Attaches a flow dissector to the calling thread's network namespace without a link. @throws {SyscallError} EEXIST, EPERM */
export function attachFlowDissector(program: Program): TargetAttachment {
  requireType(program, [ProgType.FLOW_DISSECTOR], 'a network namespace');
  const attachType = AttachType.FLOW_DISSECTOR;
  const target = 'this network namespace (flow_dissector)';
  const result = tryProgAttach({ target: 0, progFd: program.fd.number, attachType });
  if (result < 0) {
    const doing = `attach program '${program.name}' to ${target}`;
    throw bpfError('PROG_ATTACH', -result, doing, attachContext(program, attachType));
  }
  return new TargetAttachment(program, target, (own) => {
    const detached = tryProgDetach({ target: 0, progFd: own.fd.number, attachType });
    if (detached === 0) return true;
    if (detached === -Errno.ENOENT) return false;
    throw bpfError('PROG_DETACH', -detached, `detach program '${own.name}' from ${target}`);
  });
}

/** The hooks of netfilter, in the order in which a packet meets them (Linux, `include/uapi/linux/netfilter.h`). */
const NETFILTER_HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const PROTOCOL_FAMILIES = { ipv4: 2, ipv6: 10 } as const;
/** BPF_F_NETFILTER_IP_DEFRAG. */
const IP_DEFRAG = 1;

export interface NetfilterOptions {
  readonly family: keyof typeof PROTOCOL_FAMILIES;
  readonly hook: keyof typeof NETFILTER_HOOKS;
  /** Lower ones run first; -2^31 and 2^31-1 are not allowed. */
  readonly priority: number;
  /** Packets are put together from their fragments first. */
  readonly defragment?: boolean;
}

/** Attaches a netfilter program to a hook of this thread's network namespace (Linux 6.4). @throws {SyscallError} EBUSY (priority taken) */
export function attachNetfilter(program: Program, options: NetfilterOptions): Link {
  requireType(program, [ProgType.NETFILTER], 'netfilter');
  const { family, hook, priority, defragment } = options;
  return createLink(
    program,
    {
      attachType: AttachType.NETFILTER,
      arm: {
        kind: 'netfilter',
        pf: PROTOCOL_FAMILIES[family],
        hook: NETFILTER_HOOKS[hook],
        priority,
        flags: defragment ? IP_DEFRAG : 0,
      },
    },
    `netfilter ${family} ${hook} (priority ${priority})`,
  );
}
