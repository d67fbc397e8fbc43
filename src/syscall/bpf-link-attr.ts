import { type Struct, s32, struct, u32, u64 } from '../util/struct.ts';

// The arms of `union bpf_attr` that attach programs (Linux, `include/uapi/linux/bpf.h`). LINK_CREATE
// has a head and, from byte 16 on, a union by attach type; here each arm is a layout of its own.

type U32 = typeof u32;
type U64 = typeof u64;
type S32 = typeof s32;

/** `prog_fd` is the map's for struct_ops; `target` a descriptor or an interface's index. */
export const linkCreateHead: Struct<{ prog_fd: U32; target: U32; attach_type: U32; flags: U32 }> = struct(
  'bpf_attr.link_create',
  { prog_fd: u32, target: u32, attach_type: u32, flags: u32 },
);

export const linkBtfArm: Struct<{ target_btf_id: U32; cookie: U64 }> = struct(
  'bpf_attr.link_create.tracing',
  { target_btf_id: u32, cookie: u64 },
);

export const linkIterArm: Struct<{ iter_info: U64; iter_info_len: U32 }> = struct(
  'bpf_attr.link_create.iter',
  { iter_info: u64, iter_info_len: u32 },
);

export const linkPerfEventArm: Struct<{ bpf_cookie: U64 }> = struct('bpf_attr.link_create.perf_event', {
  bpf_cookie: u64,
});

export const linkKprobeMultiArm: Struct<{ flags: U32; cnt: U32; syms: U64; addrs: U64; cookies: U64 }> =
  struct('bpf_attr.link_create.kprobe_multi', { flags: u32, cnt: u32, syms: u64, addrs: u64, cookies: u64 });

export const linkUprobeMultiArm: Struct<{
  path: U64;
  offsets: U64;
  ref_ctr_offsets: U64;
  cookies: U64;
  cnt: U32;
  flags: U32;
  pid: U32;
}> = struct('bpf_attr.link_create.uprobe_multi', {
  path: u64,
  offsets: u64,
  ref_ctr_offsets: u64,
  cookies: u64,
  cnt: u32,
  flags: u32,
  pid: u32,
});

export const linkNetfilterArm: Struct<{ pf: U32; hooknum: U32; priority: S32; flags: U32 }> = struct(
  'bpf_attr.link_create.netfilter',
  { pf: u32, hooknum: u32, priority: s32, flags: u32 },
);

/** tcx, netkit and cgroup: where among the others. */
export const linkOrderArm: Struct<{ relative: U32; expected_revision: U64 }> = struct(
  'bpf_attr.link_create.tcx',
  { relative: u32, expected_revision: u64 },
);

/** `new_fd` and `old_fd` are maps' for struct_ops. */
export const linkUpdateAttr: Struct<{ link_fd: U32; new_fd: U32; flags: U32; old_fd: U32 }> = struct(
  'bpf_attr.link_update',
  { link_fd: u32, new_fd: u32, flags: u32, old_fd: u32 },
);

export const linkDetachAttr: Struct<{ link_fd: U32 }> = struct('bpf_attr.link_detach', { link_fd: u32 });

/** PROG_ATTACH and PROG_DETACH. */
export const progAttachAttr: Struct<{
  target: U32;
  attach_bpf_fd: U32;
  attach_type: U32;
  attach_flags: U32;
  replace_bpf_fd: U32;
  relative: U32;
  expected_revision: U64;
}> = struct('bpf_attr.attach', {
  target: u32,
  attach_bpf_fd: u32,
  attach_type: u32,
  attach_flags: u32,
  replace_bpf_fd: u32,
  relative: u32,
  expected_revision: u64,
});

export const progQueryAttr: Struct<{
  target: U32;
  attach_type: U32;
  query_flags: U32;
  attach_flags: U32;
  prog_ids: U64;
  count: U32;
  padding: U32;
  prog_attach_flags: U64;
  link_ids: U64;
  link_attach_flags: U64;
  revision: U64;
}> = struct('bpf_attr.query', {
  target: u32,
  attach_type: u32,
  query_flags: u32,
  attach_flags: u32,
  prog_ids: u64,
  count: u32,
  padding: u32,
  prog_attach_flags: u64,
  link_ids: u64,
  link_attach_flags: u64,
  revision: u64,
});

export const rawTracepointAttr: Struct<{ name: U64; prog_fd: U32; cookie: U64 }> = struct(
  'bpf_attr.raw_tracepoint',
  { name: u64, prog_fd: u32, cookie: u64 },
);

export const iterCreateAttr: Struct<{ link_fd: U32; flags: U32 }> = struct('bpf_attr.iter_create', {
  link_fd: u32,
  flags: u32,
});
