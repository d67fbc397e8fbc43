import { bpf, pointer } from './bpf.ts';
import { progAttachAttr, progQueryAttr } from './bpf-link-attr.ts';
import { Errno } from './errno.ts';

/** Flags of PROG_ATTACH, PROG_DETACH and LINK_CREATE (Linux, `include/uapi/linux/bpf.h`). */
export const AttachFlag = {
  ALLOW_OVERRIDE: 1,
  ALLOW_MULTI: 2,
  REPLACE: 4,
  BEFORE: 8,
  AFTER: 16,
  /** `relative` is an id and not a descriptor. */
  ID: 32,
  PREORDER: 64,
  /** `relative` is a link and not a program. */
  LINK: 8192,
} as const;

export interface ProgAttachParams {
  /** A descriptor, or an interface's index. */
  readonly target: number;
  /** 0 detaches whatever it is, where the target allows that. */
  readonly progFd: number;
  readonly attachType: number;
  /** {@link AttachFlag} values, or-ed. */
  readonly flags?: number;
  /** With REPLACE: the program that must be there. */
  readonly replaceFd?: number | undefined;
  /** With BEFORE and AFTER: a descriptor, with ID an id; 0 is the very first or last. */
  readonly relative?: number | undefined;
  readonly expectedRevision?: bigint | undefined;
}

function attachAttr(params: ProgAttachParams): Uint8Array {
  return progAttachAttr.encode({
    target: params.target,
    attach_bpf_fd: params.progFd,
    attach_type: params.attachType,
    attach_flags: params.flags ?? 0,
    replace_bpf_fd: params.replaceFd ?? 0,
    relative: params.relative ?? 0,
    expected_revision: params.expectedRevision ?? 0n,
  });
}

/** BPF_PROG_ATTACH. @returns 0, or minus the errno */
export function tryProgAttach(params: ProgAttachParams): number {
  return bpf('PROG_ATTACH', { attr: attachAttr(params), held: [] });
}

/** BPF_PROG_DETACH. @returns 0, or minus the errno */
export function tryProgDetach(params: ProgAttachParams): number {
  return bpf('PROG_DETACH', { attr: attachAttr(params), held: [] });
}

/** BPF_F_QUERY_EFFECTIVE: what runs, those of parents included. */
export const QUERY_EFFECTIVE: number = 1 << 0;

/** A program that PROG_QUERY tells of. */
export interface QueriedProgram {
  readonly programId: number;
  /** 0 where it is not attached by a link, and for targets that do not tell. */
  readonly linkId: number;
  readonly attachFlags: number;
}

export interface ProgQueryResult {
  /** 0, or minus the errno. */
  readonly result: number;
  readonly attachFlags: number;
  /** Counts changes, where the target counts them; else 0. */
  readonly revision: bigint;
  readonly programs: readonly QueriedProgram[];
}

/** BPF_CGROUP_MAX_PROGS and BPF_MPROG_MAX are 64; sockmaps and others hold one. */
const MAX_PROGRAMS = 64;

/** Which arrays a target fills: more than it knows is EINVAL. */
export interface QueryWants {
  /** Cgroups, but not with QUERY_EFFECTIVE. */
  readonly programFlags?: boolean;
  /** tcx and netkit. */
  readonly links?: boolean;
}

/** BPF_PROG_QUERY. */
export function tryProgQuery(
  target: number,
  attachType: number,
  queryFlags = 0,
  wants: QueryWants = {},
): ProgQueryResult {
  const buffer = (): Uint8Array => new Uint8Array(4 * MAX_PROGRAMS);
  const [ids, flags, links] = [buffer(), buffer(), buffer()];
  const attr = progQueryAttr.encode({
    target,
    attach_type: attachType,
    query_flags: queryFlags,
    prog_ids: pointer(ids),
    count: MAX_PROGRAMS,
    prog_attach_flags: wants.programFlags ? pointer(flags) : 0n,
    link_ids: wants.links ? pointer(links) : 0n,
  });
  const result = bpf('PROG_QUERY', { attr, held: [ids, flags, links] });
  const out = progQueryAttr.decode(attr);
  // ENOSPC still fills what there was room for.
  const count = result === 0 || result === -Errno.ENOSPC ? Math.min(out.count, MAX_PROGRAMS) : 0;
  const at = (bytes: Uint8Array, index: number): number =>
    new DataView(bytes.buffer).getUint32(4 * index, true);
  return {
    result,
    attachFlags: out.attach_flags,
    revision: out.revision,
    programs: Array.from({ length: count }, (_, index) => ({
      programId: at(ids, index),
      linkId: at(links, index),
      attachFlags: at(flags, index),
    })),
  };
}
