import { describe, expect, test } from 'vitest';
import { BtfBuilder, type BtfFeatures, btfToText, parseBtf, sanitiseBtf } from '../../src/btf/index.ts';
import { everyKind } from './every-kind.ts';

const source = parseBtf(everyKind().build('little'));

/** The types that are printed otherwise than before, or are new. */
function changes(features: BtfFeatures): string {
  const blocks = (text: string): string[] => text.split(/\n(?=\[)/).map((block) => block.trimEnd());
  const before = new Set(blocks(btfToText(source)));
  const after = blocks(btfToText(parseBtf(sanitiseBtf(source, features))));
  return after.filter((block) => !before.has(block)).join('\n');
}

describe('what a kernel does not know becomes something that it does', () => {
  test('nothing changes for one that knows all', () => {
    expect(sanitiseBtf(source, {})).toBe(source.bytes);
    expect(sanitiseBtf(source, { func: true, enum64: true })).toBe(source.bytes);
  });

  test('variables and sections', () => {
    expect(changes({ datasec: false })).toMatchInlineSnapshot(`
      "[25] INT 'hot' size=1 bits_offset=0 nr_bits=8 encoding=(none)
      [26] INT 'first' size=1 bits_offset=0 nr_bits=8 encoding=(none)
      [27] INT 'counter' size=1 bits_offset=0 nr_bits=8 encoding=(none)
      [28] INT 'hidden' size=1 bits_offset=0 nr_bits=8 encoding=(none)
      [29] STRUCT '_data' size=16 vlen=2
      	'counter' type_id=27 bits_offset=0
      	'hidden' type_id=28 bits_offset=64"
    `);
  });

  test('functions', () => {
    expect(changes({ func: false })).toMatchInlineSnapshot(`
      "[21] ENUM '(anon)' encoding=UNSIGNED size=4 vlen=2
      	'fmt' val=18
      	'_' val=0
      [22] TYPEDEF 'print' type_id=21
      [23] ENUM '(anon)' encoding=UNSIGNED size=4 vlen=0
      [24] TYPEDEF 'helper' type_id=23
      [25] INT 'hot' size=1 bits_offset=0 nr_bits=8 encoding=(none)
      [26] INT 'first' size=1 bits_offset=0 nr_bits=8 encoding=(none)"
    `);
  });

  test('linkage of functions', () => {
    expect(changes({ globalFunc: false })).toMatchInlineSnapshot(
      `"[22] FUNC 'print' type_id=21 linkage=static"`,
    );
  });

  test('floats', () => {
    expect(changes({ float: false })).toMatchInlineSnapshot(`"[30] STRUCT '(anon)' size=8 vlen=0"`);
  });

  test('tags', () => {
    expect(changes({ declTag: false, typeTag: false })).toMatchInlineSnapshot(`
      "[20] CONST '(anon)' type_id=1
      [25] INT 'hot' size=1 bits_offset=0 nr_bits=8 encoding=(none)
      [26] INT 'first' size=1 bits_offset=0 nr_bits=8 encoding=(none)"
    `);
  });

  test('64-bit and signed enumerations', () => {
    expect(changes({ enum64: false })).toMatchInlineSnapshot(`
      "[10] ENUM 'signed_answer' encoding=UNSIGNED size=4 vlen=2
      	'FAILED' val=4294967274
      	'DONE' val=0
      [11] UNION 'huge' size=8 vlen=2
      	'FIRST' type_id=31 bits_offset=0
      	'LAST' type_id=31 bits_offset=0
      [12] UNION 'low' size=8 vlen=1
      	'BOTTOM' type_id=31 bits_offset=0
      [31] INT '__enum64_value' size=1 bits_offset=0 nr_bits=8 encoding=(none)"
    `);
  });

  test('a question mark in a section name', () => {
    const builder = new BtfBuilder();
    builder.datasec('?.struct_ops', 8, []);
    const bytes = sanitiseBtf(parseBtf(builder.build('big')), { questionMarkDatasec: false });
    expect(parseBtf(bytes).type(1).name).toBe('_.struct_ops');
  });

  test('all at once leaves the eleven kinds of Linux 4.18, and numbers and strings where they were', () => {
    const none: Required<BtfFeatures> = {
      func: false,
      datasec: false,
      questionMarkDatasec: false,
      globalFunc: false,
      float: false,
      declTag: false,
      typeTag: false,
      enum64: false,
    };
    const after = parseBtf(sanitiseBtf(source, none));
    const kinds = new Set(Array.from({ length: after.typeCount }, (_, id) => after.kindOf(id)));
    expect([...kinds].sort()).toEqual(
      'array const enum fwd int ptr restrict struct typedef union void volatile'.split(' '),
    );
    expect(after.typeCount).toBe(source.typeCount + 1);
    for (let offset = 0; offset < source.stringsEnd; offset++)
      expect(after.string(offset)).toBe(source.string(offset));
  });
});
