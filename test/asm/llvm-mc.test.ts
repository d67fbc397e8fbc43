import { describe, expect, test } from 'vitest';
import { assemble, rawCode } from '../../src/asm/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { renderDiagnostics, toHex } from '../../src/util/index.ts';
import { describeObject, llvmMc, testWith } from './tools.ts';

const SNIPPETS = [
  // calls: of this section, another, a global, a weak and a foreign name
  'call f\nexit\nf: exit',
  '.globl f\ncall f\nexit\nf: exit',
  '.weak f\ncall f\nexit\nf: exit',
  '.weak f\ncall f\nexit',
  '.hidden f\n.globl f\ncall f\nf: exit',
  'call elsewhere\nexit',
  'call elsewhere+8\nexit',
  'call f\nexit\n.section x,"ax",@progbits\nexit\nf: exit',
  // addresses
  'r1 = f ll\nexit\nf: exit',
  'r1 = elsewhere + 4 ll',
  'r1 = value ll\n.data\n.quad 0\nvalue: .quad 0',
  '.globl value\nr1 = value+4 ll\n.data\n.quad 0\nvalue: .quad 0',
  '.L1: exit\n.quad .L1',
  '.quad f - 4, f, 5\nf: exit',
  '.long f, g\n.data\ng: .long g',
  '.section .BTF,"",@progbits\n.long g\n.long .Ltmp\n.data\n.globl g\ng: .long 0\n.text\n.Ltmp: exit',
  // numbers
  'r1 = 1 + 2 << 3 | 1\nr2 = 10 - 4 - 3\nr3 = 2 * 3 + 4 * 5\n.quad ~5 & 0xff, -(3 - 8) % 4, !3, -7 / 2',
  "r1 = 010\nr2 = 'a'\nr3 = 0b101\nr4 = -5\nr5 = 0xfffffffffffffff0",
  'r1 = -1 ll\nr2 = 0xffffffffffffffff ll\nr3 = 0x8000000000000000 ll',
  'r1 = *(u32 *)(r2 - 4 + 8)\n*(u16 *)(r1 + 2 * 4) = -1',
  '.byte 255, -128, 1 + 1\n.short 65535\n.long -1\n.quad 0x8000000000000000',
  '.long . - x\n.zero 4\nx: .quad x - .',
  // data
  '.data\n.byte 1\n.p2align 3\n.byte 2\n.balign 16\n.p2align 2, 0xff',
  '.data\n.byte 1\n.p2align 3, 0xaa, 4\n.byte 2',
  '.data\n.ascii "a\\101\\n\\\\\\"", "b"\n.asciz "c"\n.string "d\\0e"',
  '.bss\nx: .zero 12\n.p2align 3\n.quad 0',
  '.comm common,12,4\n.local mine\n.comm mine,3,2\n.local more\n.comm more,8,8',
  '.zero 3, 7\n.skip 2\n.space 3, 1',
  // sections
  '.section a,"ax",@progbits\nexit\n.section b,"aw",@nobits\n.zero 8\n.section c,"",@note\n.long 1',
  '.section s,"aMS",@progbits,1\n.asciz "x"\n.section .rodata\n.byte 1\n.section .rodata.x\n.byte 1',
  '.section .bss.x\n.byte 0\n.section .text.x\nexit\n.section .data.y\n.byte 3\n.previous\nexit',
  '.section "a b/c","aw"\n.byte 1\n.text\nexit\n.section "a b/c"\n.byte 2',
  // symbols
  '.globl f\n.type f,@function\nf: exit\n.Lend:\n.size f, .Lend-f\n.type o,@object\no: .quad 1\n.size o, 8',
  '.set X, 5\n.long X\n.globl Y\n.set Y, X + 1',
  '.globl unused\n.weak also\n.extern never',
  '.file "a.c"\nexit',
  'r1 = r2; r3 = r4 ; exit # comment\n// comment\n/* over\nlines */ r5 = r6',
] as const;

describe('what llvm-mc makes of the same text', () => {
  for (const [endian, triple] of [
    ['little', 'bpfel'],
    ['big', 'bpfeb'],
  ] as const)
    testWith('llvm-mc-19').each(SNIPPETS)(`%j (${endian} endian)`, (text) => {
      const { object, diagnostics } = assemble(text, { endian });
      expect(renderDiagnostics(diagnostics)).toBe('');
      expect(describeObject(object!)).toEqual(describeObject(parseElf(llvmMc(`${text}\n`, triple))));
    });
});

/** Each spelling beside LLVM's. */
const SPELLINGS: readonly (readonly [ours: string, llvm: string])[] = [
  ['goto pc+3', 'goto +3'],
  ['if r1 > r2 goto pc-2', 'if r1 > r2 goto -2'],
  ['call bpf_tail_call', 'call 12'],
  ['call bpf_tail_call#12', 'call 12'],
  ['call BPF_FUNC_tail_call', 'call 12'],
  ['r0 = *(u32 *)(r10 -4)', 'r0 = *(u32 *)(r10 - 4)'],
  ['r0 = *(u32 *)(r1)', 'r0 = *(u32 *)(r1 + 0)'],
  ['r2 = atomic64_fetch_add((u64 *)(r1 +8), r2)', 'r2 = atomic_fetch_add((u64 *)(r1 + 8), r2)'],
  ['r2 = atomic_fetch_or((u32 *)(r1 +8), r2)', 'w2 = atomic_fetch_or((u32 *)(r1 + 8), w2)'],
  ['r2 = atomic64_xchg((u64 *)(r1 +8), r2)', 'r2 = xchg_64(r1 + 8, r2)'],
  ['r0 = atomic_cmpxchg((u32 *)(r1 +8), r0, r2)', 'w0 = cmpxchg32_32(r1 + 8, w0, w2)'],
  ['r2 = w9', 'w2 = w9'],
  ['r0 = XDP_PASS', 'r0 = 2'],
  ['r0 = TC_ACT_UNSPEC', 'r0 = -1'],
  ['r3 = BPF_F_CURRENT_CPU ll', 'r3 = 4294967295 ll'],
  ['w1 = 0xffffffff', 'w1 = -1'],
  ['SIZE = 8\nr1 = *(u64 *)(r2 + SIZE * 2)', 'r1 = *(u64 *)(r2 + 16)'],
  ['R1 = R2', 'r1 = r2'],
];

test.each(SPELLINGS)('%j is read as %j', (ours, llvm) => {
  const bytes = (text: string): string => toHex(rawCode(assemble(text).object!));
  expect(bytes(ours)).toBe(bytes(llvm));
});

test('a call of the kernel’s log by distance is one inside the program', () => {
  expect(toHex(rawCode(assemble('call pc+1').object!))).toBe('8510000001000000');
});

test('a function of the file comes before a helper of its name', () => {
  const { object } = assemble('call bpf_tail_call\nexit\nbpf_tail_call: exit');
  expect(toHex(rawCode(object!).subarray(0, 8))).toBe('8510000001000000');
});

test('code is padded with jumps to the next instruction', () => {
  expect(toHex(rawCode(assemble('exit\n.p2align 4\nexit').object!))).toBe(
    '9500000000000000' + '0500000000000000' + '9500000000000000',
  );
});

test('a section without flags that holds instructions is code', () => {
  const { object } = assemble('.section xdp\nr0 = 1\nexit');
  expect(object!.sections.find(({ name }) => name === 'xdp')!.flags).toBe(6);
});
