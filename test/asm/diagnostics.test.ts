import { describe, expect, test } from 'vitest';
import { assemble, assembleOrThrow, rawCode } from '../../src/asm/index.ts';
import { type DiagnosticsError, renderDiagnostics, TsbpfError } from '../../src/util/index.ts';

/** All problems of a text, as a terminal shows them. */
function problems(text: string): string {
  const { object, diagnostics } = assemble({ name: 'prog.s', text });
  expect(object).toBeUndefined();
  return renderDiagnostics(diagnostics);
}

/** The first line of each problem, with its place. */
function summary(text: string): string[] {
  const { diagnostics } = assemble({ name: 'prog.s', text });
  return diagnostics.map(({ message, help, span }) => {
    const at = text.slice(span!.start, span!.end).replace('\n', '\\n');
    return [`${message} <<${at}>>`, ...help].join(' | ');
  });
}

test('a problem is shown with its line, a caret and what would mend it', () => {
  expect(problems('    .program pass, "xdp"\n    r0 = XDP_PAS\n    exit\n')).toMatchInlineSnapshot(`
    "error[undefined-name]: there is no name 'XDP_PAS'
     --> prog.s:2:10
      |
    2 |     r0 = XDP_PAS
      |          ^^^^^^^ not defined
      |
      = help: did you mean 'XDP_PASS'?"
  `);
});

test('one run reports all errors of a file, one per broken statement', () => {
  const text = `
    .license GPL
    .program main, "xdp"
    r1 = )
    r2 = 5 5
    if r1 > goto out
    load r0, 1
    call bpf_tail_cal
    r0 = *(u32 *)(r1 + 4
out:
    goto owt
    exit
`;
  expect(problems(text)).toMatchInlineSnapshot(`
    "error[argument]: expected a licence such as "GPL" in double quotes, found 'GPL'
     --> prog.s:2:14
      |
    2 |     .license GPL
      |              ^^^

    error[syntax]: expected a register or a number after '=', found ')'
     --> prog.s:4:10
      |
    4 |     r1 = )
      |          ^

    error[syntax]: expected the end of the line after '5', found '5'
     --> prog.s:5:12
      |
    5 |     r2 = 5 5
      |            ^

    error[syntax]: expected a register or a number after '>', found 'goto'
     --> prog.s:6:13
      |
    6 |     if r1 > goto out
      |             ^^^^

    error[unknown-instruction]: there is no instruction 'load'
     --> prog.s:7:5
      |
    7 |     load r0, 1
      |     ^^^^
      |
      = help: instructions are written like assignments in C: 'r0 = 1', 'r1 += r2', '*(u32 *)(r10 - 4) = r1'

    error[unknown-helper]: there is no helper named 'bpf_tail_cal'
     --> prog.s:8:10
      |
    8 |     call bpf_tail_cal
      |          ^^^^^^^^^^^^ not a helper
      |
      = help: did you mean 'bpf_tail_call'?
      = help: a function of the kernel (kfunc) needs a line '.extern bpf_tail_cal'

    error[syntax]: expected ')' after '4', found the end of the line
     --> prog.s:9:25
      |
    9 |     r0 = *(u32 *)(r1 + 4
      |                         ^

    error[undefined-name]: there is no label 'owt'
      --> prog.s:11:10
       |
    11 |     goto owt
       |          ^^^ not defined
       |
       = help: did you mean 'out'?"
  `);
});

test('what is broken is not reported again where it is used', () => {
  expect(
    summary('.map m, hsh, key=4\n.entry 0, f\nr1 = m ll\nfoo: r0 = = 1\ngoto foo\nX = = 1\nr0 = X'),
  ).toMatchInlineSnapshot(`
    [
      "there is no map type 'hsh' <<hsh>> | did you mean 'hash'?",
      "expected a register or a number after '=', found '=' <<=>>",
      "expected a number or a name after '=', found '=' <<=>>",
    ]
  `);
});

/** Each text with what is said about it. */
function report(texts: readonly string[]): string {
  return texts
    .map((text) => {
      const { object, diagnostics } = assemble({ name: 'prog.s', text });
      const lines = diagnostics.flatMap(({ code, message, help, notes, labels }) => [
        `  ${code}: ${message}`,
        ...labels.map((label) => `    ${label.message}`),
        ...[...notes, ...help].map((line) => `    ${line}`),
      ]);
      const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
      return [shown.replaceAll('\n', ' ⏎ '), ...(object ? ['  taken'] : []), ...lines].join('\n');
    })
    .join('\n');
}

test('syntax', () => {
  expect(
    report([
      'r1 = )',
      'r1 =',
      'r1',
      'r1 + 3',
      'r1 += ',
      'r1 = be16 5',
      'r1 = *(u32)(r1 + 4)',
      'r1 = *(u32 *)[r1]',
      'r1 = *(u32 *)(4)',
      'r1 = *(u32 *)(r1 4)',
      'r1 = *(foo *)(r1 + 4)',
      'r1 = (s8)5',
      'r1 = 1 +',
      'r1 = (1',
      'if 5 > 3 goto x',
      'if r1 = 3 goto x',
      'if r1 > 3',
      'if r1 > 3 call x',
      'goto',
      'call',
      'callx foo',
      'exit 0',
      'lock r1 += r2',
      'lock *(u64 *)(r1 + 0) += 5',
      '*(u32 *)(r1 + 0) += r2',
      '*(u32 *)(r1 + 0)',
      'r1 = xchg_64(r2 + 0)',
      'r1 = addr_space_cast(r2, 0)',
      'foo bar',
      'load r0, 1',
      'exitt',
      'r0 = 1 ; the answer',
      '.byte 1,',
      '.section "x" "ax"',
      'r0 = "text"',
      'r0 = 12abc',
      'r0 = 09',
      '.ascii "abc',
      '/* never closed',
      'r0 = 1 ?',
      "r0 = 'ab'",
      "r0 = '\\q'",
      '.ascii "\\q"',
      ') r0 = 1',
      `r0 = ${'('.repeat(100)}`,
    ]),
  ).toMatchInlineSnapshot(`
    "r1 = )
      syntax: expected a register or a number after '=', found ')'
    r1 =
      syntax: expected a register or a number after '=', found the end of the file
    r1
      syntax: expected '=' or an assignment such as '+=' after 'r1', found the end of the file
    r1 + 3
      syntax: expected '=' or an assignment such as '+=' after 'r1', found '+'
    r1 += 
      syntax: expected a register or a number after '+=', found the end of the file
    r1 = be16 5
      syntax: expected a register after 'be16', found '5'
    r1 = *(u32)(r1 + 4)
      syntax: expected '*' after 'u32', found ')'
    r1 = *(u32 *)[r1]
      syntax: expected '(' or 'skb' after ')', found '['
    r1 = *(u32 *)(4)
      syntax: expected a register after '(', found '4'
    r1 = *(u32 *)(r1 4)
      syntax: expected ')' after 'r1', found '4'
    r1 = *(foo *)(r1 + 4)
      syntax: expected a size such as 'u32' after '(', found 'foo'
    r1 = (s8)5
      syntax: expected a register after ')', found '5'
    r1 = 1 +
      syntax: expected a number or a name after '+', found the end of the file
    r1 = (1
      syntax: expected ')' after '1', found the end of the file
    if 5 > 3 goto x
      syntax: expected a register after 'if', found '5'
    if r1 = 3 goto x
      syntax: expected a comparison such as '==' after 'r1', found '='
    if r1 > 3
      syntax: expected 'goto' after '3', found the end of the file
    if r1 > 3 call x
      syntax: expected 'goto' after '3', found 'call'
    goto
      syntax: expected a number or a name after 'goto', found the end of the file
    call
      syntax: expected a number or a name after 'call', found the end of the file
    callx foo
      syntax: expected a register after 'callx', found 'foo'
    exit 0
      syntax: expected the end of the line after 'exit', found '0'
    lock r1 += r2
      syntax: expected '*' after 'lock', found 'r1'
    lock *(u64 *)(r1 + 0) += 5
      syntax: expected a register after '+=', found '5'
    *(u32 *)(r1 + 0) += r2
      syntax: expected '=' after ')', found '+='
    *(u32 *)(r1 + 0)
      syntax: expected '=' after ')', found the end of the file
    r1 = xchg_64(r2 + 0)
      syntax: expected ',' and a register after '0', found ')'
    r1 = addr_space_cast(r2, 0)
      syntax: expected ',' after '0', found ')'
    foo bar
      unknown-instruction: there is no instruction 'foo'
        instructions are written like assignments in C: 'r0 = 1', 'r1 += r2', '*(u32 *)(r10 - 4) = r1'
    load r0, 1
      unknown-instruction: there is no instruction 'load'
        instructions are written like assignments in C: 'r0 = 1', 'r1 += r2', '*(u32 *)(r10 - 4) = r1'
    exitt
      unknown-instruction: there is no instruction 'exitt'
        did you mean 'exit'?
    r0 = 1 ; the answer
      unknown-instruction: there is no instruction 'the'
        instructions are written like assignments in C: 'r0 = 1', 'r1 += r2', '*(u32 *)(r10 - 4) = r1'
        ';' separates statements; a comment begins with '#' or '//'
    .byte 1,
      syntax: expected a string, a number or a name after ',', found the end of the file
    .section "x" "ax"
      syntax: expected the end of the line after '"x"', found '"ax"'
    r0 = "text"
      address-as-number: the address of '"text"' takes 64 bits, here is room for 32
        write 'r0 = "text" ll'
    r0 = 12abc
      bad-number: '12abc' is not a number
        numbers are written 42, 0x2a, 0b101010 or 052 (octal)
    r0 = 09
      bad-number: '09' is not a number
        a leading 0 makes a number octal; leave it out
    .ascii "abc
      unclosed-string: the string has no closing quote
    /* never closed
      unclosed-comment: the comment has no closing '*/'
    r0 = 1 ?
      unexpected-character: the character '?' has no meaning here
    r0 = 'ab'
      unexpected-character: the character ''' has no meaning here
        a character is written 'a', a string "text"
    r0 = '\\q'
      unknown-escape: there is no escape '\\q'
        the escapes of a character are \\n \\t \\r \\b \\f \\' \\\\ and \\0
    .ascii "\\q"
      unknown-escape: there is no escape '\\q'
        the escapes are \\n \\t \\r \\b \\f \\" \\\\ and up to three octal digits; a backslash is '\\\\'
    ) r0 = 1
      syntax: expected an instruction, a label or a directive, found ')'
    r0 = (((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((…
      nested-too-deep: parentheses can be nested 60 deep, not deeper"
  `);
});

test('registers and operands', () => {
  expect(
    report([
      'r11 = 1',
      'w0 = w12',
      'r1 += w2',
      'w1 = r2',
      'r1 = -r2',
      'r1 = be16 r2',
      'w1 = be16 w1',
      'w1 = 5 ll',
      'r1 = (u8)r2',
      'w1 = (s32)w2',
      'r1 = *(s64 *)(r2 + 0)',
      'w1 = *(u64 *)(r2 + 0)',
      'w1 = *(s8 *)(r2 + 0)',
      'r1 = *(u32 *)(w2 + 0)',
      'r1 = *(u8 *)skb[0]',
      'r0 = *(u64 *)skb[0]',
      '*(s8 *)(r1 + 0) = 1',
      '*(u64 *)(r1 + 0) = w2',
      'lock *(u8 *)(r1 + 0) += r2',
      'lock *(u64 *)(r1 + 0) -= r2',
      'r3 = atomic_fetch_add((u64 *)(r1 + 0), r2)',
      'r2 = atomic_fetch_add((u16 *)(r1 + 0), r2)',
      'r0 = cmpxchg_64(r1 + 0, r2, r3)',
      'r1 = cmpxchg_64(r1 + 0, r0, r3)',
      'r0 = cmpxchg_64(r1 + 0, r3)',
      'r2 = xchg_64(r1 + 0, r2, r3)',
      'r1 = load_acquire((s32 *)(r2 + 0))',
      'r1 = load_acquire((u32 *)(r2 + 0), r3)',
      'store_release((s32 *)(r2 + 0), r1)',
      'if r1 > 1 gotol +1',
    ]),
  ).toMatchInlineSnapshot(`
    "r11 = 1
      unknown-register: there is no register 'r11'
        the registers are r0 to r10, or w0 to w10 for their lower 32 bits
    w0 = w12
      unknown-register: there is no register 'w12'
        the registers are r0 to r10, or w0 to w10 for their lower 32 bits
    r1 += w2
      mixed-widths: 'r1' needs an operand of 64 bits
        write 'r2'
    w1 = r2
      mixed-widths: 'w1' needs an operand of 32 bits
        write 'w2'
    r1 = -r2
      other-register: negation works on one register: 'r1' and 'r2' differ
        copy first: 'r1 = r2', then use 'r1' on both sides
    r1 = be16 r2
      other-register: 'be16' works on one register: 'r1' and 'r2' differ
        copy first: 'r1 = r2', then use 'r1' on both sides
    w1 = be16 w1
      wide-register: 'be16' works on a whole register
        write 'r1 = be16 r1'
    w1 = 5 ll
      wide-register: a 64-bit number does not fit 'w1'
        write 'r1'
    r1 = (u8)r2
      no-such-cast: there is no cast to 'u8' in a 64-bit register
        the casts are 's8', 's16' and 's32'
    w1 = (s32)w2
      no-such-cast: there is no cast to 's32' in a 32-bit register
        the casts are 's8' and 's16'
    r1 = *(s64 *)(r2 + 0)
      no-such-load: there is no load of 's64' into 'r1'
        the sizes are u8, u16, u32, u64, s8, s16 and s32; a 64-bit load needs no sign, write 'u64'
    w1 = *(u64 *)(r2 + 0)
      no-such-load: there is no load of 'u64' into 'w1'
        write 'r1'
    w1 = *(s8 *)(r2 + 0)
      no-such-load: there is no load of 's8' into 'w1'
        write 'r1'
    r1 = *(u32 *)(w2 + 0)
      address-register: an address needs all 64 bits of its register
        write 'r2'
    r1 = *(u8 *)skb[0]
      packet-load-register: a packet load always fills 'r0'
    r0 = *(u64 *)skb[0]
      no-such-load: there is no packet load of 'u64'
        the sizes are u8, u16 and u32
    *(s8 *)(r1 + 0) = 1
      no-such-store: a store has no sign
        write 'u8'
    *(u64 *)(r1 + 0) = w2
      mixed-widths: a 64-bit store needs a 64-bit register
        write 'r2'
    lock *(u8 *)(r1 + 0) += r2
      no-such-size: an atomic operation has no size 'u8'
        the sizes are 'u32' and 'u64'
    lock *(u64 *)(r1 + 0) -= r2
      no-such-atomic: there is no atomic '-='
        the atomic assignments are '+=', '|=', '&=' and '^='
    r3 = atomic_fetch_add((u64 *)(r1 + 0), r2)
      other-register: 'atomic_fetch_add' puts the old value into the register of its operand, r2
    r2 = atomic_fetch_add((u16 *)(r1 + 0), r2)
      no-such-size: an atomic operation has no size 'u16'
        the sizes are 'u32' and 'u64'
    r0 = cmpxchg_64(r1 + 0, r2, r3)
      other-register: 'cmpxchg' compares with r0 and nothing else
    r1 = cmpxchg_64(r1 + 0, r0, r3)
      other-register: 'cmpxchg' puts the old value into r0
    r0 = cmpxchg_64(r1 + 0, r3)
      operand-count: 'cmpxchg' takes r0, which holds the expected value, and a register with the new value
    r2 = xchg_64(r1 + 0, r2, r3)
      operand-count: 'xchg' takes one register behind the address
    r1 = load_acquire((s32 *)(r2 + 0))
      no-such-size: an atomic operation has no size 's32'
        write 'u32'
    r1 = load_acquire((u32 *)(r2 + 0), r3)
      operand-count: 'load_acquire' takes an address alone
    store_release((s32 *)(r2 + 0), r1)
      no-such-size: an atomic operation has no size 's32'
        write 'u32'
    if r1 > 1 gotol +1
      long-branch: a conditional jump has 16 bits: there is no 'gotol' in it
        write 'goto', and put a 'gotol' where it leads if the target is farther than 32767 instructions"
  `);
});

test('numbers', () => {
  expect(
    report([
      'r1 = 0x100000000',
      'r1 = 0xffffffff',
      'w1 = 0x1ffffffff',
      'r1 += 4294967296',
      'if r1 > 0xffffffff goto +0',
      'r1 = 0x1ffffffffffffffff ll',
      '*(u64 *)(r1 + 0) = 0x80000000',
      'r1 = *(u32 *)(r2 + 40000)',
      'r1 = 1 / 0',
      `r1 = 1${'+1'.repeat(600)}`,
      `r1 = ${'-'.repeat(600)}1`,
      Array.from({ length: 300 }, (_, i) => `c${i} = c${i + 1} + 1`).join('\n') + '\nr1 = c0',
      'r1 = 1 << 64',
      'goto +40000',
      'call 5000000000',
      '.byte 256',
      '.short -40000',
      '.long 0x100000000',
      '.p2align 20',
      '.balign 3',
      '.zero -1',
      '.zero 100000000',
      '*(u8 *)(r1 + 0) = 256',
      '*(u16 *)(r1 + 0) = -1',
      '.fill 1',
    ]),
  ).toMatchInlineSnapshot(`
    "r1 = 0x100000000
      out-of-range: the number 0x100000000 does not fit 32 bits: it must be from -2147483648 to 2147483647
        write 'r1 = 0x100000000 ll' for a 64-bit number
    r1 = 0xffffffff
      out-of-range: the number 0xffffffff does not fit 32 bits: it must be from -2147483648 to 2147483647
        write 'r1 = 0xffffffff ll' for a 64-bit number
    w1 = 0x1ffffffff
      out-of-range: the number 0x1ffffffff does not fit 32 bits: it must be from -2147483648 to 4294967295
        load it into a register first: 'r2 = 0x1ffffffff ll'
    r1 += 4294967296
      out-of-range: the number 4294967296 does not fit 32 bits: it must be from -2147483648 to 2147483647
        load it into a register first: 'r2 = 4294967296 ll'
    if r1 > 0xffffffff goto +0
      out-of-range: the number 0xffffffff does not fit 32 bits: it must be from -2147483648 to 2147483647
        load it into a register first: 'r2 = 0xffffffff ll'
    r1 = 0x1ffffffffffffffff ll
      out-of-range: the number 36893488147419103231 does not fit 64 bits: it must be from -9223372036854775808 to 18446744073709551615
    *(u64 *)(r1 + 0) = 0x80000000
      out-of-range: the number 0x80000000 does not fit 32 bits: it must be from -2147483648 to 2147483647
        load it into a register first: 'r2 = 0x80000000 ll'
    r1 = *(u32 *)(r2 + 40000)
      out-of-range: the offset 40000 does not fit 16 bits: it must be from -32768 to 32767
        add the rest to a copy of the register first
    r1 = 1 / 0
      division-by-zero: this divides by zero
    r1 = 1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1…
      expression-too-long: an expression can have 500 terms, not more
    r1 = ---------------------------------------------------------------------------…
      expression-too-long: a number can have 500 signs, not more
    c0 = c1 + 1 ⏎ c1 = c2 + 1 ⏎ c2 = c3 + 1 ⏎ c3 = c4 + 1 ⏎ c4 = c5 + 1 ⏎ c5 = c6 + 1 ⏎ c6 = c7 …
      expression-too-long: constants that lean on later ones can do so 200 deep, not deeper
    r1 = 1 << 64
      bad-shift: a shift by 64 is not within 0 and 63
    goto +40000
      taken
    call 5000000000
      out-of-range: the number 5000000000 does not fit 32 bits
    .byte 256
      out-of-range: the number 256 does not fit 8 bits: it must be from -128 to 255
    .short -40000
      out-of-range: the number -40000 does not fit 16 bits: it must be from -32768 to 65535
    .long 0x100000000
      out-of-range: the number 4294967296 does not fit 32 bits: it must be from -2147483648 to 4294967295
    .p2align 20
      argument: the exponent of the alignment is 20, but must be from 0 to 16
    .balign 3
      argument: an alignment must be a power of two, but 3 is none
    .zero -1
      argument: the number of bytes is -1, but must be from 0 to 4294967296
    .zero 100000000
      section-too-large: section '.text' would have more than 64 MiB
    *(u8 *)(r1 + 0) = 256
      taken
      lost-bits: of 256 a store of 8 bits keeps 0
    *(u16 *)(r1 + 0) = -1
      taken
    .fill 1
      unknown-directive: there is no directive '.fill'
        did you mean '.file'?"
  `);
});

test('names', () => {
  expect(
    report([
      'goto nowhere',
      'loop: goto lop',
      'a: a: exit',
      'r1 = nothing',
      'a: r1 = a',
      'a: r1 = *(u8 *)(r1 + a)',
      'a: r1 = a * 2',
      'A = A + 1 ⏎ r1 = A'.replace(' ⏎ ', '\n'),
      '.const A = 1\n.const A = 2',
      'call bpf_map_lookup',
      'call bpf_ringbuf_commit',
      'counter: .long 1\nr1 = conter ll',
      '.quad .Lmissing',
      '.short a\na: exit',
      'goto other\n.section x,"ax"\nother: exit',
      '.size a, b - c\na: exit\n.section x,"ax"\nb: exit\nc: exit',
      'a: exit\n.section x,"ax"\nb: r1 = a - b',
      '.byte 1\na: exit',
      'goto a\n.section .text\nexit\n.byte 1\na:',
    ]),
  ).toMatchInlineSnapshot(`
    "goto nowhere
      undefined-name: there is no label 'nowhere'
    loop: goto lop
      undefined-name: there is no label 'lop'
        did you mean 'loop'?
    a: a: exit
      defined-twice: 'a' is defined twice
        first defined here
    r1 = nothing
      undefined-name: there is no name 'nothing'
    a: r1 = a
      address-as-number: the address of 'a' takes 64 bits, here is room for 32
        write 'r1 = a ll'
    a: r1 = *(u8 *)(r1 + a)
      not-a-number: an offset must be a number, but 'a' is an address
    a: r1 = a * 2
      not-a-number: '*' takes numbers, but 'a' is an address
        an address can have a number added, or another address of its section subtracted
    A = A + 1 ⏎ r1 = A
      circular-constant: the constant 'A' is made of itself
    .const A = 1 ⏎ .const A = 2
      defined-twice: 'A' is defined twice
        first defined here
    call bpf_map_lookup
      unknown-helper: there is no helper named 'bpf_map_lookup'
        did you mean 'bpf_map_lookup_elem'?
        a function of the kernel (kfunc) needs a line '.extern bpf_map_lookup'
    call bpf_ringbuf_commit
      unknown-helper: there is no helper named 'bpf_ringbuf_commit'
        did you mean 'bpf_ringbuf_submit'?
        a function of the kernel (kfunc) needs a line '.extern bpf_ringbuf_commit'
    counter: .long 1 ⏎ r1 = conter ll
      misaligned-code: the data before this instruction in section '.text' is no multiple of 8 bytes
        put the data into a section of its own, or '.p2align 3' behind it
      undefined-name: there is no symbol 'conter' in this file
        did you mean 'counter'?
        if another file defines it, say so: '.extern conter'
    .quad .Lmissing
      undefined-name: there is no label '.Lmissing'
    .short a ⏎ a: exit
      address-as-number: the address of 'a' takes 32 or 64 bits, not 16
        write '.quad' or '.long'
      misaligned-code: the data before this instruction in section '.text' is no multiple of 8 bytes
        put the data into a section of its own, or '.p2align 3' behind it
    goto other ⏎ .section x,"ax" ⏎ other: exit
      other-section: 'other' is in section 'x': a jump cannot leave its section
        a function in another section is called: 'call name'
    .size a, b - c ⏎ a: exit ⏎ .section x,"ax" ⏎ b: exit ⏎ c: exit
      taken
    a: exit ⏎ .section x,"ax" ⏎ b: r1 = a - b
      other-section: 'a' is in section '.text', 'b' in 'x': they have no distance
    .byte 1 ⏎ a: exit
      misaligned-code: the data before this instruction in section '.text' is no multiple of 8 bytes
        put the data into a section of its own, or '.p2align 3' behind it
    goto a ⏎ .section .text ⏎ exit ⏎ .byte 1 ⏎ a:
      misaligned-target: the target is 17 bytes away, which is no whole number of instructions"
  `);
});

test('directives', () => {
  expect(
    report([
      '.globll a',
      '.section',
      '.section x,"aq"',
      '.section x,"ax",@code',
      '.section x,"aw"\n.section x,"ax"',
      '.text 1',
      '.globl 5',
      '.type a',
      '.type a,@thing',
      '.ascii 5',
      '.byte "a"',
      '.set A',
      '.bss\nexit',
      '.bss\n.long 1',
      '.license "GPL"\n.license "MIT"',
      '.license',
      '.program a',
      '.program a, "xdp"',
      '.program a, "xdp"\nexit\n.program a, "xdp"\nexit',
      '.data\n.long 1\n.program a, ".data"\nexit',
      '.function f, global\nexit',
      '.const A',
      '.const 5',
    ]),
  ).toMatchInlineSnapshot(`
    ".globll a
      unknown-directive: there is no directive '.globll'
        did you mean '.globl'?
    .section
      argument: '.section' needs the section's name
    .section x,"aq"
      argument: there is no section flag 'q'
        the flags are a (allocated), w (writable), x (code), M (mergeable) and S (strings): "ax" for programs
    .section x,"ax",@code
      argument: there is no section type '@code'
    .section x,"aw" ⏎ .section x,"ax"
      argument: section 'x' was begun with other flags or another type
        leave flags and type out to go on in it
    .text 1
      argument: '.text' takes no more than 0 arguments
    .globl 5
      argument: expected a name, found a number
    .type a
      argument: '.type' needs a type such as '@function' behind the name
        the types are '@function', '@object' and '@notype'
    .type a,@thing
      argument: '.type' needs a type such as '@function' behind the name
        the types are '@function', '@object' and '@notype'
    .ascii 5
      argument: expected a string in double quotes, found a number
    .byte "a"
      argument: expected a number or a name, found a string
    .set A
      argument: '.set' needs a value
    .bss ⏎ exit
      code-in-bss: section '.bss' takes no room in the file: it cannot hold instructions
    .bss ⏎ .long 1
      data-in-bss: section '.bss' takes no room in the file: it can hold zeros only
    .license "GPL" ⏎ .license "MIT"
      defined-twice: the licence is given twice
        first given here
    .license
      argument: '.license' needs a licence such as "GPL"
    .program a
      argument: '.program' needs a section such as "xdp", which tells the program's type
    .program a, "xdp"
      empty-function: 'a' has no instructions
        the shortest function is 'r0 = 0' and 'exit'
    .program a, "xdp" ⏎ exit ⏎ .program a, "xdp" ⏎ exit
      defined-twice: 'a' is defined twice
        first defined here
    .data ⏎ .long 1 ⏎ .program a, ".data" ⏎ exit
      argument: section '.data' holds data: a program needs one of its own
      misaligned-code: the data before this instruction in section '.data' is no multiple of 8 bytes
        put the data into a section of its own, or '.p2align 3' behind it
    .function f, global ⏎ exit
      argument: expected 'linkage=global' or 'linkage=static'
    .const A
      argument: '.const' needs a name and a value: '.const LIMIT = 8'
    .const 5
      argument: '.const' needs a name and a value: '.const LIMIT = 8'"
  `);
});

test('maps', () => {
  expect(
    report([
      '.map',
      '.map m',
      '.map m, hsh, key=4, value=4, entries=1',
      '.map m, hash',
      '.map m, hash, key=4, value=4, size=1',
      '.map m, hash, key=4, value=4, entires=1',
      '.map m, hash, 4, 4, 1',
      '.map m, hash, key=4, key=4, value=4, entries=1',
      '.map m, hash, key=-1, value=4, entries=1',
      '.map m, hash, key=4, value=4, entries=1, pinning=yes',
      '.map m, hash, key=4, value=4, entries=1, flags=BPF_F_NO_PREALOC',
      '.map m, array, key=4, value=4, entries=1\n.map m, array, key=4, value=4, entries=1',
      '.entry 0, a',
      '.map m, hash, key=4, value=4, entries=1\n.entry 0, a',
      '.map m, prog_array, entries=2\n.entry 2, a',
      '.map m, prog_array, entries=2\n.entry 0, handle\n.program handel, "xdp"\nexit',
      '.map m, prog_array, entries=2\n.entry 0, a\n.entry 0, a\n.program a, "xdp"\nexit',
      '.map m, prog_array, entries=2\n.entry 0, a\na: exit',
      '.map m, array, key=4, value=4, entries=1\n.section .BTF\n.long 1',
    ]),
  ).toMatchInlineSnapshot(`
    ".map
      argument: '.map' needs the name of the map
    .map m
      argument: '.map' needs the map's type, such as 'hash'
    .map m, hsh, key=4, value=4, entries=1
      argument: there is no map type 'hsh'
        did you mean 'hash'?
    .map m, hash
      argument: map 'm' needs 'key=', the type of a key or the size of a key in bytes
      argument: map 'm' needs 'value=', the type of a value or the size of a value in bytes
      argument: map 'm' needs 'entries=', the number of entries
    .map m, hash, key=4, value=4, size=1
      argument: a map has no option 'size'
        the options are key, value, entries, flags, extra, numa, pinning, inner
    .map m, hash, key=4, value=4, entires=1
      argument: a map has no option 'entires'
        did you mean 'entries'?
    .map m, hash, 4, 4, 1
      argument: expected an option such as key=4
        the options are key, value, entries, flags, extra, numa, pinning, inner
      argument: expected an option such as key=4
        the options are key, value, entries, flags, extra, numa, pinning, inner
      argument: expected an option such as key=4
        the options are key, value, entries, flags, extra, numa, pinning, inner
    .map m, hash, key=4, key=4, value=4, entries=1
      argument: 'key' is given twice
    .map m, hash, key=-1, value=4, entries=1
      argument: the size of a key in bytes is -1, but must be from 0 to 4294967295
    .map m, hash, key=4, value=4, entries=1, pinning=yes
      argument: pinning is 'by_name' or 'none'
    .map m, hash, key=4, value=4, entries=1, flags=BPF_F_NO_PREALOC
      undefined-name: there is no name 'BPF_F_NO_PREALOC'
        did you mean 'BPF_F_NO_PREALLOC'?
    .map m, array, key=4, value=4, entries=1 ⏎ .map m, array, key=4, value=4, entries=…
      defined-twice: 'm' is defined twice
        first defined here
    .entry 0, a
      argument: '.entry' belongs below a '.map' line
    .map m, hash, key=4, value=4, entries=1 ⏎ .entry 0, a
      argument: a map of type 'hash' cannot have entries from the start
        a 'prog_array' can have programs, an 'array_of_maps' maps
    .map m, prog_array, entries=2 ⏎ .entry 2, a
      argument: the slot of map 'm' is 2, but must be from 0 to 1
    .map m, prog_array, entries=2 ⏎ .entry 0, handle ⏎ .program handel, "xdp" ⏎ exit
      undefined-name: there is no program 'handle'
        did you mean 'handel'?
    .map m, prog_array, entries=2 ⏎ .entry 0, a ⏎ .entry 0, a ⏎ .program a, "xdp" ⏎ exit
      defined-twice: slot 0 of map 'm' is filled twice
        first filled here
    .map m, prog_array, entries=2 ⏎ .entry 0, a ⏎ a: exit
      undefined-name: there is no program 'a'
    .map m, array, key=4, value=4, entries=1 ⏎ .section .BTF ⏎ .long 1
      two-btf: the file brings a '.BTF' section of its own, where the assembler would have to add types"
  `);
});

test('a warning does not keep the object back', () => {
  const { object, diagnostics } = assemble({ name: 'prog.s', text: '*(u8 *)(r1 + 0) = 256' });
  expect(object).toBeDefined();
  expect(renderDiagnostics(diagnostics)).toMatchInlineSnapshot(`
    "warning[lost-bits]: of 256 a store of 8 bits keeps 0
     --> prog.s:1:19
      |
    1 | *(u8 *)(r1 + 0) = 256
      |                   ^^^"
  `);
});

describe('calls that throw', () => {
  function thrown(call: () => unknown): string {
    try {
      call();
    } catch (error) {
      const { code, message, hint } = error as TsbpfError;
      expect(error).toBeInstanceOf(TsbpfError);
      return [`${code}: ${message}`, ...(hint === undefined ? [] : [hint])].join('\n');
    }
    throw new Error('nothing was thrown');
  }

  test('assembleOrThrow carries all problems', () => {
    expect(thrown(() => assembleOrThrow({ name: 'prog.s', text: 'r0 = )\nexit 1' }))).toMatchInlineSnapshot(
      `"INVALID_INPUT: prog.s:1:6: expected a register or a number after '=', found ')'"`,
    );
    try {
      assembleOrThrow('r0 = )\nexit 1');
    } catch (error) {
      expect((error as DiagnosticsError).diagnostics.length).toBe(2);
    }
  });

  test('rawCode wants one section that is complete', () => {
    const { object } = assembleOrThrow('exit\n.section x,"ax"\nexit\n.section y,"ax"\nr1 = m ll\n.globl m');
    expect(thrown(() => rawCode(object))).toMatchInlineSnapshot(`
      "SECTION_AMBIGUOUS: 3 sections hold instructions: '.text', 'x', 'y'
      name the one that is wanted"
    `);
    expect(thrown(() => rawCode(object, 'z'))).toMatchInlineSnapshot(`
      "NO_SUCH_SECTION: there is no section 'z'
      did you mean 'x'?"
    `);
    expect(thrown(() => rawCode(object, 'y'))).toMatchInlineSnapshot(`
      "SECTION_NEEDS_LINKING: the code at byte 0 refers to 'm', which raw bytes cannot express
      write an object file instead"
    `);
    expect(thrown(() => rawCode(assembleOrThrow('.data\n.long 1').object))).toMatchInlineSnapshot(
      `"NO_SUCH_SECTION: no section holds instructions"`,
    );
  });
});
