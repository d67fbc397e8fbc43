import { CoreKind } from '../../btf/core/kinds.ts';
import type { Endian } from '../../util/bytes.ts';
import type { Range } from '../syntax/ast.ts';
import { attempt, type CText } from './c-text.ts';
import { type CType, strip, typeText } from './c-type.ts';
import type { Cursor } from './cursor.ts';
import { type FieldPlace, lookUp, readSteps } from './field-path.ts';
import type { TypeReader } from './parse-type.ts';
import type { TypeRegistry } from './registry.ts';

/** What a CO-RE relocation asks, and what the types of the file answer. */
export interface CoreReference extends Range {
  readonly kind: CoreKind;
  /** The type that the relocation names. */
  readonly type: CType;
  /** Indexes of members and elements, as compilers write them: `0:1:2`. */
  readonly access: string;
  /**
   * What the instruction holds until a loader knows better; undefined where that is the number of
   * `type` in the file's BTF.
   */
  readonly value: bigint | undefined;
  /** Compilers put these into an `lddw`, others into a `mov`. */
  readonly wide: boolean;
}

type Subject = 'field' | 'type' | 'enumValue';

/** What can be written behind `core.`. */
const WORDS: Readonly<Record<string, { readonly kind: CoreKind; readonly subject: Subject }>> = {
  offset: { kind: CoreKind.FIELD_BYTE_OFFSET, subject: 'field' },
  size: { kind: CoreKind.FIELD_BYTE_SIZE, subject: 'field' },
  exists: { kind: CoreKind.FIELD_EXISTS, subject: 'field' },
  signed: { kind: CoreKind.FIELD_SIGNED, subject: 'field' },
  lshift: { kind: CoreKind.FIELD_LSHIFT_U64, subject: 'field' },
  rshift: { kind: CoreKind.FIELD_RSHIFT_U64, subject: 'field' },
  type_id_local: { kind: CoreKind.TYPE_ID_LOCAL, subject: 'type' },
  type_id: { kind: CoreKind.TYPE_ID_TARGET, subject: 'type' },
  type_exists: { kind: CoreKind.TYPE_EXISTS, subject: 'type' },
  type_size: { kind: CoreKind.TYPE_SIZE, subject: 'type' },
  type_matches: { kind: CoreKind.TYPE_MATCHES, subject: 'type' },
  enum_exists: { kind: CoreKind.ENUMVAL_EXISTS, subject: 'enumValue' },
  enum_value: { kind: CoreKind.ENUMVAL_VALUE, subject: 'enumValue' },
};

/** The words that can be written behind `core.`. */
export const CORE_WORDS: readonly string[] = Object.keys(WORDS);

/**
 * Reads `core.offset(task_struct.pid)`, `core.type_exists(task_struct)`, `core.enum_value(colour.RED)`.
 *
 * @param endian the file's, which the shift of a bit field depends on
 * @returns undefined after a problem was reported
 */
export function parseCore(registry: TypeRegistry, text: CText, endian: Endian): CoreReference | undefined {
  return attempt(() => {
    const reader = registry.reader(text);
    const cursor: Cursor = reader.cursor;
    const { start } = cursor.expect('core', 'at the start');
    cursor.expect('.', "behind 'core'");
    const word = cursor.word('what is asked');
    const known = Object.hasOwn(WORDS, word.text) ? WORDS[word.text] : undefined;
    if (!known) {
      const help = registry.problems.suggest(word.text, CORE_WORDS);
      cursor.fail(
        word,
        'unknown-core',
        `there is no 'core.${word.text}'`,
        help.length > 0 ? help : [`known are ${CORE_WORDS.join(', ')}`],
      );
    }
    cursor.expect('(', `behind 'core.${word.text}'`);
    const found = readers[known.subject](registry, reader, known.kind, endian);
    const { end } = cursor.expect(')', "behind what 'core' asks about");
    cursor.end();
    return found && { ...found, kind: known.kind, start, end };
  });
}

type Found = Pick<CoreReference, 'type' | 'access' | 'value' | 'wide'>;
type Reader = (
  registry: TypeRegistry,
  reader: TypeReader,
  kind: CoreKind,
  endian: Endian,
) => Found | undefined;

const readers: Readonly<Record<Subject, Reader>> = {
  field: readField,
  type: readType,
  enumValue: readEnumValue,
};

function readField(
  registry: TypeRegistry,
  reader: TypeReader,
  kind: CoreKind,
  endian: Endian,
): Found | undefined {
  const cursor: Cursor = reader.cursor;
  const { type, range } = reader.specifiers();
  const steps = readSteps(cursor, registry);
  const whole = { start: range.start, end: cursor.last.end };
  if (steps.length === 0)
    cursor.fail(whole, 'bad-core', 'this asks about a field, but only a type is named', [
      `write '${typeText(type)}.' and the field`,
    ]);
  const place = lookUp(registry, type, steps, whole);
  if (!place) return undefined;
  const isElement = steps.at(-1)!.kind === 'element';
  const hasOffsetAlone: readonly CoreKind[] = [
    CoreKind.FIELD_BYTE_OFFSET,
    CoreKind.FIELD_BYTE_SIZE,
    CoreKind.FIELD_EXISTS,
  ];
  if (isElement && !hasOffsetAlone.includes(kind))
    cursor.fail(whole, 'bad-core', 'an element of an array has a place and a size, nothing else');
  return {
    type,
    access: ['0', ...place.indexes].join(':'),
    value: localValue(kind, place, endian),
    wide: false,
  };
}

/** As `fieldValue` of src/btf/core has it for the types of a kernel. */
function localValue(kind: CoreKind, { offset, size, bits, type }: FieldPlace, endian: Endian): bigint {
  switch (kind) {
    case CoreKind.FIELD_BYTE_OFFSET:
      return BigInt(offset);
    case CoreKind.FIELD_BYTE_SIZE:
      return BigInt(size);
    case CoreKind.FIELD_SIGNED: {
      const plain = strip(type);
      return (plain.kind === 'int' || plain.kind === 'enum') && plain.signed ? 1n : 0n;
    }
    case CoreKind.FIELD_LSHIFT_U64: {
      const before = bits ? bits.offset - offset * 8 : 0;
      const length = bits?.size ?? size * 8;
      return BigInt(endian === 'little' ? 64 - (before + length) : (8 - size) * 8 + before);
    }
    case CoreKind.FIELD_RSHIFT_U64:
      return BigInt(64 - (bits?.size ?? size * 8));
    default:
      return 1n;
  }
}

function readType(registry: TypeRegistry, reader: TypeReader, kind: CoreKind): Found | undefined {
  const { start } = reader.cursor.token;
  const type = reader.typeName();
  const range = { start, end: reader.cursor.last.end };
  if (kind === CoreKind.TYPE_EXISTS || kind === CoreKind.TYPE_MATCHES)
    return { type, access: '0', value: 1n, wide: false };
  if (kind !== CoreKind.TYPE_SIZE) return { type, access: '0', value: undefined, wide: true };
  const size = registry.sizeOf(type, range);
  return size === undefined ? undefined : { type, access: '0', value: BigInt(size), wide: false };
}

/** `colour.RED`, `enum colour.RED`. */
function readEnumValue(registry: TypeRegistry, reader: TypeReader, kind: CoreKind): Found | undefined {
  const cursor: Cursor = reader.cursor;
  const { type, range } = reader.specifiers();
  const plain = strip(type);
  if (plain.kind !== 'enum')
    cursor.fail(range, 'bad-core', `this asks about an enum, but '${typeText(type)}' is none`);
  cursor.expect('.', 'behind the name of an enum');
  const name = cursor.word('the name of a value');
  const index = plain.values.findIndex((each) => each.name === name.text);
  if (index < 0)
    cursor.fail(
      name,
      'unknown-field',
      `'${typeText(plain)}' has no value '${name.text}'`,
      registry.problems.suggest(
        name.text,
        plain.values.map((each) => each.name),
      ),
    );
  const value = kind === CoreKind.ENUMVAL_EXISTS ? 1n : plain.values[index]!.value;
  return { type, access: String(index), value, wide: true };
}
