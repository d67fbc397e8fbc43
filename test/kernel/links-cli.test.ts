import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  attachCgroupProgram,
  attachTcx,
  attachXdpLink,
  Program,
  queryCgroup,
} from '../../src/kernel/index.ts';
import {
  createVethPair,
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  unmount,
} from '../../src/syscall/index.ts';
import { returns } from '../support/bpf-code.ts';
import { startTsbpf, tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';
import { countingText, loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

let directory = '';
let bpffs = '';
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
const plain = (text: string): string =>
  text
    .replaceAll(directory, 'DIR')
    .replaceAll(bpffs, 'BPFFS')
    .replaceAll(/\b\d+ (probe|one|two)\b/g, 'N $1')
    .replaceAll(/\blink \d+/g, 'link N')
    // Columns are as wide as the ids of the day.
    .replaceAll(/ {2,}/g, '  ');

describeKernel('the commands of links', () => {
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsbpf-links-cli-'));
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-links-cli-fs-'));
    enterNewNetworkNamespace();
    createVethPair('veth0', 'veth1');
    enterNewMountNamespace();
    mountBpffs(bpffs);
    execFileSync('mount', ['-t', 'tracefs', 'nodev', '/sys/kernel/tracing']);
  });
  afterAll(() => {
    unmount('/sys/kernel/tracing');
    unmount(bpffs);
    rmdirSync(bpffs);
    rmSync(directory, { recursive: true });
  });

  test('link list, show and detach', () => {
    using one = Program.load({ name: 'one', type: 'xdp', code: returns(2) });
    using link = attachXdpLink(one, { interface: 'veth0' });
    const { id } = link;
    const listed = tsbpf(['link', 'list']);
    expect(listed.status).toBe(0);
    expect(listed.stdout).toMatch(
      new RegExp(`^${id} +xdp +${one.id} one +veth0 .*\\(${process.pid}\\)`, 'm'),
    );
    const shown = JSON.parse(tsbpf(['link', 'show', `${id}`, '--json']).stdout);
    expect(shown.links).toMatchObject([
      {
        id,
        type: 'xdp',
        programId: one.id,
        programName: 'one',
        attached: true,
        target: { kind: 'xdp' },
        owners: [{ pid: process.pid }],
      },
    ]);
    expect(plain(tsbpf(['link', 'detach', `${id}`]).stdout)).toMatchInlineSnapshot(`
      "link N: detached
      "
    `);
    expect(link.info().attached).toBe(false);
    const missing = tsbpf(['link', 'show', '999999']);
    expect([missing.status, missing.stderr]).toMatchInlineSnapshot(`
      [
        1,
        "error[ENOENT]: cannot open link 999999: nothing has id 999999 (any more) (ENOENT)
      ",
      ]
    `);
  });

  test.skipIf(lacks('tcx'))('net shows XDP, tcx and tc', () => {
    using one = Program.load({ name: 'one', type: 'xdp', code: returns(2) });
    using two = Program.load({ name: 'two', type: 'tc', code: returns(0) });
    expect(tsbpf(['net']).stdout).toBe('no interface has a program\n');
    using _xdp = attachXdpLink(one, { interface: 'veth0', mode: 'native' });
    using _tcx = attachTcx(two, { interface: 'veth0', direction: 'egress' });
    const filter = file('filter.s', countingText('tc', 0));
    const attached = tsbpf(['tc', 'attach', 'veth1', filter, '--priority', '5', '--handle', '2']);
    expect([attached.status, attached.stdout]).toEqual([0, 'veth1: tc ingress pref 5 handle 0x2 probe\n']);
    expect(plain(tsbpf(['net']).stdout)).toMatchInlineSnapshot(`
      "interface  where  program
      veth1  tc ingress pref 5 handle 0x2  N probe  direct-action
      veth0  xdp native  N one
      veth0  tcx egress  N two  link N
      "
    `);
    expect(JSON.parse(tsbpf(['net', 'veth1', '--json']).stdout).interfaces).toMatchObject([
      { ifname: 'veth1', xdp: [], tc: [{ priority: 5, handle: 2, name: 'probe' }] },
    ]);
    expect(tsbpf(['tc', 'show', 'veth1']).stdout).toMatch(/^ingress +0 +5 +0x2 +\d+ +probe +direct-action$/m);
    expect(tsbpf(['tc', 'detach', 'veth1']).stdout).toBe('veth1: 1 detached\n');
    execFileSync('/usr/sbin/tc', ['qdisc', 'del', 'dev', 'veth1', 'clsact']);
    expect(tsbpf(['net', 'veth9']).status).toBe(1);
  });

  test.each([
    ['tracepoint', 'syscalls/sys_enter_readlink', 'tracepoint'],
    ['raw-tracepoint', 'sys_enter', 'raw_tp'],
    ['uprobe', 'libc:readlink', 'uprobe'],
  ])('%s stays until it is interrupted', async (command, target, section) => {
    const { child, firstLine } = startTsbpf([command, target, file('probe.s', countingText(section, 0))]);
    const line = await Promise.race([firstLine, once(child, 'exit').then(() => 'it ended')]);
    expect(line).toMatch(/^attached to /);
    readlinkSync('/proc/self/exe');
    const links = JSON.parse(tsbpf(['link', 'list', '--json']).stdout).links as {
      programName: string;
      owners: { pid: number }[];
    }[];
    expect(
      links.some(({ programName, owners }) => programName === 'probe' && owners[0]?.pid === child.pid),
    ).toBe(true);
    child.kill('SIGINT');
    await once(child, 'exit');
  });

  test('attach pins a link, prints what an iterator writes, says what is missing', () => {
    const pin = join(bpffs, 'raw');
    const attached = tsbpf(['attach', file('raw.s', countingText('raw_tp/sched_switch', 0)), '--pin', pin]);
    expect([attached.status, attached.stdout]).toEqual([0, "attached to raw tracepoint 'sched_switch'\n"]);
    expect(tsbpf(['link', 'show', pin]).stdout).toMatch(/raw_tracepoint .* sched_switch/);
    const refused = tsbpf(['link', 'detach', pin]);
    expect([refused.status, refused.stderr]).toMatchInlineSnapshot(`
      [
        1,
        "error[LINK_NOT_DETACHABLE]: links of type raw_tracepoint end with their last descriptor or pin
      help: remove the pin that holds it
      ",
      ]
    `);
    rmSync(pin);
    const bare = tsbpf(['attach', file('bare.s', countingText('xdp', 2))]);
    expect([bare.status, plain(bare.stderr)]).toMatchInlineSnapshot(`
      [
        1,
        "error[ATTACH_TARGET_MISSING]: section 'xdp' does not say where program 'probe' (xdp) goes
      help: attach it with attachXdp or attachXdpLink (tsbpf xdp attach)
      ",
      ]
    `);
  });

  const root = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) =>
    existsSync(`${path}/cgroup.controllers`),
  );
  test.skipIf(!root)('cgroup attach and show', () => {
    const cgroup = `${root}/tsbpf-links-cli-${process.pid}`;
    mkdirSync(cgroup);
    try {
      const pin = join(bpffs, 'cgroup');
      const source = file('cgroup.s', countingText('cgroup/sock_create', 1));
      const attached = tsbpf(['cgroup', 'attach', cgroup, source, '--pin', pin]);
      expect([attached.status, attached.stderr]).toEqual([0, '']);
      expect(tsbpf(['cgroup', 'show', cgroup]).stdout).toMatch(
        /^cgroup_inet_sock_create +\d+ +multi {2}probe$/m,
      );
      rmSync(pin);
      expect(tsbpf(['cgroup', 'show', cgroup]).stdout).toBe(`${cgroup}: no program\n`);
      using allow = loadText(countingText('cgroup/sock_create', 1));
      const { id } = allow.program('probe');
      attachCgroupProgram(allow.program('probe'), { cgroup }).release();
      expect(tsbpf(['cgroup', 'detach', cgroup, '--id', '1']).stderr).toBe(`${cgroup}: nothing to detach\n`);
      const stale = ['cgroup', 'detach', cgroup, '--attach-type', 'cgroup_inet_sock_create', '--id', `${id}`];
      expect(tsbpf(stale).stdout).toBe(`${cgroup}: program ${id} detached from cgroup_inet_sock_create\n`);
      expect(queryCgroup(cgroup)).toEqual([]);
    } finally {
      rmdirSync(cgroup);
    }
  });
});
