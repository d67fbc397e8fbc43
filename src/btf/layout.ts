import { BtfKind, type BtfKindName, type BtfLinkage } from './types.ts';

/** The first two bytes of every BTF, in its endianness (Linux, `include/uapi/linux/btf.h`). */
export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;
/** `struct btf_header`: magic, version, flags, hdr_len, type_off, type_len, str_off, str_len. */
export const BTF_HEADER_SIZE = 24;
/** `struct btf_type`: name_off, info, size or type. */
export const BTF_TYPE_SIZE = 12;
export const BTF_MAX_VLEN = 0xffff;

/** Bytes after the header of each kind: a fixed part, and a part for each of the `vlen` elements. */
interface KindLayout {
  readonly fixed: number;
  readonly each: number;
}

const layouts: Record<BtfKindName, KindLayout> = {
  void: { fixed: 0, each: 0 },
  int: { fixed: 4, each: 0 },
  ptr: { fixed: 0, each: 0 },
  array: { fixed: 12, each: 0 },
  struct: { fixed: 0, each: 12 },
  union: { fixed: 0, each: 12 },
  enum: { fixed: 0, each: 8 },
  fwd: { fixed: 0, each: 0 },
  typedef: { fixed: 0, each: 0 },
  volatile: { fixed: 0, each: 0 },
  const: { fixed: 0, each: 0 },
  restrict: { fixed: 0, each: 0 },
  func: { fixed: 0, each: 0 },
  funcProto: { fixed: 0, each: 8 },
  var: { fixed: 4, each: 0 },
  datasec: { fixed: 0, each: 12 },
  float: { fixed: 0, each: 0 },
  declTag: { fixed: 4, each: 0 },
  typeTag: { fixed: 0, each: 0 },
  enum64: { fixed: 0, each: 12 },
};

/** Names by number, 0 (void) among them although it has no record. */
export const kindNames: readonly BtfKindName[] = Object.keys(BtfKind) as BtfKindName[];
export const kindLayouts: readonly KindLayout[] = kindNames.map((name) => layouts[name]);

/** `info` of a type: vlen in bits 0-15, kind in 24-28, the kind's flag in 31. */
export const kindOfInfo = (info: number): number => (info >>> 24) & 0x1f;
export const vlenOfInfo = (info: number): number => info & 0xffff;
export const flagOfInfo = (info: number): boolean => info >>> 31 === 1;
export const makeInfo = (kind: BtfKindName, vlen: number, flag = false): number =>
  ((flag ? 0x8000_0000 : 0) | (BtfKind[kind] << 24) | vlen) >>> 0;

/** By number: `enum btf_func_linkage`; a VAR's linkage has the same numbers. */
export const linkages: readonly BtfLinkage[] = ['static', 'global', 'extern'];

/** Bits of an INT's encoding. */
export const IntEncoding = { SIGNED: 1, CHAR: 2, BOOL: 4 } as const;
