import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Token } from '../../src/kernel/index.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`.replaceAll(directory, 'BPFFS');

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const [namespace, fixture, runner] = [
  'fixtures/in-userns.py',
  'fixtures/with-token.ts',
  '../../scripts/run-ts.mjs',
].map((name) => path(`./${name}`)) as [string, string, string];

const ALL = 'delegate_cmds=any,delegate_maps=any,delegate_progs=any,delegate_attachs=any';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsbpf-token-'));
});
afterAll(() => rmdirSync(directory));

/** What the fixture tells in a user namespace. */
type Told = Readonly<Record<'unasked', string>> & Readonly<Record<string, string | boolean>>;
function told(options: string, at = directory): Told {
  const command = [namespace, at, options, process.execPath, runner, fixture, at];
  return JSON.parse(execFileSync('python3', command, { encoding: 'utf8' }));
}

describeKernel('a BPF token', () => {
  test.skipIf(lacks('tokens'))('lets a user namespace load what is delegated to it', () => {
    expect(told(ALL)).toMatchInlineSnapshot(`
      {
        "elsewhere": "cannot make a BPF token from /tmp: this kernel has no BPF tokens, or this is not the root of a BPF file system (EINVAL) [BPF tokens came with Linux 6.9]",
        "environment": "loaded with types, attached to lo (xdp)",
        "none": "cannot create map 'counts': this process is in a user namespace, where its capabilities do not count for BPF (EPERM) [run outside of the container, or use a BPF token (Linux 6.9 or later)]",
        "nowhere": "there is no BPF file system at /no/such/directory [mount -t bpf bpf /sys/fs/bpf]",
        "path": "loaded with types, attached to lo (xdp)",
        "plain": false,
        "token": "loaded with types, attached to lo (xdp); {"commands":"any","mapTypes":"any","programTypes":"any","attachTypes":"any"}",
        "unasked": "cannot create map 'counts': this process is in a user namespace, where its capabilities do not count for BPF (EPERM) [run outside of the container, or use a BPF token (Linux 6.9 or later)]",
      }
    `);
  });

  test.skipIf(lacks('tokens'))('is found at the usual place', () => {
    expect(told(ALL, '/sys/fs/bpf').unasked).toBe('loaded with types, attached to lo (xdp)');
  });

  test.skipIf(lacks('tokens'))('lets it load only that', () => {
    expect(told(ALL.replace('delegate_progs=any', 'delegate_progs=kprobe'))).toMatchInlineSnapshot(`
      {
        "elsewhere": "cannot make a BPF token from /tmp: this kernel has no BPF tokens, or this is not the root of a BPF file system (EINVAL) [BPF tokens came with Linux 6.9]",
        "environment": "cannot load program 'pass': the BPF token does not give leave for it (EPERM) [token.grants() tells for what it does; more is delegated by the options of the BPF file system, such as delegate_progs=xdp]",
        "none": "cannot create map 'counts': this process is in a user namespace, where its capabilities do not count for BPF (EPERM) [run outside of the container, or use a BPF token (Linux 6.9 or later)]",
        "nowhere": "there is no BPF file system at /no/such/directory [mount -t bpf bpf /sys/fs/bpf]",
        "path": "cannot load program 'pass': the BPF token does not give leave for it (EPERM) [token.grants() tells for what it does; more is delegated by the options of the BPF file system, such as delegate_progs=xdp]",
        "plain": false,
        "token": "cannot load program 'pass': the BPF token does not give leave for it (EPERM) [token.grants() tells for what it does; more is delegated by the options of the BPF file system, such as delegate_progs=xdp]",
        "unasked": "cannot create map 'counts': this process is in a user namespace, where its capabilities do not count for BPF (EPERM) [run outside of the container, or use a BPF token (Linux 6.9 or later)]",
      }
    `);
  });

  test.skipIf(lacks('tokens'))('is missed in words where nothing is delegated', () => {
    expect(told('')).toMatchInlineSnapshot(`
      {
        "elsewhere": "cannot make a BPF token from /tmp: this kernel has no BPF tokens, or this is not the root of a BPF file system (EINVAL) [BPF tokens came with Linux 6.9]",
        "environment": "cannot make a BPF token from BPFFS: this BPF file system delegates nothing (ENOENT) [mount it with delegate_cmds, delegate_maps, delegate_progs and delegate_attachs, from the initial user namespace]",
        "none": "cannot create map 'counts': this process is in a user namespace, where its capabilities do not count for BPF (EPERM) [run outside of the container, or use a BPF token (Linux 6.9 or later)]",
        "nowhere": "there is no BPF file system at /no/such/directory [mount -t bpf bpf /sys/fs/bpf]",
        "path": "cannot make a BPF token from BPFFS: this BPF file system delegates nothing (ENOENT) [mount it with delegate_cmds, delegate_maps, delegate_progs and delegate_attachs, from the initial user namespace]",
        "plain": false,
        "token": "cannot make a BPF token from BPFFS: this BPF file system delegates nothing (ENOENT) [mount it with delegate_cmds, delegate_maps, delegate_progs and delegate_attachs, from the initial user namespace]",
        "unasked": "cannot create map 'counts': this process is in a user namespace, where its capabilities do not count for BPF (EPERM) [run outside of the container, or use a BPF token (Linux 6.9 or later)]",
      }
    `);
  });

  test.skipIf(lacks('tokens'))('is not for the initial user namespace', () => {
    enterNewMountNamespace();
    mountBpffs(directory);
    try {
      expect(words(errorOf(() => Token.create(directory)))).toMatchInlineSnapshot(
        `"cannot make a BPF token from BPFFS: this process is in the initial user namespace, where no token is needed (EOPNOTSUPP) [tokens are for containers; here the capabilities themselves count]"`,
      );
    } finally {
      unmount(directory);
    }
  });
});
