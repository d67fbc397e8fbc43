import { decodeCString, toHex } from '../util/bytes.ts';
import { checkedBpf, pointer } from './bpf.ts';
import { infoAttr } from './bpf-attr.ts';
import { btfInfoLayout, linkInfoLayout, mapInfoLayout, progInfoLayout } from './bpf-info-layout.ts';

function infoBytes(fd: number, info: Uint8Array, held: readonly Uint8Array[], what: string): void {
  const attr = infoAttr.encode({ bpf_fd: fd, info_len: info.length, info: pointer(info) });
  checkedBpf('OBJ_GET_INFO_BY_FD', { attr, held: [info, ...held] }, `ask about ${what}`);
}

/** What the kernel tells of a program. */
export interface ProgInfo {
  readonly type: number;
  readonly id: number;
  /** 16 hex digits: a hash of the instructions. */
  readonly tag: string;
  readonly name: string;
  readonly gplCompatible: boolean;
  /** Bytes; 0 where this process may not see the code. */
  readonly xlatedLength: number;
  readonly jitedLength: number;
  readonly mapIds: readonly number[];
  readonly btfId: number;
  /** Nanoseconds since boot. */
  readonly loadTimeNs: bigint;
  readonly uid: number;
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
  /** Instructions that the verifier walked. */
  readonly verifiedInsns: number;
  /**
   * The network card that runs the program itself, with the device and inode of its network namespace. Of one
   * that was loaded for an interface and runs in its driver the kernel does not tell.
   */
  readonly device?: { readonly ifindex: number; readonly netnsDev: bigint; readonly netnsInode: bigint };
}

/** More maps than one program can use: MAX_USED_MAPS (Linux, `include/linux/bpf_verifier.h`). */
const MAX_USED_MAPS = 64;

/** BPF_OBJ_GET_INFO_BY_FD of a program. @throws {SyscallError} */
export function progInfo(fd: number, what = 'the program'): ProgInfo {
  const mapIds = new Uint8Array(4 * MAX_USED_MAPS);
  const bytes = progInfoLayout.encode({ nr_map_ids: MAX_USED_MAPS, map_ids: pointer(mapIds) });
  infoBytes(fd, bytes, [mapIds], what);
  const info = progInfoLayout.decode(bytes);
  const ids = new DataView(mapIds.buffer);
  return {
    type: info.type,
    id: info.id,
    tag: toHex(info.tag),
    name: info.name,
    gplCompatible: (info.gpl_compatible & 1) === 1,
    xlatedLength: info.xlated_prog_len,
    jitedLength: info.jited_prog_len,
    mapIds: Array.from({ length: Math.min(info.nr_map_ids, MAX_USED_MAPS) }, (_, i) =>
      ids.getUint32(4 * i, true),
    ),
    btfId: info.btf_id,
    loadTimeNs: info.load_time,
    uid: info.created_by_uid,
    runTimeNs: info.run_time_ns,
    runCount: info.run_cnt,
    verifiedInsns: info.verified_insns,
    ...(info.ifindex !== 0 && {
      device: { ifindex: info.ifindex, netnsDev: info.netns_dev, netnsInode: info.netns_ino },
    }),
  };
}

/** What the kernel tells of a map. */
export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly name: string;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: bigint;
  readonly btfId: number;
  readonly btfKeyTypeId: number;
  readonly btfValueTypeId: number;
}

/** BPF_OBJ_GET_INFO_BY_FD of a map. @throws {SyscallError} */
export function mapInfo(fd: number, what = 'the map'): MapInfo {
  const bytes = new Uint8Array(mapInfoLayout.size);
  infoBytes(fd, bytes, [], what);
  const info = mapInfoLayout.decode(bytes);
  return {
    type: info.type,
    id: info.id,
    name: info.name,
    keySize: info.key_size,
    valueSize: info.value_size,
    maxEntries: info.max_entries,
    flags: info.map_flags,
    extra: info.map_extra,
    btfId: info.btf_id,
    btfKeyTypeId: info.btf_key_type_id,
    btfValueTypeId: info.btf_value_type_id,
  };
}

/** BPF_OBJ_GET_INFO_BY_FD of a link, without what is particular to its kind. @throws {SyscallError} */
export function linkInfo(fd: number): { type: number; id: number; progId: number } {
  const bytes = new Uint8Array(linkInfoLayout.size);
  infoBytes(fd, bytes, [], 'the link');
  const info = linkInfoLayout.decode(bytes);
  return { type: info.type, id: info.id, progId: info.prog_id };
}

/** MODULE_NAME_LEN is less (Linux, `include/linux/moduleparam.h`). */
const MAX_BTF_NAME = 64;

/** Whose types a BTF has: those of the kernel (`vmlinux`) or of a module; an object's have no name. @throws {SyscallError} */
export function btfInfo(fd: number): { readonly name: string; readonly ofKernel: boolean } {
  const name = new Uint8Array(MAX_BTF_NAME);
  const bytes = btfInfoLayout.encode({ name: pointer(name), name_len: name.length });
  infoBytes(fd, bytes, [name], 'the BTF');
  return { name: decodeCString(name), ofKernel: btfInfoLayout.decode(bytes).kernel_btf !== 0 };
}
