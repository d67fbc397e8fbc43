import { findEnumName } from '../isa/enum-name.ts';
import { AttachType, LinkType } from '../isa/kernel-tables.generated.ts';
import { decodeCString, viewOf } from '../util/bytes.ts';
import { checkedBpf, pointer } from './bpf.ts';
import { infoAttr } from './bpf-attr.ts';

// `struct bpf_link_info` (Linux, `include/uapi/linux/bpf.h`): type, id and program at 0, 4 and 8, and
// a union by type from byte 16 on.

/** What a link is attached to, by the kind of link. Names are as the kernel has them, addresses are left out. */
export type LinkTarget =
  | { readonly kind: 'raw_tracepoint'; readonly name: string; readonly cookie: bigint }
  | {
      readonly kind: 'tracing';
      readonly attachType: string;
      /** The id of the BTF that has the target, or of the program that is. */
      readonly targetObjectId: number;
      readonly targetBtfId: number;
      readonly cookie: bigint;
    }
  | { readonly kind: 'cgroup'; readonly cgroupId: bigint; readonly attachType: string }
  | {
      readonly kind: 'iter';
      readonly name: string;
      /** What the bytes behind the name hold, where the iterator has a target of its own. */
      readonly mapId?: number;
      readonly cgroupId?: bigint;
      readonly tid?: number;
      readonly pid?: number;
    }
  | { readonly kind: 'netns'; readonly netnsInode: number; readonly attachType: string }
  | { readonly kind: 'xdp'; readonly ifindex: number }
  | {
      readonly kind: 'uprobe' | 'uretprobe';
      readonly path: string;
      readonly offset: number;
      readonly cookie: bigint;
      readonly refCtrOffset: bigint;
    }
  | {
      readonly kind: 'kprobe' | 'kretprobe';
      readonly name: string;
      readonly offset: number;
      readonly missed: bigint;
      readonly cookie: bigint;
    }
  | { readonly kind: 'tracepoint'; readonly name: string; readonly cookie: bigint }
  | { readonly kind: 'perf_event'; readonly type: number; readonly config: bigint; readonly cookie: bigint }
  | { readonly kind: 'kprobe_multi'; readonly count: number; readonly flags: number; readonly missed: bigint }
  | { readonly kind: 'struct_ops'; readonly mapId: number }
  | {
      readonly kind: 'netfilter';
      readonly protocolFamily: number;
      readonly hook: number;
      readonly priority: number;
      readonly flags: number;
    }
  | { readonly kind: 'tcx' | 'netkit'; readonly ifindex: number; readonly attachType: string }
  | {
      readonly kind: 'uprobe_multi';
      readonly path: string;
      readonly offsets: readonly bigint[];
      readonly refCtrOffsets: readonly bigint[];
      readonly cookies: readonly bigint[];
      readonly flags: number;
      readonly pid: number;
    }
  | { readonly kind: 'sockmap'; readonly mapId: number; readonly attachType: string }
  | { readonly kind: 'other'; readonly type: number };

/** What the kernel tells of a link. */
export interface LinkInfo {
  readonly type: number;
  /** `xdp`, `tcx`, `perf_event` … as `enum bpf_link_type` calls it. */
  readonly typeName: string;
  readonly id: number;
  /** 0 for struct_ops. */
  readonly programId: number;
  /** False where the target has gone, or the link was detached. */
  readonly attached: boolean;
  readonly target: LinkTarget;
}

/** Larger than the struct of any kernel so far; the kernel writes what it knows. */
const INFO_SIZE = 128;
/** PATH_MAX, which is also more than any symbol's name. */
const TEXT_SIZE = 4096;
/** More probes than this in one link are not asked for one by one. */
const MAX_PROBES = 65_536;
const UNION = 16;

/** `xdp` for 6; `type 99` for one that is not known here. */
export function linkTypeName(type: number): string {
  return findEnumName(LinkType, type)?.toLowerCase() ?? `type ${type}`;
}

/** `tcx_ingress` for 46. */
export function attachTypeName(type: number): string {
  return findEnumName(AttachType, type)?.toLowerCase() ?? `attach type ${type}`;
}

class InfoBytes {
  readonly bytes: Uint8Array = new Uint8Array(INFO_SIZE);
  readonly #view: DataView = viewOf(this.bytes);

  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  s32(offset: number): number {
    return this.#view.getInt32(offset, true);
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  /** Asks the kernel to write into `buffer`: its address at one offset, its length at another. */
  lend(buffer: Uint8Array, address: number, length?: number): void {
    this.#view.setBigUint64(address, pointer(buffer), true);
    if (length !== undefined) this.#view.setUint32(length, buffer.length, true);
  }

  set(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
  }

  ask(fd: number, held: readonly Uint8Array[], what: string): void {
    const attr = infoAttr.encode({ bpf_fd: fd, info_len: INFO_SIZE, info: pointer(this.bytes) });
    checkedBpf('OBJ_GET_INFO_BY_FD', { attr, held: [this.bytes, ...held] }, `ask about ${what}`);
  }
}

/** Asks again with room for a text. Where its address and length stand depends on the kind. */
function withText(fd: number, what: string, address: number, length: number): [InfoBytes, string] {
  const info = new InfoBytes();
  const text = new Uint8Array(TEXT_SIZE);
  info.lend(text, address, length);
  info.ask(fd, [text], what);
  return [info, decodeCString(text)];
}

/** `enum bpf_perf_event_type`. */
const PERF_KINDS = [undefined, 'uprobe', 'uretprobe', 'kprobe', 'kretprobe', 'tracepoint', 'event'] as const;

function perfTarget(first: InfoBytes, fd: number, what: string): LinkTarget {
  const kind = PERF_KINDS[first.u32(UNION)];
  if (kind === undefined) return { kind: 'other', type: LinkType.PERF_EVENT };
  if (kind === 'event') {
    return { kind: 'perf_event', config: first.u64(24), type: first.u32(32), cookie: first.u64(40) };
  }
  const [info, text] = withText(fd, what, 24, 32);
  switch (kind) {
    case 'uprobe':
    case 'uretprobe':
      return {
        kind,
        path: text,
        offset: info.u32(36),
        cookie: info.u64(40),
        refCtrOffset: info.u64(48),
      };
    case 'kprobe':
    case 'kretprobe':
      return {
        kind,
        name: text,
        offset: info.u32(36),
        missed: info.u64(48),
        cookie: info.u64(56),
      };
    case 'tracepoint':
      return { kind, name: text, cookie: info.u64(40) };
  }
}

function iterTarget(fd: number, what: string): LinkTarget {
  const [info, name] = withText(fd, what, 16, 24);
  if (/^bpf_(map_elem|sk_storage_map)$/.test(name)) return { kind: 'iter', name, mapId: info.u32(28) };
  if (name === 'cgroup') return { kind: 'iter', name, cgroupId: info.u64(32) };
  if (name.startsWith('task')) return { kind: 'iter', name, tid: info.u32(32), pid: info.u32(36) };
  return { kind: 'iter', name };
}

function uprobeMultiTarget(first: InfoBytes, fd: number, what: string): LinkTarget {
  const count = Math.min(first.u32(52), MAX_PROBES);
  const info = new InfoBytes();
  const path = new Uint8Array(TEXT_SIZE);
  const arrays = [24, 32, 40].map((offset) => ({ offset, values: new BigUint64Array(count) }));
  const held = arrays.map(({ offset, values }) => {
    const bytes = new Uint8Array(values.buffer);
    info.lend(bytes, offset);
    return bytes;
  });
  info.lend(path, 16, 48);
  info.set(52, count);
  info.ask(fd, [path, ...held], what);
  const [offsets, refCtrOffsets, cookies] = arrays.map(({ values }) => [...values]) as [
    bigint[],
    bigint[],
    bigint[],
  ];
  return {
    kind: 'uprobe_multi',
    path: decodeCString(path),
    offsets,
    refCtrOffsets,
    cookies,
    flags: info.u32(56),
    pid: info.u32(60),
  };
}

type Reader = (info: InfoBytes, fd: number, what: string) => LinkTarget;

const onInterface =
  (kind: 'tcx' | 'netkit'): Reader =>
  (info) => ({ kind, ifindex: info.u32(16), attachType: attachTypeName(info.u32(20)) });

const READERS: Readonly<Record<number, Reader>> = {
  [LinkType.RAW_TRACEPOINT]: (_first, fd, what) => {
    const [info, name] = withText(fd, what, 16, 24);
    return { kind: 'raw_tracepoint', name, cookie: info.u64(32) };
  },
  [LinkType.TRACING]: (info) => ({
    kind: 'tracing',
    attachType: attachTypeName(info.u32(16)),
    targetObjectId: info.u32(20),
    targetBtfId: info.u32(24),
    cookie: info.u64(32),
  }),
  [LinkType.CGROUP]: (info) => ({
    kind: 'cgroup',
    cgroupId: info.u64(16),
    attachType: attachTypeName(info.u32(24)),
  }),
  [LinkType.ITER]: (_info, fd, what) => iterTarget(fd, what),
  [LinkType.NETNS]: (info) => ({
    kind: 'netns',
    netnsInode: info.u32(16),
    attachType: attachTypeName(info.u32(20)),
  }),
  [LinkType.XDP]: (info) => ({ kind: 'xdp', ifindex: info.u32(16) }),
  [LinkType.PERF_EVENT]: perfTarget,
  [LinkType.KPROBE_MULTI]: (info) => ({
    kind: 'kprobe_multi',
    count: info.u32(24),
    flags: info.u32(28),
    missed: info.u64(32),
  }),
  [LinkType.STRUCT_OPS]: (info) => ({ kind: 'struct_ops', mapId: info.u32(16) }),
  [LinkType.NETFILTER]: (info) => ({
    kind: 'netfilter',
    protocolFamily: info.u32(16),
    hook: info.u32(20),
    priority: info.s32(24),
    flags: info.u32(28),
  }),
  [LinkType.TCX]: onInterface('tcx'),
  [LinkType.UPROBE_MULTI]: uprobeMultiTarget,
  [LinkType.NETKIT]: onInterface('netkit'),
  [LinkType.SOCKMAP]: (info) => ({
    kind: 'sockmap',
    mapId: info.u32(16),
    attachType: attachTypeName(info.u32(20)),
  }),
};

/** Whether a target tells that nothing is there any more: the kernel then writes zeros. */
function isAttached(target: LinkTarget): boolean {
  switch (target.kind) {
    case 'xdp':
    case 'tcx':
    case 'netkit':
      return target.ifindex !== 0;
    case 'cgroup':
      return target.cgroupId !== 0n;
    case 'netns':
      return target.netnsInode !== 0;
    case 'sockmap':
    case 'struct_ops':
      return target.mapId !== 0;
    default:
      return true;
  }
}

/** BPF_OBJ_GET_INFO_BY_FD of a link, with its target. @throws {SyscallError} */
export function linkDetails(fd: number, what = 'the link'): LinkInfo {
  const info = new InfoBytes();
  info.ask(fd, [], what);
  const type = info.u32(0);
  const target = READERS[type]?.(info, fd, what) ?? { kind: 'other', type };
  return {
    type,
    typeName: linkTypeName(type),
    id: info.u32(4),
    programId: info.u32(8),
    attached: isAttached(target),
    target,
  };
}
