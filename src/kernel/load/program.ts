import { type AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import type { ProgramKind } from '../../object/spec.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { type ProgInfo, progInfo } from '../../syscall/bpf-info.ts';
import { fdById } from '../../syscall/bpf-object.ts';
import { type ProgBtfParams, tryProgTestRun, XDP_DEV_BOUND_ONLY } from '../../syscall/bpf-prog.ts';
import { Fd } from '../../syscall/fd.ts';
import type { NetworkNamespaceRef } from '../../syscall/network-namespace.ts';
import { checkRange, TsbpfError } from '../../util/errors.ts';
import { type AttachOptions, attach } from '../attach/attach.ts';
import type { IterAttachment } from '../attach/attach-iter.ts';
import type { AttachTarget } from '../attach/attach-target.ts';
import type { Attached } from '../attach/link.ts';
import { acceptedName } from '../features/features-fallback.ts';
import type { BpfMap } from '../maps/map.ts';
import type { TailCallTraits } from '../maps/map-errors.ts';
import { kernelName, programKindOf, progTypeName } from '../names.ts';
import { expectKind, openPin, type PinOptions, pinFd, removePins } from '../pin.ts';
import { ProgramStream, type StreamName } from '../read/stream.ts';
import { type BoundDevice, onDevice } from './bound-device.ts';
import type { LogOptions } from './load-log.ts';
import { loadProgramFd } from './load-program.ts';

/** BPF_F_XDP_HAS_FRAGS (Linux, `include/uapi/linux/bpf.h`). */
export const XDP_HAS_FRAGS: number = 1 << 5;

/** What {@link Program.load} is given. */
export interface ProgramOptions extends LogOptions {
  readonly name?: string;
  /** The section's title, where it has one. */
  readonly section?: string;
  /** A ProgType, or its name: `xdp`, `sched_cls`. */
  readonly type: ProgType | string;
  /** Slots of 8 bytes, map descriptors already in place. */
  readonly code: Uint8Array;
  /** As the `license` section has it. */
  readonly license?: string;
  /** Left out, what the type's name implies: BPF_XDP for `xdp`, as other loaders set it. */
  readonly expectedAttachType?: AttachType | 0 | undefined;
  /** `prog_flags`. */
  readonly flags?: number;
  /** What tracing, LSM and freplace programs are for, named at load. */
  readonly attachTarget?: AttachTarget | undefined;
  readonly btf?: ProgBtfParams | undefined;
  /** Descriptors of kernel modules' types, 4 bytes each, that calls of their functions refer to by place. */
  readonly fdArray?: Uint8Array | undefined;
  /** Maps that must stay open for it to work as meant: the prog arrays that it calls through. */
  readonly maps?: readonly BpfMap[];
  /** What gives the right to load it where the process itself has none. */
  readonly token?: { readonly fd: Fd } | undefined;
  /** Of XDP programs (Linux 6.3): the interface that it is bound to, by name or index; its kfuncs tell what the driver knows. */
  readonly device?: string | number | undefined;
  /** Where that interface is; left out, this thread's network namespace. */
  readonly netns?: NetworkNamespaceRef | undefined;
}

export interface TestRunOptions {
  /** The packet, from its Ethernet header on: at least 14 bytes for packet programs. */
  readonly data?: Uint8Array;
  /** Room for the packet that comes out, in bytes. */
  readonly dataSizeOut?: number;
  /** The context struct as the program type has it (`struct xdp_md`, `struct __sk_buff` …). */
  readonly ctx?: Uint8Array;
  /** How often to run it on the same input. */
  readonly repeat?: number;
  readonly flags?: number;
}

export interface TestRunResult {
  /** What the program returned, as an unsigned number. */
  readonly retval: number;
  /** The packet as the program left it; empty where none went in. */
  readonly data: Uint8Array;
  readonly ctx: Uint8Array | undefined;
  /** Mean of one run. */
  readonly durationNs: number;
}

/** A program may put this much before and behind a packet: XDP_PACKET_HEADROOM, and the rest of a page. */
const TEST_RUN_GROWTH = 256 + 4096;

/**
 * A program in the kernel: one descriptor.
 *
 * @example
 * ```ts
 * using program = collection.program('packet_classifier');
 * program.testRun({ data: frame }).retval; // 2, XDP_PASS
 * ```
 */
export class Program {
  /** As the object calls it; the kernel's own is cut to 15 bytes. */
  readonly name: string;
  /** The section's title; empty where it was not loaded from an object. */
  readonly section: string;
  readonly type: ProgType;
  readonly traits: TailCallTraits;
  readonly fd: Fd;
  /** The interface that it was loaded for; undefined for any, and for programs that were opened: the kernel does not tell. */
  readonly device: BoundDevice | undefined;
  /** Maps that must stay open while this program is attached. Owned by the collection, or by this program. */
  readonly #maps: readonly BpfMap[];
  readonly #ownsMaps: boolean;
  readonly #pins: Set<string> = new Set();

  private constructor(
    fd: Fd,
    traits: TailCallTraits,
    section: string,
    maps: readonly BpfMap[],
    ownsMaps: boolean,
    device?: BoundDevice,
  ) {
    this.fd = fd;
    this.device = device;
    this.name = traits.name;
    this.section = section;
    // A newer kernel may know more types than this table.
    this.type = traits.progType as ProgType;
    this.traits = traits;
    this.#maps = maps;
    this.#ownsMaps = ownsMaps;
  }

  /**
   * Loads instructions. The verifier's log is asked for only where it refuses.
   *
   * @throws {VerifierError} with the last lines that matter and the log
   * @throws {SyscallError} EPERM with the capability that is missing, EINVAL
   *
   * @example
   * ```ts
   * // r0 = 2; exit
   * using pass = Program.load({ name: 'pass', type: 'xdp', code: fromHex('b700000002000000 9500000000000000') });
   * ```
   */
  static load(options: ProgramOptions): Program {
    const kind = programKindOf(options.type);
    const { code } = options;
    if (code.length % 8 !== 0)
      throw new TsbpfError('CODE_SIZE', `code is ${code.length} bytes, but instructions are 8 bytes each`);
    checkRange('the number of instructions', code.length / 8, 1, 2 ** 28);
    return onDevice(options, kind.progType ?? 0, (device) => Program.#load(options, kind, device));
  }

  static #load(options: ProgramOptions, kind: ProgramKind, device: BoundDevice | undefined): Program {
    const { name = '', code, maps = [] } = options;
    const type = kind.progType ?? 0;
    const expectedAttachType = options.expectedAttachType ?? kind.expectedAttachType;
    const flags = (options.flags ?? kind.flags) | (device ? XDP_DEV_BOUND_ONLY : 0);
    const frags = (flags & XDP_HAS_FRAGS) !== 0;
    const attachBtfId = options.attachTarget?.btfId;
    const traits: TailCallTraits = {
      name,
      progType: type,
      expectedAttachType,
      frags,
      attachBtfId,
      device: device?.ifname,
    };
    const params = {
      name: acceptedName(kernelName(name)),
      type,
      code,
      license: options.license ?? '',
      flags,
      expectedAttachType,
      attachBtfId: options.attachTarget?.btfId,
      attachObjectFd: options.attachTarget?.fd,
      btf: options.btf,
      fdArray: options.fdArray,
      tokenFd: options.token?.fd.number,
      ifindex: device?.ifindex,
    };
    const fd = loadProgramFd(params, traits, maps, options);
    return new Program(fd, traits, options.section ?? '', maps, false, device);
  }

  /** Opens a pinned program. @throws {SyscallError} ENOENT @throws {TsbpfError} `PIN_KIND` */
  static openPinned(path: string): Program {
    const program = Program.fromFd(openPin(path, 'program'));
    program.#pins.add(path);
    return program;
  }

  /** Opens a program by its id. @throws {SyscallError} ENOENT, EPERM without CAP_SYS_ADMIN */
  static openById(id: number): Program {
    return Program.fromFd(new Fd(fdById('PROG', id), `program ${id}`));
  }

  /** Takes over a descriptor; closes it where it is not one of a program. */
  static fromFd(fd: Fd): Program {
    try {
      expectKind(fd, 'program');
      const { name, type } = progInfo(fd.number, fd.what);
      const traits = { name, progType: type, expectedAttachType: undefined, frags: undefined };
      return new Program(fd, traits, '', [], false);
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  /** `xdp`, `sched_cls` … */
  get typeName(): string {
    return progTypeName(this.type);
  }

  /** The maps that must stay open while this program is attached. */
  get maps(): readonly BpfMap[] {
    return this.#maps;
  }

  /** The kernel's number of this program. */
  get id(): number {
    return this.info().id;
  }

  info(): ProgInfo {
    return progInfo(this.fd.number, this.fd.what);
  }

  /**
   * Runs it once, or `repeat` times, on a packet or context that is handed in.
   *
   * @throws {SyscallError} EINVAL for input that the type does not take, ENOTSUPP for types that cannot be run
   */
  testRun(options: TestRunOptions = {}): TestRunResult {
    const { data, ctx, repeat, flags } = options;
    const room = options.dataSizeOut ?? (data ? data.length + TEST_RUN_GROWTH : 0);
    const dataOut = new Uint8Array(checkRange('dataSizeOut', room, 0, 2 ** 30));
    // Programs of type syscall get their context back where it was; others want room for it.
    const inPlace = this.type === ProgType.SYSCALL;
    const ctxOut = ctx && (inPlace ? ctx.slice() : new Uint8Array(ctx.length));
    const outcome = tryProgTestRun({
      fd: this.fd.number,
      data,
      dataOut: data && dataOut,
      ctx: inPlace ? ctxOut : ctx,
      ctxOut: inPlace ? undefined : ctxOut,
      ...(repeat !== undefined && { repeat: checkRange('repeat', repeat, 1, 2 ** 31 - 1) }),
      ...(flags !== undefined && { flags }),
    });
    if (outcome.result < 0) {
      throw bpfError('PROG_TEST_RUN', -outcome.result, `run ${this.fd.what}`, {
        progType: this.type,
        device: this.device?.ifname,
        dataSizeOut: outcome.dataSizeOut,
        dataRoom: room,
        ...(data && { dataSize: data.length }),
        ...(ctx && { ctxSize: ctx.length }),
      });
    }
    return {
      retval: outcome.retval,
      data: data ? dataOut.slice(0, outcome.dataSizeOut) : new Uint8Array(0),
      ctx: ctxOut,
      durationNs: outcome.durationNs,
    };
  }

  /**
   * Pins it in a BPF file system. A prog array that it calls through and that was filled, by the
   * load or by this process, must be pinned first: with the last descriptor its slots would be emptied, and the pinned
   * program would fall through every tail call.
   *
   * @throws {TsbpfError} `PROG_ARRAY_ORPHANED` @throws {SyscallError} EEXIST, ENOENT, EPERM
   */
  pin(path: string, options: PinOptions = {}): void {
    refuseOrphans(this.#maps, `pinning ${this.fd.what}`);
    pinFd(this.fd, path, options);
    this.#pins.add(path);
  }

  /** Removes the pins that `pin` made and that it was opened from. @throws {TsbpfError} `NOT_PINNED` */
  unpin(): void {
    removePins(this.fd, this.#pins);
  }

  /**
   * Attaches it to what its section names, as {@link attach} does.
   *
   * @throws {TsbpfError} `ATTACH_TARGET_MISSING`, `ATTACH_TARGET_INVALID`
   */
  attach(options: AttachOptions = {}): Attached | IterAttachment {
    return attach(this, options);
  }

  /** What it prints (`stdout`), or what the kernel reports of its faults (`stderr`), since Linux 6.17. */
  stream(name: StreamName): ProgramStream {
    return new ProgramStream(this.fd, name);
  }

  /** Another handle with descriptors of its own, for another owner; its maps stay open with it. */
  duplicate(): Program {
    const maps: BpfMap[] = [];
    const fd = this.fd.duplicate();
    try {
      for (const map of this.#maps) maps.push(map.duplicate());
    } catch (error) {
      for (const map of [...maps, fd]) map.close();
      throw error;
    }
    return new Program(fd, this.traits, this.section, maps, true, this.device);
  }

  /** Closes the descriptor, and its own handles of maps; a second call does nothing. */
  close(): void {
    this.fd.close();
    if (this.#ownsMaps) for (const map of this.#maps) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** @throws {TsbpfError} `PROG_ARRAY_ORPHANED` where a filled prog array is held by descriptors of this process alone */
export function refuseOrphans(maps: readonly BpfMap[], doing: string): void {
  const orphans = maps.filter((map) => map.losesSlots).map((map) => `'${map.name}'`);
  if (orphans.length === 0) return;
  throw new TsbpfError(
    'PROG_ARRAY_ORPHANED',
    `${doing} alone would orphan prog array ${orphans.join(', ')}: its slots are emptied with the last descriptor`,
    { hint: 'pin the prog array first, or keep this process and its collection open' },
  );
}
