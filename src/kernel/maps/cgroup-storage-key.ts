import { type FieldType, struct, u32, u64 } from '../../util/struct.ts';

/** `struct bpf_cgroup_storage_key`: the id of a cgroup is the inode number of its directory. */
export interface CgroupStorageKey {
  readonly cgroupId: bigint;
  /** An AttachType. */
  readonly attachType: number;
}

const storageKey = struct('bpf_cgroup_storage_key', { cgroup_inode_id: u64, attach_type: u32 });

/** The key of a cgroup storage of 16 bytes; one of 8 is the cgroup's id alone, a bigint. */
export const cgroupStorageKey: FieldType<CgroupStorageKey> = {
  size: storageKey.size,
  align: storageKey.align,
  zero: { cgroupId: 0n, attachType: 0 },
  read(view, offset, little) {
    const key = storageKey.read(view, offset, little);
    return { cgroupId: key.cgroup_inode_id, attachType: key.attach_type };
  },
  write(view, offset, { cgroupId, attachType }, little, path) {
    storageKey.write(view, offset, { cgroup_inode_id: cgroupId, attach_type: attachType }, little, path);
  },
};
