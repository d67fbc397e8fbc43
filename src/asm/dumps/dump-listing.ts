import { decodeInsnAt, encodeInsns, reservedFields } from '../../isa/codec.ts';
import { HELPERS } from '../../isa/helpers.generated.ts';
import { INSN_TABLE, LddwSource } from '../../isa/insn-table.ts';
import { withoutStates } from '../../object/verifier-log.ts';
import { type Endian, fromHex, toHex } from '../../util/bytes.ts';
import type { SourceText } from '../../util/diagnostic.ts';
import { formatInstruction } from '../print/format.ts';
import type { Range } from '../syntax/ast.ts';
import type { DumpKind } from './dump-kind.ts';
import { type Address, AddressBook } from './dump-maps.ts';
import { type DumpLine, type DumpText, DumpWriter, isName, linesOf } from './dump-text.ts';

/** `12: (b7) r0 = 1`; before the opcode stand the registers in use, in the table of Linux 6.17 and later. */
const INSN = /^[ \t]*(\d+): (?:[.0-9]{10,11} )?\(([0-9a-f]{2})\) ([^;]*[^;\s])/;
/** bpftool's `opcodes` stand on a line of their own. */
const OPCODES = /^[ \t]+((?:[0-9a-f]{2} ){7}(?:(?:[0-9a-f]{2} ){8})?[0-9a-f]{2})$/;
const BEGIN = /prog '([^']*)': -- BEGIN PROG LOAD LOG --/;
const END = /-- END PROG LOAD LOG --/;
/** `int sum(struct xdp_md * ctx):`, or the name alone, where bpftool has no BTF. */
const HEADING = /^(?:[A-Za-z_][\w *]*?[ *])?([A-Za-z_][\w.]*)(?:\(.*\))?:$/;
/** What the verifier says between two lines, and looks like a heading. */
const SPEECH = /^(?:Live regs before insn|caller|callee|returning from callee|to caller at \d+):$/;

/** The kernel writes a negative number that a jump compares with as its 32 bits. */
const COMPARED = /(?<=^if [rw]\d+ \S+ )0x[89a-f][0-9a-f]{7}(?= goto)/;
const signedNumber = (hex: string): string => String(Number(hex) | 0);

/** Of a heading; the prototype of a function with five parameters is shorter. */
const MAX_HEADING = 1000;
const LDDW = 0x18;
const helperIds: ReadonlyMap<string, string> = new Map(HELPERS.map(({ id, name }) => [name, String(id)]));

/** The same slot can be printed several times: once in the table, and on every path that leads there. */
interface Listed {
  readonly slot: number;
  readonly opcode: number;
  readonly text: string;
  readonly from: Range;
  bytes: Uint8Array | undefined;
}

/** How many slots may still be filled, in all programs of a log together. */
interface Room {
  slots: number;
}

interface Program {
  name: string | undefined;
  readonly bySlot: Map<number, Listed>;
  /** Of subprograms, by slot. */
  readonly names: Map<number, string>;
  readonly addresses: AddressBook;
}

function newProgram(name: string | undefined, maps: ReadonlyMap<number, string>): Program {
  return { name, bySlot: new Map(), names: new Map(), addresses: new AddressBook(maps) };
}

/** Reads the verifier's log and what `bpftool prog dump xlated` prints. */
export function readListing(source: SourceText, kind: DumpKind, maps: ReadonlyMap<number, string>): DumpText {
  const programs = programsOf(source.text, kind, maps);
  const endian = endianOf(programs);
  const writer = new DumpWriter(source);
  const taken = new Set<string>();
  const room = { slots: MAX_FILLED };
  for (const program of programs) {
    if (program.bySlot.size > 0)
      new ListingWriter(writer, kind, endian ?? 'little', program, taken, room).write();
  }
  return writer.finish(endian);
}

function programsOf(text: string, kind: DumpKind, maps: ReadonlyMap<number, string>): Program[] {
  let program = newProgram(undefined, maps);
  const out = [program];
  let last: Listed | undefined;
  let heading: string | undefined;
  for (const line of linesOf(text)) {
    const begin = BEGIN.exec(line.text);
    if (begin || END.test(line.text)) {
      if (program.bySlot.size > 0) {
        program = newProgram(undefined, maps);
        out.push(program);
      }
      if (begin) program.name = begin[1]!;
      continue;
    }
    const insn = INSN.exec(line.text);
    if (insn) {
      last = note(program, line, insn);
      if (heading !== undefined) program.names.set(last.slot, heading);
      heading = undefined;
      continue;
    }
    const opcodes = kind === 'xlated' ? OPCODES.exec(line.text) : undefined;
    if (opcodes && last) last.bytes ??= fromHex(opcodes[1]!);
    else if (kind === 'xlated' && !SPEECH.test(line.text)) heading = headingOf(line.text) ?? heading;
  }
  return out;
}

function headingOf(text: string): string | undefined {
  return text.endsWith(':') && text.length <= MAX_HEADING ? HEADING.exec(text)?.[1] : undefined;
}

function note(program: Program, { text, start }: DumpLine, [all, slot, op, rest]: RegExpExecArray): Listed {
  const from = start + all.length - rest!.length;
  // Behind a jump the whole state may stand without a semicolon.
  const insn = withoutStates(rest!);
  const listed: Listed = {
    slot: Number(slot),
    opcode: Number.parseInt(op!, 16),
    text: insn,
    from: { start: from, end: from + insn.length },
    bytes: undefined,
  };
  if (listed.opcode === LDDW) program.addresses.note(listed.slot, insn, text.slice(all.length));
  const known = program.bySlot.get(listed.slot);
  if (known) return known;
  program.bySlot.set(listed.slot, listed);
  return listed;
}

/** By the opcode, which the text names too, and by the registers of what has two. */
function endianOf(programs: readonly Program[]): Endian | undefined {
  let little = 0;
  let big = 0;
  for (const { bySlot } of programs)
    for (const { bytes, text } of bySlot.values()) {
      const pair = /^[rw](\d+) [^=]*= [rw](\d+)$/.exec(text);
      if (!bytes || !pair || pair[1] === pair[2]) continue;
      if (decodeInsnAt(bytes, 0, 'little').dst === Number(pair[1])) little++;
      else big++;
    }
  return little === big ? undefined : little > big ? 'little' : 'big';
}

class ListingWriter {
  readonly #writer: DumpWriter;
  readonly #kind: DumpKind;
  readonly #endian: Endian;
  readonly #program: Program;
  readonly #taken: Set<string>;
  readonly #room: Room;
  /** The function whose end has yet to come. */
  #open = '';

  constructor(
    writer: DumpWriter,
    kind: DumpKind,
    endian: Endian,
    program: Program,
    taken: Set<string>,
    room: Room,
  ) {
    this.#writer = writer;
    this.#kind = kind;
    this.#endian = endian;
    this.#program = program;
    this.#taken = taken;
    this.#room = room;
  }

  write(): void {
    const { bySlot, names, name } = this.#program;
    const listed = [...bySlot.values()].sort((a, b) => a.slot - b.slot);
    const first = listed[0]!.from;
    const title = this.#free(name ?? names.get(0) ?? 'program');
    for (const line of [`.globl ${title}`, `.type ${title},@function`, `${title}:`])
      this.#writer.line(line, first);
    this.#open = title;
    const missing: string[] = [];
    let next = 0;
    for (const insn of listed) {
      if (insn.slot > next) missing.push(this.#fill(next, insn.slot, insn.from));
      if (insn.slot > 0 && names.has(insn.slot)) this.#label(names.get(insn.slot)!, insn.from);
      this.#writer.line(this.#textOf(insn), insn.from);
      next = insn.slot + (insn.opcode === LDDW ? 2 : 1);
    }
    this.#close(listed[listed.length - 1]!.from);
    if (missing.length > 0) this.#tellMissing(missing, first);
  }

  /** Where a log says nothing, jumps over it must keep their lengths. */
  #fill(from: number, to: number, range: Range): string {
    if (to - from <= this.#room.slots) {
      this.#room.slots -= to - from;
      for (let slot = from; slot < to; slot++) this.#writer.line('goto +0', range);
    } else
      this.#writer.problem(range, {
        code: 'slots-missing',
        message: `slots ${from} to ${to - 1} are missing, which is more than a program has`,
      });
    return to - from === 1 ? String(from) : `${from} to ${to - 1}`;
  }

  #tellMissing(missing: readonly string[], range: Range): void {
    const shown = missing.length > 8 ? [...missing.slice(0, 8), '…'] : missing;
    const one = missing.length === 1 && /^\d+$/.test(missing[0]!);
    this.#writer.problem(range, {
      severity: 'note',
      code: 'slots-missing',
      message: `slot${one ? '' : 's'} ${shown.join(', ')} ${one ? 'does' : 'do'} not appear: 'goto +0' stands there`,
      help:
        this.#kind === 'xlated'
          ? []
          : ['the verifier prints what it walks: code that is never reached is not shown'],
    });
  }

  #free(name: string): string {
    const base = isName(name) ? name : 'program';
    let free = base;
    for (let count = 1; this.#taken.has(free); count++) free = `${base}.${count}`;
    this.#taken.add(free);
    return free;
  }

  #label(name: string, from: Range): void {
    if (!isName(name) || this.#taken.has(name)) return;
    this.#taken.add(name);
    this.#close(from);
    this.#open = name;
    this.#writer.line(`.type ${name},@function`, from);
    this.#writer.line(`${name}:`, from);
  }

  #close(from: Range): void {
    this.#writer.line(`.size ${this.#open}, . - ${this.#open}`, from);
  }

  #textOf(listed: Listed): string {
    const { bytes, text, opcode } = listed;
    if (opcode === LDDW) return this.#wide(listed);
    if (bytes) return fromBytes(bytes, this.#endian);
    return opcode === 0x85 ? this.#call(text, listed.from) : text.replace(COMPARED, signedNumber);
  }

  /** `call bpf_map_lookup_elem#1`, `call pc+3`, `call pc+3#bpf_prog_0123456789abcdef_f`. */
  #call(text: string, from: Range): string {
    const [, callee, id] = /^call ([^#]*)(?:#(-?\d+))?/.exec(text) ?? [];
    if (callee === undefined || callee.startsWith('pc')) return text.replace(/#.*$/, '');
    if (id === undefined) return text;
    const isHelper = helperIds.get(callee) === id;
    if (isHelper) return `call ${callee}`;
    if (this.#kind === 'xlated' || !isName(callee) || callee === 'unknown') return `call ${id}`;
    // A function of the kernel, by its BTF id in that kernel.
    if (!this.#taken.has(`extern ${callee}`)) this.#writer.line(`.extern ${callee}`, from);
    this.#taken.add(`extern ${callee}`);
    return `call ${callee}`;
  }

  #wide({ slot, text, bytes, from }: Listed): string {
    const [, dst, value] = /^r(\d+) = (.*)$/.exec(text) ?? [];
    if (dst === undefined) return text;
    const address = this.#program.addresses.find(slot, value!);
    if (address?.kind === 'name')
      return `${this.#declared(address, from)}r${dst} = ${placeText(address)} ll`.trim();
    if (bytes) return fromBytes(bytes, this.#endian);
    if (address?.kind === 'pseudo') return pseudoLoad(dst, address);
    if (address?.kind === 'number') return `r${dst} = ${value} ll`;
    this.#writer.problem(from, {
      code: 'kernel-address',
      message: `slot ${slot} loads an address of the kernel: the log does not say of what`,
      help: [`give the map's name with '--map ${slot}=NAME', or dump with log level 2`],
    });
    return `r${dst} = 0 ll`;
  }

  #declared({ name }: Extract<Address, { kind: 'name' }>, from: Range): '' {
    if (this.#taken.has(`extern ${name}`)) return '';
    this.#taken.add(`extern ${name}`);
    this.#writer.line(`.extern ${name}`, from);
    return '';
  }
}

/** In the mnemonics' words: LLVM has none for it. */
function pseudoLoad(dst: string, { src, imm, nextImm }: Extract<Address, { kind: 'pseudo' }>): string {
  const { name } = INSN_TABLE.find((def) => def.kind === 'lddw' && def.src === src)!;
  return `${name} r${dst}, ${imm}${nextImm === 0 ? '' : `, ${nextImm}`}`;
}

/** Programs have at most a million instructions (Linux, BPF_COMPLEXITY_LIMIT_INSNS). */
const MAX_FILLED = 1_000_000;

function placeText({ name, offset }: Extract<Address, { kind: 'name' }>): string {
  return offset === 0 ? name : `${name} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`;
}

function byteLine(bytes: Uint8Array): string {
  return `.byte ${[...bytes].join(',')}`;
}

/** As text where that says all of it. */
function fromBytes(bytes: Uint8Array, endian: Endian): string {
  const insn = decodeInsnAt(bytes, 0, endian);
  const { kind } = insn.def;
  const plain = kind !== 'unknown' && ((kind !== 'call' && kind !== 'lddw') || insn.src === LddwSource.IMM64);
  const whole =
    plain && reservedFields(insn).length === 0 && toHex(encodeInsns([insn], endian)) === toHex(bytes);
  return whole ? formatInstruction(insn) : byteLine(bytes);
}
