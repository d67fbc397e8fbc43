import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isAnswered, LEFT, Peer, PROTOCOLS, RIGHT } from '../../examples/hosts.ts';
import { attachTc, attachXdp, loadCollection } from '../../src/kernel/index.ts';
import { runExample, startExample } from '../support/examples.ts';
import { describeKernel } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

const TC = '/usr/sbin/tc';
const hasTc = spawnSync(TC, ['-V'], { stdio: 'ignore' }).status === 0;
if (!hasTc) console.warn('skipped: the witness of drop-tcp: tc of iproute2 is not installed');

describeKernel('the demonstration that drops TCP', () => {
  test.each(['bpf/drop_tcp.o', 'bpf/drop_tcp.s'])(
    '%s: TCP fails in both directions, the rest passes',
    (file) => {
      const { status, stdout, stderr } = runExample('drop-tcp', file);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      // A segment may have been sent again.
      expect(
        stdout
          .replaceAll(file, 'FILE')
          .replace(/[1-9]\d* on the way in, [1-9]\d* on/, 'N on the way in, N on'),
      ).toMatchInlineSnapshot(`
        "before, from left to right: TCP yes, UDP yes, ICMP yes
        before, from right to left: TCP yes, UDP yes, ICMP yes
        attached from FILE: drop_tcp_in (XDP, native), drop_tcp_out (tc, egress)
        while attached, from left to right: TCP no, UDP yes, ICMP yes
        while attached, from right to left: TCP no, UDP yes, ICMP yes
        dropped: N on the way in, N on the way out
        after, from left to right: TCP yes, UDP yes, ICMP yes
        after, from right to left: TCP yes, UDP yes, ICMP yes
        XDP on left: none, filters of tc: 0
        "
      `);
    },
  );

  test.skipIf(!hasTc)('tc and ip see what is attached, and that nothing stays', async () => {
    await using peer = await Peer.start();
    const shown = (...args: string[]): string => execFileSync(TC, args, { encoding: 'utf8' });
    const before = shown('qdisc', 'show', 'dev', LEFT.interface);
    {
      using collection = loadCollection(new Uint8Array(readFileSync('bpf/drop_tcp.o')));
      using _inwards = attachXdp(collection.program('drop_tcp_in'), { interface: LEFT.interface });
      using _outwards = attachTc(collection.program('drop_tcp_out'), {
        interface: LEFT.interface,
        direction: 'egress',
      });
      expect(shown('filter', 'show', 'dev', LEFT.interface, 'egress')).toMatch(/drop_tcp_out direct-action/);
      expect(shown('qdisc', 'show', 'dev', LEFT.interface)).toMatch(/clsact/);
      expect(execFileSync('ip', ['link', 'show', LEFT.interface], { encoding: 'utf8' })).toMatch(
        /xdp .*\n.*\n.*prog\/xdp id/,
      );
      for (const protocol of PROTOCOLS) {
        const reached = protocol !== 'TCP';
        expect([protocol, await isAnswered(protocol, LEFT, RIGHT)]).toEqual([protocol, reached]);
        expect([protocol, await peer.isAnswered(protocol)]).toEqual([protocol, reached]);
      }
    }
    expect(shown('filter', 'show', 'dev', LEFT.interface, 'egress')).toBe('');
    expect(shown('qdisc', 'show', 'dev', LEFT.interface)).toBe(before);
  });

  test('Ctrl-C in the middle leaves nothing', async () => {
    const example = startExample('drop-tcp');
    await example.says(/attached from/);
    example.child.kill('SIGINT');
    expect(await example.ended).toBe(130);
  });

  test('says what is missing', () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['scripts/run-ts.mjs', 'examples/drop-tcp.ts'],
      {
        encoding: 'utf8',
        env: { ...process.env, PATH: '/nonexistent' },
      },
    );
    expect({ status, stdout, stderr }).toMatchInlineSnapshot(`
      {
        "status": 1,
        "stderr": "this example needs the command 'ip'
      apt-get install iproute2
      ",
        "stdout": "",
      }
    `);
  });
});

describeKernel('the demonstration of a root array', () => {
  // A folder for temporary files of its own, in which nothing may stay.
  const { TMPDIR } = process.env;
  const folder = mkdtempSync(join(tmpdir(), 'tsbpf-demos-'));
  beforeAll(() => {
    process.env.TMPDIR = folder;
  });
  afterAll(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    rmSync(folder, { recursive: true });
  });
  const swap = test.skipIf(lacks('patching of code that runs'));

  swap.each(['bpf/hot_swap.o', 'bpf/hot_swap.s'])(
    '%s: replaced by a second process, and no frame lost',
    (file) => {
      const { status, stdout, stderr } = runExample('hot-swap', '3000', file);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatchInlineSnapshot(`
        "first process: root attached to right, root_array pinned
        root_array empty: 32 of 32 frames fell through
        second process: 3000 swaps
        frames sent while it swapped: many; seen by both programs: true
        lost: 0, fallen through: 0
        slot 2 is still filled, its maker gone: true
        "
      `);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  swap('Ctrl-C in the middle leaves nothing', async () => {
    const example = startExample('hot-swap', '1000000');
    await example.says(/fell through/);
    example.child.kill('SIGINT');
    expect(await example.ended).toBe(130);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describeKernel('the demonstrations of redirection', () => {
  test.each(['bpf/sock_redirect.o', 'bpf/sock_redirect.s'])(
    '%s: an echo and a pipe in the kernel',
    (file) => {
      const { status, stdout, stderr } = runExample('sock-redirect', file);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatchInlineSnapshot(`
        "the client sent 'hello, kernel' and got 'hello, kernel'
        the server read 0 bytes, the kernel echoed 13
        one client sent 'to the other', the other got 'to the other'
        it sent 'and back', and the first got 'and back'
        the server read 0 bytes, the kernel piped 20
        "
      `);
    },
  );

  /** However many CPUs there are. */
  const ofAnyCpu = (text: string): string =>
    text.replaceAll(/^cpumap, CPU [1-9]\d*: .*ran for 5, 5 of 5 arrive\n/gm, '');

  test.each(['bpf/redirect.o', 'bpf/redirect.s'])(
    '%s, native: a veth needs a program on its peer',
    (file) => {
      const { status, stdout, stderr } = runExample('redirect', 'native', file);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      // An older kernel runs it for those too that the driver then drops.
      const ran = lacks('devmap that asks the driver') ? 10 : 5;
      const seen = ofAnyCpu(stdout).replace(`ran for ${ran} frames`, 'ran for 5 frames');
      expect(seen).toMatchInlineSnapshot(`
        "devmap, slot empty: 0 of 5 frames arrive
        devmap, exit in its slot: 0 of 5 frames arrive
        with a program on the peer: 5 of 5 frames arrive
        the program of the slot ran for 5 frames, at exit: true
        an interface that is not there: cannot write to map 'interfaces': no interface of this network namespace has that index, or the program was not made for xdp/devmap (EINVAL)
        cpumap, CPU 0: its program ran for 5, 5 of 5 arrive
        a queue that is too long: cannot write to map 'cpus': a queue has at most 16384 packets (EOVERFLOW)
        "
      `);
    },
  );

  test.each(['bpf/redirect.o', 'bpf/redirect.s'])('%s, generic: it needs none', (file) => {
    const { status, stdout, stderr } = runExample('redirect', 'generic', file);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(ofAnyCpu(stdout)).toMatchInlineSnapshot(`
      "devmap, slot empty: 0 of 5 frames arrive
      devmap, exit in its slot: 5 of 5 frames arrive
      with a program on the peer: 5 of 5 frames arrive
      the program of the slot ran for 10 frames, at exit: true
      an interface that is not there: cannot write to map 'interfaces': no interface of this network namespace has that index, or the program was not made for xdp/devmap (EINVAL)
      cpumap, CPU 0: its program ran for 5, 5 of 5 arrive
      a queue that is too long: cannot write to map 'cpus': a queue has at most 16384 packets (EOVERFLOW)
      "
    `);
  });
});
