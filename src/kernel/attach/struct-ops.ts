import { AttachType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { tryLinkCreate } from '../../syscall/bpf-link.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { type Program, refuseOrphans } from '../load/program.ts';
import type { BpfMap } from '../maps/map.ts';
import type { PinOptions } from '../pin.ts';
import { type Attached, keepAlive, Link } from './link.ts';

interface StructOpsParts {
  readonly map: BpfMap;
  readonly struct: string;
  readonly link: boolean;
  readonly programs: readonly Program[];
  readonly value: Uint8Array;
}

/** Why the kernel does not take a struct of functions. */
function valueError(error: unknown, struct: string, map: string): unknown {
  if (!(error instanceof SyscallError)) return error;
  const explanations: Readonly<Record<number, string>> = {
    [Errno.EINVAL]: 'a function that it needs is missing, or a member is set that programs may not set',
    [Errno.EEXIST]: 'another one of this name is registered',
    [Errno.EBUSY]: 'this one is registered already',
    [Errno.EOPNOTSUPP]: 'the kernel does not take one at run time',
    [Errno.EPERM]: 'this process may not register one, or it is registered already',
  };
  const { errno, command } = error;
  const explanation = explanations[errno];
  if (explanation === undefined) return error;
  return new SyscallError({
    syscall: 'bpf',
    command,
    errno,
    doing: `give the kernel the ${struct} '${map}'`,
    explanation,
  });
}

/** A loaded struct of functions: a map of type `struct_ops` and the programs that stand in for its functions. */
export class StructOps {
  /** Whose only entry the struct is, in the kernel's layout. */
  readonly map: BpfMap;
  /** The kernel's name of the struct: `tcp_congestion_ops`. */
  readonly struct: string;
  /** True where a link attaches it (`.struct_ops.link`), false where writing the map does. */
  readonly link: boolean;
  readonly programs: readonly Program[];
  readonly #value: Uint8Array;

  constructor({ map, struct, link, programs, value }: StructOpsParts) {
    this.map = map;
    this.struct = struct;
    this.link = link;
    this.programs = programs;
    this.#value = value;
  }

  get name(): string {
    return this.map.name;
  }

  /** Writes the struct into its map, which without links registers it. @throws {SyscallError} EINVAL, EEXIST */
  fill(): void {
    try {
      this.map.set(0, this.#value);
    } catch (error) {
      throw valueError(error, this.struct, this.name);
    }
  }

  /** {@link attachStructOps} */
  attach(): StructOpsAttachment {
    return new StructOpsAttachment(this);
  }
}

/** Who has loaded structs of functions: a collection. */
export interface StructOpsOwner {
  readonly structOps: ReadonlyMap<string, StructOps>;
}

/**
 * Gives the kernel a struct of functions: a congestion control of TCP, for one. `.struct_ops.link` is
 * attached by a link, `.struct_ops` by writing its map: that stays when this process ends, unless it
 * is detached first.
 *
 * @param name the variable's name in the object
 *
 * @example
 * ```ts
 * using control = attachStructOps(collection, 'my_control');
 * control.link?.info().target.kind; // struct_ops
 * ```
 *
 * @throws {TsbpfError} `STRUCT_OPS_NOT_FOUND` @throws {SyscallError} EEXIST (the name is taken), EINVAL
 */
export function attachStructOps(owner: StructOpsOwner, name: string): StructOpsAttachment {
  const found = owner.structOps.get(name);
  if (found) return found.attach();
  const there = [...owner.structOps.keys()];
  throw new TsbpfError(
    'STRUCT_OPS_NOT_FOUND',
    `there is no struct of functions '${name}'; there are: ${there.join(', ') || 'none'}`,
    { hint: didYouMean(name, there)[0] },
  );
}

function createLink({ map, name, struct }: StructOps): Link {
  const attachType = AttachType.STRUCT_OPS;
  const result = tryLinkCreate({ progFd: map.fd.number, attachType });
  if (result >= 0) return new Link(new Fd(result, `the link of '${name}'`), `${struct} '${name}'`);
  const error = bpfError('LINK_CREATE', -result, `attach ${map.fd.what}`, { attachType });
  // EINVAL is about the link: the value has been checked when it was written.
  throw -result === Errno.EINVAL ? error : valueError(error, struct, name);
}

/** A struct of functions that the kernel calls. */
export class StructOpsAttachment implements Attached {
  readonly target: string;
  /** Undefined where it is attached without one. */
  readonly link: Link | undefined;
  readonly #map: BpfMap;
  #keep: readonly Program[];
  #done = false;

  /** @throws {SyscallError} */
  constructor(ops: StructOps) {
    this.target = `${ops.struct} '${ops.name}'`;
    this.#map = ops.map.duplicate();
    this.#keep = keepAll(ops);
    try {
      if (ops.link) this.link = createLink(ops);
      else ops.fill();
    } catch (error) {
      this.#letGo();
      throw error;
    }
  }

  /**
   * Puts another struct of the same kind in its place, with no moment between without any: connections
   * that use it go on with the new one.
   *
   * @param old only where this one is attached now
   * @throws {TsbpfError} `STRUCT_OPS_NO_LINK` where it is attached without a link @throws {SyscallError} EOPNOTSUPP, EINVAL (another kind, or another name), EPERM
   */
  update(ops: StructOps, old?: StructOps): void {
    if (!this.link) {
      throw new TsbpfError(
        'STRUCT_OPS_NO_LINK',
        `${this.target} is attached without a link, so it is not replaced`,
        {
          hint: 'in C: SEC(".struct_ops.link")',
        },
      );
    }
    try {
      this.link.update(ops.map, old?.map);
    } catch (error) {
      if (!(error instanceof SyscallError && error.errno === Errno.EINVAL)) throw error;
      throw new SyscallError({
        syscall: 'bpf',
        command: 'LINK_UPDATE',
        errno: Errno.EINVAL,
        doing: `put ${ops.struct} '${ops.name}' in the place of ${this.target}`,
        explanation: 'it is of another kind or has another name, or is attached without a link',
      });
    }
    const former = this.#keep;
    this.#keep = keepAll(ops);
    for (const program of former) program.close();
  }

  /** Pins the link. @throws {TsbpfError} `STRUCT_OPS_NO_LINK`, `PROG_ARRAY_ORPHANED` @throws {SyscallError} */
  pin(path: string, options: PinOptions = {}): void {
    if (!this.link)
      throw new TsbpfError(
        'STRUCT_OPS_NO_LINK',
        `${this.target} is attached without a link, so there is none to pin`,
        { hint: 'release() leaves it attached' },
      );
    this.#refuseOrphans('pinning');
    this.link.pin(path, options);
  }

  detach(): boolean {
    if (this.#done) return false;
    this.#done = true;
    try {
      return this.link ? this.link.detach() : this.#map.delete(0);
    } finally {
      this.#letGo();
    }
  }

  /** Lets go of it and leaves it attached, where that is without a link. @throws {TsbpfError} `PROG_ARRAY_ORPHANED` */
  release(): void {
    if (this.#done) return;
    this.#refuseOrphans('leaving');
    this.#done = true;
    this.#letGo();
  }

  /** Takes it off; a link's struct stays while the link is pinned or open elsewhere. */
  close(): void {
    if (!this.link) this.detach();
    else if (!this.#done) {
      this.#done = true;
      this.#letGo();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #refuseOrphans(doing: string): void {
    refuseOrphans(
      this.#keep.flatMap(({ maps }) => maps),
      `${doing} ${this.target}`,
    );
  }

  #letGo(): void {
    this.link?.close();
    for (const program of this.#keep) program.close();
    this.#map.close();
  }
}

/** Descriptors of prog arrays that its programs call through. */
function keepAll({ programs }: StructOps): Program[] {
  return programs.flatMap((program) => keepAlive(program) ?? []);
}
