import { describe, expect, test } from 'vitest';
import { AttachType, MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import {
  attachKprobeMulti,
  attachNetkit,
  attachRawTracepoint,
  attachSockmap,
  attachTcx,
  attachTracepoint,
  attachTracing,
  BpfMap,
  Link,
  Program,
} from '../../src/kernel/index.ts';
import { linkCreateHead } from '../../src/syscall/bpf-link-attr.ts';
import { Errno } from '../../src/syscall/errno.ts';
import { Fd } from '../../src/syscall/fd.ts';
import { viewOf } from '../../src/util/bytes.ts';
import { returns } from '../support/bpf-code.ts';
import { type FakeNative, type RecordedCall, useFakeNative } from '../support/fake-native.ts';
import { errorOf } from '../support/kernel.ts';

const fake = useFakeNative();

/** The commands of bpf(2) and the other calls, in order, since the last asking. */
function calls(native: FakeNative): string[] {
  const names = ['bpf', 'close', 'ioctl', 'perf_event_open', 'fcntl'] as const;
  return native.calls.splice(0).map((call) => {
    const name = names.find((each) => native.named(call, each)) ?? `${call.number}`;
    return name === 'bpf' ? native.bpf(call).command : name;
  });
}

/** Answers bpf(2) by command; descriptors are numbered from 20 on. */
function kernel(native: FakeNative, answers: Readonly<Record<string, number>>): void {
  let next = 20;
  native.answerAll((call: RecordedCall, memory) => {
    if (memory.named(call, 'bpf')) {
      const { command } = memory.bpf(call);
      const opens = /^(PROG_LOAD|MAP_CREATE|LINK_CREATE|RAW_TRACEPOINT_OPEN)$/.test(command);
      return answers[command] ?? (opens ? next++ : 0);
    }
    return memory.named(call, 'perf_event_open') || memory.named(call, 'fcntl') ? next++ : 0;
  });
}

const load = (type: string, expectedAttachType?: number): Program =>
  Program.load({
    name: 'p',
    type,
    code: returns(0),
    ...(expectedAttachType !== undefined && { expectedAttachType: expectedAttachType as AttachType }),
  });

describe('a tracepoint', () => {
  test('by a link: the link holds the event', () => {
    kernel(fake(), {});
    using program = load('tracepoint');
    const attached = attachTracepoint(program, 'sched', 'sched_switch', { id: 300, cookie: 7n });
    expect(calls(fake())).toEqual(['PROG_LOAD', 'perf_event_open', 'LINK_CREATE', 'ioctl', 'close']);
    attached.close();
    expect(calls(fake())).toEqual(['close']);
  });

  test('on a kernel without these links: the event holds the program', () => {
    kernel(fake(), { LINK_CREATE: -Errno.EINVAL });
    using program = load('tracepoint');
    const attached = attachTracepoint(program, 'sched', 'sched_switch', { id: 300 });
    expect(calls(fake())).toEqual(['PROG_LOAD', 'perf_event_open', 'LINK_CREATE', 'ioctl', 'ioctl']);
    expect(attached).not.toBeInstanceOf(Link);
    expect([attached.detach(), attached.detach()]).toEqual([true, false]);
  });

  test('a cookie cannot do without a link, and nothing is left open', () => {
    kernel(fake(), { LINK_CREATE: -Errno.EINVAL });
    using program = load('tracepoint');
    const attach = () => attachTracepoint(program, 'sched', 'sched_switch', { id: 300, cookie: 1n });
    expect(errorOf(attach).message).toMatchInlineSnapshot(
      `"cannot attach program 'p' to tracepoint sched/sched_switch: programs of this type do not go to this kind of event (EINVAL)"`,
    );
    expect(calls(fake())).toEqual(['PROG_LOAD', 'perf_event_open', 'LINK_CREATE', 'close']);
  });
});

describe('fentry, fexit, fmod_ret, LSM, freplace', () => {
  test.each([
    ['fentry', ProgType.TRACING, AttachType.TRACE_FENTRY],
    ['fexit', ProgType.TRACING, AttachType.TRACE_FEXIT],
    ['fmod_ret', ProgType.TRACING, AttachType.MODIFY_RETURN],
    ['lsm', ProgType.LSM, AttachType.LSM_MAC],
    ['freplace', ProgType.EXT, 0],
  ] as const)('%s is attached to what it was loaded for', (section, type, attachType) => {
    kernel(fake(), {});
    using program = Program.load({
      name: 'p',
      type: section,
      code: returns(0),
      attachTarget: { btfId: 77, fd: 5 },
    });
    expect(program.type).toBe(type);
    const loaded = viewOf(fake().bpf(fake().calls[0]!).attr);
    // attach_btf_id and attach_prog_fd.
    expect([loaded.getUint32(108, true), loaded.getUint32(112, true)]).toEqual([77, 5]);
    using _link = attachTracing(program, { cookie: 3n });
    const { command, attr } = fake().bpf(fake().calls[1]!);
    expect(command).toBe('LINK_CREATE');
    expect(linkCreateHead.decode(attr)).toEqual({
      prog_fd: 20,
      target: 0,
      attach_type: attachType,
      flags: 0,
    });
    expect(viewOf(attr).getBigUint64(24, true)).toBe(3n);
  });

  test('freplace goes to another program than it was loaded for', () => {
    kernel(fake(), {});
    using program = load('freplace');
    using other = load('xdp');
    using _link = attachTracing(program, { replace: { program: other, btfId: 9 } });
    const { attr } = fake().bpf(fake().calls[2]!);
    expect(linkCreateHead.decode(attr)).toMatchObject({ prog_fd: 20, target: 21 });
    expect(viewOf(attr).getUint32(16, true)).toBe(9);
  });

  test('older kernels have another command for it', () => {
    kernel(fake(), { LINK_CREATE: -Errno.EINVAL });
    using program = load('fentry');
    using _link = attachTracing(program);
    expect(calls(fake())).toEqual(['PROG_LOAD', 'LINK_CREATE', 'RAW_TRACEPOINT_OPEN']);
  });
});

describe('where a kernel refuses', () => {
  test('kprobe.multi says what is missing', () => {
    kernel(fake(), { LINK_CREATE: -Errno.EOPNOTSUPP });
    using program = load('kprobe.multi');
    const attach = () => attachKprobeMulti(program, { functions: ['do_unlinkat'] });
    expect(errorOf(attach).message).toMatchInlineSnapshot(
      `"cannot attach program 'p' to 1 function of the kernel (kprobe.multi): this kernel cannot probe its functions (CONFIG_FPROBE is off) (EOPNOTSUPP)"`,
    );
  });

  test('a sockmap falls back to attaching without a link', () => {
    kernel(fake(), { LINK_CREATE: -Errno.EINVAL });
    using program = load('sk_msg');
    using map = BpfMap.create({ name: 'm', type: MapType.SOCKMAP, keySize: 4, valueSize: 4, maxEntries: 1 });
    calls(fake());
    const attached = attachSockmap(program, map);
    expect(calls(fake()).filter((name) => name !== 'fcntl')).toEqual(['LINK_CREATE', 'PROG_ATTACH']);
    attached.close();
    expect(calls(fake())).toContain('PROG_DETACH');
  });

  test('a raw tracepoint leaves nothing open', () => {
    kernel(fake(), { RAW_TRACEPOINT_OPEN: -Errno.ENOENT });
    using program = load('raw_tp');
    expect(errorOf(() => attachRawTracepoint(program, 'nothing')).message).toMatchInlineSnapshot(
      `"cannot attach program 'p' to raw tracepoint 'nothing': the kernel has no tracepoint of this name (ENOENT)"`,
    );
    expect(calls(fake())).toEqual(['PROG_LOAD', 'RAW_TRACEPOINT_OPEN']);
  });

  test('wrong types are told before the kernel is asked', () => {
    kernel(fake(), {});
    using program = load('xdp');
    calls(fake());
    const messages = [
      () => attachTcx(program, { interface: 1, direction: 'ingress' }),
      () => attachNetkit(program, { interface: 1 }),
      () => attachTracing(program),
    ].map((attach) => errorOf(attach).message);
    expect(messages).toMatchInlineSnapshot(`
      [
        "program 'p' is of type xdp; tcx ingress takes sched_cls programs",
        "program 'p' is of type xdp; netkit primary takes sched_cls programs",
        "program 'p' is of type xdp; a target of tracing takes tracing or lsm or ext programs",
      ]
    `);
    expect(calls(fake())).toEqual([]);
  });
});

test('kinds that cannot be detached end with their descriptor', () => {
  kernel(fake(), { LINK_DETACH: -Errno.EOPNOTSUPP });
  const link = new Link(new Fd(9, 'a link'), 'something');
  expect([link.detach(), link.fd.closed, link.detach()]).toEqual([true, true, false]);
  kernel(fake(), { LINK_DETACH: -Errno.ENOLINK });
  using gone = new Link(new Fd(9, 'a link'), 'something');
  expect(gone.detach()).toBe(false);
});
