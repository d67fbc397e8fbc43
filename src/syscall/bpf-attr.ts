import { charArray, type Struct, s32, struct, u32, u64 } from '../util/struct.ts';

// The arms of `union bpf_attr` (Linux, `include/uapi/linux/bpf.h`), one a command. Members that an
// older kernel does not know stay zero, and it takes a longer attr whose tail is zero.

/** BPF_OBJ_NAME_LEN: the last byte stays NUL. */
export const OBJ_NAME_LEN = 16;

type U32 = typeof u32;
type U64 = typeof u64;
type S32 = typeof s32;
type Name = ReturnType<typeof charArray>;

export const mapCreateAttr: Struct<{
  map_type: U32;
  key_size: U32;
  value_size: U32;
  max_entries: U32;
  map_flags: U32;
  inner_map_fd: U32;
  numa_node: U32;
  map_name: Name;
  map_ifindex: U32;
  btf_fd: U32;
  btf_key_type_id: U32;
  btf_value_type_id: U32;
  btf_vmlinux_value_type_id: U32;
  map_extra: U64;
  value_type_btf_obj_fd: S32;
  map_token_fd: S32;
}> = struct('bpf_attr.map_create', {
  map_type: u32,
  key_size: u32,
  value_size: u32,
  max_entries: u32,
  map_flags: u32,
  inner_map_fd: u32,
  numa_node: u32,
  map_name: charArray(OBJ_NAME_LEN),
  map_ifindex: u32,
  btf_fd: u32,
  btf_key_type_id: u32,
  btf_value_type_id: u32,
  btf_vmlinux_value_type_id: u32,
  map_extra: u64,
  value_type_btf_obj_fd: s32,
  map_token_fd: s32,
});

/** MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, MAP_DELETE_ELEM, MAP_GET_NEXT_KEY (whose `value` is the next key). */
export const mapElementAttr: Struct<{ map_fd: U32; key: U64; value: U64; flags: U64 }> = struct(
  'bpf_attr.map_element',
  { map_fd: u32, key: u64, value: u64, flags: u64 },
);

/** MAP_LOOKUP_BATCH, MAP_LOOKUP_AND_DELETE_BATCH, MAP_UPDATE_BATCH, MAP_DELETE_BATCH. */
export const mapBatchAttr: Struct<{
  in_batch: U64;
  out_batch: U64;
  keys: U64;
  values: U64;
  count: U32;
  map_fd: U32;
  elem_flags: U64;
  flags: U64;
}> = struct('bpf_attr.batch', {
  in_batch: u64,
  out_batch: u64,
  keys: u64,
  values: u64,
  count: u32,
  map_fd: u32,
  elem_flags: u64,
  flags: u64,
});

export const progLoadAttr: Struct<{
  prog_type: U32;
  insn_cnt: U32;
  insns: U64;
  license: U64;
  log_level: U32;
  log_size: U32;
  log_buf: U64;
  kern_version: U32;
  prog_flags: U32;
  prog_name: Name;
  prog_ifindex: U32;
  expected_attach_type: U32;
  prog_btf_fd: U32;
  func_info_rec_size: U32;
  func_info: U64;
  func_info_cnt: U32;
  line_info_rec_size: U32;
  line_info: U64;
  line_info_cnt: U32;
  attach_btf_id: U32;
  attach_prog_fd: U32;
  core_relo_cnt: U32;
  fd_array: U64;
  core_relos: U64;
  core_relo_rec_size: U32;
  log_true_size: U32;
  prog_token_fd: S32;
  fd_array_cnt: U32;
}> = struct('bpf_attr.prog_load', {
  prog_type: u32,
  insn_cnt: u32,
  insns: u64,
  license: u64,
  log_level: u32,
  log_size: u32,
  log_buf: u64,
  kern_version: u32,
  prog_flags: u32,
  prog_name: charArray(OBJ_NAME_LEN),
  prog_ifindex: u32,
  expected_attach_type: u32,
  prog_btf_fd: u32,
  func_info_rec_size: u32,
  func_info: u64,
  func_info_cnt: u32,
  line_info_rec_size: u32,
  line_info: u64,
  line_info_cnt: u32,
  attach_btf_id: u32,
  attach_prog_fd: u32,
  core_relo_cnt: u32,
  fd_array: u64,
  core_relos: u64,
  core_relo_rec_size: u32,
  log_true_size: u32,
  prog_token_fd: s32,
  fd_array_cnt: u32,
});

export const progTestRunAttr: Struct<{
  prog_fd: U32;
  retval: U32;
  data_size_in: U32;
  data_size_out: U32;
  data_in: U64;
  data_out: U64;
  repeat: U32;
  duration: U32;
  ctx_size_in: U32;
  ctx_size_out: U32;
  ctx_in: U64;
  ctx_out: U64;
  flags: U32;
  cpu: U32;
  batch_size: U32;
}> = struct('bpf_attr.prog_test_run', {
  prog_fd: u32,
  retval: u32,
  data_size_in: u32,
  data_size_out: u32,
  data_in: u64,
  data_out: u64,
  repeat: u32,
  duration: u32,
  ctx_size_in: u32,
  ctx_size_out: u32,
  ctx_in: u64,
  ctx_out: u64,
  flags: u32,
  cpu: u32,
  batch_size: u32,
});

/** OBJ_PIN and OBJ_GET. */
export const objAttr: Struct<{ pathname: U64; bpf_fd: U32; file_flags: U32; path_fd: S32 }> = struct(
  'bpf_attr.obj',
  { pathname: u64, bpf_fd: u32, file_flags: u32, path_fd: s32 },
);

/** The *_GET_NEXT_ID and *_GET_FD_BY_ID commands. */
export const idAttr: Struct<{ id: U32; next_id: U32; open_flags: U32; fd_by_id_token_fd: S32 }> = struct(
  'bpf_attr.id',
  { id: u32, next_id: u32, open_flags: u32, fd_by_id_token_fd: s32 },
);

export const infoAttr: Struct<{ bpf_fd: U32; info_len: U32; info: U64 }> = struct('bpf_attr.info', {
  bpf_fd: u32,
  info_len: u32,
  info: u64,
});

export const btfLoadAttr: Struct<{
  btf: U64;
  btf_log_buf: U64;
  btf_size: U32;
  btf_log_size: U32;
  btf_log_level: U32;
  btf_log_true_size: U32;
  btf_flags: U32;
  btf_token_fd: S32;
}> = struct('bpf_attr.btf_load', {
  btf: u64,
  btf_log_buf: u64,
  btf_size: u32,
  btf_log_size: u32,
  btf_log_level: u32,
  btf_log_true_size: u32,
  btf_flags: u32,
  btf_token_fd: s32,
});
