import { describe, expect, test } from 'vitest';
import { encodeVariable } from '../../../src/asm/types/encode.ts';
import type { Endian } from '../../../src/util/bytes.ts';
import { toHex } from '../../../src/util/index.ts';
import { testWith } from '../tools.ts';
import { compileC } from './clang.ts';
import { declare, shown } from './tools.ts';

const TYPES = `
%enum colour { RED, GREEN = 5 }
%struct pair { u8 a; u32 b; }
%struct bits { u32 low : 3, : 4, high : 9; s16 small : 5; bool flag : 1; u64 wide : 40; }
%struct packed_bits { u8 a : 3; u32 b : 17; u64 c : 33; } __attribute__((packed))
%union either { u8 byte; u32 word; struct pair pair; }
%struct node { u32 n; union { u32 v4; u8 v6[4]; }; struct pair pairs[2]; char name[6]; struct node *next; enum colour colour; }
%union only_array { u16 list[3]; u32 word; }
`;

/** Right sides that C and the language share, each a variable of its type. */
const VALUES: readonly string[] = [
  'u32 v = 300',
  'const s64 v = -2',
  'u8 v = 255',
  "char v = 'x'",
  "char v = '\\n'",
  'bool v = 1',
  'enum colour v = GREEN',
  'u16 v = {7}',
  'u64 v = 0xffffffffffffffff',
  'u32 v = 010',
  'char v[] = "hello"',
  'char v[3] = "abc"',
  'char v[8] = {"ab" "cd"}',
  'u32 v[4] = {1, 2, [3] = 4}',
  'u32 v[] = {[5] = 1, 2}',
  'u32 v[] = {1, 2, 3,}',
  'u16 v[2][3] = {{1, 2}, {3}}',
  'u16 v[2][3] = {1, 2, 3, 4}',
  'u16 v[][2] = {1, 2, 3, 4, 5}',
  'u16 v[][2] = {[1] = {1}, 2, 3}',
  'char v[2][4] = {"ab", "cd"}',
  'struct pair v = {1, 2}',
  'struct pair v = {.b = 3}',
  'struct pair v = {}',
  'struct pair v[] = {1, 2, 3, 4, 5}',
  'struct pair v[3] = {{1, 2}, 3, 4, {5}}',
  'struct pair v[3] = {[1] = {.b = 9}, {8}}',
  'struct bits v = {5, 300, -3, 1, 0x8123456789}',
  'struct bits v = {.wide = 1, .high = 1}',
  'struct packed_bits v = {7, 0x1abcd, 0x1ffffffff}',
  'struct packed_bits v = {1, 2, 3}',
  'union either v = {3}',
  'union either v = {.word = 0x01020304}',
  'union either v = {.pair = {1, 2}}',
  'union either v[2] = {1, 2}',
  'union only_array v = {1, 2, 3}',
  'union only_array v = {{1, 2}}',
  'struct node v = {1, {2}, {{3, 4}, {5, 6}}, "name", 0, GREEN}',
  'struct node v = {1, 2, 3, 4, 5, 6, "name"}',
  'struct node v = {.v6 = {1, 2, 3, 4}}',
  'struct node v = {.pairs[1].b = 7}',
  'struct node v = {.pairs = {[1] = {.b = 7}}, "x"}',
  'struct node v = {.next = (void *)0}',
];

describe('initial values', () => {
  for (const endian of ['little', 'big'] as const satisfies readonly Endian[])
    testWith('clang-19')(`are the bytes that clang makes, ${endian} endian`, () => {
      const names = VALUES.map((value, index) => value.replace(/\bv\b/, `v${index}`));
      const ours = declare(`${TYPES.replace(/^%/gm, '.')}\n${names.map((one) => `.var ${one}`).join('\n')}`);
      expect(shown(ours.problems)).toBe('\n');
      const c = `${TYPES.replace(/^%(.*)$/gm, '$1;')}\n${names.map((one) => `${one};`).join('\n')}`;
      const object = compileC(c, endian, ['-fno-zero-initialized-in-bss', '-O0']);
      const theirs = names.map((text, index) => {
        const symbol = object.symbols.find(({ name }) => name === `v${index}`)!;
        const { bytes } = object.sections[symbol.section as number]!;
        return `${text}: ${toHex(bytes!.subarray(symbol.value, symbol.value + symbol.size))}`;
      });
      const mine = ours.variables.map((one, index) => {
        const value = encodeVariable(ours.registry, one, endian);
        return `${names[index]}: ${toHex(value?.bytes ?? new Uint8Array(value?.size ?? 0))}`;
      });
      expect(mine).toEqual(theirs);
      expect(shown(ours.problems)).toBe('\n');
    });

  test('hold the addresses of functions, maps and variables', () => {
    const { registry, variables, problems } = declare(`
      .struct entry { u32 n; void *data; int (*call)(void *ctx); }
      .var struct entry table[2] = {{1, &counter, handle}, {.call = (void *)&other, .data = &buffer + 8}}
      .var struct entry *first = &table
      .var void *nothing = NULL
    `);
    const addresses = variables.map((one) => encodeVariable(registry, one, 'little')?.addresses);
    expect(shown(problems)).toBe('\n');
    expect(
      addresses.map((list) => list?.map(({ offset, name, addend }) => `${offset} ${name} ${addend}`)),
    ).toMatchInlineSnapshot(`
      [
        [
          "8 counter 0",
          "16 handle 0",
          "32 buffer 8",
          "40 other 0",
        ],
        [
          "0 table 0",
        ],
        [],
      ]
    `);
  });

  testWith('clang-19')('ask for the addresses that clang asks for', () => {
    const lines = [
      'struct entry { u32 n; const void *data; int (*call)(void *ctx); struct entry *next[2]; }',
      'u32 first_thing',
      'u32 second_thing[4]',
      'struct entry table[2] = {{1, &first_thing, handle}, {.call = (void *)&handle, .next = {[1] = &other}}}',
      'const void *list[] = {&second_thing, &first_thing, [4] = (void *)&handle}',
    ];
    const ours = declare(
      `.${lines[0]}\n${lines
        .slice(1)
        .map((line) => `.var ${line}`)
        .join('\n')}`,
    );
    const mine = ours.variables.flatMap((one) =>
      encodeVariable(ours.registry, one, 'little')!.addresses.map(
        ({ offset, name }) => `${one.name}+${offset} ${name}`,
      ),
    );
    expect(shown(ours.problems)).toBe('\n');
    const c = `int handle(void *ctx) { return 0; }\n${lines.map((line) => `${line};`).join('\n')}`.replace(
      'struct entry table',
      'extern struct entry other; struct entry table',
    );
    const object = compileC(c, 'little');
    const variable = (section: number, offset: number): string => {
      const found = object.symbols.find(
        (symbol) =>
          symbol.type === 'object' &&
          symbol.section === section &&
          symbol.value <= offset &&
          offset < symbol.value + symbol.size,
      );
      return found ? `${found.name}+${offset - found.value}` : '';
    };
    const theirs = object.relocations
      .map(({ section, offset, symbol }) => `${variable(section, offset)} ${object.symbols[symbol]!.name}`)
      .filter((line) => /^(?:table|list)/.test(line));
    expect(mine.length).toBe(7);
    expect([...mine].sort()).toEqual([...theirs].sort());
  });

  test('may lean on constants of the file', () => {
    const { registry, variables } = declare(
      '.enum sizes { SMALL = 4, BIG = SMALL * 8 }\n.var u32 v[SMALL + 1] = {BIG + 1, [SMALL] = BIG}',
    );
    const { bytes } = encodeVariable(registry, variables[0]!, 'big')!;
    expect(toHex(bytes!, ' ')).toMatchInlineSnapshot(
      `"00 00 00 21 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 20"`,
    );
  });

  test('zeros take no bytes', () => {
    const { registry, variables } = declare('.var u64 total[100000000]');
    expect(encodeVariable(registry, variables[0]!, 'little')).toMatchObject({
      size: 800_000_000,
      bytes: undefined,
    });
  });
});
