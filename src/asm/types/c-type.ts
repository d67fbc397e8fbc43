import type { Range } from '../syntax/ast.ts';

export interface IntType {
  readonly kind: 'int';
  /** As compilers call it in BTF: `unsigned int`. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly bool: boolean;
}

export interface EnumValue {
  readonly name: string;
  readonly value: bigint;
}

export interface EnumType {
  readonly kind: 'enum';
  /** Empty where it has none. */
  readonly name: string;
  readonly definedAt: Range | undefined;
  readonly values: readonly EnumValue[];
  /** Bytes: 4, or 8 where a value needs them. */
  readonly size: number;
  readonly signed: boolean;
}

export interface Param {
  readonly name: string;
  readonly type: CType;
  readonly range: Range;
  readonly declTags: readonly string[];
}

export interface FuncType {
  readonly kind: 'func';
  readonly returns: CType;
  readonly params: readonly Param[];
  /** `...` */
  readonly variadic: boolean;
}

export interface Member {
  /** Empty for an unnamed struct or union, and for an unnamed bit field. */
  readonly name: string;
  readonly range: Range;
  readonly type: CType;
  /** Of a bit field; 0 moves on to the next word of the type. */
  readonly bits: number | undefined;
  /** What `__attribute__((aligned(N)))` says, bytes. */
  readonly align: number;
  readonly packed: boolean;
  readonly declTags: readonly string[];
}

export interface CompositeBody {
  readonly members: readonly Member[];
  readonly packed: boolean;
  /** Bytes; 1 where nothing was said. */
  readonly align: number;
  readonly preserveAccessIndex: boolean;
  readonly declTags: readonly string[];
}

/** A member with its place. */
export interface PlacedMember extends Member {
  /** From the start of its struct; 0 in a union. */
  readonly offsetBits: number;
}

/** How a struct or union lies in memory. */
export interface Layout {
  /** Bytes. */
  readonly size: number;
  readonly align: number;
  /** Without unnamed bit fields, as debuggers and BTF count them. */
  readonly members: readonly PlacedMember[];
  /** How many structs lie within each other by value. */
  readonly depth: number;
}

/** A struct or union, of which there is one object however often it is named. */
export interface Composite {
  readonly kind: 'struct' | 'union';
  /** Empty where it has none. */
  readonly name: string;
  definedAt: Range | undefined;
  /** undefined while it is only declared. */
  body: CompositeBody | undefined;
  /** Computed when it is first wanted; `broken` after a problem was reported. */
  layout: Layout | 'broken' | 'busy' | undefined;
}

export interface Typedef {
  readonly kind: 'typedef';
  readonly name: string;
  readonly of: CType;
  /** How many types stand behind each other under it. */
  readonly depth: number;
}

/** Something that is said about a type. */
export type Modifier =
  | { readonly kind: 'const' | 'volatile' | 'restrict'; readonly of: CType }
  | { readonly kind: 'typeTag'; readonly name: string; readonly of: CType };

export interface Pointer {
  readonly kind: 'ptr';
  readonly of: CType;
}

export interface ArrayType {
  readonly kind: 'array';
  readonly of: CType;
  /** undefined for `[]`. */
  readonly count: number | undefined;
}

/** A type that is not just said to be another. */
export type PlainType =
  | { readonly kind: 'void' }
  | IntType
  | EnumType
  | Composite
  | Pointer
  | ArrayType
  | FuncType;

/** A type of the C of declarations. */
export type CType = PlainType | Typedef | Modifier;

/** Bytes of a pointer in BPF code. */
export const POINTER_SIZE = 8;

/** Under typedefs, const, volatile, restrict and tags. */
export function strip(type: CType): PlainType {
  let at = type;
  while (isSaid(at)) at = at.of;
  return at;
}

function isSaid(type: CType): type is Typedef | Modifier {
  const { kind } = type;
  return (
    kind === 'typedef' || kind === 'const' || kind === 'volatile' || kind === 'restrict' || kind === 'typeTag'
  );
}

/** How many types stand behind each other; structs end the count. */
export function depthOf(type: CType): number {
  let depth = 0;
  for (let at = type; ; at = at.of) {
    depth++;
    if (at.kind === 'typedef') return depth + at.depth;
    if (at.kind === 'func')
      return depth + Math.max(depthOf(at.returns), ...at.params.map((param) => depthOf(param.type)), 0);
    if (!('of' in at)) return depth;
  }
}

/** The type as messages write it. */
export function typeText(type: CType): string {
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'int':
      return type.bool ? 'bool' : type.name;
    case 'typedef':
      return type.name;
    case 'struct':
    case 'union':
    case 'enum':
      return type.name === '' ? `unnamed ${type.kind}` : `${type.kind} ${type.name}`;
    case 'ptr':
      return `${typeText(type.of)} *`.replace('* *', '**');
    case 'array':
      return arrayText(type);
    case 'func':
      return 'function';
    case 'const':
    case 'volatile':
      return type.of.kind === 'ptr'
        ? `${typeText(type.of)} ${type.kind}`
        : `${type.kind} ${typeText(type.of)}`;
    case 'restrict':
    case 'typeTag':
      return typeText(type.of);
  }
}

/** The outer length comes first. */
function arrayText(type: ArrayType): string {
  let lengths = '';
  let at: CType = type;
  for (; at.kind === 'array'; at = at.of) lengths += `[${at.count ?? ''}]`;
  return typeText(at) + lengths;
}
