import { ProgType } from '../../isa/kernel-tables.generated.ts';
import { progInfo } from '../../syscall/bpf-info.ts';
import { fdById } from '../../syscall/bpf-object.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { Explanation } from '../../syscall/explain.ts';
import { Fd } from '../../syscall/fd.ts';
import { type NetworkNamespace, type NetworkNamespaceRef, runIn } from '../../syscall/network-namespace.ts';
import {
  findLink,
  listLinks,
  type NetworkLink,
  setXdp,
  type XdpAttachMode,
  XdpFlag,
} from '../../syscall/rtnetlink.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type Program, refuseOrphans } from '../load/program.ts';
import { whyNotThere } from './xdp-device.ts';

/** Where XDP runs: in the driver, on the socket buffer, in the card. */
export type XdpMode = XdpAttachMode;

export interface AttachXdpOptions {
  /** Its name or index. */
  readonly interface: string | number;
  /** Where the interface is; left out, this thread's network namespace. */
  readonly netns?: NetworkNamespaceRef;
  /** Left out, the kernel takes native where the driver has it, else generic. */
  readonly mode?: XdpMode;
  /** true: whatever is there; a program: only that one. Left out, an occupied interface is refused. */
  readonly replace?: Program | boolean;
}

/** A program on an interface. */
export interface XdpProgramState {
  readonly mode: XdpMode;
  readonly id: number;
  /** undefined where this process may not ask (CAP_SYS_ADMIN). */
  readonly name: string | undefined;
  readonly tag: string | undefined;
}

/** What runs on an interface. */
export interface XdpState {
  readonly ifindex: number;
  readonly ifname: string;
  /** `multiple` where a card and its driver both run one. */
  readonly mode: XdpMode | 'none' | 'multiple';
  readonly programs: readonly XdpProgramState[];
}

const MODE_FLAGS: Record<XdpMode, number> = {
  generic: XdpFlag.SKB_MODE,
  native: XdpFlag.DRV_MODE,
  offload: XdpFlag.HW_MODE,
};

type Meaning = Explanation | undefined;

function programState(mode: XdpMode, id: number): XdpProgramState {
  try {
    const fd = new Fd(fdById('PROG', id), `program ${id}`);
    try {
      const { name, tag } = progInfo(fd.number);
      return { mode, id, name, tag };
    } finally {
      fd.close();
    }
  } catch (error) {
    // The id alone came from rtnetlink, which anybody may ask; the program may be gone by now.
    if (error instanceof SyscallError) return { mode, id, name: undefined, tag: undefined };
    throw error;
  }
}

function stateOf(link: NetworkLink): XdpState {
  const programs = link.xdp.map(({ mode, programId }) => programState(mode, programId));
  const mode = programs.length > 1 ? 'multiple' : (programs[0]?.mode ?? 'none');
  return { ifindex: link.ifindex, ifname: link.ifname, mode, programs };
}

/** Which network namespace; left out, this thread's. */
export interface InNetns {
  readonly netns?: NetworkNamespaceRef;
}

/**
 * The XDP programs of one interface, or of all interfaces of a network namespace.
 *
 * @example `showXdp('eth0')[0]?.programs // [{ mode: 'native', id: 42, name: 'drop_all', tag: … }]`
 * @throws {TsbpfError} `INTERFACE_NOT_FOUND`
 */
export function showXdp(nameOrIndex?: string | number, { netns }: InNetns = {}): XdpState[] {
  return runIn(netns, () => (nameOrIndex === undefined ? listLinks() : [findLink(nameOrIndex)])).map(stateOf);
}

function describeProgram({ id, name, mode }: XdpProgramState): string {
  return `an XDP program (id ${id}${name ? ` name ${name}` : ''}, ${mode})`;
}

function whyNot(errno: number, program: Program, link: NetworkLink, mode: XdpMode | undefined): Meaning {
  const [present] = stateOf(findLink(link.ifindex)).programs;
  if ((errno === Errno.EBUSY || errno === Errno.EEXIST) && present) {
    return {
      explanation: `${describeProgram(present)} is already attached to ${link.ifname}`,
      hint: `replace it (replace: true, with mode '${present.mode}'), or detach it first`,
    };
  }
  if (errno === Errno.EOPNOTSUPP && mode === 'native') {
    return {
      explanation: `the driver of ${link.ifname} has no native XDP`,
      hint: "mode 'generic' works on every interface",
    };
  }
  if (errno === Errno.ERANGE) {
    return {
      explanation: `a packet of ${link.ifname} or of its peer may be too large for one piece of memory`,
      hint: 'lower the MTU of both (ip link set dev NAME mtu 1500), or load the program from a section xdp.frags',
    };
  }
  return whyNotThere(errno, program, link, mode);
}

/**
 * A program on an interface, and the maps that it needs. It is the interface that keeps the
 * program; `detach`, `close` and `using` take it off.
 */
export class XdpAttachment {
  readonly ifindex: number;
  readonly ifname: string;
  /** Where the kernel put it. */
  readonly mode: XdpMode;
  readonly #program: Program;
  /** Its own, where the interface is elsewhere. */
  readonly #namespace: NetworkNamespace | undefined;
  #done = false;

  constructor(link: NetworkLink, mode: XdpMode, program: Program, namespace?: NetworkNamespace) {
    this.ifindex = link.ifindex;
    this.ifname = link.ifname;
    this.mode = mode;
    this.#program = program;
    this.#namespace = namespace;
  }

  /**
   * Takes the program off the interface and lets go of its maps.
   *
   * @returns false where it was not there any more: replaced, taken off, or the interface is gone
   * @throws {NetlinkError} EPERM
   */
  detach(): boolean {
    if (this.#done) return false;
    this.#done = true;
    try {
      const { ifindex, ifname } = this;
      const flags = MODE_FLAGS[this.mode] | XdpFlag.REPLACE;
      const doing = `detach XDP from ${ifname}`;
      const change = { ifindex, ifname, fd: -1, flags, expectedFd: this.#program.fd.number };
      runIn(this.#namespace, () => setXdp(change, doing));
      return true;
    } catch (error) {
      const gone: readonly number[] = [Errno.EEXIST, Errno.ENODEV, Errno.ENOENT];
      if (error instanceof SyscallError && gone.includes(error.errno)) return false;
      throw error;
    } finally {
      this.#letGo();
    }
  }

  /**
   * Lets go of the program and its maps, and leaves it on the interface.
   *
   * @throws {TsbpfError} `PROG_ARRAY_ORPHANED` where a filled prog array of it is not pinned
   */
  release(): void {
    if (this.#done) return;
    refuseOrphans(this.#program.maps, `leaving ${this.#program.fd.what} on ${this.ifname}`);
    this.#done = true;
    this.#letGo();
  }

  #letGo(): void {
    this.#program.close();
    this.#namespace?.close();
  }

  close(): void {
    this.detach();
  }

  [Symbol.dispose](): void {
    this.detach();
  }
}

/**
 * Attaches an XDP program over rtnetlink. The attachment holds descriptors of its own of the
 * program and its prog arrays, so the collection may be closed.
 *
 * @example
 * ```ts
 * using attachment = attachXdp(collection.program('drop_all'), { interface: 'veth0', mode: 'generic' });
 * ```
 *
 * @throws {TsbpfError} `INTERFACE_NOT_FOUND`, `PROG_TYPE_WRONG`, `NETNS_NOT_FOUND`
 * @throws {NetlinkError} EBUSY (occupied), EEXIST, EOPNOTSUPP, EINVAL (bound to another interface), EPERM
 */
export function attachXdp(program: Program, options: AttachXdpOptions): XdpAttachment {
  if (program.type !== ProgType.XDP) {
    throw new TsbpfError(
      'PROG_TYPE_WRONG',
      `program '${program.name}' is of type ${program.typeName}; an interface takes xdp programs`,
    );
  }
  return runIn(options.netns, (namespace) => attachHere(program, options, namespace));
}

function attachHere(
  program: Program,
  options: AttachXdpOptions,
  namespace: NetworkNamespace | undefined,
): XdpAttachment {
  const link = findLink(options.interface);
  const { mode, replace } = options;
  const expected = typeof replace === 'object' ? replace.fd.number : undefined;
  const how = expected !== undefined ? XdpFlag.REPLACE : replace ? 0 : XdpFlag.UPDATE_IF_NOEXIST;
  const own = program.duplicate();
  try {
    setXdp(
      {
        ifindex: link.ifindex,
        ifname: link.ifname,
        fd: own.fd.number,
        flags: how | (mode ? MODE_FLAGS[mode] : 0),
        expectedFd: expected,
      },
      `attach program '${program.name}' to ${link.ifname}`,
      (errno) => whyNot(errno, program, link, mode),
    );
    return new XdpAttachment(link, mode ?? modeOf(link.ifindex, own.id), own, namespace?.duplicate());
  } catch (error) {
    own.close();
    throw error;
  }
}

function modeOf(ifindex: number, programId: number): XdpMode {
  const found = findLink(ifindex).xdp.find((state) => state.programId === programId);
  if (found) return found.mode;
  throw new TsbpfError('XDP_REPLACED', 'another program took the place of this one at once');
}

/**
 * Takes whatever runs in a mode, or in every mode, off an interface. With nothing attached it
 * does nothing.
 *
 * @returns what was taken off
 * @throws {NetlinkError} EBUSY where a BPF link holds it, EPERM
 */
export function detachXdp(
  nameOrIndex: string | number,
  mode?: XdpMode,
  { netns }: InNetns = {},
): XdpProgramState[] {
  return runIn(netns, () => detachHere(nameOrIndex, mode));
}

function detachHere(nameOrIndex: string | number, mode: XdpMode | undefined): XdpProgramState[] {
  const link = findLink(nameOrIndex);
  const programs = stateOf(link).programs.filter((state) => mode === undefined || state.mode === mode);
  for (const program of programs) {
    const { ifindex, ifname } = link;
    setXdp(
      { ifindex, ifname, fd: -1, flags: MODE_FLAGS[program.mode] },
      `detach XDP from ${ifname}`,
      (errno) => heldByLink(errno, program, ifname),
    );
  }
  return programs;
}

function heldByLink(errno: number, program: XdpProgramState, ifname: string): Meaning {
  if (errno !== Errno.EBUSY) return undefined;
  return {
    explanation: `a BPF link holds ${describeProgram(program)} on ${ifname}`,
    hint: 'close or unpin the link; it belongs to whoever attached it',
  };
}
