// What each directive does, in our words; those of LLVM after its assembler (`llvm-mc`, LLVM 19).

/** What a reader wants to know of a directive. */
export interface DirectiveDoc {
  /** How it is written; capitals stand for what the user fills in, brackets for what may be left out. */
  readonly syntax: string;
  readonly text: string;
  /** `llvm` where LLVM's assembler has it too, `own` where only this one has. */
  readonly origin: 'llvm' | 'own';
}

const llvm = (syntax: string, text: string): DirectiveDoc => ({ syntax, text, origin: 'llvm' });
const own = (syntax: string, text: string): DirectiveDoc => ({ syntax, text, origin: 'own' });

const bytes = (name: string, size: string): DirectiveDoc =>
  llvm(`${name} VALUE[, VALUE…]`, `Puts integers of ${size} here.`);
const words = (name: string, size: string): DirectiveDoc =>
  llvm(`${name} VALUE[, VALUE…]`, `Puts integers or addresses of ${size} here.`);
const align = (name: string): DirectiveDoc =>
  llvm(
    `${name} BYTES[, FILL[, MAX]]`,
    'Pads to a multiple of so many bytes, a power of two, unless that takes more than MAX.',
  );
const noEffect = (syntax: string, what: string): DirectiveDoc =>
  llvm(syntax, `${what}; read and of no effect.`);

/** Every directive by its name, with the dot. */
export const DIRECTIVE_DOCS: Readonly<Record<string, DirectiveDoc>> = {
  // Programs and maps
  '.license': own(
    '.license "GPL"',
    'Gives the licence, which the kernel asks for before it allows certain helpers.',
  ),
  '.program': own(
    '.program NAME, "SECTION"',
    'Begins a program that a loader finds by its name; the section tells its type. It ends where the next one begins.',
  ),
  '.function': own(
    '.function NAME[, linkage=global]',
    'Begins a function in .text that programs call; static unless told otherwise.',
  ),
  '.map': own(
    '.map NAME, TYPE[, key=BYTES][, value=BYTES][, entries=COUNT][, flags=FLAGS][, extra=NUMBER][, numa=NODE][, pinning=by_name]',
    'Declares a map. Sizes that the type has no choice about can be left out.',
  ),
  '.entry': own('.entry SLOT, PROGRAM', 'Fills a slot of the prog array above it when that is loaded.'),
  '.const': own(
    '.const NAME = VALUE',
    'Makes a constant that the symbol table does not show; it may be used before its line.',
  ),

  // Types and variables
  '.struct': own(
    '.struct NAME { TYPE MEMBER; … }',
    'Declares a struct with the members of C, which may go over several lines.',
  ),
  '.union': own('.union NAME { TYPE MEMBER; … }', 'Declares a union.'),
  '.enum': own('.enum [NAME] { NAME [= VALUE], … }', 'Declares an enum; its names are constants.'),
  '.typedef': own('.typedef TYPE NAME', 'Gives a type another name.'),
  '.var': own('.var TYPE NAME [= VALUE]', 'Makes a global variable.'),

  // Sections
  '.text': llvm('.text', 'Goes on in the section .text.'),
  '.data': llvm('.data', 'Goes on in the section .data.'),
  '.bss': llvm('.bss', 'Goes on in the section .bss, which has room and no bytes.'),
  '.section': llvm(
    '.section NAME[, "FLAGS"[, @TYPE[, SIZE]]]',
    'Goes on in a section. Flags are a (allocated), w (writable), x (code), M (mergeable), S (strings); types @progbits, @nobits, @note.',
  ),
  '.previous': llvm('.previous', 'Goes back to the section before.'),

  // Symbols
  '.globl': llvm('.globl NAME[, NAME…]', 'Shows names to other files.'),
  '.global': llvm('.global NAME[, NAME…]', 'As .globl.'),
  '.weak': llvm(
    '.weak NAME[, NAME…]',
    'Shows names to other files, whose own definitions come first; or allows that nobody defines them.',
  ),
  '.local': llvm('.local NAME[, NAME…]', 'Keeps names to this file.'),
  '.hidden': llvm('.hidden NAME[, NAME…]', 'Hides global names when objects have been linked.'),
  '.extern': llvm('.extern NAME[, NAME…]', 'Says that another file, or the kernel, defines names.'),
  '.type': llvm('.type NAME, @TYPE', 'Says what a name stands for: @function, @object or @notype.'),
  '.size': llvm('.size NAME, BYTES', 'Says how many bytes a name has, usually as `. - NAME`.'),
  '.set': llvm('.set NAME, VALUE', 'Makes a constant that the symbol table shows.'),
  '.equ': llvm('.equ NAME, VALUE', 'As .set.'),
  '.comm': llvm(
    '.comm NAME, BYTES[, ALIGNMENT]',
    'Asks the linker for room; takes it in .bss for a local name.',
  ),

  // Data
  '.byte': bytes('.byte', '1 byte'),
  '.short': bytes('.short', '2 bytes'),
  '.hword': bytes('.hword', '2 bytes'),
  '.2byte': bytes('.2byte', '2 bytes'),
  '.long': words('.long', '4 bytes'),
  '.int': words('.int', '4 bytes'),
  '.word': words('.word', '4 bytes'),
  '.4byte': words('.4byte', '4 bytes'),
  '.quad': words('.quad', '8 bytes'),
  '.8byte': words('.8byte', '8 bytes'),
  '.ascii': llvm('.ascii "TEXT"[, "TEXT"…]', 'Puts strings here, without a NUL behind them.'),
  '.asciz': llvm('.asciz "TEXT"[, "TEXT"…]', 'Puts strings here, each with a NUL behind it.'),
  '.string': llvm('.string "TEXT"[, "TEXT"…]', 'As .asciz.'),
  '.zero': llvm('.zero COUNT[, FILL]', 'Puts so many bytes here, zeros unless told otherwise.'),
  '.skip': llvm('.skip COUNT[, FILL]', 'As .zero.'),
  '.space': llvm('.space COUNT[, FILL]', 'As .zero.'),
  '.p2align': llvm(
    '.p2align POWER[, FILL[, MAX]]',
    'Pads to a multiple of 2^POWER bytes, unless that takes more than MAX. Code is padded with instructions that do nothing.',
  ),
  '.balign': align('.balign'),
  '.align': align('.align'),

  // The text itself
  '.include': llvm('.include "FILE"', 'Reads another file here.'),
  '.macro': llvm(
    '.macro NAME [PARAMETER[=DEFAULT][, …]]',
    'Begins a macro: lines that its name stands for, with `\\PARAMETER` replaced. Ends with .endm.',
  ),
  '.endm': llvm('.endm', 'Ends a macro.'),
  '.endmacro': llvm('.endmacro', 'As .endm.'),
  '.rept': llvm('.rept COUNT', 'Repeats the lines up to .endr.'),
  '.endr': llvm('.endr', 'Ends what .rept repeats.'),
  '.if': llvm('.if VALUE', 'Reads the lines up to .else or .endif only if the value is not 0.'),
  '.ifdef': llvm('.ifdef NAME', 'As .if: whether a name is defined before this line.'),
  '.ifndef': llvm('.ifndef NAME', 'As .if: whether a name is not defined before this line.'),
  '.ifc': llvm('.ifc TEXT, TEXT', 'As .if: whether two texts are the same.'),
  '.ifnc': llvm('.ifnc TEXT, TEXT', 'As .if: whether two texts differ.'),
  '.ifb': llvm(
    '.ifb [TEXT]',
    'As .if: whether there is no text, such as that of a parameter that was left out.',
  ),
  '.ifnb': llvm('.ifnb [TEXT]', 'As .if: whether there is a text.'),
  '.elseif': llvm(
    '.elseif VALUE',
    'Goes on with other lines where none before were read and the value is not 0.',
  ),
  '.elif': own('.elif VALUE', 'As .elseif.'),
  '.else': llvm('.else', 'Goes on with the lines that are read where none before were.'),
  '.endif': llvm('.endif', 'Ends what .if began.'),

  // Numbers of variable length
  '.uleb128': llvm('.uleb128 VALUE[, VALUE…]', 'Puts numbers without sign here, seven bits a byte.'),
  '.sleb128': llvm('.sleb128 VALUE[, VALUE…]', 'Puts numbers with sign here, seven bits a byte.'),

  // Of compilers, for debuggers
  '.loc': llvm(
    '.loc FILE LINE [COLUMN] [OPTION…]',
    'Says which line of the source the next instruction comes from.',
  ),
  '.cfi_sections': llvm('.cfi_sections NAME[, NAME]', 'Says where call frames go: .debug_frame, .eh_frame.'),
  '.cfi_startproc': llvm('.cfi_startproc [simple]', 'Begins the call frame of a function.'),
  '.cfi_endproc': llvm('.cfi_endproc', 'Ends the call frame of a function.'),
  '.cfi_def_cfa': llvm(
    '.cfi_def_cfa REGISTER, OFFSET',
    'The address of the frame is a register and an offset from here on.',
  ),
  '.cfi_def_cfa_offset': llvm(
    '.cfi_def_cfa_offset OFFSET',
    'Changes the offset of the address of the frame.',
  ),
  '.cfi_adjust_cfa_offset': llvm(
    '.cfi_adjust_cfa_offset BYTES',
    'Adds to the offset of the address of the frame.',
  ),
  '.cfi_def_cfa_register': llvm(
    '.cfi_def_cfa_register REGISTER',
    'Changes the register of the address of the frame.',
  ),
  '.cfi_offset': llvm(
    '.cfi_offset REGISTER, OFFSET',
    'A register was saved so far from the address of the frame.',
  ),
  '.cfi_rel_offset': llvm(
    '.cfi_rel_offset REGISTER, OFFSET',
    'A register was saved so far from the register of the frame.',
  ),
  '.cfi_restore': llvm('.cfi_restore REGISTER', 'A register is where it was when the function began.'),
  '.cfi_undefined': llvm('.cfi_undefined REGISTER', 'The value that a register had cannot be restored.'),
  '.cfi_same_value': llvm('.cfi_same_value REGISTER', 'A register has the value that it had.'),
  '.cfi_register': llvm('.cfi_register REGISTER, REGISTER', 'The value of a register was saved in another.'),
  '.cfi_remember_state': llvm('.cfi_remember_state', 'Keeps all rules for .cfi_restore_state.'),
  '.cfi_restore_state': llvm('.cfi_restore_state', 'Goes back to the rules that were kept.'),
  '.cfi_escape': llvm('.cfi_escape BYTE[, BYTE…]', 'Puts bytes into the call frame as they are.'),
  '.cfi_return_column': llvm('.cfi_return_column REGISTER', 'Says which register holds the return address.'),
  '.cfi_signal_frame': llvm('.cfi_signal_frame', 'Marks the frame as that of a signal handler.'),

  // Of compilers
  '.file': llvm(
    '.file [NUMBER] ["DIRECTORY"] "NAME"',
    'Names the source in the symbol table; with a number, a file that .loc lines speak of.',
  ),
  '.ident': noEffect('.ident "TEXT"', 'Names the compiler'),
  '.addrsig': noEffect('.addrsig', 'Begins a table for linkers that fold functions'),
  '.addrsig_sym': noEffect('.addrsig_sym NAME', 'Names a symbol whose address matters'),
};
