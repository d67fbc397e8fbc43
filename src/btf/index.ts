export { Btf } from './btf.ts';
export { BtfBuilder, type BtfEnumOptions, type BtfIntOptions, type BtfMemberInput } from './build.ts';
export { BtfCopier } from './copy.ts';
export {
  type BtfExt,
  type CoreRelocationRecord,
  type ExtRecords,
  type FuncInfoRecord,
  type LineInfoRecord,
  parseBtfExt,
} from './ext.ts';
export { parseBtf } from './parse.ts';
export type { BtfRecord } from './record.ts';
export {
  type BtfArray,
  type BtfComposite,
  type BtfDatasec,
  type BtfDeclTag,
  type BtfEnum,
  type BtfEnumValue,
  type BtfFloat,
  type BtfForward,
  type BtfFunc,
  type BtfFuncProto,
  type BtfInt,
  BtfKind,
  type BtfKindName,
  type BtfLinkage,
  type BtfMember,
  type BtfParam,
  type BtfReference,
  type BtfSectionVar,
  type BtfType,
  type BtfVar,
  type BtfVoid,
} from './types.ts';
