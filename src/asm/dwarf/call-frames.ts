import { SectionFlag, SectionType } from '../../object/relocatable.ts';
import type { Assembler } from '../assemble/assembler.ts';
import type { SectionBuilder } from '../assemble/section-builder.ts';
import type { Range } from '../syntax/ast.ts';
import { Chunk } from './chunk.ts';
import { sleb128, uleb128 } from './leb.ts';
import { MIN_INSN_LENGTH } from './line-program.ts';

/** Opcodes of call frame instructions (DWARF 5, 6.4.2). */
export const CFA = {
  ADVANCE_LOC: 0x40,
  OFFSET: 0x80,
  RESTORE: 0xc0,
  ADVANCE_LOC1: 0x02,
  ADVANCE_LOC2: 0x03,
  ADVANCE_LOC4: 0x04,
  OFFSET_EXTENDED: 0x05,
  RESTORE_EXTENDED: 0x06,
  UNDEFINED: 0x07,
  SAME_VALUE: 0x08,
  REGISTER: 0x09,
  REMEMBER_STATE: 0x0a,
  RESTORE_STATE: 0x0b,
  DEF_CFA: 0x0c,
  DEF_CFA_REGISTER: 0x0d,
  DEF_CFA_OFFSET: 0x0e,
  OFFSET_EXTENDED_SF: 0x11,
  DEF_CFA_OFFSET_SF: 0x13,
} as const;

/** What LLVM's backend for BPF says of the machine. */
export const DATA_ALIGNMENT = -4;
const RETURN_ADDRESS_REGISTER = 11;
const ADDRESS_SIZE = 8;
/** DW_EH_PE_sdata8: addresses in `.eh_frame` are 8 bytes, absolute. */
const EH_ENCODING = 0x0c;
/** What stands for a CIE where `.debug_frame` has the place of one. */
const DEBUG_CIE_ID = 0xffffffff;

/** A call frame instruction at its place. */
interface FrameInsn {
  readonly offset: number;
  readonly bytes: readonly number[];
}

/** What stands between `.cfi_startproc` and `.cfi_endproc`. */
export interface Frame {
  readonly section: SectionBuilder;
  readonly start: number;
  readonly range: Range;
  readonly insns: FrameInsn[];
  end: number | undefined;
  /** `.cfi_signal_frame` */
  signal: boolean;
  /** `.cfi_return_column` */
  returnColumn: number;
  /** The offset that `.cfi_adjust_cfa_offset` goes on from. */
  cfaOffset: number;
}

/** Collects what `.cfi_…` lines say, and writes `.debug_frame` and `.eh_frame`. */
export class CallFrames {
  readonly #frames: Frame[] = [];
  /** `.cfi_sections` */
  debugFrame = false;
  ehFrame = true;
  open: Frame | undefined;

  begin(section: SectionBuilder, range: Range): void {
    this.open = {
      section,
      start: section.size,
      range,
      insns: [],
      end: undefined,
      signal: false,
      returnColumn: RETURN_ADDRESS_REGISTER,
      cfaOffset: 0,
    };
    this.#frames.push(this.open);
  }

  end(): void {
    if (this.open) this.open.end = this.open.section.size;
    this.open = undefined;
  }

  write(assembler: Assembler, version: number): void {
    if (this.#frames.length === 0) return;
    if (this.ehFrame) this.#writeSection(assembler, '.eh_frame', 1);
    if (this.debugFrame)
      this.#writeSection(assembler, '.debug_frame', version >= 4 ? 4 : version === 3 ? 3 : 1);
  }

  #writeSection(assembler: Assembler, name: string, version: number): void {
    const eh = name === '.eh_frame';
    const flags = eh ? SectionFlag.ALLOC : 0;
    const section = assembler.section(name, { type: SectionType.PROGBITS, flags, entrySize: 0 });
    section.align = Math.max(section.align, 8);
    if (section.size % 8 !== 0) section.fill(8 - (section.size % 8), 0);
    const { endian } = assembler.options;
    const out = new Chunk(endian);
    const base = section.size;
    let before: Frame | undefined;
    let cie = 0;
    // As in LLVM: those that share a common entry stand together, and `.debug_frame` has one for all.
    const frames = [...this.#frames].sort(
      (a, b) => Number(a.signal) - Number(b.signal) || a.returnColumn - b.returnColumn,
    );
    for (const frame of frames) {
      if (!before || (eh && !sharesCommonEntry(before, frame))) {
        cie = out.size;
        appendEntry(out, commonEntry(new Chunk(endian), frame, version, eh), eh ? 4 : 8);
      }
      before = frame;
      const entry = new Chunk(endian);
      if (eh) entry.unsigned(out.size + 4 - cie, 4);
      else entry.address(section, base + cie, 4);
      frameEntry(entry, frame, eh);
      appendEntry(out, entry, 8);
    }
    out.appendTo(assembler, section);
  }
}

function sharesCommonEntry(a: Frame, b: Frame): boolean {
  return a.signal === b.signal && a.returnColumn === b.returnColumn;
}

/** Pads with DW_CFA_nop and puts the length before. */
function appendEntry(out: Chunk, entry: Chunk, alignment: number): void {
  while ((out.size + 4 + entry.size) % alignment !== 0) entry.u8(0);
  out.unsigned(entry.size, 4);
  out.append(entry);
}

function commonEntry(out: Chunk, frame: Frame, version: number, eh: boolean): Chunk {
  out.unsigned(eh ? 0 : DEBUG_CIE_ID, 4);
  out.u8(version);
  const augmentation = eh ? `zR${frame.signal ? 'S' : ''}` : '';
  out.bytes(Array.from(augmentation, (char) => char.charCodeAt(0)));
  out.u8(0);
  if (version >= 4) out.bytes([ADDRESS_SIZE, 0]);
  out.bytes([...uleb128(MIN_INSN_LENGTH), ...sleb128(DATA_ALIGNMENT)]);
  out.bytes(version === 1 ? [frame.returnColumn] : uleb128(frame.returnColumn));
  if (eh) out.bytes([1, EH_ENCODING]);
  return out;
}

function frameEntry(out: Chunk, frame: Frame, eh: boolean): void {
  const end = frame.end ?? frame.section.size;
  out.address(frame.section, frame.start, ADDRESS_SIZE);
  out.unsigned(end - frame.start, ADDRESS_SIZE);
  if (eh) out.u8(0);
  let at = frame.start;
  for (const { offset, bytes } of frame.insns) {
    out.bytes(advance(Math.floor((offset - at) / MIN_INSN_LENGTH), out));
    out.bytes(bytes);
    at = offset;
  }
}

function advance(units: number, out: Chunk): number[] {
  if (units === 0) return [];
  if (units < 0x40) return [CFA.ADVANCE_LOC | units];
  if (units < 0x100) return [CFA.ADVANCE_LOC1, units];
  const wide = units >= 0x10000;
  out.u8(wide ? CFA.ADVANCE_LOC4 : CFA.ADVANCE_LOC2);
  out.unsigned(units, wide ? 4 : 2);
  return [];
}
