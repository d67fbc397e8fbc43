import { describe, expect, test } from 'vitest';
import { checkCode } from '../../../src/asm/check/check.ts';
import type { CheckInput, Finding } from '../../../src/asm/check/finding.ts';
import { assembleOrThrow, rawCode } from '../../../src/asm/index.ts';
import { encodeInsns, makeInsn, ProgType } from '../../../src/isa/index.ts';
import { fc, test as property } from '../../support/property.ts';
import { findings, printFindings } from './tools.ts';

/** The findings about each text, as they will be read. */
function report(...texts: string[]): string {
  return texts.map((text) => `${text.replaceAll('\n', '; ')}\n${printFindings(findings(text))}`).join('\n');
}

test('writes to r10', () => {
  expect(
    report('r10 = 0\nr0 = 0\nexit', 'r0 = 0\nr10 += 8\nexit', 'r10 = xchg_64(r10 - 8, r10)\nr0 = 0\nexit'),
  ).toMatchInlineSnapshot(`
    "r10 = 0; r0 = 0; exit
      0: warning[frame-pointer-written]: r10 cannot be written: it points to the stack frame
         = copy it first: 'r2 = r10', then 'r2 += -8'
         = the kernel refuses this with 'frame pointer is read only'
    r0 = 0; r10 += 8; exit
      1: warning[frame-pointer-written]: r10 cannot be written: it points to the stack frame
         = copy it first: 'r2 = r10', then 'r2 += -8'
         = the kernel refuses this with 'frame pointer is read only'
    r10 = xchg_64(r10 - 8, r10); r0 = 0; exit
      0: warning[frame-pointer-written]: r10 cannot be written: it points to the stack frame
         = copy it first: 'r2 = r10', then 'r2 += -8'
         = the kernel refuses this with 'frame pointer is read only'"
  `);
});

test('jumps that lead astray', () => {
  expect(
    report(
      'if r1 == 0 goto +1\nr0 = 5 ll\nexit',
      'r0 = 0\nif r1 == 0 goto +5\nexit',
      'r0 = 0\nif r1 == 0 goto -9\nexit',
      'l: call f\nr0 = 0\nexit\nf: goto l',
      'r0 = 0\ngotol +70000',
      '.quad 0x7700001085\nr0 = 0\nexit',
    ),
  ).toMatchInlineSnapshot(`
    "if r1 == 0 goto +1; r0 = 5 ll; exit
      0: warning[jump-into-lddw]: the jump leads into the middle of an instruction of two slots
         at 1: this one takes two slots
         = count two for a 64-bit constant or an address, or jump to a label
         = the kernel refuses this with 'jump into the middle of ldimm64 insn'
    r0 = 0; if r1 == 0 goto +5; exit
      1: warning[jump-out-of-function]: the jump leads out of 'prog'
         ^ to behind the end of the code
         = the kernel refuses this with 'jump out of range'
    r0 = 0; if r1 == 0 goto -9; exit
      1: warning[jump-out-of-function]: the jump leads out of 'prog'
         ^ to before the start of the code
         = the kernel refuses this with 'jump out of range'
    l: call f; r0 = 0; exit; f: goto l
      3: warning[jump-out-of-function]: the jump leads out of the function
         ^ into another function
         = the kernel refuses this with 'jump out of range'
    r0 = 0; gotol +70000
      1: warning[jump-out-of-function]: the jump leads out of 'prog'
         ^ to behind the end of the code
         = the kernel refuses this with 'jump out of range'
    .quad 0x7700001085; r0 = 0; exit
      0: warning[call-out-of-code]: the call leads to where no instruction is
         = the kernel refuses this with 'call to invalid destination'"
  `);
});

test('functions without an end', () => {
  expect(report('r0 = 0', 'r0 = 0\nif r1 == 0 goto -2', 'r0 = 0\ncall 7')).toMatchInlineSnapshot(`
    "r0 = 0
      0: warning[falls-off-end]: 'prog' runs on past its end
         ^ the last instruction
         = end it with 'exit' or 'goto'
         = the kernel refuses this with 'last insn is not an exit or jmp'
    r0 = 0; if r1 == 0 goto -2
      1: warning[falls-off-end]: 'prog' runs on past its end
         ^ the last instruction
         = end it with 'exit' or 'goto'
         = the kernel refuses this with 'last insn is not an exit or jmp'
    r0 = 0; call 7
      1: warning[falls-off-end]: 'prog' runs on past its end
         ^ the last instruction
         = end it with 'exit' or 'goto'
         = the kernel refuses this with 'last insn is not an exit or jmp'"
  `);
});

test('code that nothing leads to', () => {
  expect(
    report(
      'r0 = 0\ngoto +1\nr0 = 1\nexit',
      'r0 = 0\nexit\nr0 = 1\nr0 = 2 ll\nexit',
      'r0 = 0\nexit\na: r0 = 1\nif r0 == r1 goto a\nexit',
    ),
  ).toMatchInlineSnapshot(`
    "r0 = 0; goto +1; r0 = 1; exit
      2: warning[unreachable-code]: no way leads to this code
         ^ 1 instruction
         = the kernel refuses this with 'unreachable insn'
    r0 = 0; exit; r0 = 1; r0 = 2 ll; exit
      2: warning[unreachable-code]: no way leads to this code
         ^ 3 instructions from here on
         = the kernel refuses this with 'unreachable insn'
    r0 = 0; exit; a: r0 = 1; if r0 == r1 goto a; exit
      2: warning[unreachable-code]: no way leads to this code
         ^ 3 instructions from here on
         = the kernel refuses this with 'unreachable insn'"
  `);
});

test('loops without an end', () => {
  expect(
    report(
      'l: goto l',
      'r0 = 0\nl: call 7\ngoto l',
      'r0 = 0\nif r1 == 0 goto l\nexit\nl: r1 += 1\nm: r1 += 1\nif r1 == 7 goto m\ngoto l',
      'r0 = 0\nl: r0 += 1\nif r10 == r10 goto l\ngoto l',
    ),
  ).toMatchInlineSnapshot(`
    "l: goto l
      0: warning[endless-loop]: the loop has no way out
         ^ goes back for ever
         = leave it with a conditional jump, or with 'may_goto' (Linux 6.9)
         = the kernel refuses this with 'infinite loop detected', or gives up after 1,000,000 instructions
    r0 = 0; l: call 7; goto l
      2: warning[endless-loop]: the loop has no way out
         ^ goes back for ever
         at 1: the loop begins here
         = leave it with a conditional jump, or with 'may_goto' (Linux 6.9)
         = the kernel refuses this with 'infinite loop detected', or gives up after 1,000,000 instructions
    r0 = 0; if r1 == 0 goto l; exit; l: r1 += 1; m: r1 += 1; if r1 == 7 goto m; goto l
      6: warning[endless-loop]: the loop has no way out
         ^ goes back for ever
         at 3: the loop begins here
         = leave it with a conditional jump, or with 'may_goto' (Linux 6.9)
         = the kernel refuses this with 'infinite loop detected', or gives up after 1,000,000 instructions
    r0 = 0; l: r0 += 1; if r10 == r10 goto l; goto l
      2: warning[endless-loop]: the loop has no way out
         ^ goes back for ever
         at 1: the loop begins here
         = leave it with a conditional jump, or with 'may_goto' (Linux 6.9)
         = the kernel refuses this with 'infinite loop detected', or gives up after 1,000,000 instructions"
  `);
});

test('a return value that is not set', () => {
  expect(
    report(
      'exit',
      'if r1 == 0 goto out\nr0 = 1\nout: exit',
      'if r1 != 0 goto set\ngoto out\nset: r0 = 1\nout: exit',
      'r2 = *(u32 *)(r1 + 0)\nif r2 == 1 goto a\nif r2 == 2 goto b\nr0 = 1\ngoto out\na: r0 = 2\ngoto out\nb: r3 = 1\nout: exit',
      'may_goto out\nr0 = 1\nout: exit',
      'call f\nexit\nf: if r1 == 0 goto +1\nr0 = 1\nexit',
    ),
  ).toMatchInlineSnapshot(`
    "exit
      0: warning[return-value-not-set]: r0, the return value, is not set before the program exits
         = set it to what the program returns: 'r0 = 0'
         = the kernel refuses this with 'R0 !read_ok'
    if r1 == 0 goto out; r0 = 1; out: exit
      2: warning[return-value-not-set]: there is a way to this exit on which r0, the return value, is not set
         at 0: r0 is not set if this jump is taken
         = set it to what the program returns: 'r0 = 0'
         = the kernel refuses this with 'R0 !read_ok'
    if r1 != 0 goto set; goto out; set: r0 = 1; out: exit
      3: warning[return-value-not-set]: there is a way to this exit on which r0, the return value, is not set
         at 0: r0 is not set if this jump is not taken
         = set it to what the program returns: 'r0 = 0'
         = the kernel refuses this with 'R0 !read_ok'
    r2 = *(u32 *)(r1 + 0); if r2 == 1 goto a; if r2 == 2 goto b; r0 = 1; goto out; a: r0 = 2; goto out; b: r3 = 1; out: exit
      8: warning[return-value-not-set]: there is a way to this exit on which r0, the return value, is not set
         at 2: r0 is not set if this jump is taken
         = set it to what the program returns: 'r0 = 0'
         = the kernel refuses this with 'R0 !read_ok'
    may_goto out; r0 = 1; out: exit
      2: warning[return-value-not-set]: there is a way to this exit on which r0, the return value, is not set
         at 0: r0 is not set if this jump is taken
         = set it to what the program returns: 'r0 = 0'
         = the kernel refuses this with 'R0 !read_ok'
    call f; exit; f: if r1 == 0 goto +1; r0 = 1; exit
      1: warning[return-value-not-set]: r0, the return value, is not set before the program exits
         at 0: the function that is called here can return without setting r0
         = set it to what the program returns: 'r0 = 0'
         = the kernel refuses this with 'R0 !read_ok'"
  `);
});

test('registers that are not set', () => {
  expect(
    report(
      'r0 = r3\nexit',
      'r0 += 1\nexit',
      'r0 = 1\nw0 += w7\nexit',
      'if r1 == 0 goto +1\nr6 = 1\nr0 = 0\nif r6 > 1 goto +0\nexit',
      'r6 = 0\nr0 = *(u8 *)skb[r2]\nexit',
      '*(u64 *)(r10 - 8) = 0\nr1 = 0\nr0 = cmpxchg_64(r10 - 8, r0, r1)\nexit',
      'callx r4\nexit',
    ),
  ).toMatchInlineSnapshot(`
    "r0 = r3; exit
      0: warning[register-not-set]: r3 is read, but nothing has set it before
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R3 !read_ok'
    r0 += 1; exit
      0: warning[register-not-set]: r0 is read, but nothing has set it before
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R0 !read_ok'
    r0 = 1; w0 += w7; exit
      1: warning[register-not-set]: r7 is read, but nothing has set it before
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R7 !read_ok'
    if r1 == 0 goto +1; r6 = 1; r0 = 0; if r6 > 1 goto +0; exit
      3: warning[register-not-set]: r6 is read, but there is a way here on which it is not set
         at 0: r6 is not set if this jump is taken
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R6 !read_ok'
    r6 = 0; r0 = *(u8 *)skb[r2]; exit
      1: warning[register-not-set]: r2 is read, but nothing has set it before
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R2 !read_ok'
    *(u64 *)(r10 - 8) = 0; r1 = 0; r0 = cmpxchg_64(r10 - 8, r0, r1); exit
      2: warning[register-not-set]: r0 is read, but nothing has set it before
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R0 !read_ok'
    callx r4; exit
      0: warning[register-not-set]: r4 is read, but nothing has set it before
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R4 !read_ok'"
  `);
});

test('arguments of calls', () => {
  expect(
    report(
      'r1 = 0\ncall bpf_map_lookup_elem\nr0 = 0\nexit',
      'call f\nexit\nf: r0 = r2\nexit',
      'r0 = 0\ncall f\nr0 = 0\nexit\nf: r0 = r6\nexit',
    ),
  ).toMatchInlineSnapshot(`
    "r1 = 0; call bpf_map_lookup_elem; r0 = 0; exit
      1: warning[register-not-set]: 'bpf_map_lookup_elem' reads r2, but nothing has set it before
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R2 !read_ok'
    call f; exit; f: r0 = r2; exit
      0: warning[register-not-set]: the called function reads r2, but nothing has set it before
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R2 !read_ok'
    r0 = 0; call f; r0 = 0; exit; f: r0 = r6; exit
      4: warning[register-not-set]: r6 is read, but nothing has set it before
         = a function begins with its arguments in r1 to r5 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R6 !read_ok'"
  `);
});

test('what calls leave', () => {
  expect(
    report(
      'r2 = 1\ncall bpf_get_prandom_u32\nr0 = r2\nexit',
      'r6 = r1\nif r1 == 0 goto +1\ncall 7\nr0 = *(u32 *)(r1 + 0)\nexit',
      'r3 = 1\nr6 = 3\nl: r6 -= 1\nr0 = r3\ncall 7\nif r6 != 0 goto l\nexit',
      'r6 = r1\nr0 = *(u8 *)skb[0]\nr0 += r1\nexit',
    ),
  ).toMatchInlineSnapshot(`
    "r2 = 1; call bpf_get_prandom_u32; r0 = r2; exit
      2: warning[register-not-set]: r2 is read, but nothing has set it between an earlier call and here
         at 1: this call leaves no value in r1 to r5
         = calls keep r6 to r9 only: copy r2 to one of them before the call, or set it again
         = the kernel refuses this with 'R2 !read_ok'
    r6 = r1; if r1 == 0 goto +1; call 7; r0 = *(u32 *)(r1 + 0); exit
      3: warning[register-not-set]: r1 is read, but nothing has set it between an earlier call and here
         at 2: this call leaves no value in r1 to r5
         = calls keep r6 to r9 only: copy r1 to one of them before the call, or set it again
         = the kernel refuses this with 'R1 !read_ok'
    r3 = 1; r6 = 3; l: r6 -= 1; r0 = r3; call 7; if r6 != 0 goto l; exit
      3: warning[register-not-set]: r3 is read, but there is a way here on which it is not set
         at 4: this call leaves no value in r1 to r5
         at 5: r3 is not set if this jump is taken
         = calls keep r6 to r9 only: copy r3 to one of them before the call, or set it again
         = the kernel refuses this with 'R3 !read_ok'
    r6 = r1; r0 = *(u8 *)skb[0]; r0 += r1; exit
      2: warning[register-not-set]: r1 is read, but nothing has set it between an earlier call and here
         at 1: a load from the packet leaves no value in r1 to r5
         = calls keep r6 to r9 only: copy r1 to one of them before the call, or set it again
         = the kernel refuses this with 'R1 !read_ok'"
  `);
});

test('places on the stack', () => {
  expect(
    report(
      '*(u64 *)(r10 - 600) = 1\nr0 = 0\nexit',
      'r2 = r10\nr2 += -513\nr0 = *(u8 *)(r2 + 0)\nexit',
      '*(u64 *)(r10 + 0) = 1\nr0 = 0\nexit',
      'r0 = *(u32 *)(r10 + 8)\nexit',
      '*(u64 *)(r10 - 4) = 1\nr0 = 0\nexit',
      'r2 = r10\nr2 += -6\n*(u32 *)(r2 + 1) = 1\nr0 = 0\nexit',
      'r1 = 1\nlock *(u64 *)(r10 - 520) += r1\nr0 = 0\nexit',
    ),
  ).toMatchInlineSnapshot(`
    "*(u64 *)(r10 - 600) = 1; r0 = 0; exit
      0: warning[stack-too-deep]: the stack has 512 bytes, and this is 600 below its top
         ^ r10 - 600
         = r10 - 512 is the lowest address
         = the kernel refuses this with 'invalid write to stack R10 off=-600 size=8'
    r2 = r10; r2 += -513; r0 = *(u8 *)(r2 + 0); exit
      2: warning[stack-too-deep]: the stack has 512 bytes, and this is 513 below its top
         ^ r10 - 513
         = r10 - 512 is the lowest address
         = the kernel refuses this with 'invalid read from stack R2 off=-513 size=1'
    *(u64 *)(r10 + 0) = 1; r0 = 0; exit
      0: warning[stack-above-frame]: the stack lies below r10, this is above it
         ^ r10 + 0
         = the highest place for 8 bytes is r10 - 8
         = the kernel refuses this with 'invalid write to stack R10 off=0 size=8'
    r0 = *(u32 *)(r10 + 8); exit
      0: warning[stack-above-frame]: the stack lies below r10, this is above it
         ^ r10 + 8
         = the highest place for 4 bytes is r10 - 4
         = the kernel refuses this with 'invalid read from stack R10 off=8 size=4'
    *(u64 *)(r10 - 4) = 1; r0 = 0; exit
      0: warning[stack-not-aligned]: 8 bytes on the stack need an offset that is a multiple of 8
         ^ r10 - 4
         = r10 - 8 is one
         = the kernel refuses this with 'misaligned stack access off 0+0+-4 size 8'
    r2 = r10; r2 += -6; *(u32 *)(r2 + 1) = 1; r0 = 0; exit
      2: warning[stack-not-aligned]: 4 bytes on the stack need an offset that is a multiple of 4
         ^ r10 - 5
         = r10 - 8 is one
         = the kernel refuses this with 'misaligned stack access off 0+-6+1 size 4'
    r1 = 1; lock *(u64 *)(r10 - 520) += r1; r0 = 0; exit
      1: warning[stack-too-deep]: the stack has 512 bytes, and this is 520 below its top
         ^ r10 - 520
         = r10 - 512 is the lowest address
         = the kernel refuses this with 'invalid read from stack R10 off=-520 size=8'"
  `);
});

test('operands that the kernel takes for mistakes', () => {
  expect(
    report(
      'r0 = 1\nr0 /= 0\nexit',
      'r0 = 1\nw0 s%= 0\nexit',
      'r0 = 1\nr0 <<= 64\nexit',
      'w0 = 1\nw0 s>>= 32\nexit',
      'w0 = 1\nw0 >>= -1\nexit',
      '.quad 0xff\nr0 = 0\nexit',
      'r0 = 0\nexit\n.byte 1',
    ),
  ).toMatchInlineSnapshot(`
    "r0 = 1; r0 /= 0; exit
      1: warning[division-by-zero]: division by zero
         = the kernel refuses this with 'div by zero'
    r0 = 1; w0 s%= 0; exit
      1: warning[division-by-zero]: remainder of a division by zero
         = the kernel refuses this with 'div by zero'
    r0 = 1; r0 <<= 64; exit
      1: warning[shift-too-far]: a shift of 64 bits goes from 0 to 63, not 64
         = the kernel refuses this with 'invalid shift 64'
    w0 = 1; w0 s>>= 32; exit
      1: warning[shift-too-far]: a shift of 32 bits goes from 0 to 31, not 32
         = the kernel refuses this with 'invalid shift 32'
    w0 = 1; w0 >>= -1; exit
      1: warning[shift-too-far]: a shift of 32 bits goes from 0 to 31, not -1
         = the kernel refuses this with 'invalid shift -1'
    .quad 0xff; r0 = 0; exit
      0: warning[unknown-instruction]: these bytes are no instruction
    r0 = 0; exit; .byte 1
      2: warning[unknown-instruction]: the code ends in the middle of an instruction"
  `);
});

test('helpers for the GPL only', () => {
  const text =
    'r6 = 8\nr1 = r10\nr1 += -8\nr2 = 8\n*(u64 *)(r10 - 8) = 0\ncall bpf_trace_printk\nr0 = 0\nexit';
  expect(printFindings(findings(text, { gplCompatible: false }))).toMatchInlineSnapshot(`
    "  5: warning[gpl-only-helper]: 'bpf_trace_printk' is only for programs with a GPL-compatible licence
         = if the program is under one, say so, as in '.license "Dual MIT/GPL"'
         = the kernel refuses this with 'cannot call GPL-restricted function from non-GPL compatible program'"
  `);
  expect(findings(text, { gplCompatible: true })).toEqual([]);
  expect(findings(text, { gplCompatible: undefined })).toEqual([]);
});

test('helpers of other program types', () => {
  const text = 'r6 = r1\nr2 = 0\ncall bpf_xdp_adjust_head\nr1 = 1\nr2 = 0\ncall bpf_redirect\nexit';
  const code = rawCode(assembleOrThrow(text).object);
  const of = (progType: ProgType | undefined, isProgram = true): Finding[] =>
    checkCode({
      code,
      endian: 'little',
      functions: [{ name: 'prog', slot: 0, slots: code.length / 8, isProgram, progType }],
      gplCompatible: true,
    });
  expect(printFindings(of(ProgType.SOCKET_FILTER))).toMatchInlineSnapshot(`
    "  2: warning[helper-not-allowed]: programs of type socket_filter cannot call 'bpf_xdp_adjust_head'
         = those that can: xdp
         = the kernel refuses this with 'program of this type cannot use helper'
      5: warning[helper-not-allowed]: programs of type socket_filter cannot call 'bpf_redirect'
         = those that can: sched_cls, sched_act, xdp, lwt_xmit
         = the kernel refuses this with 'program of this type cannot use helper'"
  `);
  expect(of(ProgType.SCHED_CLS).map(({ slot }) => slot)).toEqual([2]);
  for (const found of [of(ProgType.XDP), of(undefined), of(ProgType.SOCKET_FILTER, false), of(ProgType.EXT)])
    expect(found).toEqual([]);
});

describe('formats of bpf_trace_printk', () => {
  const call = 'r3 = 0\nr4 = 0\nr5 = 0\ncall bpf_trace_printk\nr0 = 0\nexit';

  test('on the stack', () => {
    // "%d %d %d %d"
    const text = `r1 = 0x6425206425206425 ll\n*(u64 *)(r10 - 16) = r1\n*(u32 *)(r10 - 8) = 0x642520\nr1 = r10\nr1 += -16\nr2 = 12\n${call}`;
    expect(printFindings(findings(text))).toMatchInlineSnapshot(`
      "  10: warning[printk-arguments]: 'bpf_trace_printk' takes up to 3 arguments, and its format asks for 4
           ^ "%d %d %d %d"
           = it prints nothing then and returns -22 (EINVAL); 'bpf_trace_vprintk' takes more (Linux 5.16)
           = or split it into two calls; '%%' is a percent sign"
    `);
    // A shorter size cuts it off, a byte that is not known keeps us from saying anything.
    expect(findings(text.replace('r2 = 12', 'r2 = 8'))).toEqual([]);
    expect(
      findings(
        text
          .replace('r2 = 12', '*(u8 *)(r10 - 10) = r2\nr2 = 12')
          .replace('r1 = 0x', 'r2 = *(u32 *)(r1 + 0)\nr1 = 0x'),
      ),
    ).toEqual([]);
  });

  test('in data', () => {
    const text = `r1 = 0 ll\nr1 += 3\nr2 = 30\n${call}`;
    const format = (words: string): Partial<CheckInput> => ({
      references: new Map([[0, { kind: 'address' }]]),
      readData: (slot) => (slot === 0 ? new TextEncoder().encode(`xyz${words}\0%d%d`) : undefined),
    });
    expect(printFindings(findings(text, format('%d %s %% %x %llu\n')))).toMatchInlineSnapshot(`
      "  7: warning[printk-arguments]: 'bpf_trace_printk' takes up to 3 arguments, and its format asks for 4
           ^ "%d %s %% %x %llu\\n"
           = it prints nothing then and returns -22 (EINVAL); 'bpf_trace_vprintk' takes more (Linux 5.16)
           = or split it into two calls; '%%' is a percent sign"
    `);
    expect(findings(text, format('%d %s %% %x'))).toEqual([]);
    expect(findings(text, { ...format(''), readData: () => undefined })).toEqual([]);
  });
});

describe('says nothing', () => {
  test.each([
    ['of what constants rule out', 'r0 = 0\nif r0 == 0 goto +1\nr0 = r5\nexit'],
    [
      'of a register set wherever it is read',
      'r0 = 0\nr6 = *(u32 *)(r1 + 0)\nif r6 == 0 goto +1\nr2 = 1\nif r6 == 0 goto +1\nr0 = r2\nexit',
    ],
    [
      'of a test that says the same in other words',
      'r0 = 0\nr6 = *(u32 *)(r1 + 0)\nif r6 > 4 goto +1\nr2 = 1\nif r6 >= 3 goto +1\nr0 = r2\nexit',
    ],
    [
      'of a test of a copy',
      'r0 = 0\nr6 = *(u32 *)(r1 + 0)\nr7 = r6\nif w6 s< 0 goto +1\nr2 = 1\nif w7 s< 0 goto +1\nr0 = r2\nexit',
    ],
    [
      'of a test with its sides changed',
      'r0 = 0\nr6 = *(u32 *)(r1 + 0)\nr3 = 5\nif r3 > r6 goto +1\nr2 = 1\nr4 = 7\nif r4 > r6 goto +1\nr0 = r2\nexit',
    ],
    [
      'of the same sum tested twice',
      'r0 = 0\nr6 = *(u32 *)(r1 + 0)\nr3 = r6\nr3 += 5\nif r3 == 9 goto +1\nr2 = 1\nr6 += 5\nif r6 == 9 goto +1\nr0 = r2\nexit',
    ],
    [
      'of a test of what was spilled',
      'r0 = 0\nr6 = *(u32 *)(r1 + 0)\n*(u64 *)(r10 - 8) = r6\nif r6 == 9 goto +1\nr2 = 1\nr6 = *(u64 *)(r10 - 8)\nif r6 == 9 goto +1\nr0 = r2\nexit',
    ],
    ['of a flag', 'r0 = 0\nr3 = 0\nif r1 == 0 goto +2\nr2 = 1\nr3 = 1\nif r3 == 0 goto +1\nr0 = r2\nexit'],
    ['of a bounded loop', 'r0 = 0\nl: r0 += 1\nif r0 < 9 goto l\nexit'],
    ['of may_goto', 'r0 = 0\nl: may_goto out\ngoto l\nout: exit'],
    ['of a function that returns nothing', 'r6 = r1\ncall f\nr0 = 0\nexit\nf: exit'],
    ['of arguments that the function does not read', 'call f\nexit\nf: r0 = 1\nexit'],
    ['of shifts and divisions by registers', 'r0 = 1\nr1 = 70\nr0 <<= r1\nr1 = 0\nr0 /= r1\nexit'],
    ['of the whole stack', '*(u64 *)(r10 - 512) = 1\n*(u8 *)(r10 - 1) = 1\nr0 = 0\nexit'],
  ])('%s', (_, text) => {
    expect(findings(text)).toEqual([]);
  });

  test('of the same tests of different values it speaks', () => {
    const text =
      'r0 = 0\nr6 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r1 + 4)\nif r6 == 0 goto +1\nr2 = 1\nif r7 == 0 goto +1\nr0 = r2\nexit';
    expect(findings(text).map(({ slot, code }) => [slot, code])).toEqual([[6, 'register-not-set']]);
  });
});

test('a function that no program is begins with five arguments, and need not return a value', () => {
  const text = 'r1 += r5\nif r1 == 0 goto +0\nexit';
  const code = encodeInsns([makeInsn('add_x', { dst: 1, src: 5 }), makeInsn('exit')]);
  const fn = { name: 'f', slot: 0, slots: 2, isProgram: false };
  expect(checkCode({ code, endian: 'little', functions: [fn], gplCompatible: true })).toEqual([]);
  expect(findings(text).length).toBe(2);
});

test('a section of several functions', () => {
  const code = rawCode(
    assembleOrThrow('call half\ngoto out\nexit\nhalf: r0 = r2\nr0 >>= 1\nout: exit\nother: r1 = r6').object,
  );
  const functions = [
    { name: 'main', slot: 0, slots: 3, isProgram: true },
    { name: 'half', slot: 3, slots: 3, isProgram: false },
    { name: 'other', slot: 6, slots: 1, isProgram: false },
  ];
  const found = checkCode({ code, endian: 'little', functions, gplCompatible: true });
  expect(printFindings(found)).toMatchInlineSnapshot(`
    "  0: warning[register-not-set]: 'half' reads r2, but nothing has set it before
         = a program begins with its context in r1 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R2 !read_ok'
      1: warning[jump-out-of-function]: the jump leads out of 'main'
         ^ into another function
         = the kernel refuses this with 'jump out of range'
      6: warning[falls-off-end]: 'other' runs on past its end
         ^ the last instruction
         = end it with 'exit' or 'goto'
         = the kernel refuses this with 'last insn is not an exit or jmp'
      6: warning[register-not-set]: r6 is read, but nothing has set it before
         = a function begins with its arguments in r1 to r5 and its stack at r10; nothing else is set
         = the kernel refuses this with 'R6 !read_ok'"
  `);
});

test('a function of a struct of functions may return nothing', () => {
  const code = encodeInsns([makeInsn('exit')]);
  const fn = { name: 'f', slot: 0, slots: 1, isProgram: true, progType: ProgType.STRUCT_OPS };
  expect(checkCode({ code, endian: 'little', functions: [fn], gplCompatible: true })).toEqual([]);
});

test('calls that a relocation resolves are of functions elsewhere', () => {
  const code = encodeInsns([makeInsn('call_local', { imm: -1 }), makeInsn('exit')]);
  const fn = { name: 'f', slot: 0, slots: 2, isProgram: true };
  const input = { code, endian: 'little', functions: [fn], gplCompatible: true } as const;
  expect(checkCode({ ...input, references: new Map([[0, { kind: 'extern' }]]) })).toEqual([]);
  // As the bytes have it, the function calls itself for ever.
  expect(checkCode(input)).toEqual([]);
});

const anyBytes = fc.array(
  fc.tuple(
    fc.constantFrom(0x05, 0x06, 0x15, 0x18, 0x85, 0x8d, 0x95, 0xb7, 0xbf, 0xdb, 0xe5, 0x66, 0x7b, 0x79, 0x1f),
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: -6, max: 6 }),
    fc.integer({ min: -6, max: 12 }),
  ),
  { maxLength: 40 },
);

property.prop([anyBytes], { numRuns: 2000 })('any bytes are taken, and every place is one', (list) => {
  const code = new Uint8Array(list.length * 8);
  const view = new DataView(code.buffer);
  for (const [at, [opcode, registers, off, imm]] of list.entries()) {
    code[8 * at] = opcode;
    code[8 * at + 1] = registers;
    view.setInt16(8 * at + 2, off, true);
    view.setInt32(8 * at + 4, imm, true);
  }
  const half = list.length >> 1;
  const functions = [
    { name: 'a', slot: 0, slots: half, isProgram: true },
    { name: 'b', slot: half, slots: list.length - half, isProgram: false },
  ];
  for (const finding of checkCode({ code, endian: 'little', functions, gplCompatible: false }))
    for (const { slot } of [finding, ...(finding.notes ?? [])])
      expect(slot >= 0 && slot < list.length).toBe(true);
});

test('a million slots that read what is not set are gone through once', () => {
  const MANY = 1_000_000;
  const ladder = Array.from({ length: MANY }, (_, at) =>
    at % 3 === 0
      ? makeInsn('call', { imm: 7 })
      : makeInsn('jeq_x', { dst: 1 + (at % 5), src: 6, off: at % 7 === 0 ? 5 : 0 }),
  );
  const code = encodeInsns([...ladder, makeInsn('mov_k', { dst: 0 }), makeInsn('exit')]);
  const functions = [{ name: 'f', slot: 0, slots: code.length / 8, isProgram: true }];
  expect(checkCode({ code, endian: 'little', functions, gplCompatible: true }).length).toBeGreaterThan(10);
});
