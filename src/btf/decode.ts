import type { Btf } from './btf.ts';
import {
  BTF_TYPE_SIZE,
  flagOfInfo,
  IntEncoding,
  kindNames,
  kindOfInfo,
  linkages,
  vlenOfInfo,
} from './layout.ts';
import type {
  BtfEnumValue,
  BtfKindName,
  BtfLinkage,
  BtfMember,
  BtfParam,
  BtfSectionVar,
  BtfType,
} from './types.ts';

/** A type's record, while it is being read. */
interface Record12 {
  readonly btf: Btf;
  readonly view: DataView;
  readonly little: boolean;
  readonly id: number;
  readonly name: string;
  readonly vlen: number;
  readonly flag: boolean;
  /** The third word: a size in bytes, or a type. */
  readonly word: number;
  /** Byte offset of what follows the record. */
  readonly tail: number;
}

/**
 * Makes the type whose record starts at `offset`; its extent has been checked.
 *
 * @throws {FormatError} `BTF_NO_SUCH_TYPE`, `BTF_BAD_STRING`, `BTF_BAD_TYPE`
 */
export function decodeType(btf: Btf, view: DataView, little: boolean, id: number, offset: number): BtfType {
  if (id === 0) return Object.freeze({ kind: 'void', id, name: '' });
  const info = view.getUint32(offset + 4, little);
  const record: Record12 = {
    btf,
    view,
    little,
    id,
    name: btf.string(view.getUint32(offset, little)),
    vlen: vlenOfInfo(info),
    flag: flagOfInfo(info),
    word: view.getUint32(offset + 8, little),
    tail: offset + BTF_TYPE_SIZE,
  };
  return Object.freeze(decoders[kindNames[kindOfInfo(info)]!](record));
}

const decoders: Record<BtfKindName, (record: Record12) => BtfType> = {
  void: ({ id, name }) => ({ kind: 'void', id, name }),
  int: decodeInt,
  ptr: (record) => reference('ptr', record),
  array: (record) => ({
    kind: 'array',
    id: record.id,
    name: record.name,
    type: typeRef(record, word(record, 0)),
    indexType: typeRef(record, word(record, 4)),
    count: word(record, 8),
  }),
  struct: (record) => composite('struct', record),
  union: (record) => composite('union', record),
  enum: (record) => enumeration('enum', record, 8, enumValue),
  fwd: ({ id, name, flag }) => ({ kind: 'fwd', id, name, union: flag }),
  typedef: (record) => reference('typedef', record),
  volatile: (record) => reference('volatile', record),
  const: (record) => reference('const', record),
  restrict: (record) => reference('restrict', record),
  func: (record) => ({
    kind: 'func',
    id: record.id,
    name: record.name,
    type: typeRef(record, record.word),
    linkage: linkage(record, record.vlen),
  }),
  funcProto: (record) => ({
    kind: 'funcProto',
    id: record.id,
    name: record.name,
    type: typeRef(record, record.word),
    params: elements(record, 8, param),
  }),
  var: (record) => ({
    kind: 'var',
    id: record.id,
    name: record.name,
    type: typeRef(record, record.word),
    linkage: linkage(record, word(record, 0)),
  }),
  datasec: (record) => ({
    kind: 'datasec',
    id: record.id,
    name: record.name,
    size: record.word,
    vars: elements(record, 12, sectionVar),
  }),
  float: ({ id, name, word: size }) => ({ kind: 'float', id, name, size }),
  declTag: (record) => ({
    kind: 'declTag',
    id: record.id,
    name: record.name,
    type: typeRef(record, record.word),
    componentIndex: word(record, 0) | 0,
  }),
  typeTag: (record) => reference('typeTag', record),
  enum64: (record) => enumeration('enum64', record, 12, enum64Value),
};

/** The 32-bit word after an INT: bits in 0-7, bit offset in 16-23, encoding in 24-27. */
function decodeInt(record: Record12): BtfType {
  const data = word(record, 0);
  const encoding = (data >>> 24) & 0xf;
  return {
    kind: 'int',
    id: record.id,
    name: record.name,
    size: record.word,
    bits: data & 0xff,
    bitOffset: (data >>> 16) & 0xff,
    signed: (encoding & IntEncoding.SIGNED) !== 0,
    char: (encoding & IntEncoding.CHAR) !== 0,
    bool: (encoding & IntEncoding.BOOL) !== 0,
  };
}

function reference(
  kind: 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'typeTag',
  record: Record12,
): BtfType {
  return { kind, id: record.id, name: record.name, type: typeRef(record, record.word) };
}

function composite(kind: 'struct' | 'union', record: Record12): BtfType {
  return { kind, id: record.id, name: record.name, size: record.word, members: elements(record, 12, member) };
}

function member(record: Record12, at: number): BtfMember {
  const offset = word(record, at + 8);
  // With the kind's flag, a member's offset holds a bit field's size in its upper 8 bits.
  return {
    name: text(record, at),
    type: typeRef(record, word(record, at + 4)),
    offsetBits: record.flag ? offset & 0xff_ffff : offset,
    bitSize: record.flag ? offset >>> 24 : 0,
  };
}

function enumeration(
  kind: 'enum' | 'enum64',
  record: Record12,
  each: number,
  read: (record: Record12, at: number) => BtfEnumValue,
): BtfType {
  return {
    kind,
    id: record.id,
    name: record.name,
    size: record.word,
    signed: record.flag,
    values: elements(record, each, read),
  };
}

function enumValue(record: Record12, at: number): BtfEnumValue {
  const value = word(record, at + 4);
  return { name: text(record, at), value: BigInt(record.flag ? value | 0 : value) };
}

function enum64Value(record: Record12, at: number): BtfEnumValue {
  const value = BigInt(word(record, at + 4)) | (BigInt(word(record, at + 8)) << 32n);
  return { name: text(record, at), value: record.flag ? BigInt.asIntN(64, value) : value };
}

function param(record: Record12, at: number): BtfParam {
  return { name: text(record, at), type: typeRef(record, word(record, at + 4)) };
}

function sectionVar(record: Record12, at: number): BtfSectionVar {
  return {
    type: typeRef(record, word(record, at)),
    offset: word(record, at + 4),
    size: word(record, at + 8),
  };
}

function elements<T>(
  record: Record12,
  each: number,
  read: (record: Record12, at: number) => T,
): readonly T[] {
  const out: T[] = [];
  for (let index = 0; index < record.vlen; index++) out.push(Object.freeze(read(record, index * each)));
  return Object.freeze(out) as readonly T[];
}

function word(record: Record12, at: number): number {
  return record.view.getUint32(record.tail + at, record.little);
}

function text(record: Record12, at: number): string {
  return record.btf.string(word(record, at));
}

function typeRef({ btf, id }: Record12, type: number): number {
  if (type < btf.typeCount) return type;
  throw btf.error(
    'BTF_NO_SUCH_TYPE',
    `types/${id}`,
    `refers to type ${type}, but the numbers go up to ${btf.typeCount - 1}`,
  );
}

function linkage({ btf, id }: Record12, value: number): BtfLinkage {
  const known = linkages[value];
  if (known) return known;
  throw btf.error('BTF_BAD_TYPE', `types/${id}`, `its linkage is ${value}, but must be 0, 1 or 2`);
}
