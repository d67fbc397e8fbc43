import type { EnumType, EnumValue } from './c-type.ts';
import type { Cursor } from './cursor.ts';
import type { Token } from './lexer.ts';
import type { TypeNames } from './type-names.ts';

const MIN = -(2n ** 63n);
const MAX = 2n ** 64n - 1n;
/** BTF_MAX_VLEN. */
const MAX_VALUES = 65535;

/** Reads `{ RED, GREEN = 5 }`, the values of an enumeration, and makes them known. */
export function parseEnumBody(cursor: Cursor, names: TypeNames, tag: Token | undefined): EnumType {
  const open = cursor.expect('{', 'before the values of an enum');
  const values: EnumValue[] = [];
  let next = 0n;
  while (!cursor.is('}') && cursor.token.kind !== 'end') {
    cursor.recover(() => {
      const name = cursor.word('the name of a value');
      if (cursor.take('='))
        next = cursor.constant(`the value of '${name.text}'`, [',', '}'], names.constants);
      if (next < MIN || next > MAX)
        cursor.fail(name, 'out-of-range', `'${name.text}' is ${next}, which does not fit 64 bits`);
      names.addConstant(name.text, next, name);
      values.push({ name: name.text, value: next });
      next++;
      if (!cursor.is('}') && cursor.token.kind !== 'end') cursor.expect(',', 'between the values of an enum');
    }, ',');
  }
  if (!cursor.take('}')) cursor.fail(open, 'open-brace', "this '{' has no '}'");
  if (values.length === 0) cursor.fail(open, 'bad-declaration', 'an enum has one value at least');
  if (values.length > MAX_VALUES)
    cursor.fail(open, 'too-many-members', `an enum has ${MAX_VALUES} values at most`);
  const type: EnumType = {
    kind: 'enum',
    name: tag?.text ?? '',
    definedAt: tag ?? open,
    values,
    ...extent(values),
  };
  names.addEnum(type);
  return type;
}

/** As compilers choose: four bytes where all values fit an `int`, or an `unsigned int`; else eight. */
function extent(values: readonly EnumValue[]): Pick<EnumType, 'size' | 'signed'> {
  const signed = values.some(({ value }) => value < 0n);
  const fits = signed
    ? values.every(({ value }) => value === BigInt.asIntN(32, value))
    : values.every(({ value }) => value === BigInt.asUintN(32, value));
  return { size: fits ? 4 : 8, signed };
}
