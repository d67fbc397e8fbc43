import { statfsSync } from 'node:fs';

/** BPF_FS_MAGIC (Linux, `include/uapi/linux/magic.h`). */
const BPF_FS_MAGIC = 0xcafe4a11;

/** What kind of file system a folder is in; undefined where there is no such folder, or it may not be seen. */
export type FileSystemOf = (folder: string) => 'bpf' | 'other' | undefined;

export const fileSystemOf: FileSystemOf = (folder) => {
  try {
    // The magic number comes signed on some systems.
    return statfsSync(folder).type >>> 0 === BPF_FS_MAGIC ? 'bpf' : 'other';
  } catch {
    return undefined;
  }
};
