import { execFileSync } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  attachRawTracepoint,
  attachTcx,
  attachTcxProgram,
  attachXdp,
  attachXdpLink,
  type Collection,
  Link,
  listLinkInfos,
  Program,
  queryTcx,
  showXdp,
} from '../../src/kernel/index.ts';
import {
  createVethPair,
  deleteLink,
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  findLink,
  mountBpffs,
  PacketSocket,
  setLink,
  unmount,
} from '../../src/syscall/index.ts';
import { frameOf, returns } from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { countingText, hits, loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`.replace(/\bid \d+/g, 'id N');

/** What bpftool says about links. */
function bpftoolLinks(): { id: number; type: string; prog_id: number; pinned?: string[] }[] {
  return JSON.parse(execFileSync(BPFTOOL, ['-j', 'link', 'show'], { encoding: 'utf8' }));
}

/** Sends broadcast frames from one end of a pair to the other. */
function sendFrames(ifname: string, count: number): void {
  using socket = new PacketSocket(findLink(ifname).ifindex);
  const frame = frameOf(253);
  frame.fill(0xff, 0, 6);
  for (let i = 0; i < count; i++) socket.send(frame);
}

function withPair(use: () => void): void {
  createVethPair('left', 'right');
  try {
    setLink('left', { up: true });
    setLink('right', { up: true });
    use();
  } finally {
    deleteLink('left');
  }
}

describeKernel('a raw tracepoint', () => {
  test('fires while its link is open', () => {
    using collection = loadText(countingText('raw_tp/sys_enter', 0));
    const link = attachRawTracepoint(collection.program('probe'), 'sys_enter');
    readlinkSync('/proc/self/exe');
    const seen = hits(collection);
    expect(seen).toBeGreaterThan(0n);
    expect(link.info()).toMatchObject({
      typeName: 'raw_tracepoint',
      programId: collection.program('probe').id,
      attached: true,
      target: { kind: 'raw_tracepoint', name: 'sys_enter', cookie: 0n },
    });
    expect(bpftoolLinks()).toContainEqual(expect.objectContaining({ id: link.id, tp_name: 'sys_enter' }));
    expect(listLinkInfos().map(({ id }) => id)).toContain(link.id);
    link.close();
    const last = hits(collection);
    readlinkSync('/proc/self/exe');
    expect(hits(collection)).toBe(last);
  });

  test('passes a cookie on and says what is wrong', () => {
    using collection = loadText(countingText('raw_tp/sched_switch', 0));
    const program = collection.program('probe');
    const cookie = lacks('cookie of raw tracepoints') ? 0n : 77n;
    using link = attachRawTracepoint(program, 'sched_switch', { cookie });
    expect(link.info().target).toEqual({
      kind: 'raw_tracepoint',
      name: 'sched_switch',
      cookie: lacks('cookie in raw tracepoint info') ? 0n : cookie,
    });
    expect(words(errorOf(() => attachRawTracepoint(program, 'sched_swich')))).toMatchInlineSnapshot(
      `"cannot attach program 'probe' to raw tracepoint 'sched_swich': the kernel has no tracepoint of this name (ENOENT) [the names are those of tracefs without their folder: sched_switch, sys_enter]"`,
    );
    using filter = Program.load({ name: 'filter', type: 'tc', code: returns(0) });
    expect(words(errorOf(() => attachRawTracepoint(filter, 'sched_switch')))).toMatchInlineSnapshot(
      `"program 'filter' is of type sched_cls; a raw tracepoint takes raw_tracepoint or raw_tracepoint_writable programs"`,
    );
    expect(words(errorOf(() => link.update(program)))).toMatchInlineSnapshot(
      `"cannot put program 'probe' into the link of 'probe' to raw tracepoint 'sched_switch': the new program has another type or expected attach type, or links of this kind cannot change their program (EINVAL)"`,
    );
  });
});

describeKernel('XDP by a link', () => {
  beforeAll(enterNewNetworkNamespace);

  test.each(['generic', 'native'] as const)('%s: counts frames, changes its program, ends', (mode) => {
    withPair(() => {
      using first = loadText(countingText('xdp', 'XDP_DROP'));
      using second = loadText(countingText('xdp', 'XDP_PASS'));
      using link = attachXdpLink(first.program('probe'), { interface: 'right', mode });
      sendFrames('left', 3);
      link.update(second.program('probe'), first.program('probe'));
      sendFrames('left', 2);
      expect([Number(hits(first)) >= 3, Number(hits(second)) >= 2]).toEqual([true, true]);
      expect(showXdp('right')[0]).toMatchObject({ mode, programs: [{ id: second.program('probe').id }] });
      expect(link.info().target).toEqual({ kind: 'xdp', ifindex: findLink('right').ifindex });
      expect(words(errorOf(() => link.update(first.program('probe'), first.program('probe'))))).toMatch(
        /EPERM/,
      );
      expect(link.detach()).toBe(true);
      expect(link.info().attached).toBe(false);
      expect(showXdp('right')[0]?.mode).toBe('none');
      expect(link.detach()).toBe(false);
    });
  });

  test('says what is wrong', () => {
    withPair(() => {
      using pass = Program.load({ name: 'pass', type: 'xdp', code: returns(2) });
      using _link = attachXdpLink(pass, { interface: 'right', mode: 'generic' });
      expect(words(errorOf(() => attachXdpLink(pass, { interface: 'right' })))).toMatchInlineSnapshot(
        `"cannot attach program 'pass' to right (xdp): XDP runs there in another mode already (EEXIST)"`,
      );
      expect(words(errorOf(() => attachXdp(pass, { interface: 'right' })))).toMatchInlineSnapshot(
        `"cannot attach program 'pass' to right: an XDP program (id N name pass, generic) is already attached to right; the kernel says: Native and generic XDP can't be active at the same time (EEXIST) [replace it (replace: true, with mode 'generic'), or detach it first]"`,
      );
      expect(
        words(errorOf(() => attachXdpLink(pass, { interface: 'lo', mode: 'native' }))),
      ).toMatchInlineSnapshot(
        `"cannot attach program 'pass' to lo (xdp): the driver of this interface has no native XDP (EOPNOTSUPP) [mode 'generic' works on every interface]"`,
      );
    });
  });

  test('is gone with its interface', () => {
    createVethPair('left', 'right');
    using pass = Program.load({ name: 'pass', type: 'xdp', code: returns(2) });
    using link = attachXdpLink(pass, { interface: 'left' });
    deleteLink('left');
    expect(link.info().attached).toBe(false);
  });
});

describeKernel('tcx', () => {
  beforeAll(enterNewNetworkNamespace);

  const TCX_NEXT = -1;

  test.skipIf(lacks('tcx'))('programs run in the order that was asked for', () => {
    withPair(() => {
      const collections: Collection[] = ['a', 'b', 'c', 'd'].map((name) =>
        loadText(countingText('tc', TCX_NEXT, name)),
      );
      const [a, b, c, d] = collections.map((one, index) => one.program('abcd'[index]!)) as [
        Program,
        Program,
        Program,
        Program,
      ];
      const at = { interface: 'right', direction: 'ingress' } as const;
      const order = (): string =>
        queryTcx('right', 'ingress')
          .programs.map(({ programId }) => [a, b, c, d].find(({ id }) => id === programId)?.name)
          .join('');
      using linkA = attachTcx(a, at);
      using _linkB = attachTcx(b, { ...at, position: 'first' });
      expect(order()).toBe('ba');
      const linkC = attachTcx(c, { ...at, position: { before: linkA } });
      expect(order()).toBe('bca');
      {
        using _linkD = attachTcx(d, { ...at, position: { after: { programId: b.id } } });
        expect(order()).toBe('bdca');
        sendFrames('left', 4);
        expect(collections.map((one) => hits(one) >= 4n)).toEqual([true, true, true, true]);
        const listed = queryTcx('right', 'ingress').programs.map(({ linkId }) => linkId);
        expect(listed[2]).toBe(linkC.id);
      }
      linkC.close();
      const { revision } = queryTcx('right', 'ingress');
      expect(order()).toBe('ba');
      expect(
        words(errorOf(() => attachTcx(c, { ...at, expectedRevision: revision - 1n }))),
      ).toMatchInlineSnapshot(
        `"cannot attach program 'c' to right (tcx ingress): the list of programs has changed since its revision was read (ESTALE) [query again and decide again]"`,
      );
      expect(words(errorOf(() => attachTcx(c, { ...at, position: { before: d } })))).toMatchInlineSnapshot(
        `"cannot attach program 'c' to right (tcx ingress): the program or link to go before or behind of is not attached there (ENOENT)"`,
      );
      using _again = attachTcx(c, { ...at, expectedRevision: revision });
      expect(order()).toBe('bac');
      for (const one of collections) one.close();
    });
  });

  test.skipIf(lacks('tcx'))('without a link: stays, is replaced, is detached', () => {
    withPair(() => {
      using first = Program.load({ name: 'first', type: 'tc', code: returns(0) });
      using second = Program.load({ name: 'second', type: 'tc', code: returns(0) });
      const at = { interface: 'right', direction: 'egress' } as const;
      attachTcxProgram(first, at).release();
      expect(words(errorOf(() => attachTcxProgram(first, at)))).toMatchInlineSnapshot(
        `"cannot attach program 'first' to right (tcx egress): this very program is attached there already (EEXIST)"`,
      );
      const attachment = attachTcxProgram(second, { ...at, replace: first });
      expect(queryTcx('right', 'egress').programs).toEqual([{ programId: second.id, linkId: 0 }]);
      const seen = execFileSync(BPFTOOL, ['-j', 'net', 'show', 'dev', 'right'], { encoding: 'utf8' });
      expect(typeof seen).toBe('string');
      expect([attachment.detach(), attachment.detach()]).toEqual([true, false]);
      expect(queryTcx('right', 'egress').programs).toEqual([]);
    });
  });
});

describeKernel('a pinned link', () => {
  let bpffs = '';
  beforeAll(() => {
    enterNewNetworkNamespace();
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-links-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
  });

  test('lives on, is opened again, updated and unpinned', () => {
    withPair(() => {
      const path = join(bpffs, 'link');
      const collection = loadText(countingText('xdp', 'XDP_PASS'));
      const link = attachXdpLink(collection.program('probe'), { interface: 'right' });
      const { id } = link;
      link.pin(path);
      link.close();
      expect(showXdp('right')[0]?.programs).toHaveLength(1);
      const again = Link.openPinned(path);
      expect(again.id).toBe(id);
      expect(bpftoolLinks().find((one) => one.id === id)).toMatchObject({ type: 'xdp' });
      expect(words(errorOf(() => Program.openPinned(path)))).toContain('is a link, not a program');
      using other = Program.load({ name: 'other', type: 'xdp', code: returns(2) });
      again.update(other);
      expect(showXdp('right')[0]?.programs[0]?.name).toBe('other');
      again.unpin();
      again.close();
      collection.close();
      expect(showXdp('right')[0]?.mode).toBe('none');
    });
  });

  test('made by bpftool is read', () => {
    using program = Program.load({ name: 'pass', type: 'xdp', code: returns(2) });
    withPair(() => {
      using link = attachXdpLink(program, { interface: 'left' });
      using same = Link.openById(link.id);
      expect(same.info()).toEqual(link.info());
      execFileSync(BPFTOOL, ['link', 'detach', 'id', `${link.id}`]);
      expect(link.info().attached).toBe(false);
    });
  });
});
