import { describe, expect, test } from 'vitest';
import { AttachType, MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { BPF_COMMANDS, requiredCapabilities } from '../../src/syscall/capability-needs.ts';
import { Errno, errnoName } from '../../src/syscall/errno.ts';
import { SyscallError } from '../../src/syscall/error.ts';
import { type BpfCommandName, type CommandContext, explainBpf } from '../../src/syscall/explain.ts';
import { explainSystem } from '../../src/syscall/explain-system.ts';
import type { FileSystemOf } from '../../src/syscall/file-system.ts';
import type { Privileges } from '../../src/syscall/privileges.ts';

const ROOT: Privileges = {
  effective: 2n ** 41n - 1n,
  unprivilegedBpfDisabled: 2,
  lockdown: 'none',
  initialUserNamespace: true,
  securityModules: ['lockdown', 'capability', 'yama'],
  seccompMode: 0,
  kernelVersion: (6 << 16) | (18 << 8),
  lockedMemory: '8388608',
};
const XDP: CommandContext = { progType: ProgType.XDP };
const FENTRY: CommandContext = { progType: ProgType.TRACING, logEmpty: true };

function explain(
  command: BpfCommandName,
  errno: number,
  context: CommandContext = {},
  privileges: Partial<Privileges> = {},
  files: FileSystemOf = () => undefined,
): string {
  const meaning = explainBpf(command, errno, context, () => ({ ...ROOT, ...privileges }), files);
  return meaning === undefined ? '' : `${meaning.explanation}${meaning.hint ? ` [${meaning.hint}]` : ''}`;
}

describe('EPERM is told apart', () => {
  const cases: readonly [string, BpfCommandName, CommandContext, Partial<Privileges>][] = [
    ['a capability', 'PROG_LOAD', XDP, { effective: 1n << 39n }],
    ['several, and the sysctl', 'PROG_LOAD', { progType: ProgType.KPROBE }, { effective: 0n }],
    [
      'CAP_BPF where everybody may',
      'MAP_CREATE',
      { mapType: MapType.LPM_TRIE },
      { effective: 0n, unprivilegedBpfDisabled: 0 },
    ],
    [
      'without capabilities in a user namespace',
      'PROG_LOAD',
      XDP,
      { effective: 0n, initialUserNamespace: false },
    ],
    ['with all of them in a user namespace', 'PROG_LOAD', XDP, { initialUserNamespace: false }],
    ['a type that the kernel refuses', 'PROG_LOAD', FENTRY, {}],
    [
      'the same, although there is more to suspect',
      'PROG_LOAD',
      FENTRY,
      { lockdown: 'integrity', seccompMode: 2 },
    ],
    ['locked memory, before 5.11', 'MAP_CREATE', {}, { kernelVersion: (5 << 16) | (10 << 8) }],
    [
      'but not where it is unlimited',
      'MAP_CREATE',
      {},
      { kernelVersion: (5 << 16) | (10 << 8), lockedMemory: 'unlimited' },
    ],
    ['nor where nothing is made', 'BTF_GET_NEXT_ID', {}, { kernelVersion: (5 << 16) | (10 << 8) }],
    ['seccomp', 'MAP_CREATE', {}, { seccompMode: 2 }],
    ['lockdown', 'PROG_LOAD', XDP, { lockdown: 'confidentiality' }],
    ['security modules', 'PROG_LOAD', XDP, { securityModules: ['lockdown', 'selinux', 'bpf'] }],
    ['nothing that can be seen', 'PROG_LOAD', XDP, { securityModules: undefined, lockdown: undefined }],
  ];

  test('by what this process and this kernel are', () => {
    const told = cases.map(
      ([what, command, context, privileges]) => `${what}:\n  ${explain(command, 1, context, privileges)}`,
    );
    expect(told.join('\n')).toMatchInlineSnapshot(`
      "a capability:
        this process lacks CAP_NET_ADMIN [run as root, or give the process CAP_NET_ADMIN]
      several, and the sysctl:
        this process lacks CAP_BPF and CAP_PERFMON, and kernel.unprivileged_bpf_disabled=2 closes bpf(2) to everybody else [run as root, or give the process CAP_BPF and CAP_PERFMON]
      CAP_BPF where everybody may:
        this process lacks CAP_BPF [run as root, or give the process CAP_BPF]
      without capabilities in a user namespace:
        this process lacks CAP_BPF and CAP_NET_ADMIN, and kernel.unprivileged_bpf_disabled=2 closes bpf(2) to everybody else [run outside of this user namespace with CAP_BPF and CAP_NET_ADMIN, or use a BPF token (Linux 6.9 or later)]
      with all of them in a user namespace:
        this process is in a user namespace, where its capabilities do not count for BPF [run outside of the container, or use a BPF token (Linux 6.9 or later)]
      a type that the kernel refuses:
        this kernel refuses programs of type TRACING before the verifier sees them, although this process has the capabilities [try a kernel that allows this type; tracepoints, raw tracepoints and uprobes may serve instead]
      the same, although there is more to suspect:
        this kernel refuses programs of type TRACING before the verifier sees them, although this process has the capabilities [try a kernel that allows this type; tracepoints, raw tracepoints and uprobes may serve instead]
      locked memory, before 5.11:
        refused although no capability is missing: before Linux 5.11 memory of maps and programs counts as locked, and the limit is 8388608 [ulimit -l unlimited]
      but not where it is unlimited:
        refused although no capability is missing: a security module, a seccomp filter or kernel lockdown forbids it
      nor where nothing is made:
        refused although no capability is missing: a security module, a seccomp filter or kernel lockdown forbids it
      seccomp:
        refused although no capability is missing: this process has a seccomp filter, as containers have [allow bpf(2) and perf_event_open(2) in it (docker run --security-opt seccomp=unconfined)]
      lockdown:
        refused although no capability is missing; kernel lockdown is in mode 'confidentiality' [this mode forbids reading memory of the kernel, kprobes and tracefs; boot without lockdown=]
      security modules:
        refused although no capability is missing: of the security modules here selinux and bpf may forbid it [see: ausearch -m avc -ts recent; bpftool prog list, for programs of type lsm]
      nothing that can be seen:
        refused although no capability is missing: a security module, a seccomp filter or kernel lockdown forbids it"
    `);
  });

  test('of a pin, by where it is and how it is called', () => {
    const pin = (path: string, kind: ReturnType<FileSystemOf>): string =>
      explain('OBJ_PIN', Errno.EPERM, { path }, {}, () => kind);
    expect([
      pin('/tmp/x', 'other'),
      pin('/sys/fs/bpf/a.b', 'bpf'),
      pin('/sys/fs/bpf/x', undefined),
      pin('x', 'other'),
      pin('/x', 'other'),
    ]).toMatchInlineSnapshot(`
      [
        "/tmp is not in a BPF file system [pin below one: mount -t bpf bpf /sys/fs/bpf]",
        "'a.b' cannot be the name of a pin: it has a '.'",
        "/sys/fs/bpf/x is not in a BPF file system, or its name has a '.' [mount one: mount -t bpf bpf /sys/fs/bpf; names of pins may not have a dot]",
        ". is not in a BPF file system [pin below one: mount -t bpf bpf /sys/fs/bpf]",
        "/ is not in a BPF file system [pin below one: mount -t bpf bpf /sys/fs/bpf]",
      ]
    `);
    const asked: string[] = [];
    explain('OBJ_PIN', Errno.EPERM, { path: '/sys/fs/bpf/deep/x' }, {}, (folder) => {
      asked.push(folder);
      return 'bpf';
    });
    expect(asked).toEqual(['/sys/fs/bpf/deep']);
  });

  test('and no fact is gathered for any other errno', () => {
    const never = (): never => {
      throw new Error('asked');
    };
    for (const command of BPF_COMMANDS)
      for (const errno of [Errno.EINVAL, Errno.ENOENT, Errno.E2BIG, Errno.EACCES])
        expect(() => explainBpf(command, errno, {}, never, () => undefined)).not.toThrow();
  });

  test('for every command and every type there is a capability to name', () => {
    const nobody = { effective: 0n };
    for (const command of BPF_COMMANDS) {
      for (const progType of [undefined, ...Object.values(ProgType)]) {
        const needs = requiredCapabilities(command, { progType });
        expect(needs.length).toBeGreaterThan(0);
        expect(explain(command, Errno.EPERM, { progType }, nobody)).toContain(`lacks ${needs.join(' and ')}`);
      }
    }
  });
});

/** Errnos that a command is known to answer with (Linux 6.18), beside EPERM. */
const ANSWERS: Readonly<Partial<Record<BpfCommandName, readonly number[]>>> = {
  MAP_CREATE: [Errno.EMFILE, Errno.E2BIG, Errno.ENOMEM, Errno.EBADF, Errno.ENOTSUPP],
  MAP_LOOKUP_ELEM: [Errno.ENOENT, Errno.ENOTSUPP],
  MAP_UPDATE_ELEM: [Errno.E2BIG, Errno.EEXIST, Errno.ENOENT, Errno.ENOMEM, Errno.EBUSY],
  MAP_DELETE_ELEM: [Errno.E2BIG, Errno.EINVAL],
  MAP_GET_NEXT_KEY: [Errno.ENOENT, Errno.ENOTSUPP],
  MAP_LOOKUP_AND_DELETE_ELEM: [Errno.ENOENT, Errno.ENOTSUPP],
  MAP_LOOKUP_BATCH: [Errno.ENOSPC, Errno.ENOTSUPP],
  MAP_LOOKUP_AND_DELETE_BATCH: [Errno.ENOSPC, Errno.ENOTSUPP],
  MAP_UPDATE_BATCH: [Errno.E2BIG, Errno.ENOTSUPP],
  MAP_DELETE_BATCH: [Errno.ENOTSUPP],
  MAP_FREEZE: [Errno.EBUSY, Errno.ENOTSUPP],
  PROG_LOAD: [Errno.E2BIG, Errno.ENOSPC, Errno.EBADF, Errno.ENOMEM, Errno.EAGAIN, Errno.ENOTSUPP],
  PROG_TEST_RUN: [Errno.EINVAL, Errno.ENOTSUPP, Errno.ENOSPC],
  BTF_LOAD: [Errno.EINVAL, Errno.E2BIG],
  OBJ_PIN: [Errno.EEXIST, Errno.ENOENT, Errno.EINVAL],
  OBJ_GET: [Errno.ENOENT, Errno.EACCES],
  OBJ_GET_INFO_BY_FD: [Errno.E2BIG, Errno.EBADF],
  PROG_GET_FD_BY_ID: [Errno.ENOENT],
  MAP_GET_FD_BY_ID: [Errno.ENOENT],
  LINK_GET_FD_BY_ID: [Errno.ENOENT],
  BTF_GET_FD_BY_ID: [Errno.ENOENT],
  ENABLE_STATS: [Errno.EINVAL],
  PROG_STREAM_READ_BY_FD: [Errno.EINVAL, Errno.ENOENT],
  LINK_UPDATE: [Errno.EOPNOTSUPP, Errno.EINVAL, Errno.ENOLINK],
  LINK_DETACH: [Errno.EOPNOTSUPP],
  ITER_CREATE: [Errno.EINVAL],
  RAW_TRACEPOINT_OPEN: [Errno.ENOENT, Errno.EINVAL],
  PROG_QUERY: [Errno.EINVAL],
};
/** Those that answer by what is attached to, and those that have nothing to say but EPERM. */
const ELSEWHERE: readonly BpfCommandName[] = [
  'LINK_CREATE',
  'PROG_ATTACH',
  'PROG_DETACH',
  'PROG_GET_NEXT_ID',
  'MAP_GET_NEXT_ID',
  'LINK_GET_NEXT_ID',
  'BTF_GET_NEXT_ID',
  'TOKEN_CREATE',
];

describe('an errno in words', () => {
  test('is looked at for every command', () => {
    expect([...Object.keys(ANSWERS), ...ELSEWHERE].sort()).toEqual([...BPF_COMMANDS].sort());
  });

  test('of bpf(2)', () => {
    const context = { progType: ProgType.XDP, path: '/sys/fs/bpf/x', id: 7, maxEntries: 4 };
    const told = Object.entries(ANSWERS).flatMap(([command, errnos]) =>
      errnos.map((errno) => {
        const words = explain(command as BpfCommandName, errno, context);
        expect([command, errnoName(errno), words]).not.toContain('');
        return `${command} ${errnoName(errno)}: ${words}`;
      }),
    );
    expect(told.join('\n')).toMatchInlineSnapshot(`
      "MAP_CREATE EMFILE: this process has as many descriptors open as it may [close some, or: ulimit -n]
      MAP_CREATE E2BIG: the map is too large, or this kernel does not know a field that was set
      MAP_CREATE ENOMEM: not enough memory for the map, or over the memory limit of the cgroup
      MAP_CREATE EBADF: a descriptor that it refers to is not open, or is of something else
      MAP_CREATE ENOTSUPP: this kernel has no maps of this type, or none with these types or flags
      MAP_LOOKUP_ELEM ENOENT: there is no such key
      MAP_LOOKUP_ELEM ENOTSUPP: maps of this type cannot be read from user space
      MAP_UPDATE_ELEM E2BIG: the map is full: it holds at most 4 entries
      MAP_UPDATE_ELEM EEXIST: the key exists already, and the flag NOEXIST asks for a new one
      MAP_UPDATE_ELEM ENOENT: there is no such key, and the flag EXIST asks for one
      MAP_UPDATE_ELEM ENOMEM: not enough memory for another entry
      MAP_UPDATE_ELEM EBUSY: another update of the same bucket is under way; try again
      MAP_DELETE_ELEM E2BIG: the map is full: it holds at most 4 entries
      MAP_DELETE_ELEM EINVAL: maps of this type have no entries to delete
      MAP_GET_NEXT_KEY ENOENT: there is no further key
      MAP_GET_NEXT_KEY ENOTSUPP: maps of this type have no keys to walk through
      MAP_LOOKUP_AND_DELETE_ELEM ENOENT: there is no such key, or the queue is empty
      MAP_LOOKUP_AND_DELETE_ELEM ENOTSUPP: this kernel takes no entry out of a map of this type
      MAP_LOOKUP_BATCH ENOSPC: a bucket of the map has more entries than there is room for; give a larger batch
      MAP_LOOKUP_BATCH ENOTSUPP: maps of this type have no batch operations in this kernel
      MAP_LOOKUP_AND_DELETE_BATCH ENOSPC: a bucket of the map has more entries than there is room for; give a larger batch
      MAP_LOOKUP_AND_DELETE_BATCH ENOTSUPP: maps of this type have no batch operations in this kernel
      MAP_UPDATE_BATCH E2BIG: the map is full: it holds at most 4 entries
      MAP_UPDATE_BATCH ENOTSUPP: maps of this type have no batch operations in this kernel
      MAP_DELETE_BATCH ENOTSUPP: maps of this type have no batch operations in this kernel
      MAP_FREEZE EBUSY: the map is frozen already, is being written to, or is mapped for writing
      MAP_FREEZE ENOTSUPP: maps of this type cannot be frozen
      PROG_LOAD E2BIG: it is too complex, or this kernel does not know a field that was set
      PROG_LOAD ENOSPC: the log did not fit its buffer
      PROG_LOAD EBADF: a descriptor that it refers to is not open, or is of something else
      PROG_LOAD ENOMEM: not enough memory for the program or for its verification
      PROG_LOAD EAGAIN: signals kept interrupting the verifier
      PROG_LOAD ENOTSUPP: this kernel, or its JIT on this architecture, cannot run such a program
      PROG_TEST_RUN EINVAL: programs of type XDP run on a packet, and none was given [give one as data: 14 bytes or more, from its Ethernet header on]
      PROG_TEST_RUN ENOTSUPP: programs of type XDP cannot be test-run
      PROG_TEST_RUN ENOSPC: the output packet does not fit its buffer; give a larger dataSizeOut
      BTF_LOAD EINVAL: the types are malformed, or of a kind that this kernel does not know
      BTF_LOAD E2BIG: the types are larger than the kernel takes (16 MiB)
      OBJ_PIN EEXIST: /sys/fs/bpf/x exists already [remove it, or pin with replace]
      OBJ_PIN ENOENT: the directory of /sys/fs/bpf/x does not exist
      OBJ_PIN EINVAL: /sys/fs/bpf/x is not in a BPF file system, or its name has a '.' [mount one: mount -t bpf bpf /sys/fs/bpf; names of pins may not have a dot]
      OBJ_GET ENOENT: nothing is pinned at /sys/fs/bpf/x
      OBJ_GET EACCES: /sys/fs/bpf/x is not a pin, or this user may not open it
      OBJ_GET_INFO_BY_FD E2BIG: this kernel does not know a field that was set
      OBJ_GET_INFO_BY_FD EBADF: a descriptor that it refers to is not open, or is of something else
      PROG_GET_FD_BY_ID ENOENT: nothing has id 7 (any more)
      MAP_GET_FD_BY_ID ENOENT: nothing has id 7 (any more)
      LINK_GET_FD_BY_ID ENOENT: nothing has id 7 (any more)
      BTF_GET_FD_BY_ID ENOENT: nothing has id 7 (any more)
      ENABLE_STATS EINVAL: this kernel has no such statistics; run times came with Linux 5.8
      PROG_STREAM_READ_BY_FD EINVAL: this kernel has no streams; they came with Linux 6.17
      PROG_STREAM_READ_BY_FD ENOENT: the program has no such stream: 1 is its stdout, 2 its stderr
      LINK_UPDATE EOPNOTSUPP: links of this kind cannot change their program
      LINK_UPDATE EINVAL: the new program has another type or expected attach type, or links of this kind cannot change their program
      LINK_UPDATE ENOLINK: the link is detached: its target has gone
      LINK_DETACH EOPNOTSUPP: links of this kind end when their last descriptor and pin are gone [close it in the process that holds it, or remove its pin]
      ITER_CREATE EINVAL: the link is no iterator
      RAW_TRACEPOINT_OPEN ENOENT: the kernel has no tracepoint of this name [the names are those of tracefs without their folder: sched_switch, sys_enter]
      RAW_TRACEPOINT_OPEN EINVAL: the program is of another type, reads further than the tracepoint has arguments, or the kernel knows no cookies here
      PROG_QUERY EINVAL: this kernel does not tell what is attached there"
    `);
  });

  test('of attaching, for every attach type', () => {
    const silent = Object.entries(AttachType).filter(
      ([, attachType]) => explain('LINK_CREATE', Errno.EINVAL, { ...XDP, attachType }) === '',
    );
    expect(silent).toEqual([]);
  });

  test('of other system calls', () => {
    const told = (
      [
        ['perf_event_open', [2, 3, 7, 16, 19, 22, 24, 28, 95]],
        ['ioctl', [7, 9, 17, 22, 95]],
        ['setsockopt', [1, 2, 9, 12, 22, 88, 92]],
        ['mount', [2, 16, 19, 20, 22]],
        ['umount2', [2, 16, 22]],
        ['unshare', [12, 22, 28]],
        ['setns', [9, 22]],
        ['mmap', [11, 12, 13, 19, 22]],
        ['socket', [24, 93, 97]],
        ['bind', [19, 98]],
        ['sendto', [6, 90, 100, 105]],
        ['recvfrom', [100]],
        ['netlink', [2, 17, 19, 22, 95]],
        ['fcntl', [24]],
        ['epoll_create1', [24]],
        ['epoll_ctl', [1, 9, 17, 28]],
      ] as const
    ).flatMap(([syscall, errnos]) =>
      errnos.map((errno) => {
        const { message, hint } = new SyscallError({ syscall, errno, doing: `${syscall}(2)` });
        expect(explainSystem(syscall, errno)).toBeDefined();
        return hint === undefined ? message : `${message} [${hint}]`;
      }),
    );
    expect(told.join('\n')).toMatchInlineSnapshot(`
      "cannot perf_event_open(2): there is no such event here: the machine has no counter for it, or the path or function is not there (ENOENT)
      cannot perf_event_open(2): there is no such process (ESRCH)
      cannot perf_event_open(2): this kernel does not know a field that was set (E2BIG)
      cannot perf_event_open(2): another event has the counter for itself (EBUSY)
      cannot perf_event_open(2): the CPU is offline, or this kind of event has no such machine (ENODEV)
      cannot perf_event_open(2): the kernel does not take this event, or not with this offset, period or flag (EINVAL)
      cannot perf_event_open(2): this process has as many descriptors open as it may (EMFILE) [close some, or: ulimit -n]
      cannot perf_event_open(2): all hardware breakpoints are in use (ENOSPC)
      cannot perf_event_open(2): this hardware or kernel cannot do it (EOPNOTSUPP)
      cannot ioctl(2): as many programs as the kernel takes (64) are on this event already (E2BIG)
      cannot ioctl(2): the program or the event is closed (EBADF)
      cannot ioctl(2): the event has a program already (EEXIST)
      cannot ioctl(2): programs of this type do not go to this kind of event (EINVAL)
      cannot ioctl(2): this kind of event takes no program, or not with a cookie (EOPNOTSUPP)
      cannot setsockopt(2): the filter of the socket is locked (SO_LOCK_FILTER) (EPERM)
      cannot setsockopt(2): the socket has no filter (ENOENT)
      cannot setsockopt(2): the socket or the program is closed (EBADF)
      cannot setsockopt(2): programs of sockets need more memory than net.core.optmem_max allows (ENOMEM)
      cannot setsockopt(2): the program is of another type than this option takes, or the option is not known (EINVAL)
      cannot setsockopt(2): the descriptor is no socket (ENOTSOCK)
      cannot setsockopt(2): sockets of this kind have no such option (ENOPROTOOPT)
      cannot mount(2): the folder does not exist (ENOENT)
      cannot mount(2): it is mounted there already, or is in use (EBUSY)
      cannot mount(2): this kernel has no such file system (ENODEV)
      cannot mount(2): it is no folder (ENOTDIR)
      cannot mount(2): the kernel does not take these options, or not here (EINVAL)
      cannot umount2(2): the folder does not exist (ENOENT)
      cannot umount2(2): files in it are open (EBUSY)
      cannot umount2(2): nothing is mounted there (EINVAL)
      cannot unshare(2): not enough memory for a namespace (ENOMEM)
      cannot unshare(2): this kernel has no such namespaces, or the process has several threads that would have to move (EINVAL)
      cannot unshare(2): there are as many namespaces as allowed (user.max_*_namespaces) (ENOSPC)
      cannot setns(2): the descriptor is not open (EBADF)
      cannot setns(2): the descriptor is not one of a namespace of this kind (EINVAL)
      cannot mmap(2): over the limit of locked memory (ulimit -l) (EAGAIN)
      cannot mmap(2): not enough memory, or too many mappings (ENOMEM)
      cannot mmap(2): it may not be mapped for writing (EACCES)
      cannot mmap(2): it cannot be mapped (ENODEV)
      cannot mmap(2): it cannot be mapped, or not with this length and offset: they are whole pages (EINVAL)
      cannot socket(2): this process has as many descriptors open as it may (EMFILE) [close some, or: ulimit -n]
      cannot socket(2): this kernel has no such protocol (EPROTONOSUPPORT)
      cannot socket(2): this kernel has no sockets of this family (EAFNOSUPPORT)
      cannot bind(2): the interface is gone (ENODEV)
      cannot bind(2): the address is in use (EADDRINUSE)
      cannot sendto(2): the interface is gone (ENXIO)
      cannot sendto(2): it is larger than the interface takes (EMSGSIZE)
      cannot sendto(2): the interface is down (ENETDOWN)
      cannot sendto(2): the queue of the interface is full (ENOBUFS)
      cannot recvfrom(2): the interface is down (ENETDOWN)
      cannot netlink(2): there is no such thing on the interface (ENOENT)
      cannot netlink(2): there is one already (EEXIST)
      cannot netlink(2): there is no such interface in this network namespace (ENODEV)
      cannot netlink(2): the kernel does not take an attribute of the request (EINVAL)
      cannot netlink(2): the interface, or this kernel, cannot do it (EOPNOTSUPP)
      cannot fcntl(2): this process has as many descriptors open as it may (EMFILE) [close some, or: ulimit -n]
      cannot epoll_create1(2): this process has as many descriptors open as it may (EMFILE) [close some, or: ulimit -n]
      cannot epoll_ctl(2): it cannot be waited for (EPERM)
      cannot epoll_ctl(2): it is closed (EBADF)
      cannot epoll_ctl(2): it is waited for already (EEXIST)
      cannot epoll_ctl(2): as many descriptors are waited for as allowed (fs.epoll.max_user_watches) (ENOSPC)"
    `);
  });

  test('that nobody knows keeps its own', () => {
    expect(new SyscallError({ syscall: 'mount', errno: 5, doing: 'x' }).message).toBe(
      'cannot x: input or output error (EIO)',
    );
    expect(new SyscallError({ syscall: 'mount', errno: 2, doing: 'x', explanation: 'ours' }).message).toBe(
      'cannot x: ours (ENOENT)',
    );
  });
});
