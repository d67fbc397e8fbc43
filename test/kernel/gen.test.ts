import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';

const USER = `
import { type Event, loadTyped } from './typed_bpfel.ts';
using objects = loadTyped({ variables: { limit: 50 } });
for (const length of [20, 60, 61]) objects.programs.count.testRun({ data: new Uint8Array(length) });
const event: Event = { pid: 1, comm: 'init' };
const total: bigint = objects.variables.total.get().packets;
console.log(event.comm, total, objects.variables.limit.get());
for (const [key, value] of objects.maps.counters) console.log(key.class, key.port, value.packets, value.last_length, value.name);
objects.maps.counters.set({ class: 1, port: 9 }, { packets: 5n, last_length: 1, name: 'mine' });
console.log(objects.maps.counters.get({ class: 1, port: 9 })?.name, objects.maps.counters.get({ class: 0, port: 9 }));
`;

describeKernel('tsbpf gen', () => {
  const hasClang = spawnSync('clang-19', ['--version'], { stdio: 'ignore' }).error === undefined;
  let dir = '';
  beforeAll(() => {
    mkdirSync('.tmp', { recursive: true });
    dir = mkdtempSync(join('.tmp', 'gen-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const short = (text: string): string => text.replaceAll(join(process.cwd(), dir), 'DIR');

  test('compiles for both byte orders, strips, and writes a module each', ({ skip }) => {
    if (!hasClang) skip('clang-19 is not installed');
    const args = [
      'gen',
      '--cc',
      'clang-19',
      '--type',
      'event',
      '--output-dir',
      dir,
      'test/cli/fixtures/typed.c',
    ];
    const { status, stdout, stderr } = tsbpf([...args, '--', '-DUNUSED=1']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(short(stdout)).toMatchInlineSnapshot(`
      "Compiled DIR/typed_bpfel.o
      Stripped DIR/typed_bpfel.o
      Wrote DIR/typed_bpfel.ts
      Compiled DIR/typed_bpfeb.o
      Stripped DIR/typed_bpfeb.o
      Wrote DIR/typed_bpfeb.ts
      "
    `);
    expect(readdirSync(dir).sort()).toEqual([
      'typed_bpfeb.o',
      'typed_bpfeb.ts',
      'typed_bpfel.o',
      'typed_bpfel.ts',
    ]);
  });

  test('makes a module that type-checks, and runs when the object is gone', ({ skip }) => {
    if (!hasClang) skip('clang-19 is not installed');
    writeFileSync(join(dir, 'user.ts'), USER);
    writeFileSync(
      join(dir, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.json',
        include: ['*.ts'],
        compilerOptions: { types: ['node'] },
      }),
    );
    const types = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', dir, '--noEmit'], {
      encoding: 'utf8',
    });
    expect(types.stdout).toBe('');
    for (const name of readdirSync(dir).filter((one) => one.endsWith('.o'))) rmSync(join(dir, name));
    const run = spawnSync(process.execPath, ['scripts/run-ts.mjs', join(dir, 'user.ts')], {
      encoding: 'utf8',
    });
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: '' });
    expect(run.stdout.split('\n').sort()).toEqual([
      '',
      '0 7 1n 20 counted',
      '1 7 2n 60 counted',
      'init 3n 50',
      'mine undefined',
    ]);
  });

  test('takes an object as it is, and an object without types', () => {
    const made = tsbpf([
      'gen',
      '--output-dir',
      dir,
      '--exact-names',
      'roots',
      'bpf/legacy_root_array.o',
      '--json',
    ]);
    expect({ status: made.status, stderr: made.stderr }).toEqual({ status: 0, stderr: '' });
    expect(readFileSync(join(dir, 'legacy_root_array.ts'), 'utf8')).toContain('export function loadRoots(');
  });

  test('says what is missing', () => {
    const noCompiler = tsbpf(['gen', '--cc', 'no-such-clang', 'bpf/drop_world.c', '--output-dir', dir]);
    expect(noCompiler.status).toBe(1);
    expect(noCompiler.stderr).toMatchInlineSnapshot(`
      "error[COMPILER_MISSING]: there is no compiler 'no-such-clang'
      help: apt install clang, or give its path
      "
    `);
    const noTarget = tsbpf(['gen', '--target', 'x86', 'bpf/drop_world.c', '--output-dir', dir]);
    expect(noTarget.stderr).toMatchInlineSnapshot(`
      "error[TARGET_UNKNOWN]: there is no target 'x86'
      help: the targets are bpfel and bpfeb
      "
    `);
  });
});
