import { ProgType } from '../../isa/kernel-tables.generated.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { type NetworkNamespace, type NetworkNamespaceRef, runIn } from '../../syscall/network-namespace.ts';
import { findLink, type NetworkLink } from '../../syscall/rtnetlink.ts';
import {
  addClsact,
  deleteClsact,
  deleteTcFilter,
  listQdiscs,
  listTcFilters,
  setTcFilter,
  type TcFilter,
  TcParent,
} from '../../syscall/rtnetlink-tc.ts';
import { checkRange, TsbpfError } from '../../util/errors.ts';
import type { Program } from '../load/program.ts';
import { expectDirection, type TcDirection } from './attach-tcx.ts';
import { requireType } from './attach-type.ts';
import { TargetAttachment } from './link.ts';
import { TC_PROTOCOLS } from './tc-protocol.ts';
import type { InNetns } from './xdp.ts';

export interface AttachTcOptions {
  /** Its name or index. */
  readonly interface: string | number;
  /** Where the interface is; left out, this thread's network namespace. */
  readonly netns?: NetworkNamespaceRef;
  readonly direction: TcDirection;
  /** 1 to 65535, lower ones run first. Left out, the kernel takes a free one from 49152 downwards. */
  readonly priority?: number;
  /** Among those of a priority. Left out, the kernel chooses. */
  readonly handle?: number;
  readonly chain?: number;
  /** False: the program answers with a class, or -1 for `classid`, and not with a verdict. */
  readonly directAction?: boolean;
  /** The class of packets: as tc writes it (`1:10`, both hexadecimal), or with the major number in the upper half. */
  readonly classid?: number | `${string}:${string}`;
  /** Takes the place of the filter with this priority and handle. */
  readonly replace?: boolean;
}

/** A filter of BPF on an interface. */
export interface TcState {
  readonly ifname: string;
  readonly ifindex: number;
  readonly direction: TcDirection;
  readonly chain: number;
  readonly priority: number;
  readonly handle: number;
  /** ETH_P_* of the packets that it sees; 3 for all. */
  readonly protocol: number;
  readonly programId: number | undefined;
  readonly name: string | undefined;
  readonly tag: string | undefined;
  readonly directAction: boolean;
  readonly classid: number | undefined;
  /** Whether the network card runs it; undefined where the kernel does not tell. */
  readonly inHardware?: boolean | undefined;
}

/** A program attached as a filter of tc. It stays on the interface until it is detached. */
export class TcAttachment extends TargetAttachment {
  readonly priority: number;
  readonly handle: number;
  readonly chain: number;

  constructor(
    program: Program,
    target: string,
    filter: TcFilter,
    undo: (own: Program) => boolean,
    namespace?: NetworkNamespace,
  ) {
    super(program, target, undo, namespace);
    this.priority = filter.priority;
    this.handle = filter.handle;
    this.chain = filter.chain;
  }
}

const DIRECTIONS: readonly TcDirection[] = ['ingress', 'egress'];

function hasClsact(ifindex: number): boolean {
  return listQdiscs(ifindex).some(({ kind }) => kind === 'clsact');
}

/** @returns whether it was made now */
function ensureClsact({ ifindex, ifname }: NetworkLink, doing: string): boolean {
  const qdiscs = listQdiscs(ifindex);
  if (qdiscs.some(({ kind }) => kind === 'clsact')) return false;
  if (qdiscs.some(({ kind }) => kind === 'ingress')) {
    throw new TsbpfError(
      'QDISC_INGRESS',
      `cannot ${doing}: ${ifname} has an ingress qdisc, which takes the place of clsact`,
      {
        hint: `tc qdisc del dev ${ifname} ingress`,
      },
    );
  }
  addClsact(ifindex, doing);
  return true;
}

/** @throws {TsbpfError} `CLASSID_INVALID` @throws {OutOfRangeError} */
function classOf(classid: AttachTcOptions['classid']): number | undefined {
  if (typeof classid !== 'string') return classid && checkRange('classid', classid, 0, 0xffff_ffff);
  const [, major, minor] = /^([0-9a-fA-F]{1,4}):([0-9a-fA-F]{0,4})$/.exec(classid) ?? [];
  if (major) return Number.parseInt(major, 16) * 0x1_0000 + Number.parseInt(minor || '0', 16);
  throw new TsbpfError('CLASSID_INVALID', `'${classid}' is no class`, {
    hint: "write the two numbers in hexadecimal, as tc does: '1:10'",
  });
}

/** Whether a refusal says that filter, qdisc or interface have gone. */
function isGone(error: unknown): boolean {
  const gone: readonly number[] = [Errno.ENOENT, Errno.ENODEV, Errno.EINVAL];
  return error instanceof SyscallError && gone.includes(error.errno);
}

/**
 * Attaches a program as a filter of tc, on a clsact qdisc that is made where it is missing. Works on
 * kernels that have no tcx, and is what `tc filter show` shows.
 *
 * @example `using attached = attachTc(program, { interface: 'veth0', direction: 'egress', priority: 1 });`
 * @throws {TsbpfError} `INTERFACE_NOT_FOUND`, `PROG_TYPE_WRONG`, `QDISC_INGRESS`, `CLASSID_INVALID`
 * @throws {NetlinkError} EEXIST (priority and handle are taken), EPERM
 */
export function attachTc(program: Program, options: AttachTcOptions): TcAttachment {
  return runIn(options.netns, (namespace) => attachHere(program, options, namespace));
}

function attachHere(
  program: Program,
  options: AttachTcOptions,
  namespace: NetworkNamespace | undefined,
): TcAttachment {
  const { direction, replace = false, directAction = true } = options;
  requireType(program, [ProgType.SCHED_CLS], 'a filter of tc');
  expectDirection(direction);
  const { chain, priority, handle } = options;
  // 16 bits, behind which the protocol stands.
  if (priority !== undefined) checkRange('priority', priority, 1, 0xffff);
  const classid = classOf(options.classid);
  const link = findLink(options.interface);
  const { ifindex, ifname } = link;
  const target = `${ifname} (tc ${direction})`;
  const doing = `attach program '${program.name}' to ${target}`;
  const made = ensureClsact(link, doing);
  const parent = TcParent[direction];
  const key = { ifindex, parent, chain, priority, handle };
  try {
    const filter = setTcFilter(
      { ...key, fd: program.fd.number, name: program.name, directAction, classid },
      replace ? 'replace' : 'add',
      doing,
      (errno) =>
        errno === Errno.EEXIST
          ? {
              explanation: `a filter with priority ${priority ?? 0} and handle ${handle ?? 0} is there already`,
              hint: 'replace it (replace: true), or leave priority and handle to the kernel',
            }
          : undefined,
    );
    const set = filter ?? {
      ifindex,
      parent,
      chain: 0,
      priority: priority ?? 0,
      handle: handle ?? 0,
      protocol: TC_PROTOCOLS.all!,
      kind: 'bpf',
    };
    const there = namespace?.duplicate();
    return new TcAttachment(
      program,
      target,
      set,
      (own) => runIn(there, () => removeOwn(own, link, set, made)),
      there,
    );
  } catch (error) {
    if (made) deleteClsact(ifindex, doing);
    throw error;
  }
}

/** Takes a filter off where it still runs this program, and the qdisc that was made for it where it is empty. */
function removeOwn(own: Program, { ifindex, ifname }: NetworkLink, filter: TcFilter, made: boolean): boolean {
  const doing = `detach program '${own.name}' from ${ifname}`;
  try {
    const there = listTcFilters(ifindex, filter.parent).find(
      ({ priority, handle, chain }) =>
        priority === filter.priority && handle === filter.handle && chain === filter.chain,
    );
    const isOwn = there?.bpf !== undefined && there.bpf.programId === own.id;
    if (isOwn) deleteTcFilter(filter, doing);
    if (made && DIRECTIONS.every((each) => listTcFilters(ifindex, TcParent[each]).length === 0))
      deleteClsact(ifindex, doing);
    return isOwn;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** The filters of BPF on an interface, in the order in which they run. */
export function showTc(nameOrIndex: string | number, { netns }: InNetns = {}): TcState[] {
  return runIn(netns, () => showHere(nameOrIndex));
}

function showHere(nameOrIndex: string | number): TcState[] {
  const { ifindex, ifname } = findLink(nameOrIndex);
  const kinds = listQdiscs(ifindex).map(({ kind }) => kind);
  // An ingress qdisc shows its filters whatever direction is asked for.
  const there = kinds.includes('clsact')
    ? DIRECTIONS
    : DIRECTIONS.slice(0, kinds.includes('ingress') ? 1 : 0);
  return there.flatMap((direction) =>
    listTcFilters(ifindex, TcParent[direction])
      .flatMap(({ chain, priority, handle, protocol, bpf }) =>
        bpf ? [{ ifname, ifindex, direction, chain, priority, handle, protocol, ...bpf }] : [],
      )
      .sort((a, b) => a.chain - b.chain || a.priority - b.priority),
  );
}

export interface DetachTcOptions extends InNetns {
  readonly direction: TcDirection;
  readonly chain?: number;
  /** Left out, every filter of BPF at this direction. */
  readonly priority?: number;
  readonly handle?: number;
  /** ETH_P_* of the packets that they see. */
  readonly protocol?: number;
}

/** Takes filters of BPF off an interface, whoever attached them. @returns what was taken off */
export function detachTc(nameOrIndex: string | number, options: DetachTcOptions): TcState[] {
  return runIn(options.netns, () => detachHere(nameOrIndex, options));
}

function detachHere(nameOrIndex: string | number, options: DetachTcOptions): TcState[] {
  const wanted = showHere(nameOrIndex).filter(
    (state) =>
      state.direction === options.direction &&
      (options.chain === undefined || state.chain === options.chain) &&
      (options.priority === undefined || state.priority === options.priority) &&
      (options.handle === undefined || state.handle === options.handle) &&
      (options.protocol === undefined || state.protocol === options.protocol),
  );
  for (const state of wanted) {
    const { ifindex, ifname, chain, priority, handle, protocol } = state;
    const parent = TcParent[state.direction];
    deleteTcFilter(
      { ifindex, parent, chain, priority, handle, protocol },
      `detach a filter of tc from ${ifname}`,
    );
  }
  return wanted;
}

/** Takes the clsact qdisc off an interface, with every filter on it. @returns false where there is none */
export function removeClsact(nameOrIndex: string | number, { netns }: InNetns = {}): boolean {
  return runIn(netns, () => {
    const { ifindex, ifname } = findLink(nameOrIndex);
    if (!hasClsact(ifindex)) return false;
    deleteClsact(ifindex, `remove clsact from ${ifname}`);
    return true;
  });
}
