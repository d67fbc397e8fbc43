import { decodeInsns, type Instruction, SLOT_SIZE } from '../../isa/index.ts';
import { toHex } from '../../util/bytes.ts';
import { calledSymbols } from './kernel-symbols.ts';
import type { ProgramDump } from './program-dump.ts';
import { type XlatedNames, xlatedInsn } from './xlated-insn.ts';

export interface XlatedOptions {
  /** The bytes of each instruction below it. */
  readonly opcodes?: boolean;
  /** File, line and column behind each source line. */
  readonly linum?: boolean;
  /** Names of kernel functions by their distance from `__bpf_call_base`; left out, `/proc/kallsyms` is asked. */
  readonly symbols?: ReadonlyMap<number, string>;
}

/** One instruction of a dump. */
export interface XlatedLine {
  readonly slot: number;
  /** Of a function that begins here. */
  readonly prototype?: string;
  readonly source?: {
    readonly text: string;
    readonly file: string;
    readonly line: number;
    readonly column: number;
  };
  /** `(b7) r0 = 2` */
  readonly text: string;
  /** 8 bytes, or 16 of a wide instruction. */
  readonly bytes: Uint8Array;
}

/** A call that the table calls by another name where its `src` is one of the kernel's own. */
const isKernelCall = ({ opcode, src }: Instruction): boolean => opcode === 0x85 && src !== 1;

function namesOf(
  dump: ProgramDump,
  insns: readonly Instruction[],
  given: XlatedOptions['symbols'],
): XlatedNames {
  const calls = insns.filter(isKernelCall).map(({ imm }) => imm);
  const symbols = given ?? (calls.length > 0 ? calledSymbols(calls) : new Map<number, string>());
  const { tags, functions, jited } = dump;
  return {
    symbol: (distance) => symbols.get(distance),
    // As the kernel names the machine code; an interpreted program has no symbols.
    subprogram: (index) =>
      jited.length === 0 || tags[index] === undefined
        ? undefined
        : `bpf_prog_${tags[index]}_${functions[index]?.name ?? 'F'}`,
  };
}

/** The instructions of a dump with what is known of each. */
export function xlatedLines(dump: ProgramDump, options: XlatedOptions = {}): XlatedLine[] {
  const insns = decodeInsns(dump.xlated);
  const names = namesOf(dump, insns, options.symbols);
  const functions = new Map(dump.functions.map((one) => [one.slot, one]));
  const lines = new Map(dump.lines.map((one) => [one.slot, one]));
  let slot = 0;
  return insns.map((insn) => {
    const start = slot;
    slot += insn.def.slots;
    const prototype = functions.get(start)?.prototype;
    const source = lines.get(start);
    return {
      slot: start,
      ...(prototype !== undefined && { prototype }),
      ...(source && { source }),
      text: xlatedInsn(insn, names),
      bytes: dump.xlated.subarray(start * SLOT_SIZE, slot * SLOT_SIZE),
    };
  });
}

/**
 * A program as `bpftool prog dump xlated` prints it, with the source lines that it was loaded with.
 *
 * @example `xlatedText(programDump(program), { opcodes: true })`
 */
export function xlatedText(dump: ProgramDump, options: XlatedOptions = {}): string {
  const out: string[] = [];
  for (const { slot, prototype, source, text, bytes } of xlatedLines(dump, options)) {
    if (prototype !== undefined) out.push(`${prototype}:`);
    if (source) {
      const where = ` [file:${source.file} line_num:${source.line} line_col:${source.column}]`;
      out.push(`; ${source.text}${options.linum ? where : ''}`);
    }
    out.push(`${String(slot).padStart(4)}: ${text}`);
    if (options.opcodes) out.push(`       ${toHex(bytes, ' ')}`);
  }
  return out.map((line) => `${line}\n`).join('');
}
