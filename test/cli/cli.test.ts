import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { tsbpf } from '../support/cli.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = (name: string): string => join(dir, name);

describe('tsbpf', () => {
  test.each(['--version', '-V'])('%s prints the version of the package', (flag) => {
    expect(tsbpf([flag])).toEqual({ status: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });

  test.each(['', 'asm', 'disasm', 'inspect', 'load', 'run', 'xdp', 'xdp attach', 'xdp show', 'xdp detach'])(
    '%s --help explains itself',
    (command) => {
      const { status, stdout, stderr } = tsbpf([
        ...command.split(' ').filter((word) => word !== ''),
        '--help',
      ]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/^Usage: tsbpf/);
    },
  );

  test.each([
    [['nonsense'], "error: unknown command 'nonsense'"],
    [['asm'], "error: missing required argument 'file'"],
    [['asm', 'x.s', '--endian', 'middle'], "error: option '--endian <order>' argument 'middle' is invalid."],
    [['disasm', 'x.o', '--nonsense'], "error: unknown option '--nonsense'"],
    [['run', 'x.o'], "error: required option '--packet <file>' not specified"],
    [
      ['run', 'x.o', '--packet', 'p', '--repeat', 'often'],
      "argument 'often' is invalid. it takes a whole number from 1",
    ],
    [['inspect', '/nonexistent.o'], "error: no such file or directory, open '/nonexistent.o'"],
  ])('%j is a usage error', (args, message) => {
    const { status, stdout, stderr } = tsbpf(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

describe('tsbpf asm', () => {
  test('writes an object that disasm reads, beside the source unless told otherwise', () => {
    writeFileSync(path('drop.s'), readFileSync('bpf/drop_world.s'));
    expect(tsbpf(['asm', 'drop.s'], { cwd: dir })).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(tsbpf(['disasm', 'drop.o'], { cwd: dir }).stdout).toMatchInlineSnapshot(`
      "
      drop.o:	file format elf64-bpf

      Disassembly of section xdp:

      0000000000000000 <xdp_drop_the_world>:
             0:	b7 00 00 00 01 00 00 00	r0 = 0x1
             1:	95 00 00 00 00 00 00 00	exit
      "
    `);
  });

  test('goes from stdin to stdout', () => {
    const { status, stdout } = tsbpf(['asm', '-', '--raw'], { input: 'r0 = 2\nexit\n', encoding: 'latin1' });
    expect(status).toBe(0);
    expect(Buffer.from(stdout, 'latin1').toString('hex')).toBe('b7000000020000009500000000000000');
  });

  test('--raw writes the bare instructions, in either byte order', () => {
    tsbpf(['asm', '-', '--raw', '--endian', 'big', '-o', path('raw.bin')], { input: 'r1 = r2\nexit\n' });
    expect(readFileSync(path('raw.bin')).toString('hex')).toBe('bf120000000000009500000000000000');
    expect(tsbpf(['disasm', '--raw', '--endian', 'big', path('raw.bin')]).stdout).toContain('r1 = r2');
  });

  test('shows all errors of a file, and writes nothing', () => {
    writeFileSync(path('bad.s'), 'r0 = XDP_PAS\ncall bpf_tail_cal\nr11 = 1\nexit\n');
    const { status, stdout, stderr } = tsbpf(['asm', 'bad.s'], { cwd: dir });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatchInlineSnapshot(`
      "error[undefined-name]: there is no name 'XDP_PAS'
       --> bad.s:1:6
        |
      1 | r0 = XDP_PAS
        |      ^^^^^^^ not defined
        |
        = help: did you mean 'XDP_PASS'?

      error[unknown-helper]: there is no helper named 'bpf_tail_cal'
       --> bad.s:2:6
        |
      2 | call bpf_tail_cal
        |      ^^^^^^^^^^^^ not a helper
        |
        = help: did you mean 'bpf_tail_call'?
        = help: a function of the kernel (kfunc) needs a line '.extern bpf_tail_cal'

      error[unknown-register]: there is no register 'r11'
       --> bad.s:3:1
        |
      3 | r11 = 1
        | ^^^
        |
        = help: the registers are r0 to r10, or w0 to w10 for their lower 32 bits
      "
    `);
    expect(() => readFileSync(path('bad.o'))).toThrow('ENOENT');
  });

  test('--json tells the same as data', () => {
    const { status, stdout } = tsbpf(['asm', '--json', 'bad.s'], { cwd: dir });
    expect(status).toBe(1);
    const { version, ok, diagnostics } = JSON.parse(stdout) as {
      version: number;
      ok: boolean;
      diagnostics: { span: unknown }[];
    };
    expect({ version, ok, count: diagnostics.length }).toEqual({ version: 1, ok: false, count: 3 });
    expect(diagnostics[0]!.span).toEqual({ file: 'bad.s', line: 1, column: 6, endLine: 1, endColumn: 13 });
  });
});

describe('tsbpf disasm', () => {
  test('--json lists instructions with their slots', () => {
    const { stdout } = tsbpf(['disasm', '--json', 'bpf/jump_table.s']);
    const { version, sections } = JSON.parse(stdout) as {
      version: number;
      sections: { section: string; instructions: { slot: number; text: string; bytes: string }[] }[];
    };
    expect(version).toBe(1);
    expect(sections.map(({ section }) => section)).toEqual(['classifier/0', 'classifier/1', 'classifier']);
    expect(sections[0]!.instructions.map(({ slot }) => slot)).toEqual([0, 2, 3, 4, 5]);
  });
});

describe('tsbpf inspect', () => {
  test('shows programs, maps with their tail-call slots, and variables', () => {
    expect(tsbpf(['inspect', 'bpf/protocol_dispatch.o']).stdout).toMatchInlineSnapshot(`
      "bpf/protocol_dispatch.o: little endian, licence "GPL", 41 BTF types

      functions
        name               section         kind              slots  refers to
        handle_icmp        xdp/icmp        xdp (attach xdp)  10     .rodata+0 .bss+8
        handle_tcp         xdp/tcp         xdp (attach xdp)  10     .rodata+11 .bss+8
        handle_udp         xdp/udp         xdp (attach xdp)  10     .rodata+21 .bss+8
        packet_classifier  xdp_classifier  xdp (attach xdp)  38     .bss+0 packet_processing_progs

      tags
        program            since 6.18        before
        handle_icmp        eccc61f3346493e6  12759e9672ec9467
        handle_tcp         4506ba253f1dddea  ee2f311ab87c726c
        handle_udp         dd1bbf10bccc22e4  8e17135585cd2ed4
        packet_classifier  a175eb62b64420b5  80eeae9c5772ae04

      maps
        name                     type        key  value  entries  flags  slots
        packet_processing_progs  prog_array  4    4      3        0x0    0=handle_icmp 1=handle_tcp 2=handle_udp
        .rodata                  array       4    31     1        0x80
        .bss                     array       4    32     1        0x0

      tail calls
        from               slot  through                  index  to
        packet_classifier  35    packet_processing_progs  0      handle_icmp
        packet_classifier  35    packet_processing_progs  1      handle_tcp
        packet_classifier  35    packet_processing_progs  2      handle_udp

      variables
        name                 map      offset  size
        handle_icmp.____fmt  .rodata  0       11
        handle_tcp.____fmt   .rodata  11      10
        handle_udp.____fmt   .rodata  21      10
        last_protocol        .bss     0       4
        handled              .bss     8       24

      sections
        name            size  relocations
        .text           0     0
        xdp/icmp        80    2
        xdp/tcp         80    2
        xdp/udp         80    2
        xdp_classifier  304   4
        .rodata         31    0
        .maps           56    3
        .bss            32    0
        license         4     0
        .BTF            2030  7
        .BTF.ext        536   29
        .llvm_addrsig   10    0
      "
    `);
  });

  test('--json holds the spec', () => {
    const { stdout } = tsbpf(['inspect', '--json', 'bpf/legacy_root_array.o']);
    const data = JSON.parse(stdout) as Record<string, unknown> & { maps: Record<string, unknown>[] };
    expect(Object.keys(data)).toEqual([
      'version',
      'file',
      'endian',
      'license',
      'functions',
      'maps',
      'variables',
      'externs',
      'btf',
      'sections',
      'symbols',
      'relocations',
    ]);
    expect(data.maps[0]).toMatchObject({
      name: 'root_array',
      type: 'prog_array',
      origin: 'legacy',
      keySize: 4,
      maxEntries: 3,
    });
  });

  test.each([
    ['not ELF and no text', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 9), 'elf/header'],
    ['an object of another machine', readFileSync(process.execPath).subarray(0, 4096), 'not for BPF'],
  ])('refuses %s in words', (_what, bytes, words) => {
    const { status, stderr } = tsbpf(['inspect', '-'], { input: bytes });
    expect(status).toBe(1);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('internal error');
  });
});
