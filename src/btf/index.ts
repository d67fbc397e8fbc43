export { Btf } from './btf.ts';
export { BtfBuilder, type BtfEnumOptions, type BtfIntOptions, type BtfMemberInput } from './build.ts';
export { btfCodec } from './codec.ts';
export { BtfCopier } from './copy.ts';
export { CoreKind } from './core/kinds.ts';
export {
  type CoreAnswer,
  CoreRelocator,
  type CoreRequest,
  type CoreResize,
  type CoreResult,
  coreRequestText,
} from './core/relocate.ts';
export { type Candidate, CoreTarget, type TypeQuery } from './core/target.ts';
export { type DedupedBtf, dedupBtf } from './dedup.ts';
export {
  type BtfExt,
  type CoreRelocationRecord,
  type ExtRecords,
  type FuncInfoRecord,
  type LineInfoRecord,
  parseBtfExt,
} from './ext.ts';
export { type BtfNeed, minimalBtf } from './minimal.ts';
export { parseBtf } from './parse.ts';
export { type BtfToCOptions, btfToC } from './print-c.ts';
export { btfToJson, btfToText } from './print-raw.ts';
export { type BtfToTypeScriptOptions, BtfTypeScript, btfToTypeScript } from './print-ts.ts';
export type { BtfRecord } from './record.ts';
export { type BtfFeatures, sanitiseBtf } from './sanitise.ts';
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
