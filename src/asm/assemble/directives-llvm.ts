import type { SymbolType } from '../../object/relocatable.ts';
import { DWARF_DIRECTIVES, numberedFile } from '../dwarf/directives.ts';
import { Arguments } from './arguments.ts';
import type { Assembler, DirectiveHandler, DirectiveStatement } from './assembler.ts';
import { section } from './directive-section.ts';

/** Alignments beyond this are typing errors (the kernel's pages have 4096 bytes). */
const MAX_ALIGNMENT_LOG2 = 16;
const MAX_SIZE = 2 ** 32;

const SYMBOL_TYPES: Readonly<Record<string, SymbolType>> = {
  function: 'func',
  object: 'object',
  notype: 'notype',
};

function fixedSection(name: string): DirectiveHandler {
  return (assembler, line) => {
    if (new Arguments(assembler, line).end()) assembler.enter(assembler.section(name, undefined));
  };
}

/** Applies to every name of the line. */
function eachName(apply: (assembler: Assembler, name: string) => void): DirectiveHandler {
  return (assembler, line) => {
    const args = new Arguments(assembler, line);
    do {
      const name = args.name('a name');
      if (name) apply(assembler, name.name);
    } while (args.more);
  };
}

function bind(binding: 'global' | 'weak' | 'local'): DirectiveHandler {
  return eachName((assembler, name) => {
    const symbol = assembler.symbols.mention(name);
    symbol.declared = true;
    symbol.binding = binding;
  });
}

/** `.type NAME, @function` */
function type(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const name = args.name('a name');
  const wanted = "a type such as '@function'";
  if (!name) return;
  const arg = args.peek();
  args.skip();
  const known =
    arg?.kind === 'type' && Object.hasOwn(SYMBOL_TYPES, arg.name) ? SYMBOL_TYPES[arg.name] : undefined;
  if (known === undefined) {
    const at = arg ?? { start: line.end, end: line.end };
    args.error(at, `'.type' needs ${wanted} behind the name`, [
      "the types are '@function', '@object' and '@notype'",
    ]);
    return;
  }
  const symbol = assembler.symbols.mention(name.name);
  symbol.type = known;
  symbol.declared = true;
  args.end();
}

/** `.size NAME, expression` */
function size(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const name = args.name('a name');
  const expr = name && args.expr('a size');
  if (expr && args.end()) assembler.symbols.mention(name.name).size = { expr, here: assembler.here };
}

/** Pads to a multiple of a power of two; code is padded with instructions that do nothing. */
function align(assembler: Assembler, line: DirectiveStatement, power: boolean): void {
  const args = new Arguments(assembler, line);
  const given = power
    ? args.number('the exponent of the alignment', 0, MAX_ALIGNMENT_LOG2)
    : args.number('the alignment', 0, 2 ** MAX_ALIGNMENT_LOG2);
  if (given === undefined) return;
  const alignment = power ? 2 ** given : Math.max(1, given);
  if ((alignment & (alignment - 1)) !== 0) {
    args.error(line.args[0]!, `an alignment must be a power of two, but ${alignment} is none`);
    return;
  }
  const fill = args.more ? args.number('the fill byte', 0, 255) : 0;
  const max = args.more ? args.number('the most bytes to skip', 0, MAX_SIZE) : MAX_SIZE;
  if (fill === undefined || max === undefined || !args.end()) return;
  pad(assembler, line, alignment, fill, max);
}

function pad(
  assembler: Assembler,
  line: DirectiveStatement,
  alignment: number,
  fill: number,
  max: number,
): void {
  const { current } = assembler;
  current.align = Math.max(current.align, alignment);
  const rest = current.size % alignment;
  const gap = rest === 0 ? 0 : alignment - rest;
  if (gap > max || !assembler.hasRoom(line, gap)) return;
  if (!current.hasCode || gap % 8 !== 0) {
    current.fill(gap, fill);
    return;
  }
  for (let at = 0; at < gap; at += 8) current.append(Uint8Array.of(0x05, 0, 0, 0, 0, 0, 0, 0));
}

function data(size: 1 | 2 | 4 | 8): DirectiveHandler {
  return (assembler, line) => {
    if (line.args.length === 0) new Arguments(assembler, line).expr('a number or a name');
    else assembler.data(line.args, size);
  };
}

function strings(terminator: readonly number[]): DirectiveHandler {
  return (assembler, line) => {
    const args = new Arguments(assembler, line);
    do {
      const string = args.string('a string');
      if (!string || !assembler.hasRoom(line, string.bytes.length + 1)) continue;
      assembler.current.append(string.bytes);
      assembler.current.append(Uint8Array.from(terminator));
    } while (args.more);
  };
}

/** `.zero COUNT[, fill]` */
function zero(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const count = args.number('the number of bytes', 0, MAX_SIZE);
  const fill = args.more ? args.number('the fill byte', -128, 255) : 0;
  if (count === undefined || fill === undefined || !args.end()) return;
  if (assembler.hasRoom(line, count)) assembler.current.fill(count, fill & 0xff);
}

/** `.comm NAME, SIZE[, ALIGNMENT]`: room that the linker allots, or `.bss` for a local name. */
function comm(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const name = args.name('a name');
  const bytes = name && args.number('the size', 0, MAX_SIZE);
  const alignment =
    bytes !== undefined && args.more ? args.number('the alignment', 1, 2 ** MAX_ALIGNMENT_LOG2) : 1;
  if (!name || bytes === undefined || alignment === undefined || !args.end()) return;
  const symbol = assembler.symbols.mention(name.name);
  if (symbol.binding === 'local') {
    const before = assembler.current;
    assembler.current = assembler.section('.bss', undefined);
    pad(assembler, line, alignment, 0, MAX_SIZE);
    assembler.defineLabel(name.name, name);
    if (assembler.hasRoom(line, bytes)) assembler.current.reserve(bytes);
    assembler.current = before;
  } else {
    symbol.common = true;
    symbol.declared = true;
    symbol.binding ??= 'global';
    symbol.value = alignment;
  }
  symbol.type = 'object';
  symbol.size = {
    expr: { kind: 'number', value: BigInt(bytes), start: name.start, end: name.end },
    here: assembler.here,
  };
}

/** `.set NAME, expression`: a constant that the object's symbol table shows too. */
function set(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const name = args.name('a name');
  const expr = name && args.expr('a value');
  if (expr && args.end()) assembler.defineConstant(name.name, name, expr, true);
}

/** `.file "NAME"` for the symbol table, or `.file NUMBER …` for the line table. */
function file(assembler: Assembler, line: DirectiveStatement): void {
  assembler.compiled = true;
  if (line.args.length > 0 && line.args[0]!.kind !== 'string') {
    numberedFile(assembler, line);
    return;
  }
  const args = new Arguments(assembler, line);
  const name = args.string('a file name');
  if (name && args.end()) assembler.files.push(new TextDecoder().decode(name.bytes));
}

/** What a compiler tells the linker and we have no use for. */
function compilerOnly(assembler: Assembler): void {
  assembler.compiled = true;
}

/** LLVM's directives: what clang prints for BPF, and what llvm-mc takes beside it. */
export const LLVM_DIRECTIVES: Readonly<Record<string, DirectiveHandler>> = {
  '.section': section,
  '.text': fixedSection('.text'),
  '.data': fixedSection('.data'),
  '.bss': fixedSection('.bss'),
  '.previous': (assembler) => assembler.enter(assembler.previous),
  '.globl': bind('global'),
  '.global': bind('global'),
  '.weak': bind('weak'),
  '.local': bind('local'),
  '.extern': eachName((assembler, name) => {
    assembler.symbols.mention(name).declared = true;
  }),
  '.hidden': eachName((assembler, name) => {
    assembler.symbols.mention(name).visibility = 'hidden';
  }),
  '.type': type,
  '.size': size,
  '.p2align': (assembler, line) => align(assembler, line, true),
  '.balign': (assembler, line) => align(assembler, line, false),
  '.align': (assembler, line) => align(assembler, line, false),
  '.byte': data(1),
  '.short': data(2),
  '.hword': data(2),
  '.2byte': data(2),
  '.long': data(4),
  '.int': data(4),
  '.word': data(4),
  '.4byte': data(4),
  '.quad': data(8),
  '.8byte': data(8),
  '.ascii': strings([]),
  '.asciz': strings([0]),
  '.string': strings([0]),
  '.zero': zero,
  '.skip': zero,
  '.space': zero,
  '.comm': comm,
  '.set': set,
  '.equ': set,
  '.file': file,
  '.ident': compilerOnly,
  '.addrsig': compilerOnly,
  '.addrsig_sym': compilerOnly,
  ...DWARF_DIRECTIVES,
};
