import { describe, expect, test } from 'vitest';
import type { CText } from '../../../src/asm/types/c-text.ts';
import { parseCore } from '../../../src/asm/types/core.ts';
import { parseTypeName } from '../../../src/asm/types/declarations.ts';
import { encodeVariable } from '../../../src/asm/types/encode.ts';
import { contextField, fieldPlace } from '../../../src/asm/types/field-path.ts';
import { TypeRegistry } from '../../../src/asm/types/registry.ts';
import { BtfTypes } from '../../../src/asm/types/to-btf.ts';
import { BtfBuilder, parseBtf } from '../../../src/btf/index.ts';
import { fc, test as propertyTest } from '../../support/property.ts';
import { brief, complaintsAbout, declare } from './tools.ts';

/** Declares, gives every variable its bytes, and says what was wrong. */
function wrong(text: string): string[] {
  const { registry, variables, problems } = declare(text);
  for (const one of variables) encodeVariable(registry, one, 'little');
  return brief(problems);
}

describe('what is wrong', () => {
  test('is shown where it is', () => {
    expect(
      complaintsAbout(`
.struct event {
  u32 pid;
  u33 uid;        // no such type
  char comm[16;
  u64 time
}
.struct event { u8 other; }
`),
    ).toMatchInlineSnapshot(`
      "
      error[unknown-type]: there is no type 'u33'
       --> types.s:4:3
        |
      4 |   u33 uid;        // no such type
        |   ^^^
        |
        = help: did you mean 'u32'?

      error[bad-declaration]: expected ']' behind the length of an array, but found ';'
       --> types.s:5:15
        |
      5 |   char comm[16;
        |               ^

      error[defined-twice]: 'event' is defined twice
       --> types.s:8:9
        |
      2 | .struct event {
        |         ----- first defined here
      ...
      8 | .struct event { u8 other; }
        |         ^^^^^ defined again"
    `);
  });

  test('with types', () => {
    expect(
      wrong(`
.struct a { u32x x; unsigned char int y; struct b b; struct c { int x; } c; }
.struct d { struct d self; struct d *fine; }
.struct e { struct f f; }
.struct f { struct e e; }
.struct g { int x; char x; struct { short x; }; }
.struct h { int; void nothing; int f(void); int list[]; u32 last; }
.struct i { u32 wide : 33; bool flag : 2; void *p : 3; u8 none : 0; char c : -1; }
.struct j { u32 list[-1]; void v[3]; u8 huge[4294967296]; u32 x[UNKNOWN + 1]; u8 two[3][]; }
.struct k { u64 big[1000000000]; }
.struct l { int a __attribute__((alinged(4))); int b __attribute__((aligned(3))); int c __kptr; int d __attribute__((packed); }
.struct m { int a; static int b; const c; }
.union a { int x; }
.struct
.struct 5 { }
.struct n { int a;
`),
    ).toMatchInlineSnapshot(`
      [
        "unknown-type [u32x] there is no type 'u32x'; did you mean 'u32'?",
        "unknown-type [unsigned char int] there is no type 'unsigned char int'",
        "incomplete-type [b] 'struct b' is declared, but not defined; define it with '.struct b { … }', or point to it with '*'",
        "bad-declaration [c] a struct with a name is defined on its own; write '.struct c { … }' above",
        "endless-type [self] 'struct d' would hold itself; point to it with '*'",
        "endless-type [e] 'struct e' would hold itself; point to it with '*'",
        "defined-twice [x] this struct has two members 'x'; first defined here",
        "defined-twice [x] this struct has two members 'x'; first defined here",
        "bad-declaration [int] this member has no name",
        "no-size [nothing] 'void' has no size; a pointer has one: write '*'",
        "no-size [f] a function has no size; a pointer has one: write '*'",
        "bad-array [list] only the last member of a struct can be an array without a length, but 'list' is not",
        "bad-bit-field [33] a bit field of this type has 1 to 32 bits, not 33",
        "bad-bit-field [2] a bit field of this type has 1 bit, not 2",
        "bad-bit-field [3] a bit field is of an integer or an enum",
        "bad-bit-field [0] a bit field of this type has 1 to 8 bits, not 0",
        "bad-bit-field [-1] a bit field of this type has 1 to 8 bits, not -1",
        "bad-array [-1] an array has 0 to 4294967295 elements, not -1",
        "bad-array [[3]] an array cannot hold void",
        "bad-array [4294967296] an array has 0 to 4294967295 elements, not 4294967296",
        "undefined-name [UNKNOWN + 1] the length of an array: 'UNKNOWN + 1' is not known",
        "bad-array [[]] only the first length of an array can be left out",
        "too-large [big] 8000000000 bytes are more than a type may have, which is 4294967295",
        "unknown-attribute [alinged] there is no attribute 'alinged'; did you mean 'aligned'?",
        "bad-alignment [3] an alignment is a power of two up to 65536, not 3",
        "bad-declaration [c] the tag 'kptr' belongs to what a pointer points to; write it before the '*'",
        "bad-declaration [;] expected ')' behind the attribute, but found ';'",
        "bad-declaration [static int] a member cannot be static",
        "unknown-type [c] there is no type 'c'; did you mean 'a'?",
        "defined-twice [a] 'a' is defined twice; first defined here",
        "bad-declaration [] expected the name of a struct, but the declaration ends",
        "bad-declaration [5] expected the name of a struct, but found '5'",
        "open-brace [{] this '{' has no '}'",
      ]
    `);
  });

  test('with enumerations and typedefs', () => {
    expect(
      wrong(`
.enum colour { RED, GREEN = , BLUE = 7 8, RED }
.enum empty { }
.enum large { MOST = 18446744073709551615, MORE }
.enum colour { OTHER }
.typedef u32
.typedef u32 a, b
.typedef enum shade shade_t
.typedef struct { int x; } fine_t
.typedef u8 fine_t
.typedef union colour wrong
.typedef int both(int)[3]
.typedef int (*f[3])(int, void, ...)
`),
    ).toMatchInlineSnapshot(`
      [
        "bad-declaration [,] expected the value of 'GREEN', but found ','",
        "undefined-name [7 8] the value of 'BLUE': '7 8' is not known",
        "defined-twice [RED] 'RED' is defined twice; first defined here",
        "bad-declaration [{] an enum has one value at least",
        "out-of-range [MORE] 'MORE' is 18446744073709551616, which does not fit 64 bits",
        "defined-twice [colour] 'colour' is defined twice; first defined here",
        "bad-declaration [] expected the name of the new type, but the declaration ends",
        "bad-declaration [,] expected the end of the declaration, but found ','",
        "unknown-type [shade] there is no enum 'shade'",
        "defined-twice [fine_t] 'fine_t' is defined twice; first defined here",
        "wrong-kind [colour] 'colour' is an enum, not a union; defined here",
        "bad-declaration [[] expected the end of the declaration, but found '['",
        "bad-declaration [void] a parameter cannot be void",
      ]
    `);
  });

  test('with variables and functions', () => {
    expect(
      wrong(`
.struct pair { u8 a; u32 b; }
.struct open { u32 n; u32 rest[]; }
.var u8 v = 256
.var s8 v = -129
.var bool v = 2
.var u32 v
.var u32 v = {1, 2}
.var u32 v[2] = {1, 2, 3}
.var u32 v[2] = {[2] = 1}
.var u32 v[] = 5
.var u32 v[]
.var char v[2] = "hello"
.var char *v = "hello"
.var u32 v[] = "hello"
.var struct pair v = 5
.var struct pair v = {.c = 1}
.var struct pair v = {1, 2, 3}
.var struct pair v[2] = {[1].a = 1, 2}
.var struct open v = {1, {2}}
.var u32 v = &other
.var u32 v = other
.var u64 v = "x"
.var void v
.var struct nowhere v
.var u32 = 4
.var u32 v 5
.var char v = 'ab'
.var u32 v = 0x
.var char v[] = "\\q"
.var u8 v[100000000] = {1}
.var int v(void)
.function int half
.function half(u32 x)
.function int half(u32 x
.function int half(u33 x)
.function static int half(u32 x __packed)
.typedef u32 odd __attribute__((aligned(8)))
.var u32 odd __packed
.function int[3] half(void)
.var struct pair v = {1, 2
`),
    ).toMatchInlineSnapshot(`
      [
        "out-of-range [256] 256 does not fit 'u8': -128 to 255",
        "out-of-range [-129] -129 does not fit 's8': -128 to 255",
        "out-of-range [2] 2 does not fit 'bool': 0 to 1",
        "bad-initialiser [{1, 2}] 'u32' takes one value",
        "too-many-values [3] 'u32[2]' takes 2 values, this is one more",
        "out-of-range [[2]] an array of 2 has elements 0 to 1, not 2",
        "incomplete-type [v] an array without a length needs an initialiser; write its length between the brackets",
        "incomplete-type [v] an array without a length needs an initialiser; write its length between the brackets",
        "too-many-values ["hello"] this text has 5 bytes, but 'char[2]' holds 2",
        "bad-initialiser ["hello"] 'char *' cannot hold a text; an array of char can",
        "bad-initialiser ["hello"] 'u32[6]' cannot hold a text; an array of char can",
        "bad-initialiser [5] 'struct pair' takes its values in braces",
        "unknown-field [.c] 'struct pair' has no field 'c'; did you mean 'a'?",
        "too-many-values [3] 'struct pair' takes 2 values, this is one more",
        "bad-initialiser [2] say which field this value is for, as the one before does",
        "bad-initialiser [{2}] an array without a length at the end of a struct cannot be filled",
        "bad-initialiser [&other] the address of 'other' needs a pointer to hold it",
        "undefined-name [other] an initial value: 'other' is not known",
        "bad-initialiser ["x"] 'u64' cannot hold a text; an array of char can",
        "bad-declaration [v] a variable cannot be void; 'void *' can",
        "incomplete-type [v] 'struct nowhere' is declared, but not defined; define it with '.struct nowhere { … }', or point to it with '*'",
        "bad-declaration [=] expected the name of a variable, but found '='",
        "bad-declaration [5] expected the end of the declaration, but found '5'",
        "bad-character ['ab'] 'ab' is not one character; characters are written 'a', '\\n', '\\0'",
        "bad-number [0x] '0x' is not a number",
        "unknown-escape ["\\q"] '\\q' is not an escape; a backslash is written '\\\\'",
        "too-large [v] 100000000 bytes are more than a variable with an initialiser may have, which is 16777216",
        "bad-declaration [v] 'v' is a function, not a variable",
        "bad-declaration [half] 'half' is no function; write 'half(void)' where it takes nothing",
        "bad-declaration [half] expected a type before 'half'; write 'void half' where it returns nothing",
        "bad-declaration [] expected ')' behind the parameters, but the declaration ends",
        "unknown-type [u33] there is no type 'u33'; did you mean 'u32'?",
        "bad-attribute [x] the attribute 'packed' has no effect here; it belongs to a struct or union, or to a member",
        "bad-attribute [odd] the attribute 'aligned' has no effect here; it belongs to a struct or union, or to a member",
        "bad-attribute [odd] the attribute 'packed' has no effect here; it belongs to a struct or union, or to a member",
        "bad-declaration [half] expected the name of a function, but found 'half'",
        "open-brace [{] this '{' has no '}'",
      ]
    `);
  });

  test('with paths and contexts', () => {
    const { registry, problems, more } = declare(
      '.struct event { u32 pid; struct { u8 list[4]; } in; u32 bit : 3; struct event *next; }',
    );
    for (const text of [
      'event.pidd',
      'event.in.list[4]',
      'event.in.list[-1]',
      'event.pid.x',
      'event.next.pid',
      'event.bit.x',
      'evnt.pid',
      'event.',
      'event.pid junk',
      'struct nowhere.x',
      'event[1]',
    ])
      expect(fieldPlace(registry, more(text))).toBe(undefined);
    for (const [type, text] of [
      [6, 'dta'],
      [6, 'data[1]'],
      [3, 'flow_keys.nhoff'],
      [3, 'cb[5]'],
      [26, 'data'],
      [6, ''],
    ] as const)
      expect(contextField(registry, type, more(text))).toBe(undefined);
    for (const text of [
      'static u32',
      'u32 x',
      'struct',
      '',
      'u64[',
      'int (*',
      'unsigned float',
      'long long long',
    ])
      expect(parseTypeName(registry, more(text))).toBe(undefined);
    expect(brief(problems)).toMatchInlineSnapshot(`
      [
        "unknown-field [pidd] 'struct event' has no field 'pidd'; did you mean 'pid'?",
        "out-of-range [[4]] an array of 4 has elements 0 to 3, not 4",
        "out-of-range [[-1]] an array of 4 has elements 0 to 3, not -1",
        "no-fields [x] 'u32' has no fields",
        "no-fields [pid] 'struct event *' has no fields: it is a pointer; load it into a register and go on from there, as 'struct event'",
        "no-fields [x] 'u32' has no fields",
        "unknown-type [evnt] there is no type 'evnt'; did you mean 'event'?",
        "bad-declaration [] expected the name of a field, but the declaration ends",
        "bad-declaration [junk] expected the end of the declaration, but found 'junk'",
        "incomplete-type [x] 'struct nowhere' is declared, but not defined; define it with '.struct nowhere { … }', or point to it with '*'",
        "no-fields [[1]] 'struct event' has no elements",
        "unknown-field [dta] 'struct xdp_md' has no field 'dta'; did you mean 'data'?",
        "no-fields [[1]] '__u32' has no elements",
        "no-fields [nhoff] 'struct bpf_flow_keys *' has no fields: it is a pointer; load it into a register and go on from there, as 'struct bpf_flow_keys'",
        "out-of-range [[5]] an array of 5 has elements 0 to 4, not 5",
        "no-context [data] programs of this type are given no struct with fields; load from 'r1' by offset",
        "bad-declaration [] expected the name of a field, but the declaration ends",
        "bad-declaration [static u32] 'static' is no part of a type",
        "bad-declaration [x] expected a type alone, but found 'x'",
        "bad-declaration [] expected the name of a struct, but the declaration ends",
        "bad-declaration [] expected a type, but the declaration ends",
        "bad-declaration [] expected the length of an array, but the declaration ends",
        "bad-declaration [] expected ')' behind a name in parentheses, but the declaration ends",
        "bad-declaration [float] expected a type alone, but found 'float'",
        "unknown-type [long long long] there is no type 'long long long'",
      ]
    `);
  });

  test('without a way to evaluate, numbers must be written down', () => {
    const { problems } = declare('');
    const registry = new TypeRegistry(problems);
    expect(parseTypeName(registry, { text: 'u8[4 + 4]' })).toBe(undefined);
    expect(parseTypeName(registry, { text: 'u8[0x10]' })).toMatchObject({ count: 16 });
    expect(problems.list().map(({ message }) => message)).toMatchInlineSnapshot(`
      [
        "the length of an array must be a number",
      ]
    `);
  });
});

describe('hostile texts', () => {
  const deep = 5000;
  test.each([
    ['structs in structs', `.struct a ${'{ struct '.repeat(deep)}${'}'.repeat(deep)}`],
    ['parentheses', `.var int ${'('.repeat(deep)}x`],
    ['parameters', `.function int f(${'int (*x)('.repeat(deep)}`],
    ['pointers', `.var int ${'*'.repeat(deep)}x`],
    ['arrays', `.var int x${'[1]'.repeat(deep)}`],
    ['braces', `.var int x = ${'{'.repeat(deep)}`],
    [
      'typedefs',
      Array.from({ length: 200 }, (_, n) => `.typedef ${n === 0 ? 'int' : `t${n - 1}`} *t${n}`).join('\n'),
    ],
    [
      'structs by value',
      Array.from({ length: 200 }, (_, n) => `.struct s${n} { struct s${n - 1} x; }`)
        .reverse()
        .join('\n'),
    ],
    [
      'sizes',
      Array.from(
        { length: 40 },
        (_, n) => `.struct s${n} { ${n === 0 ? 'u8 x' : `struct s${n - 1} x[1000]`}; }`,
      ).join('\n'),
    ],
    ['blanks', `.struct a {${' \t'.repeat(200_000)}u8 x;}`],
    ['open comments', `.struct a { u8 x; ${'/*/'.repeat(20_000)}`],
    ['quotes', `.var char x[] = ${'"'.repeat(20_001)}`],
  ])('%s are refused or read, in little time', (_, text) => {
    const { problems } = declare(text);
    expect(problems.list().length).toBeLessThan(400);
  });

  test('a long list of structs that point on is no deep one', () => {
    const count = 20_000;
    const { registry, problems } = declare(
      Array.from({ length: count }, (_, n) => `.struct s${n} { struct s${n + 1} *next; }`).join('\n'),
    );
    expect(brief(problems)).toEqual([]);
    const types = new BtfTypes(new BtfBuilder(), registry);
    types.idOf(registry.find('s0')!);
    expect(parseBtf(types.builder.build('little')).typeCount).toBe(2 * count + 2);
  });

  const word = fc.constantFrom(
    ...[
      'struct',
      'union',
      'enum',
      'u32',
      'char',
      'a',
      'b',
      '*',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      ';',
      ',',
      ':',
      '=',
      '.',
      '&',
      '-',
      '5',
      '0',
    ],
    ...[
      '"text"',
      "'c'",
      'const',
      'static',
      'void',
      '...',
      '__attribute__',
      '((',
      '))',
      'packed',
      '__kptr',
      '\n',
      '/*',
      '//',
      '#',
      '"',
      'core',
      'offset',
      'unsigned',
      '__contains',
      'aligned',
      '99999999999999999999',
    ],
  );
  const soup = fc.array(word, { maxLength: 40 }).map((words) => words.join(' '));
  propertyTest.prop([fc.constantFrom('.struct', '.union', '.enum', '.typedef', '.var', '.function'), soup], {
    numRuns: 1000,
  })('any words are answered with problems that lie in the text', (directive, words) => {
    const text = `.struct a { u32 b; char c[4]; }\n${directive} ${words}`;
    const { registry, variables, functions, problems, more } = declare(text);
    const types = new BtfTypes(new BtfBuilder(), registry);
    const parts: CText[] = [more(words), more(`core.offset(a.b) ${words}`)];
    parseTypeName(registry, parts[0]!);
    fieldPlace(registry, parts[0]!);
    parseCore(registry, parts[1]!, 'little');
    for (const one of variables) {
      encodeVariable(registry, one, 'big');
      types.variable(one);
    }
    for (const one of functions) types.func(one);
    for (const type of registry.defined()) types.idOf(type);
    parseBtf(types.builder.build('little'));
    for (const { span } of problems.list()) {
      expect(span!.start).toBeGreaterThanOrEqual(0);
      expect(span!.end).toBeGreaterThanOrEqual(span!.start);
      expect(span!.end).toBeLessThanOrEqual(span!.source.text.length);
    }
  });
});
