import { TsbpfError } from '../../util/errors.ts';
import type { Btf } from '../btf.ts';
import type { BtfArray, BtfComposite } from '../types.ts';
import type { CoreSubject } from './kinds.ts';

/**
 * One step of an access that matters: a member with a name, or an element of an array. Anonymous
 * structs on the way are no steps, their offsets are counted all the same.
 */
export interface Accessor {
  /** Of a member: the struct or union that has it. Of an element: the element's type. Resolved. */
  readonly type: number;
  /** The member's or the element's index. */
  readonly index: number;
  /** undefined for an element. */
  readonly name: string | undefined;
}

/** An access as one BTF has it. */
export interface AccessPath {
  readonly btf: Btf;
  /** The type that it starts from, as the relocation names it. */
  readonly root: number;
  readonly accessors: readonly Accessor[];
  readonly bitOffset: number;
}

/** As other loaders have it; C cannot nest so deep in practice, and hostile input could. */
export const MAX_ACCESS_DEPTH = 64;
/** Indexes and sizes are 32-bit numbers; a sum of their products past this is damaged input. */
export const MAX_BIT_OFFSET: number = 2 ** 48;

/** An error of a relocation that is wrong in itself, whatever the kernel. */
export function badRelocation(btf: Btf, root: number, access: string, message: string): TsbpfError {
  const name = btf.type(root).name || `type ${root}`;
  return new TsbpfError('CORE_BAD_RELOCATION', `a CO-RE relocation of ${name} (${access}): ${message}`);
}

/**
 * Reads `0:1:2` against the types of the object itself.
 *
 * @throws {TsbpfError} `CORE_BAD_RELOCATION`
 */
export function parseAccess(btf: Btf, root: number, access: string, subject: CoreSubject): AccessPath {
  const fail = (message: string): TsbpfError => badRelocation(btf, root, access, message);
  const indexes = parseIndexes(access);
  if (!indexes) throw fail('the access is no list of indexes');
  switch (subject) {
    case 'type':
      if (access !== '0') throw fail('one of a whole type has access 0');
      return { btf, root, accessors: [], bitOffset: 0 };
    case 'enumValue': {
      const type = btf.resolve(root);
      if (type.kind !== 'enum' && type.kind !== 'enum64')
        throw fail(`is of an enum, but it is a ${type.kind}`);
      const value = type.values[indexes[0]!];
      if (!value || indexes.length > 1) throw fail('the enum has no such value');
      return {
        btf,
        root,
        accessors: [{ type: type.id, index: indexes[0]!, name: value.name }],
        bitOffset: 0,
      };
    }
    case 'field':
      return parseField(btf, root, indexes, fail);
  }
}

function parseIndexes(access: string): number[] | undefined {
  if (!/^\d{1,10}(?::\d{1,10})*$/.test(access)) return undefined;
  const indexes = access.split(':').map(Number);
  return indexes.length <= MAX_ACCESS_DEPTH && indexes.every((index) => index < 2 ** 31)
    ? indexes
    : undefined;
}

function parseField(
  btf: Btf,
  root: number,
  indexes: readonly number[],
  fail: (message: string) => TsbpfError,
): AccessPath {
  let type = btf.resolve(root);
  // The first index is that of C's pointer arithmetic: of an array of the root type.
  const accessors: Accessor[] = [{ type: type.id, index: indexes[0]!, name: undefined }];
  let bitOffset = indexes[0] === 0 ? 0 : indexes[0]! * btf.sizeOf(type.id) * 8;
  for (const index of indexes.slice(1)) {
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index];
      if (!member) throw fail(`${type.kind} ${type.name} has no member ${index}`);
      bitOffset += member.offsetBits;
      if (member.name !== '') accessors.push({ type: type.id, index, name: member.name });
      type = btf.resolve(member.type);
    } else if (type.kind === 'array') {
      if (index >= type.count && !isFlexibleArray(btf, accessors.at(-1), type))
        throw fail(`an array of ${type.count} has no element ${index}`);
      type = btf.resolve(type.type);
      accessors.push({ type: type.id, index, name: undefined });
      bitOffset += index * btf.sizeOf(type.id) * 8;
    } else throw fail(`goes on into a ${type.kind}, which has no parts`);
    if (bitOffset > MAX_BIT_OFFSET) throw fail('is farther than any type is large');
  }
  return { btf, root, accessors, bitOffset };
}

/** An array without a count, the last member of its struct: any index is good. */
export function isFlexibleArray(btf: Btf, accessor: Accessor | undefined, array: BtfArray): boolean {
  if (accessor?.name === undefined || array.count > 0) return false;
  const owner = btf.type(accessor.type) as BtfComposite;
  return accessor.index === owner.members.length - 1;
}
