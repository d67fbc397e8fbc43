import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseElf } from '../../src/elf/index.ts';
import { toHex } from '../../src/util/index.ts';
import { withFiles } from '../asm/tools.ts';
import { tsbpf } from '../support/cli.ts';

const MESSY = 'mov r0,XDP_PASS // what\nout:exit\n';
const NEAT = '    mov r0, XDP_PASS  // what\nout: exit\n';

test('fmt prints a text formatted, or converted', () => {
  expect(tsbpf(['fmt', '-'], { input: MESSY })).toEqual({ status: 0, stdout: NEAT, stderr: '' });
  expect(tsbpf(['fmt', '--style', 'llvm', '-'], { input: MESSY }).stdout).toBe(
    '    r0 = XDP_PASS  // what\nout: exit\n',
  );
});

test('fmt --check names what is not formatted, --write mends it', () => {
  withFiles((path) => {
    writeFileSync(path('a.s'), MESSY);
    writeFileSync(path('b.s'), NEAT);
    const files = [path('a.s'), path('b.s')];
    expect(tsbpf(['fmt', '--check', ...files])).toEqual({
      status: 1,
      stdout: `${path('a.s')}\n`,
      stderr: '',
    });
    expect(tsbpf(['fmt', '--write', ...files])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(path('a.s'), 'utf8')).toBe(NEAT);
    expect(tsbpf(['fmt', '--check', ...files]).status).toBe(0);
    const { files: told } = JSON.parse(
      tsbpf(['fmt', '--json', '--check', '--style', 'llvm', ...files]).stdout,
    );
    expect(told.map(({ changed }: { changed: boolean }) => changed)).toEqual([true, true]);
  });
});

test('fmt leaves what it cannot read, and says why', () => {
  const { status, stdout, stderr } = tsbpf(['fmt', '-'], { input: 'r0=1\nadd  r1\n' });
  expect(status).toBe(1);
  expect(stdout).toBe('    r0 = 1\nadd  r1\n');
  expect(stderr).toMatchInlineSnapshot(`
    "error[operand-count]: 'add' takes 2 operands, not 1
     --> <stdin>:2:1
      |
    2 | add  r1
      | ^^^^^^^
      |
      = help: write it like 'add r1, 5'
    "
  `);
});

test('fmt wants texts', () => {
  const { status, stderr } = tsbpf(['fmt', 'bpf/drop_world.o']);
  expect(status).toBe(1);
  expect(stderr).toMatchInlineSnapshot(`
    "error[NOT_A_TEXT]: 'bpf/drop_world.o' is an object, and no text to format
    help: 'tsbpf disasm bpf/drop_world.o' prints its instructions
    "
  `);
});

test('disasm --style mnemonic', () => {
  const { stdout } = tsbpf(['disasm', '--style', 'mnemonic', 'bpf/drop_world.o']);
  expect(stdout).toMatchInlineSnapshot(`
    "
    bpf/drop_world.o:	file format elf64-bpf

    Disassembly of section xdp:

    0000000000000000 <xdp_drop_the_world>:
           0:	b7 00 00 00 01 00 00 00	mov r0, 0x1
           1:	95 00 00 00 00 00 00 00	exit
    "
  `);
});

test('asm reads dumps', () => {
  withFiles((path) => {
    writeFileSync(path('x.txt'), tsbpf(['disasm', 'bpf/jump_table.o']).stdout);
    expect(tsbpf(['asm', path('x.txt'), '-o', path('x.o')])).toEqual({ status: 0, stdout: '', stderr: '' });
    const code = (file: string): string[] =>
      parseElf(new Uint8Array(readFileSync(file)))
        .sections.filter(({ name }) => name.startsWith('classifier'))
        .map(({ bytes }) => toHex(bytes));
    expect(code(path('x.o'))).toEqual(code('bpf/jump_table.o'));
    const log = '0: (18) r1 = 0xffff888102e43600\n2: (95) exit\nprocessed 2 insns';
    const named = ['--map', '0=counts', '--from', 'verifier-log'];
    expect(tsbpf(['asm', '-', ...named, '-o', path('y.o')], { input: log }).status).toBe(0);
    expect(tsbpf(['asm', '-', '-o', path('y.o')], { input: log }).stderr).toContain("'--map 0=NAME'");
    expect(
      tsbpf(['asm', '-', '--map', 'counts', '-o', path('y.o')], { input: log }).stderr,
    ).toMatchInlineSnapshot(`
      "error[MAP_OPTION]: '--map counts' is not of the form SLOT=NAME
      help: for example --map 5=counters
      "
    `);
  });
});
