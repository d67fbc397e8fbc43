import { type Struct, struct, u32 } from '../util/struct.ts';
import { bpf } from './bpf.ts';

/** BPF_F_TOKEN_FD (Linux, `include/uapi/linux/bpf.h`): the command's attr names a token. */
export const TOKEN_FD: number = 1 << 16;

export const tokenCreateAttr: Struct<{ flags: typeof u32; bpffs_fd: typeof u32 }> = struct(
  'bpf_attr.token_create',
  { flags: u32, bpffs_fd: u32 },
);

/**
 * BPF_TOKEN_CREATE (Linux 6.9).
 *
 * @param bpffsFd of the root of a BPF file system, not opened with O_PATH
 * @returns the descriptor, or minus the errno
 */
export function tryTokenCreate(bpffsFd: number): number {
  return bpf('TOKEN_CREATE', { attr: tokenCreateAttr.encode({ bpffs_fd: bpffsFd }), held: [] });
}
