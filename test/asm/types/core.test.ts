import { describe, expect, test } from 'vitest';
import { CORE_WORDS, parseCore } from '../../../src/asm/types/core.ts';
import { BtfTypes } from '../../../src/asm/types/to-btf.ts';
import { parseAccess } from '../../../src/btf/core/access.ts';
import { fieldValue } from '../../../src/btf/core/calculate.ts';
import { BtfBuilder, CoreKind, parseBtfExt } from '../../../src/btf/index.ts';
import type { Endian } from '../../../src/util/bytes.ts';
import { viewOf } from '../../../src/util/bytes.ts';
import { testWith } from '../tools.ts';
import { btfOf, compileC, meaning, written } from './clang.ts';
import { brief, declare, shown } from './tools.ts';

const TYPES = `
%enum colour { RED, GREEN = 5, BLUE = -7 }
%enum wide { HUGE = 0x123456789a }
%struct list_head { struct list_head *next, *prev; }
%typedef struct list_head list_t
%union both { u32 word; u8 bytes[4]; }
%struct task {
  int pid; u32 tgid; char comm[16]; struct list_head tasks; list_t lists[3]; struct task *parent;
  u32 in_execve : 1, : 3, prio : 9; s32 signed_bits : 20; u64 far : 33; u8 tiny : 2;
  union { u32 v4; struct { u16 low, high; }; u64 v6[2]; }; union both both; enum colour colour; bool is_set; s64 wide;
}
`;

/** The words of `core.` and what C calls them, for a field of `task`. */
const FIELD_KINDS = ['offset', 'size', 'exists', 'signed', 'lshift', 'rshift'];
const SCALARS = [
  'pid',
  'tgid',
  'in_execve',
  'prio',
  'signed_bits',
  'far',
  'tiny',
  'v4',
  'high',
  'both.word',
  'colour',
  'is_set',
  'wide',
];
/** clang has no sign and no shifts for these. */
const OTHERS = [
  'parent',
  'tasks.next',
  'lists[2].prev',
  'comm',
  'comm[3]',
  'tasks',
  'lists',
  'lists[1]',
  'v6',
  'v6[1]',
  'both.bytes[2]',
  'both',
];

interface Question {
  readonly ours: string;
  /** An expression of C. */
  readonly c: string;
}

const QUESTIONS: readonly Question[] = [
  ...SCALARS.flatMap((field) =>
    FIELD_KINDS.map((word, kind) => ({
      ours: `core.${word}(task.${field})`,
      c: `__builtin_preserve_field_info(t->${field}, ${kind})`,
    })),
  ),
  ...OTHERS.flatMap((field) =>
    FIELD_KINDS.slice(0, 3).map((word, kind) => ({
      ours: `core.${word}(struct task.${field})`,
      c: `__builtin_preserve_field_info(t->${field}, ${kind})`,
    })),
  ),
  ...['struct task', 'list_t', 'union both', 'enum colour', 'struct list_head'].flatMap((type) => [
    { ours: `core.type_exists(${type})`, c: `__builtin_preserve_type_info(*(${type} *)0, 0)` },
    { ours: `core.type_size(${type})`, c: `__builtin_preserve_type_info(*(${type} *)0, 1)` },
    { ours: `core.type_matches(${type})`, c: `__builtin_preserve_type_info(*(${type} *)0, 2)` },
    { ours: `core.type_id_local(${type})`, c: `__builtin_btf_type_id(*(${type} *)0, 0)` },
    { ours: `core.type_id(${type})`, c: `__builtin_btf_type_id(*(${type} *)0, 1)` },
  ]),
  ...['colour.RED', 'colour.GREEN', 'colour.BLUE', 'wide.HUGE'].flatMap((value) => {
    const [name, member] = value.split('.') as [string, string];
    return [
      {
        ours: `core.enum_exists(${value})`,
        c: `__builtin_preserve_enum_value(*(enum ${name} *)${member}, 0)`,
      },
      {
        ours: `core.enum_value(enum ${value})`,
        c: `__builtin_preserve_enum_value(*(enum ${name} *)${member}, 1)`,
      },
    ];
  }),
];

/** What clang records for each question: kind, root type, access, and the instruction's constant. */
function clangAnswers(endian: Endian): string[] {
  const functions = QUESTIONS.map(
    ({ c }, index) => `__attribute__((section("f"))) u64 f${index}(struct task *t) { return ${c}; }`,
  );
  const object = compileC(
    `${TYPES.replace(/^%/gm, '').replace(/(\}|list_t)$/gm, '$1;')}\n${functions.join('\n')}`,
    endian,
    ['-mcpu=v3'],
  );
  const btf = btfOf(object);
  const ext = parseBtfExt(object.sections.find(({ name }) => name === '.BTF.ext')!.bytes!, btf);
  const records = ext.coreRelocations.of('f');
  const section = object.sections.find(({ name }) => name === 'f')!;
  const view = viewOf(section.bytes!);
  return QUESTIONS.map(({ ours }, index) => {
    const { value, size } = object.symbols.find(({ name }) => name === `f${index}`)!;
    const record = records.find(({ byteOffset }) => byteOffset >= value && byteOffset < value + size)!;
    const little = endian === 'little';
    const low = view.getInt32(record.byteOffset + 4, little);
    const isWide = view.getUint8(record.byteOffset) === 0x18;
    const high = isWide ? view.getInt32(record.byteOffset + 12, little) : low >> 31;
    const constant = (BigInt(high) << 32n) | BigInt(low >>> 0);
    const isId = record.kind === 6 || record.kind === 7;
    return `${ours}: ${record.kind} ${meaning(btf, record.type, true)} ${btf.string(record.accessOffset)} ${isId ? 'id' : constant}${isWide ? ' wide' : ''}`;
  });
}

/** The word that holds a bit field may be chosen in many ways: clang takes one as large as the struct's alignment. */
const CHOSEN = /^(core\.(?:offset|size|lshift)\(task\.(?:in_execve|prio|signed_bits|far|tiny)\): .*) \d+$/;

describe('core', () => {
  for (const endian of ['little', 'big'] as const)
    testWith('clang-19')(`asks what clang asks, ${endian} endian`, () => {
      const { registry, problems, more } = declare(TYPES.replace(/^%/gm, '.'));
      const types = new BtfTypes(new BtfBuilder(), registry);
      const answers = QUESTIONS.map(({ ours }) => ({
        ours,
        found: parseCore(registry, more(ours), endian)!,
      }));
      expect(shown(problems)).toBe('\n');
      const ids = answers.map(({ found }) => types.idOf(found.type));
      const btf = written(types, endian);
      const mine = answers.map(({ ours, found }, index) => {
        const value = found.value === undefined ? 'id' : found.value;
        return `${ours}: ${found.kind} ${meaning(btf, ids[index]!, true)} ${found.access} ${value}${found.wide ? ' wide' : ''}`;
      });
      expect(mine.map((line) => line.replace(CHOSEN, '$1'))).toEqual(
        clangAnswers(endian).map((line) => line.replace(CHOSEN, '$1')),
      );
      for (const [index, { ours, found }] of answers.entries()) {
        if (found.kind > CoreKind.FIELD_RSHIFT_U64) continue;
        const path = parseAccess(btf, ids[index]!, found.access, 'field');
        expect(`${ours} ${found.value}`).toBe(`${ours} ${fieldValue(found.kind, path)?.value}`);
      }
    });

  test('knows a word for every kind', () => {
    expect(CORE_WORDS.length).toBe(13);
    expect(CORE_WORDS.join(' ')).toMatchInlineSnapshot(
      `"offset size exists signed lshift rshift type_id_local type_id type_exists type_size type_matches enum_exists enum_value"`,
    );
  });

  test('says what is wrong', () => {
    const { registry, problems, more } = declare(TYPES.replace(/^%/gm, '.'));
    for (const text of [
      'core.offsett(task.pid)',
      'core.offset(task)',
      'core.offset(task.pidd)',
      'core.offset(tusk.pid)',
      'core.signed(task.comm[1])',
      'core.offset(task.parent.pid)',
      'core.offset(task.comm[16])',
      'core.enum_value(colour.GREY)',
      'core.enum_value(task.pid)',
      'core.type_size(struct unknown)',
      'core.offset(task.pid',
      'core.offset task.pid',
      'core',
    ])
      expect(parseCore(registry, more(text), 'little')).toBe(undefined);
    expect(brief(problems)).toMatchInlineSnapshot(`
      [
        "unknown-core [offsett] there is no 'core.offsett'; did you mean 'offset'?",
        "bad-core [task] this asks about a field, but only a type is named; write 'struct task.' and the field",
        "unknown-field [pidd] 'struct task' has no field 'pidd'; did you mean 'pid'?",
        "unknown-type [tusk] there is no type 'tusk'; did you mean 'task'?",
        "bad-core [task.comm[1]] an element of an array has a place and a size, nothing else",
        "no-fields [pid] 'struct task *' has no fields: it is a pointer; load it into a register and go on from there, as 'struct task'",
        "out-of-range [[16]] an array of 16 has elements 0 to 15, not 16",
        "unknown-field [GREY] 'enum colour' has no value 'GREY'",
        "bad-core [task] this asks about an enum, but 'struct task' is none",
        "incomplete-type [struct unknown] 'struct unknown' is declared, but not defined; define it with '.struct unknown { … }', or point to it with '*'",
        "bad-declaration [] expected ')' behind what 'core' asks about, but the declaration ends",
        "bad-declaration [task] expected '(' behind 'core.offset', but found 'task'",
        "bad-declaration [] expected '.' behind 'core', but the declaration ends",
      ]
    `);
  });
});
