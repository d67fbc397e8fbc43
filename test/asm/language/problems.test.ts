import { expect, test } from 'vitest';
import { wrong, wrongs } from './tools.ts';

const HEAD = `.struct event { u32 pid; u32 low : 3; char comm[16]; struct event *next; }
.enum colour { RED, GREEN }
.map m, array, key=u32, value=u64, entries=1
`;

test('expressions', () => {
  expect(
    wrongs(
      [
        'r1 = sizeof()',
        'r1 = sizeof(evnt)',
        'r1 = sizeof(event.pidd)',
        'r1 = sizeof(event',
        'r1 = sizeof("a" "b")',
        String.raw`r1 = sizeof("\q")`,
        'r1 = sizeof("a)',
        'r1 = sizeof(void)',
        'r1 = sizeof(struct other)',
        'mov r1, sizeof(event',
        'mov r1, (5)(6)',
        'r1 = offsetof(event)',
        'r1 = offsetof(event.comm[16])',
        'r1 = offsetof(event.low)',
        'r1 = offsetof(struct event, pid)',
        'r1 = event.low',
        'r1 = event.next.pid',
        'r1 = event.comm.x',
        'r1 = evnt.pid',
        'r1 = be16()',
        'r1 = be16(1',
        'r1 = be16(1 2)',
        'r1 = be16(65536)',
        'r1 = be16(-32769)',
        'r1 = le32(nobody)',
        'r1 = be16(m)',
        'r1 = be24(1)',
        'r1 = sizof(event)',
        'mov r1, sizof(event)',
        'r1 = core.offset(event.pid) + 1',
        'r1 = -core.offset(event.pid)',
        'X = core.offset(event.pid)',
        'r1 = core.offst(event.pid)',
        'r1 = core.offset(event)',
        'r1 = core.offset(event.pid',
        '.long core.offset(event.pid)',
        'r1 = "text"',
        'r1 += "text"',
        String.raw`r1 = "\q" ll`,
        'r1 = "text ll',
        'mov r1, "text"',
        String.raw`lddw r1, "\q"`,
        'lddw r1, "text',
        'r1 = "a" + 1 ll',
        '.long "text"',
        'goto RED',
        'r1 = colour.RED',
        'r1 = RED.x',
      ],
      HEAD,
    ),
  ).toMatchInlineSnapshot(`
    "r1 = sizeof()
        bad-declaration <<>> expected a type, but the declaration ends
    r1 = sizeof(evnt)
        unknown-type <<evnt>> there is no type 'evnt'; did you mean 'event'?
    r1 = sizeof(event.pidd)
        unknown-field <<pidd>> 'struct event' has no field 'pidd'; did you mean 'pid'?
    r1 = sizeof(event
        syntax <<>> expected ')' after 'event', found the end of the line
    r1 = sizeof("a" "b")
        syntax <<"a" "b">> "a" "b" is no string alone
    r1 = sizeof("\\q")
        unknown-escape <<\\q>> there is no escape '\\q'; the escapes are \\n \\t \\r \\b \\f \\" \\\\ and up to three octal digits; a backslash is '\\\\'
    r1 = sizeof("a)
        unclosed-string <<"a)>> the string has no closing quote
    r1 = sizeof(void)
        no-size <<void>> 'void' has no size; a pointer has one: write '*'
    r1 = sizeof(struct other)
        incomplete-type <<struct other>> 'struct other' is declared, but not defined; define it with '.struct other { … }', or point to it with '*'
    mov r1, sizeof(event
        syntax <<(>> the parenthesis behind 'sizeof' is not closed
    mov r1, (5)(6)
        syntax <<(>> expected ',' or the end of the statement, found '('; write it like 'mov r1, 5'
    r1 = offsetof(event)
        argument <<event>> 'offsetof' needs a field: 'offsetof(event.pid)'
    r1 = offsetof(event.comm[16])
        out-of-range <<[16]>> an array of 16 has elements 0 to 15, not 16
    r1 = offsetof(event.low)
        bit-field <<event.low>> a bit field has no address; load the word and shift: it has 3 bits from bit 32 of the struct on
    r1 = offsetof(struct event, pid)
        (nothing)
    r1 = event.low
        bit-field <<event.low>> a bit field has no address; load the word and shift: it has 3 bits from bit 32 of the struct on
    r1 = event.next.pid
        no-fields <<pid>> 'struct event *' has no fields: it is a pointer; load it into a register and go on from there, as 'struct event'
    r1 = event.comm.x
        no-fields <<x>> 'char[16]' has no fields
    r1 = evnt.pid
        undefined-name <<evnt.pid>> there is no name 'evnt.pid'
    r1 = be16()
        syntax <<)>> this needs a number
    r1 = be16(1
        syntax <<>> expected ')' after '1', found the end of the line
    r1 = be16(1 2)
        syntax <<2>> expected the end of the expression, found '2'
    r1 = be16(65536)
        out-of-range <<65536>> 65536 does not fit 16 bits
    r1 = be16(-32769)
        out-of-range <<-32769>> -32769 does not fit 16 bits
    r1 = le32(nobody)
        undefined-name <<nobody>> there is no name 'nobody'
    r1 = be16(m)
        not-a-number <<m>> what 'be16' takes must be a number, but 'm' is an address
    r1 = be24(1)
        unknown-function <<be24(1)>> there is no function 'be24' of the assembler; did you mean 'be64'?
    r1 = sizof(event)
        unknown-function <<sizof(event)>> there is no function 'sizof' of the assembler; did you mean 'sizeof'?
    mov r1, sizof(event)
        unknown-function <<sizof(event)>> there is no function 'sizof' of the assembler; did you mean 'sizeof'?
    r1 = core.offset(event.pid) + 1
        bad-core <<core.offset(event.pid)>> 'core.offset(…)' must be all of its operand; the loader writes the value that fits the kernel into the instruction
    r1 = -core.offset(event.pid)
        bad-core <<core.offset(event.pid)>> 'core.offset(…)' must be all of its operand; the loader writes the value that fits the kernel into the instruction
    X = core.offset(event.pid)
        (nothing)
    r1 = core.offst(event.pid)
        unknown-core <<offst>> there is no 'core.offst'; did you mean 'offset'?
    r1 = core.offset(event)
        bad-core <<event>> this asks about a field, but only a type is named; write 'struct event.' and the field
    r1 = core.offset(event.pid
        syntax <<>> expected ')' after 'event.pid', found the end of the line
    .long core.offset(event.pid)
        bad-core <<core.offset(event.pid)>> 'core.offset(…)' must be all of its operand; the loader writes the value that fits the kernel into the instruction
    r1 = "text"
        address-as-number <<"text">> the address of '"text"' takes 64 bits, here is room for 32; write 'r1 = "text" ll'
    r1 += "text"
        syntax <<"text">> expected a register or a number after '+=', found '"text"'
    r1 = "\\q" ll
        unknown-escape <<\\q>> there is no escape '\\q'; the escapes are \\n \\t \\r \\b \\f \\" \\\\ and up to three octal digits; a backslash is '\\\\'
    r1 = "text ll
        unclosed-string <<"text ll>> the string has no closing quote
    mov r1, "text"
        address-as-number <<"text">> the address of '"text"' takes 64 bits, here is room for 32; write 'r1 = "text" ll'
    lddw r1, "\\q"
        unknown-escape <<\\q>> there is no escape '\\q'; the escapes are \\n \\t \\r \\b \\f \\" \\\\ and up to three octal digits; a backslash is '\\\\'
    lddw r1, "text
        unclosed-string <<">> the string has no closing quote
    r1 = "a" + 1 ll
        syntax <<+>> expected the end of the line after '"a"', found '+'
    .long "text"
        argument <<"text">> expected a number or a name, found a string
    goto RED
        (nothing)
    r1 = colour.RED
        no-fields <<RED>> 'enum colour' has no fields
    r1 = RED.x
        undefined-name <<RED.x>> there is no name 'RED.x'"
  `);
});

test('the context', () => {
  expect(
    wrongs([
      'r1 = ctx.data',
      '.program p, "xdp"\nr2 = ctx.dat',
      '.program p, "xdp"\nr2 = *(u32 *)(r1 + ctx.)',
      '.program p, "tc"\nr2 = ctx.cb',
      '.program p, "tc"\nw2 = ctx.tstamp',
      '.program p, "tc"\nr2 = *(u32 *)(r1 + ctx.cb[5])',
      '.program p, "syscall"\nr2 = ctx.x',
      '.program p, "nonsense"\nr2 = ctx.x',
      '.function f\nr2 = ctx.data',
    ]),
  ).toMatchInlineSnapshot(`
    "r1 = ctx.data
        no-context <<ctx.data>> section '.text' does not tell what 'ctx' is; the section's name gives a program its type: '.program NAME, "xdp"'
    .program p, "xdp"
    r2 = ctx.dat
        unknown-field <<dat>> 'struct xdp_md' has no field 'dat'; did you mean 'data'?
    .program p, "xdp"
    r2 = *(u32 *)(r1 + ctx.)
        bad-declaration <<>> expected the name of a field, but the declaration ends
    .program p, "tc"
    r2 = ctx.cb
        no-such-load <<ctx.cb>> 'ctx.cb' has 20 bytes: no load takes them at once; load a part of it: 'r2 = *(u32 *)(r1 + ctx.cb)'
    .program p, "tc"
    w2 = ctx.tstamp
        no-such-load <<ctx.tstamp>> 'ctx.tstamp' has 8 bytes: no load takes them at once; load a part of it: 'r2 = *(u32 *)(r1 + ctx.tstamp)'
    .program p, "tc"
    r2 = *(u32 *)(r1 + ctx.cb[5])
        syntax <<[>> expected ')' after 'ctx.cb', found '['
    .program p, "syscall"
    r2 = ctx.x
        no-context <<x>> programs of this type are given no struct with fields; load from 'r1' by offset
    .program p, "nonsense"
    r2 = ctx.x
        no-context <<ctx.x>> section 'nonsense' does not tell what 'ctx' is; the section's name gives a program its type: '.program NAME, "xdp"'
    .function f
    r2 = ctx.data
        no-context <<ctx.data>> section '.text' does not tell what 'ctx' is; the section's name gives a program its type: '.program NAME, "xdp"'"
  `);
});

test('functions', () => {
  expect(
    wrongs([
      '.function',
      '.function 5',
      '.function half(u32 x)\nexit',
      '.function int half(u33 x)\nexit',
      '.function int half\nexit',
      '.function int (u32 x)\nexit',
      '.function f, linkage=globl\nexit',
      '.function f, global\nexit',
      '.function int f(void), linkage=weak\nexit',
      '.function f\n.function g\nexit',
      '.function f\nexit\n.function f\nexit',
      '.function f\nexit\nf: exit',
      '.program f, "xdp"\n.program g, "xdp"\nexit',
      '.program f',
      '.program f, "xdp", 5',
      '.program "f", "xdp"',
      '.section xdp,"aw"\n.long 5\n.program f, "xdp"\nexit',
      '.extern',
      '.extern 5 6',
      '.extern void f(u33 x)',
      '.extern int x y',
    ]),
  ).toMatchInlineSnapshot(`
    ".function
        argument <<>> '.function' needs the name of the function
    .function 5
        bad-declaration <<5>> expected a type, but found '5'
    .function half(u32 x)
    exit
        bad-declaration <<half>> expected a type before 'half'; write 'void half' where it returns nothing
    .function int half(u33 x)
    exit
        unknown-type <<u33>> there is no type 'u33'; did you mean 'u32'?
    .function int half
    exit
        bad-declaration <<half>> 'half' is no function; write 'half(void)' where it takes nothing
    .function int (u32 x)
    exit
        bad-declaration <<>> expected the name of a function, but the declaration ends
    .function f, linkage=globl
    exit
        argument <<linkage=globl>> expected 'linkage=global' or 'linkage=static'
    .function f, global
    exit
        argument <<global>> expected 'linkage=global' or 'linkage=static'
    .function int f(void), linkage=weak
    exit
        argument <<linkage=weak>> expected 'linkage=global' or 'linkage=static'
    .function f
    .function g
    exit
        empty-function <<f>> 'f' has no instructions; the shortest function is 'r0 = 0' and 'exit'
    .function f
    exit
    .function f
    exit
        defined-twice <<f>> 'f' is defined twice
    .function f
    exit
    f: exit
        defined-twice <<f>> 'f' is defined twice
    .program f, "xdp"
    .program g, "xdp"
    exit
        empty-function <<f>> 'f' has no instructions; the shortest function is 'r0 = 0' and 'exit'
    .program f
        argument <<>> '.program' needs a section such as "xdp", which tells the program's type
    .program f, "xdp", 5
        argument <<5>> '.program' takes no more than 2 arguments
    .program "f", "xdp"
        argument <<"f">> expected the name of the program, found a string
    .section xdp,"aw"
    .long 5
    .program f, "xdp"
    exit
        argument <<"xdp">> section 'xdp' holds data: a program needs one of its own
        misaligned-code <<exit>> the data before this instruction in section 'xdp' is no multiple of 8 bytes; put the data into a section of its own, or '.p2align 3' behind it
    .extern
        argument <<>> '.extern' needs a name
    .extern 5 6
        bad-declaration <<5>> expected a type, but found '5'
    .extern void f(u33 x)
        unknown-type <<u33>> there is no type 'u33'; did you mean 'u32'?
    .extern int x y
        bad-declaration <<x>> 'x' is no function; write 'x(void)' where it takes nothing"
  `);
});

test('variables and types', () => {
  expect(
    wrongs([
      '.var',
      '.var u32',
      '.var u33 x',
      '.var extern u32 x',
      '.var u32 x = 0x100000000\nr1 = x ll',
      '.var u32 x = nobody',
      '.var u32 x = "text"',
      '.var u32 x\n.var u32 x',
      '.var u32 x\nx: exit',
      '.var char x[] ',
      '.var u8 x[1 << 30]',
      '.var u8 x[1 << 30] = { 1 }',
      '.var u64 *x = &nobody_',
      '.var u32 x = { 1, 2 }',
      '.var struct later x',
      '.struct',
      '.union',
      '.enum',
      '.typedef',
      '.struct a { struct a a; }',
      '.struct a { u32 x[nobody]; }',
      '.struct a { u32 x[(((((2))))) + sizeof(u64) / 3 3]; }',
      '.struct a {\n  u32 x;',
      '.enum a { X = 1 << 70 }',
      '.enum a { X, X }\n',
      '.typedef u32 a\n.typedef u64 a',
    ]),
  ).toMatchInlineSnapshot(`
    ".var
        argument <<>> '.var' needs a declaration: '.var u64 total'
    .var u32
        bad-declaration <<>> expected the name of a variable, but the declaration ends
    .var u33 x
        unknown-type <<u33>> there is no type 'u33'; did you mean 'u32'?
    .var extern u32 x
        bad-declaration <<x>> a variable of another file is declared with '.extern'
    .var u32 x = 0x100000000
    r1 = x ll
        out-of-range <<0x100000000>> 4294967296 does not fit 'u32': -2147483648 to 4294967295
    .var u32 x = nobody
        undefined-name <<nobody>> there is no name 'nobody'
    .var u32 x = "text"
        bad-initialiser <<"text">> 'u32' cannot hold a text; an array of char can
    .var u32 x
    .var u32 x
        defined-twice <<x>> 'x' is defined twice
    .var u32 x
    x: exit
        defined-twice <<x>> 'x' is defined twice
    .var char x[] 
        incomplete-type <<x>> an array without a length needs an initialiser; write its length between the brackets
    .var u8 x[1 << 30]
        section-too-large <<x>> section '.bss' would have more than 64 MiB
    .var u8 x[1 << 30] = { 1 }
        too-large <<x>> 1073741824 bytes are more than a variable with an initialiser may have, which is 16777216
    .var u64 *x = &nobody_
        (nothing)
    .var u32 x = { 1, 2 }
        bad-initialiser <<{ 1, 2 }>> 'u32' takes one value
    .var struct later x
        incomplete-type <<x>> 'struct later' is declared, but not defined; define it with '.struct later { … }', or point to it with '*'
    .struct
        argument <<>> '.struct' needs a name and members: '.struct event { u32 pid; }'
    .union
        argument <<>> '.union' needs a name and members: '.union address { u32 v4; u8 v6[16]; }'
    .enum
        argument <<>> '.enum' needs values: '.enum colour { RED, GREEN = 5 }'
    .typedef
        argument <<>> '.typedef' needs a declaration: '.typedef u32 address_t'
    .struct a { struct a a; }
        endless-type <<a>> 'struct a' would hold itself; point to it with '*'
    .struct a { u32 x[nobody]; }
        undefined-name <<nobody>> there is no name 'nobody'
    .struct a { u32 x[(((((2))))) + sizeof(u64) / 3 3]; }
        syntax <<3>> expected the end of the expression, found '3'
    .struct a {
      u32 x;
        open-brace <<{>> this '{' has no '}'
    .enum a { X = 1 << 70 }
        bad-declaration <<{>> an enum has one value at least
        bad-shift <<70>> a shift by 70 is not within 0 and 63
    .enum a { X, X }

        defined-twice <<X>> 'X' is defined twice
    .typedef u32 a
    .typedef u64 a
        defined-twice <<a>> 'a' is defined twice"
  `);
});

test('maps', () => {
  const map = (rest: string): string => `.map m, ${rest}`;
  expect(
    wrongs([
      '.map',
      '.map m',
      '.map "m", hash',
      map('hsh, key=4'),
      map('array'),
      map('array, key=4'),
      map('array, key=4, value=8'),
      map('array, key=4, value=8, entries=1, 5'),
      map('array, key=4, value=8, entries=1, entires=1'),
      map('array, key=4, value=8, entries=1, foo=1'),
      map('array, key=4, value=8, entries=1, key=8'),
      map('array, key=u33, value=8, entries=1'),
      map('array, key=struct, value=8, entries=1'),
      map('array, key=struct later, value=8, entries=1'),
      map('array, key=u8[, value=8, entries=1'),
      map('array, key=-1, value=8, entries=1'),
      map('array, key=4, value=8, entries=0x100000000'),
      map('array, key=4, value=8, entries=u32 x'),
      map('array, key=4, value=8, entries=1, pinning=yes'),
      map('array, key=4, value=8, entries=1, pinning=5'),
      map('array, key=4, value=8, entries=1, inner=m'),
      map('array_of_maps, entries=1'),
      map('array_of_maps, entries=1, inner=5'),
      map('array_of_maps, entries=1, inner=struct x'),
      map('array_of_maps, entries=1, inner=nobody'),
      '.map m, array, key=4, value=8, entries=1\n.map m, array, key=4, value=8, entries=1',
      '.entry 0, f',
      '.map m, array, key=4, value=8, entries=1\n.entry 0, f',
      '.map m, prog_array, entries=2\n.entry',
      '.map m, prog_array, entries=2\n.entry 2, f',
      '.map m, prog_array, entries=2\n.entry 0',
      '.map m, prog_array, entries=2\n.entry 0, 5',
      '.map m, prog_array, entries=2\n.entry 0, f',
      '.map m, prog_array, entries=2\n.entry 0, m',
      '.map m, prog_array, entries=2\n.entry 0, f, 5\n.function f\nexit',
      '.map m, prog_array, entries=2\n.entry 0, f\n.entry 0, f\n.function f\nexit',
      '.map i, array, key=4, value=8, entries=1\n.map m, array_of_maps, inner=i, entries=2\n.entry 0, f\n.function f\nexit',
      '.map m, hsh\n.entry 0, f\nr1 = m ll',
      '.map m, array, key=4, value=8, entries=1\n.section .BTF\n.long 5',
    ]),
  ).toMatchInlineSnapshot(`
    ".map
        argument <<>> '.map' needs the name of the map
    .map m
        argument <<>> '.map' needs the map's type, such as 'hash'
    .map "m", hash
        argument <<"m">> expected the name of the map, found a string
    .map m, hsh, key=4
        argument <<hsh>> there is no map type 'hsh'; did you mean 'hash'?
    .map m, array
        argument <<.map m, array>> map 'm' needs 'key=', the type of a key or the size of a key in bytes
        argument <<.map m, array>> map 'm' needs 'value=', the type of a value or the size of a value in bytes
        argument <<.map m, array>> map 'm' needs 'entries=', the number of entries
    .map m, array, key=4
        argument <<.map m, array, key=4>> map 'm' needs 'value=', the type of a value or the size of a value in bytes
        argument <<.map m, array, key=4>> map 'm' needs 'entries=', the number of entries
    .map m, array, key=4, value=8
        argument <<.map m, array, key=4, value=8>> map 'm' needs 'entries=', the number of entries
    .map m, array, key=4, value=8, entries=1, 5
        argument <<5>> expected an option such as key=4; the options are key, value, entries, flags, extra, numa, pinning, inner
    .map m, array, key=4, value=8, entries=1, entires=1
        argument <<entires>> a map has no option 'entires'; did you mean 'entries'?
    .map m, array, key=4, value=8, entries=1, foo=1
        argument <<foo>> a map has no option 'foo'; the options are key, value, entries, flags, extra, numa, pinning, inner
    .map m, array, key=4, value=8, entries=1, key=8
        argument <<key>> 'key' is given twice
    .map m, array, key=u33, value=8, entries=1
        unknown-type <<u33>> there is no type 'u33'; did you mean 'u32'?
    .map m, array, key=struct, value=8, entries=1
        bad-declaration <<>> expected the name of a struct, but the declaration ends
    .map m, array, key=struct later, value=8, entries=1
        incomplete-type <<struct later>> 'struct later' is declared, but not defined; define it with '.struct later { … }', or point to it with '*'
    .map m, array, key=u8[, value=8, entries=1
        bad-declaration <<>> expected the length of an array, but the declaration ends
    .map m, array, key=-1, value=8, entries=1
        argument <<-1>> the size of a key in bytes is -1, but must be from 0 to 4294967295
    .map m, array, key=4, value=8, entries=0x100000000
        argument <<0x100000000>> the number of entries is 4294967296, but must be from 0 to 4294967295
    .map m, array, key=4, value=8, entries=u32 x
        argument <<u32 x>> 'u32 x' is no number
    .map m, array, key=4, value=8, entries=1, pinning=yes
        argument <<yes>> pinning is 'by_name' or 'none'
    .map m, array, key=4, value=8, entries=1, pinning=5
        argument <<5>> pinning is 'by_name' or 'none'
    .map m, array, key=4, value=8, entries=1, inner=m
        argument <<inner=m>> only maps of maps have something inside
    .map m, array_of_maps, entries=1
        argument <<.map m, array_of_maps, entries=1>> a map of maps needs 'inner=', the name of a map like those inside
    .map m, array_of_maps, entries=1, inner=5
        argument <<inner=5>> 'inner=' takes the name of a map
    .map m, array_of_maps, entries=1, inner=struct x
        argument <<inner=struct x>> 'inner=' takes the name of a map
    .map m, array_of_maps, entries=1, inner=nobody
        undefined-name <<nobody>> there is no map 'nobody'
    .map m, array, key=4, value=8, entries=1
    .map m, array, key=4, value=8, entries=1
        defined-twice <<m>> 'm' is defined twice
    .entry 0, f
        argument <<.entry>> '.entry' belongs below a '.map' line
    .map m, array, key=4, value=8, entries=1
    .entry 0, f
        argument <<.entry>> a map of type 'array' cannot have entries from the start; a 'prog_array' can have programs, an 'array_of_maps' maps
    .map m, prog_array, entries=2
    .entry
        argument <<>> '.entry' needs the slot of map 'm'
    .map m, prog_array, entries=2
    .entry 2, f
        argument <<2>> the slot of map 'm' is 2, but must be from 0 to 1
    .map m, prog_array, entries=2
    .entry 0
        argument <<>> '.entry' needs the name of a program
    .map m, prog_array, entries=2
    .entry 0, 5
        argument <<5>> expected the name of a program, found a number
    .map m, prog_array, entries=2
    .entry 0, f
        undefined-name <<f>> there is no program 'f'
    .map m, prog_array, entries=2
    .entry 0, m
        undefined-name <<m>> there is no program 'm'
    .map m, prog_array, entries=2
    .entry 0, f, 5
    .function f
    exit
        argument <<5>> '.entry' takes no more than 2 arguments
    .map m, prog_array, entries=2
    .entry 0, f
    .entry 0, f
    .function f
    exit
        defined-twice <<0>> slot 0 of map 'm' is filled twice
    .map i, array, key=4, value=8, entries=1
    .map m, array_of_maps, inner=i, entries=2
    .entry 0, f
    .function f
    exit
        undefined-name <<f>> there is no map 'f'; did you mean 'i'?
    .map m, hsh
    .entry 0, f
    r1 = m ll
        argument <<hsh>> there is no map type 'hsh'; did you mean 'hash'?
    .map m, array, key=4, value=8, entries=1
    .section .BTF
    .long 5
        two-btf <<m>> the file brings a '.BTF' section of its own, where the assembler would have to add types"
  `);
});

test('mistakes in several places of a file are shown where they are', () => {
  expect(
    wrong(`    .license "GPL"
    .struct event {
        u32 pid;          // of whoever called
        struct evnt comm; /* a type that
                             nobody declared */
        char name[LENGHT];
    }
    .const LENGTH = 16
    .map seen, hash, key=struct evnt, value=event, entries=MANY
    .macro remember field
    *(u32 *)(r10 - sizeof(event) + event.\\field) = r0
    .endm
    .program p, "xdp"
    r2 = ctx.dtaa
    remember pidd
    r1 = seen ll
    exit
`),
  ).toMatchInlineSnapshot(`
    "error[incomplete-type]: 'struct evnt' is declared, but not defined
     --> prog.s:4:21
      |
    4 |         struct evnt comm; /* a type that
      |                     ^^^^
      |
      = help: define it with '.struct evnt { … }', or point to it with '*'

    error[undefined-name]: there is no name 'LENGHT'
     --> prog.s:6:19
      |
    6 |         char name[LENGHT];
      |                   ^^^^^^ not defined

    error[incomplete-type]: 'struct evnt' is declared, but not defined
     --> prog.s:9:26
      |
    9 |     .map seen, hash, key=struct evnt, value=event, entries=MANY
      |                          ^^^^^^^^^^^
      |
      = help: define it with '.struct evnt { … }', or point to it with '*'

    error[unknown-field]: 'struct xdp_md' has no field 'dtaa'
      --> prog.s:14:14
       |
    14 |     r2 = ctx.dtaa
       |              ^^^^ no such field
       |
       = help: did you mean 'data'?"
  `);
});
