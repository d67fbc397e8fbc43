import { findInsn } from '../../isa/insn-table.ts';
import { SLOT_SIZE } from '../../isa/slot.ts';
import type { InsnStatement } from '../syntax/ast.ts';
import { isPlainName } from '../syntax/plain-expression.ts';
import { takeInsn } from '../syntax/plain-insn.ts';
import { Scanner } from '../syntax/scanner.ts';
import type { Assembler } from './assembler.ts';
import { putInsn, putOffset, writeAtOnce } from './direct.ts';
import type { InsnWriter } from './hot-lines.ts';
import { MAX_SECTION_SIZE, type SectionBuilder } from './section-builder.ts';
import type { AsmSymbol } from './symbols.ts';

const LDDW = findInsn('lddw')!.opcode;
const MIN_S16 = -0x8000;
const MAX_S16 = 0x7fff;

/**
 * Puts instructions into the current section: at once where all is known, when a label comes that they
 * jump to, or else in the second pass.
 */
export class CodeWriter implements InsnWriter {
  readonly #assembler: Assembler;
  readonly #little: boolean;

  constructor(assembler: Assembler) {
    this.#assembler = assembler;
    this.#little = assembler.options.endian === 'little';
  }

  /** An instruction that has room in a section that can hold it. */
  take(insn: InsnStatement): void {
    const { current } = this.#assembler;
    current.hasCode = true;
    if (current.size % SLOT_SIZE !== 0) current.misaligned ??= insn;
    const offset = current.reserve(SLOT_SIZE * insn.def.slots);
    current.place(offset, insn.start);
    if (!writeAtOnce(this.#assembler, current, offset, insn)) this.#later(current, offset, insn);
  }

  /** An instruction whose fields are numbers already: see `HotLines`. */
  write(opcode: number, dst: number, src: number, off: number, imm: number, place: number): boolean {
    const { current } = this.#assembler;
    if (!current.stored || current.size % SLOT_SIZE !== 0 || current.size >= MAX_SECTION_SIZE) return false;
    current.hasCode = true;
    const offset = current.reserve(SLOT_SIZE);
    current.place(offset, place);
    putInsn(current.buffer, offset, this.#little, opcode, dst, src, off, imm);
    return true;
  }

  writeLabel(label: string, place: number): boolean {
    this.#assembler.defineLabel(label, { start: place, end: place + label.length });
    return true;
  }

  /** An `lddw` of a number that a double holds. */
  writeWide(dst: number, value: number, place: number): boolean {
    const high = Math.floor(value / 2 ** 32);
    if (!this.write(LDDW, dst, 0, 0, value - high * 2 ** 32, place)) return false;
    // Its second slot has nothing but the upper half.
    const { current } = this.#assembler;
    const offset = current.reserve(SLOT_SIZE);
    putInsn(current.buffer, offset, this.#little, 0, 0, 0, 0, high);
    return true;
  }

  /** As {@link write}, for a jump to a label of this section, which may still come. */
  writeJump(opcode: number, dst: number, src: number, imm: number, label: string, place: number): boolean {
    const known = this.#assembler.symbols.find(label);
    // A word that means something else is for the grammar.
    if (!known?.defined && !isPlainName(label)) return false;
    const symbol = known ?? this.#assembler.symbols.mention(label);
    const { current } = this.#assembler;
    let distance = 0;
    if (symbol.defined) {
      if (symbol.section !== current) return false;
      distance = (symbol.value - current.size) / SLOT_SIZE - 1;
      if (distance < MIN_S16 || !Number.isInteger(distance)) return false;
    } else if (symbol.jumpsFrom !== undefined && symbol.jumpsFrom !== current) return false;
    const offset = current.size;
    if (!this.write(opcode, dst, src, distance, imm, place)) return false;
    if (symbol.defined) return true;
    symbol.jumpsFrom = current;
    symbol.jumps.push(offset);
    return true;
  }

  /** Keeps an instruction until the name that it needs is known, at the latest to the second pass. */
  #later(section: SectionBuilder, offset: number, insn: InsnStatement): void {
    const { target } = insn;
    const named = target ?? insn.imm;
    // The symbol table has names in the order of their first use, as LLVM's.
    if (named) this.#assembler.symbols.mentionAll(named);
    const label = target?.kind === 'name' && insn.def.kind !== 'call' ? target.name : undefined;
    const symbol = label === undefined ? undefined : this.#assembler.symbols.mention(label);
    if (!symbol || symbol.defined) section.items.push({ kind: 'insn', offset, insn });
    else if (symbol.waiting) symbol.waiting.push({ section, offset, insn });
    else symbol.waiting = [{ section, offset, insn }];
  }

  /** Jumps to a name go where it turned out to be; what cannot be written now is for the second pass. */
  arrive(symbol: AsmSymbol): void {
    const { waiting, jumps, jumpsFrom } = symbol;
    for (let at = 0; at < jumps.length; at++) {
      const offset = jumps[at]!;
      const distance = (symbol.value - offset) / SLOT_SIZE - 1;
      if (symbol.section === jumpsFrom && distance <= MAX_S16 && Number.isInteger(distance))
        putOffset(jumpsFrom!.buffer, offset, this.#little, distance);
      else jumpsFrom!.items.push({ kind: 'insn', offset, insn: this.#readAgain(jumpsFrom!, offset) });
    }
    symbol.jumps.length = 0;
    if (!waiting) return;
    symbol.waiting = undefined;
    for (const { section, offset, insn } of waiting)
      if (!writeAtOnce(this.#assembler, section, offset, insn))
        section.items.push({ kind: 'insn', offset, insn });
  }

  /** The statement of a jump that was written without one. */
  #readAgain(section: SectionBuilder, offset: number): InsnStatement {
    const place = section.placeOf(offset)!;
    const { readable, base } = this.#assembler.problems.sources.bufferAt(place);
    const scanner = new Scanner(lineAt(readable, place - base), place);
    scanner.end = scanner.text.length;
    return takeInsn(scanner)!;
  }
}

/** From there to the end of the line. */
function lineAt(text: string, at: number): string {
  const end = text.indexOf('\n', at);
  return text.slice(at, end < 0 ? text.length : end);
}
