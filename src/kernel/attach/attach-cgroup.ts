import { openSync } from 'node:fs';
import { enumName } from '../../isa/enum-name.ts';
import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import {
  AttachFlag,
  QUERY_EFFECTIVE,
  tryProgAttach,
  tryProgDetach,
  tryProgQuery,
} from '../../syscall/bpf-attach.ts';
import { Errno } from '../../syscall/errno.ts';
import { Fd } from '../../syscall/fd.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { Program } from '../load/program.ts';
import { WITH_CGROUP_STORAGE } from '../maps/map-errors.ts';
import { type AttachOrder, encodeOrder } from './attach-order.ts';
import { requireType } from './attach-type.ts';
import { attachContext, createLink, type Link, TargetAttachment } from './link.ts';

/** The attach types of cgroups, as `enum bpf_attach_type` calls them without `BPF_`, in lower case. */
export type CgroupAttachName = Lowercase<Extract<keyof typeof AttachType, `CGROUP_${string}`>> | 'lsm_cgroup';

/** A cgroup of version 2: its folder, or a descriptor of it. */
export type CgroupTarget = string | { readonly fd: number };

export interface AttachCgroupOptions extends AttachOrder {
  readonly cgroup: CgroupTarget;
  /** Left out, what the program was loaded for: `cgroup/connect4` is `cgroup_inet4_connect`. */
  readonly attachType?: CgroupAttachName;
}

export interface AttachCgroupProgramOptions extends AttachCgroupOptions {
  /**
   * `multi`: beside others, here and below (ALLOW_MULTI); `override`: alone, and cgroups below may
   * put another in its place (ALLOW_OVERRIDE); `single`: alone, and nobody below has one.
   */
  readonly mode?: 'multi' | 'override' | 'single';
  /** Of `multi`: runs before those of parents (PREORDER, Linux 6.16). */
  readonly preorder?: boolean;
  /** Of `multi`: takes the place of this program. */
  readonly replace?: Program;
}

const CGROUP_TYPES: readonly ProgType[] = [...WITH_CGROUP_STORAGE, ProgType.LSM];

const NAMES: readonly CgroupAttachName[] = Object.keys(AttachType)
  .filter((name) => name.startsWith('CGROUP_') || name === 'LSM_CGROUP')
  .map((name) => name.toLowerCase() as CgroupAttachName);

function numberOf(name: CgroupAttachName): number {
  const number = (AttachType as Readonly<Record<string, number>>)[name.toUpperCase()];
  if (number !== undefined && NAMES.includes(name)) return number;
  throw new TsbpfError('ATTACH_TYPE_UNKNOWN', `a cgroup has no attach type '${name}'`, {
    hint: didYouMean(name, NAMES)[0] ?? `known: ${NAMES.join(', ')}`,
  });
}

function attachTypeOf(program: Program, name: CgroupAttachName | undefined): number {
  if (name !== undefined) return numberOf(name);
  const loaded = program.traits.expectedAttachType;
  // 0 is CGROUP_INET_INGRESS, and also what programs have that were loaded for nothing in particular.
  if (loaded !== undefined && (loaded !== 0 || program.section.includes('ingress'))) return loaded;
  if (program.type === ProgType.SOCK_OPS) return AttachType.CGROUP_SOCK_OPS;
  if (program.type === ProgType.CGROUP_DEVICE) return AttachType.CGROUP_DEVICE;
  if (program.type === ProgType.CGROUP_SYSCTL) return AttachType.CGROUP_SYSCTL;
  throw new TsbpfError(
    'ATTACH_TYPE_MISSING',
    `program '${program.name}' (${program.typeName}) does not say where in a cgroup it goes`,
    { hint: "give attachType, such as 'cgroup_inet_egress'" },
  );
}

/** Opens a cgroup for the time of `use`. */
function withCgroup<T>(target: CgroupTarget, use: (fd: number, what: string) => T): T {
  if (typeof target !== 'string') return use(target.fd, `cgroup (descriptor ${target.fd})`);
  let number: number;
  try {
    number = openSync(target, 'r');
  } catch (cause) {
    throw new TsbpfError('CGROUP_NOT_FOUND', `there is no cgroup ${target}`, {
      hint: 'cgroups of version 2 are folders below /sys/fs/cgroup or /sys/fs/cgroup/unified',
      cause,
    });
  }
  const fd = new Fd(number, `cgroup ${target}`);
  try {
    return use(fd.number, fd.what);
  } finally {
    fd.close();
  }
}

const typeText = (attachType: number): string => enumName(AttachType, attachType).toLowerCase();

/**
 * Attaches a program to a cgroup by a link (Linux 5.7): others may be attached beside it, and it is
 * off when the link closes.
 *
 * @example `using link = attachCgroup(program, { cgroup: '/sys/fs/cgroup/app' });`
 * @throws {TsbpfError} `CGROUP_NOT_FOUND`, `PROG_TYPE_WRONG`, `ATTACH_TYPE_MISSING`
 * @throws {SyscallError} EBADF (no cgroup of version 2), EINVAL (loaded for another attach type), EPERM
 */
export function attachCgroup(program: Program, options: AttachCgroupOptions): Link {
  requireType(program, CGROUP_TYPES, 'a cgroup');
  const attachType = attachTypeOf(program, options.attachType);
  const { flags, relative, expectedRevision } = encodeOrder(options);
  const ordered = flags !== 0 || expectedRevision !== 0n;
  return withCgroup(options.cgroup, (target, what) =>
    createLink(
      program,
      // Kernels before 6.17 know no order among links of a cgroup.
      { target, attachType, flags, ...(ordered && { arm: { kind: 'order', relative, expectedRevision } }) },
      `${what} (${typeText(attachType)})`,
    ),
  );
}

const MODE_FLAGS = { multi: AttachFlag.ALLOW_MULTI, override: AttachFlag.ALLOW_OVERRIDE, single: 0 } as const;

/**
 * Attaches a program to a cgroup without a link: it stays until it is detached, or the cgroup goes.
 *
 * @throws {TsbpfError} @throws {SyscallError} EPERM where a program here or above leaves no room
 */
export function attachCgroupProgram(program: Program, options: AttachCgroupProgramOptions): TargetAttachment {
  requireType(program, CGROUP_TYPES, 'a cgroup');
  const attachType = attachTypeOf(program, options.attachType);
  const { cgroup, mode = 'multi', replace, preorder } = options;
  const order = encodeOrder(options);
  const target = withCgroup(cgroup, (fd, what) => {
    const where = `${what} (${typeText(attachType)})`;
    const result = tryProgAttach({
      target: fd,
      progFd: program.fd.number,
      attachType,
      flags:
        MODE_FLAGS[mode] |
        order.flags |
        (replace ? AttachFlag.REPLACE : 0) |
        (preorder ? AttachFlag.PREORDER : 0),
      replaceFd: replace?.fd.number,
      relative: order.relative,
      expectedRevision: order.expectedRevision,
    });
    if (result < 0) {
      const doing = `attach program '${program.name}' to ${where}`;
      throw bpfError('PROG_ATTACH', -result, doing, attachContext(program, attachType));
    }
    return where;
  });
  return new TargetAttachment(program, target, (own) => detachFrom(own, cgroup, attachType));
}

function detachFrom(program: Program, cgroup: CgroupTarget, attachType: number): boolean {
  try {
    return withCgroup(cgroup, (target, what) => {
      const result = tryProgDetach({ target, progFd: program.fd.number, attachType });
      if (result === 0) return true;
      if (result === -Errno.ENOENT) return false;
      const doing = `detach program '${program.name}' from ${what}`;
      throw bpfError('PROG_DETACH', -result, doing, attachContext(program, attachType));
    });
  } catch (error) {
    // With the cgroup went what was attached to it.
    if (error instanceof TsbpfError && error.code === 'CGROUP_NOT_FOUND') return false;
    throw error;
  }
}

/** What is attached to a cgroup. */
export interface CgroupProgram {
  readonly attachType: CgroupAttachName;
  readonly programId: number;
  /** Of the list: `multi`, `override` or `single`; of effective ones the kernel does not tell. */
  readonly mode: CgroupMode | undefined;
}

type CgroupMode = 'multi' | 'override' | 'single';

function modeOf(flags: number): CgroupMode {
  if (flags & AttachFlag.ALLOW_MULTI) return 'multi';
  return flags & AttachFlag.ALLOW_OVERRIDE ? 'override' : 'single';
}

/**
 * The programs of a cgroup, by attach type; with `effective`, those of parents that run there too.
 *
 * @throws {TsbpfError} `CGROUP_NOT_FOUND` @throws {SyscallError} EPERM, EBADF
 */
export function queryCgroup(
  cgroup: CgroupTarget,
  options: { readonly effective?: boolean } = {},
): CgroupProgram[] {
  return withCgroup(cgroup, (fd, what) =>
    NAMES.flatMap((name) => {
      const attachType = numberOf(name);
      const asked = tryProgQuery(fd, attachType, options.effective ? QUERY_EFFECTIVE : 0);
      // Attach types that this kernel does not have, or does not tell of.
      if (asked.result === -Errno.EINVAL || asked.result === -Errno.EOPNOTSUPP) return [];
      if (asked.result < 0)
        throw bpfError('PROG_QUERY', -asked.result, `ask what is attached to ${what}`, { attachType });
      const mode = options.effective ? undefined : modeOf(asked.attachFlags);
      return asked.programs.map(({ programId }) => ({ attachType: name, programId, mode }));
    }),
  );
}

export interface DetachCgroupOptions {
  /** Left out, of every attach type. */
  readonly attachType?: CgroupAttachName;
  /** Only this one. */
  readonly programId?: number;
}

/**
 * Takes programs off a cgroup that were attached without a link, whoever attached them; a link's stay.
 *
 * @returns what was taken off
 * @throws {TsbpfError} `CGROUP_NOT_FOUND`, `PROG_TYPE_WRONG` @throws {SyscallError} EPERM
 */
export function detachCgroup(cgroup: CgroupTarget, options: DetachCgroupOptions = {}): CgroupProgram[] {
  return queryCgroup(cgroup).filter(({ attachType, programId }) => {
    if ((options.attachType ?? attachType) !== attachType) return false;
    if ((options.programId ?? programId) !== programId) return false;
    using program = Program.openById(programId);
    return detachFrom(program, cgroup, numberOf(attachType));
  });
}
