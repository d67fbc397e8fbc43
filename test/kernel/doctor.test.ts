import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { AttachType } from '../../src/isa/kernel-tables.generated.ts';
import { attachXdp, detachXdp } from '../../src/kernel/attach/xdp.ts';
import { canUseBpf } from '../../src/kernel/capabilities.ts';
import { examine, mountBpffs, mountTracefs } from '../../src/kernel/doctor/doctor.ts';
import { mountsOf, thisMachine } from '../../src/kernel/doctor/doctor-machine.ts';
import { findStale } from '../../src/kernel/doctor/doctor-stale.ts';
import { Program } from '../../src/kernel/load/program.ts';
import { tryProgAttach, tryProgDetach } from '../../src/syscall/bpf-attach.ts';
import { enterNewMountNamespace, enterNewNetworkNamespace, unmount } from '../../src/syscall/namespace.ts';
import { returns } from '../support/bpf-code.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';

const NAME = 'left_behind';
const xdp = (): Program => Program.load({ name: NAME, type: 'xdp', code: returns(2), license: 'GPL' });
const mentions = (found: ReturnType<typeof findStale>, kind: string): string[] =>
  found.stale
    .filter((each) => each.kind === kind && each.what.includes(NAME))
    .map(({ where, what }) => `${where}: ${what.replace(/\d+/, 'N')}`);

// Children inherit both namespaces of this thread; nobody else sees what happens in them.
beforeAll(() => {
  if (!canUseBpf().ok) return;
  enterNewNetworkNamespace();
  enterNewMountNamespace();
});

describeKernel('doctor', () => {
  test('finds this machine fit to load', () => {
    const broken = examine().filter(({ state }) => state === 'broken');
    // What is not mounted can differ; nothing else may be wrong for root.
    expect(
      broken.map(({ check }) => check).filter((check) => !['bpffs', 'tracefs', 'cgroup2'].includes(check)),
    ).toEqual([]);
  });

  test('tells and mends on the command line', () => {
    // In a mount namespace of its own, where neither is mounted.
    const script =
      'umount -a -t bpf; umount -a -t tracefs; node dist/cli.cjs doctor; echo $?; node dist/cli.cjs doctor --fix >/dev/null; node dist/cli.cjs doctor | grep -c "broken: .*not mounted"; ls -d /sys/kernel/tracing/events /sys/fs/bpf';
    const { stdout, stderr } = spawnSync('/usr/bin/unshare', ['-m', 'sh', '-c', script], {
      encoding: 'utf8',
    });
    expect(stdout).toContain(
      'broken: bpffs: not mounted\n    effect: nothing can be pinned\n    mend: mount -t bpf bpf /sys/fs/bpf\n',
    );
    expect(stdout).toContain('broken: tracefs: not mounted\n');
    expect(stderr).toContain('mounted: bpffs on /sys/fs/bpf\nmounted: tracefs on /sys/kernel/tracing\n');
    expect(stdout.trim().split('\n').slice(-3)).toEqual(['0', '/sys/fs/bpf', '/sys/kernel/tracing/events']);
  });

  test('answers in JSON', () => {
    const { stdout } = tsbpf(['doctor', '--json']);
    const { version, findings } = JSON.parse(stdout) as {
      version: number;
      findings: { check: string; state: string }[];
    };
    expect(version).toBe(1);
    expect(findings.find(({ check }) => check === 'CAP_BPF')?.state).toBe('ok');
  });

  test('without a capability it says so, and exits with 3', () => {
    const command = ['--bounding-set=-all', '--inh-caps=-all', process.execPath, 'dist/cli.cjs', 'doctor'];
    const { stdout, status } = spawnSync('setpriv', command, { encoding: 'utf8' });
    expect(status).toBe(3);
    expect(stdout).toContain(
      'broken: CAP_BPF: missing\n    effect: nothing can be loaded\n    mend: run as root, or: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep',
    );
  });
});

describeKernel('file systems', () => {
  test('are mounted once, and only where they are not', () => {
    const path = mkdtempSync('/tmp/tsbpf-mount-');
    try {
      expect(mountBpffs(path)).toBe(path);
      expect(mountBpffs(path)).toBe(path);
      expect(mountsOf(thisMachine(), 'bpf').filter((each) => each === path)).toHaveLength(1);
      unmount(path);
      expect(mountTracefs(path)).toBe(path);
      expect(readdirSync(path)).toContain('events');
      unmount(path);
    } finally {
      rmdirSync(path);
    }
  });
});

describeKernel('what outlives its process', () => {
  test('is found in bpffs: a pin that nobody holds', () => {
    const path = mkdtempSync('/tmp/tsbpf-pins-');
    mountBpffs(path);
    try {
      mkdirSync(join(path, 'sub'));
      const program = xdp();
      program.pin(join(path, 'sub', 'p'));
      expect(mentions(findStale(), 'pin')).toEqual([]);
      program.close();
      expect(mentions(findStale(), 'pin')).toEqual([`${path}/sub/p: program N '${NAME}'`]);
    } finally {
      rmSync(join(path, 'sub'), { recursive: true });
      unmount(path);
      rmdirSync(path);
    }
  });

  test('is found on interfaces: an XDP program of rtnetlink', () => {
    const program = xdp();
    const attachment = attachXdp(program, { interface: 'lo', mode: 'generic' });
    attachment.release();
    try {
      expect(mentions(findStale(), 'xdp')).toEqual([]);
      program.close();
      expect(mentions(findStale(), 'xdp')).toEqual([`lo: program N '${NAME}', generic`]);
      const { stdout, status } = tsbpf(['doctor', '--stale']);
      expect(status).toBe(1);
      expect(stdout).toMatch(
        /^xdp: lo: program \d+ 'left_behind', generic, and no process holds it\n {4}mend: tsbpf xdp detach lo$/m,
      );
    } finally {
      detachXdp('lo', 'generic');
      program.close();
    }
  });

  test('is found in tc: a filter that tc(8) made', ({ skip }) => {
    if (!existsSync('/sbin/tc')) skip('iproute2 is not installed');
    const tc = (...args: string[]): string => execFileSync('/sbin/tc', args, { encoding: 'utf8' });
    const path = mkdtempSync('/tmp/tsbpf-tc-');
    mountBpffs(path);
    const program = Program.load({ name: NAME, type: 'sched_cls', code: returns(0), license: 'GPL' });
    try {
      program.pin(join(path, 'p'));
      tc('qdisc', 'add', 'dev', 'lo', 'clsact');
      const add = (...key: string[]): string =>
        tc('filter', 'add', 'dev', 'lo', ...key, 'bpf', 'da', 'pinned', join(path, 'p'));
      add('ingress', 'protocol', 'ip', 'pref', '7', 'handle', '1');
      add('ingress', 'protocol', 'ip', 'pref', '7', 'handle', '0x1f');
      add('ingress', 'chain', '3', 'pref', '7', 'handle', '1');
      add('egress', 'pref', '7', 'handle', '1');
      rmSync(join(path, 'p'));
      program.close();
      const found = findStale();
      expect(mentions(found, 'tc')).toEqual(
        ['ingress', 'ingress', 'ingress', 'egress'].map((way) => `lo ${way}: program N '${NAME}'`),
      );
      const mends = found.stale.filter(({ kind }) => kind === 'tc').map(({ mend }) => mend);
      expect(mends).toMatchInlineSnapshot(`
        [
          "tsbpf tc filter delete lo --direction ingress --chain 0 --priority 7 --handle 0x1f",
          "tsbpf tc filter delete lo --direction ingress --chain 0 --priority 7 --handle 0x1",
          "tsbpf tc filter delete lo --direction ingress --chain 3 --priority 7 --handle 0x1",
          "tsbpf tc filter delete lo --direction egress --chain 0 --priority 7 --handle 0x1",
        ]
      `);
      // Each command that it names takes one of them away, and no other.
      for (const [index, mend] of mends.entries()) {
        expect(tsbpf(mend.split(' ').slice(1))).toMatchObject({ status: 0, stdout: 'lo: 1 detached\n' });
        const left = findStale().stale.filter(({ kind }) => kind === 'tc');
        expect(left.map((each) => each.mend)).toEqual(mends.slice(index + 1));
      }
    } finally {
      program.close();
      tc('qdisc', 'del', 'dev', 'lo', 'clsact');
      unmount(path);
      rmdirSync(path);
    }
  });

  test('is found in cgroups: a program without a link', ({ skip }) => {
    const [root] = mountsOf(thisMachine(), 'cgroup2');
    if (root === undefined) return skip('no cgroup2 is mounted');
    const path = mkdtempSync(join(root, 'tsbpf-'));
    const fd = openSync(path, 'r');
    const program = Program.load({ name: NAME, type: 'cgroup_skb', code: returns(1), license: 'GPL' });
    const attach = { target: fd, attachType: AttachType.CGROUP_INET_INGRESS };
    try {
      expect(tryProgAttach({ ...attach, progFd: program.fd.number })).toBe(0);
      expect(mentions(findStale(), 'cgroup')).toEqual([]);
      program.close();
      expect(mentions(findStale(), 'cgroup')).toEqual([`${path}: program N '${NAME}', cgroup_inet_ingress`]);
      expect(tryProgDetach({ ...attach, progFd: 0 })).toBe(0);
    } finally {
      program.close();
      closeSync(fd);
      rmdirSync(path);
    }
  });
});
