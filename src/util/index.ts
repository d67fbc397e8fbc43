export { concatBytes, type Endian, fromHex, toHex } from './bytes.ts';
export {
  type Diagnostic,
  type DiagnosticParts,
  DiagnosticsError,
  diagnostic,
  diagnosticToJson,
  type Label,
  type Position,
  positionAt,
  type Severity,
  type SourceText,
  type Span,
} from './diagnostic.ts';
export { FormatError, OutOfRangeError, TsbpfError, type TsbpfErrorOptions } from './errors.ts';
export { type Paint, renderDiagnostic, renderDiagnostics } from './render.ts';
export {
  arrayOf,
  bytesOf,
  charArray,
  type FieldType,
  type Struct,
  type StructOptions,
  type StructValue,
  s8,
  s16,
  s32,
  struct,
  u8,
  u16,
  u32,
  u64,
} from './struct.ts';
