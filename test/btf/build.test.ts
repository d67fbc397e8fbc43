import { describe, expect, test } from 'vitest';
import { BtfBuilder, BtfKind, type BtfKindName, parseBtf } from '../../src/btf/index.ts';
import { writeElf } from '../../src/elf/index.ts';
import { hasTool, toolOutput } from '../object/fixtures.ts';
import { everyKind } from './every-kind.ts';

describe.each(['little', 'big'] as const)('built %s endian', (endian) => {
  const btf = parseBtf(everyKind().build(endian));

  test('every kind is read as it was made', () => {
    expect(btf.endian).toBe(endian);
    const kinds = new Set(Array.from({ length: btf.typeCount }, (_, id) => btf.kindOf(id)));
    expect([...kinds].sort()).toEqual((Object.keys(BtfKind) as BtfKindName[]).sort());
    const find = (name: string, kind?: BtfKindName): object => btf.type(btf.findByName(name, kind)!);
    expect(find('list')).toMatchObject({
      kind: 'struct',
      size: 24,
      members: [
        { name: 'next', offsetBits: 0, bitSize: 0 },
        { name: 'low', offsetBits: 64, bitSize: 3 },
        { name: 'high', offsetBits: 67, bitSize: 29 },
        { name: 'value', offsetBits: 128, bitSize: 0 },
      ],
    });
    expect(find('char')).toMatchObject({
      kind: 'int',
      size: 1,
      bits: 8,
      signed: false,
      char: true,
      bool: false,
    });
    expect(find('_Bool')).toMatchObject({ signed: false, bool: true });
    expect(find('signed_answer')).toMatchObject({
      signed: true,
      values: [
        { name: 'FAILED', value: -22n },
        { name: 'DONE', value: 0n },
      ],
    });
    expect(find('huge')).toMatchObject({
      kind: 'enum64',
      signed: false,
      values: [{ value: 1n }, { value: 2n ** 64n - 2n }],
    });
    expect(find('low', 'enum64')).toMatchObject({ signed: true, values: [{ value: -(2n ** 63n) }] });
    expect(find('later_union')).toMatchObject({ kind: 'fwd', union: true });
    expect(find('.data')).toMatchObject({
      size: 16,
      vars: [
        { offset: 0, size: 8 },
        { offset: 8, size: 4 },
      ],
    });
    expect(find('first')).toMatchObject({ kind: 'declTag', componentIndex: 0 });
    expect(find('hot')).toMatchObject({ componentIndex: -1 });
    expect(find('print')).toMatchObject({ kind: 'func', linkage: 'global' });
  });

  test('types are frozen, and made once', () => {
    const type = btf.type(btf.findByName('list')!);
    expect(Object.isFrozen(type)).toBe(true);
    expect(btf.type(type.id)).toBe(type);
  });
});

test('plain types are shared', () => {
  const btf = new BtfBuilder();
  const int = btf.int('int', 4, { signed: true });
  expect(btf.int('int', 4, { signed: true })).toBe(int);
  expect(btf.int('int', 4)).not.toBe(int);
  expect(btf.ptr(int)).toBe(btf.ptr(int));
  expect(btf.typedef('a', int)).not.toBe(btf.typedef('a', int));
});

test('what does not fit is refused by name', () => {
  const btf = new BtfBuilder();
  expect(() => btf.int('odd', 1, { signed: true, char: true })).toThrowErrorMatchingInlineSnapshot(
    `[TsbpfError: int odd: is signed, a char or a bool, one of these at most]`,
  );
  expect(() => btf.int('wide', 64)).toThrowErrorMatchingInlineSnapshot(
    `[OutOfRangeError: int wide: size is 64, but must be a whole number from 1 to 16]`,
  );
  expect(() =>
    btf.struct('s', 8, [{ name: 'bits', type: 1, offsetBits: 0, bitSize: 300 }]),
  ).toThrowErrorMatchingInlineSnapshot(
    `[OutOfRangeError: struct s.bits: bits is 300, but must be a whole number from 0 to 255]`,
  );
  expect(() => btf.typedef('a\0b', 1)).toThrowErrorMatchingInlineSnapshot(
    `[TsbpfError: a name in BTF cannot hold a NUL: "a\\u0000b"]`,
  );
});

test.skipIf(!hasTool('/usr/sbin/bpftool'))('bpftool reads the same types', () => {
  const bytes = everyKind().build('little');
  const section = { name: '.BTF', type: 1, flags: 0, align: 4, entrySize: 0, bytes, size: bytes.length };
  const object = writeElf({ endian: 'little', sections: [section], symbols: [], relocations: [] });
  expect(toolOutput('/usr/sbin/bpftool', ['btf', 'dump', 'file', '@'], object)).toMatchInlineSnapshot(`
    "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
    [2] INT 'char' size=1 bits_offset=0 nr_bits=8 encoding=CHAR
    [3] INT '_Bool' size=1 bits_offset=0 nr_bits=8 encoding=BOOL
    [4] INT 'unsigned long' size=8 bits_offset=0 nr_bits=64 encoding=(none)
    [5] STRUCT 'list' size=24 vlen=4
    	'next' type_id=6 bits_offset=0
    	'low' type_id=1 bits_offset=64 bitfield_size=3
    	'high' type_id=1 bits_offset=67 bitfield_size=29
    	'value' type_id=4 bits_offset=128
    [6] PTR '(anon)' type_id=5
    [7] ARRAY '(anon)' type_id=2 index_type_id=1 nr_elems=16
    [8] UNION 'either' size=8 vlen=2
    	'small' type_id=1 bits_offset=0
    	'large' type_id=4 bits_offset=0
    [9] ENUM 'answer' encoding=UNSIGNED size=4 vlen=2
    	'NO' val=0
    	'YES' val=1
    [10] ENUM 'signed_answer' encoding=SIGNED size=4 vlen=2
    	'FAILED' val=-22
    	'DONE' val=0
    [11] ENUM64 'huge' encoding=UNSIGNED size=8 vlen=2
    	'FIRST' val=1ULL
    	'LAST' val=18446744073709551614ULL
    [12] ENUM64 'low' encoding=SIGNED size=8 vlen=1
    	'BOTTOM' val=-9223372036854775808LL
    [13] FWD 'later' fwd_kind=struct
    [14] FWD 'later_union' fwd_kind=union
    [15] TYPEDEF 'u64' type_id=4
    [16] CONST '(anon)' type_id=1
    [17] VOLATILE '(anon)' type_id=16
    [18] PTR '(anon)' type_id=2
    [19] RESTRICT '(anon)' type_id=18
    [20] TYPE_TAG 'user' type_id=1
    [21] FUNC_PROTO '(anon)' ret_type_id=1 vlen=2
    	'fmt' type_id=18
    	'(anon)' type_id=0
    [22] FUNC 'print' type_id=21 linkage=global
    [23] FUNC_PROTO '(anon)' ret_type_id=0 vlen=0
    [24] FUNC 'helper' type_id=23 linkage=static
    [25] DECL_TAG 'hot' type_id=22 component_idx=-1
    [26] DECL_TAG 'first' type_id=22 component_idx=0
    [27] VAR 'counter' type_id=4, linkage=global
    [28] VAR 'hidden' type_id=1, linkage=static
    [29] DATASEC '.data' size=16 vlen=2
    	type_id=27 offset=0 size=8 (VAR 'counter')
    	type_id=28 offset=8 size=4 (VAR 'hidden')
    [30] FLOAT 'double' size=8
    "
  `);
});
