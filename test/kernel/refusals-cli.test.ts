import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canUseBpf } from '../../src/kernel/capabilities.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';

let dir = '';
let bpffs = '';
const at = (name: string): string => join(dir, name);

// Children inherit the mounts of this thread.
beforeAll(() => {
  if (!canUseBpf().ok) return;
  enterNewMountNamespace();
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-refusals-'));
  bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-bpffs-'));
  mountBpffs(bpffs);
  writeFileSync(at('empty.o'), '');
  writeFileSync(at('ok.s'), '.map m, hash, key=u32, value=u64, entries=4\n.program p, "xdp"\nr0 = 2\nexit\n');
  writeFileSync(at('bad.s'), '.program p, "xdp"\nr0 = r9\nexit\n');
});
afterAll(() => {
  if (bpffs === '') return;
  unmount(bpffs);
  for (const folder of [dir, bpffs]) rmSync(folder, { recursive: true, force: true });
});

/** What a user sees, and the exit code. */
function seen(...args: string[]): string {
  const { status, stderr } = tsbpf(args);
  // Of older kernels' logs the line is the object's, with its whole path.
  const text = `${stderr.trimEnd()}\n-> ${status}`.replaceAll(`@ ${dir}/`, '@ ');
  return text.replaceAll(dir, 'DIR').replaceAll(bpffs, 'BPFFS');
}

describeKernel('tsbpf that is refused', () => {
  test('says what it was given, and no word of where in its code', () => {
    const texts = [
      seen('load', at('empty.o')),
      seen('load', dir),
      seen('load', at('ok.s'), '--pin', at('pins')),
      seen('load', at('ok.s'), '--pin', join(bpffs, 'a.b')),
      seen('load', at('ok.s'), '--pin', join(bpffs, 'none', 'here')),
      seen('map', 'dump', at('ok.s')),
    ];
    expect(existsSync(at('pins'))).toBe(false);
    expect(texts.join('\n\n')).toMatchInlineSnapshot(`
      "error[NOTHING_TO_LOAD]: DIR/empty.o has neither programs nor maps
      -> 1

      error: DIR is a directory, not a file
      -> 2

      error[EPERM]: cannot pin map 'm': DIR/pins/maps is not in a BPF file system (EPERM)
      help: pin below one: mount -t bpf bpf /sys/fs/bpf
      -> 1

      error[PIN_FOLDER]: cannot make the folder BPFFS/a.b: a BPF file system takes no dot in a name
      -> 1

      error[PIN_FOLDER]: cannot make the folder BPFFS/none/here: BPFFS/none does not exist
      -> 1

      error[EACCES]: cannot open the pin DIR/ok.s: DIR/ok.s is no pin: it is not in a BPF file system (EACCES)
      help: tsbpf prog list and tsbpf map list show what is pinned where
      -> 1"
    `);
  });

  test('keeps the log where it is asked to', () => {
    expect(seen('load', at('bad.s'), '--log', at('log'))).toMatchInlineSnapshot(`
      "warning[register-not-set]: r9 is read, but nothing has set it before
       --> DIR/bad.s:2:1
        |
      2 | r0 = r9
        | ^^^^^^^
        |
        = help: a program begins with its context in r1 and its stack at r10; nothing else is set
        = help: the kernel refuses this with 'R9 !read_ok'
      note: the verifier’s log is in DIR/log
      error[VERIFIER_REJECTED]: the verifier rejected program 'p': R9 !read_ok (EACCES)
        source: r0 = r9 @ bad.s:2
        at slot 0: (bf) r0 = r9
      help: set it on every path that leads here
      -> 1"
    `);
    expect(readFileSync(at('log'), 'utf8')).toMatch(/R9 !read_ok\n[\s\S]*processed 1 insns/);
  });

  test('tells why although the log cannot be written', () => {
    expect(seen('load', at('bad.s'), '--log', at('none/log'))).toMatchInlineSnapshot(`
      "warning[register-not-set]: r9 is read, but nothing has set it before
       --> DIR/bad.s:2:1
        |
      2 | r0 = r9
        | ^^^^^^^
        |
        = help: a program begins with its context in r1 and its stack at r10; nothing else is set
        = help: the kernel refuses this with 'R9 !read_ok'
      warning: the verifier’s log was not written: ENOENT: no such file or directory, open 'DIR/none/log'
      error[VERIFIER_REJECTED]: the verifier rejected program 'p': R9 !read_ok (EACCES)
        source: r0 = r9 @ bad.s:2
        at slot 0: (bf) r0 = r9
      help: set it on every path that leads here
      -> 1"
    `);
  });
});
