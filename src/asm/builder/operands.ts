import { INSN_TABLE, InsnClass, type InsnDef, type InsnKind } from '../../isa/insn-table.ts';
import type { Draft, FunctionBody } from './body.ts';
import { isField } from './data-types.ts';
import type { Label, Target } from './methods.ts';
import type { Place } from './place.ts';
import { isRegister, type Register } from './registers.ts';

/** The rows of one mnemonic: with a number (`k`) and with a register (`x`) for its last operand. */
interface Rows {
  readonly k: InsnDef | undefined;
  readonly x: InsnDef | undefined;
}

/** The rows that a mnemonic of 64 bits stands for where it is given `w` registers. */
interface Forms extends Rows {
  readonly half: Rows | undefined;
}

function isHalf({ cls, kind, width }: InsnDef): boolean {
  if (cls === InsnClass.ALU || cls === InsnClass.JMP32) return kind !== 'ja' && kind !== 'end';
  return (kind === 'atomic' || kind === 'xchg' || kind === 'cmpxchg') && width === 32;
}

const WITH_HALVES: ReadonlySet<InsnKind> = new Set<InsnKind>([
  'alu',
  'neg',
  'movsx',
  'jcond',
  'atomic',
  'xchg',
  'cmpxchg',
]);

/** Rows that do the same with other widths: which operation it is stands in `op`, of a `movsx` in its width. */
function isSameOperation(a: InsnDef, b: InsnDef): boolean {
  return (
    a.kind === b.kind && a.op === b.op && a.fetch === b.fetch && (a.kind !== 'movsx' || a.width === b.width)
  );
}

function rowsOf(defs: readonly InsnDef[]): Rows {
  return { k: defs.find(({ x }) => !x), x: defs.find(({ x }) => x) };
}

function formsOf(mnemonic: string): Forms {
  const own = INSN_TABLE.filter((def) => def.mnemonic === mnemonic && (def.kind !== 'lddw' || def.src === 0));
  const [first] = own;
  if (!first || !WITH_HALVES.has(first.kind) || isHalf(first)) return { ...rowsOf(own), half: undefined };
  const halves = INSN_TABLE.filter((def) => isHalf(def) && isSameOperation(def, first));
  return { ...rowsOf(own), half: halves.length > 0 ? rowsOf(halves) : undefined };
}

/** By mnemonic, of all rows but those of `call`, which have a method of their own. */
export const MNEMONICS: ReadonlyMap<string, Forms> = new Map(
  INSN_TABLE.filter(({ kind }) => kind !== 'call').map(({ mnemonic }) => [mnemonic, formsOf(mnemonic)]),
);

const MIN_S32 = -(2n ** 31n);
const MAX_S32 = 2n ** 31n - 1n;
const MAX_U32 = 2n ** 32n - 1n;
const MIN_S64 = -(2n ** 63n);
const MAX_U64 = 2n ** 64n - 1n;
const MIN_S16 = -(2 ** 15);
const MAX_S16 = 2 ** 15 - 1;
const MAX_U16 = 2 ** 16 - 1;

/** How a value is shown in a message. */
function shown(value: unknown): string {
  if (isRegister(value)) return value.name;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'object' && value !== null) return (value as Partial<Label>).name ?? 'an object';
  return String(value);
}

/** Reads the operands of one call, and reports what is wrong with them. */
export class OperandReader {
  readonly body: FunctionBody;
  readonly mnemonic: string;
  readonly place: Place | undefined;

  constructor(body: FunctionBody, mnemonic: string, place: Place | undefined) {
    this.body = body;
    this.mnemonic = mnemonic;
    this.place = place;
  }

  error(code: string, message: string, help: readonly string[] = []): undefined {
    return this.body.error(code, `${this.mnemonic}: ${message}`, this.place, { help });
  }

  register(value: unknown, what: string): Register | undefined {
    if (isRegister(value)) return value;
    return this.error('not-a-register', `${what} is ${shown(value)}, but must be a register such as r1`);
  }

  /** A register that holds an address, or what else takes 64 bits. */
  whole(value: unknown, what: string): number | undefined {
    const register = this.register(value, what);
    if (!register || register.bits === 64) return register?.index;
    return this.error('half-register', `${what} is ${register.name}, but must be a whole register`, [
      `write r${register.index}`,
    ]);
  }

  offset(value: unknown): number | undefined {
    if (value === undefined) return 0;
    const bytes = isField(value) ? value.offset : value;
    if (typeof bytes !== 'number' || !Number.isInteger(bytes))
      return this.error('not-a-number', `the offset is ${shown(value)}, but must be a whole number`);
    if (bytes >= MIN_S16 && bytes <= MAX_S16) return bytes;
    return this.error(
      'out-of-range',
      `the offset ${bytes} does not fit 16 bits: it must be from -32768 to 32767`,
      ['add the rest to a copy of the register first'],
    );
  }

  integer(value: unknown, what: string): bigint | undefined {
    if (typeof value === 'bigint') return value;
    if (typeof value === 'number' && Number.isInteger(value)) {
      if (Number.isSafeInteger(value)) return BigInt(value);
      return this.error('unsafe-number', `${what} ${value} is more than a number holds exactly`, [
        `write it as a bigint: ${BigInt(value)}n`,
      ]);
    }
    return this.error('not-a-number', `${what} is ${shown(value)}, but must be a whole number`);
  }

  /**
   * 32 bits that the kernel extends with their sign to 64; operations on 32 bits and narrower stores
   * look at the lower 32 alone, which may then be given unsigned.
   */
  immediate(value: unknown, narrow: boolean, help?: readonly string[]): number | undefined {
    // Nearly all are small numbers, which need no bigint.
    if (typeof value === 'number' && (value | 0) === value) return value;
    const number = this.integer(value, 'the number');
    if (number === undefined) return undefined;
    if (number >= MIN_S32 && number <= (narrow ? MAX_U32 : MAX_S32)) return Number(BigInt.asIntN(32, number));
    // A 64-bit pattern that is the sign extension of 32 bits.
    if (number >= 2n ** 64n + MIN_S32 && number <= MAX_U64) return Number(BigInt.asIntN(32, number));
    const range = narrow ? '-2147483648 to 4294967295' : '-2147483648 to 2147483647';
    const advice = help ?? (narrow ? [] : [`load it into a register first: p.lddw(r2, ${number}n)`]);
    return this.error(
      'out-of-range',
      `the number ${number} does not fit 32 bits: it must be from ${range}`,
      advice,
    );
  }

  wide(value: unknown): Pick<Draft, 'imm' | 'nextImm'> | undefined {
    const number = this.integer(value, 'the number');
    if (number === undefined) return undefined;
    if (number < MIN_S64 || number > MAX_U64)
      return this.error('out-of-range', `the number ${number} does not fit 64 bits`);
    return { imm: Number(BigInt.asIntN(32, number)), nextImm: Number(BigInt.asIntN(32, number >> 32n)) };
  }

  target(value: unknown): Target | undefined {
    if (typeof value === 'object' && value !== null && (value as Label).kind === 'label')
      return value as Label;
    if (typeof value === 'number' && Number.isInteger(value)) return value;
    return this.error('not-a-label', `the target is ${shown(value)}, but must be a label of p.label()`);
  }

  addressSpace(value: unknown): number | undefined {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_U16) return value;
    return this.error('out-of-range', `an address space is a number from 0 to 65535, not ${shown(value)}`);
  }

  /** The rows for operands of that width; every register among them must have it. */
  rows(forms: Forms, registers: readonly Register[]): Rows | undefined {
    const wholes = registers.filter(({ bits }) => bits === 64);
    const [whole] = wholes;
    const half = registers.find(({ bits }) => bits === 32);
    // `add32` takes its registers by either name.
    if (!half || (!forms.half && isHalf((forms.k ?? forms.x)!))) return forms;
    if (whole)
      return this.error(
        'mixed-widths',
        `${registers.map(({ name }) => name).join(' and ')} have different widths`,
        [`write both as r registers, or both as w registers`],
      );
    if (forms.half) return forms.half;
    return this.error('half-register', `has no 32-bit form, but is given ${half.name}`, [
      `write r${half.index}`,
    ]);
  }
}

type Reader = (read: OperandReader, forms: Forms, args: readonly unknown[]) => Draft | undefined;

/** `dst, operand`: the last is a register or a number. */
const binary: Reader = (read, forms, [to, operand]) => {
  const dst = read.register(to, 'the destination');
  if (!dst) return undefined;
  return operandOf(read, forms, dst, operand);
};

function operandOf(read: OperandReader, forms: Forms, dst: Register, operand: unknown): Draft | undefined {
  if (isRegister(operand)) {
    const rows = read.rows(forms, [dst, operand]);
    return rows?.x && { def: rows.x, dst: dst.index, src: operand.index };
  }
  const rows = read.rows(forms, [dst]);
  if (!rows?.k) return undefined;
  const { kind, op, width } = rows.k;
  const isMove = kind === 'alu' && op === '' && width === 64;
  const help = isMove ? [`p.lddw(${dst.name}, …) moves 64 bits`] : undefined;
  const imm = read.immediate(operand, width === 32, help);
  return imm === undefined ? undefined : { def: rows.k, dst: dst.index, imm };
}

const unary: Reader = (read, forms, [to]) => {
  const dst = read.register(to, 'the operand');
  const rows = dst && read.rows(forms, [dst]);
  return rows && { def: (rows.k ?? rows.x)!, dst: dst!.index };
};

const extend: Reader = (read, forms, [to, from]) => {
  const dst = read.register(to, 'the destination');
  const src = dst && read.register(from, 'the source');
  const rows = src && read.rows(forms, [dst!, src]);
  return rows?.x && { def: rows.x, dst: dst!.index, src: src!.index };
};

const load: Reader = (read, forms, [to, from, at]) => {
  const dst = read.register(to, 'the destination');
  const src = dst && read.whole(from, 'the base');
  const off = src === undefined ? undefined : read.offset(at);
  return off === undefined ? undefined : { def: forms.x!, dst: dst!.index, src: src!, off };
};

const storeNumber: Reader = (read, forms, [base, at, value]) => {
  const dst = read.whole(base, 'the base');
  const off = dst === undefined ? undefined : read.offset(at);
  if (off === undefined) return undefined;
  const def = forms.k!;
  const imm = read.immediate(value, def.size < 8);
  return imm === undefined ? undefined : { def, dst: dst!, off, imm };
};

const storeRegister: Reader = (read, forms, [base, at, from]) => {
  const dst = read.whole(base, 'the base');
  const off = dst === undefined ? undefined : read.offset(at);
  const src = off === undefined ? undefined : read.register(from, 'the source');
  if (!src) return undefined;
  const rows = WITH_HALVES.has(forms.x!.kind) ? read.rows(forms, [src]) : forms;
  return rows?.x && { def: rows.x, dst: dst!, off: off!, src: src.index };
};

const jump: Reader = (read, forms, [to]) => {
  const target = read.target(to);
  return target === undefined ? undefined : { def: (forms.k ?? forms.x)!, target };
};

/** One for each kind: a new kind without one does not compile. */
const READERS: Readonly<Record<InsnKind, Reader>> = {
  alu: binary,
  neg: unary,
  end: (read, forms, [to]) => {
    const dst = read.whole(to, 'the operand');
    return dst === undefined ? undefined : { def: forms.k!, dst };
  },
  movsx: extend,
  addrSpaceCast: (read, forms, [to, from, toSpace, fromSpace]) => {
    const dst = read.whole(to, 'the destination');
    const src = dst === undefined ? undefined : read.whole(from, 'the source');
    const high = src === undefined ? undefined : read.addressSpace(toSpace);
    const low = high === undefined ? undefined : read.addressSpace(fromSpace);
    return low === undefined ? undefined : { def: forms.x!, dst: dst!, src: src!, imm: (high! << 16) | low };
  },
  lddw: (read, forms, [to, value]) => {
    const dst = read.whole(to, 'the destination');
    const wide = dst === undefined ? undefined : read.wide(value);
    return wide && { def: forms.k!, dst: dst!, ...wide };
  },
  ldabs: (read, forms, [at]) => {
    const imm = read.immediate(at, false, []);
    return imm === undefined ? undefined : { def: forms.k!, imm };
  },
  ldind: (read, forms, [index, at = 0]) => {
    const src = read.whole(index, 'the index');
    const imm = src === undefined ? undefined : read.immediate(at, false, []);
    return imm === undefined ? undefined : { def: forms.x!, src: src!, imm };
  },
  ldx: load,
  ldsx: load,
  st: storeNumber,
  stx: storeRegister,
  atomic: storeRegister,
  xchg: storeRegister,
  cmpxchg: storeRegister,
  loadAcquire: load,
  storeRelease: storeRegister,
  ja: jump,
  jcond: (read, forms, [left, right, to]) => {
    const dst = read.register(left, 'the left side');
    const compared = dst && operandOf(read, forms, dst, right);
    const target = compared && read.target(to);
    return target === undefined ? undefined : { ...compared!, target };
  },
  mayGoto: jump,
  call: () => undefined,
  callx: (read, forms, [to]) => {
    const dst = read.whole(to, 'the function');
    return dst === undefined ? undefined : { def: forms.x!, dst };
  },
  exit: (_read, forms) => ({ def: forms.k! }),
  unknown: () => undefined,
};

/** The instruction that a call of a mnemonic's method means; undefined where that was refused. */
export function readOperands(
  body: FunctionBody,
  mnemonic: string,
  args: readonly unknown[],
  place: Place | undefined,
): Draft | undefined {
  const forms = MNEMONICS.get(mnemonic)!;
  const { kind } = (forms.k ?? forms.x)!;
  return READERS[kind](new OperandReader(body, mnemonic, place), forms, args);
}
