import { findInsn, type InsnDef } from '../../isa/insn-table.ts';
import { SLOT_SIZE } from '../../isa/slot.ts';
import { RelocationType, SectionFlag } from '../../object/relocatable.ts';
import { type Endian, viewOf } from '../../util/bytes.ts';
import type { Expr, InsnStatement } from '../syntax/ast.ts';
import type { Problems } from '../syntax/problems.ts';
import type { Assembler, CpuVersion } from './assembler.ts';
import { noteCalledPlace } from './called-places.ts';
import { helperIds } from './constants.ts';
import type { Evaluator, Value } from './evaluate.ts';
import type { Item, SectionBuilder } from './section-builder.ts';
import { type AsmSymbol, isTemporary, type SymbolTable } from './symbols.ts';

/** A relocation before symbols have numbers; `symbol` undefined stands for the section that it was in. */
export interface PendingRelocation {
  readonly section: SectionBuilder;
  readonly offset: number;
  readonly type: number;
  readonly target: AsmSymbol | SectionBuilder;
}

type Address = Extract<Value, { kind: 'address' }>;
type InsnItem = Extract<Item, { kind: 'insn' }>;
type DataItem = Extract<Item, { kind: 'data' }>;

/** Shorter names are alike without being each other's misspelling. */
const MIN_SLIP_LENGTH = 4;
const MIN_S32 = -(2n ** 31n);
const MAX_S32 = 2n ** 31n - 1n;
const MAX_U32 = 2n ** 32n - 1n;

interface Fields {
  readonly def: InsnDef;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
}

/** Writes what depends on names into the sections, once all names are known. */
export class Emitter {
  readonly relocations: PendingRelocation[] = [];
  readonly #evaluator: Evaluator;
  readonly #symbols: SymbolTable;
  readonly #problems: Problems;
  readonly #little: boolean;
  /** A compiler's output may call what nothing declares: kfuncs, functions of other files. */
  readonly #compiled: boolean;
  readonly #cpu: CpuVersion;
  readonly #own: Pick<Assembler, 'language' | 'debug' | 'kfuncNames' | 'symbols'>;

  constructor(
    evaluator: Evaluator,
    symbols: SymbolTable,
    problems: Problems,
    options: {
      readonly endian: Endian;
      readonly compiled: boolean;
      readonly cpu: CpuVersion;
      readonly own: Pick<Assembler, 'language' | 'debug' | 'kfuncNames' | 'symbols'>;
    },
  ) {
    this.#own = options.own;
    this.#cpu = options.cpu;
    this.#evaluator = evaluator;
    this.#symbols = symbols;
    this.#problems = problems;
    this.#little = options.endian === 'little';
    this.#compiled = options.compiled;
  }

  emit(section: SectionBuilder): void {
    const view = viewOf(section.bytes());
    for (const item of section.items) {
      if (item.kind === 'insn') this.#insn(section, item, view);
      else this.#data(section, item, view);
    }
  }

  #error(
    range: Expr | InsnStatement,
    code: string,
    message: string,
    help: readonly string[] = [],
  ): undefined {
    this.#problems.error(range, code, message, { help });
    return undefined;
  }

  #insn(section: SectionBuilder, item: InsnItem, view: DataView): void {
    const { insn } = item;
    switch (insn.def.kind) {
      case 'ja':
      case 'mayGoto':
      case 'jcond':
        this.#jump(section, item, view);
        break;
      case 'call':
        this.#call(section, item, view);
        break;
      case 'lddw':
        this.#wide(section, item, view);
        break;
      default:
        this.#plain(section, item, view);
    }
  }

  #plain(section: SectionBuilder, item: InsnItem, view: DataView): void {
    const { insn } = item;
    const off = this.#offField(insn, section, item.offset);
    const imm = this.#immField(insn, section, item.offset);
    if (off === undefined || imm === undefined) return;
    this.#put(view, item.offset, { def: insn.def, dst: insn.dst, src: insn.src, off, imm });
  }

  #offField(insn: InsnStatement, section: SectionBuilder, offset: number): number | undefined {
    if (typeof insn.def.off === 'number') return insn.def.off;
    if (!insn.off) return 0;
    const value =
      this.#core(insn.off, section, offset) ??
      this.#evaluator.number(insn.off, { section, offset }, 'an offset');
    if (value === undefined) return undefined;
    if (value >= -0x8000n && value <= 0x7fffn) return Number(value);
    return this.#error(
      insn.off,
      'out-of-range',
      `the offset ${value} does not fit 16 bits: it must be from -32768 to 32767`,
      ['add the rest to a copy of the register first'],
    );
  }

  #immField(insn: InsnStatement, section: SectionBuilder, offset: number): number | undefined {
    const { def } = insn;
    if (typeof def.imm === 'number') return def.imm;
    if (!insn.imm) return 0;
    const core = this.#core(insn.imm, section, offset);
    if (core !== undefined) return this.#checkedImm(insn, core);
    const value = this.#evaluator.evaluate(insn.imm, { section, offset });
    if (value === undefined) return undefined;
    if (value.kind === 'address') return this.#addressAsImm(insn, value);
    return this.#checkedImm(insn, value.value);
  }

  #addressAsImm(insn: InsnStatement, { symbol }: Address): undefined {
    if (!symbol.defined && !symbol.declared) {
      this.#evaluator.undefinedName(insn.imm!, symbol.name);
      return undefined;
    }
    const move = insn.def.kind === 'alu' && insn.def.op === '';
    const name = insn.imm!.kind === 'string' ? this.#textOf(insn.imm!) : symbol.name;
    const help = move
      ? `write 'r${insn.dst} = ${name} ll'`
      : `load it into a register first: 'r1 = ${name} ll'`;
    return this.#error(
      insn.imm!,
      'address-as-number',
      `the address of '${name}' takes 64 bits, here is room for 32`,
      [help],
    );
  }

  /**
   * The kernel extends imm with its sign to 64 bits; 32-bit operations and narrower stores look at
   * the lower 32 bits alone, which may then be written unsigned.
   */
  #checkedImm(insn: InsnStatement, value: bigint): number | undefined {
    const { def } = insn;
    const narrow = def.kind === 'st' ? def.size < 8 : def.kind === 'addrSpaceCast' || def.width === 32;
    if (value >= MIN_S32 && value <= (narrow ? MAX_U32 : MAX_S32)) {
      if (def.kind === 'st' && !this.#compiled) this.#warnOfLostBits(insn, value);
      return Number(BigInt.asIntN(32, value));
    }
    // A 64-bit pattern that is the sign extension of 32 bits.
    if (value >= 2n ** 64n + MIN_S32) return Number(BigInt.asIntN(32, value));
    const range = narrow ? '-2147483648 to 4294967295' : '-2147483648 to 2147483647';
    const move = def.kind === 'alu' && def.op === '' && def.width === 64;
    const literal = insn.imm!.kind === 'number' ? this.#textOf(insn.imm!) : String(value);
    const help = move
      ? `write 'r${insn.dst} = ${literal} ll' for a 64-bit number`
      : `load it into a register first: 'r2 = ${literal} ll'`;
    return this.#error(
      insn.imm!,
      'out-of-range',
      `the number ${literal} does not fit 32 bits: it must be from ${range}`,
      [help],
    );
  }

  /** Such code is valid, and compilers print it. */
  #warnOfLostBits(insn: InsnStatement, value: bigint): void {
    const { size } = insn.def;
    const bits = BigInt(size * 8);
    if (size >= 4 || (value >= -(2n ** (bits - 1n)) && value < 2n ** bits)) return;
    const kept = BigInt.asUintN(size * 8, value);
    this.#problems.warn(insn.imm!, 'lost-bits', `of ${value} a store of ${bits} bits keeps ${kept}`);
  }

  #textOf(expr: Expr): string {
    return this.#problems.textOf(expr);
  }

  /** An `lddw`: a number, or the address of a symbol to be filled in by whoever loads the program. */
  #wide(section: SectionBuilder, item: InsnItem, view: DataView): void {
    const { insn, offset } = item;
    const core = this.#core(insn.imm!, section, offset);
    const value: Value | undefined =
      core === undefined
        ? this.#evaluator.evaluate(insn.imm!, { section, offset })
        : { kind: 'number', value: core };
    if (!value) return;
    let bits: bigint;
    if (value.kind === 'number') {
      if (!this.#fitsData(insn.imm!, value.value, 8)) return;
      bits = value.value;
    } else {
      if (!this.#mayBeForeign(insn.imm!, value.symbol)) return;
      this.#noteFunction(value);
      bits = this.#relocate(section, offset, RelocationType.R_BPF_64_64, value);
    }
    const low = Number(BigInt.asIntN(32, bits));
    const high = Number(BigInt.asIntN(32, bits >> 32n));
    this.#put(view, offset, { def: insn.def, dst: insn.dst, src: insn.src, off: 0, imm: low });
    view.setInt32(offset + SLOT_SIZE + 4, value.kind === 'number' ? high : 0, this.#little);
  }

  /** What `core.…(…)` is here; a loader is told to write what it is in its kernel. */
  #core(expr: Expr, section: SectionBuilder, offset: number): bigint | undefined {
    const call = expr.kind === 'unary' && expr.op === '+' ? expr.operand : expr;
    if (call.kind !== 'call' || !call.name.startsWith('core.')) return undefined;
    const { language, debug } = this.#own;
    const reference = language.core(call, { section, offset });
    if (!reference) return 0n;
    return reference.value ?? BigInt(debug.types.nominalIdOf(reference.type));
  }

  /** Adds a relocation and answers what its field holds: the addend (ELF, REL). */
  #relocate(section: SectionBuilder, offset: number, type: number, { symbol, addend }: Address): bigint {
    // Like LLVM: a local symbol is told by its section and its place there.
    if (symbol.section && symbol.binding !== 'global' && symbol.binding !== 'weak') {
      this.relocations.push({ section, offset, type, target: symbol.section });
      return addend + BigInt(symbol.value);
    }
    symbol.used = true;
    this.relocations.push({ section, offset, type, target: symbol });
    return addend;
  }

  /** Names that nothing declares are left to the linker; one that looks like a slip is pointed out. */
  #mayBeForeign(range: Expr, symbol: AsmSymbol): boolean {
    if (symbol.defined || symbol.declared) return true;
    if (isTemporary(symbol.name)) {
      this.#evaluator.undefinedName(range, symbol.name, 'label');
      return false;
    }
    if (this.#compiled || this.#evaluator.isPoisoned(symbol.name)) return true;
    const help = this.#problems.suggest(symbol.name, this.#symbols.definedNames());
    if (symbol.name.length < MIN_SLIP_LENGTH || help.length === 0) return true;
    this.#problems.warn(range, 'undefined-name', `there is no symbol '${symbol.name}' in this file`, {
      label: 'not defined',
      help: [...help, `if another file defines it, say so: '.extern ${symbol.name}'`],
    });
    return true;
  }

  #jump(section: SectionBuilder, item: InsnItem, view: DataView): void {
    const { insn, offset } = item;
    const imm = insn.def.imm === 'branch' ? 0 : this.#immField(insn, section, offset);
    const distance = this.#distance(section, offset, insn.target!);
    if (distance === undefined || imm === undefined) return;
    const fits = distance >= -(2 ** 15) && distance < 2 ** 15;
    // What `goto` cannot reach `gotol` does, where there is one.
    const widened = !fits && insn.def.kind === 'ja' && this.#cpu === 'v4';
    const long = insn.def.imm === 'branch' || widened;
    const limit = long ? 2 ** 31 : 2 ** 15;
    if (distance < -limit || distance >= limit) {
      const reach = long ? '' : `: 16 bits reach from -32768 to 32767`;
      this.#error(
        insn.target!,
        'branch-too-far',
        `the jump is ${distance} instructions long${reach}`,
        insn.def.kind === 'ja' && !long
          ? ["'gotol' reaches farther (-mcpu=v4, Linux 6.6)"]
          : ["jump to a 'gotol' that leads there"],
      );
      return;
    }
    const def = widened ? findInsn('ja32')! : insn.def;
    const fields = { def, dst: insn.dst, src: insn.src };
    this.#put(view, offset, long ? { ...fields, off: 0, imm: distance } : { ...fields, off: distance, imm });
  }

  /** In slots from the next instruction on. */
  #distance(section: SectionBuilder, offset: number, target: Expr): number | undefined {
    const value = this.#evaluator.evaluate(target, { section, offset });
    if (!value) return undefined;
    if (value.kind === 'number') return Number(value.value);
    const { symbol, addend } = value;
    if (!symbol.section) {
      this.#evaluator.undefinedName(target, symbol.name, 'label');
      return undefined;
    }
    if (symbol.section !== section)
      return this.#error(
        target,
        'other-section',
        `'${symbol.name}' is in section '${symbol.section.name}': a jump cannot leave its section`,
        ["a function in another section is called: 'call name'"],
      );
    return this.#slots(target, symbol.value + Number(addend) - offset);
  }

  #slots(target: Expr, bytes: number): number | undefined {
    if (bytes % SLOT_SIZE === 0) return bytes / SLOT_SIZE - 1;
    return this.#error(
      target,
      'misaligned-target',
      `the target is ${bytes} bytes away, which is no whole number of instructions`,
    );
  }

  #call(section: SectionBuilder, item: InsnItem, view: DataView): void {
    const { insn, offset } = item;
    const target = insn.target!;
    const text = this.#textOf(target);
    const helper =
      insn.def.src === 0 &&
      target.kind === 'name' &&
      !this.#symbols.find(target.name)?.defined &&
      helperIds().get(target.name);
    const value: Value | undefined = helper
      ? { kind: 'number', value: BigInt(helper) }
      : this.#evaluator.evaluate(target, { section, offset });
    if (!value) return;
    if (value.kind === 'number') {
      const local = insn.def.src === 1 || (/^pc\b/.test(text) && !this.#symbols.find('pc')?.defined);
      this.#callNumber(section, item, view, value.value, local);
      return;
    }
    const imm = this.#callSymbol(section, offset, target, value);
    if (imm !== undefined)
      this.#put(view, offset, { def: findInsn('call_local')!, dst: 0, src: 1, off: 0, imm });
  }

  #callNumber(
    section: SectionBuilder,
    { insn, offset }: InsnItem,
    view: DataView,
    value: bigint,
    local: boolean,
  ): void {
    if (value < MIN_S32 || value > MAX_S32) {
      this.#error(insn.target!, 'out-of-range', `the number ${value} does not fit 32 bits`);
      return;
    }
    // `call runtime` names its callee by a BTF id, and a module of it by an index.
    if (local) noteCalledPlace(this.#own, section, offset + (Number(value) + 1) * SLOT_SIZE);
    const def = insn.def.src === 2 ? insn.def : findInsn(local ? 'call_local' : 'call')!;
    const off = this.#offField(insn, section, offset);
    if (off !== undefined) this.#put(view, offset, { def, dst: 0, src: 0, off, imm: Number(value) });
  }

  #callSymbol(section: SectionBuilder, offset: number, target: Expr, value: Address): number | undefined {
    const { symbol, addend } = value;
    const exported = symbol.binding === 'global' || symbol.binding === 'weak';
    this.#noteFunction(value);
    if (symbol.section === section && !exported)
      return this.#slots(target, symbol.value + Number(addend) - offset);
    if (!symbol.section && !this.#mayBeCalled(target, symbol)) return undefined;
    const field = this.#relocate(section, offset, RelocationType.R_BPF_64_32, value);
    return this.#slots(target, Number(field));
  }

  /** A label that is called, or given to a helper that calls it. */
  #noteFunction({ symbol, addend }: Address): void {
    const { section } = symbol;
    if (!section || this.#compiled) return;
    const label = addend === 0n ? symbol : undefined;
    noteCalledPlace(this.#own, section, symbol.value + Number(addend), label);
  }

  #mayBeCalled(target: Expr, symbol: AsmSymbol): boolean {
    if (symbol.declared || this.#compiled) return true;
    if (!symbol.name.startsWith('bpf_')) return this.#mayBeForeign(target, symbol);
    if (this.#evaluator.isPoisoned(symbol.name)) return false;
    this.#problems.error(target, 'unknown-helper', `there is no helper named '${symbol.name}'`, {
      label: 'not a helper',
      help: [
        ...this.#likelyHelper(symbol.name),
        `a function of the kernel (kfunc) needs a line '.extern ${symbol.name}'`,
      ],
    });
    return false;
  }

  /** The helper that was meant: one whose name goes on from what is written, or a similar one. */
  #likelyHelper(name: string): string[] {
    const helpers = [...helperIds().keys()];
    const longer = helpers.find((helper) => helper.startsWith(`${name}_`));
    if (longer !== undefined) return [`did you mean '${longer}'?`];
    return this.#problems.suggest(name, [
      ...helpers,
      ...this.#own.kfuncNames,
      ...this.#symbols.definedNames(),
    ]);
  }

  #data(section: SectionBuilder, { offset, size, value: expr }: DataItem, view: DataView): void {
    const value = this.#evaluator.evaluate(expr, { section, offset });
    if (!value) return;
    let bits: bigint;
    if (value.kind === 'number') {
      if (!this.#fitsData(expr, value.value, size)) return;
      bits = value.value;
    } else {
      const type = dataRelocation(value.symbol, size);
      if (type === undefined) {
        this.#error(
          expr,
          'address-as-number',
          `the address of '${value.symbol.name}' takes 32 or 64 bits, not ${size * 8}`,
          ["write '.quad' or '.long'"],
        );
        return;
      }
      if (!this.#mayBeForeign(expr, value.symbol)) return;
      bits = this.#relocate(section, offset, type, value);
    }
    if (view.byteLength > 0) this.#putData(view, offset, size, bits);
    else if (bits !== 0n)
      this.#error(
        expr,
        'data-in-bss',
        `section '${section.name}' takes no room in the file: it can hold zeros only`,
      );
  }

  #fitsData(expr: Expr, value: bigint, size: number): boolean {
    const bits = BigInt(size * 8);
    if (value >= -(2n ** (bits - 1n)) && value < 2n ** bits) return true;
    this.#error(
      expr,
      'out-of-range',
      `the number ${value} does not fit ${bits} bits: it must be from ${-(2n ** (bits - 1n))} to ${2n ** bits - 1n}`,
    );
    return false;
  }

  #putData(view: DataView, offset: number, size: number, bits: bigint): void {
    if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, bits), this.#little);
    else if (size === 4) view.setUint32(offset, Number(BigInt.asUintN(32, bits)), this.#little);
    else if (size === 2) view.setUint16(offset, Number(BigInt.asUintN(16, bits)), this.#little);
    else view.setUint8(offset, Number(BigInt.asUintN(8, bits)));
  }

  #put(view: DataView, offset: number, { def, dst, src, off, imm }: Fields): void {
    const fixed = typeof def.src === 'number' ? def.src : src;
    view.setUint8(offset, def.opcode);
    view.setUint8(offset + 1, this.#little ? (fixed << 4) | dst : (dst << 4) | fixed);
    view.setInt16(offset + 2, off, this.#little);
    view.setInt32(offset + 4, imm, this.#little);
  }
}

/** LLVM, `BPFELFObjectWriter::getRelocType`: which type a word of data that holds an address gets. */
function dataRelocation(symbol: AsmSymbol, size: number): number | undefined {
  if (size === 8) return RelocationType.R_BPF_64_ABS64;
  if (size !== 4) return undefined;
  const flags = symbol.section?.flags ?? 0;
  const { ALLOC, EXECINSTR, WRITE } = SectionFlag;
  const wanted = isTemporary(symbol.name) ? ALLOC | EXECINSTR : ALLOC | WRITE;
  return (flags & wanted) === wanted ? RelocationType.R_BPF_64_NODYLD32 : RelocationType.R_BPF_64_ABS32;
}
