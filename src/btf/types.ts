/**
 * Kind numbers of BTF (Linux, `Documentation/bpf/btf.rst`, section 2.2). Void is type 0 and has
 * no record.
 */
export const BtfKind = {
  void: 0,
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  funcProto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;
export type BtfKindName = keyof typeof BtfKind;

interface Header<K extends BtfKindName> {
  readonly kind: K;
  /** Its number; other types refer to it by this. */
  readonly id: number;
  /** Empty where the type has none. */
  readonly name: string;
}

export type BtfVoid = Header<'void'>;

export interface BtfInt extends Header<'int'> {
  /** Bytes. */
  readonly size: number;
  /** Bits that count, from `bitOffset`; all of them but in old bit fields. */
  readonly bits: number;
  readonly bitOffset: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
}

/** A kind that does nothing but name another type. */
export interface BtfReference
  extends Header<'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'typeTag'> {
  readonly type: number;
}

export interface BtfArray extends Header<'array'> {
  /** The element's type. */
  readonly type: number;
  readonly indexType: number;
  readonly count: number;
}

export interface BtfMember {
  readonly name: string;
  readonly type: number;
  readonly offsetBits: number;
  /** Of a bit field; 0 otherwise. */
  readonly bitSize: number;
}

export interface BtfComposite extends Header<'struct' | 'union'> {
  /** Bytes. */
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfEnumValue {
  readonly name: string;
  readonly value: bigint;
}

export interface BtfEnum extends Header<'enum' | 'enum64'> {
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly BtfEnumValue[];
}

/** A struct or union that is only declared. */
export interface BtfForward extends Header<'fwd'> {
  readonly union: boolean;
}

export type BtfLinkage = 'static' | 'global' | 'extern';

export interface BtfFunc extends Header<'func'> {
  /** Its prototype. */
  readonly type: number;
  readonly linkage: BtfLinkage;
}

export interface BtfParam {
  readonly name: string;
  readonly type: number;
}

export interface BtfFuncProto extends Header<'funcProto'> {
  /** The return type; 0 for void. */
  readonly type: number;
  /** A last one without name and type stands for `...`. */
  readonly params: readonly BtfParam[];
}

export interface BtfVar extends Header<'var'> {
  readonly type: number;
  readonly linkage: BtfLinkage;
}

export interface BtfSectionVar {
  /** A VAR, or an extern FUNC. */
  readonly type: number;
  /** Bytes from the section's start; clang leaves 0, to be filled from the symbol table. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

export interface BtfDatasec extends Header<'datasec'> {
  /** Bytes; clang leaves 0. */
  readonly size: number;
  readonly vars: readonly BtfSectionVar[];
}

export interface BtfFloat extends Header<'float'> {
  /** Bytes. */
  readonly size: number;
}

export interface BtfDeclTag extends Header<'declTag'> {
  readonly type: number;
  /** The member or parameter that is tagged; -1 for the type itself. */
  readonly componentIndex: number;
}

/** One type, frozen. Types refer to each other by number. */
export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfReference
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfForward
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag;
