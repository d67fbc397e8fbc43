import { expect, test } from 'vitest';
import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import { readBtfValue } from '../../src/kernel/inspect/btf-value.ts';
import { calledSymbols } from '../../src/kernel/inspect/kernel-symbols.ts';
import { elementText, hexLines } from '../../src/kernel/inspect/map-text.ts';
import { prettyValue } from '../../src/kernel/inspect/pretty.ts';
import { parseValueInput, type ValueInput } from '../../src/kernel/inspect/value-input.ts';
import { toHex } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';

const hexOf = (text: string, size: number, more: Partial<ValueInput> = {}): string =>
  toHex(parseValueInput(text, { side: 'key', size, ...more }));

test('numbers, bytes and prefixes become bytes', () => {
  expect(hexOf('7', 4)).toBe('07000000');
  expect(hexOf('-1', 2)).toBe('ffff');
  expect(hexOf('0x10', 1)).toBe('10');
  expect(hexOf('hex 1 02 ff', 3)).toBe('0102ff');
  expect(hexOf('hex 0x0102', 2)).toBe('0102');
  expect(hexOf('1 2 255', 3)).toBe('0102ff');
  expect(hexOf('10.1.2.3/16', 8, { prefix: true })).toBe('100000000a010000');
  expect(hexOf('2001:db8::/32', 20, { prefix: true })).toBe(`20000000${'20010db8'.padEnd(32, '0')}`);
});

property.prop([fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n })])(
  'a number is its little-endian bytes',
  (value) => {
    const bytes = parseValueInput(`${value}`, { side: 'value', size: 8 });
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt.asUintN(64, value));
  },
);

property.prop([fc.uint8Array({ minLength: 1, maxLength: 40 })])(
  'bytes are read as they are written',
  (bytes) => {
    expect(toHex(parseValueInput(`hex ${toHex(bytes, ' ')}`, { side: 'key', size: bytes.length }))).toBe(
      toHex(bytes),
    );
  },
);

property.prop([fc.string(), fc.nat(20)])(
  'any text is bytes of the right size, or refused in words',
  (text, size) => {
    try {
      expect(parseValueInput(text, { side: 'key', size, prefix: true }).length).toBe(size);
    } catch (error) {
      expect(error).toHaveProperty('code');
    }
  },
);

test('a type with views upon views of the same bytes is refused, and not walked', () => {
  const builder = new BtfBuilder();
  let type = builder.int('int', 4, { signed: true });
  for (let depth = 0; depth < 40; depth++)
    type = builder.union(`u${depth}`, 4, [
      { name: 'a', type, offsetBits: 0 },
      { name: 'b', type, offsetBits: 0 },
    ]);
  const btf = parseBtf(builder.build('little'));
  expect(() => readBtfValue(btf, type, new Uint8Array(4))).toThrow(/too many views/);
});

test('hexadecimal has 16 bytes a line in two groups', () => {
  const bytes = Uint8Array.from({ length: 17 }, (_, index) => index);
  expect(hexLines(bytes)).toBe('00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f\n10');
  expect(elementText({ key: bytes.subarray(0, 4), values: [], errno: 524 }, false)).toMatchInlineSnapshot(`
    "key:
    00 01 02 03
    value:
    Unknown error 524
    "
  `);
});

test('values are laid out as bpftool does', () => {
  const text = (value: string) => ({ kind: 'text', value }) as const;
  expect(
    prettyValue({
      kind: 'object',
      members: [
        ['a', { kind: 'array', elements: [] }],
        ['b', { kind: 'array', elements: [text('x"\n'), { kind: 'null' }] }],
        ['c', { kind: 'address', value: 255n }],
        ['d', { kind: 'object', members: [] }],
      ],
    }),
  ).toMatchInlineSnapshot(`
    "{
        "a": [],
        "b": ["x\\"\\n",null
        ],
        "c": 0xff,
        "d": {}
    }"
  `);
});

test('called functions are found by their distance', () => {
  const symbols =
    'ffffffff81000000 T __bpf_call_base\nffffffff81000010 t near\t[module]\nffffffff80ffff00 T before\n';
  expect([...calledSymbols([16, -256, 5], symbols)]).toEqual([
    [16, 'near'],
    [-256, 'before'],
  ]);
  expect(calledSymbols([16], symbols.replaceAll(/ffffffff8\w+/g, '0000000000000000')).size).toBe(0);
});
