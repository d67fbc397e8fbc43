import { describe, expect, test } from 'vitest';
import { parseElf } from '../../../src/elf/index.ts';
import { toHex } from '../../../src/util/index.ts';
import { llvmMc, testWith } from '../tools.ts';
import { right, section, wrong, wrongs } from './tools.ts';

function llvmText(text: string): string {
  const { sections } = parseElf(llvmMc(text, 'bpfel'));
  return toHex(sections.find(({ name }) => name === '.text')!.bytes);
}

/** Texts that LLVM's assembler reads too, and the same way. */
const SHARED: readonly (readonly [string, string])[] = [
  ['parameters', '.macro m a, b\nr1 = \\a\nr2 = \\b\n.endm\nm 1, 2\nm 3, 4'],
  ['parameters with spaces between them', '.macro m a b\nr1 = \\a\nr2 = \\b\n.endm\nm 1, 2'],
  ['defaults', '.macro m a=5, b=6\nr1 = \\a\nr2 = \\b\n.endm\nm\nm 1\nm , 2\nm b=3\nm b=7, a=8'],
  ['defaults with spaces', '.macro m a = 5 b=6\nr1 = \\a\nr2 = \\b\n.endm\nm 1\nm b = 9'],
  [
    'a parameter that is left out',
    '.macro m a, b\nr1 = 1\\a\n.ifb \\b\nr2 = 2\n.endif\n.endm\nm\nm 2\nm 3, 4',
  ],
  ['req', '.macro m a:req, b=2\nr1 = \\a\nr2 = \\b\n.endm\nm 1\nm a=3'],
  ['vararg', '.macro m a, rest:vararg\nr1 = \\a\n.long \\rest\n.endm\nm 1, 2, 3\nm 5, 6'],
  ['vararg alone', '.macro m rest:vararg\n.long \\rest\n.endm\nm 1\nm 1, 2, (3 + 4)'],
  ['\\()', '.macro m a\nl\\a\\()x:\nr1 = 1\\()2\ngoto l\\a\\()x\n.endm\nm 1\nm 2'],
  ['\\@', '.macro m\nr1 = \\@\n.Lx\\@: goto .Lx\\@\n.endm\nm\nm\n.rept 2\nr0 = 1\n.endr\nm'],
  ['macros that use macros', '.macro one a\nr\\a = 1\n.endm\n.macro two\none 1\none 2\n.endm\ntwo'],
  [
    'macros that define macros',
    '.macro outer n\n.macro inner\\n\nr1 = \\n\n.endm\n.endm\nouter 1\nouter 2\ninner1\ninner2',
  ],
  ['.endmacro', '.macro m\nr0 = 0\n.endmacro\nm'],
  ['a comma in parentheses', '.macro m a, b\n.long \\a, \\b\n.endm\nm (1+2), 3'],
  ['expressions', '.macro m a\nr1 = \\a * 2\n.endm\nm 1+2\nm 1 + 2'],
  ['comments', '.macro m a # comment\nr1 = \\a // \\a\n# r2 = 3\n.endm # end\nm 1 # one\nm 2 // two'],
  ['a label before it', '.macro m\nr0 = 1\n.endm\nout: m\ngoto out'],
  ['separators', '.macro m a\nr1 = \\a\n.endm\nm 1; m 2; r3 = 3\nr4 = 4; m 5'],
  ['a macro on one line', '.macro m; r0 = 1; r2 = 2; .endm\nm\nm'],
  [
    'registers and memory',
    '.macro load reg, base, off=0\n\\reg = *(u32 *)(\\base + \\off)\n.endm\nload r1, r2\nload r3, r10, 8',
  ],
  ['.rept', '.rept 3\nr0 += 1\n.endr\nexit'],
  ['.rept 0', '.rept 0\nr0 += 1\n.endr\nexit'],
  ['.rept of a constant', '.set N, 2\n.rept N + 1\nr0 += N\n.endr'],
  ['.rept in .rept', '.rept 2\nr0 = 0\n.rept 3\nr1 = 1\n.endr\n.endr'],
  ['.rept in a macro', '.macro m n, body:vararg\n.rept \\n\n\\body\n.endr\n.endm\nm 2, exit\nm 1, r0 += 2'],
  ['.rept on one line', '.rept 2; r0 = 1; .endr; exit'],
  ['.if', '.if 1\nr0 = 1\n.endif\n.if 0\nr0 = 2\n.endif\n.if 5 > 3\nr0 = 3\n.endif\n.if -1\nr0 = 4\n.endif'],
  ['.else', '.if 0\nr0 = 1\n.else\nr0 = 2\n.endif\n.if 1\nr0 = 3\n.else\nr0 = 4\n.endif'],
  [
    '.elseif',
    '.set N, 2\n.if N == 1\nr0 = 1\n.elseif N == 2\nr0 = 2\n.elseif N >= 2\nr0 = 3\n.else\nr0 = 4\n.endif',
  ],
  [
    'nested conditions',
    '.if 0\n.if 1\nr0 = 1\n.else\nr0 = 2\n.endif\n.else\n.if 0\nr0 = 3\n.else\nr0 = 4\n.endif\n.endif',
  ],
  ['&& and ||', '.if 1 && 0\nr0 = 1\n.endif\n.if 1 || 0\nr0 = 2\n.endif\n.if 0 || 2 && 3\nr0 = 3\n.endif'],
  [
    '!',
    '.set N, 0\n.if !N\nr0 = 1\n.endif\n.if !N == 1\nr0 = 2\n.endif\n.if !(N == 0)\nr0 = 3\n.endif\n.if !!5\nr0 = 4\n.endif',
  ],
  [
    'parentheses',
    '.set N, 4\n.if (N == 4)\nr0 = 1\n.endif\n.if (N + 1) * 2 == 10\nr0 = 2\n.endif\n.if (N > 1) && ((N < 3) || (N == 4))\nr0 = 3\n.endif',
  ],
  [
    'comparisons',
    '.if 1 != 2\nr0 = 1\n.endif\n.if 2 <= 2\nr0 = 2\n.endif\n.if 3 < 2\nr0 = 3\n.endif\n.if 3 >= 4\nr0 = 4\n.endif\n.if 1 << 2 == 4\nr0 = 5\n.endif',
  ],
  [
    '.ifdef',
    '.set N, 1\nlabel: r9 = 1\n.ifdef N\nr0 = 1\n.endif\n.ifdef M\nr0 = 2\n.endif\n.ifndef M\nr0 = 3\n.endif\n.ifdef label\nr0 = 4\n.endif\n.ifdef later\nr0 = 5\n.endif\nlater: exit',
  ],
  ['.ifc', '.macro m a\n.ifc \\a, r1\nr0 = 1\n.endif\n.ifnc \\a,r1\nr0 = 2\n.endif\n.endm\nm r1\nm r2\nm R1'],
  ['.ifc of empty texts', '.macro m a\n.ifc \\a,\nr0 = 1\n.endif\n.endm\nm\nm 2'],
  ['.ifc of texts with commas', '.ifc a, b, c\nr0 = 1\n.else\nr0 = 2\n.endif\n.ifc a,a\nr0 = 3\n.endif'],
  ['.ifb', '.macro m a\n.ifb \\a\nr0 = 1\n.endif\n.ifnb \\a\nr0 = 2\n.endif\n.endm\nm\nm 5'],
  ['.if on one line', '.if 1; r0 = 1; .else; r0 = 2; .endif; r0 = 3'],
  [
    '.if in an untaken branch is not evaluated',
    '.if 0\n.if nobody_defines_it\n.endif\n.elseif 1\nr0 = 1\n.elseif nobody_defines_it\n.endif',
  ],
  [
    'macros in an untaken branch',
    '.if 0\n.macro m\nr0 = 1\n.endm\n.else\n.macro m\nr0 = 2\n.endm\n.endif\nm',
  ],
];

describe('macros and conditions', () => {
  testWith('llvm-mc-19').each(SHARED)('%s as LLVM has it', (_name, text) => {
    expect(section(right(`${text}\n`), '.text')).toBe(llvmText(`${text}\n`));
  });

  /** The instructions that a text is short for. */
  const same = (text: string, plain: string): void =>
    expect(section(right(text), '.text')).toBe(section(right(plain), '.text'));

  test('strings keep their quotes, and what stands in quotes separates nothing', () => {
    const text = (line: string): string =>
      `.macro m a, b\n.ascii \\a\n.byte \\b\n.endm\n.section x,"a"\n${line}`;
    const bytes = (line: string): string | undefined => section(right(text(line)), 'x');
    expect(bytes(String.raw`m "a,b;c#d\"", ','`)).toBe(bytes('m a="a,b;c#d\\"", b=44'));
    expect(bytes("m \"x\", ';' # '")).toBe('783b');
    expect(bytes('m "\\\\", \'#\'')).toBe('5c23');
  });

  test('a macro that the file defines goes before the standard one', () => {
    same('.macro loop a\nr9 = \\a\n.endm\nloop 5\n', 'r9 = 5\n');
  });

  test('tail_call and loop set what is not there yet, whatever stands where', () => {
    const head = '.extern m, f\n';
    const tail = 'r2 = m ll\ncall bpf_tail_call\n';
    same(`${head}tail_call r6, m, 3\n`, `${head}r3 = 3\nr1 = r6\n${tail}`);
    same(`${head}tail_call r1, m, r3\n`, head + tail);
    same(`${head}tail_call r6, m, r1\n`, `${head}r3 = r1\nr1 = r6\n${tail}`);
    same(`${head}tail_call r3, m, r1\n`, `${head}r2 = r1\nr1 = r3\nr3 = r2\n${tail}`);
    same(`${head}loop 5, f\n`, `${head}r3 = 0\nr1 = 5\nr2 = f ll\nr4 = 0\ncall bpf_loop\n`);
    same(`${head}loop r1, f, r10, 0\n`, `${head}r3 = r10\nr2 = f ll\nr4 = 0\ncall bpf_loop\n`);
    same(`${head}loop r3, f, r1\n`, `${head}r2 = r1\nr1 = r3\nr3 = r2\nr2 = f ll\nr4 = 0\ncall bpf_loop\n`);
  });

  test('.ifdef knows constants of the kernel, of enumerations, and types', () => {
    const asked = (name: string): boolean =>
      section(
        right(
          `.enum e { RED }\n.struct s { u32 x; }\n.map m, array, key=4, value=4, entries=1\n.ifdef ${name}\nr0 = 1\n.endif\n`,
        ),
        '.text',
      ) !== '';
    expect(['XDP_PASS', 'RED', 's', 'u32', 'm', 'xdp_md'].filter((name) => !asked(name))).toEqual([]);
    expect(['XDP_PAS', 'GREEN', 't', 'event.pid'].filter(asked)).toEqual([]);
  });

  test('conditions and macros reach every line of the language', () => {
    same(
      `.macro field type, name
       .ifdef \\type
       r1 = \\type\\().\\name ; r2 = sizeof(\\type)
       .endif
       .endm
       .if sizeof(u64) == 8 && be16(1) != 1; .struct event { u32 pid;
         u64 time; }
       .endif
       field event, time; mov r3, 3; field nothing, time
       add r3, 1; .if 0
       nonsense ) (
       .endif
`,
      'r1 = 8\nr2 = 16\nr3 = 3\nr3 += 1\n',
    );
  });

  test('files are included, by whom they are asked for', () => {
    const asked: string[] = [];
    const files: Readonly<Record<string, string>> = {
      'a.inc': '.include "b.inc"\nuse\n',
      'b.inc': '.macro use\n.include "c.inc"\n.endm\n',
      'c.inc': 'r0 = 7\n',
    };
    const object = right('.include "a.inc" # all\nexit\n', {
      include: (name, from) => {
        asked.push(`${name} from ${from.name}`);
        return { name, text: files[name]! };
      },
    });
    expect(section(object, '.text')).toBe(section(right('r0 = 7\nexit\n'), '.text'));
    expect(asked).toEqual(['a.inc from prog.s', 'b.inc from a.inc', 'c.inc from a.inc']);
  });
});

describe('what is wrong with macros and conditions', () => {
  test('is told', () => {
    expect(
      wrongs([
        '.macro',
        '.macro 5',
        '.macro exit\n.endm',
        '.macro m a:what, +, a\n.endm',
        '.macro m a, a\n.endm',
        '.macro m a:vararg, b\n.endm',
        '.macro m\n.endm\n.macro m\n.endm',
        '.macro m\nr0 = 1',
        '.macro m\n.rept 2\nr0 = 1\n.endm\nm',
        '.macro m\n.endm 5',
        '.macro m\n.endm\nm 5',
        '.macro m a\n.endm\nm 5, 6',
        '.macro m a, b\n.endm\nm 5, 6, 7',
        '.macro m a:req\n.endm\nm',
        'tail_call r1, m',
        '.endm',
        '.endmacro',
        '.endr',
        '.rept',
        '.rept # all',
        '.rept )\n.endr',
        '.rept x\n.endr',
        '.rept 2 3\n.endr',
        '.rept -1\nr0 = 1\n.endr',
        '.rept 1',
        '.rept 1000000000\nr0 = 1\n.endr',
        '.macro m\nm\n.endm\nm',
        '.include',
        '.include x',
        '.include "x" "y"',
        '.include "x"',
      ]),
    ).toMatchInlineSnapshot(`
      ".macro
          unclosed-block <<.macro>> '.macro' has no '.endm'
          argument <<>> '.macro' needs a name; '.macro tail_call map, index=0'
      .macro 5
          unclosed-block <<.macro>> '.macro' has no '.endm'
          argument <<5>> '.macro' needs a name; '.macro tail_call map, index=0'
      .macro exit
      .endm
          argument <<exit>> a macro cannot be called 'exit', which is a word of the language
      .macro m a:what, +, a
      .endm
          argument <<a:what>> 'a:what' is no parameter of a macro; parameters are 'name', 'name=default', 'name:req' or, as the last, 'name:vararg'
          argument <<+>> '+' is no parameter of a macro; parameters are 'name', 'name=default', 'name:req' or, as the last, 'name:vararg'
      .macro m a, a
      .endm
          defined-twice <<a>> the macro 'm' has two parameters 'a'
      .macro m a:vararg, b
      .endm
          argument <<b>> behind 'a', which takes all the rest, no parameter gets anything
      .macro m
      .endm
      .macro m
      .endm
          defined-twice <<m>> the macro 'm' is defined twice
      .macro m
      r0 = 1
          unclosed-block <<.macro>> '.macro' has no '.endm'
      .macro m
      .rept 2
      r0 = 1
      .endm
      m
          unclosed-block <<.rept>> '.rept' has no '.endr'
      .macro m
      .endm 5
          argument <<5>> '.endm' takes nothing more
      .macro m
      .endm
      m 5
          operand-count <<5>> the macro 'm' takes no arguments
      .macro m a
      .endm
      m 5, 6
          operand-count <<6>> the macro 'm' takes one argument
      .macro m a, b
      .endm
      m 5, 6, 7
          operand-count <<7>> the macro 'm' takes 2 arguments
      .macro m a:req
      .endm
      m
          operand-count <<m>> the macro 'm' needs its parameter 'a'; 'm a'
      tail_call r1, m
          operand-count <<tail_call r1, m>> the macro 'tail_call' needs its parameter 'index'; 'tail_call ctx, map, index'
      .endm
          stray-end <<.endm>> there is no '.macro' that this '.endm' could end
      .endmacro
          stray-end <<.endmacro>> there is no '.macro' that this '.endmacro' could end
      .endr
          stray-end <<.endr>> there is no '.rept' that this '.endr' could end
      .rept
          argument <<.rept>> '.rept' needs a number of repetitions
          unclosed-block <<.rept>> '.rept' has no '.endr'
      .rept # all
          argument <<.rept>> '.rept' needs a number of repetitions
          unclosed-block <<.rept>> '.rept' has no '.endr'
      .rept )
      .endr
          syntax <<>> expected a number or a name, found ')'
      .rept x
      .endr
          undefined-name <<x>> there is no name 'x'
      .rept 2 3
      .endr
          argument <<3>> '.rept' takes nothing more
      .rept -1
      r0 = 1
      .endr
          out-of-range <<-1>> lines cannot be repeated -1 times
      .rept 1
          unclosed-block <<.rept>> '.rept' has no '.endr'
      .rept 1000000000
      r0 = 1
      .endr
          nested-too-deep <<.rept>> what the macros of this file become is too long
      .macro m
      m
      .endm
      m
          nested-too-deep <<m>> macros and included files can be nested 100 deep, not deeper
      .include
          argument <<.include>> '.include' needs a file name in double quotes
      .include x
          argument <<x>> '.include' needs a file name in double quotes
      .include "x" "y"
          argument <<"x" "y">> '.include' needs a file name in double quotes
      .include "x"
          no-such-file <<"x">> there is no file 'x' to include"
    `);
    expect(
      wrongs([
        '.if',
        '.if )\n.endif',
        '.if 1',
        '.if 1 == \n.endif',
        '.if 1 == 1 == 1\n.endif',
        '.if x\n.endif',
        '.if "a"\n.endif',
        '.if 1 2\n.endif',
        `.if ${'('.repeat(100)}1${')'.repeat(100)}\n.endif`,
        `.if ${'!('.repeat(100)}1==1${')'.repeat(100)}\n.endif`,
        '.ifdef\n.endif',
        '.ifndef 5\n.endif',
        '.ifdef a b\n.endif',
        '.ifc a\n.endif',
        '.else',
        '.elseif 1',
        '.endif',
        '.if 1\n.endif 5',
        '.if 1\n.else x\n.endif',
        '.if 1\n.else\n.else\n.endif',
        '.if 1\n.else\n.elseif 1\n.endif',
        '.macro m\n.endif\n.endm\n.if 1\nm\n.endif',
        '.macro m\n.if 1\n.endm\nm',
        '.macro m\n.else\n.endm\n.if 1\nm\n.endif',
        '.if 1; .elif nothing; .else',
        '.if later == 1\n.endif\nlater = 1',
      ]),
    ).toMatchInlineSnapshot(`
      ".if
          syntax <<.if>> this is no condition; conditions are written as in C: '.if LIMIT > 4 && !DEBUG'
          unclosed-block <<.if>> '.if' has no '.endif'
      .if )
      .endif
          syntax <<)>> this is no condition; conditions are written as in C: '.if LIMIT > 4 && !DEBUG'
      .if 1
          unclosed-block <<.if>> '.if' has no '.endif'
      .if 1 == 
      .endif
          syntax <<1 == >> this is no condition; conditions are written as in C: '.if LIMIT > 4 && !DEBUG'
      .if 1 == 1 == 1
      .endif
          syntax <<== 1>> this is no condition; conditions are written as in C: '.if LIMIT > 4 && !DEBUG'
      .if x
      .endif
          undefined-name <<x>> there is no name 'x'
      .if "a"
      .endif
          syntax <<"a">> this is no condition; conditions are written as in C: '.if LIMIT > 4 && !DEBUG'
      .if 1 2
      .endif
          syntax <<2>> this is no condition; conditions are written as in C: '.if LIMIT > 4 && !DEBUG'
      .if ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))
      .endif
          (nothing)
      .if !(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(1==1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))
      .endif
          syntax <<!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(!(1==1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))>> this is no condition; conditions are written as in C: '.if LIMIT > 4 && !DEBUG'
      .ifdef
      .endif
          argument <<.ifdef>> this needs a name
      .ifndef 5
      .endif
          argument <<.ifndef>> this needs a name
      .ifdef a b
      .endif
          argument <<b>> '.ifdef' takes nothing more
      .ifc a
      .endif
          argument <<.ifc>> this needs two texts with a comma between them
      .else
          stray-end <<.else>> there is no '.if' that this '.else' could belong to
      .elseif 1
          stray-end <<.elseif>> there is no '.if' that this '.elseif' could belong to
      .endif
          stray-end <<.endif>> there is no '.if' that this '.endif' could belong to
      .if 1
      .endif 5
          argument <<5>> '.endif' takes nothing more
      .if 1
      .else x
      .endif
          argument <<x>> '.else' takes nothing more
      .if 1
      .else
      .else
      .endif
          stray-end <<.else>> there is no '.if' that this '.else' could belong to
      .if 1
      .else
      .elseif 1
      .endif
          stray-end <<.elseif>> there is no '.if' that this '.elseif' could belong to
      .macro m
      .endif
      .endm
      .if 1
      m
      .endif
          stray-end <<.endif>> there is no '.if' that this '.endif' could belong to
      .macro m
      .if 1
      .endm
      m
          unclosed-block <<.if>> '.if' has no '.endif'
      .macro m
      .else
      .endm
      .if 1
      m
      .endif
          stray-end <<.else>> there is no '.if' that this '.else' could belong to
      .if 1; .elif nothing; .else
          unclosed-block <<.if>> '.if' has no '.endif'
      .if later == 1
      .endif
      later = 1
          undefined-name <<later>> there is no name 'later'"
    `);
  });

  test('is shown in the macro and where it is used', () => {
    expect(
      wrong(
        `    .macro inner a
    r1 = \\a
    r2 = nobody
    .endm
    .macro outer b
    inner \\b
    .endm
    outer (
    .rept 2
    r3 = unknown
    .endr
    .include "x.inc"
`,
        { 'x.inc': 'r0 = 1\n    inner = = 5\n    outer 5, 6\n' },
      ),
    ).toMatchInlineSnapshot(`
      "error[syntax]: expected a register or a number after '=', found '('
       --> <inner>:1:10
        |
      1 |     r1 = (
        |          ^
       ::: <outer>:1:5
        |
      1 |     inner (
        |     ------- in this use of the macro 'inner'
       ::: prog.s:8:5
        |
      8 |     outer (
        |     ------- in this use of the macro 'outer'

      error[undefined-name]: there is no name 'nobody'
       --> <inner>:2:10
        |
      2 |     r2 = nobody
        |          ^^^^^^ not defined
       ::: <outer>:1:5
        |
      1 |     inner (
        |     ------- in this use of the macro 'inner'
       ::: prog.s:8:5
        |
      8 |     outer (
        |     ------- in this use of the macro 'outer'

      error[undefined-name]: there is no name 'unknown'
       --> <.rept>:1:10
        |
      1 |     r3 = unknown
        |          ^^^^^^^ not defined
       ::: prog.s:9:5
        |
      9 |     .rept 2
        |     ----- repeated by this '.rept'

      error[undefined-name]: there is no name 'unknown'
       --> <.rept>:2:10
        |
      2 |     r3 = unknown
        |          ^^^^^^^ not defined
       ::: prog.s:9:5
        |
      9 |     .rept 2
        |     ----- repeated by this '.rept'

      error[operand-count]: the macro 'outer' takes one argument
        --> x.inc:3:14
         |
       3 |     outer 5, 6
         |              ^
        ::: prog.s:5:12
         |
       5 |     .macro outer b
         |            ----- defined here
      ...
      12 |     .include "x.inc"
         |              ------- 'x.inc' is included here

      error[syntax]: expected a register or a number after '=', found '='
        --> <inner>:1:10
         |
       1 |     r1 = = = 5
         |          ^
        ::: x.inc:2:5
         |
       2 |     inner = = 5
         |     ----------- in this use of the macro 'inner'
        ::: prog.s:12:14
         |
      12 |     .include "x.inc"
         |              ------- 'x.inc' is included here

      error[undefined-name]: there is no name 'nobody'
        --> <inner>:2:10
         |
       2 |     r2 = nobody
         |          ^^^^^^ not defined
        ::: x.inc:2:5
         |
       2 |     inner = = 5
         |     ----------- in this use of the macro 'inner'
        ::: prog.s:12:14
         |
      12 |     .include "x.inc"
         |              ------- 'x.inc' is included here"
    `);
  });
});
