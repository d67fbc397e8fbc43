export { assemble, assembleOrThrow } from './assemble.ts';
export type { AssembleOptions, AssembleResult } from './assemble-file.ts';
export { type DisassembleOptions, disassemble } from './disassemble.ts';
export { type FormatOptions, formatInstruction } from './format.ts';
export { type ListedInstruction, type ListedSection, listInstructions } from './list.ts';
export { rawCode } from './raw-code.ts';
