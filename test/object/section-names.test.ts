import { describe, expect, test } from 'vitest';
import { AttachType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { isGplCompatible, kindOfTypeName, programKind, sectionNames } from '../../src/object/index.ts';

const typeName = (value: number | undefined): string | undefined =>
  Object.entries(ProgType).find(([, number]) => number === value)?.[0];
const attachName = (value: number): string =>
  value === 0 ? '0' : Object.entries(AttachType).find(([, number]) => number === value)![0];

/** Type, attach type, flags and target of a title, in one line. */
function summary(title: string): string {
  const kind = programKind(title);
  if (!kind) return 'unknown';
  const flags = kind.flags === 0 ? '' : ` flags ${kind.flags}`;
  const target = kind.attachTo === undefined ? '' : ` -> ${kind.attachTo}`;
  return `${typeName(kind.progType)} ${attachName(kind.expectedAttachType)}${flags}${kind.autoload ? '' : ' off'}${target}`;
}

describe('a section title', () => {
  test.each([
    ['xdp', 'XDP XDP'],
    ['xdp/icmp', 'XDP XDP -> icmp'],
    ['xdp_classifier', 'XDP XDP -> classifier'],
    ['xdp-root', 'XDP XDP -> root'],
    ['xdp1', 'XDP XDP -> 1'],
    ['xdp/devmap', 'XDP XDP_DEVMAP'],
    ['xdp_devmap/x', 'XDP XDP_DEVMAP -> x'],
    ['xdp/devmapper', 'XDP XDP -> devmapper'],
    ['xdp.frags', 'XDP XDP flags 32'],
    ['xdp.frags/cpumap', 'XDP XDP_CPUMAP flags 32'],
    ['xdp.frags/other', 'XDP XDP flags 32 -> other'],
    ['?xdp', 'XDP XDP off'],
    ['classifier', 'SCHED_CLS 0'],
    ['classifier/0', 'SCHED_CLS 0 -> 0'],
    ['tc', 'SCHED_CLS 0'],
    ['tc/ingress', 'SCHED_CLS TCX_INGRESS'],
    ['tc_egress_main', 'SCHED_CLS 0 -> egress_main'],
    ['tcx/egress', 'SCHED_CLS TCX_EGRESS'],
    ['tcp_congestion', 'unknown'],
    ['socket', 'SOCKET_FILTER 0'],
    ['socket1', 'SOCKET_FILTER 0 -> 1'],
    ['kprobe/tcp_connect', 'KPROBE 0 -> tcp_connect'],
    ['kprobe.multi/tcp_*', 'KPROBE TRACE_KPROBE_MULTI -> tcp_*'],
    ['uretprobe/bash_readline', 'KPROBE 0 -> bash_readline'],
    ['uprobe.s//bin/bash:readline', 'KPROBE 0 flags 16 -> /bin/bash:readline'],
    ['raw_tracepoint/sys_enter', 'RAW_TRACEPOINT 0 -> sys_enter'],
    ['raw_tp.w/nbd_send_request', 'RAW_TRACEPOINT_WRITABLE 0 -> nbd_send_request'],
    ['tp/sched/sched_switch', 'TRACEPOINT 0 -> sched/sched_switch'],
    ['tp_btf/sched_switch', 'TRACING TRACE_RAW_TP -> sched_switch'],
    ['fentry/do_unlinkat', 'TRACING TRACE_FENTRY -> do_unlinkat'],
    ['fmod_ret.s/__x64_sys_getpid', 'TRACING MODIFY_RETURN flags 16 -> __x64_sys_getpid'],
    ['lsm.s/file_open', 'LSM LSM_MAC flags 16 -> file_open'],
    ['lsm_cgroup/socket_bind', 'LSM LSM_CGROUP -> socket_bind'],
    ['iter/bpf_map', 'TRACING TRACE_ITER -> bpf_map'],
    ['syscall', 'SYSCALL 0 flags 16'],
    ['struct_ops/init', 'STRUCT_OPS 0 -> init'],
    ['freplace/subprog', 'EXT 0 -> subprog'],
    ['sk_reuseport/migrate', 'SK_REUSEPORT SK_REUSEPORT_SELECT_OR_MIGRATE'],
    ['sk_skb/stream_parser/mine', 'SK_SKB SK_SKB_STREAM_PARSER -> mine'],
    ['cgroup_skb/ingress', 'CGROUP_SKB 0'],
    ['cgroup/skb', 'CGROUP_SKB 0'],
    ['cgroup/sock', 'CGROUP_SOCK CGROUP_INET_SOCK_CREATE'],
    ['cgroup/connect4', 'CGROUP_SOCK_ADDR CGROUP_INET4_CONNECT'],
    ['cgroup/getsockname_unix', 'CGROUP_SOCK_ADDR CGROUP_UNIX_GETSOCKNAME'],
    ['.text', 'unknown'],
    ['', 'unknown'],
    ['?', 'unknown'],
    ['drop_tcp', 'unknown'],
    ['constructor', 'unknown'],
  ])('%s', (title, expected) => {
    expect(summary(title)).toBe(expected);
  });

  test('every name of the table stands for itself, and its twin with a target differs in that alone', () => {
    expect(sectionNames.length).toBeGreaterThanOrEqual(100);
    expect(new Set(sectionNames).size).toBe(sectionNames.length);
    for (const name of sectionNames) {
      const kind = programKind(name)!;
      expect(kind.attachTo, name).toBeUndefined();
      expect(programKind(`${name}/a/b`), name).toEqual({ ...kind, attachTo: 'a/b' });
      expect(programKind(`?${name}`), name).toEqual({ ...kind, autoload: false });
    }
  });

  test('a title of a megabyte costs no more than a short one says', () => {
    expect(programKind('x'.repeat(1 << 20))).toBeUndefined();
  });
});

test('an explicit type is a section name or a name of the kernel', () => {
  const type = (text: string): unknown => {
    const kind = kindOfTypeName(text);
    return kind && [typeName(kind.progType), attachName(kind.expectedAttachType)];
  };
  expect(type('xdp')).toEqual(['XDP', 'XDP']);
  expect(type('XDP')).toEqual(['XDP', 'XDP']);
  expect(type('BPF_PROG_TYPE_XDP')).toEqual(['XDP', 'XDP']);
  expect(type('sched_cls')).toEqual(['SCHED_CLS', '0']);
  expect(type('tc/ingress')).toEqual(['SCHED_CLS', 'TCX_INGRESS']);
  expect(type('socket_filter')).toEqual(['SOCKET_FILTER', '0']);
  expect(type('unspec')).toBeUndefined();
  expect(type('toString')).toBeUndefined();
});

test('the licences that the kernel takes for compatible with the GPL', () => {
  const compatible = [
    'GPL',
    'GPL v2',
    'GPL and additional rights',
    'Dual BSD/GPL',
    'Dual MIT/GPL',
    'Dual MPL/GPL',
  ];
  for (const license of compatible) expect(isGplCompatible(license)).toBe(true);
  for (const license of ['', 'gpl', 'GPL\0', 'GPLv2', 'GPL v3', 'MIT', 'Apache-2.0', 'Proprietary'])
    expect(isGplCompatible(license)).toBe(false);
});
