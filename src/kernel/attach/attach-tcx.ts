import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { AttachFlag, tryProgAttach, tryProgDetach, tryProgQuery } from '../../syscall/bpf-attach.ts';
import { Errno } from '../../syscall/errno.ts';
import { type NetworkNamespace, type NetworkNamespaceRef, runIn } from '../../syscall/network-namespace.ts';
import { findLink } from '../../syscall/rtnetlink.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { Program } from '../load/program.ts';
import { type AttachOrder, encodeOrder } from './attach-order.ts';
import { requireType } from './attach-type.ts';
import { attachContext, createLink, type Link, TargetAttachment } from './link.ts';
import type { InNetns } from './xdp.ts';

/** Which way packets go: into the host through an interface, or out of it. */
export type TcDirection = 'ingress' | 'egress';
/** Which end of a netkit pair runs the program. */
export type NetkitEnd = 'primary' | 'peer';

export interface AttachTcxOptions extends AttachOrder {
  /** Its name or index. */
  readonly interface: string | number;
  /** Where the interface is; left out, this thread's network namespace. */
  readonly netns?: NetworkNamespaceRef;
  readonly direction: TcDirection;
}

export interface AttachTcxProgramOptions extends AttachTcxOptions {
  /** Takes the place of this program, which was attached without a link. */
  readonly replace?: Program;
}

export interface AttachNetkitOptions extends AttachOrder {
  readonly interface: string | number;
  /** Where the interface is; left out, this thread's network namespace. */
  readonly netns?: NetworkNamespaceRef;
  readonly end?: NetkitEnd;
}

const TCX_TYPES: Record<TcDirection, number> = {
  ingress: AttachType.TCX_INGRESS,
  egress: AttachType.TCX_EGRESS,
};
const NETKIT_TYPES: Record<NetkitEnd, number> = {
  primary: AttachType.NETKIT_PRIMARY,
  peer: AttachType.NETKIT_PEER,
};

/** Callers without types say anything. @throws {TsbpfError} `OPTIONS` */
export function expectDirection(direction: TcDirection): void {
  if (Object.hasOwn(TCX_TYPES, direction)) return;
  throw new TsbpfError('OPTIONS', `'${direction}' is no direction: a packet goes 'ingress' or 'egress'`);
}

function linkTo(
  program: Program,
  { interface: nameOrIndex, netns, ...order }: AttachOrder & Pick<AttachTcxOptions, 'interface' | 'netns'>,
  attachType: number,
  where: string,
): Link {
  requireType(program, [ProgType.SCHED_CLS], where);
  const { flags, relative, expectedRevision } = encodeOrder(order);
  const arm = { kind: 'order', relative, expectedRevision } as const;
  return runIn(netns, () => {
    const { ifindex, ifname } = findLink(nameOrIndex);
    return createLink(program, { target: ifindex, attachType, flags, arm }, `${ifname} (${where})`);
  });
}

/**
 * Attaches a tc program by a tcx link (Linux 6.6). Any sched_cls program will do, whatever direction
 * its section names; several run in order until one answers other than TCX_NEXT.
 *
 * @example `using link = attachTcx(program, { interface: 'veth0', direction: 'ingress', position: 'first' });`
 * @throws {TsbpfError} `INTERFACE_NOT_FOUND`, `PROG_TYPE_WRONG`
 * @throws {SyscallError} ESTALE (another revision), ENOENT (no such neighbour), EINVAL before Linux 6.6
 */
export function attachTcx(program: Program, options: AttachTcxOptions): Link {
  const { direction } = options;
  expectDirection(direction);
  return linkTo(program, options, TCX_TYPES[direction], `tcx ${direction}`);
}

/** Attaches a tc program to a netkit pair through its primary device (Linux 6.7). @throws {SyscallError} ENXIO (no netkit device), EACCES (the peer), EINVAL */
export function attachNetkit(program: Program, options: AttachNetkitOptions): Link {
  const end = options.end ?? 'primary';
  return linkTo(program, options, NETKIT_TYPES[end], `netkit ${end}`);
}

/**
 * Attaches a tc program to tcx without a link: it stays on the interface until it is detached.
 *
 * @throws {SyscallError} EEXIST where this very program is there already; as {@link attachTcx} otherwise
 */
export function attachTcxProgram(program: Program, options: AttachTcxProgramOptions): TargetAttachment {
  return runIn(options.netns, (namespace) => attachHere(program, options, namespace));
}

function attachHere(
  program: Program,
  options: AttachTcxProgramOptions,
  namespace: NetworkNamespace | undefined,
): TargetAttachment {
  const { direction, replace } = options;
  expectDirection(direction);
  requireType(program, [ProgType.SCHED_CLS], `tcx ${direction}`);
  const { ifindex, ifname } = findLink(options.interface);
  const attachType = TCX_TYPES[direction];
  const target = `${ifname} (tcx ${direction})`;
  const { flags, relative, expectedRevision } = encodeOrder(options);
  const result = tryProgAttach({
    target: ifindex,
    progFd: program.fd.number,
    attachType,
    flags: flags | (replace ? AttachFlag.REPLACE : 0),
    replaceFd: replace?.fd.number,
    relative,
    expectedRevision,
  });
  if (result < 0) {
    const doing = `attach program '${program.name}' to ${target}`;
    throw bpfError('PROG_ATTACH', -result, doing, attachContext(program, attachType));
  }
  const there = namespace?.duplicate();
  const detach = (own: Program): boolean => {
    const detached = runIn(there, () =>
      tryProgDetach({ target: ifindex, progFd: own.fd.number, attachType }),
    );
    if (detached === 0) return true;
    if (detached === -Errno.ENOENT || detached === -Errno.ENODEV) return false;
    throw bpfError(
      'PROG_DETACH',
      -detached,
      `detach program '${own.name}' from ${target}`,
      attachContext(own, attachType),
    );
  };
  return new TargetAttachment(program, target, detach, there);
}

/** A program in a list that the kernel runs in order. */
export interface ListedProgram {
  readonly programId: number;
  /** 0 where no link holds it. */
  readonly linkId: number;
}

export interface TcxState {
  /** Counts changes of the list, for `expectedRevision`. */
  readonly revision: bigint;
  /** In the order in which they run. */
  readonly programs: readonly ListedProgram[];
}

/** What runs at tcx of an interface. @throws {SyscallError} EINVAL before Linux 6.6 */
export function queryTcx(
  nameOrIndex: string | number,
  direction: TcDirection,
  { netns }: InNetns = {},
): TcxState {
  return runIn(netns, () => {
    const { ifindex, ifname } = findLink(nameOrIndex);
    return queryInterface(ifindex, TCX_TYPES[direction], `${ifname} (tcx ${direction})`);
  });
}

/** What runs at one end of a netkit pair. @throws {SyscallError} EINVAL where it is none */
export function queryNetkit(nameOrIndex: string | number, end: NetkitEnd, { netns }: InNetns = {}): TcxState {
  return runIn(netns, () => {
    const { ifindex, ifname } = findLink(nameOrIndex);
    return queryInterface(ifindex, NETKIT_TYPES[end], `${ifname} (netkit ${end})`);
  });
}

function queryInterface(ifindex: number, attachType: number, target: string): TcxState {
  const { result, revision, programs } = tryProgQuery(ifindex, attachType, 0, { links: true });
  // A kernel says so of an interface that never had a program.
  if (result === -Errno.ENOENT) return { revision: 0n, programs: [] };
  if (result < 0) throw bpfError('PROG_QUERY', -result, `ask what is attached to ${target}`, { attachType });
  return { revision, programs: programs.map(({ programId, linkId }) => ({ programId, linkId })) };
}
