import { describe, expect, test } from 'vitest';
import { typeText } from '../../../src/asm/types/c-type.ts';
import { parseTypeName } from '../../../src/asm/types/declarations.ts';
import { encodeVariable } from '../../../src/asm/types/encode.ts';
import { BtfTypes } from '../../../src/asm/types/to-btf.ts';
import { BtfBuilder } from '../../../src/btf/index.ts';
import { testWith } from '../tools.ts';
import { btfOf, compileC, meanings, written } from './clang.ts';
import { declare, shown } from './tools.ts';

/** One declaration a line, for both languages; `%` becomes `.` or nothing, as does `.var`. */
const TEXT = `
%enum small { A = 1, B, C = 10 }
%enum negative { D = -1, E = 0x7fffffff }
%enum high { F = 0x80000000 }
%enum wide { G = 0x100000000 }
%enum both { H = -1, I = 0xffffffff }
%struct foo { int a; }
%typedef u32 ip_t
%typedef struct foo *foo_p
%typedef int (*callback_t)(void *ctx, long)
%union address { ip_t v4; __be32 v6[4]; struct { u8 low, high; }; }
%struct node {
  struct node *next; /* itself */
  struct later *later; // not here
  union address address;
  u32 flags : 3, : 2, more : 5;
  u32 : 0;
  s64 value __attribute__((aligned(16)));
  const char *const name;
  volatile unsigned long *restrict cursor;
  callback_t call;
  int (*table[2])(u32 x, const struct foo *, ...);
  char text[2][3], letter, *word;
  struct { enum small colour; bool is_set; } inner[2];
  enum wide w; enum negative n; enum high h; enum both b;
  signed char sc; unsigned char uc; short int sh; unsigned short us; long int unsigned ul; long long int ll;
  void *nothing; size_t size; uint8_t byte;
}
%struct kernel_things {
  struct foo __kptr *owned;
  struct foo __percpu_kptr *per_cpu;
  const struct foo __uptr *user;
  struct foo __attribute__((btf_type_tag("mine"))) *mine;
  int tagged __attribute__((btf_decl_tag("hello")));
  u64 head __contains(foo, a);
}
%struct packed_one { u8 a; u64 b; char c : 3; long d : 40; } __attribute__((packed))
%struct __attribute__((packed, aligned(2))) packed_too { u8 a; u32 b __attribute__((aligned(4))); }
%struct core_one { int x; } __attribute__((preserve_access_index))
%struct flexible { u32 n; struct foo rest[]; }
%var const u32 limit = 300
%var static const u32 hidden = 3
%var u64 total
%var volatile long counter
%var char greeting[] = "hello"
%var const char fixed[8] = "hi"
%var u32 table[4] = {1, 2, [3] = 4}
%var struct node *head
%var struct node the_node
%var struct kernel_things things
%var struct packed_one one
%var struct packed_too two
%var struct core_one three
%var struct flexible four
%var foo_p pointer
%function int half(u32 x, struct node *e)
%function long nothing(void)
%function static u64 inner_one(const char *text, u8 list[4], int f(int))
%function int with_tag(struct foo *ctx __arg_ctx, callback_t call)
%function __attribute__((btf_decl_tag("exception_callback:half"))) int tagged_function(void)
`;

const asAssembly = TEXT.replace(/^%/gm, '.');
const asC = TEXT.replace(/^%(?:var )?(?!function)(.*)$/gm, '$1')
  .replace(/^%function (.*)$/gm, '$1 { return 0; }')
  // A line of C ends with a semicolon where ours ends with the line.
  .replace(/([\w\])"}])$/gm, '$1;');

describe('declarations', () => {
  testWith('clang-19')('become the BTF that clang makes of them', () => {
    const ours = declare(asAssembly);
    expect(shown(ours.problems)).toBe('\n');
    const types = new BtfTypes(new BtfBuilder(), ours.registry);
    for (const one of ours.variables) types.variable(one, encodeVariable(ours.registry, one, 'little')!.type);
    for (const one of ours.functions) types.func(one);
    // Compilers leave out what nothing uses.
    const uses =
      'const u32 *use_hidden = &hidden; u64 (*use_inner)(const char *, u8 *, int (*)(int)) = inner_one;';
    const theirs = meanings(btfOf(compileC(`${asC}\n${uses}`, 'little')));
    const mine = meanings(written(types, 'little'));
    expect(mine.size).toBeGreaterThan(40);
    for (const [key, text] of mine) expect(`${key}: ${text}`).toBe(`${key}: ${theirs.get(key)}`);
  });

  test.each([
    ['u32', 'u32'],
    ['struct event', 'struct event'],
    ['event', 'struct event'],
    ['u64[4]', 'u64[4]'],
    ['u64 [2][3]', 'u64[2][3]'],
    ['struct event *', 'struct event *'],
    ['const char **', 'const char **'],
    ['unsigned', 'unsigned int'],
    ['unsigned long long int', 'unsigned long long'],
    ['struct xdp_md', 'struct xdp_md'],
    ['bpf_user_pt_regs_t', 'bpf_user_pt_regs_t'],
    ['struct bpf_spin_lock', 'struct bpf_spin_lock'],
    ['struct { u32 a; u64 b; }', 'unnamed struct'],
  ])('the type %j', (text, name) => {
    const { registry, problems, more } = declare('.struct event { u32 pid; }');
    const type = parseTypeName(registry, more(text));
    expect(shown(problems)).toBe('\n');
    expect(typeText(type!)).toBe(name);
  });
});
