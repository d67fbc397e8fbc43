import { decodeInsnAt, encodeInsns, type Instruction, reservedFields } from '../../isa/codec.ts';
import { SLOT_SIZE } from '../../isa/slot.ts';
import type { Endian } from '../../util/bytes.ts';
import { fromHex, toHex } from '../../util/bytes.ts';
import type { SourceText } from '../../util/diagnostic.ts';
import { formatInstruction } from '../print/format.ts';
import { objdumpInsn } from '../print/objdump.ts';
import type { Range } from '../syntax/ast.ts';
import { type DumpLine, type DumpText, DumpWriter, isName, linesOf } from './dump-text.ts';

const FILE = /^(.+):\tfile format (\S+)/;
const SECTION = /^Disassembly of section (.*):$/;
const SYMBOL = /^([0-9a-f]{8,16}) <(.*)>:$/;
const INSN = /^[ \t]*(\d+):\t(?:((?:[0-9a-f]{2} )*[0-9a-f]{2})[ ]*\t)?(.*)$/;
const RELOCATION = /^\t+([0-9a-f]{8,16}):[ \t]+(\S+)\t(.+)$/;
const ZEROS = /^\t+\.\.\.$/;
/** Labels that compilers leave in an object: no functions. */
const INNER_LABEL = /^(?:L|\.L)BB\d+_\d+$/;

/** One line of instructions or bytes. */
interface Code {
  readonly kind: 'code';
  readonly slot: number;
  readonly bytes: Uint8Array | undefined;
  readonly text: string;
  /** Of the text. */
  readonly from: Range;
  relocation: { readonly type: string; readonly symbol: string; readonly from: Range } | undefined;
}

type Entry =
  | Code
  | ({ readonly kind: 'section'; readonly name: string } & Range)
  | ({ readonly kind: 'symbol'; readonly name: string; readonly address: number } & Range)
  | ({ readonly kind: 'zeros' } & Range)
  | ({ readonly kind: 'file'; readonly name: string } & Range);

/** Reads what `llvm-objdump -d` prints, with `-r`, `-S` and `--no-show-raw-insn` too. */
export function readObjdump(source: SourceText): DumpText {
  const entries = entriesOf(source.text);
  const endian = endianOf(entries);
  const writer = new DumpWriter(source);
  new ObjdumpReader(writer, entries, endian ?? 'little').write();
  return writer.finish(endian);
}

function entriesOf(text: string): Entry[] {
  const out: Entry[] = [];
  for (const line of linesOf(text)) {
    const entry = entryOf(line, out);
    if (entry) out.push(entry);
  }
  return out;
}

function entryOf(line: DumpLine, before: readonly Entry[]): Entry | undefined {
  const { text, start, end } = line;
  const insn = INSN.exec(text);
  if (insn) return codeOf(line, insn);
  const symbol = SYMBOL.exec(text);
  if (symbol)
    return { kind: 'symbol', address: Number.parseInt(symbol[1]!, 16), name: symbol[2]!, start, end };
  const section = SECTION.exec(text);
  if (section) return { kind: 'section', name: section[1]!, start, end };
  if (ZEROS.test(text)) return { kind: 'zeros', start, end };
  const file = FILE.exec(text);
  if (file) return { kind: 'file', name: file[1]!, start, end };
  const relocation = RELOCATION.exec(text);
  const last = before[before.length - 1];
  if (relocation && last?.kind === 'code')
    last.relocation = { type: relocation[2]!, symbol: relocation[3]!, from: { start, end } };
  return undefined;
}

/** The `<place>` behind a jump is a comment. */
function codeOf({ text, start, end }: DumpLine, [, slot, hex, rest]: RegExpExecArray): Code {
  const insn = rest!.replace(/[ \t]+<[^<>]*>$/, '');
  const from = start + text.length - rest!.length;
  return {
    kind: 'code',
    slot: Number(slot),
    bytes: hex === undefined ? undefined : fromHex(hex),
    text: insn,
    from: { start: from, end: insn === '' ? end : from + insn.length },
    relocation: undefined,
  };
}

/** The first bytes of most instructions are alike in both byte orders; their texts are not. */
function endianOf(entries: readonly Entry[]): Endian | undefined {
  let little = 0;
  let big = 0;
  for (const entry of entries) {
    if (entry.kind !== 'code' || !isWhole(entry.bytes)) continue;
    if (isPrintedAs(entry.text, decodeInsnAt(entry.bytes, 0, 'little'))) little++;
    if (isPrintedAs(entry.text, decodeInsnAt(entry.bytes, 0, 'big'))) big++;
  }
  return little === big ? undefined : little > big ? 'little' : 'big';
}

function isWhole(bytes: Uint8Array | undefined): bytes is Uint8Array {
  return bytes?.length === SLOT_SIZE || bytes?.length === 2 * SLOT_SIZE;
}

/** LLVM before 19 prints numbers as decimals. */
function isPrintedAs(text: string, insn: Instruction): boolean {
  const printed = objdumpInsn(insn);
  if (printed.text === text) return true;
  return (
    printed.def !== undefined && formatInstruction({ ...insn, def: printed.def }, { radix: 10 }) === text
  );
}

class ObjdumpReader {
  readonly #writer: DumpWriter;
  readonly #entries: readonly Entry[];
  readonly #endian: Endian;
  readonly #sections = new Map<string, number>();
  readonly #labels = new Set<string>();
  readonly #extern = new Set<string>();
  #files = 0;
  /** Bytes so far in the section. */
  #size = 0;
  #function: string | undefined;

  constructor(writer: DumpWriter, entries: readonly Entry[], endian: Endian) {
    this.#writer = writer;
    this.#entries = entries;
    this.#endian = endian;
    for (const entry of entries)
      if (entry.kind === 'section' && !this.#sections.has(entry.name))
        this.#sections.set(entry.name, this.#sections.size);
  }

  write(): void {
    for (const [index, entry] of this.#entries.entries()) {
      if (entry.kind === 'code') this.#code(entry);
      else if (entry.kind === 'section') this.#section(entry.name, entry);
      else if (entry.kind === 'symbol') this.#symbol(entry.name, entry.address, entry);
      else if (entry.kind === 'file') this.#file(entry);
      else this.#zeros(entry, this.#entries[index + 1]);
    }
    const end = this.#entries[this.#entries.length - 1];
    if (end) this.#closeFunction(rangeOf(end));
  }

  #file(range: Range): void {
    if (++this.#files < 2) return;
    this.#writer.problem(range, {
      code: 'several-files',
      message: 'the dump is of several files, which cannot become one object',
      help: ["dump one file at a time; 'tsbpf link' joins objects"],
    });
  }

  #section(name: string, from: Range): void {
    this.#closeFunction(from);
    this.#size = 0;
    if (!/^[^"\\\n]+$/.test(name)) {
      this.#writer.problem(from, {
        code: 'section-name',
        message: `the section name '${name}' cannot be written`,
      });
      return;
    }
    this.#writer.line(`.section "${name}","ax",@progbits`, from);
    this.#writer.line('.p2align 3', from);
    this.#writer.line(`${this.#sectionLabel(name)}:`, from);
  }

  #sectionLabel(name: string): string {
    return `.Lsection_${this.#sections.get(name)}`;
  }

  #symbol(name: string, address: number, from: Range): void {
    this.#fillTo(address, from);
    // Where no symbol stands at its beginning, a section's name does.
    if (this.#sections.has(name) || !isName(name) || this.#labels.has(name)) return;
    this.#labels.add(name);
    if (!INNER_LABEL.test(name)) {
      this.#closeFunction(from);
      this.#writer.line(`.globl ${name}`, from);
      this.#writer.line(`.type ${name},@function`, from);
      this.#function = name;
    }
    this.#writer.line(`${name}:`, from);
  }

  #closeFunction(from: Range): void {
    if (this.#function !== undefined)
      this.#writer.line(`.size ${this.#function}, . - ${this.#function}`, from);
    this.#function = undefined;
  }

  /** `...` stands for zeros, as many as lead to what comes next. */
  #zeros(from: Range, next: Entry | undefined): void {
    if (next?.kind === 'code') this.#fillTo(next.slot * SLOT_SIZE, from);
    else if (next?.kind === 'symbol') this.#fillTo(next.address, from);
    else
      this.#writer.problem(from, {
        code: 'zeros-left-out',
        message: 'how many zeros stand at the end of the section is not shown',
        help: ["dump with '-z' (--disassemble-zeroes)"],
      });
  }

  #fillTo(offset: number, from: Range): void {
    if (offset <= this.#size) return;
    this.#writer.line(`.zero ${offset - this.#size}`, from);
    this.#size = offset;
  }

  #code(code: Code): void {
    // What a dump's excerpt leaves out before its first line is no part of it.
    if (this.#size === 0 && code.slot > 0 && !this.#hasSections) this.#size = code.slot * SLOT_SIZE;
    this.#fillTo(code.slot * SLOT_SIZE, code.from);
    this.#writer.line(this.#textOf(code), code.from);
    this.#size += code.bytes?.length ?? (/ ll$|^ld_pseudo/.test(code.text) ? 2 : 1) * SLOT_SIZE;
  }

  get #hasSections(): boolean {
    return this.#sections.size > 0;
  }

  #textOf(code: Code): string {
    const { bytes, text, relocation } = code;
    const insn = isWhole(bytes) ? decodeInsnAt(bytes, 0, this.#endian) : undefined;
    const trusted = insn && isPrintedAs(text, insn);
    if (relocation) {
      const named = this.#relocated(code, trusted ? insn : undefined);
      if (named !== undefined) return named;
    }
    if (bytes && (trusted || text === '<unknown>')) return this.#fromBytes(bytes, trusted ? insn : undefined);
    if (text !== '<unknown>' && !text.startsWith('ld_pseudo')) return text;
    this.#writer.problem(code.from, {
      code: 'unknown-bytes',
      message: `what '${text.replace('\t', ' ')}' is cannot be told without its bytes`,
      help: ["dump without '--no-show-raw-insn'"],
    });
    return '.zero 8';
  }

  /** As an instruction where the text says all of it, else as bytes. */
  #fromBytes(bytes: Uint8Array, insn: Instruction | undefined): string {
    if (insn) {
      const { kind, src } = insn.def;
      const whole =
        reservedFields(insn).length === 0 && toHex(encodeInsns([insn], this.#endian)) === toHex(bytes);
      if (whole && kind === 'call' && src === 1) return `call pc${signed(insn.imm)}`;
      if (whole && kind !== 'unknown' && (kind === 'call' || kind === 'lddw' ? src === 0 : true))
        return formatInstruction(insn);
    }
    return `.byte ${[...bytes].join(',')}`;
  }

  #relocated({ text, relocation }: Code, insn: Instruction | undefined): string | undefined {
    const { type, symbol, from } = relocation!;
    const wide = /^(r\d+) = (-?\w+) ll$/.exec(text);
    const call = /^call (-?\w+)$/.exec(text);
    const given = wide?.[2] ?? call?.[1];
    const fits = type === 'R_BPF_64_64' ? wide : type === 'R_BPF_64_32' ? call : undefined;
    if (!fits || (insn && reservedFields(insn).some(({ field }) => field === 'off'))) {
      this.#writer.problem(from, {
        code: 'unknown-relocation',
        message: `the relocation ${type} does not fit '${text}'`,
        help: ["'R_BPF_64_64' belongs to 'r1 = 0 ll', 'R_BPF_64_32' to 'call -1'"],
      });
      return undefined;
    }
    const name = this.#symbolName(symbol, from);
    const value = numberOf(given!);
    if (wide) return `${wide[1]} = ${name}${value === 0n ? '' : signed(BigInt.asIntN(32, value))} ll`;
    // A call counts slots from the next instruction, its symbol's place bytes.
    const addend = (value + 1n) * BigInt(SLOT_SIZE);
    return `call ${name}${addend === 0n ? '' : signed(addend)}`;
  }

  #symbolName(symbol: string, from: Range): string {
    if (this.#sections.has(symbol)) return this.#sectionLabel(symbol);
    if (!isName(symbol)) {
      this.#writer.problem(from, {
        code: 'symbol-name',
        message: `the symbol name '${symbol}' cannot be written`,
      });
      return '0';
    }
    if (!this.#extern.has(symbol) && !this.#isDefined(symbol)) {
      this.#extern.add(symbol);
      this.#writer.line(`.extern ${symbol}`, from);
    }
    return symbol;
  }

  #isDefined(name: string): boolean {
    this.#defined ??= new Set(
      this.#entries.flatMap((entry) => (entry.kind === 'symbol' ? [entry.name] : [])),
    );
    return this.#defined.has(name);
  }
  #defined: Set<string> | undefined;
}

function rangeOf(entry: Entry): Range {
  return entry.kind === 'code' ? entry.from : entry;
}

function numberOf(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

function signed(value: number | bigint): string {
  return value < 0 ? ` - ${-value}` : ` + ${value}`;
}
