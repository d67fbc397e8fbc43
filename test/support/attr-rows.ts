import { tryProgAttach, tryProgDetach, tryProgQuery } from '../../src/syscall/bpf-attach.ts';
import { mapInfo } from '../../src/syscall/bpf-info.ts';
import {
  tryIterCreate,
  tryLinkCreate,
  tryLinkDetach,
  tryLinkUpdate,
  tryRawTracepointOpen,
} from '../../src/syscall/bpf-link.ts';
import { MapElementCall, mapFreeze, tryMapCreate } from '../../src/syscall/bpf-map.ts';
import { BatchCursor, tryDeleteBatch, tryUpdateBatch } from '../../src/syscall/bpf-map-batch.ts';
import { fdById, nextId, objGet, objPin } from '../../src/syscall/bpf-object.ts';
import { tryBtfLoad, tryProgLoad, tryProgTestRun } from '../../src/syscall/bpf-prog.ts';
import { enableRunStats } from '../../src/syscall/bpf-stats.ts';
import { tryStreamRead } from '../../src/syscall/bpf-stream.ts';
import { tryTokenCreate } from '../../src/syscall/bpf-token.ts';
import { EpollEvent, epollAdd } from '../../src/syscall/epoll.ts';
import type { BpfCommandName } from '../../src/syscall/explain.ts';
import { Fd } from '../../src/syscall/fd.ts';
import { tryPerfEventOpen } from '../../src/syscall/perf-attach.ts';

/** What a member holds: a number, a NUL-terminated text that it points to, bytes that it points to, or an inline text. */
export type Expected = number | bigint | { readonly at: Uint8Array | string } | { readonly text: string };

/** A command, called with a number of its own in every member, and where they must lie. */
export interface AttrRow {
  /** Of bpf(2), or the name of another system call that is given a struct. */
  readonly command: BpfCommandName | 'perf_event_open' | 'epoll_ctl';
  /** What is special about it, where a command has several rows. */
  readonly of?: string;
  readonly type: string;
  /** Before the names of the members: `test.`. */
  readonly prefix?: string;
  /** Members by name; all others are 0. */
  readonly members: Readonly<Record<string, Expected>>;
  readonly call: () => unknown;
}

const ATTR = 'union bpf_attr';
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const words = (...values: bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(values).buffer);

const element = (): MapElementCall => {
  const call = new MapElementCall(4, 8);
  call.key.set([1, 2, 3, 4]);
  call.value.set([8, 7, 6, 5, 4, 3, 2, 1]);
  return call;
};
const KEY = bytes(1, 2, 3, 4);
const VALUE = bytes(8, 7, 6, 5, 4, 3, 2, 1);
const code = new Uint8Array(16).fill(0x95);

const ids = (['PROG', 'MAP', 'LINK', 'BTF'] as const).flatMap((kind): AttrRow[] => [
  {
    command: `${kind}_GET_NEXT_ID`,
    type: ATTR,
    members: { start_id: 77 },
    call: () => nextId(kind, 77),
  },
  {
    command: `${kind}_GET_FD_BY_ID`,
    type: ATTR,
    members: { prog_id: 78, open_flags: 8 },
    call: () => fdById(kind, 78, 8),
  },
]);

const linkHead = { 'link_create.prog_fd': 11, 'link_create.target_fd': 12, 'link_create.flags': 13 };
const link = (
  of: string,
  attachType: number,
  members: AttrRow['members'],
  arm: Parameters<typeof tryLinkCreate>[0]['arm'],
): AttrRow => ({
  command: 'LINK_CREATE',
  of,
  type: ATTR,
  members: { ...linkHead, 'link_create.attach_type': attachType, ...members },
  call: () => tryLinkCreate({ progFd: 11, target: 12, attachType, flags: 13, ...(arm && { arm }) }),
});

const attachMembers = {
  target_fd: 21,
  attach_bpf_fd: 22,
  attach_type: 23,
  attach_flags: 24,
  replace_bpf_fd: 25,
  relative_fd: 26,
  expected_revision: 27n,
};
const attachParams = {
  target: 21,
  progFd: 22,
  attachType: 23,
  flags: 24,
  replaceFd: 25,
  relative: 26,
  expectedRevision: 27n,
};

/** One row a command at least; a test sees to that. */
export const ATTR_ROWS: readonly AttrRow[] = [
  {
    command: 'MAP_CREATE',
    type: ATTR,
    members: {
      map_type: 1,
      key_size: 2,
      value_size: 3,
      max_entries: 4,
      map_flags: 5 | (1 << 16),
      inner_map_fd: 6,
      numa_node: 7,
      map_name: { text: 'counts' },
      btf_fd: 8,
      btf_key_type_id: 9,
      btf_value_type_id: 10,
      btf_vmlinux_value_type_id: 11,
      map_extra: 12n,
      value_type_btf_obj_fd: 13,
      map_token_fd: 14,
    },
    call: () =>
      tryMapCreate({
        name: 'counts',
        type: 1,
        keySize: 2,
        valueSize: 3,
        maxEntries: 4,
        flags: 5,
        innerMapFd: 6,
        numaNode: 7,
        btfFd: 8,
        btfKeyTypeId: 9,
        btfValueTypeId: 10,
        kernelValueTypeId: 11,
        extra: 12n,
        kernelValueBtfFd: 13,
        tokenFd: 14,
      }),
  },
  ...(['lookup', 'take', 'update'] as const).map(
    (name): AttrRow => ({
      command: (
        { lookup: 'MAP_LOOKUP_ELEM', take: 'MAP_LOOKUP_AND_DELETE_ELEM', update: 'MAP_UPDATE_ELEM' } as const
      )[name],
      type: ATTR,
      members: { map_fd: 31, key: { at: KEY }, value: { at: VALUE }, flags: 2n ** 32n + 5n },
      call: () => element()[name](31, 2 ** 32 + 5),
    }),
  ),
  {
    command: 'MAP_DELETE_ELEM',
    type: ATTR,
    members: { map_fd: 31, key: { at: KEY } },
    call: () => element().delete(31),
  },
  {
    command: 'MAP_GET_NEXT_KEY',
    type: ATTR,
    members: { map_fd: 31, key: { at: KEY }, next_key: { at: VALUE } },
    call: () => element().nextKey(31, false),
  },
  {
    command: 'MAP_GET_NEXT_KEY',
    of: 'the first key',
    type: ATTR,
    members: { map_fd: 31, next_key: { at: VALUE } },
    call: () => element().nextKey(31, true),
  },
  { command: 'MAP_FREEZE', type: ATTR, members: { map_fd: 32 }, call: () => mapFreeze(32, 'm') },
  ...(['MAP_LOOKUP_BATCH', 'MAP_LOOKUP_AND_DELETE_BATCH'] as const).map(
    (command): AttrRow => ({
      command,
      type: ATTR,
      prefix: 'batch.',
      members: {
        out_batch: { at: new Uint8Array(4) },
        keys: { at: KEY },
        values: { at: VALUE },
        count: 1,
        map_fd: 33,
      },
      call: () => new BatchCursor(4).read(command, 33, KEY, VALUE, 1),
    }),
  ),
  {
    command: 'MAP_UPDATE_BATCH',
    type: ATTR,
    prefix: 'batch.',
    members: { keys: { at: KEY }, values: { at: VALUE }, count: 1, map_fd: 33, elem_flags: 4n },
    call: () => tryUpdateBatch(33, KEY, VALUE, 1, 4),
  },
  {
    command: 'MAP_DELETE_BATCH',
    type: ATTR,
    prefix: 'batch.',
    members: { keys: { at: KEY }, count: 1, map_fd: 33 },
    call: () => tryDeleteBatch(33, KEY, 1),
  },
  {
    command: 'PROG_LOAD',
    type: ATTR,
    members: {
      prog_type: 1,
      insn_cnt: 2,
      insns: { at: code },
      license: { at: 'GPL' },
      log_level: 3,
      log_size: 5,
      log_buf: { at: new Uint8Array(5) },
      kern_version: 6,
      prog_flags: 7 | (1 << 16),
      prog_name: { text: 'entry' },
      expected_attach_type: 8,
      prog_btf_fd: 9,
      func_info_rec_size: 2,
      func_info: { at: bytes(1, 2, 3, 4) },
      func_info_cnt: 2,
      line_info_rec_size: 1,
      line_info: { at: bytes(5, 6, 7) },
      line_info_cnt: 3,
      attach_btf_id: 10,
      attach_prog_fd: 11,
      fd_array: { at: bytes(9, 9) },
      prog_token_fd: 12,
    },
    call: () =>
      tryProgLoad({
        type: 1,
        code,
        license: 'GPL',
        log: { level: 3, buffer: new Uint8Array(5) },
        kernelVersion: 6,
        flags: 7,
        name: 'entry',
        expectedAttachType: 8,
        btf: {
          fd: 9,
          funcInfoRecordSize: 2,
          funcInfo: bytes(1, 2, 3, 4),
          lineInfoRecordSize: 1,
          lineInfo: bytes(5, 6, 7),
        },
        attachBtfId: 10,
        attachObjectFd: 11,
        fdArray: bytes(9, 9),
        tokenFd: 12,
      }),
  },
  {
    command: 'PROG_TEST_RUN',
    type: ATTR,
    prefix: 'test.',
    members: {
      prog_fd: 1,
      data_size_in: 4,
      data_size_out: 2,
      data_in: { at: KEY },
      data_out: { at: bytes(0, 0) },
      repeat: 3,
      ctx_size_in: 8,
      ctx_size_out: 3,
      ctx_in: { at: VALUE },
      ctx_out: { at: bytes(0, 0, 0) },
      flags: 4,
      cpu: 5,
      batch_size: 6,
    },
    call: () =>
      tryProgTestRun({
        fd: 1,
        data: KEY,
        dataOut: new Uint8Array(2),
        ctx: VALUE,
        ctxOut: new Uint8Array(3),
        repeat: 3,
        flags: 4,
        cpu: 5,
        batchSize: 6,
      }),
  },
  {
    command: 'PROG_STREAM_READ_BY_FD',
    type: ATTR,
    prefix: 'prog_stream_read.',
    members: { stream_buf: { at: KEY }, stream_buf_len: 4, stream_id: 2, prog_fd: 41 },
    call: () => tryStreamRead(41, 2, KEY),
  },
  {
    command: 'BTF_LOAD',
    type: ATTR,
    members: {
      btf: { at: KEY },
      btf_log_buf: { at: bytes(0, 0) },
      btf_size: 4,
      btf_log_size: 2,
      btf_log_level: 1,
      btf_flags: 1 << 16,
      btf_token_fd: 42,
    },
    call: () => tryBtfLoad(KEY, new Uint8Array(2), 42),
  },
  {
    command: 'TOKEN_CREATE',
    type: ATTR,
    prefix: 'token_create.',
    members: { bpffs_fd: 43 },
    call: () => tryTokenCreate(43),
  },
  { command: 'ENABLE_STATS', type: ATTR, members: { 'enable_stats.type': 0 }, call: () => enableRunStats() },
  {
    command: 'OBJ_PIN',
    type: ATTR,
    members: { pathname: { at: '/sys/fs/bpf/x' }, bpf_fd: 44 },
    call: () => objPin(44, '/sys/fs/bpf/x', 'm'),
  },
  {
    command: 'OBJ_GET',
    type: ATTR,
    members: { pathname: { at: '/sys/fs/bpf/x' }, file_flags: 8 },
    call: () => objGet('/sys/fs/bpf/x', 8),
  },
  {
    command: 'OBJ_GET_INFO_BY_FD',
    type: ATTR,
    prefix: 'info.',
    members: { bpf_fd: 45, info_len: 88, info: { at: new Uint8Array(88) } },
    call: () => mapInfo(45),
  },
  ...ids,
  { command: 'PROG_ATTACH', type: ATTR, members: attachMembers, call: () => tryProgAttach(attachParams) },
  { command: 'PROG_DETACH', type: ATTR, members: attachMembers, call: () => tryProgDetach(attachParams) },
  {
    command: 'PROG_QUERY',
    type: ATTR,
    prefix: 'query.',
    members: {
      target_fd: 51,
      attach_type: 52,
      query_flags: 1,
      prog_ids: { at: new Uint8Array(256) },
      prog_cnt: 64,
      prog_attach_flags: { at: new Uint8Array(256) },
      link_ids: { at: new Uint8Array(256) },
    },
    call: () => tryProgQuery(51, 52, 1, { programFlags: true, links: true }),
  },
  link('nothing besides', 37, {}, undefined),
  link(
    'a function of the kernel',
    24,
    { 'link_create.tracing.target_btf_id': 14, 'link_create.tracing.cookie': 15n },
    { kind: 'tracing', targetBtfId: 14, cookie: 15n },
  ),
  link(
    'an iterator',
    28,
    { 'link_create.iter_info': { at: KEY }, 'link_create.iter_info_len': 4 },
    { kind: 'iter', info: KEY },
  ),
  link('a perf event', 41, { 'link_create.perf_event.bpf_cookie': 16n }, { kind: 'perf-event', cookie: 16n }),
  link(
    'functions of the kernel by address',
    42,
    {
      'link_create.kprobe_multi.flags': 1,
      'link_create.kprobe_multi.cnt': 2,
      'link_create.kprobe_multi.addrs': { at: words(5n, 6n) },
      'link_create.kprobe_multi.cookies': { at: words(7n, 8n) },
    },
    { kind: 'kprobe-multi', flags: 1, addresses: [5n, 6n], cookies: [7n, 8n] },
  ),
  link(
    'functions of programs',
    48,
    {
      'link_create.uprobe_multi.path': { at: '/bin/sh' },
      'link_create.uprobe_multi.offsets': { at: words(5n, 6n) },
      'link_create.uprobe_multi.ref_ctr_offsets': { at: words(9n, 10n) },
      'link_create.uprobe_multi.cookies': { at: words(7n, 8n) },
      'link_create.uprobe_multi.cnt': 2,
      'link_create.uprobe_multi.flags': 1,
      'link_create.uprobe_multi.pid': 17,
    },
    {
      kind: 'uprobe-multi',
      path: '/bin/sh',
      offsets: [5n, 6n],
      refCtrOffsets: [9n, 10n],
      cookies: [7n, 8n],
      flags: 1,
      pid: 17,
    },
  ),
  link(
    'netfilter',
    45,
    {
      'link_create.netfilter.pf': 2,
      'link_create.netfilter.hooknum': 3,
      'link_create.netfilter.priority': -128,
      'link_create.netfilter.flags': 1,
    },
    { kind: 'netfilter', pf: 2, hook: 3, priority: -128, flags: 1 },
  ),
  link(
    'tcx, among others',
    46,
    { 'link_create.tcx.relative_fd': 18, 'link_create.tcx.expected_revision': 19n },
    { kind: 'order', relative: 18, expectedRevision: 19n },
  ),
  {
    command: 'LINK_UPDATE',
    type: ATTR,
    prefix: 'link_update.',
    members: { link_fd: 61, new_prog_fd: 62, flags: 4, old_prog_fd: 63 },
    call: () => tryLinkUpdate(61, 62, 63),
  },
  {
    command: 'LINK_DETACH',
    type: ATTR,
    prefix: 'link_detach.',
    members: { link_fd: 61 },
    call: () => tryLinkDetach(61),
  },
  {
    command: 'ITER_CREATE',
    type: ATTR,
    prefix: 'iter_create.',
    members: { link_fd: 61 },
    call: () => tryIterCreate(61),
  },
  {
    command: 'RAW_TRACEPOINT_OPEN',
    type: ATTR,
    prefix: 'raw_tracepoint.',
    members: { name: { at: 'sched_switch' }, prog_fd: 64, cookie: 65n },
    call: () => tryRawTracepointOpen(64, 'sched_switch', 65n),
  },
  {
    command: 'perf_event_open',
    type: 'struct perf_event_attr',
    members: { type: 7, size: 128, config: 8n, sample_freq: 99n, config1: { at: '/bin/sh' }, config2: 9n },
    call: () =>
      tryPerfEventOpen({ type: 7, config: 8n, frequency: 99, text: '/bin/sh', config2: 9n, pid: -1, cpu: 0 }),
  },
  {
    command: 'epoll_ctl',
    type: 'struct epoll_event',
    members: { events: EpollEvent.IN, data: 5n },
    call: () => epollAdd(new Fd(4, 'a set'), 5, EpollEvent.IN, 'a ring'),
  },
];
