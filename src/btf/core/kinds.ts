/** `enum bpf_core_relo_kind` (Linux, `include/uapi/linux/bpf.h`). */
export const CoreKind = {
  FIELD_BYTE_OFFSET: 0,
  FIELD_BYTE_SIZE: 1,
  FIELD_EXISTS: 2,
  FIELD_SIGNED: 3,
  FIELD_LSHIFT_U64: 4,
  FIELD_RSHIFT_U64: 5,
  TYPE_ID_LOCAL: 6,
  TYPE_ID_TARGET: 7,
  TYPE_EXISTS: 8,
  TYPE_SIZE: 9,
  ENUMVAL_EXISTS: 10,
  ENUMVAL_VALUE: 11,
  TYPE_MATCHES: 12,
} as const;
export type CoreKind = (typeof CoreKind)[keyof typeof CoreKind];

/** What a relocation speaks of. */
export type CoreSubject = 'field' | 'type' | 'enumValue';

interface CoreKindInfo {
  /** As messages call it. */
  readonly name: string;
  readonly subject: CoreSubject;
}

const kinds: Record<CoreKind, CoreKindInfo> = {
  0: { name: 'byte offset', subject: 'field' },
  1: { name: 'byte size', subject: 'field' },
  2: { name: 'existence', subject: 'field' },
  3: { name: 'signedness', subject: 'field' },
  4: { name: 'left shift', subject: 'field' },
  5: { name: 'right shift', subject: 'field' },
  6: { name: 'local type id', subject: 'type' },
  7: { name: 'kernel type id', subject: 'type' },
  8: { name: 'existence', subject: 'type' },
  9: { name: 'size', subject: 'type' },
  10: { name: 'existence', subject: 'enumValue' },
  11: { name: 'value', subject: 'enumValue' },
  12: { name: 'match', subject: 'type' },
};

/** undefined for a kind that is not known. */
export function coreKindInfo(kind: number): CoreKindInfo | undefined {
  return (kinds as Readonly<Record<number, CoreKindInfo>>)[kind];
}

/** Whether a relocation of a kind asks a kernel's types: all but the number of a type of the object's own. */
export function needsTarget(kind: number): boolean {
  return kind !== CoreKind.TYPE_ID_LOCAL;
}
