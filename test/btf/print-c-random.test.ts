import { describe, expect } from 'vitest';
import {
  type Btf,
  BtfBuilder,
  type BtfComposite,
  type BtfMemberInput,
  btfToC,
  parseBtf,
} from '../../src/btf/index.ts';
import { hasTool } from '../object/fixtures.ts';
import { fc, test as property } from '../support/property.ts';
import { btfOf, compileText, complaints } from './tools.ts';

/** A member: which type, how many bits if it is a bit field, and how far behind the one before. */
const member = fc.record({
  size: fc.constantFrom(1, 2, 4, 8),
  bits: fc.oneof(
    { arbitrary: fc.constant(0), weight: 3 },
    { arbitrary: fc.integer({ min: 1, max: 64 }), weight: 1 },
  ),
  array: fc.constantFrom(0, 0, 3),
  gap: fc.constantFrom(0, 0, 0, 1, 2, 3, 5, 8, 24),
  misaligned: fc.boolean(),
});
const composite = fc.record({
  members: fc.array(member, { minLength: 1, maxLength: 8 }),
  packed: fc.boolean(),
  tail: fc.constantFrom(0, 0, 1, 4, 16, 40),
});

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

describe.skipIf(!hasTool('clang-19'))('structs of any layout', () => {
  const shapesOf = fc.array(composite, { minLength: 100, maxLength: 150 });
  property.prop([shapesOf], { numRuns: 4 })('are laid out by a compiler as the types say', (shapes) => {
    const btf = new BtfBuilder();
    const ints = new Map([1, 2, 4, 8].map((size) => [size, btf.int(`u${size * 8}`, size)]));
    const index = ints.get(4)!;
    const checks: string[] = [];
    for (const [number, shape] of shapes.entries()) {
      const name = `s${number}`;
      const members: BtfMemberInput[] = [];
      let end = 0;
      let align = 1;
      for (const [at, { size, bits, array, gap, misaligned }] of shape.members.entries()) {
        const wanted = end + gap * 8;
        const unit = size * 8;
        if (bits > 0 && bits <= unit) {
          // A bit field does not cross the words of its type.
          const start = (wanted % unit) + bits > unit ? roundUp(wanted, unit) : wanted;
          members.push({ name: `m${at}`, type: ints.get(size)!, offsetBits: start, bitSize: bits });
          end = start + bits;
        } else {
          const start = roundUp(wanted, shape.packed && misaligned ? 8 : unit);
          const type = array ? btf.array(ints.get(size)!, index, array) : ints.get(size)!;
          members.push({ name: `m${at}`, type, offsetBits: start });
          checks.push(
            `_Static_assert(__builtin_offsetof(struct ${name}, m${at}) == ${start / 8}, "${name}.m${at}");`,
          );
          end = start + unit * (array || 1);
        }
        align = Math.max(align, size);
      }
      const size = roundUp(Math.ceil(end / 8) + shape.tail, shape.packed ? 1 : align);
      btf.struct(name, size, members);
      checks.push(`_Static_assert(sizeof(struct ${name}) == ${size}, "size of ${name}");`);
    }
    const types =
      'typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;';
    const source = parseBtf(btf.build('little'));
    const text = `${types}\n${btfToC(source)}`;
    expect(complaints(`${text}\n${checks.join('\n')}\n`)).toBe('');

    // Where bit fields lie, the compiler tells in the types that it writes itself.
    const uses = shapes.map((_, number) => `struct s${number} v${number};`);
    const compiled = btfOf(compileText(`${text}\n${uses.join('\n')}\n`));
    for (const number of shapes.keys())
      expect(membersOf(compiled, `s${number}`)).toEqual(membersOf(source, `s${number}`));
  });
});

function membersOf(btf: Btf, name: string): object {
  const type = btf.type(btf.findByName(name, 'struct')!) as BtfComposite;
  const named = type.members.filter((member) => member.name !== '');
  return { name, size: type.size, members: named.map(({ type: _, ...member }) => member) };
}
