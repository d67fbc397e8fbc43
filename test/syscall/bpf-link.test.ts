import { describe, expect, test } from 'vitest';
import { AttachType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { bpfError } from '../../src/syscall/bpf.ts';
import {
  AttachFlag,
  QUERY_EFFECTIVE,
  tryProgAttach,
  tryProgDetach,
  tryProgQuery,
} from '../../src/syscall/bpf-attach.ts';
import {
  encodeIterTarget,
  tryIterCreate,
  tryLinkCreate,
  tryLinkDetach,
  tryLinkUpdate,
  tryRawTracepointOpen,
} from '../../src/syscall/bpf-link.ts';
import { linkDetails } from '../../src/syscall/bpf-link-info.ts';
import { Errno } from '../../src/syscall/errno.ts';
import { Fd } from '../../src/syscall/fd.ts';
import { perfEnable, tryPerfEventOpen, tryPerfSetBpf } from '../../src/syscall/perf-attach.ts';
import { trySetSocketOption } from '../../src/syscall/socket-attach.ts';
import { decodeCString, toHex, viewOf } from '../../src/util/bytes.ts';
import { type FakeNative, useFakeNative } from '../support/fake-native.ts';

const fake = useFakeNative();

/** Each recorded bpf(2) call: its command, and its attr in rows of 16 bytes. */
function recorded(native: FakeNative): string {
  return native.calls
    .map((call) => {
      const { command, attr } = native.bpf(call);
      return [command, ...(toHex(attr, ' ').match(/.{1,48}/g) ?? []).map((row) => `  ${row.trimEnd()}`)].join(
        '\n',
      );
    })
    .join('\n');
}

describe('the attr of LINK_CREATE for', () => {
  test('xdp, netns, struct_ops: the head alone', () => {
    fake().answer(7);
    expect(tryLinkCreate({ progFd: 5, target: 3, attachType: AttachType.XDP, flags: 2 })).toBe(7);
    expect(recorded(fake())).toMatchInlineSnapshot(`
      "LINK_CREATE
        05 00 00 00 03 00 00 00 25 00 00 00 02 00 00 00"
    `);
  });

  test('tcx, netkit, cgroup: an order', () => {
    tryLinkCreate({
      progFd: 5,
      target: 3,
      attachType: AttachType.TCX_EGRESS,
      flags: AttachFlag.BEFORE | AttachFlag.LINK,
      arm: { kind: 'order', relative: 9, expectedRevision: 0x0102n },
    });
    expect(recorded(fake())).toMatchInlineSnapshot(`
      "LINK_CREATE
        05 00 00 00 03 00 00 00 2f 00 00 00 08 20 00 00
        09 00 00 00 00 00 00 00 02 01 00 00 00 00 00 00"
    `);
  });

  test('fentry, freplace and LSM: a type and a cookie', () => {
    tryLinkCreate({
      progFd: 5,
      target: 6,
      attachType: 0,
      arm: { kind: 'tracing', targetBtfId: 0x11, cookie: 0x22n },
    });
    expect(recorded(fake())).toMatchInlineSnapshot(`
      "LINK_CREATE
        05 00 00 00 06 00 00 00 00 00 00 00 00 00 00 00
        11 00 00 00 00 00 00 00 22 00 00 00 00 00 00 00"
    `);
  });

  test('perf events: a cookie', () => {
    tryLinkCreate({
      progFd: 5,
      target: 8,
      attachType: AttachType.PERF_EVENT,
      arm: { kind: 'perf-event', cookie: 0xffff_ffff_ffff_fffen },
    });
    expect(recorded(fake())).toMatchInlineSnapshot(`
      "LINK_CREATE
        05 00 00 00 08 00 00 00 29 00 00 00 00 00 00 00
        fe ff ff ff ff ff ff ff"
    `);
  });

  test('kprobe.multi: names one behind the other, or addresses', () => {
    tryLinkCreate({
      progFd: 5,
      attachType: AttachType.TRACE_KPROBE_MULTI,
      arm: { kind: 'kprobe-multi', flags: 1, symbols: ['vfs_read', 'vfs_write'], cookies: [1n, 2n] },
    });
    const { attr } = fake().bpf(fake().calls[0]!);
    const names = fake().at(viewOf(attr).getBigUint64(24, true));
    const [first, second] = [viewOf(names).getBigUint64(0, true), viewOf(names).getBigUint64(8, true)];
    expect(decodeCString(fake().at(first))).toBe('vfs_read');
    expect(Number(second - first)).toBe('vfs_read'.length + 1);
    expect(recorded(fake())).toMatchInlineSnapshot(`
      "LINK_CREATE
        05 00 00 00 00 00 00 00 2a 00 00 00 00 00 00 00
        01 00 00 00 02 00 00 00 00 20 00 00 00 00 00 00
        00 00 00 00 00 00 00 00 00 30 00 00 00 00 00 00"
    `);
    tryLinkCreate({
      progFd: 5,
      attachType: AttachType.TRACE_KPROBE_SESSION,
      arm: { kind: 'kprobe-multi', flags: 0, addresses: [0xffff_ffff_8100_0000n] },
    });
    const second_ = fake().bpf(fake().calls[1]!).attr;
    expect([viewOf(second_).getUint32(20, true), viewOf(second_).getBigUint64(24, true)]).toEqual([1, 0n]);
    expect(toHex(fake().at(viewOf(second_).getBigUint64(32, true)))).toBe('00000081ffffffff');
  });

  test('uprobe.multi: a path, offsets, counters, cookies', () => {
    tryLinkCreate({
      progFd: 5,
      attachType: AttachType.TRACE_UPROBE_MULTI,
      arm: {
        kind: 'uprobe-multi',
        path: '/bin/bash',
        offsets: [0x10n, 0x20n],
        refCtrOffsets: [0n, 0x30n],
        cookies: [1n, 2n],
        flags: 1,
        pid: 77,
      },
    });
    const { attr } = fake().bpf(fake().calls[0]!);
    expect(decodeCString(fake().at(viewOf(attr).getBigUint64(16, true)))).toBe('/bin/bash');
    expect(toHex(fake().at(viewOf(attr).getBigUint64(24, true)))).toBe('10000000000000002000000000000000');
    expect(recorded(fake())).toMatchInlineSnapshot(`
      "LINK_CREATE
        05 00 00 00 00 00 00 00 30 00 00 00 00 00 00 00
        00 10 00 00 00 00 00 00 00 20 00 00 00 00 00 00
        00 30 00 00 00 00 00 00 00 40 00 00 00 00 00 00
        02 00 00 00 01 00 00 00 4d 00 00 00 00 00 00 00"
    `);
  });

  test('netfilter', () => {
    const arm = { kind: 'netfilter', pf: 2, hook: 1, priority: -5, flags: 1 } as const;
    tryLinkCreate({ progFd: 5, attachType: AttachType.NETFILTER, arm });
    expect(recorded(fake())).toMatchInlineSnapshot(`
      "LINK_CREATE
        05 00 00 00 00 00 00 00 2d 00 00 00 00 00 00 00
        02 00 00 00 01 00 00 00 fb ff ff ff 01 00 00 00"
    `);
  });

  test('iterators: a target of their own', () => {
    const info = encodeIterTarget({ kind: 'cgroup', fd: 4, order: 2 });
    tryLinkCreate({ progFd: 5, attachType: AttachType.TRACE_ITER, arm: { kind: 'iter', info } });
    expect(toHex(info)).toBe('02000000040000000000000000000000');
    expect(toHex(encodeIterTarget({ kind: 'task', tid: 1, pid: 2, pidFd: 3 }))).toBe(
      '01000000020000000300000000000000',
    );
    expect(toHex(encodeIterTarget({ kind: 'map', fd: 9 }))).toBe('09000000000000000000000000000000');
    expect(recorded(fake())).toMatchInlineSnapshot(`
      "LINK_CREATE
        05 00 00 00 00 00 00 00 1c 00 00 00 00 00 00 00
        00 10 00 00 00 00 00 00 10 00 00 00 00 00 00 00"
    `);
  });
});

test('the attrs of the other commands', () => {
  tryLinkUpdate(3, 4);
  tryLinkUpdate(3, 4, 5);
  tryLinkDetach(3);
  tryIterCreate(3);
  tryRawTracepointOpen(5, 'sched_switch', 0x99n);
  tryRawTracepointOpen(5);
  tryProgAttach({
    target: 3,
    progFd: 5,
    attachType: AttachType.CGROUP_SOCK_OPS,
    flags: AttachFlag.ALLOW_MULTI | AttachFlag.REPLACE,
    replaceFd: 6,
    relative: 7,
    expectedRevision: 8n,
  });
  tryProgDetach({ target: 3, progFd: 5, attachType: AttachType.SK_MSG_VERDICT });
  expect(recorded(fake())).toMatchInlineSnapshot(`
    "LINK_UPDATE
      03 00 00 00 04 00 00 00 00 00 00 00 00 00 00 00
    LINK_UPDATE
      03 00 00 00 04 00 00 00 04 00 00 00 05 00 00 00
    LINK_DETACH
      03 00 00 00
    ITER_CREATE
      03 00 00 00 00 00 00 00
    RAW_TRACEPOINT_OPEN
      00 50 00 00 00 00 00 00 05 00 00 00 00 00 00 00
      99 00 00 00 00 00 00 00
    RAW_TRACEPOINT_OPEN
      00 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00
      00 00 00 00 00 00 00 00
    PROG_ATTACH
      03 00 00 00 05 00 00 00 03 00 00 00 06 00 00 00
      06 00 00 00 07 00 00 00 08 00 00 00 00 00 00 00
    PROG_DETACH
      03 00 00 00 05 00 00 00 07 00 00 00 00 00 00 00
      00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
  `);
});

describe('PROG_QUERY', () => {
  test('reads what the kernel wrote', () => {
    fake().answer((call, memory) => {
      const { attr } = memory.bpf(call);
      const view = viewOf(attr);
      view.setUint32(12, AttachFlag.ALLOW_MULTI, true);
      viewOf(memory.at(view.getBigUint64(16, true))).setUint32(0, 41, true);
      viewOf(memory.at(view.getBigUint64(40, true))).setUint32(0, 51, true);
      view.setUint32(24, 1, true);
      view.setBigUint64(56, 6n, true);
      return 0;
    });
    expect(tryProgQuery(3, AttachType.TCX_INGRESS, 0, { links: true })).toEqual({
      result: 0,
      attachFlags: AttachFlag.ALLOW_MULTI,
      revision: 6n,
      programs: [{ programId: 41, linkId: 51, attachFlags: 0 }],
    });
  });

  test('asks for no more than a target knows', () => {
    tryProgQuery(3, AttachType.CGROUP_DEVICE, QUERY_EFFECTIVE);
    const view = viewOf(fake().bpf(fake().calls[0]!).attr);
    expect([view.getUint32(8, true), view.getUint32(24, true)]).toEqual([1, 64]);
    expect([32, 40, 48].map((at) => view.getBigUint64(at, true))).toEqual([0n, 0n, 0n]);
  });

  test('gives nothing where the kernel refused', () => {
    fake().answer(-Errno.EINVAL);
    expect(tryProgQuery(3, 0)).toMatchObject({ result: -Errno.EINVAL, programs: [] });
  });
});

describe('the info of a link', () => {
  /** Answers OBJ_GET_INFO_BY_FD: fills the struct, and a text where one was lent. */
  function info(
    fill: (view: DataView) => void,
    text?: { readonly at: number; readonly value: string },
  ): void {
    fake().answerAll((call, memory) => {
      const { attr } = memory.bpf(call);
      const view = viewOf(memory.at(viewOf(attr).getBigUint64(8, true)));
      if (text) {
        const address = view.getBigUint64(text.at, true);
        if (address !== 0n) memory.at(address).set(new TextEncoder().encode(`${text.value}\0`));
      }
      fill(view);
      return 0;
    });
  }

  test('of a kprobe', () => {
    info(
      (view) => {
        view.setUint32(0, 7, true);
        view.setUint32(4, 70, true);
        view.setUint32(8, 71, true);
        view.setUint32(16, 4, true);
        view.setUint32(36, 0x10, true);
        view.setBigUint64(48, 3n, true);
        view.setBigUint64(56, 4n, true);
      },
      { at: 24, value: 'do_unlinkat' },
    );
    expect(linkDetails(5)).toEqual({
      type: 7,
      typeName: 'perf_event',
      id: 70,
      programId: 71,
      attached: true,
      target: { kind: 'kretprobe', name: 'do_unlinkat', offset: 16, missed: 3n, cookie: 4n },
    });
  });

  test('of a kind that came later', () => {
    info((view) => view.setUint32(0, 99, true));
    expect(linkDetails(5)).toMatchObject({ typeName: 'type 99', target: { kind: 'other', type: 99 } });
  });

  test('of targets that have gone', () => {
    info((view) => view.setUint32(0, 6, true));
    expect(linkDetails(5)).toMatchObject({ attached: false, target: { kind: 'xdp', ifindex: 0 } });
  });
});

describe('perf events', () => {
  test('the attr of a uretprobe', () => {
    fake().answer(9);
    const params = {
      type: 8,
      config: 1n | (0x30n << 32n),
      text: '/bin/bash',
      config2: 0x1234n,
      pid: -1,
      cpu: 0,
    };
    expect(tryPerfEventOpen(params)).toBe(9);
    const [call] = fake().calls;
    expect(fake().named(call!, 'perf_event_open')).toBe(true);
    expect(call!.args.slice(1, 5)).toEqual([-1, 0, -1, 8]);
    const view = viewOf(fake().at(call!.args[0]!));
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([8, 128]);
    expect([view.getBigUint64(8, true), view.getBigUint64(64, true)]).toEqual([1n | (0x30n << 32n), 0x1234n]);
    expect(decodeCString(fake().at(view.getBigUint64(56, true)))).toBe('/bin/bash');
  });

  test('a frequency, and a period', () => {
    tryPerfEventOpen({ type: 1, config: 0n, frequency: 99, pid: -1, cpu: 2 });
    tryPerfEventOpen({ type: 1, config: 0n, period: 1000n, pid: 7, cpu: -1 });
    const [first, second] = fake().calls.map(({ args }) => viewOf(fake().at(args[0]!)));
    expect([first!.getBigUint64(16, true), first!.getBigUint64(40, true)]).toEqual([99n, 1n << 10n]);
    expect([second!.getBigUint64(16, true), second!.getBigUint64(40, true)]).toEqual([1000n, 0n]);
  });

  test('the ioctls that put a program there', () => {
    const fd = new Fd(9, 'an event');
    tryPerfSetBpf(fd, 5);
    perfEnable(fd);
    expect(fake().calls.map(({ args }) => args.slice(0, 3))).toEqual([
      [9, 0x40042408, 5],
      [9, 0x2400, 0],
    ]);
    fd.close();
  });
});

test('a socket option of one int', () => {
  trySetSocketOption(4, 50, 7);
  const [call] = fake().calls;
  expect(call!.args.slice(0, 3)).toEqual([4, 1, 50]);
  expect(toHex(fake().at(call!.args[3]!))).toBe('07000000');
  expect(call!.args[4]).toBe(4);
});

describe('a refused attachment', () => {
  const words = (
    command: Parameters<typeof bpfError>[0],
    errno: number,
    context: Parameters<typeof bpfError>[3],
  ): string => {
    const { explanation, hint } = bpfError(command, errno, 'x', context);
    return hint ? `${explanation} [${hint}]` : explanation;
  };

  test('is told by its attach type', () => {
    const { SCHED_CLS, CGROUP_SOCK_ADDR, KPROBE, XDP, NETFILTER } = ProgType;
    const link = (progType: number, attachType: number, errno: number, expectedAttachType?: number): string =>
      words('LINK_CREATE', errno, { progType, attachType, expectedAttachType });
    expect([
      link(SCHED_CLS, AttachType.TCX_INGRESS, Errno.EINVAL),
      link(SCHED_CLS, AttachType.TCX_INGRESS, Errno.ENODEV),
      link(SCHED_CLS, AttachType.NETKIT_PEER, Errno.EINVAL),
      link(XDP, AttachType.XDP, Errno.EBUSY),
      link(CGROUP_SOCK_ADDR, AttachType.CGROUP_INET4_CONNECT, Errno.EINVAL, AttachType.CGROUP_INET4_BIND),
      link(CGROUP_SOCK_ADDR, AttachType.CGROUP_INET4_CONNECT, Errno.EBADF),
      link(KPROBE, AttachType.TRACE_KPROBE_MULTI, Errno.EOPNOTSUPP),
      link(KPROBE, AttachType.TRACE_UPROBE_SESSION, Errno.EINVAL),
      link(NETFILTER, AttachType.NETFILTER, Errno.EBUSY),
      words('LINK_UPDATE', Errno.EPERM, {}),
      words('LINK_DETACH', Errno.EOPNOTSUPP, {}),
    ]).toMatchInlineSnapshot(`
      [
        "this kernel has no tcx, or the program was loaded for another attach type [tcx came with Linux 6.6]",
        "the interface is gone, or is in another network namespace",
        "this kernel has no netkit, or the program was loaded for another attach type [netkit came with Linux 6.7]",
        "another program is attached there already",
        "the program was loaded with expected_attach_type CGROUP_INET4_BIND, but CGROUP_INET4_CONNECT is asked for [load it from a section of that name, or with expectedAttachType: AttachType.CGROUP_INET4_CONNECT]",
        "the target is no cgroup of version 2 [name a folder below /sys/fs/cgroup, or where cgroup2 is mounted (tsbpf doctor)]",
        "this kernel cannot probe its functions (CONFIG_FPROBE is off) [tracepoints and raw tracepoints may serve instead: tp_btf/…, tracepoint/…]",
        "this kernel has no uprobe.session link, or the program was loaded for another attach type [uprobe.session link came with Linux 6.13]",
        "another BPF program has this hook at this priority",
        "another program is attached than the one that was to be replaced",
        "links of this kind end when their last descriptor and pin are gone [close it in the process that holds it, or remove its pin]",
      ]
    `);
  });
});
