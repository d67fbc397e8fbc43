import { type Struct, struct, u32 } from '../util/struct.ts';
import { checkedBpf } from './bpf.ts';

const enableStatsAttr: Struct<{ type: typeof u32 }> = struct('bpf_attr.enable_stats', { type: u32 });
/** `enum bpf_stats_type` (Linux, `include/uapi/linux/bpf.h`). */
const BPF_STATS_RUN_TIME = 0;

/**
 * BPF_ENABLE_STATS (Linux 5.8): while the descriptor is open, the kernel counts runs of programs and their time.
 *
 * @returns the descriptor
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN, EINVAL before 5.8
 */
export function enableRunStats(): number {
  const attr = enableStatsAttr.encode({ type: BPF_STATS_RUN_TIME });
  return checkedBpf('ENABLE_STATS', { attr, held: [] }, 'count the runs of programs');
}
