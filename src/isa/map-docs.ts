// What each map type is, in our words; the facts are those of the kernel's `include/uapi/linux/bpf.h`,
// `kernel/bpf/*map*.c` and `net/core/*.c` (Linux 6.18). First versions are from ebpf-docs (BSD-2-Clause, see
// THIRD-PARTY-NOTICES.md).
import type { MapType } from './kernel-tables.generated.ts';

/** What a reader wants to know of a map type. */
export interface MapDoc {
  readonly text: string;
  readonly key: string;
  readonly value: string;
  /** What `max_entries` means. */
  readonly entries: string;
  /** Helpers that programs use it with. */
  readonly helpers: readonly string[];
  /** The first kernel that has it. */
  readonly since: string;
}

const LOOKUP = 'bpf_map_lookup_elem';
const UPDATE = 'bpf_map_update_elem';
const DELETE = 'bpf_map_delete_elem';
const EACH = 'bpf_for_each_map_elem';
const PERCPU = 'bpf_map_lookup_percpu_elem';
const HASH = [LOOKUP, UPDATE, DELETE, EACH];
const QUEUE = ['bpf_map_push_elem', 'bpf_map_pop_elem', 'bpf_map_peek_elem'];
const SOCKETS = [LOOKUP, UPDATE, DELETE];

const ANY = 'any bytes';
const INDEX = 'a number from 0, 4 bytes';
const NONE = 'none';
const MAX_KEYS = 'the most keys that it holds';
const SLOTS = 'the number of slots';

/** By the name of {@link MapType}; names of the same type (`CGROUP_STORAGE_DEPRECATED`) are not repeated. */
export const MAP_DOCS: Readonly<Partial<Record<keyof typeof MapType, MapDoc>>> = {
  HASH: {
    text: 'A hash table; all elements have their memory from the start unless BPF_F_NO_PREALLOC is set.',
    key: ANY,
    value: ANY,
    entries: MAX_KEYS,
    helpers: HASH,
    since: '3.19',
  },
  ARRAY: {
    text: 'An array: every element is there from the start, filled with zeros, and cannot be removed.',
    key: INDEX,
    value: ANY,
    entries: 'the number of elements',
    helpers: [LOOKUP, UPDATE, EACH],
    since: '3.19',
  },
  PROG_ARRAY: {
    text: 'Programs to go on in with bpf_tail_call. User space fills it; it is emptied when user space holds neither descriptor nor pin of it.',
    key: INDEX,
    value: 'a program: its descriptor when written, its id when read',
    entries: SLOTS,

    helpers: ['bpf_tail_call'],
    since: '4.2',
  },
  PERF_EVENT_ARRAY: {
    text: 'Perf events, one for each CPU: buffers to send records to user space with, or counters to read.',
    key: 'the number of a CPU, 4 bytes',
    value: 'the descriptor of a perf event',
    entries: 'the number of CPUs; loaders put it in for 0',
    helpers: [
      'bpf_perf_event_output',
      'bpf_perf_event_read',
      'bpf_perf_event_read_value',
      'bpf_skb_output',
      'bpf_xdp_output',
    ],
    since: '4.3',
  },
  PERCPU_HASH: {
    text: 'A hash table with a value for each CPU, so that CPUs need not wait for each other.',
    key: ANY,
    value: 'any bytes, once for each CPU',
    entries: MAX_KEYS,
    helpers: [...HASH, PERCPU],
    since: '4.6',
  },
  PERCPU_ARRAY: {
    text: 'An array with a value for each CPU, so that CPUs need not wait for each other.',
    key: INDEX,
    value: 'any bytes, at most 32 KiB, once for each CPU',
    entries: 'the number of elements',
    helpers: [LOOKUP, UPDATE, EACH, PERCPU],
    since: '4.6',
  },
  STACK_TRACE: {
    text: 'Stacks of kernel or user by a number that bpf_get_stackid makes of their contents.',
    key: 'the number of a stack, 4 bytes',
    value: 'addresses of 8 bytes each (or build ids), the innermost first',
    entries: 'the most stacks that it holds',
    helpers: ['bpf_get_stackid'],
    since: '4.6',
  },
  CGROUP_ARRAY: {
    text: 'Cgroups to ask whether a task or a packet belongs to them. User space fills it.',
    key: INDEX,
    value: 'the descriptor of a cgroup',
    entries: SLOTS,

    helpers: ['bpf_skb_under_cgroup', 'bpf_current_task_under_cgroup'],
    since: '4.8',
  },
  LRU_HASH: {
    text: 'A hash table that drops what was not used for longest when it is full.',
    key: ANY,
    value: ANY,
    entries: `${MAX_KEYS}; some are kept back for each CPU`,
    helpers: HASH,
    since: '4.10',
  },
  LRU_PERCPU_HASH: {
    text: 'An LRU hash table with a value for each CPU.',
    key: ANY,
    value: 'any bytes, once for each CPU',
    entries: `${MAX_KEYS}; some are kept back for each CPU`,
    helpers: [...HASH, PERCPU],
    since: '4.10',
  },
  LPM_TRIE: {
    text: 'Finds the longest prefix that a key begins with, as routing tables do. It needs BPF_F_NO_PREALLOC.',
    key: 'a prefix length in bits (u32), then the bytes in network order: 5 to 260 bytes',
    value: ANY,
    entries: MAX_KEYS,
    helpers: [LOOKUP, UPDATE, DELETE],
    since: '4.11',
  },
  ARRAY_OF_MAPS: {
    text: 'An array of maps that are all made alike; programs look one up and then use it. User space fills it.',
    key: INDEX,
    value: 'a map: its descriptor when written, its id when read',
    entries: SLOTS,

    helpers: [LOOKUP],
    since: '4.12',
  },
  HASH_OF_MAPS: {
    text: 'A hash table of maps that are all made alike. User space fills it.',
    key: ANY,
    value: 'a map: its descriptor when written, its id when read',
    entries: MAX_KEYS,
    helpers: [LOOKUP],
    since: '4.12',
  },
  DEVMAP: {
    text: 'Network interfaces to send XDP frames to, by slot.',
    key: INDEX,
    value: 'an interface index, and from 8 bytes on the descriptor of an XDP program to run there',
    entries: SLOTS,

    helpers: ['bpf_redirect_map', LOOKUP],
    since: '4.14',
  },
  SOCKMAP: {
    text: 'Sockets by slot, to redirect data between; its sk_skb and sk_msg programs are attached to the map itself.',
    key: INDEX,
    value: 'the descriptor of a socket; 8 bytes give its cookie when read',
    entries: SLOTS,

    helpers: [
      ...SOCKETS,
      'bpf_sock_map_update',
      'bpf_sk_redirect_map',
      'bpf_msg_redirect_map',
      'bpf_sk_select_reuseport',
    ],
    since: '4.14',
  },
  CPUMAP: {
    text: 'CPUs to send XDP frames to, which go on there into the network stack.',
    key: 'the number of a CPU, 4 bytes',
    value: 'the length of its queue, and from 8 bytes on the descriptor of an XDP program to run there',
    entries: 'the number of CPUs at most',

    helpers: ['bpf_redirect_map'],
    since: '4.15',
  },
  XSKMAP: {
    text: 'AF_XDP sockets to send frames to, by slot, usually the number of the queue.',
    key: INDEX,
    value: 'the descriptor of an AF_XDP socket',
    entries: SLOTS,

    helpers: ['bpf_redirect_map', LOOKUP],
    since: '4.18',
  },
  SOCKHASH: {
    text: 'As a sockmap, with sockets by any key.',
    key: ANY,
    value: 'the descriptor of a socket; 8 bytes give its cookie when read',
    entries: MAX_KEYS,
    helpers: [
      ...SOCKETS,
      'bpf_sock_hash_update',
      'bpf_sk_redirect_hash',
      'bpf_msg_redirect_hash',
      'bpf_sk_select_reuseport',
    ],
    since: '4.18',
  },
  CGROUP_STORAGE: {
    text: 'Storage of a cgroup and of the program that is attached to it; cgrp_storage has taken its place.',
    key: 'struct bpf_cgroup_storage_key, or a cgroup id of 8 bytes',
    value: ANY,
    entries: '0',
    helpers: ['bpf_get_local_storage'],
    since: '4.19',
  },
  REUSEPORT_SOCKARRAY: {
    text: 'Sockets of a reuseport group, for sk_reuseport programs to choose from. User space fills it.',
    key: INDEX,
    value: 'the descriptor of a socket, 4 or 8 bytes; the cookie when read',
    entries: SLOTS,
    helpers: ['bpf_sk_select_reuseport'],
    since: '4.19',
  },
  PERCPU_CGROUP_STORAGE: {
    text: 'As cgroup_storage with a value for each CPU; out of date like it.',
    key: 'struct bpf_cgroup_storage_key, or a cgroup id of 8 bytes',
    value: 'any bytes, once for each CPU',
    entries: '0',
    helpers: ['bpf_get_local_storage'],
    since: '4.20',
  },
  QUEUE: {
    text: 'A queue: what was put in first comes out first.',
    key: NONE,
    value: ANY,
    entries: 'how many values it holds',
    helpers: QUEUE,
    since: '4.20',
  },
  STACK: {
    text: 'A stack: what was put in last comes out first.',
    key: NONE,
    value: ANY,
    entries: 'how many values it holds',
    helpers: QUEUE,
    since: '4.20',
  },
  SK_STORAGE: {
    text: 'Storage that lives with a socket; it needs BTF and BPF_F_NO_PREALLOC.',
    key: 'a socket: its descriptor for user space, a pointer for programs',
    value: ANY,
    entries: '0',

    helpers: ['bpf_sk_storage_get', 'bpf_sk_storage_delete'],
    since: '5.2',
  },
  DEVMAP_HASH: {
    text: 'As a devmap, with interfaces by any number.',
    key: 'any number, 4 bytes',
    value: 'an interface index, and from 8 bytes on the descriptor of an XDP program to run there',
    entries: MAX_KEYS,

    helpers: ['bpf_redirect_map', LOOKUP],
    since: '5.4',
  },
  STRUCT_OPS: {
    text: 'A struct of functions of the kernel, such as a congestion control, that programs implement.',
    key: '0, 4 bytes',
    value: 'the struct with the kernel’s own part before it',
    entries: '1',
    helpers: [],
    since: '5.6',
  },
  RINGBUF: {
    text: 'A buffer of records from programs to user space, one for all CPUs, in order.',
    key: NONE,
    value: NONE,
    entries: 'its size in bytes: a power of two, and whole pages',
    helpers: [
      'bpf_ringbuf_output',
      'bpf_ringbuf_reserve',
      'bpf_ringbuf_submit',
      'bpf_ringbuf_discard',
      'bpf_ringbuf_query',
      'bpf_ringbuf_reserve_dynptr',
      'bpf_ringbuf_submit_dynptr',
      'bpf_ringbuf_discard_dynptr',
    ],
    since: '5.8',
  },
  INODE_STORAGE: {
    text: 'Storage that lives with an inode; it needs BTF and BPF_F_NO_PREALLOC.',
    key: 'a file: its descriptor for user space, an inode pointer for programs',
    value: ANY,
    entries: '0',

    helpers: ['bpf_inode_storage_get', 'bpf_inode_storage_delete'],
    since: '5.10',
  },
  TASK_STORAGE: {
    text: 'Storage that lives with a task; it needs BTF and BPF_F_NO_PREALLOC.',
    key: 'a task: its pidfd for user space, a pointer for programs',
    value: ANY,
    entries: '0',

    helpers: ['bpf_task_storage_get', 'bpf_task_storage_delete'],
    since: '5.11',
  },
  BLOOM_FILTER: {
    text: 'A set that may say yes to what it does not hold, and never no to what it does; map_extra is the number of hash functions.',
    key: NONE,
    value: ANY,
    entries: 'how many values it is made for',
    helpers: ['bpf_map_push_elem', 'bpf_map_peek_elem'],
    since: '5.16',
  },
  USER_RINGBUF: {
    text: 'A buffer of records from user space to programs.',
    key: NONE,
    value: NONE,
    entries: 'its size in bytes: a power of two, and whole pages',
    helpers: ['bpf_user_ringbuf_drain'],
    since: '6.1',
  },
  CGRP_STORAGE: {
    text: 'Storage that lives with a cgroup, for any type of program; it needs BTF and BPF_F_NO_PREALLOC.',
    key: 'a cgroup: its descriptor for user space, a pointer for programs',
    value: ANY,
    entries: '0',

    helpers: ['bpf_cgrp_storage_get', 'bpf_cgrp_storage_delete'],
    since: '6.2',
  },
  ARENA: {
    text: 'Memory that programs and user space share and both point into; it needs BPF_F_MMAPABLE. Pages come from bpf_arena_alloc_pages.',
    key: NONE,
    value: NONE,
    entries: 'its size in pages',
    helpers: [],
    since: '6.9',
  },
};
