import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  attachTc,
  attachTcx,
  attachTcxProgram,
  attachXdp,
  attachXdpLink,
  detachTc,
  detachXdp,
  listNetworkNamespaces,
  NetworkNamespace,
  Program,
  queryTcx,
  removeClsact,
  showNet,
  showTc,
  showXdp,
  vethPeer,
} from '../../src/kernel/index.ts';
import { enterNewMountNamespace } from '../../src/syscall/namespace.ts';
import { createVethPair, listLinks, setLink } from '../../src/syscall/rtnetlink.ts';
import { returns } from '../support/bpf-code.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

const NAME = `tsbpf-${process.pid}`;
const ip = (...args: string[]): string => execFileSync('/usr/sbin/ip', args, { encoding: 'utf8' });
const names = (): string[] => listLinks().map(({ ifname }) => ifname);
const ownNamespace = (): string => readlinkSync('/proc/thread-self/ns/net');
const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`
    .replaceAll(new RegExp(`\\b${process.pid}\\b`, 'g'), 'PID')
    .replace(/there are: .*/, 'there are: …');

const XDP_PASS = 2;
const xdp = (): Program => Program.load({ name: 'pass', type: 'xdp', code: returns(XDP_PASS) });
const tc = (): Program =>
  Program.load({ name: 'next', type: 'sched_cls', code: returns(-1), license: 'GPL' });

describeKernel('a network namespace', () => {
  let lives: ChildProcess;

  beforeAll(async () => {
    // What `ip netns` mounts is gone with this.
    enterNewMountNamespace();
    ip('netns', 'add', NAME);
    // One without a name: only a process holds it.
    lives = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(lives.stdout!, 'data');
    using named = NetworkNamespace.open(NAME);
    using nameless = NetworkNamespace.open(lives.pid!);
    named.run(() => {
      createVethPair('near0', 'far0');
      createVethPair('both0', 'both1');
      setLink('far0', { netns: nameless });
      setLink('near0', { up: true });
    });
    nameless.run(() => setLink('far0', { up: true }));
  });

  afterAll(async () => {
    const ended = once(lives, 'close');
    lives.kill();
    await ended;
    ip('netns', 'delete', NAME);
  });

  test('is opened by name, process and path, and left again', () => {
    const before = ownNamespace();
    using named = NetworkNamespace.open(NAME);
    expect(named.run(names).sort()).toEqual(['both0', 'both1', 'lo', 'near0']);
    expect(ownNamespace()).toBe(before);
    using byPath = NetworkNamespace.open(`/run/netns/${NAME}`);
    expect(byPath.inode).toBe(named.inode);
    using byProcess = NetworkNamespace.open(lives.pid!);
    expect(byProcess.run(names)).toEqual(['lo', 'far0']);
    // One in the other, and back to the first.
    expect(named.run(() => [byProcess.run(names), names()].flat())).toContain('near0');
    expect(listNetworkNamespaces()).toEqual(
      expect.arrayContaining([`/run/netns/${NAME}`, `/proc/${lives.pid}/ns/net`]),
    );
  });

  test('is left when something in there fails', () => {
    const before = ownNamespace();
    using named = NetworkNamespace.open(NAME);
    expect(() =>
      named.run(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(ownNamespace()).toBe(before);
    expect(errorOf(() => named.run(async () => 1))).toMatchObject({ code: 'NETNS_ASYNC' });
  });

  test('is refused in words', () => {
    expect(
      words(errorOf(() => NetworkNamespace.open(NAME.replace('tsbpf', 'tsbpff')))),
    ).toMatchInlineSnapshot(
      `"there is no network namespace 'tsbpff-PID' (/run/netns/tsbpff-PID); there are: …"`,
    );
    expect(words(errorOf(() => NetworkNamespace.open(2 ** 30)))).toMatchInlineSnapshot(
      `"there is no network namespace of process 1073741824 (/proc/1073741824/ns/net)"`,
    );
    expect(words(errorOf(() => NetworkNamespace.open('/nowhere/net')))).toMatchInlineSnapshot(
      `"there is no network namespace '/nowhere/net' (/nowhere/net)"`,
    );
    using file = NetworkNamespace.open('/proc/self/ns/uts');
    expect(words(errorOf(() => file.run(names)))).toMatchInlineSnapshot(
      `"/proc/self/ns/uts is no network namespace"`,
    );
    expect(words(errorOf(() => showXdp('eth9', { netns: lives.pid! })))).toMatchInlineSnapshot(
      `"there is no network interface named 'eth9'; this namespace has: lo, far0"`,
    );
  });

  test('has programs attached to its interfaces from outside', () => {
    const netns = NAME;
    using program = xdp();
    const attachment = attachXdp(program, { interface: 'near0', mode: 'generic', netns });
    expect(showXdp('near0', { netns })[0]!.programs).toMatchObject([{ mode: 'generic', id: program.id }]);
    expect(ip('-n', NAME, 'link', 'show', 'near0')).toContain(`prog/xdp id ${program.id}`);
    expect(attachment.detach()).toBe(true);
    expect(showXdp('near0', { netns })[0]!.mode).toBe('none');

    using link = attachXdpLink(program, { interface: 'near0', mode: 'native', netns });
    expect(showNet('near0', { netns })[0]!.xdp).toMatchObject([{ mode: 'native' }]);
    expect(errorOf(() => detachXdp('near0', undefined, { netns })).message).toContain('a BPF link holds');
    link.close();

    using filter = tc();
    const attached = attachTc(filter, { interface: 'near0', direction: 'egress', netns });
    expect(showTc('near0', { netns })).toMatchObject([{ direction: 'egress', programId: filter.id }]);
    expect(attached.detach()).toBe(true);
    expect(showTc('near0', { netns })).toEqual([]);
    attachTc(filter, { interface: 'near0', direction: 'ingress', netns }).release();
    expect(detachTc('near0', { direction: 'ingress', netns })).toMatchObject([{ programId: filter.id }]);
    expect(removeClsact('near0', { netns })).toBe(true);
    expect(removeClsact('near0', { netns })).toBe(false);
  });

  test('is where a command works', () => {
    const { stdout, status } = tsbpf(['--netns', NAME, 'xdp', 'show', 'near0']);
    expect([status, stdout.replace(/^\d+/, 'N')]).toMatchInlineSnapshot(`
      [
        0,
        "near0: no XDP program
      ",
      ]
    `);
    const refused = tsbpf(['-n', 'nowhere', 'xdp', 'show']);
    expect([refused.status, refused.stderr.replace(/there are: .*/, 'there are: …')]).toMatchInlineSnapshot(`
      [
        1,
        "error[NETNS_NOT_FOUND]: there is no network namespace 'nowhere' (/run/netns/nowhere); there are: …
      ",
      ]
    `);
  });

  test.skipIf(lacks('tcx'))('has tcx lists of its own', () => {
    const at = { interface: 'far0', direction: 'ingress', netns: lives.pid! } as const;
    using program = tc();
    using link = attachTcx(program, at);
    expect(queryTcx('far0', 'ingress', at).programs).toEqual([
      { programId: program.id, linkId: link.info().id },
    ]);
    link.close();
    const attached = attachTcxProgram(program, at);
    expect(queryTcx('far0', 'ingress', at).programs).toEqual([{ programId: program.id, linkId: 0 }]);
    expect(attached.detach()).toBe(true);
    expect(queryTcx('far0', 'ingress', at).programs).toEqual([]);
  });

  test('tells where the other end of a veth pair is', () => {
    expect(vethPeer('near0', { netns: NAME })).toMatchObject({
      netns: `/proc/${lives.pid}/ns/net`,
      link: { ifname: 'far0', kind: 'veth' },
    });
    expect(vethPeer('far0', { netns: lives.pid! })).toMatchObject({
      netns: `/run/netns/${NAME}`,
      link: { ifname: 'near0' },
    });
    expect(vethPeer('both1', { netns: NAME })).toMatchObject({
      netns: `/run/netns/${NAME}`,
      link: { ifname: 'both0' },
    });
    expect(words(errorOf(() => vethPeer('lo', { netns: NAME })))).toMatchInlineSnapshot(
      `"lo is no virtual interface, not one end of a veth pair"`,
    );
  });
});
