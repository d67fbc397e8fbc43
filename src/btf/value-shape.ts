import type { Btf } from './btf.ts';
import type { BtfComposite, BtfInt, BtfMember } from './types.ts';

/**
 * What a value of a type is in JavaScript. One table for both who reads values and who prints
 * their TypeScript types:
 *
 * | C | JavaScript |
 * |---|---|
 * | `_Bool` | boolean |
 * | integers and enumerations of up to 4 bytes | number |
 * | integers and enumerations of 8 and 16 bytes | bigint |
 * | `float`, `double` | number |
 * | pointers | bigint, the address |
 * | `char[n]` | string, up to the first NUL |
 * | `unsigned char[n]`, `signed char[n]`, `__u8[n]` | Uint8Array |
 * | other arrays | array |
 * | structs | object; members of anonymous structs stand among the others |
 * | unions | `{ bytes }`, and a member for each view of them |
 * | anonymous unions in a struct | the same, as `union0`, `union1` … |
 * | void, functions, declarations, `long double` | Uint8Array |
 */
export type ValueShape =
  | { readonly kind: 'bool'; readonly size: number }
  | { readonly kind: 'int'; readonly size: number; readonly signed: boolean }
  | { readonly kind: 'enum'; readonly size: number; readonly signed: boolean; readonly id: number }
  | { readonly kind: 'float'; readonly size: 4 | 8 }
  | { readonly kind: 'text'; readonly size: number }
  | { readonly kind: 'bytes'; readonly size: number }
  | { readonly kind: 'array'; readonly element: number; readonly count: number }
  | ComposedShape;

export interface ComposedShape {
  readonly kind: 'struct' | 'union';
  readonly id: number;
  readonly size: number;
  readonly members: readonly MemberShape[];
}

export interface MemberShape {
  readonly key: string;
  readonly type: number;
  readonly offsetBits: number;
  /** Of a bit field; 0 otherwise. */
  readonly bitSize: number;
}

/** Anonymous structs within each other. */
const MAX_DEPTH = 32;
/** Of one struct, with those of anonymous ones within it; those may be used more than once. */
const MAX_MEMBERS = 1 << 17;

/** @throws {FormatError} `BTF_CYCLE`, `BTF_NO_SUCH_TYPE`, `BTF_TOO_LARGE` */
export function valueShape(btf: Btf, id: number): ValueShape {
  const type = btf.resolve(id);
  switch (type.kind) {
    case 'int':
      if (type.bool) return { kind: 'bool', size: type.size };
      return isIntSize(type.size)
        ? { kind: 'int', size: type.size, signed: type.signed }
        : { kind: 'bytes', size: type.size };
    case 'enum':
    case 'enum64':
      return isIntSize(type.size)
        ? { kind: 'enum', size: type.size, signed: type.signed, id: type.id }
        : { kind: 'bytes', size: type.size };
    case 'float':
      return type.size === 4 || type.size === 8
        ? { kind: 'float', size: type.size }
        : { kind: 'bytes', size: type.size };
    case 'ptr':
      return { kind: 'int', size: 8, signed: false };
    case 'array': {
      const element = btf.resolve(type.type);
      if (element.kind === 'int' && element.size === 1 && !element.bool)
        return { kind: isText(element) ? 'text' : 'bytes', size: type.count };
      return { kind: 'array', element: type.type, count: type.count };
    }
    case 'struct':
    case 'union':
      return { kind: type.kind, id: type.id, size: type.size, members: composedMembers(btf, type) };
    case 'var':
      // The kernel takes none either (btf_var_resolve), and those could go round in a circle.
      if (btf.resolve(type.type).kind === 'var')
        throw btf.error('BTF_CYCLE', `types/${type.id}`, 'is a variable whose type is a variable');
      return valueShape(btf, type.type);
    default:
      return { kind: 'bytes', size: 0 };
  }
}

/** What the bytes of a union are called, beside its members. */
export function bytesKey(shape: ComposedShape): string {
  let key = 'bytes';
  while (shape.members.some((member) => member.key === key)) key += '_';
  return key;
}

const isIntSize = (size: number): boolean => [1, 2, 4, 8, 16].includes(size);

/** Clang calls plain `char` signed, GCC marks it; `unsigned char` has another name. */
const isText = (type: BtfInt): boolean => type.char || type.name === 'char';

function composedMembers(btf: Btf, type: BtfComposite): readonly MemberShape[] {
  const out: MemberShape[] = [];
  const taken = new Set<string>();
  let unions = 0;
  const add = (owner: BtfComposite, base: number, depth: number): void => {
    if (depth > MAX_DEPTH)
      throw btf.error(
        'BTF_CYCLE',
        `types/${type.id}`,
        `${MAX_DEPTH} anonymous structs lie within each other`,
      );
    for (const member of owner.members) {
      const offsetBits = base + member.offsetBits;
      const inner = btf.resolve(member.type);
      // Anything else without a name is padding.
      if (member.name === '' && inner.kind === 'struct') add(inner, offsetBits, depth + 1);
      else if (member.name === '' && inner.kind !== 'union') continue;
      else {
        let key = member.name;
        while (key === '' || taken.has(key)) key = member.name === '' ? `union${unions++}` : `${key}_`;
        taken.add(key);
        if (out.length >= MAX_MEMBERS)
          throw btf.error('BTF_TOO_LARGE', `types/${type.id}`, `has more than ${MAX_MEMBERS} members`);
        out.push({ key, type: member.type, ...bitsOf(btf, member, offsetBits) });
      }
    }
  };
  add(type, 0, 0);
  return out;
}

/** Before Linux 5.0 bit fields were INTs of their own with a width and an offset. */
function bitsOf(btf: Btf, member: BtfMember, offsetBits: number): { offsetBits: number; bitSize: number } {
  if (member.bitSize > 0) return { offsetBits, bitSize: member.bitSize };
  const type = btf.resolve(member.type);
  if (type.kind !== 'int' || (type.bits === type.size * 8 && offsetBits % 8 === 0))
    return { offsetBits, bitSize: 0 };
  return { offsetBits: offsetBits + type.bitOffset, bitSize: type.bits };
}
