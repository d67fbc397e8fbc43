import { Arguments } from '../assemble/arguments.ts';
import type { Assembler, DirectiveHandler, DirectiveStatement } from '../assemble/assembler.ts';
import { debugTablesOf } from './debug-tables.ts';
import { FRAME_DIRECTIVES } from './directives-cfi.ts';
import { LEB_DIRECTIVES } from './directives-leb.ts';
import type { LineRow } from './line-program.ts';

/** A table with more files is a slip; a C file includes some hundred. */
const MAX_FILES = 2 ** 20;
const MAX_U32 = 2 ** 32 - 1;

/** One character a byte. */
function binaryText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** `.file NUMBER ["DIRECTORY"] "NAME" [md5 0x…] [source "TEXT"]` */
export function numberedFile(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const number = args.number("the file's number", 0, MAX_FILES);
  const first = number === undefined ? undefined : args.string("the file's name");
  if (number === undefined || !first) return;
  const second = args.peek()?.kind === 'string' ? args.string("the file's name") : undefined;
  const more = fileOptions(args);
  if (!more || !args.end()) return;
  const range = { start: line.start, end: line.end };
  const known = debugTablesOf(assembler).lines.files.add(number, {
    directory: second ? binaryText(first.bytes) : '',
    name: binaryText((second ?? first).bytes),
    ...more,
    range,
  });
  if (!known) args.error(range, `there is a file ${number} already`);
}

interface FileOptions {
  md5: Uint8Array | undefined;
  source: string | undefined;
}

function fileOptions(args: Arguments): FileOptions | undefined {
  const out: FileOptions = { md5: undefined, source: undefined };
  while (args.more) {
    const word = args.name("'md5' or 'source'");
    if (!word) return undefined;
    if (word.name === 'md5') {
      const sum = args.expr('the MD5 sum of the file');
      if (!sum) return undefined;
      if (sum.kind !== 'number') return args.error(sum, 'an MD5 sum is a number of 32 hexadecimal digits');
      out.md5 = md5Bytes(BigInt(sum.value));
    } else if (word.name === 'source') {
      const text = args.string("the file's text");
      if (!text) return undefined;
      out.source = binaryText(text.bytes);
    } else return args.error(word, `expected 'md5' or 'source', found '${word.name}'`);
  }
  return out;
}

function md5Bytes(sum: bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[15 - i] = Number((sum >> BigInt(8 * i)) & 0xffn);
  return bytes;
}

/** What of a row is said by words. */
type RowWords = {
  -readonly [Key in Exclude<keyof LineRow, 'offset' | 'file' | 'line' | 'column'>]: LineRow[Key];
};

/** `.loc FILE LINE [COLUMN] [prologue_end] [is_stmt 0] [discriminator 1] …` */
function loc(assembler: Assembler, line: DirectiveStatement): void {
  const { lines } = debugTablesOf(assembler);
  const args = new Arguments(assembler, line);
  const fileAt = args.peek();
  const file = args.number("a file's number", 0, MAX_FILES);
  const lineNumber = file === undefined ? undefined : args.number('a line', 0, MAX_U32);
  if (file === undefined || lineNumber === undefined) return;
  const counted = args.peek();
  const withColumn = counted?.kind === 'expr' && counted.value.kind === 'number';
  const column = withColumn ? args.number('a column', 0, MAX_U32) : 0;
  const words = column === undefined ? undefined : rowWords(args, lines.isStatement);
  if (column === undefined || !words) return;
  if (!lines.files.has(file)) {
    args.error(fileAt!, `no '.file' line has the number ${file}`);
    return;
  }
  lines.isStatement = words.isStatement;
  const { current } = assembler;
  lines.add(current, { offset: current.size, file, line: lineNumber, column: column & 0xffff, ...words });
}

function rowWords(args: Arguments, isStatement: boolean): RowWords | undefined {
  const out: RowWords = {
    isStatement,
    basicBlock: false,
    prologueEnd: false,
    epilogueBegin: false,
    isa: 0,
    discriminator: 0,
  };
  while (args.more) {
    const word = args.name("a word such as 'is_stmt'");
    if (!word) return undefined;
    const apply = Object.hasOwn(WORDS, word.name) ? WORDS[word.name] : undefined;
    if (!apply)
      return args.error(word, `'.loc' does not know '${word.name}'`, [
        `it knows ${Object.keys(WORDS).join(', ')}`,
      ]);
    if (!apply(out, args)) return undefined;
  }
  return out;
}

/** Each answers false where its value is missing or wrong. */
const WORDS: Readonly<Record<string, (row: RowWords, args: Arguments) => boolean>> = {
  basic_block: (row) => {
    row.basicBlock = true;
    return true;
  },
  prologue_end: (row) => {
    row.prologueEnd = true;
    return true;
  },
  epilogue_begin: (row) => {
    row.epilogueBegin = true;
    return true;
  },
  is_stmt: (row, args) => {
    const value = args.number("the value of 'is_stmt'", 0, 1);
    row.isStatement = value === 1;
    return value !== undefined;
  },
  isa: (row, args) => {
    const value = args.number("the value of 'isa'", 0, MAX_U32);
    row.isa = value ?? 0;
    return value !== undefined;
  },
  discriminator: (row, args) => {
    const value = args.number('the discriminator', 0, MAX_U32);
    row.discriminator = value ?? 0;
    return value !== undefined;
  },
};

/** What compilers print for debuggers. `.file` has two meanings, and is in the table of its first one. */
export const DWARF_DIRECTIVES: Readonly<Record<string, DirectiveHandler>> = {
  '.loc': loc,
  ...FRAME_DIRECTIVES,
  ...LEB_DIRECTIVES,
};
