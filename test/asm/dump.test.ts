import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type DumpOptions, readDump } from '../../src/asm/dumps/dump.ts';
import { dumpKindOf } from '../../src/asm/dumps/dump-kind.ts';
import { assembleOrThrow, disassemble, rawCode } from '../../src/asm/index.ts';
import { parseElf, writeElf } from '../../src/elf/index.ts';
import { encodeInsns, INSN_TABLE, makeInsn } from '../../src/isa/index.ts';
import type { RelocatableObject } from '../../src/object/relocatable.ts';
import { renderDiagnostics, toHex } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';
import { assembledDump, codeOf, objectOfDump, relocationsOf } from './dump-tools.ts';
import { testWith, withFiles } from './tools.ts';

const root = new URL('../../', import.meta.url);
const FOLDERS = [
  'bpf/',
  'bpf/generations/',
  'test/object/fixtures/objects/',
  'test/object/fixtures/special/',
];
const objects = FOLDERS.flatMap((folder) =>
  readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith('.o'))
    .map((name) => folder + name),
);

function objdump(bytes: Uint8Array, ...options: string[]): string {
  return withFiles((path) => {
    writeFileSync(path('x.o'), bytes);
    return execFileSync('llvm-objdump-19', [...options, path('x.o')], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  });
}

describe('what llvm-objdump prints', () => {
  for (const options of [['-d'], ['-dr'], ['-S'], ['-Sr', '-l']])
    testWith('llvm-objdump-19')(`of the objects in the repository, ${options.join(' ')}`, () => {
      expect(objects.length).toBeGreaterThan(30);
      for (const name of objects) {
        const bytes = readFileSync(new URL(name, root));
        const object = parseElf(bytes);
        const again = objectOfDump(objdump(bytes, ...options));
        expect({ name, code: codeOf(again) }).toEqual({ name, code: codeOf(object) });
        if (options.some((option) => option.includes('r')))
          expect({ name, relocations: relocationsOf(again) }).toEqual({
            name,
            relocations: relocationsOf(object),
          });
      }
    });
});

const field = {
  reg: fc.nat(10),
  off: fc.oneof(fc.constantFrom(0, 1, -1, 8), fc.integer({ min: -32768, max: 32767 })),
  imm: fc.oneof(fc.constantFrom(0, 1, -1, 0x110), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
};
const rightInsn = fc
  .tuple(fc.constantFrom(...INSN_TABLE), field.reg, field.reg, field.off, field.imm, field.imm)
  .map(([def, dst, src, off, imm, nextImm]) =>
    makeInsn(def, {
      ...(def.dst === 'reg' && { dst }),
      ...(def.src === 'reg' && { src }),
      ...(typeof def.off !== 'number' && { off }),
      ...(typeof def.imm !== 'number' && { imm }),
      ...(def.slots === 2 && { nextImm }),
    }),
  );
const endian = fc.constantFrom('little' as const, 'big' as const);
/** Instructions, slots of any bytes among them, and zeros. */
const anyCode = fc
  .tuple(
    endian,
    fc.array(
      fc.oneof(
        { weight: 8, arbitrary: rightInsn },
        { weight: 1, arbitrary: fc.uint8Array({ minLength: 8, maxLength: 8 }) },
        { weight: 1, arbitrary: fc.constantFrom(8, 16, 40).map((size) => new Uint8Array(size)) },
      ),
      { minLength: 1, maxLength: 200 },
    ),
  )
  .map(([order, parts]): RelocatableObject => {
    const bytes = Uint8Array.from(
      parts.flatMap((part) => [...(part instanceof Uint8Array ? part : encodeInsns([part], order))]),
    );
    const section = { name: 'tc', type: 1, flags: 6, align: 8, entrySize: 0, bytes, size: bytes.length };
    const symbol = { section: 0, size: 0, binding: 'global', type: 'func', visibility: 'default' } as const;
    return {
      endian: order,
      sections: [section],
      symbols: [{ ...symbol, name: 'f', value: 0 }],
      relocations: [],
    };
  });

const whereObjdumpIs = testWith('llvm-objdump-19') === test ? property : property.skip;
whereObjdumpIs.prop([anyCode], { numRuns: 60 })(
  'arbitrary code comes back from what llvm-objdump prints',
  (object) => {
    const text = objdump(writeElf(object), '-d', '-z');
    expect(codeOf(objectOfDump(text))).toEqual(codeOf(object));
  },
  120_000,
);

property.prop([anyCode], { numRuns: 300 })('arbitrary code comes back from what we print', (object) => {
  const whole = toHex(object.sections[0]!.bytes).replace(/(?:00){8,}$/, '');
  const text = disassemble(object, { name: 'x.o' });
  const { object: again, diagnostics } = assembledDump(text);
  // Zeros at the end are left out of a listing.
  if (diagnostics.some(({ code }) => code === 'zeros-left-out')) return;
  expect(codeOf(again!).tc!.slice(0, whole.length)).toBe(whole);
});

const LOG = `libbpf: prog 'count': BPF program load failed: Permission denied
libbpf: prog 'count': -- BEGIN PROG LOAD LOG --
func#0 @0
0: R1=ctx() R10=fp0
; key = 0; @ count.c:12
0: (62) *(u32 *)(r10 -4) = 0          ; R10=fp0 fp-8=0000????
1: (18) r1 = 0xffff888102e43600       ; R1_w=map_ptr(map=counts,ks=4,vs=8)
3: (bf) r2 = r10                      ; R2_w=fp0 R10=fp0
4: (07) r2 += -4
5: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=counts,ks=4,vs=8)
6: (15) if r0 == 0x0 goto pc+4        ; R0_w=map_value(map=counts,ks=4,vs=8)
7: (18) r1 = 0x1122334455667788       ; R1_w=0x1122334455667788
9: (db) lock *(u64 *)(r0 +0) += r1

from 6 to 11: R0_w=0 R10=fp0 fp-8=0000????
11: (18) r3 = 0xffff888119d4ff48      ; R3_w=map_value(map=.bss,ks=4,vs=32,off=8)
13: (85) call pc+3
14: (85) call bpf_task_acquire#4711
15: (85) call unknown#4712
16: (18) r2 = 0x11                    ; R2_w=func()
18: (95) exit
R0 !read_ok
processed 12 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1
-- END PROG LOAD LOG --
`;

function assemblyOf(text: string, options: DumpOptions = {}): string {
  const dump = readDump({ name: 'dump.txt', text }, options)!;
  return `${dump.text}${renderDiagnostics(dump.diagnostics)}`;
}

describe('a log of the verifier', () => {
  test('becomes assembly', () => {
    expect(assemblyOf(LOG)).toMatchInlineSnapshot(`
      ".globl count
      .type count,@function
      count:
      *(u32 *)(r10 -4) = 0
      .extern counts
      r1 = counts ll
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      if r0 == 0x0 goto pc+4
      r1 = 0x1122334455667788 ll
      lock *(u64 *)(r0 +0) += r1
      goto +0
      .extern .bss
      r3 = .bss + 8 ll
      call pc+3
      .extern bpf_task_acquire
      call bpf_task_acquire
      call 4712
      lddw_func r2, 17
      exit
      .size count, . - count
      note[slots-missing]: slot 10 does not appear: 'goto +0' stands there
       --> dump.txt:6:9
        |
      6 | 0: (62) *(u32 *)(r10 -4) = 0          ; R10=fp0 fp-8=0000????
        |         ^^^^^^^^^^^^^^^^^^^^
        |
        = help: the verifier prints what it walks: code that is never reached is not shown"
    `);
    expect(assembledDump(LOG).object).toBeDefined();
  });

  test('may have the state of the next slot behind a jump', () => {
    const log = `0: R1=ctx() R10=fp0
0: (b7) r0 = 0                        ; R0=0
1: (07) r0 += 1                       ; R0=1
2: (55) if r0 != 0x5 goto pc-2 1: R0=1 R1=ctx() R10=fp0
1: (07) r0 += 1                       ; R0=2
3: (95) exit
processed 6 insns (limit 1000000)
`;
    expect(toHex(rawCode(assembleOrThrow(log).object))).toBe(
      'b7000000000000000700000001000000' + '5500feff050000009500000000000000',
    );
  });

  test('names a map by what is known of its address, or by an option', () => {
    const log = `Live regs before insn:
      0: .......... (18) r1 = 0xffff888102e43600
      2: .......... (18) r2 = 0xffff888119d4ff58
      4: .......... (18) r3 = 0xffff8881deadbee0
      6: .......... (18) r4 = 0xffffffffffffffff
      8: 0......... (95) exit
0: (18) r1 = 0xffff888102e43600       ; R1=map_ptr(map=counts,ks=4,vs=8)
processed 5 insns
9: (18) r2 = 0xffff888119d4ff48       ; R2=map_value(map=app.bss,ks=4,vs=32,off=8)
`;
    expect(assemblyOf(log)).toMatchInlineSnapshot(`
      ".globl program
      .type program,@function
      program:
      .extern counts
      r1 = counts ll
      .extern app.bss
      r2 = app.bss + 24 ll
      r3 = 0 ll
      r4 = 0xffffffffffffffff ll
      exit
      r2 = app.bss + 8 ll
      .size program, . - program
      error[kernel-address]: slot 4 loads an address of the kernel: the log does not say of what
       --> dump.txt:4:26
        |
      4 |       4: .......... (18) r3 = 0xffff8881deadbee0
        |                          ^^^^^^^^^^^^^^^^^^^^^^^
        |
        = help: give the map's name with '--map 4=NAME', or dump with log level 2"
    `);
    expect(assemblyOf(log, { maps: new Map([[4, 'seen']]) })).toContain('r3 = seen ll');
  });
});

test('bpftool’s listing becomes assembly', () => {
  const text = `int sum(void * ctx):
; return sum_up(1000); [file:a.c line_num:3 line_col:1]
   0: (b7) r1 = 1000
   1: (85) call pc+2#bpf_prog_d3d0e79d01f2bd4a_sum_up
   2: (18) r1 = map[id:73]
   4: (18) r2 = map[id:74][0]+8
   6: (18) r3 = map[idx:1]+16
   8: (18) r4 = subprog[+3]
  10: (85) call bpf_for_each_array_elem#349856
  11: (95) exit
u64 sum_up(u64 start):
  12: (bf) r0 = r1
       bf 10 00 00 00 00 00 00
  13: (95) exit
`;
  expect(dumpKindOf(text)).toBe('xlated');
  expect(assemblyOf(text)).toMatchInlineSnapshot(`
    ".globl sum
    .type sum,@function
    sum:
    r1 = 1000
    call pc+2
    lddw_map_fd r1, 73
    lddw_map_value r2, 74, 8
    lddw_map_idx_value r3, 1, 16
    lddw_func r4, 3
    call 349856
    exit
    .size sum, . - sum
    .type sum_up,@function
    sum_up:
    r0 = r1
    exit
    .size sum_up, . - sum_up
    "
  `);
  expect(codeOf(objectOfDump(text))['.text']).toContain('18110000490000000000000000000000');
  expect(assemblyOf(text, { maps: new Map([[4, 'state']]) })).toContain('r2 = state + 8 ll');
});

test('what a listing of llvm-objdump becomes', () => {
  const text = `
x.o:	file format elf64-bpf

Disassembly of section xdp/a:

0000000000000000 <main>:
; int main() {
       0:	18 01 00 00 08 00 00 00 00 00 00 00 00 00 00 00	r1 = 0x8 ll
		0000000000000000:  R_BPF_64_64	counts
       2:	85 10 00 00 ff ff ff ff	call -0x1
		0000000000000010:  R_BPF_64_32	help
       3:	85 10 00 00 01 00 00 00	call 0x1
       4:	b7 00 01 00 00 00 00 00	<unknown>
       5:	b7 00 00 00 02 00 00 00	r0 = 0x3
		...
       8:	95 00 00 00 00 00 00 00	exit
`;
  expect(assemblyOf(text)).toMatchInlineSnapshot(`
    ".section "xdp/a","ax",@progbits
    .p2align 3
    .Lsection_0:
    .globl main
    .type main,@function
    main:
    .extern counts
    r1 = counts + 8 ll
    .extern help
    call help
    call pc + 1
    .byte 183,0,1,0,0,0,0,0
    r0 = 0x3
    .zero 16
    exit
    .size main, . - main
    "
  `);
});

test('what cannot be read of a dump is said at its place', () => {
  const texts = [
    'Disassembly of section a:\n       0:\t<unknown>\n',
    'Disassembly of section a:\n       0:\tld_pseudo\tr1, 0x1, 0x5\n',
    'Disassembly of section a:\n       0:\tr1 = r2\n\t\t0000000000000000:  R_BPF_64_64\tcounts\n',
    'Disassembly of section a:\n       0:\tr1 = 0x0 ll\n\t\t0000000000000000:  R_BPF_64_64\ta b\n',
    'Disassembly of section a:\n       0:\tr1 = 0x5 +\n',
    'Disassembly of section a"b:\n       0:\texit\n\t\t...\n',
    'a.o:\tfile format elf64-bpf\nb.o:\tfile format elf64-bpf\n',
    'func#0 @0\n0: (18) r1 = 0xffff888102e43600\n2: (95) exit\n',
    'func#0 @0\n0: (b7) r11 = 5\n2: (95) exit\n',
  ];
  const messages = texts.map((text) => renderDiagnostics(assembledDump(text).diagnostics));
  expect(messages.join('\n\n')).toMatchInlineSnapshot(`
    "error[unknown-bytes]: what '<unknown>' is cannot be told without its bytes
     --> dump.txt:2:11
      |
    2 |        0:  <unknown>
      |            ^^^^^^^^^
      |
      = help: dump without '--no-show-raw-insn'

    error[unknown-bytes]: what 'ld_pseudo r1, 0x1, 0x5' is cannot be told without its bytes
     --> dump.txt:2:11
      |
    2 |        0:  ld_pseudo  r1, 0x1, 0x5
      |            ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: dump without '--no-show-raw-insn'

    error[unknown-relocation]: the relocation R_BPF_64_64 does not fit 'r1 = r2'
     --> dump.txt:3:1
      |
    3 |     0000000000000000:  R_BPF_64_64  counts
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: 'R_BPF_64_64' belongs to 'r1 = 0 ll', 'R_BPF_64_32' to 'call -1'

    error[symbol-name]: the symbol name 'a b' cannot be written
     --> dump.txt:3:1
      |
    3 |     0000000000000000:  R_BPF_64_64  a b
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error[syntax]: expected a number or a name after '+', found the end of the line
     --> dump.txt:2:21
      |
    2 |        0:  r1 = 0x5 +
      |                      ^

    error[section-name]: the section name 'a"b' cannot be written
     --> dump.txt:1:1
      |
    1 | Disassembly of section a"b:
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error[zeros-left-out]: how many zeros stand at the end of the section is not shown
     --> dump.txt:3:1
      |
    3 |     ...
      | ^^^^^^^
      |
      = help: dump with '-z' (--disassemble-zeroes)

    error[several-files]: the dump is of several files, which cannot become one object
     --> dump.txt:2:1
      |
    2 | b.o:  file format elf64-bpf
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: dump one file at a time; 'tsbpf link' joins objects

    error[kernel-address]: slot 0 loads an address of the kernel: the log does not say of what
     --> dump.txt:2:9
      |
    2 | 0: (18) r1 = 0xffff888102e43600
      |         ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: give the map's name with '--map 0=NAME', or dump with log level 2

    note[slots-missing]: slot 1 does not appear: 'goto +0' stands there
     --> dump.txt:2:9
      |
    2 | 0: (b7) r11 = 5
      |         ^^^^^^^
      |
      = help: the verifier prints what it walks: code that is never reached is not shown

    error[unknown-register]: there is no register 'r11'
     --> dump.txt:2:9
      |
    2 | 0: (b7) r11 = 5
      |         ^^^
      |
      = help: the registers are r0 to r10, or w0 to w10 for their lower 32 bits"
  `);
});

test.each([
  ['r0 = 1\nexit', undefined],
  ['.text\n# 0: (b7) r0 = 1\n/*\n0: (b7) r0 = 1\n*/', undefined],
  ['', undefined],
  ['out: (5)', undefined],
  ['   0: (b7) r0 = 1\n   1: (95) exit\n', 'xlated'],
  ['0: (b7) r0 = 1\n1: (95) exit\nprocessed 2 insns', 'verifier-log'],
  ['       0:\tb7 00 00 00 01 00 00 00\tr0 = 1', 'objdump'],
])('%j is %s', (text, kind) => {
  expect(dumpKindOf(text)).toBe(kind);
});

const dumpLines = fc.constantFrom(
  ...LOG.split('\n'),
  'Disassembly of section xdp:',
  '0000000000000000 <f>:',
  '       1:\t18 01 00 00 08 00 00 00 00 00 00 00 00 00 00 00\tr1 = 0x8 ll',
  '\t\t0000000000000000:  R_BPF_64_64\tcounts',
  '   99999999: (95) exit',
  '\t\t...',
  '   4: (18) r2 = map[id:74][0]+8',
  '       bf 10 00 00 00 00 00 00',
  'int f(void):',
);
const damaged = fc
  .tuple(
    dumpLines,
    fc.nat(),
    fc.nat(3),
    fc.constantFrom('', '(', ')', ':', ' ', '0', '<', '>', '\t', '"', '\r', ';', '=', '-', '\u{1f600}'),
  )
  .map(([text, place, cut, piece]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + piece + text.slice(at + cut);
  });
const kinds = fc.constantFrom('objdump' as const, 'verifier-log' as const, 'xlated' as const);
property.prop([fc.array(fc.oneof(dumpLines, damaged), { maxLength: 20 }), kinds], { numRuns: 1500 })(
  'damaged dumps give an object or problems that point into them',
  (lines, from) => {
    const text = lines.join('\n');
    const { object, diagnostics } = assembledDump(text, { from });
    if (!object) expect(diagnostics.some(({ severity }) => severity === 'error')).toBe(true);
    for (const { span } of diagnostics) {
      expect(span!.source.name).toBe('dump.txt');
      expect(span!.start).toBeLessThanOrEqual(span!.end);
      expect(span!.end).toBeLessThanOrEqual(text.length);
    }
  },
);
