import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTsbpf, tsbpf } from '../support/cli.ts';

let dir = '';
const at = (name: string): string => join(dir, name);
const put = (name: string, ...lines: string[]): void => writeFileSync(at(name), `${lines.join('\n')}\n`);
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-asm-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const run = (...args: string[]): ReturnType<typeof tsbpf> => tsbpf(args, { cwd: dir });

describe('tsbpf asm', () => {
  test('says the same on the short way and on the long one', () => {
    put('wrong.s', '.program p, "xdp"', 'r0 = XDP_PAS', 'exit');
    const [short, long] = [run('asm', 'wrong.s'), run('asm', 'wrong.s', '--endian', 'little')];
    expect(short).toEqual(long);
    expect(short.status).toBe(1);
    expect(short.stderr).toMatchInlineSnapshot(`
      "error[undefined-name]: there is no name 'XDP_PAS'
       --> wrong.s:2:6
        |
      2 | r0 = XDP_PAS
        |      ^^^^^^^ not defined
        |
        = help: did you mean 'XDP_PASS'?
      "
    `);
    expect(run('asm', 'nowhere.s')).toEqual(run('asm', 'nowhere.s', '--endian', 'little'));
  });

  test('warns of what assembles and cannot work', () => {
    put('unset.s', '.program p, "xdp"', 'if r1 == 0 goto out', 'r0 = XDP_PASS', 'out: exit');
    const { status, stderr } = run('asm', 'unset.s');
    expect(status).toBe(0);
    expect(stderr).toMatchInlineSnapshot(`
      "warning[return-value-not-set]: there is a way to this exit on which r0, the return value, is not set
       --> unset.s:4:6
        |
      2 | if r1 == 0 goto out
        | ------------------- r0 is not set if this jump is taken
      ...
      4 | out: exit
        |      ^^^^
        |
        = help: set it to what the program returns: 'r0 = 0'
        = help: the kernel refuses this with 'R0 !read_ok'
      "
    `);
  });

  test('reads what a file includes, from where it stands', () => {
    put('common.inc', '.const ANSWER = XDP_DROP');
    put('main.s', '.include "common.inc"', '.program p, "xdp"', 'r0 = ANSWER', 'exit');
    expect(run('asm', 'main.s')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(tsbpf(['asm', at('main.s'), '-o', '-'], { encoding: 'latin1' }).status).toBe(0);
    put('missing.s', '.include "not-there.inc"');
    expect(run('asm', 'missing.s').stderr).toMatchInlineSnapshot(`
      "error[no-such-file]: there is no file 'not-there.inc' to include
       --> missing.s:1:10
        |
      1 | .include "not-there.inc"
        |          ^^^^^^^^^^^^^^^
      "
    `);
  });

  test('calls functions of the kernel by their names', () => {
    put('kfunc.s', '.license "GPL"', '.program p, "tc"', 'call bpf_rcu_read_lok', 'r0 = 0', 'exit');
    expect(run('asm', 'kfunc.s').stderr).toMatchInlineSnapshot(`
      "error[unknown-helper]: there is no helper named 'bpf_rcu_read_lok'
       --> kfunc.s:3:6
        |
      3 | call bpf_rcu_read_lok
        |      ^^^^^^^^^^^^^^^^ not a helper
        |
        = help: did you mean 'bpf_rcu_read_lock'?
        = help: a function of the kernel (kfunc) needs a line '.extern bpf_rcu_read_lok'
      "
    `);
    put(
      'right.s',
      '.license "GPL"',
      '.program p, "tc"',
      'call bpf_rcu_read_lock',
      'call bpf_rcu_read_unlock',
      'r0 = 0',
      'exit',
    );
    expect(run('asm', 'right.s')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(run('btf', 'dump', 'right.o').stdout).toContain("FUNC 'bpf_rcu_read_lock'");
  });

  test('gives problems to editors as data', () => {
    put('wrong.s', '.program p, "xdp"', 'r0 = XDP_PAS', 'exit');
    const { status, stdout, stderr } = run('asm', 'wrong.s', '--format', 'json');
    expect([status, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      ok: false,
      diagnostics: [{ code: 'undefined-name', span: { file: 'wrong.s', line: 2, column: 6, endColumn: 13 } }],
    });
  });

  test('makes gotol of a goto that is too far only where that exists', () => {
    put('far.s', 'goto far', ...Array.from({ length: 33_000 }, () => 'r0 = 1'), 'far: exit');
    expect(run('asm', 'far.s').status).toBe(0);
    const { status, stderr } = run('asm', 'far.s', '--mcpu', 'v3');
    expect(status).toBe(1);
    expect(stderr).toContain('the jump is 33000 instructions long');
  });

  test('assembles again when the file or what it includes changes', async () => {
    put('part.inc', '.const ANSWER = 1');
    put('watched.s', '.include "part.inc"', 'r0 = ANSWER', 'exit');
    const { child } = startTsbpf(['asm', at('watched.s'), '--watch', '--format', 'json']);
    try {
      const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
      const next = async (): Promise<{ ok: boolean }> => JSON.parse((await lines.next()).value);
      expect((await next()).ok).toBe(true);
      put('part.inc', '.const OTHER = 1');
      expect((await next()).ok).toBe(false);
      put('watched.s', 'r0 = 1', 'exit');
      expect((await next()).ok).toBe(true);
    } finally {
      child.kill('SIGINT');
    }
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0);
  });

  test('does not watch stdin', () => {
    expect(tsbpf(['asm', '-', '--watch'], { input: 'exit' }).stderr).toMatchInlineSnapshot(`
      "error[WATCH_STDIN]: stdin cannot be watched for changes
      help: name a file
      "
    `);
  });
});
