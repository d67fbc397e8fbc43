import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IpProtocol, ipv4Frame } from '../../examples/frames.ts';
import { BpfMap, Program } from '../../src/kernel/index.ts';
import {
  createVethPair,
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  setLink,
  unmount,
} from '../../src/syscall/index.ts';
import { toHex } from '../../src/util/index.ts';
import { startTsbpf, tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';
import { DROP_WORLD_TAG } from '../support/needs.ts';

const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

describeKernel('tsbpf on the command line', () => {
  let dir = '';
  let bpffs = '';
  beforeAll(() => {
    // Children inherit both namespaces of this thread; nobody else sees what happens in them.
    enterNewNetworkNamespace();
    enterNewMountNamespace();
    dir = mkdtempSync(join(tmpdir(), 'tsbpf-cli-'));
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-bpffs-'));
    mountBpffs(bpffs);
    createVethPair('left', 'right');
    for (const name of ['left', 'right']) setLink(name, { up: true });
    writeFileSync(join(dir, 'tcp.hex'), toHex(ipv4Frame(IpProtocol.TCP), ' '));
    writeFileSync(join(dir, 'udp.bin'), ipv4Frame(IpProtocol.UDP));
  });
  afterAll(() => {
    unmount(bpffs);
    for (const folder of [dir, bpffs]) rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    ['tcp.hex', 1, 'XDP_DROP'],
    ['udp.bin', 0, 'XDP_ABORTED'],
  ])('run takes %s, hex text or bytes, and names the verdict', (packet, retval, verdict) => {
    const { status, stdout, stderr } = tsbpf([
      'run',
      'bpf/protocol_dispatch.s',
      '--packet',
      join(dir, packet),
      '--json',
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(json(stdout)).toMatchObject({
      version: 1,
      program: 'classify',
      engine: 'kernel',
      retval,
      verdict,
    });
  });

  test('run prints the verdict and the packet', () => {
    const { stdout } = tsbpf([
      'run',
      'bpf/protocol_dispatch.o',
      '--program',
      'xdp_classifier',
      '--packet',
      join(dir, 'tcp.hex'),
    ]);
    expect(stdout.replace(/duration: \d+/, 'duration: N')).toMatchInlineSnapshot(`
      "retval: 2 (XDP_PASS)
      duration: N ns
      packet: 60 bytes, unchanged
        0000  02 00 00 00 00 02 02 00 00 00 00 01 08 00 45 00
        0010  00 2e 00 00 00 00 40 06 00 00 0a 00 00 01 0a 00
        0020  00 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        0030  00 00 00 00 00 00 00 00 00 00 00 00
      "
    `);
  });

  test('run says which programs there are where it cannot choose', () => {
    const { status, stderr } = tsbpf(['run', 'bpf/legacy_root_array.o', '--packet', join(dir, 'tcp.hex')]);
    expect(status).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "error[PROGRAM_AMBIGUOUS]: the object holds 3 programs: xdp_root (xdp-root), chain_drop (xdp/drop), chain_tx (xdp/tx)
      help: choose one with --program NAME
      "
    `);
  });

  test('run refuses a packet that is shorter than an Ethernet header, in words', () => {
    const { status, stderr } = tsbpf(['run', 'bpf/drop_world.o', '--packet', '-'], { input: '00 01 02' });
    expect(status).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "error[EINVAL]: cannot run program 'xdp_drop_the_world': a packet has at least an Ethernet header, 14 bytes, but 3 were given (EINVAL)
      "
    `);
  });

  test('load lists what it loaded and says that it is gone', () => {
    const { status, stdout, stderr } = tsbpf(['load', 'bpf/jump_table.s', '--program', 'classifier/1']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^program \d+: sched_cls bpf_func_1 \(classifier\/1\) tag [0-9a-f]{16}\nmap \d+: prog_array jmp_table key 4B value 4B max_entries 3\n$/,
    );
    expect(stderr).toContain('--pin DIR keeps it');
  });

  test('load --pin keeps programs, maps and filled slots', () => {
    const at = join(bpffs, 'dispatch');
    const { status, stderr } = tsbpf(['load', 'bpf/protocol_dispatch.s', '--pin', at]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(readdirSync(at).sort()).toEqual(['classify', 'handle_icmp', 'handle_tcp', 'handle_udp', 'maps']);
    {
      using program = Program.openPinned(join(at, 'classify'));
      expect(program.testRun({ data: ipv4Frame(IpProtocol.TCP) }).retval).toBe(1);
      using map = BpfMap.openPinned(join(at, 'maps', 'handlers'));
      expect([...map.entries()]).toHaveLength(3);
    }
    rmSync(at, { recursive: true });
  });

  test('load --pin outside a BPF file system pins nothing and leaves no folder', () => {
    const at = join(dir, 'not-bpffs');
    const { status, stderr } = tsbpf(['load', 'bpf/drop_world.o', '--pin', at]);
    expect(status).toBe(1);
    expect(stderr.replaceAll(dir, 'DIR')).toMatchInlineSnapshot(`
      "error[EPERM]: cannot pin program 'xdp_drop_the_world': DIR/not-bpffs is not in a BPF file system (EPERM)
      help: pin below one: mount -t bpf bpf /sys/fs/bpf
      "
    `);
    expect(existsSync(at)).toBe(false);
  });

  test('load takes a type where the section tells none', () => {
    writeFileSync(join(dir, 'plain.s'), '.license "GPL"\n.program plain, "prog"\nr0 = 2\nexit\n');
    const without = tsbpf(['load', join(dir, 'plain.s')]);
    expect(without.status).toBe(1);
    expect(without.stderr).toMatchInlineSnapshot(`
      "error[PROG_TYPE_MISSING]: the section title 'prog' of program 'plain' tells no program type
      help: section titles begin with what the program is, as xdp, tc, kprobe/do_unlinkat (or name the type: type: 'xdp', --type xdp)
      "
    `);
    expect(tsbpf(['load', join(dir, 'plain.s'), '--type', 'xdp']).stdout).toContain(': xdp plain (prog)');
  });

  test('load shows the verifier what it refused', () => {
    writeFileSync(
      join(dir, 'bad.s'),
      '.license "GPL"\n.program bad, "xdp"\nr0 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r0 + 0)\nexit\n',
    );
    const { status, stderr } = tsbpf(['load', join(dir, 'bad.s')]);
    expect(status).toBe(1);
    // Older kernels tell no line, so it is the object's, and write zeros.
    const seen = stderr.replace(`${dir}/`, '').replace('off=0,r=0,imm=0', 'r=0');
    expect(seen).toMatchInlineSnapshot(`
      "error[VERIFIER_REJECTED]: the verifier rejected program 'bad': R0 offset is outside of the packet (EACCES)
        source: r0 = *(u8 *)(r0 + 0) @ bad.s:4
        at slot 1: (71) r0 = *(u8 *)(r0 +0)
        state: R0=pkt(r=0)
        invalid access to packet, off=0 size=1, R0(id=0,off=0,r=0)
      help: compare the pointer and all that is read behind it with data_end first, on this path: if (data + size > data_end) return
      "
    `);
  });

  test.each(['generic', 'native'])('xdp attach, show and detach in %s mode', (mode) => {
    expect(tsbpf(['xdp', 'show', 'right']).stdout).toBe('right: no XDP program\n');
    const attached = tsbpf(['xdp', 'attach', 'right', 'bpf/drop_world.s', '--mode', mode]);
    expect({ status: attached.status, stderr: attached.stderr }).toEqual({ status: 0, stderr: '' });
    const line = new RegExp(`^right: ${mode} prog/xdp id \\d+ name xdp_drop_the_wo tag ${DROP_WORLD_TAG}\n$`);
    expect(attached.stdout).toMatch(line);
    expect(tsbpf(['xdp', 'show']).stdout).toMatch(line);
    const second = tsbpf(['xdp', 'attach', 'right', 'bpf/drop_world.o']);
    expect(second.status).toBe(1);
    expect(second.stderr.replace(/id \d+/, 'id N')).toContain(
      `an XDP program (id N name xdp_drop_the_wo, ${mode}) is already attached to right`,
    );
    expect(tsbpf(['xdp', 'attach', 'right', 'bpf/drop_world.o', '--replace', '--mode', mode]).status).toBe(0);
    const other = mode === 'native' ? 'generic' : 'native';
    expect(tsbpf(['xdp', 'detach', 'right', '--mode', other]).stdout).toMatch(
      new RegExp(
        `^right: nothing was attached in mode '${other}'; this is still attached:\nright: ${mode} prog`,
      ),
    );
    expect(tsbpf(['xdp', 'detach', 'right'])).toEqual({ status: 0, stdout: 'right: detached\n', stderr: '' });
    expect(tsbpf(['xdp', 'detach', 'right']).stdout).toBe('right: nothing was attached\n');
    expect(json(tsbpf(['xdp', 'show', '--json']).stdout)).toEqual({ version: 1, interfaces: [] });
  });

  test('xdp attach refuses to leave tail calls behind that would end with it, and pins them on request', () => {
    const refused = tsbpf(['xdp', 'attach', 'right', 'bpf/protocol_dispatch.s']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatchInlineSnapshot(`
      "error[PROG_ARRAY_ORPHANED]: the tail calls through handlers would end with this command
      help: keep the prog array alive with --pin DIR, or stay attached with --foreground
      "
    `);
    expect(tsbpf(['xdp', 'show', 'right']).stdout).toBe('right: no XDP program\n');
    const at = join(bpffs, 'kept');
    expect(tsbpf(['xdp', 'attach', 'right', 'bpf/protocol_dispatch.s', '--pin', at]).status).toBe(0);
    {
      using map = BpfMap.openPinned(join(at, 'maps', 'handlers'));
      expect([...map.entries()]).toHaveLength(3);
    }
    expect(tsbpf(['xdp', 'detach', 'right']).status).toBe(0);
    rmSync(at, { recursive: true });
  });

  test('xdp attach --foreground stays, and detaches on Ctrl-C', async () => {
    const { child, firstLine } = startTsbpf([
      'xdp',
      'attach',
      'right',
      'bpf/protocol_dispatch.s',
      '--foreground',
    ]);
    expect(await firstLine).toMatch(/^right: native prog\/xdp id \d+ name classify/);
    expect(tsbpf(['xdp', 'show', 'right']).stdout).toContain('native prog/xdp');
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(tsbpf(['xdp', 'show', 'right']).stdout).toBe('right: no XDP program\n');
  });

  test('an interface that does not exist is told with those that do', () => {
    const { status, stderr } = tsbpf(['xdp', 'attach', 'rigth', 'bpf/drop_world.o']);
    expect(status).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "error[INTERFACE_NOT_FOUND]: there is no network interface named 'rigth'; this namespace has: lo, right, left
      help: did you mean 'right'?
      "
    `);
  });

  test('native mode on an interface without it exits with 3', () => {
    const { status, stderr } = tsbpf(['xdp', 'attach', 'lo', 'bpf/drop_world.o', '--mode', 'native']);
    expect(status).toBe(3);
    expect(stderr).toMatchInlineSnapshot(`
      "error[EOPNOTSUPP]: cannot attach program 'xdp_drop_the_world' to lo: the driver of lo has no native XDP; the kernel says: Underlying driver does not support XDP in native mode (EOPNOTSUPP)
      help: mode 'generic' works on every interface
      "
    `);
  });
});
