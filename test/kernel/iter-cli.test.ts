import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  attachIter,
  attachTc,
  filtersText,
  listQdiscStates,
  Program,
  qdiscText,
  showTc,
} from '../../src/kernel/index.ts';
import {
  createVethPair,
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  unmount,
} from '../../src/syscall/index.ts';
import { returns } from '../support/bpf-code.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';
import { iteratorText, loadText } from '../support/link-programs.ts';

const TC = '/sbin/tc';

const TASKS = iteratorText('tasks', 'task');

const said = (...args: string[]): string => {
  const { status, stdout, stderr } = tsbpf(args);
  return `${status} ${stdout}${stderr}`;
};

describeKernel('iterators on the command line', () => {
  let bpffs = '';
  let folder = '';
  beforeAll(() => {
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-iter-cli-fs-'));
    folder = mkdtempSync(join(tmpdir(), 'tsbpf-iter-cli-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
    writeFileSync(join(folder, 'tasks.s'), TASKS);
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
    rmSync(folder, { recursive: true });
  });
  const plain = (text: string): string => text.replaceAll(bpffs, 'BPFFS');

  test('walk an object and a pin', () => {
    const file = join(folder, 'tasks.s');
    const lines = tsbpf(['iter', 'run', file, '--pid', `${process.pid}`]);
    expect(lines.stderr).toBe('');
    expect(lines.stdout).toMatch(/^(x\n)+$/);
    expect(JSON.parse(tsbpf(['iter', 'run', file, '--pid', `${process.pid}`, '--json']).stdout).text).toMatch(
      /^(x\n)+$/,
    );
    using collection = loadText(TASKS);
    using walks = attachIter(collection.program('tasks'), { task: { pid: process.pid } });
    const pin = join(bpffs, 'walks');
    walks.link.pin(pin);
    expect(tsbpf(['iter', 'run', pin]).stdout).toMatch(/^(x\n)+$/);
    // As any pinned iterator is read.
    expect(readFileSync(pin, 'utf8')).toMatch(/^(x\n)+$/);
    rmSync(pin);
  });

  test('say what is no iterator', () => {
    using program = Program.load({ name: 'pass', type: 'xdp', code: returns(2) });
    program.pin(join(bpffs, 'pass'));
    expect(plain(said('iter', 'run', join(bpffs, 'pass')))).toMatchInlineSnapshot(`
      "1 error[PIN_KIND]: what is pinned at BPFFS/pass is a program, not a link
      "
    `);
    expect(plain(said('iter', 'run', join(bpffs, 'pass'), '--pid', '1'))).toMatchInlineSnapshot(`
      "2 error[OPTIONS_CONTRADICT]: a pinned iterator walks what it was attached to
      help: --map, --pid and --program are for objects
      "
    `);
    expect(said('iter', 'run', '/no/such.o')).toMatchInlineSnapshot(`
      "2 error: no such file or directory, open '/no/such.o'
      "
    `);
    rmSync(join(bpffs, 'pass'));
  });
});

describeKernel('qdiscs and filters on the command line', () => {
  beforeAll(() => {
    enterNewNetworkNamespace();
    createVethPair('veth0', 'veth1');
  });

  test.skipIf(!existsSync(TC))('are shown as tc shows them', () => {
    expect(said('tc', 'qdisc', 'add', 'veth0')).toMatchInlineSnapshot(`
      "0 qdisc clsact ffff: dev veth0 parent ffff:fff1 
      "
    `);
    execFileSync(TC, ['qdisc', 'add', 'dev', 'veth1', 'ingress']);
    const theirs = (...args: string[]): string => execFileSync(TC, args, { encoding: 'utf8' });
    const text = (ifname?: string): string =>
      listQdiscStates(ifname)
        .map((qdisc) => `${qdiscText(qdisc, ifname === undefined)}\n`)
        .join('');
    expect(text()).toBe(theirs('qdisc', 'show'));
    expect(text('veth0')).toBe(theirs('qdisc', 'show', 'dev', 'veth0'));
    using program = Program.load({ name: 'accept', type: 'tc', code: returns(0), license: 'GPL' });
    using _one = attachTc(program, { interface: 'veth0', direction: 'ingress' });
    using _two = attachTc(program, {
      interface: 'veth0',
      direction: 'ingress',
      priority: 5,
      handle: 7,
      directAction: false,
      classid: 0x10002,
    });
    const shown = filtersText(showTc('veth0'), () => ({
      name: 'accept',
      jited: program.info().jitedLength > 0,
    }));
    expect(shown).toBe(theirs('filter', 'show', 'dev', 'veth0', 'ingress'));
    expect(tsbpf(['tc', 'filter', 'show', 'veth0', '--direction', 'ingress']).stdout).toBe(shown);
    expect(
      said(
        'tc',
        'filter',
        'add',
        'veth0',
        'bpf/drop_tcp.o',
        '--program',
        'drop_tcp_out',
        '--direction',
        'egress',
      ),
    ).toBe('0 veth0: tc egress pref 49152 handle 0x1 drop_tcp_out\n');
    expect(said('tc', 'filter', 'delete', 'veth0', '--direction', 'egress')).toBe('0 veth0: 1 detached\n');
    expect(said('tc', 'qdisc', 'add', 'veth0')).toMatchInlineSnapshot(`
      "1 error[EEXIST]: cannot add clsact to veth0: Exclusivity flag on, cannot modify (EEXIST)
      "
    `);
    expect(said('tc', 'qdisc', 'add', 'veth0', 'htb')).toMatchInlineSnapshot(`
      "1 error[QDISC_UNSUPPORTED]: qdiscs of kind 'htb' are not made here
      help: programs hang on clsact; for others take tc
      "
    `);
  });

  test('are deleted', () => {
    tsbpf(['tc', 'qdisc', 'add', 'veth0']);
    expect(said('tc', 'qdisc', 'delete', 'veth0')).toMatchInlineSnapshot(`
      "0 veth0: clsact deleted, with the filters on it
      "
    `);
    expect(listQdiscStates('veth0').filter(({ kind }) => kind === 'clsact')).toEqual([]);
    expect(said('tc', 'qdisc', 'delete', 'veth0')).toMatchInlineSnapshot(`
      "0 veth0: there was no clsact
      "
    `);
    expect(said('tc', 'qdisc', 'show', 'nosuch')).toMatchInlineSnapshot(`
      "1 error[INTERFACE_NOT_FOUND]: there is no network interface named 'nosuch'; this namespace has: lo, veth1, veth0
      "
    `);
  });
});
