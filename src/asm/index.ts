export { assemble, assembleOrThrow } from './assemble/assemble.ts';
export type { AssembleOptions, AssembleResult } from './assemble/assemble-file.ts';
export type { Code, Condition, LoopLabels, MemoryType } from './builder/code.ts';
export type { ContextAccess, ContextField, ContextName, ContextOf } from './builder/context.ts';
export {
  type ArrayType,
  array,
  bool,
  char,
  type DataType,
  type Field,
  type Given,
  opaque,
  ptr,
  type StructType,
  s8,
  s16,
  s32,
  s64,
  struct,
  type TypeNumbers,
  u8,
  u16,
  u32,
  u64,
  union,
} from './builder/data-types.ts';
export type {
  ExternHandle,
  FunctionHandle,
  KfuncHandle,
  MapHandle,
  ProgramHandle,
  VariableHandle,
} from './builder/handles.ts';
export type {
  ConditionOperator,
  HelperName,
  InsnName,
  Instructions,
  KfuncName,
  SectionContexts,
} from './builder/instructions.generated.ts';
export type { EntryOf, KeyOf, MapOptions, MapTypeName, Sized } from './builder/map-options.ts';
export type { Immediate, Label, Offset, Target } from './builder/methods.ts';
export { object } from './builder/object.ts';
export type {
  FunctionOptions,
  KfuncOptions,
  ObjectBuilder,
  ObjectOptions,
  SectionTitle,
} from './builder/object-builder.ts';
export {
  type Register,
  type Register32,
  type Register64,
  r0,
  r1,
  r2,
  r3,
  r4,
  r5,
  r6,
  r7,
  r8,
  r9,
  r10,
  w0,
  w1,
  w2,
  w3,
  w4,
  w5,
  w6,
  w7,
  w8,
  w9,
  w10,
} from './builder/registers.ts';
export type { DumpKind } from './dumps/dump-kind.ts';
export { type DisassembleOptions, disassemble } from './print/disassemble.ts';
export { type FormatOptions, formatInstruction, type InsnStyle } from './print/format.ts';
export { type FormatSourceOptions, type FormattedSource, formatSource } from './print/format-text.ts';
export { type ListedInstruction, type ListedSection, listInstructions } from './print/list.ts';
export { rawCode } from './print/raw-code.ts';
