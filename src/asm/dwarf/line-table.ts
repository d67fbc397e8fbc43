import { SectionFlag, SectionType } from '../../object/relocatable.ts';
import type { Assembler } from '../assemble/assembler.ts';
import type { SectionBuilder } from '../assemble/section-builder.ts';
import { Chunk } from './chunk.ts';
import { uleb128 } from './leb.ts';
import { type LineFile, LineFiles } from './line-files.ts';
import {
  advanceOpcodes,
  endOpcodes,
  initialState,
  LINE_BASE,
  LINE_RANGE,
  type LineRow,
  LNE,
  MIN_INSN_LENGTH,
  OPCODE_BASE,
  registerOpcodes,
} from './line-program.ts';

/** How many operands the standard opcodes 1 to 12 have. */
const OPERAND_COUNTS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1] as const;
/** Content types and forms of a DWARF 5 file table (DWARF 5, 7.22 and 7.5.6; LLVM's own for sources). */
const LNCT = { PATH: 1, DIRECTORY_INDEX: 2, MD5: 5, LLVM_SOURCE: 0x2001 } as const;
const FORM = { UDATA: 0x0f, DATA16: 0x1e, LINE_STRP: 0x1f } as const;
const ADDRESS_SIZE = 8;
/** Mergeable strings. */
const STRING_SECTION = {
  type: SectionType.PROGBITS,
  flags: SectionFlag.MERGE | SectionFlag.STRINGS,
  entrySize: 1,
};

/** Rows of functions that stand together in one section. As in clang, another section between ends one. */
interface Sequence {
  readonly rows: LineRow[];
  /** Of the last one the end of its last function. */
  end: number | undefined;
}

/** A row that counts when something follows it. */
interface Pending {
  readonly section: SectionBuilder;
  readonly row: LineRow;
  /** Where the function before it ended. */
  readonly previousEnd: number;
}

/** Collects what `.file` and `.loc` say, and writes `.debug_line`. */
export class LineTable {
  readonly files: LineFiles = new LineFiles();
  readonly #sequences: Map<SectionBuilder, Sequence[]> = new Map();
  #pending: Pending | undefined;
  /** Where the last row went. */
  #section: SectionBuilder | undefined;
  /** Where the last function of each section ended. */
  readonly #functionEnds: Map<SectionBuilder, number> = new Map();
  /** Whether rows are statements goes on until a `.loc` says otherwise. */
  isStatement = true;

  /** A row begins where the next byte of the section comes. */
  add(section: SectionBuilder, row: LineRow): void {
    this.#settle(section);
    this.#pending = { section, row, previousEnd: this.#functionEnds.get(section) ?? row.offset };
  }

  /** A function ends here. */
  endFunction(section: SectionBuilder, offset: number): void {
    this.#functionEnds.set(section, offset);
  }

  /** As in LLVM: a row without code counts if another follows it in its section. */
  #settle(current: SectionBuilder | undefined): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (!pending) return;
    const { section, row, previousEnd } = pending;
    if (section !== current && section.size === row.offset) return;
    const sequences = this.#sequences.get(section);
    const last = sequences?.[sequences.length - 1];
    if (!last || !sequences) this.#sequences.set(section, [{ rows: [row], end: undefined }]);
    else if (this.#section === section) last.rows.push(row);
    else {
      last.end = previousEnd;
      sequences.push({ rows: [row], end: undefined });
    }
    this.#section = section;
  }

  write(assembler: Assembler, version: number): void {
    this.#settle(undefined);
    if (this.files.isEmpty) return;
    const { missing, last } = this.files;
    if (missing !== undefined) {
      const message = `there is a file ${last!.number}, but no '.file ${missing}'`;
      assembler.problems.error(last!.file.range, 'argument', message);
      return;
    }
    const { endian } = assembler.options;
    const section = assembler.section('.debug_line', undefined);
    const strings = version >= 5 ? new LineStrings(assembler) : undefined;
    const header = this.#header(new Chunk(endian), version, strings);
    const program = this.#program(new Chunk(endian), version);
    const unit = new Chunk(endian);
    unit.unsigned(version, 2);
    if (version >= 5) unit.bytes([ADDRESS_SIZE, 0]);
    unit.unsigned(header.size, 4);
    unit.append(header);
    unit.append(program);
    const whole = new Chunk(endian);
    whole.unsigned(unit.size, 4);
    whole.append(unit);
    whole.appendTo(assembler, section);
    strings?.write();
  }

  #header(out: Chunk, version: number, strings: LineStrings | undefined): Chunk {
    out.u8(MIN_INSN_LENGTH);
    // One operation an instruction.
    if (version >= 4) out.u8(1);
    out.bytes([1, LINE_BASE, LINE_RANGE, OPCODE_BASE, ...OPERAND_COUNTS]);
    if (strings) this.#fileTable(out, strings);
    else this.#oldFileTable(out);
    return out;
  }

  /** Up to DWARF 4: strings in place, each list ended by an empty one. */
  #oldFileTable(out: Chunk): void {
    for (const directory of this.files.directories) out.bytes(bytesOf(directory));
    out.u8(0);
    for (const { name, directory } of this.files.numbered()) {
      out.bytes(bytesOf(name));
      // No time and no size.
      out.bytes([...uleb128(directory), 0, 0]);
    }
    out.u8(0);
  }

  #fileTable(out: Chunk, strings: LineStrings): void {
    const { files } = this;
    const numbered = files.numbered();
    const root = files.root ?? numbered[0]!;
    const all = [root, ...numbered];
    out.bytes([1, LNCT.PATH, FORM.LINE_STRP, ...uleb128(files.directories.length + 1)]);
    for (const directory of [files.directory, ...files.directories]) strings.refer(out, directory);
    const md5 = files.allHaveMd5;
    const source = all.some((file) => file.source !== undefined);
    out.u8(2 + Number(md5) + Number(source));
    out.bytes([LNCT.PATH, FORM.LINE_STRP, LNCT.DIRECTORY_INDEX, FORM.UDATA]);
    if (md5) out.bytes([LNCT.MD5, FORM.DATA16]);
    if (source) out.bytes([...uleb128(LNCT.LLVM_SOURCE), FORM.LINE_STRP]);
    out.bytes(uleb128(all.length));
    for (const file of all) fileEntry(out, file, strings, { md5, source });
  }

  #program(out: Chunk, version: number): Chunk {
    for (const [section, sequences] of this.#sequences)
      for (const { rows, end } of sequences) {
        appendRows(out, section, rows, version);
        const to = end ?? this.#functionEnds.get(section) ?? section.size;
        out.bytes(endOpcodes(to - rows[rows.length - 1]!.offset));
      }
    return out;
  }
}

function appendRows(out: Chunk, section: SectionBuilder, rows: readonly LineRow[], version: number): void {
  const state = initialState();
  let at: number | undefined;
  for (const row of rows) {
    out.bytes(registerOpcodes(state, row, version));
    if (at === undefined) {
      out.bytes([0, ADDRESS_SIZE + 1, LNE.SET_ADDRESS]);
      out.address(section, row.offset, ADDRESS_SIZE);
    }
    out.bytes(advanceOpcodes(row.line - state.line, row.offset - (at ?? row.offset)));
    state.line = row.line;
    at = row.offset;
  }
}

function fileEntry(
  out: Chunk,
  file: LineFile,
  strings: LineStrings,
  has: { readonly md5: boolean; readonly source: boolean },
): void {
  strings.refer(out, file.name);
  out.bytes(uleb128(file.directory));
  if (has.md5) out.bytes(file.md5!);
  if (has.source) strings.refer(out, file.source ?? '');
}

/** With a NUL behind. */
function bytesOf(text: string): number[] {
  return [...Array.from(text, (char) => char.charCodeAt(0)), 0];
}

/** `.debug_line_str`: each string once, in the order of the first use. */
class LineStrings {
  readonly #assembler: Assembler;
  readonly #section: SectionBuilder;
  readonly #offsets: Map<string, number> = new Map();
  readonly #bytes: Chunk;

  constructor(assembler: Assembler) {
    this.#assembler = assembler;
    this.#section = assembler.section('.debug_line_str', STRING_SECTION);
    this.#bytes = new Chunk(assembler.options.endian);
  }

  refer(out: Chunk, text: string): void {
    let offset = this.#offsets.get(text);
    if (offset === undefined) {
      offset = this.#section.size + this.#bytes.size;
      this.#offsets.set(text, offset);
      this.#bytes.bytes(bytesOf(text));
    }
    out.address(this.#section, offset, 4);
  }

  write(): void {
    this.#bytes.appendTo(this.#assembler, this.#section);
  }
}
