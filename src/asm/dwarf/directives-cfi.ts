import { Arguments } from '../assemble/arguments.ts';
import type { Assembler, DirectiveHandler, DirectiveStatement } from '../assemble/assembler.ts';
import { CFA, DATA_ALIGNMENT, type Frame } from './call-frames.ts';
import { debugTablesOf } from './debug-tables.ts';
import { sleb128, uleb128 } from './leb.ts';

const MAX_REGISTER = 2 ** 16;
const MAX_OFFSET = 2 ** 31;

/** `.cfi_sections .debug_frame, .eh_frame` */
function sections(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const { frames } = debugTablesOf(assembler);
  frames.debugFrame = false;
  frames.ehFrame = false;
  while (args.more) {
    const name = args.name("'.debug_frame' or '.eh_frame'");
    if (!name) return;
    if (name.name === '.debug_frame') frames.debugFrame = true;
    else if (name.name === '.eh_frame') frames.ehFrame = true;
    else args.error(name, `expected '.debug_frame' or '.eh_frame', found '${name.name}'`);
  }
}

/** `.cfi_startproc [simple]` */
function start(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const { frames } = debugTablesOf(assembler);
  const word = args.more ? args.name("nothing or 'simple'") : undefined;
  if (word && word.name !== 'simple') args.error(word, `expected nothing or 'simple', found '${word.name}'`);
  if (frames.open) args.error(line, "the '.cfi_startproc' before has no '.cfi_endproc' yet");
  else if (args.end()) frames.begin(assembler.current, { start: line.start, end: line.end });
}

function end(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const { frames, lines } = debugTablesOf(assembler);
  if (!frames.open) args.error(line, "there is no '.cfi_startproc' before");
  if (!frames.open || !args.end()) return;
  lines.endFunction(frames.open.section, frames.open.section.size);
  frames.end();
}

/** A directive inside a procedure; `encode` answers undefined after a problem. */
function inFrame(encode: (frame: Frame, args: Arguments) => readonly number[] | undefined): DirectiveHandler {
  return (assembler, line) => {
    const args = new Arguments(assembler, line);
    const frame = debugTablesOf(assembler).frames.open;
    if (!frame) {
      args.error(line, `'${line.name}' stands between '.cfi_startproc' and '.cfi_endproc'`);
      return;
    }
    const bytes = encode(frame, args);
    if (!bytes || !args.end() || bytes.length === 0) return;
    frame.insns.push({ offset: assembler.current.size, bytes });
  };
}

function register(args: Arguments): number | undefined {
  return args.number("a register's number", 0, MAX_REGISTER);
}

function offset(args: Arguments): number | undefined {
  return args.number('an offset', -MAX_OFFSET, MAX_OFFSET);
}

function ofRegister(encode: (register: number) => number[]): DirectiveHandler {
  return inFrame((_, args) => {
    const number = register(args);
    return number === undefined ? undefined : encode(number);
  });
}

function defCfaOffset(frame: Frame, value: number): number[] {
  frame.cfaOffset = value;
  return value < 0
    ? [CFA.DEF_CFA_OFFSET_SF, ...sleb128(Math.trunc(value / DATA_ALIGNMENT))]
    : [CFA.DEF_CFA_OFFSET, ...uleb128(value)];
}

/** A register was stored `value` bytes from the frame's address. */
function savedAt(number: number, value: number): number[] {
  const factored = Math.trunc(value / DATA_ALIGNMENT);
  if (factored < 0) return [CFA.OFFSET_EXTENDED_SF, ...uleb128(number), ...sleb128(factored)];
  if (number < 64) return [CFA.OFFSET | number, ...uleb128(factored)];
  return [CFA.OFFSET_EXTENDED, ...uleb128(number), ...uleb128(factored)];
}

function saved(relative: boolean): DirectiveHandler {
  return inFrame((frame, args) => {
    const number = register(args);
    const value = number === undefined ? undefined : offset(args);
    if (number === undefined || value === undefined) return undefined;
    return savedAt(number, relative ? value - frame.cfaOffset : value);
  });
}

function cfaOffset(relative: boolean): DirectiveHandler {
  return inFrame((frame, args) => {
    const value = offset(args);
    return value === undefined ? undefined : defCfaOffset(frame, relative ? frame.cfaOffset + value : value);
  });
}

const defCfa = inFrame((frame, args) => {
  const number = register(args);
  const value = number === undefined ? undefined : args.number('an offset', 0, MAX_OFFSET);
  if (number === undefined || value === undefined) return undefined;
  frame.cfaOffset = value;
  return [CFA.DEF_CFA, ...uleb128(number), ...uleb128(value)];
});

const inRegister = inFrame((_, args) => {
  const number = register(args);
  const other = number === undefined ? undefined : register(args);
  if (number === undefined || other === undefined) return undefined;
  return [CFA.REGISTER, ...uleb128(number), ...uleb128(other)];
});

const escapeBytes = inFrame((_, args) => {
  const bytes: number[] = [];
  while (args.more) {
    const byte = args.number('a byte', -128, 255);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return bytes;
});

const returnColumn = inFrame((frame, args) => {
  const number = register(args);
  if (number === undefined) return undefined;
  frame.returnColumn = number;
  return [];
});

const signalFrame = inFrame((frame) => {
  frame.signal = true;
  return [];
});

/** Call frame information. Registers are numbers. */
export const FRAME_DIRECTIVES: Readonly<Record<string, DirectiveHandler>> = {
  '.cfi_sections': sections,
  '.cfi_startproc': start,
  '.cfi_endproc': end,
  '.cfi_def_cfa': defCfa,
  '.cfi_def_cfa_offset': cfaOffset(false),
  '.cfi_adjust_cfa_offset': cfaOffset(true),
  '.cfi_def_cfa_register': ofRegister((number) => [CFA.DEF_CFA_REGISTER, ...uleb128(number)]),
  '.cfi_offset': saved(false),
  '.cfi_rel_offset': saved(true),
  '.cfi_restore': ofRegister((number) =>
    number < 64 ? [CFA.RESTORE | number] : [CFA.RESTORE_EXTENDED, ...uleb128(number)],
  ),
  '.cfi_undefined': ofRegister((number) => [CFA.UNDEFINED, ...uleb128(number)]),
  '.cfi_same_value': ofRegister((number) => [CFA.SAME_VALUE, ...uleb128(number)]),
  '.cfi_register': inRegister,
  '.cfi_remember_state': inFrame(() => [CFA.REMEMBER_STATE]),
  '.cfi_restore_state': inFrame(() => [CFA.RESTORE_STATE]),
  '.cfi_escape': escapeBytes,
  '.cfi_return_column': returnColumn,
  '.cfi_signal_frame': signalFrame,
};
