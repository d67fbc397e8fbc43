import { concatBytes, encodeText, viewOf } from '../util/bytes.ts';
import { bpf, pointer, present } from './bpf.ts';
import {
  iterCreateAttr,
  linkBtfArm,
  linkCreateHead,
  linkDetachAttr,
  linkIterArm,
  linkKprobeMultiArm,
  linkNetfilterArm,
  linkOrderArm,
  linkPerfEventArm,
  linkUpdateAttr,
  linkUprobeMultiArm,
  rawTracepointAttr,
} from './bpf-link-attr.ts';

/** What LINK_CREATE is given behind its head, by what is attached to. */
export type LinkArm =
  /** xdp, netns, sockmap, struct_ops, lsm_cgroup. */
  | { readonly kind: 'none' }
  | { readonly kind: 'tracing'; readonly targetBtfId?: number; readonly cookie?: bigint }
  | { readonly kind: 'iter'; readonly info: Uint8Array }
  | { readonly kind: 'perf-event'; readonly cookie?: bigint }
  | {
      readonly kind: 'kprobe-multi';
      readonly flags: number;
      /** Names or addresses, one of the two. */
      readonly symbols?: readonly string[];
      readonly addresses?: readonly bigint[];
      readonly cookies?: readonly bigint[];
    }
  | {
      readonly kind: 'uprobe-multi';
      readonly path: string;
      readonly offsets: readonly bigint[];
      readonly refCtrOffsets?: readonly bigint[];
      readonly cookies?: readonly bigint[];
      readonly flags: number;
      /** 0: every process. */
      readonly pid: number;
    }
  | {
      readonly kind: 'netfilter';
      readonly pf: number;
      readonly hook: number;
      readonly priority: number;
      readonly flags: number;
    }
  | { readonly kind: 'order'; readonly relative?: number; readonly expectedRevision?: bigint };

export interface LinkCreateParams {
  /** The program's descriptor; of struct_ops the map's. */
  readonly progFd: number;
  /** A descriptor or an interface's index. */
  readonly target?: number;
  readonly attachType: number;
  readonly flags?: number;
  readonly arm?: LinkArm;
}

/** The bytes of an arm and the buffers that they point to. */
interface ArmBytes {
  readonly bytes: Uint8Array;
  readonly held: readonly Uint8Array[];
}

function u64Array(values: readonly bigint[] | undefined): Uint8Array | undefined {
  return values && new Uint8Array(BigUint64Array.from(values).buffer);
}

/** Addresses of texts, one behind the other in a buffer of their own. */
function texts(values: readonly string[] | undefined): { array: Uint8Array; text: Uint8Array } | undefined {
  if (!values) return undefined;
  const parts = values.map((value) => encodeText(`${value}\0`));
  const text = concatBytes(parts);
  let at = pointer(text);
  const addresses = parts.map((part) => {
    const here = at;
    at += BigInt(part.length);
    return here;
  });
  return { array: u64Array(addresses)!, text };
}

type Encoders = { readonly [K in LinkArm['kind']]: (arm: Extract<LinkArm, { kind: K }>) => ArmBytes };

const ENCODERS: Encoders = {
  none: () => ({ bytes: new Uint8Array(0), held: [] }),
  tracing: ({ targetBtfId = 0, cookie = 0n }) => ({
    bytes: linkBtfArm.encode({ target_btf_id: targetBtfId, cookie }),
    held: [],
  }),
  iter: ({ info }) => ({
    bytes: linkIterArm.encode({ iter_info: pointer(info), iter_info_len: info.length }),
    held: [info],
  }),
  'perf-event': ({ cookie = 0n }) => ({ bytes: linkPerfEventArm.encode({ bpf_cookie: cookie }), held: [] }),
  'kprobe-multi': ({ flags, symbols, addresses, cookies }) => {
    const names = texts(symbols);
    const [addrs, cookieBytes] = [u64Array(addresses), u64Array(cookies)];
    return {
      bytes: linkKprobeMultiArm.encode({
        flags,
        cnt: symbols?.length ?? addresses?.length ?? 0,
        syms: pointer(names?.array),
        addrs: pointer(addrs),
        cookies: pointer(cookieBytes),
      }),
      held: present(names?.array, names?.text, addrs, cookieBytes),
    };
  },
  'uprobe-multi': ({ path, offsets, refCtrOffsets, cookies, flags, pid }) => {
    const pathBytes = encodeText(`${path}\0`);
    const buffers = [u64Array(offsets), u64Array(refCtrOffsets), u64Array(cookies)] as const;
    return {
      bytes: linkUprobeMultiArm.encode({
        path: pointer(pathBytes),
        offsets: pointer(buffers[0]),
        ref_ctr_offsets: pointer(buffers[1]),
        cookies: pointer(buffers[2]),
        cnt: offsets.length,
        flags,
        pid,
      }),
      held: present(pathBytes, ...buffers),
    };
  },
  netfilter: ({ pf, hook, priority, flags }) => ({
    bytes: linkNetfilterArm.encode({ pf, hooknum: hook, priority, flags }),
    held: [],
  }),
  order: ({ relative = 0, expectedRevision = 0n }) => ({
    bytes: linkOrderArm.encode({ relative, expected_revision: expectedRevision }),
    held: [],
  }),
};

/** BPF_LINK_CREATE. @returns the descriptor, or minus the errno */
export function tryLinkCreate(params: LinkCreateParams): number {
  const arm = params.arm ?? { kind: 'none' };
  const { bytes, held } = (ENCODERS[arm.kind] as (arm: LinkArm) => ArmBytes)(arm);
  const head = linkCreateHead.encode({
    prog_fd: params.progFd,
    target: params.target ?? 0,
    attach_type: params.attachType,
    flags: params.flags ?? 0,
  });
  return bpf('LINK_CREATE', { attr: concatBytes([head, bytes]), held });
}

/** BPF_F_REPLACE (Linux, `include/uapi/linux/bpf.h`): the old one must be what is named. */
const REPLACE = 1 << 2;

/** BPF_LINK_UPDATE. With `oldFd` only where that one is attached. @returns 0, or minus the errno */
export function tryLinkUpdate(linkFd: number, newFd: number, oldFd?: number): number {
  const flags = oldFd === undefined ? 0 : REPLACE;
  const attr = linkUpdateAttr.encode({ link_fd: linkFd, new_fd: newFd, flags, old_fd: oldFd ?? 0 });
  return bpf('LINK_UPDATE', { attr, held: [] });
}

/** BPF_LINK_DETACH. @returns 0, or minus the errno: EOPNOTSUPP for kinds that only end with their last descriptor */
export function tryLinkDetach(linkFd: number): number {
  return bpf('LINK_DETACH', { attr: linkDetachAttr.encode({ link_fd: linkFd }), held: [] });
}

/** BPF_RAW_TRACEPOINT_OPEN; without a name for programs whose target was given at load. @returns the descriptor, or minus the errno */
export function tryRawTracepointOpen(progFd: number, name?: string, cookie = 0n): number {
  const bytes = name === undefined ? undefined : encodeText(`${name}\0`);
  const attr = rawTracepointAttr.encode({ name: pointer(bytes), prog_fd: progFd, cookie });
  return bpf('RAW_TRACEPOINT_OPEN', { attr, held: present(bytes) });
}

/** BPF_ITER_CREATE. @returns a descriptor to read from, or minus the errno */
export function tryIterCreate(linkFd: number): number {
  return bpf('ITER_CREATE', { attr: iterCreateAttr.encode({ link_fd: linkFd }), held: [] });
}

/** What an iterator walks through: `union bpf_iter_link_info` (Linux, `include/uapi/linux/bpf.h`). */
export type IterTarget =
  | { readonly kind: 'map'; readonly fd: number }
  | { readonly kind: 'cgroup'; readonly fd: number; readonly order: number }
  | { readonly kind: 'task'; readonly tid?: number; readonly pid?: number; readonly pidFd?: number };

/** Room for the largest arm: a cgroup's. */
const ITER_INFO_SIZE = 16;

export function encodeIterTarget(target: IterTarget): Uint8Array {
  const bytes = new Uint8Array(ITER_INFO_SIZE);
  const words =
    target.kind === 'map'
      ? [target.fd]
      : target.kind === 'cgroup'
        ? [target.order, target.fd]
        : [target.tid ?? 0, target.pid ?? 0, target.pidFd ?? 0];
  for (const [index, word] of words.entries()) viewOf(bytes).setUint32(4 * index, word, true);
  return bytes;
}
