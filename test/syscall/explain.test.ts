import { describe, expect, test } from 'vitest';
import { MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { errnoName, errnoText } from '../../src/syscall/errno.ts';
import { type BpfCommandName, type CommandContext, explainBpf } from '../../src/syscall/explain.ts';
import type { Privileges } from '../../src/syscall/privileges.ts';
import { missingCapabilities, readPrivileges } from '../../src/syscall/privileges.ts';

const root: Privileges = {
  effective: 2n ** 41n - 1n,
  unprivilegedBpfDisabled: 2,
  lockdown: undefined,
  initialUserNamespace: true,
};
const nobody: Privileges = { ...root, effective: 0n };

function explain(
  command: BpfCommandName,
  errno: number,
  context: CommandContext = {},
  privileges = root,
): string {
  const meaning = explainBpf(command, errno, context, () => privileges);
  return meaning ? meaning.explanation + (meaning.hint ? ` [${meaning.hint}]` : '') : 'undefined';
}

describe('EPERM', () => {
  const xdp = { progType: ProgType.XDP };

  test('names the capabilities that are missing', () => {
    expect(explain('PROG_LOAD', 1, xdp, nobody)).toMatchInlineSnapshot(
      `"this process lacks CAP_BPF and CAP_NET_ADMIN, and kernel.unprivileged_bpf_disabled=2 closes bpf(2) to everybody else [run as root, or give the process CAP_BPF and CAP_NET_ADMIN]"`,
    );
    expect(explain('PROG_LOAD', 1, { progType: ProgType.KPROBE }, nobody)).toMatchInlineSnapshot(
      `"this process lacks CAP_BPF and CAP_PERFMON, and kernel.unprivileged_bpf_disabled=2 closes bpf(2) to everybody else [run as root, or give the process CAP_BPF and CAP_PERFMON]"`,
    );
    expect(explain('MAP_CREATE', 1, { mapType: MapType.DEVMAP }, nobody)).toMatchInlineSnapshot(
      `"this process lacks CAP_BPF and CAP_NET_ADMIN, and kernel.unprivileged_bpf_disabled=2 closes bpf(2) to everybody else [run as root, or give the process CAP_BPF and CAP_NET_ADMIN]"`,
    );
    expect(explain('PROG_GET_NEXT_ID', 1, {}, { ...nobody, effective: 1n << 39n })).toMatchInlineSnapshot(
      `"this process lacks CAP_SYS_ADMIN [run as root, or give the process CAP_SYS_ADMIN]"`,
    );
    expect(
      explain('MAP_CREATE', 1, {}, { ...nobody, unprivilegedBpfDisabled: undefined }),
    ).toMatchInlineSnapshot(`"this process lacks CAP_BPF [run as root, or give the process CAP_BPF]"`);
  });

  test('counts CAP_SYS_ADMIN for CAP_BPF and CAP_PERFMON, not for CAP_NET_ADMIN', () => {
    const admin = { ...nobody, effective: 1n << 21n };
    expect(missingCapabilities(admin, ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'])).toEqual([
      'CAP_NET_ADMIN',
    ]);
  });

  test('does not accuse a capability where the set cannot be read', () => {
    expect(missingCapabilities({ ...root, effective: undefined }, ['CAP_BPF'])).toEqual([]);
  });

  test('tells a type that the kernel refuses outright', () => {
    expect(explain('PROG_LOAD', 1, { progType: ProgType.LSM, logEmpty: true })).toMatchInlineSnapshot(
      `"this kernel refuses programs of type LSM before the verifier sees them, although this process has the capabilities [try a kernel that allows this type; tracepoints, raw tracepoints and uprobes may serve instead]"`,
    );
  });

  test('tells a user namespace, lockdown, and what is left', () => {
    expect(explain('PROG_LOAD', 1, xdp, { ...root, initialUserNamespace: false })).toMatchInlineSnapshot(
      `"this process is in a user namespace, where its capabilities do not count for BPF [run outside of the container, or use a BPF token (Linux 6.9 or later)]"`,
    );
    expect(explain('PROG_LOAD', 1, xdp, { ...root, lockdown: 'integrity' })).toMatchInlineSnapshot(
      `"refused although no capability is missing; kernel lockdown is in mode 'integrity' [this mode forbids writing to the memory of processes (bpf_probe_write_user); boot without lockdown=]"`,
    );
    expect(explain('PROG_LOAD', 1, xdp)).toMatchInlineSnapshot(
      `"refused although no capability is missing: a security module, a seccomp filter or kernel lockdown forbids it"`,
    );
  });

  test('is about the map where the process has its capabilities', () => {
    expect(explain('MAP_UPDATE_ELEM', 1)).toMatchInlineSnapshot(
      `"user space may not write to this map: it is frozen or was made with BPF_F_RDONLY"`,
    );
    expect(explain('MAP_UPDATE_ELEM', 1, {}, nobody)).toMatchInlineSnapshot(
      `"this process lacks CAP_BPF, and kernel.unprivileged_bpf_disabled=2 closes bpf(2) to everybody else [run as root, or give the process CAP_BPF]"`,
    );
  });
});

describe('other errnos', () => {
  test('are told by what the command makes of them', () => {
    expect(explain('MAP_UPDATE_ELEM', 7, { maxEntries: 3 })).toMatchInlineSnapshot(
      `"the map is full: it holds at most 3 entries"`,
    );
    expect(explain('MAP_UPDATE_ELEM', 7, { maxEntries: 3, index: 3 })).toMatchInlineSnapshot(
      `"index 3 is out of range: the map has 3 entries, 0 to 2"`,
    );
    expect(explain('PROG_TEST_RUN', 524, { progType: ProgType.TRACEPOINT })).toMatchInlineSnapshot(
      `"programs of type TRACEPOINT cannot be test-run"`,
    );
    expect(explain('MAP_DELETE_ELEM', 22, {})).toMatchInlineSnapshot(
      `"maps of this type have no entries to delete"`,
    );
    expect(explain('MAP_CREATE', 38)).toMatchInlineSnapshot(
      `"this kernel has no bpf(2), or a sandbox hides it"`,
    );
    expect(explain('MAP_CREATE', 22)).toBe('undefined');
  });

  test('have names, those that no libc knows included', () => {
    expect(
      [2, 22, 524, 4711].map((errno) => `${errnoName(errno)}: ${errnoText(errno)}`),
    ).toMatchInlineSnapshot(`
        [
          "ENOENT: no such entry",
          "EINVAL: invalid argument",
          "ENOTSUPP: operation not supported",
          "errno 4711: unknown error",
        ]
      `);
  });
});

test('the privileges of this process can be read where there is a /proc', () => {
  const { effective, initialUserNamespace } = readPrivileges();
  if (process.platform === 'linux') expect(typeof effective).toBe('bigint');
  expect(typeof initialUserNamespace).toBe('boolean');
});
