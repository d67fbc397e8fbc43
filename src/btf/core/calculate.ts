import type { Btf } from '../btf.ts';
import type { BtfComposite, BtfEnum } from '../types.ts';
import { type AccessPath, badRelocation } from './access.ts';
import { CoreKind } from './kinds.ts';

/** What a relocation comes to in one BTF. */
export interface CoreValue {
  readonly value: bigint;
  /** True where the compiler must have put the object's own value into the instruction. */
  readonly checked: boolean;
  /** Bytes of the field and its resolved type, where a load or store of it may change its size. */
  readonly field?: { readonly size: number; readonly type: number };
}

/** Bits of a field, and the aligned word that a program loads to get them. */
interface FieldPlace {
  readonly type: number;
  readonly bitOffset: number;
  readonly bits: number;
  readonly byteOffset: number;
  readonly byteSize: number;
  readonly isBitField: boolean;
}

/** Loads are of 8 bytes at most. */
const MAX_LOAD = 8;

/**
 * The value of a field relocation. An element has a place and a size alone.
 *
 * @param path undefined where the kernel has no such field
 * @returns undefined where there is none: what needs it cannot run
 * @throws {TsbpfError} `CORE_BAD_RELOCATION`
 */
export function fieldValue(kind: number, path: AccessPath | undefined): CoreValue | undefined {
  if (kind === CoreKind.FIELD_EXISTS) return { value: path ? 1n : 0n, checked: true };
  if (!path) return undefined;
  const last = path.accessors.at(-1)!;
  if (last.name === undefined) return elementValue(kind, path, last.type);
  const place = placeOf(path);
  const { bitOffset, bits, byteOffset, byteSize, isBitField } = place;
  switch (kind) {
    case CoreKind.FIELD_BYTE_OFFSET: {
      const value = BigInt(byteOffset);
      // Compilers and this may choose other words for the same bits.
      if (isBitField) return { value, checked: false };
      return { value, checked: true, field: { size: byteSize, type: place.type } };
    }
    case CoreKind.FIELD_BYTE_SIZE:
      return { value: BigInt(byteSize), checked: !isBitField };
    case CoreKind.FIELD_SIGNED:
      return { value: isSigned(path.btf, place.type) ? 1n : 0n, checked: true };
    case CoreKind.FIELD_LSHIFT_U64: {
      const before = bitOffset - byteOffset * 8;
      const shift = path.btf.endian === 'little' ? 64 - (before + bits) : (MAX_LOAD - byteSize) * 8 + before;
      return { value: BigInt(shift), checked: !isBitField };
    }
    case CoreKind.FIELD_RSHIFT_U64:
      return { value: BigInt(64 - bits), checked: true };
    default:
      throw badRelocation(path.btf, path.root, '', `its kind ${kind} is not known`);
  }
}

function elementValue(kind: number, path: AccessPath, type: number): CoreValue {
  const { btf } = path;
  if (kind === CoreKind.FIELD_BYTE_OFFSET)
    return {
      value: BigInt(Math.floor(path.bitOffset / 8)),
      checked: true,
      field: { size: btf.sizeOf(type), type },
    };
  if (kind === CoreKind.FIELD_BYTE_SIZE) return { value: BigInt(btf.sizeOf(type)), checked: true };
  throw badRelocation(btf, path.root, '', 'an element of an array has a place and a size, nothing else');
}

function placeOf(path: AccessPath): FieldPlace {
  const { btf, bitOffset, accessors } = path;
  const last = accessors.at(-1)!;
  const member = (btf.type(last.type) as BtfComposite).members[last.index]!;
  const type = btf.resolve(member.type);
  const size = btf.sizeOf(type.id);
  if (member.bitSize === 0) {
    const byteOffset = Math.floor(bitOffset / 8);
    return { type: type.id, bitOffset, bits: size * 8, byteOffset, byteSize: size, isBitField: false };
  }
  let byteSize = Math.max(size, 1);
  let byteOffset = Math.floor(bitOffset / 8 / byteSize) * byteSize;
  // The smallest aligned word that holds all of its bits.
  while (bitOffset + member.bitSize > (byteOffset + byteSize) * 8) {
    if (byteSize >= MAX_LOAD)
      throw badRelocation(
        btf,
        path.root,
        '',
        `the bit field ${member.name} needs a load of more than 8 bytes`,
      );
    byteSize *= 2;
    byteOffset = Math.floor(bitOffset / 8 / byteSize) * byteSize;
  }
  return { type: type.id, bitOffset, bits: member.bitSize, byteOffset, byteSize, isBitField: true };
}

function isSigned(btf: Btf, id: number): boolean {
  const type = btf.type(id);
  return (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') && type.signed;
}

/** The value of a type relocation: zero where the kernel has no such type. */
export function typeValue(kind: number, path: AccessPath | undefined): CoreValue {
  if (!path) return { value: 0n, checked: kind !== CoreKind.TYPE_ID_TARGET };
  switch (kind) {
    case CoreKind.TYPE_EXISTS:
    case CoreKind.TYPE_MATCHES:
      return { value: 1n, checked: true };
    case CoreKind.TYPE_SIZE:
      return { value: BigInt(path.btf.sizeOf(path.root)), checked: true };
    case CoreKind.TYPE_ID_TARGET:
      // A linker that removes duplicates renumbers types without touching code.
      return { value: BigInt(path.root), checked: false };
    default:
      throw badRelocation(path.btf, path.root, '', `its kind ${kind} is not known`);
  }
}

/** The value of an enum relocation, or undefined as for fields. */
export function enumValue(kind: number, path: AccessPath | undefined): CoreValue | undefined {
  if (kind === CoreKind.ENUMVAL_EXISTS) return { value: path ? 1n : 0n, checked: true };
  if (!path) return undefined;
  const { type, index } = path.accessors[0]!;
  return { value: (path.btf.type(type) as BtfEnum).values[index]!.value, checked: true };
}

/** Whether a load or store may be made to fit the size that a field has in the kernel. */
export function canResize(local: Btf, localType: number, target: Btf, targetType: number): boolean {
  const a = local.type(localType);
  const b = target.type(targetType);
  if (a.kind === 'ptr' && b.kind === 'ptr') return true;
  // Sign extension would be missing from a load of a signed one.
  return a.kind === 'int' && b.kind === 'int' && !a.signed && !b.signed;
}
