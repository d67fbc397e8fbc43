import { type Struct, s32, struct, u16, u32, u64 } from '../util/struct.ts';

type U16 = typeof u16;
type U32 = typeof u32;
type U64 = typeof u64;

/** `struct perf_event_attr` (Linux, `include/uapi/linux/perf_event.h`); the kernel takes longer and shorter ones by `size`. */
export const perfEventAttr: Struct<{
  type: U32;
  size: U32;
  config: U64;
  /** Or a frequency. */
  sample_period: U64;
  sample_type: U64;
  read_format: U64;
  /** The bit fields, see {@link PerfAttrFlag}. */
  flags: U64;
  /** Or, with the flag WATERMARK, bytes. */
  wakeup_events: U32;
  bp_type: U32;
  /** Or bp_addr, kprobe_func, uprobe_path. */
  config1: U64;
  /** Or bp_len, kprobe_addr, probe_offset. */
  config2: U64;
  branch_sample_type: U64;
  sample_regs_user: U64;
  sample_stack_user: U32;
  clockid: typeof s32;
  sample_regs_intr: U64;
  aux_watermark: U32;
  sample_max_stack: U16;
  reserved_2: U16;
  aux_sample_size: U32;
  reserved_3: U32;
  sig_data: U64;
}> = struct('perf_event_attr', {
  type: u32,
  size: u32,
  config: u64,
  sample_period: u64,
  sample_type: u64,
  read_format: u64,
  flags: u64,
  wakeup_events: u32,
  bp_type: u32,
  config1: u64,
  config2: u64,
  branch_sample_type: u64,
  sample_regs_user: u64,
  sample_stack_user: u32,
  clockid: s32,
  sample_regs_intr: u64,
  aux_watermark: u32,
  sample_max_stack: u16,
  reserved_2: u16,
  aux_sample_size: u32,
  reserved_3: u32,
  sig_data: u64,
});

/** Bits of `flags`, by their place in the struct. */
export const PerfAttrFlag: {
  readonly DISABLED: bigint;
  readonly WATERMARK: bigint;
  readonly WRITE_BACKWARD: bigint;
} = {
  DISABLED: 1n << 0n,
  WATERMARK: 1n << 14n,
  WRITE_BACKWARD: 1n << 27n,
};

/** `perf_type_id`. */
export const PERF_TYPE_SOFTWARE = 1;
/** `perf_sw_ids`: what bpf_perf_event_output writes to. */
export const PERF_COUNT_SW_BPF_OUTPUT = 10n;
/** `perf_event_sample_format`. */
export const PERF_SAMPLE_RAW: bigint = 1n << 10n;
