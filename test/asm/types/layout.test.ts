import { describe, expect } from 'vitest';
import type { Composite } from '../../../src/asm/types/c-type.ts';
import { BtfTypes } from '../../../src/asm/types/to-btf.ts';
import { BtfBuilder } from '../../../src/btf/index.ts';
import { viewOf } from '../../../src/util/bytes.ts';
import { fc, test } from '../../support/property.ts';
import { hasTool } from '../tools.ts';
import { btfOf, compileC, meanings, written } from './clang.ts';
import { declare, shown } from './tools.ts';

const INTS = ['u8', 's16', 'u32', 'u64', 'char', 'long', 'bool', 'unsigned int', 'long long', '__be16'];
const BITS: Readonly<Record<string, number>> = {
  u8: 8,
  s16: 16,
  u32: 32,
  u64: 64,
  char: 8,
  long: 64,
  bool: 1,
  int: 32,
};

const name = fc.constantFrom(...'abcdefgh');
const attribute = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  fc.constantFrom(' __packed', ' __aligned(2)', ' __aligned(16)', ' __attribute__((packed, aligned(4)))'),
);
const bitField = fc
  .constantFrom(...Object.keys(BITS))
  .chain((type) =>
    fc.oneof(
      fc.tuple(fc.constant(type), name, fc.integer({ min: 1, max: BITS[type]! }), attribute),
      fc.tuple(fc.constant(type), fc.constant(''), fc.integer({ min: 0, max: BITS[type]! }), fc.constant('')),
    ),
  )
  .map(
    ([type, field, bits, attributes]) =>
      `${type} ${field}${field && '$'} : ${bits}${field && attributes.includes('aligned') ? '' : attributes}`,
  );
const plain = fc
  .tuple(
    fc.constantFrom(
      ...INTS,
      'struct other *',
      'enum colour',
      'const volatile u32',
      'pair',
      'struct packed_pair',
    ),
    fc.constantFrom('', '*', '**'),
    name,
    fc.constantFrom('', '[3]', '[2][2]', '[0]'),
    attribute,
  )
  .map(
    ([type, stars, field, array, attributes]) =>
      `${type.replace(/^pair$/, 'struct pair')} ${stars}${field}$${array}${attributes}`,
  );

/** Members with `$` behind their names, which becomes a number: names of one struct must differ. */
const members: fc.Arbitrary<string> = fc.letrec<{ body: string; member: string }>((tie) => ({
  body: fc
    .array(tie('member'), { minLength: 1, maxLength: 6 })
    .map((list) => `{ ${list.map((one) => `${one};`).join(' ')} }`),
  member: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    plain,
    bitField,
    fc
      .tuple(fc.constantFrom('struct', 'union'), tie('body'), attribute)
      .map(([kind, body, after]) => `${kind} ${body}${after}`),
    fc
      .tuple(fc.constantFrom('struct', 'union'), tie('body'), name, fc.constantFrom('', '[2]'))
      .map(([kind, body, field, array]) => `${kind} ${body} ${field}$${array}`),
  ),
})).body;

const composite = fc.tuple(fc.constantFrom('struct', 'union'), members, attribute);
const structs = fc.array(composite, { minLength: 20, maxLength: 20 }).map((list) =>
  list.map(([kind, body, after], index) => {
    let count = 0;
    return { kind, name: `s${index}`, body: body.replace(/\$/g, () => `${count++}`) + after };
  }),
);

const COMMON = [
  ['struct', 'pair', '{ u8 first; u64 second; }'],
  ['struct', 'packed_pair', '{ u8 first; u64 second; } __attribute__((packed))'],
] as const;

/** Size, alignment and all that BTF says of 20 structs at a time. */
function compare(
  list: readonly { kind: string; name: string; body: string }[],
  endian: 'little' | 'big',
): void {
  const all = [...COMMON.map(([kind, each, body]) => ({ kind, name: each, body })), ...list];
  const ours = declare(
    `.enum colour { RED }\n${all.map((one) => `.${one.kind} ${one.name} ${one.body}`).join('\n')}`,
  );
  expect(shown(ours.problems)).toBe('\n');
  const object = compileC(
    `enum colour { RED };\n${all.map((one) => `${one.kind} ${one.name} ${one.body};\n${one.kind} ${one.name} v_${one.name};`).join('\n')}
     long extents[] __attribute__((section(".data.extents"))) = { ${all.map((one) => `sizeof(${one.kind} ${one.name}), _Alignof(${one.kind} ${one.name})`).join()} };`,
    endian,
  );
  const typeOf = (one: { kind: string; name: string }): Composite =>
    ours.registry.tag(one.kind as 'struct', one.name, { start: 0, end: 0 }) as Composite;
  const types = new BtfTypes(new BtfBuilder(), ours.registry);
  for (const one of all) types.idOf(typeOf(one));
  const [theirs, mine] = [meanings(btfOf(object)), meanings(written(types, endian))];
  const view = viewOf(object.sections.find((section) => section.name === '.data.extents')!.bytes!);
  for (const [index, one] of all.entries()) {
    const place = (nth: number): number =>
      Number(view.getBigInt64((2 * index + nth) * 8, endian === 'little'));
    const { size, align } = ours.registry.layoutOf(typeOf(one), {
      start: 0,
      end: 0,
    })!;
    expect({ ...one, size, align }).toEqual({ ...one, size: place(0), align: place(1) });
    const key = `${one.kind} ${one.name}`;
    expect(`${one.body}\n${mine.get(key)}`).toBe(`${one.body}\n${theirs.get(key)}`);
  }
}

describe.skipIf(!hasTool('clang-19'))('structs lie as clang lays them', () => {
  for (const endian of ['little', 'big'] as const)
    test.prop([structs], { numRuns: 12 })(`${endian} endian`, (list) => compare(list, endian));
});
