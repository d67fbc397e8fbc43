import type { Range } from '../syntax/ast.ts';
import { type Attributes, copyAttributes, takeAttributes } from './attributes.ts';
import { type CType, type Member, strip } from './c-type.ts';
import type { Cursor } from './cursor.ts';
import type { TypeReader } from './parse-type.ts';

/** BTF_MAX_VLEN: members of a struct, parameters. */
export const MAX_MEMBERS = 65535;

/** The members between the braces of a struct or union. */
export function parseMembers(reader: TypeReader, kind: 'struct' | 'union'): Member[] {
  return reader.nest(() => {
    const cursor: Cursor = reader.cursor;
    const open = cursor.expect('{', `before the members of a ${kind}`);
    const out: Member[] = [];
    while (!cursor.is('}') && cursor.token.kind !== 'end') {
      if (!cursor.take(';')) cursor.recover(() => memberLine(reader, out), ';');
    }
    if (!cursor.take('}')) cursor.fail(open, 'open-brace', "this '{' has no '}'");
    if (out.length > MAX_MEMBERS)
      cursor.fail(open, 'too-many-members', `a ${kind} has ${MAX_MEMBERS} members at most`);
    checkNames(cursor, kind, out);
    return out;
  });
}

function memberLine(reader: TypeReader, out: Member[]): void {
  const cursor: Cursor = reader.cursor;
  const specifiers = reader.specifiers();
  if (specifiers.storage)
    cursor.fail(specifiers.range, 'bad-declaration', `a member cannot be ${specifiers.storage}`);
  if (cursor.is(';') || cursor.is('}')) {
    const { type, range, attributes } = specifiers;
    if (!specifiers.unnamed) cursor.fail(range, 'bad-declaration', 'this member has no name');
    out.push({ ...memberOf('', range, type, attributes), bits: undefined });
  } else {
    do {
      const attributes = copyAttributes(specifiers.attributes);
      if (cursor.is(':')) {
        const place = { start: cursor.token.start, end: cursor.peek().end };
        out.push({
          ...memberOf('', place, specifiers.type, attributes),
          bits: readBits(reader, specifiers.type, ''),
        });
        continue;
      }
      const { name, range, type } = reader.declarator(specifiers.type, attributes);
      if (name === undefined) cursor.unexpected('the name of a member');
      const bits = cursor.is(':') ? readBits(reader, type, name) : undefined;
      takeAttributes(cursor, attributes);
      out.push({ ...memberOf(name, range, type, attributes), bits });
    } while (cursor.take(','));
  }
  if (!cursor.is('}') && cursor.token.kind !== 'end') cursor.expect(';', 'behind a member');
}

function readBits(reader: TypeReader, type: CType, name: string): number {
  const cursor: Cursor = reader.cursor;
  cursor.next();
  const { token } = cursor;
  const value = cursor.constant(
    'the width of a bit field',
    [';', ',', '}', '__attribute__', '__packed'],
    reader.names.constants,
  );
  const plain = strip(type);
  if (plain.kind !== 'int' && plain.kind !== 'enum')
    cursor.fail(token, 'bad-bit-field', 'a bit field is of an integer or an enum');
  const most = plain.kind === 'int' && plain.bool ? 1 : plain.size * 8;
  if (value < (name === '' ? 0n : 1n) || value > BigInt(most))
    cursor.fail(
      { start: token.start, end: cursor.last.end },
      'bad-bit-field',
      `a bit field of this type has ${most === 1 ? '1 bit' : `1 to ${most} bits`}, not ${value}`,
    );
  return Number(value);
}

/** Names of one struct must differ, those of unnamed structs in it among them. */
function checkNames({ problems }: Cursor, kind: string, members: readonly Member[]): void {
  const seen = new Map<string, Range>();
  const visit = (list: readonly Member[]): void => {
    for (const member of list) {
      const inner = strip(member.type);
      if (member.name === '' && (inner.kind === 'struct' || inner.kind === 'union'))
        visit(inner.body?.members ?? []);
      if (member.name === '') continue;
      const first = seen.get(member.name);
      if (first)
        problems.error(member.range, 'defined-twice', `this ${kind} has two members '${member.name}'`, {
          labels: [problems.label(first, 'first defined here')],
        });
      else seen.set(member.name, member.range);
    }
  };
  visit(members);
}

function memberOf(name: string, range: Range, type: CType, attributes: Attributes): Omit<Member, 'bits'> {
  const { packed, align, declTags } = attributes;
  return { name, range: { start: range.start, end: range.end }, type, align, packed, declTags };
}
