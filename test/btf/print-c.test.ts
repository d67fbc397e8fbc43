import { describe, expect, test } from 'vitest';
import { type Btf, BtfBuilder, type BtfComposite, btfToC, parseBtf } from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { TsbpfError } from '../../src/util/index.ts';
import { fixture, goodFixtures, hasTool, toolOutput } from '../object/fixtures.ts';
import { everyKind } from './every-kind.ts';
import { bpftool, btfOf, compileText, complaints, hasKernelBtf, kernelBtf } from './tools.ts';

const built = (make: (btf: BtfBuilder) => void): Btf => {
  const builder = new BtfBuilder();
  make(builder);
  return parseBtf(builder.build('little'));
};

/** What stands between the first and the last lines, which are always the same. */
function body(btf: Btf, roots?: readonly number[]): string {
  const text = btfToC(btf, roots ? { roots } : {});
  const start = text.indexOf('apply_to = record)\n#endif\n\n') + 27;
  return text.slice(start, text.indexOf('#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop'));
}

const withBtf = goodFixtures.filter((name) =>
  parseElf(fixture(name)).sections.some((section) => section.name === '.BTF'),
);

/** Declarations of all sorts, for layouts that C compilers make. */
const SOURCE = `
typedef unsigned char u8; typedef unsigned int u32; typedef unsigned long long u64; typedef long long s64;
enum small { S0, S1 } __attribute__((packed));
enum wide { W0, W1 = 0x100000000ULL };
enum below { B0 = -5, B1 };
struct empty {};
struct packed { u8 a; u64 b; } __attribute__((packed));
struct aligned { u8 a; u32 b __attribute__((aligned(32))); };
struct bits { u32 a:3; u32 :5; u32 b:9; u8 c; u64 d:40; u64 e:24; s64 f:7; };
struct gap { u8 a; u32 :32; u8 b; u64 c; } ;
struct node { struct node *next; struct other *o; union { u32 x; struct { u8 y, z; }; } u; union { u32 v; u64 w; }; };
struct other { struct node n[2][3]; int (*handler)(struct node *, const char *restrict, ...); void (*plain)(void); };
typedef struct { int x; } anonymous_t;
typedef int (*fn_t)(anonymous_t *, fn_t_dummy);
struct user { anonymous_t a; int (*table[4])(int); int *(*returns)(void); const volatile int *const p; char *names[3]; double d; _Bool yes; };
struct tail { u32 count; struct packed items[]; };
struct uses { struct small_holder { enum small s; enum wide w; enum below b; } h; struct user u; struct tail *t; struct bits b; struct gap g; struct aligned al; struct other o; struct empty e; };
struct uses used;
`.replace('typedef int (*fn_t)(anonymous_t *, fn_t_dummy);\n', '');

/** Structs whose name nothing else has, and where their members stand, for the compiler to check. */
function assertions(btf: Btf): string {
  const byName = new Map<string, BtfComposite[]>();
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id);
    if (type.name === '' || !('members' in type || 'values' in type)) continue;
    byName.set(type.name, [...(byName.get(type.name) ?? []), type as BtfComposite]);
  }
  const unique = [...byName.values()].flatMap((types) => (types.length === 1 ? types : []));
  const checked = unique.filter((type) => 'members' in type);
  const lines = checked.flatMap((type) => {
    const name = `${type.kind} ${type.name}`;
    const members = type.members.filter((member) => member.name !== '' && member.bitSize === 0);
    return [
      `_Static_assert(sizeof(${name}) == ${type.size}, "size of ${name}");`,
      ...members.map((member) => {
        const place = `__builtin_offsetof(${name}, ${member.name})`;
        return `_Static_assert(${place} == ${member.offsetBits / 8}, "${name}.${member.name}");`;
      }),
    ];
  });
  return `${lines.join('\n')}\n`;
}

describe('types as C', () => {
  test('what needs what comes in order, with declarations where there are circles', () => {
    const btf = built((make) => {
      const first = make.nextId;
      const int = first + 4;
      make.struct('list', 16, [
        { name: 'owner', type: first + 1, offsetBits: 0 },
        { name: 'low', type: int, offsetBits: 64, bitSize: 3 },
        { name: 'rest', type: int, offsetBits: 72, bitSize: 8 },
      ]);
      make.ptr(first + 2);
      make.struct('owner', 24, [
        { name: 'inner', type: first, offsetBits: 0 },
        { name: 'many', type: first + 3, offsetBits: 128 },
      ]);
      make.array(first + 1, int, 1);
      make.int('int', 4, { signed: true });
    });
    expect(body(btf)).toMatchInlineSnapshot(`
      "struct owner;

      struct list {
      	struct owner *owner;
      	int low: 3;
      	char: 5;
      	int rest: 8;
      };

      struct owner {
      	struct list inner;
      	struct owner *many[1];
      };

      "
    `);
  });

  test('names that stand for several things get numbers', () => {
    const btf = built((make) => {
      const int = make.int('int', 4);
      make.struct('thing', 4, [{ name: 'a', type: int, offsetBits: 0 }]);
      make.union('thing', 4, [{ name: 'b', type: int, offsetBits: 0 }]);
      make.typedef('thing', 2);
      make.typedef('thing', 3);
      make.enum('', { thing: 1, other: 2 });
    });
    expect(body(btf)).toMatchInlineSnapshot(`
      "struct thing {
      	int a;
      };

      union thing___2 {
      	int b;
      };

      typedef struct thing thing;

      typedef union thing___2 thing___2;

      enum {
      	thing___3 = 1,
      	other = 2,
      };

      "
    `);
  });

  test('only what the roots need is printed', () => {
    const btf = parseBtf(everyKind().build('little'));
    expect(body(btf, [btf.findByName('u64', 'typedef')!])).toBe('typedef unsigned long u64;\n\n');
    expect(body(btf, [btf.findByName('list', 'struct')!])).not.toContain('either');
  });

  test.each([
    [
      'a struct that holds itself',
      (make: BtfBuilder) => make.struct('s', 8, [{ name: 's', type: 1, offsetBits: 0 }]),
    ],
    ['a pointer to itself', (make: BtfBuilder) => make.ptr(1)],
    ['an array of itself', (make: BtfBuilder) => make.array(1, 1, 2)],
  ])('%s is refused', (_, make) => {
    expect(() => btfToC(built(make))).toThrow(TsbpfError);
  });

  test('a type whose text would be endless is refused', () => {
    const btf = built((make) => {
      // Each anonymous struct has the one before it twice.
      let inner = make.int('int', 4);
      for (let depth = 0; depth < 60; depth++)
        inner = make.struct(depth === 59 ? 'root' : '', 4, [
          { name: 'a', type: inner, offsetBits: 0 },
          { name: 'b', type: inner, offsetBits: 0 },
        ]);
    });
    expect(() => btfToC(btf, { roots: [btf.typeCount - 1] })).toThrow(TsbpfError);
  });
});

describe.skipIf(!hasTool(bpftool))('beside bpftool', () => {
  test.each(withBtf)('%s is printed byte for byte the same', (name) => {
    const theirs = toolOutput(bpftool, ['btf', 'dump', 'file', '@', 'format', 'c'], fixture(name));
    expect(btfToC(btfOf(fixture(name)))).toBe(theirs);
  });

  test('every kind', () => {
    const bytes = everyKind().build('little');
    const theirs = toolOutput(bpftool, ['btf', 'dump', 'file', '@', 'format', 'c'], bytes);
    // Newer ones than Debian's mark 8-byte enumerations whose values fit into 4.
    expect(btfToC(parseBtf(bytes)).replaceAll(' __attribute__((mode(word)))', '')).toBe(
      theirs.replaceAll(' __attribute__((mode(word)))', ''),
    );
  });

  test.skipIf(!hasKernelBtf)(
    'the kernel',
    () => {
      const btf = kernelBtf();
      const theirs = toolOutput(bpftool, ['btf', 'dump', 'file', '@', 'format', 'c'], btf.bytes);
      const plain = (text: string): string[] =>
        text.replaceAll(/ __attribute__\(\(mode\((byte|word)\)\)\)/g, '').split('\n');
      expect(plain(btfToC(btf))).toEqual(plain(theirs));
    },
    60_000,
  );
});

describe.skipIf(!hasTool('clang-19'))('a compiler lays out as it says', () => {
  test('declarations of all sorts', () => {
    const btf = btfOf(compileText(SOURCE));
    const checks = assertions(btf);
    expect(checks.split('\n').length).toBeGreaterThan(35);
    expect(complaints(`${btfToC(btf)}\n${checks}`)).toBe('');
  });

  test('declarations of all sorts, twice', () => {
    const once = btfToC(btfOf(compileText(SOURCE)));
    const again = btfToC(btfOf(compileText(`${once}\nstruct uses used;`)));
    expect(again).toBe(once);
  });

  test.skipIf(!hasKernelBtf)(
    'the kernel',
    () => {
      const btf = kernelBtf();
      const text = `${btfToC(btf)}\n${assertions(btf)}`;
      expect(complaints(text, ['-DBPF_NO_PRESERVE_ACCESS_INDEX'])).toBe('');
    },
    120_000,
  );
});
