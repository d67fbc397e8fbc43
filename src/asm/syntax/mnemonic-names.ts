import { INSN_TABLE, InsnClass, type InsnDef, type InsnKind } from '../../isa/insn-table.ts';

/** What stands at one place of a mnemonic line. */
export type OperandKind = 'register' | 'value' | 'number' | 'memory' | 'target';

/** One mnemonic: the rows behind it and what it is written with. */
export interface Mnemonic {
  /** As it is printed: `add32`, `lock fetch add`, `call local`. */
  readonly name: string;
  /** The row whose second operand is a number, or the only one. */
  readonly k: InsnDef | undefined;
  /** The row whose second operand is a register. */
  readonly x: InsnDef | undefined;
  readonly operands: readonly OperandKind[];
  /** How many operands can be left out at the end. */
  readonly optional: number;
  /** A line that is right. */
  readonly example: string;
}

const NONE = { operands: [], example: '' } as const;
const SOURCE = { operands: ['memory', 'register'], example: '[r10-8], r1' } as const;
const LOAD = { operands: ['register', 'memory'], example: 'r0, [r1+8]' } as const;

interface Shape {
  readonly operands: readonly OperandKind[];
  readonly example: string;
  readonly optional?: number;
}

/** A `value` is a register or a number. */
const SHAPES: Readonly<Record<InsnKind, Shape>> = {
  alu: { operands: ['register', 'value'], example: 'r1, 5' },
  neg: { operands: ['register'], example: 'r1' },
  end: { operands: ['register'], example: 'r1' },
  movsx: { operands: ['register', 'register'], example: 'r1, r2' },
  addrSpaceCast: { operands: ['register', 'register', 'number', 'number'], example: 'r1, r2, 0, 1' },
  lddw: { operands: ['register', 'number'], example: 'r1, 0x1122334455667788' },
  ldabs: { operands: ['number'], example: '12' },
  ldind: { operands: ['register', 'number'], example: 'r1, 12', optional: 1 },
  ldx: LOAD,
  ldsx: LOAD,
  st: { operands: ['memory', 'number'], example: '[r10-8], 5' },
  stx: SOURCE,
  atomic: SOURCE,
  xchg: SOURCE,
  cmpxchg: SOURCE,
  loadAcquire: LOAD,
  storeRelease: SOURCE,
  ja: { operands: ['target'], example: '+3' },
  jcond: { operands: ['register', 'value', 'target'], example: 'r1, 5, +3' },
  mayGoto: { operands: ['target'], example: '+3' },
  call: { operands: ['target'], example: 'f' },
  callx: { operands: ['register'], example: 'r1' },
  exit: NONE,
  unknown: NONE,
};

/** The pseudo loads name a file descriptor, an index or a type, and what goes into the second slot. */
const PSEUDO_LOAD: Shape = { operands: ['register', 'number', 'number'], example: 'r1, 3, 8', optional: 1 };
const KERNEL_CALL: Shape = { operands: ['number', 'number'], example: '1234', optional: 1 };

function shapeOf(def: InsnDef): Shape {
  if (def.kind === 'lddw' && def.src !== 0) return PSEUDO_LOAD;
  return def.name === 'call_kfunc' ? KERNEL_CALL : SHAPES[def.kind];
}

/**
 * The mnemonic of a row, as it is printed: the table's, with `lock` before atomic operations and the
 * kind of callee behind `call`, as ubpf's conformance tests write them. Sign-extending moves say both
 * widths: `movsx832` from 8 to 32 bits.
 */
export function mnemonicOf(def: InsnDef): string {
  switch (def.kind) {
    case 'atomic':
      return def.name.replace(/^atomic_(fetch_)?/, (_, fetch?: string) => (fetch ? 'lock fetch ' : 'lock '));
    case 'xchg':
    case 'cmpxchg':
      return `lock ${def.mnemonic}`;
    case 'movsx':
      return `movsx${def.width}${def.cls === InsnClass.ALU ? 32 : 64}`;
    case 'lddw':
      return def.name;
    case 'call':
      return def.src === 1 ? 'call local' : def.src === 2 ? 'call runtime' : 'call helper';
    default:
      return def.mnemonic;
  }
}

/** Spellings that are read and not printed. */
function otherNames(def: InsnDef): string[] {
  const name = mnemonicOf(def);
  if ((def.kind === 'alu' || def.kind === 'neg') && def.width === 64) return [`${name}64`];
  if (def.kind === 'end' && name.startsWith('bswap')) return [name.slice(1)];
  if (def.kind === 'atomic' && def.fetch) return [name.replace('fetch ', 'fetch_')];
  if (def.kind !== 'movsx') return [];
  const short = name.replace('movsx', 'movs');
  if (def.cls === InsnClass.ALU) return [short, def.mnemonic];
  return [short, name.slice(0, -2), short.slice(0, -2)];
}

/** Their lines are the same in both dialects, and LLVM's reader takes them. */
const SHARED: ReadonlySet<InsnKind> = new Set(['mayGoto', 'callx', 'exit'] as const);

const byName: Map<string, Mnemonic> = new Map();
for (const def of INSN_TABLE) {
  if (SHARED.has(def.kind)) continue;
  const name = mnemonicOf(def);
  const shape = shapeOf(def);
  const both = byName.get(name);
  const mnemonic: Mnemonic = {
    name,
    k: def.x ? both?.k : def,
    x: def.x ? def : both?.x,
    operands: shape.operands,
    optional: shape.optional ?? 0,
    example: `${name} ${shape.example}`,
  };
  for (const each of [name, ...otherNames(def)]) byName.set(each, mnemonic);
}

/** All of them, the other spellings too; several words are separated by one space. */
export const MNEMONICS: ReadonlyMap<string, Mnemonic> = byName;

/** The first words of those that have several. */
export const PREFIXES: ReadonlySet<string> = new Set(
  [...byName.keys()].flatMap((name) => (name.includes(' ') ? [name.slice(0, name.indexOf(' '))] : [])),
);
