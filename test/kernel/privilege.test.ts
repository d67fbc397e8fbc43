import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeKernel } from '../support/kernel.ts';

const SETPRIV = '/usr/bin/setpriv';
const fixture = fileURLToPath(new URL('./fixtures/attempts.ts', import.meta.url));
const runner = fileURLToPath(new URL('../../scripts/run-ts.mjs', import.meta.url));

/** What the fixture is told in a network namespace of its own, without some capabilities. */
function told(...without: string[]): string[] {
  const set = without.length === 0 ? '-all' : without.map((name) => `-${name}`).join(',');
  const command = [SETPRIV, `--bounding-set=${set}`, '--inh-caps=-all', process.execPath, runner, fixture];
  const out = execFileSync('/usr/bin/unshare', ['-n', ...command], { encoding: 'utf8' });
  const lines = JSON.parse(out) as string[];
  return lines.map((line) => line.replace(/_disabled=\d/, '_disabled=N'));
}

describeKernel('a missing privilege', () => {
  const there = existsSync(SETPRIV);
  if (!there) console.warn('skipped: a missing privilege: setpriv is not installed');

  test.skipIf(!there)('is named: all of them', () => {
    expect(told()).toMatchInlineSnapshot(`
      [
        "cannot create a map: this process lacks CAP_BPF, and kernel.unprivileged_bpf_disabled=N closes bpf(2) to everybody else (EPERM)",
        "cannot create map 'm': this process lacks CAP_BPF and CAP_NET_ADMIN, and kernel.unprivileged_bpf_disabled=N closes bpf(2) to everybody else (EPERM)",
        "cannot load program 'p': this process lacks CAP_BPF and CAP_NET_ADMIN, and kernel.unprivileged_bpf_disabled=N closes bpf(2) to everybody else (EPERM)",
        "cannot load program 'p': this process lacks CAP_BPF and CAP_PERFMON, and kernel.unprivileged_bpf_disabled=N closes bpf(2) to everybody else (EPERM)",
        "cannot load program 'f': this process lacks CAP_BPF and CAP_NET_ADMIN, and kernel.unprivileged_bpf_disabled=N closes bpf(2) to everybody else (EPERM)",
        "cannot open program 1: this process lacks CAP_SYS_ADMIN (EPERM)",
        "cannot change interface lo: this process lacks CAP_NET_ADMIN (EPERM)",
        "cannot open a packet socket: this process lacks CAP_NET_RAW (EPERM)",
        "cannot load program 'p': this process lacks CAP_BPF, and kernel.unprivileged_bpf_disabled=N closes bpf(2) to everybody else (EPERM)",
      ]
    `);
  });

  test.skipIf(!there)('is named: CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN', () => {
    expect(told('net_admin', 'perfmon', 'sys_admin', 'net_raw')).toMatchInlineSnapshot(`
      [
        "bpf(2) can be used",
        "cannot create map 'm': this process lacks CAP_NET_ADMIN (EPERM)",
        "cannot load program 'p': this process lacks CAP_NET_ADMIN (EPERM)",
        "cannot load program 'p': this process lacks CAP_PERFMON (EPERM)",
        "cannot load program 'f': this process lacks CAP_NET_ADMIN (EPERM)",
        "cannot open program 1: this process lacks CAP_SYS_ADMIN (EPERM)",
        "cannot change interface lo: this process lacks CAP_NET_ADMIN (EPERM)",
        "cannot open a packet socket: this process lacks CAP_NET_RAW (EPERM)",
        "program 'p' is of type socket_filter; an interface takes xdp programs",
      ]
    `);
  });
});
