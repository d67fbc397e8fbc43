import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { detachTc, showTc, TC_PROTOCOLS } from '../../src/kernel/index.ts';
import { createVethPair, deleteLink, enterNewNetworkNamespace } from '../../src/syscall/index.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';

const TC = '/sbin/tc';
const hasTc = existsSync(TC);
if (!hasTc) console.warn('skipped: filters that tc(8) made: iproute2 is not installed');
const tc = (...args: string[]): string => execFileSync(TC, args, { encoding: 'utf8' });
/** A filter of classic BPF, which needs no program of the kernel. */
const add = (...key: string[]): string =>
  tc('filter', 'add', 'dev', 'veth0', ...key, 'bpf', 'da', 'bytecode', '1,6 0 0 0');

function said(...args: string[]): string {
  const { status, stdout, stderr } = tsbpf(args);
  return `${status} ${stdout}${stderr}`;
}

/** What tc(8) sees at a direction, a line each. */
const seen = (direction: string): string[] =>
  tc('filter', 'show', 'dev', 'veth0', direction)
    .split('\n')
    .flatMap(
      (line) => /protocol (\S+) pref (\d+) bpf chain (\d+) handle (\S+)/.exec(line)?.slice(1).join(' ') ?? [],
    );

function withQdisc(kind: string, use: () => void): void {
  createVethPair('veth0', 'veth1');
  try {
    tc('qdisc', 'add', 'dev', 'veth0', kind);
    use();
  } finally {
    deleteLink('veth0');
  }
}

describeKernel('one filter among many', () => {
  beforeAll(enterNewNetworkNamespace);

  test.skipIf(!hasTc)('is deleted by its chain, priority and handle', () => {
    withQdisc('clsact', () => {
      for (const chain of ['0', '2'])
        for (const handle of ['1', '0x1f']) add('ingress', 'chain', chain, 'pref', '7', 'handle', handle);
      add('ingress', 'protocol', 'ip', 'pref', '8', 'handle', '1');
      add('ingress', 'protocol', 'ipv6', 'pref', '9', 'handle', '1');
      add('egress', 'pref', '7', 'handle', '1');
      const all = [
        'all 7 0 0x1',
        'all 7 0 0x1f',
        'ip 8 0 0x1',
        'ipv6 9 0 0x1',
        'all 7 2 0x1',
        'all 7 2 0x1f',
      ];
      const left = (...gone: string[]): void =>
        expect(seen('ingress').sort()).toEqual(all.filter((one) => !gone.includes(one)).sort());
      left();
      const del = (...key: string[]): string => said('tc', 'filter', 'delete', 'veth0', ...key);
      // None of these is there.
      expect(del('--priority', '7', '--handle', '0x2')).toBe('0 veth0: nothing was attached\n');
      expect(del('--priority', '7', '--chain', '1')).toBe('0 veth0: nothing was attached\n');
      expect(del('--priority', '8', '--protocol', 'ipv6')).toBe('0 veth0: nothing was attached\n');
      left();
      const second = ['--priority', '7', '--handle', '0x1f', '--chain', '0'];
      expect(del(...second)).toBe('0 veth0: 1 detached\n');
      left('all 7 0 0x1f');
      expect(del('--protocol', 'ip')).toBe('0 veth0: 1 detached\n');
      left('all 7 0 0x1f', 'ip 8 0 0x1');
      expect(del('--protocol', '0x86DD', '--handle', '1')).toBe('0 veth0: 1 detached\n');
      expect(del('--priority', '7', '--handle', '1', '--chain', '2')).toBe('0 veth0: 1 detached\n');
      expect(seen('ingress')).toEqual(['all 7 0 0x1', 'all 7 2 0x1f']);
      expect(del('--chain', '2')).toBe('0 veth0: 1 detached\n');
      expect(del()).toBe('0 veth0: 1 detached\n');
      expect([seen('ingress'), seen('egress')]).toEqual([[], ['all 7 0 0x1']]);
    });
  });

  test.skipIf(!hasTc)('is deleted where an ingress qdisc holds it', () => {
    withQdisc('ingress', () => {
      add('ingress', 'pref', '7', 'handle', '1');
      add('ingress', 'pref', '7', 'handle', '2');
      expect(showTc('veth0').map(({ direction, handle }) => [direction, handle])).toEqual([
        ['ingress', 2],
        ['ingress', 1],
      ]);
      expect(said('tc', 'detach', 'veth0', '--handle', '2')).toBe('0 veth0: 1 detached\n');
      expect(seen('ingress')).toEqual(['all 7 0 0x1']);
    });
  });

  test.skipIf(!hasTc)('is shown and deleted by every protocol that has a name, and by its number', () => {
    withQdisc('clsact', () => {
      const names = Object.keys(TC_PROTOCOLS);
      for (const [index, name] of names.entries()) add('ingress', 'protocol', name, 'pref', `${index + 1}`);
      add('ingress', 'protocol', '0x1234', 'pref', '99');
      const heads = (text: string): string[] =>
        text.split('\n').flatMap((line) => /^filter protocol .* chain 0 $/.exec(line)?.[0] ?? []);
      const ours = tsbpf(['tc', 'filter', 'show', 'veth0', '--direction', 'ingress']).stdout;
      expect(heads(ours)).toEqual(heads(tc('filter', 'show', 'dev', 'veth0', 'ingress')));
      expect(showTc('veth0').map(({ protocol }) => protocol)).toEqual([
        ...Object.values(TC_PROTOCOLS),
        0x1234,
      ]);
      for (const protocol of [...Object.values(TC_PROTOCOLS), 0x1234])
        expect(detachTc('veth0', { direction: 'ingress', protocol })).toHaveLength(1);
      expect(seen('ingress')).toEqual([]);
    });
  });

  test('is asked for in words', () => {
    expect(said('tc', 'filter', 'delete', 'lo', '--protocol', 'ipv5')).toMatchInlineSnapshot(`
      "2 error[TC_PROTOCOL]: 'ipv5' is no protocol: a name as ip, or a number from 1 to 0xffff
      help: did you mean 'ipv6'?
      "
    `);
    expect(said('tc', 'filter', 'delete', 'lo', '--chain', '-1')).toMatchInlineSnapshot(`
      "2 error: option '--chain <number>' argument '-1' is invalid. it takes a whole number from 0
      (tsbpf tc filter delete --help shows what it takes)
      "
    `);
  });
});
