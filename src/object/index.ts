export { bind } from './bind.ts';
export { type CollectOptions, collect } from './collect.ts';
export { findProgram, programsOf } from './find.ts';
export { type ExtInfo, extInfo, type FuncInfo, type KernelLineInfo, kernelBtf } from './kernel-info.ts';
export { isGplCompatible } from './license.ts';
export { link } from './link.ts';
export * from './relocatable.ts';
export { kindOfTypeName, programKind, sectionNames } from './section-names.ts';
export type * from './spec.ts';
