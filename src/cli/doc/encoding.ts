import { InsnClass, type InsnDef } from '../../isa/insn-table.ts';

/** RFC 9669, section 4.1, table 4, and section 4.3, table 9; JCOND is Linux's. */
const ALU_OPERATIONS = 'ADD SUB MUL DIV OR AND LSH RSH NEG MOD XOR MOV ARSH END'.split(' ');
const JUMP_OPERATIONS = 'JA JEQ JGT JGE JSET JNE JSGT JSGE CALL EXIT JLT JLE JSLT JSLE JCOND'.split(' ');
/** Section 5, tables 13 and 14. */
const MODES = 'IMM ABS IND MEM MEMSX 5 ATOMIC'.split(' ');
const SIZES = ['W: 4 bytes', 'H: 2 bytes', 'B: 1 byte', 'DW: 8 bytes'];

interface Part {
  readonly bits: string;
  readonly text: string;
}

const bits = (value: number, count: number): string => value.toString(2).padStart(count, '0');

function className(def: InsnDef): string {
  return Object.keys(InsnClass).find((name) => InsnClass[name as keyof typeof InsnClass] === def.cls)!;
}

function opcodeParts({ opcode, cls, kind }: InsnDef, name: string): Part[] {
  const last = { bits: bits(cls, 3), text: `class ${name}` };
  if (cls < InsnClass.ALU) {
    const [mode, size] = [opcode >> 5, (opcode >> 3) & 3];
    return [
      { bits: bits(mode, 3), text: `mode ${MODES[mode]}` },
      { bits: bits(size, 2), text: `size ${SIZES[size]}` },
      last,
    ];
  }
  const isAlu = cls === InsnClass.ALU || cls === InsnClass.ALU64;
  const [operation, source] = [opcode >> 4, (opcode >> 3) & 1];
  const meaning =
    kind === 'end'
      ? source
        ? 'to big endian'
        : cls === InsnClass.ALU64
          ? 'always'
          : 'to little endian'
      : source
        ? 'X: a register'
        : 'K: a constant';
  return [
    { bits: bits(operation, 4), text: `operation ${(isAlu ? ALU_OPERATIONS : JUMP_OPERATIONS)[operation]}` },
    { bits: String(source), text: `source ${meaning}` },
    last,
  ];
}

/** What stands in a field: its name, or the number that the row demands. */
function field(name: string, use: string | number): string {
  return typeof use === 'number' ? (name === 'imm' && use > 9 ? `0x${use.toString(16)}` : String(use)) : name;
}

function box(cells: readonly string[], heads: readonly string[]): string[] {
  const widths = cells.map((cell, at) => Math.max(cell.length, heads[at]!.length));
  const line = (left: string, between: string, right: string): string =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(between) + right;
  const row = (texts: readonly string[], bar: string): string =>
    `${bar} ${texts.map((text, at) => text.padEnd(widths[at]!)).join(` ${bar} `)} ${bar}`.trimEnd();
  return [row(heads, ' '), line('┌', '┬', '┐'), row(cells, '│'), line('└', '┴', '┘')];
}

/**
 * The bits of an instruction as they lie in memory on a little endian machine, and what the bits of
 * the opcode mean.
 *
 * @example
 * ```
 *   byte 0        1          2..3   4..7
 * ┌─────────────┬──────────┬──────┬──────┐
 * │ opcode 0x0f │ src  dst │ 0    │ 0    │
 * └─────────────┴──────────┴──────┴──────┘
 *   0000 1 111
 *   │    │ └── class ALU64
 *   │    └──── source X: a register
 *   └───────── operation ADD
 * ```
 */
export function encodingDiagram(def: InsnDef): string {
  const hex = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;
  const imm = def.kind === 'lddw' ? 'imm' : field('imm', def.imm);
  const cells = [
    `opcode ${hex(def.opcode)}`,
    `${field('src', def.src).padEnd(3)}  ${field('dst', def.dst)}`,
    field('off', def.off),
    imm,
  ];
  const out = box(cells, ['byte 0', '1', '2..3', '4..7']);
  if (def.slots === 2) out.push(...box(['0', '0', '0', 'next_imm'], ['byte 8', '9', '10..11', '12..15']));
  const parts = opcodeParts(def, className(def));
  const starts = parts.map((_, at) =>
    parts.slice(0, at).reduce((sum, part) => sum + part.bits.length + 1, 0),
  );
  const end = starts[parts.length - 1]! + 3;
  out.push(`  ${parts.map((part) => part.bits).join(' ')}`);
  for (let at = parts.length - 1; at >= 0; at--) {
    const before = Array.from({ length: starts[at]! }, (_, column) =>
      starts.slice(0, at).includes(column) ? '│' : ' ',
    );
    out.push(`  ${before.join('')}└${'─'.repeat(end - starts[at]! - 1)} ${parts[at]!.text}`);
  }
  return out.join('\n');
}

/** The class of an instruction by its name in RFC 9669, for data. */
export { className };
