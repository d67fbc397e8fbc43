import { bytesOf, charArray, type Struct, struct, u32, u64 } from '../util/struct.ts';
import { OBJ_NAME_LEN } from './bpf-attr.ts';

type U32 = typeof u32;
type U64 = typeof u64;
type Name = ReturnType<typeof charArray>;

/** `struct bpf_prog_info` (Linux, `include/uapi/linux/bpf.h`). */
export const progInfoLayout: Struct<{
  type: U32;
  id: U32;
  tag: ReturnType<typeof bytesOf>;
  jited_prog_len: U32;
  xlated_prog_len: U32;
  jited_prog_insns: U64;
  xlated_prog_insns: U64;
  load_time: U64;
  created_by_uid: U32;
  nr_map_ids: U32;
  map_ids: U64;
  name: Name;
  ifindex: U32;
  /** A bit field; only bit 0 is in use. */
  gpl_compatible: U32;
  netns_dev: U64;
  netns_ino: U64;
  nr_jited_ksyms: U32;
  nr_jited_func_lens: U32;
  jited_ksyms: U64;
  jited_func_lens: U64;
  btf_id: U32;
  func_info_rec_size: U32;
  func_info: U64;
  nr_func_info: U32;
  nr_line_info: U32;
  line_info: U64;
  jited_line_info: U64;
  nr_jited_line_info: U32;
  line_info_rec_size: U32;
  jited_line_info_rec_size: U32;
  nr_prog_tags: U32;
  prog_tags: U64;
  run_time_ns: U64;
  run_cnt: U64;
  recursion_misses: U64;
  verified_insns: U32;
  attach_btf_obj_id: U32;
  attach_btf_id: U32;
}> = struct('bpf_prog_info', {
  type: u32,
  id: u32,
  tag: bytesOf(8),
  jited_prog_len: u32,
  xlated_prog_len: u32,
  jited_prog_insns: u64,
  xlated_prog_insns: u64,
  load_time: u64,
  created_by_uid: u32,
  nr_map_ids: u32,
  map_ids: u64,
  name: charArray(OBJ_NAME_LEN),
  ifindex: u32,
  gpl_compatible: u32,
  netns_dev: u64,
  netns_ino: u64,
  nr_jited_ksyms: u32,
  nr_jited_func_lens: u32,
  jited_ksyms: u64,
  jited_func_lens: u64,
  btf_id: u32,
  func_info_rec_size: u32,
  func_info: u64,
  nr_func_info: u32,
  nr_line_info: u32,
  line_info: u64,
  jited_line_info: u64,
  nr_jited_line_info: u32,
  line_info_rec_size: u32,
  jited_line_info_rec_size: u32,
  nr_prog_tags: u32,
  prog_tags: u64,
  run_time_ns: u64,
  run_cnt: u64,
  recursion_misses: u64,
  verified_insns: u32,
  attach_btf_obj_id: u32,
  attach_btf_id: u32,
});

/** `struct bpf_map_info`, as far as any kernel so far fills it for everybody. */
export const mapInfoLayout: Struct<{
  type: U32;
  id: U32;
  key_size: U32;
  value_size: U32;
  max_entries: U32;
  map_flags: U32;
  name: Name;
  ifindex: U32;
  btf_vmlinux_value_type_id: U32;
  netns_dev: U64;
  netns_ino: U64;
  btf_id: U32;
  btf_key_type_id: U32;
  btf_value_type_id: U32;
  btf_vmlinux_id: U32;
  map_extra: U64;
}> = struct('bpf_map_info', {
  type: u32,
  id: u32,
  key_size: u32,
  value_size: u32,
  max_entries: u32,
  map_flags: u32,
  name: charArray(OBJ_NAME_LEN),
  ifindex: u32,
  btf_vmlinux_value_type_id: u32,
  netns_dev: u64,
  netns_ino: u64,
  btf_id: u32,
  btf_key_type_id: u32,
  btf_value_type_id: u32,
  btf_vmlinux_id: u32,
  map_extra: u64,
});

/** The members that every `struct bpf_link_info` begins with; its union of kinds follows. */
export const linkInfoLayout: Struct<{ type: U32; id: U32; prog_id: U32; padding: U32 }> = struct(
  'bpf_link_info',
  // The union holds u64s, so it begins at 16.
  { type: u32, id: u32, prog_id: u32, padding: u32 },
);

export const btfInfoLayout: Struct<{
  btf: U64;
  btf_size: U32;
  id: U32;
  name: U64;
  name_len: U32;
  kernel_btf: U32;
}> = struct('bpf_btf_info', {
  btf: u64,
  btf_size: u32,
  id: u32,
  name: u64,
  name_len: u32,
  kernel_btf: u32,
});
