import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExample } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';
import { DROP_WORLD_TAG } from '../support/needs.ts';

describeKernel('the examples', () => {
  test.each([
    ['bpf/drop_world.o', 'generic'],
    ['bpf/drop_world.o', 'native'],
    ['bpf/drop_world.s', 'generic'],
    ['bpf/drop_world.s', 'native'],
    ['bpf/generations/drop_world.clang-14.bpfel.o', 'generic'],
    ['bpf/generations/drop_world.clang-16.bpfel.o', 'generic'],
  ])('drop the world with %s, %s: frames arrive, stop, arrive again', (file, mode) => {
    expect(runExample('drop-the-world', file, mode)).toEqual({
      status: 0,
      stdout: [
        'before: 5 of 5 frames arrive',
        `attached xdp_drop_the_world from ${file} to right: ${mode}, tag ${DROP_WORLD_TAG}`,
        'while attached: 0 of 5 frames arrive',
        'after: 5 of 5 frames arrive, XDP on right: none',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  test('the protocol dispatcher: the callee by protocol, and the way on when a slot is deleted', () => {
    const { status, stdout, stderr } = runExample('protocol-dispatch');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "slots, as the object fills them:
        0: program handle_icmp
        1: program handle_tcp
        2: program handle_udp
      frames:
        ICMP: retval 2, slot 0 handled it
        TCP: retval 2, slot 1 handled it
        UDP: retval 2, slot 2 handled it
      slot 1 deleted, frames:
        ICMP: retval 2, slot 0 handled it
        TCP: retval 2, no handler: fell through
        UDP: retval 2, slot 2 handled it
      "
    `);
  });

  test('the jump table that user space fills, its refusals, and the limit of 33', () => {
    const { status, stdout, stderr } = runExample('jump-table');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.replace(/descriptor \d+/, 'descriptor N')).toMatchInlineSnapshot(`
      "table empty: entry returns 3
      slots 0 and 1 filled: entry returns 1
      slot 1 deleted: entry returns 0
      slot 0 deleted: entry returns 3
      delete an empty slot: false
      read an empty slot: undefined
      fill a slot behind the last: cannot write to map 'jmp_table': index 3 is out of range: the map has 3 entries, 0 to 2 (E2BIG)
      fill a slot with a map: cannot write to map 'jmp_table': descriptor N is one of a map; a prog array takes programs (EINVAL)
      fill a slot only where it is empty: cannot write to map 'jmp_table': a prog array takes no update flags (EINVAL)
      a program that tail-calls itself, called first by another, runs 33 times
      a program that tail-calls itself, started first by us, runs 34 times
      "
    `);
  });

  test('the code in the README runs as it stands there', () => {
    const [, code] = /```ts\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))!;
    const lines = code!.split('\n');
    const imports = lines.filter((line) => line.startsWith('import '));
    const rest = lines.filter((line) => !line.startsWith('import '));
    const file = '.tmp/readme.ts';
    mkdirSync('.tmp', { recursive: true });
    writeFileSync(
      file,
      [
        ...imports,
        "import { createVethPair, enterNewNetworkNamespace } from 'tsbpf/syscall';",
        "import { IpProtocol, ipv4Frame } from '../examples/frames.ts';",
        "enterNewNetworkNamespace(); createVethPair('veth0', 'veth1');",
        'const packet = ipv4Frame(IpProtocol.TCP);',
        ...rest,
        'console.log(attachment.ifname, attachment.mode);',
      ].join('\n'),
    );
    const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/run-ts.mjs', file], {
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'veth0 native\n', stderr: '' });
  });

  test('without bpf(2) the demo says what is missing, and shows everything up to the load', () => {
    const bare = ['--bounding-set=-all', '--inh-caps=-all', process.execPath];
    const { status, stdout } = spawnSync('setpriv', [...bare, 'scripts/run-ts.mjs', 'examples/demo.ts'], {
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    expect(stdout.match(/^\d+\. .*$/gm)).toHaveLength(4);
    expect(stdout.slice(stdout.indexOf('4. '))).toMatchInlineSnapshot(`
      "4. The kernel part is left out
         cannot create a map: this process lacks CAP_BPF, and kernel.unprivileged_bpf_disabled=2 closes bpf(2) to everybody else (EPERM)
         run as root, or give the process CAP_BPF
      "
    `);
  });

  test('the demo goes through every step', () => {
    const { status, stdout } = runExample('demo');
    expect(status).toBe(0);
    expect(stdout.match(/^\d+\. .*$/gm)).toHaveLength(8);
  });
});
