/**
 * The parts of tsbpf that need no kernel, in one import. Loading, maps and attachments are in
 * `tsbpf/kernel`.
 */
export { assemble, assembleOrThrow, disassemble } from './asm/index.ts';
export { parseElf, readObject, writeElf } from './elf/index.ts';
export { decodeInsns, encodeInsns, type Instruction, makeInsn } from './isa/index.ts';
export {
  bind,
  collect,
  findProgram,
  type LinkedProgram,
  link,
  type ObjectSpec,
  programsOf,
} from './object/index.ts';
export { type Diagnostic, DiagnosticsError, renderDiagnostics, TsbpfError } from './util/index.ts';
