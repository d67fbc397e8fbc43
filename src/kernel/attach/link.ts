import { bpfError } from '../../syscall/bpf.ts';
import {
  type LinkCreateParams,
  tryLinkCreate,
  tryLinkDetach,
  tryLinkUpdate,
} from '../../syscall/bpf-link.ts';
import { type LinkInfo, linkDetails } from '../../syscall/bpf-link-info.ts';
import { allIds, fdById } from '../../syscall/bpf-object.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { type Program, refuseOrphans } from '../load/program.ts';
import type { BpfMap } from '../maps/map.ts';
import { openPin, type PinOptions, pinFd, removePins } from '../pin.ts';
import { checkSameDevice } from './xdp-device.ts';

/** Something attached, whatever holds it there. */
export interface Attached {
  /** What it is attached to, for messages: `veth0 (tcx_ingress)`. */
  readonly target: string;
  /** Takes the program off. @returns false where it was off already */
  detach(): boolean;
  close(): void;
  [Symbol.dispose](): void;
}

/** Descriptors of what a program's attachment needs as long as it lasts: the prog arrays that it calls through. */
export function keepAlive(program: Program): Program | undefined {
  return program.maps.length > 0 ? program.duplicate() : undefined;
}

/**
 * A BPF link: a program attached to something, as long as the link has a descriptor or a pin.
 *
 * @example
 * ```ts
 * using link = attachTcx(program, { interface: 'veth0', direction: 'ingress' });
 * link.info().target; // { kind: 'tcx', ifindex: 7, attachType: 'tcx_ingress' }
 * ```
 */
export class Link implements Attached {
  readonly fd: Fd;
  readonly target: string;
  #keep: Program | undefined;
  readonly #pins: Set<string> = new Set();

  constructor(fd: Fd, target: string, keep?: Program) {
    this.fd = fd;
    this.target = target;
    this.#keep = keep;
  }

  /** Opens a pinned link. @throws {SyscallError} ENOENT @throws {TsbpfError} `PIN_KIND` */
  static openPinned(path: string): Link {
    const link = new Link(openPin(path, 'link'), `what the link at ${path} holds`);
    link.#pins.add(path);
    return link;
  }

  /** Opens a link by its id. @throws {SyscallError} ENOENT, EPERM without CAP_SYS_ADMIN */
  static openById(id: number): Link {
    return new Link(new Fd(fdById('LINK', id), `link ${id}`), `what link ${id} holds`);
  }

  /** The kernel's number of this link. */
  get id(): number {
    return this.info().id;
  }

  /** Its type, program and target. @throws {SyscallError} */
  info(): LinkInfo {
    return linkDetails(this.fd.number, this.fd.what);
  }

  /**
   * Puts another program, or another map of a struct of functions, in the place of the one attached,
   * with no moment between without any.
   *
   * @param old only where this one is attached now
   * @throws {SyscallError} EOPNOTSUPP or EINVAL for kinds that cannot, EPERM where another than `old` is attached
   * @throws {TsbpfError} `PROG_ARRAY_ORPHANED` where the link is pinned and a filled prog array of the program is not; `DEVICE_MISMATCH`
   */
  update(program: Program | BpfMap, old?: Program | BpfMap): void {
    const given = 'traits' in program ? program : undefined;
    if (given && this.#pins.size > 0)
      refuseOrphans(given.maps, `putting ${given.fd.what} into a pinned link`);
    if (given?.device) checkSameDevice(given, this.info());
    const result = tryLinkUpdate(this.fd.number, program.fd.number, old?.fd.number);
    if (result < 0) {
      throw bpfError('LINK_UPDATE', -result, `put ${program.fd.what} into ${this.fd.what}`, {
        progType: given?.type,
      });
    }
    const former = this.#keep;
    this.#keep = given && keepAlive(given);
    former?.close();
  }

  /**
   * Pins it in a BPF file system: then it outlives this process.
   *
   * @throws {TsbpfError} `PROG_ARRAY_ORPHANED` @throws {SyscallError} EEXIST, ENOENT, EPERM
   */
  pin(path: string, options: PinOptions = {}): void {
    if (this.#keep) refuseOrphans(this.#keep.maps, `pinning ${this.fd.what}`);
    pinFd(this.fd, path, options);
    this.#pins.add(path);
  }

  /** Removes the pins that `pin` made and that it was opened from. @throws {TsbpfError} `NOT_PINNED` */
  unpin(): void {
    removePins(this.fd, this.#pins);
  }

  /**
   * Takes the program off now, whoever else has a descriptor of the link. Kinds that cannot be
   * detached so (tracepoints, probes) end with their last descriptor: of those this closes its own.
   *
   * @returns false where it was off already
   */
  detach(): boolean {
    if (this.fd.closed) return false;
    // Some kinds say that they did it again.
    if (!linkDetails(this.fd.number, this.fd.what).attached) return false;
    const result = tryLinkDetach(this.fd.number);
    if (result === -Errno.EOPNOTSUPP) {
      this.close();
      return true;
    }
    if (result === -Errno.ENOLINK) return false;
    if (result < 0) throw bpfError('LINK_DETACH', -result, `detach ${this.fd.what}`);
    return true;
  }

  /** Closes the descriptor; without a pin or another descriptor the program is off then. */
  close(): void {
    const keep = this.#keep;
    this.#keep = undefined;
    this.fd.close();
    keep?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A link that a command of bpf(2) just answered with. */
export function ownLink(fd: number, program: Program, target: string): Link {
  const owned = new Fd(fd, `the link of '${program.name}' to ${target}`);
  try {
    return new Link(owned, target, keepAlive(program));
  } catch (error) {
    owned.close();
    throw error;
  }
}

/** What refused attachments are told with. */
export function attachContext(
  program: Program,
  attachType: number,
): { progType: number; attachType: number; expectedAttachType?: number } {
  const { expectedAttachType } = program.traits;
  return {
    progType: program.type,
    attachType,
    ...(expectedAttachType !== undefined && { expectedAttachType }),
  };
}

/** BPF_LINK_CREATE. @throws {SyscallError} with what the errno means for this attach type */
export function createLink(program: Program, params: Omit<LinkCreateParams, 'progFd'>, target: string): Link {
  const result = tryLinkCreate({ ...params, progFd: program.fd.number });
  if (result >= 0) return ownLink(result, program, target);
  throw bpfError(
    'LINK_CREATE',
    -result,
    `attach program '${program.name}' to ${target}`,
    attachContext(program, params.attachType),
  );
}

/** Every link of this machine; those that end meanwhile are left out. @throws {SyscallError} EPERM without CAP_SYS_ADMIN */
export function listLinkInfos(): LinkInfo[] {
  return allIds('LINK').flatMap((id) => {
    try {
      using fd = new Fd(fdById('LINK', id), `link ${id}`);
      return [linkDetails(fd.number, fd.what)];
    } catch (error) {
      if (error instanceof SyscallError && error.errno === Errno.ENOENT) return [];
      throw error;
    }
  });
}

/** Several attachments as one: an event on every CPU, a probe at several places. */
export class LinkGroup implements Attached {
  readonly links: readonly Attached[];
  readonly target: string;

  constructor(links: readonly Attached[], target: string) {
    this.links = links;
    this.target = target;
  }

  /** Makes them one after the other; where one fails, those before it are closed. */
  static make<T>(items: Iterable<T>, target: string, attach: (item: T) => Attached): LinkGroup {
    const links: Attached[] = [];
    try {
      for (const item of items) links.push(attach(item));
    } catch (error) {
      for (const link of links.reverse()) link.close();
      throw error;
    }
    return new LinkGroup(links, target);
  }

  detach(): boolean {
    return this.links.map((link) => link.detach()).some(Boolean);
  }

  close(): void {
    for (const link of [...this.links].reverse()) link.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * A program attached without a link: what holds it is the target, so it stays when this process
 * ends, unless it is detached first.
 */
export class TargetAttachment implements Attached {
  readonly target: string;
  readonly #undo: () => boolean;
  readonly #program: Program;
  readonly #held: { close(): void } | undefined;
  #done = false;

  /**
   * @param undo takes the program off; false where it was not there any more
   * @param held what that needs, closed afterwards
   */
  constructor(program: Program, target: string, undo: (own: Program) => boolean, held?: { close(): void }) {
    this.target = target;
    this.#program = program.duplicate();
    this.#undo = () => undo(this.#program);
    this.#held = held;
  }

  /** The program that was attached. */
  get program(): Program {
    return this.#program;
  }

  detach(): boolean {
    if (this.#done) return false;
    this.#done = true;
    try {
      return this.#undo();
    } finally {
      this.#letGo();
    }
  }

  /**
   * Lets go of the program and leaves it attached.
   *
   * @throws {TsbpfError} `PROG_ARRAY_ORPHANED` where a filled prog array of it is not pinned
   */
  release(): void {
    if (this.#done) return;
    refuseOrphans(this.#program.maps, `leaving ${this.#program.fd.what} on ${this.target}`);
    this.#done = true;
    this.#letGo();
  }

  #letGo(): void {
    this.#program.close();
    this.#held?.close();
  }

  close(): void {
    this.detach();
  }

  [Symbol.dispose](): void {
    this.detach();
  }
}
