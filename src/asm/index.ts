export { assemble, assembleOrThrow } from './assemble/assemble.ts';
export type { AssembleOptions, AssembleResult } from './assemble/assemble-file.ts';
export { type DisassembleOptions, disassemble } from './print/disassemble.ts';
export { type FormatOptions, formatInstruction } from './print/format.ts';
export { type ListedInstruction, type ListedSection, listInstructions } from './print/list.ts';
export { rawCode } from './print/raw-code.ts';
