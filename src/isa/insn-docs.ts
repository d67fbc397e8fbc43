// What each instruction does, in our words and in C, after RFC 9669; for what came later, after Linux 6.18.
import { InsnClass, type InsnDef, type InsnKind, type IsaLevel } from './insn-table.ts';

/** What a reader wants to know of an instruction besides its row. */
export interface InsnDoc {
  /** One or two sentences. */
  readonly text: string;
  /** In C: `dst`, `src` are registers, `off`, `imm` the fields, `pc` the slot of the next instruction; `s/` `s%` `s>>` `s<` … take signs. */
  readonly pseudocode: string;
  /** The section of RFC 9669 that defines it; undefined for what is not in there. */
  readonly section: string | undefined;
  /** The first kernel that takes it; undefined where none does. */
  readonly since: string | undefined;
}

/** What the levels of LLVM's `-mcpu` brought. */
export const ISA_LEVELS: Readonly<Record<IsaLevel, string>> = {
  v1: 'v1, the first',
  v2: 'v2, which brought jumps if less',
  v3: 'v3, which brought 32-bit operations and atomics that answer',
  v4: 'v4, which brought signed division, sign extension, bswap, gotol and stores of constants',
  ext: 'beyond v4',
};

interface AluOp {
  readonly text: string;
  /** What happens where a register that is divided by holds 0. */
  readonly zero?: string;
  /** In terms of `a` and `b`, at the width of the operation. */
  readonly value: string;
}

/** By the mnemonic of the 64-bit form. */
const ALU_OPS: Readonly<Record<string, AluOp>> = {
  add: { text: 'Adds', value: 'a + b' },
  sub: { text: 'Subtracts', value: 'a - b' },
  mul: { text: 'Multiplies', value: 'a * b' },
  div: { text: 'Divides without sign', zero: 'division by 0 gives 0', value: 'b ? a / b : 0' },
  sdiv: {
    text: 'Divides with sign, rounding towards 0',
    zero: 'division by 0 gives 0',
    value: 'b ? a s/ b : 0',
  },
  or: { text: 'Sets the bits that either operand has', value: 'a | b' },
  and: { text: 'Keeps the bits that both operands have', value: 'a & b' },
  lsh: { text: 'Shifts to the left', value: 'a << (b & mask)' },
  rsh: { text: 'Shifts to the right, zeros coming in', value: 'a >> (b & mask)' },
  mod: {
    text: 'The rest of a division without sign',
    zero: 'modulo 0 leaves dst as it is',
    value: 'b ? a % b : a',
  },
  smod: {
    text: 'The rest of a division with sign, which has the sign of dst',
    zero: 'modulo 0 leaves dst as it is',
    value: 'b ? a s% b : a',
  },
  xor: { text: 'Flips the bits that the second operand has', value: 'a ^ b' },
  mov: { text: 'Copies', value: 'b' },
  arsh: { text: 'Shifts to the right, copies of the sign bit coming in', value: 'a s>> (b & mask)' },
};

const UPPER_IS_0 = ' The upper half of dst becomes 0.';

function alu(def: InsnDef): InsnDoc {
  const wide = def.width === 64;
  const { text, zero, value } = ALU_OPS[wide ? def.mnemonic : def.mnemonic.replace(/32$/, '')]!;
  const isShift = value.includes('mask');
  const u = wide ? '' : '(u32)';
  const second = def.x ? `${u}src` : wide && !isShift ? '(s64)imm' : 'imm';
  const names: Readonly<Record<string, string>> = { a: `${u}dst`, b: second, mask: wide ? '63' : '31' };
  // A constant of 0 is refused, and a shift by a constant is in range: the checks are for registers.
  const checked = def.x ? value : value.replace(/^b \? (.*) : .*$/, '$1').replace('(b & mask)', 'b');
  const expression = checked.replace(/\b(a|b|mask)\b/g, (name) => names[name]!);
  const isMove = value === 'b';
  const operands = def.x ? 'two registers' : 'a register and a constant';
  const what = isMove
    ? `Copies ${def.x ? 'a register' : 'a constant'}${wide ? '' : ', 32 bits'}`
    : `${text} (${operands}${wide ? '' : ', 32 bits'})${def.x && zero ? `; ${zero}` : ''}`;
  const more = wide ? (second === '(s64)imm' ? ' The constant is extended with its sign.' : '') : UPPER_IS_0;
  return {
    text: `${what}.${more}`,
    pseudocode: wide
      ? `dst = ${expression}`
      : isMove
        ? `dst = (u32)${def.x ? 'src' : 'imm'}`
        : `dst = (u32)(${expression})`,
    section: '4.1',
    since: def.off === 1 ? '6.6' : '3.18',
  };
}

function end(def: InsnDef): InsnDoc {
  const { width, op } = def;
  const kind = op.startsWith('bswap') ? 'bswap' : op.slice(0, 2);
  const what: Readonly<Record<string, string>> = {
    le: `Takes the lower ${width} bits as a little endian number: on a little endian machine it only cuts off the rest.`,
    be: `Takes the lower ${width} bits as a big endian number: on a little endian machine it turns the bytes around.`,
    bswap: `Turns the ${width / 8} lowest bytes around, on any machine.`,
  };
  const value = kind === 'bswap' ? `bswap${width}(dst)` : `${kind === 'le' ? 'htole' : 'htobe'}${width}(dst)`;
  return {
    text: `${what[kind]}${width < 64 ? ' The upper bits of dst become 0.' : ''}`,
    pseudocode: `dst = ${value}`,
    section: '4.2',
    since: kind === 'bswap' ? '6.6' : '3.18',
  };
}

const COMPARISONS: Readonly<Record<string, readonly [words: string, sign: string]>> = {
  '==': ['equals', ''],
  '!=': ['differs from', ''],
  '>': ['is greater than', ', without sign'],
  '>=': ['is at least', ', without sign'],
  '<': ['is less than', ', without sign'],
  '<=': ['is at most', ', without sign'],
  's>': ['is greater than', ', with sign'],
  's>=': ['is at least', ', with sign'],
  's<': ['is less than', ', with sign'],
  's<=': ['is at most', ', with sign'],
  '&': ['has a bit in common with', ''],
};

function jcond(def: InsnDef): InsnDoc {
  const narrow = def.width === 32;
  const u = narrow ? '(u32)' : '';
  const right = def.x ? `${u}src` : narrow ? 'imm' : '(s64)imm';
  const [words, sign] = COMPARISONS[def.op]!;
  const other = def.x ? (narrow ? 'that of src' : 'src') : 'a constant';
  return {
    text: `Jumps if ${narrow ? 'the lower half of dst' : 'dst'} ${words} ${other}${sign}.`,
    pseudocode: `if (${u}dst ${def.op} ${right}) pc += off`,
    section: '4.3',
    since: narrow ? '5.1' : def.isa === 'v2' ? '4.14' : '3.18',
  };
}

const LDDW: Readonly<
  Record<string, readonly [text: string, pseudocode: string, section: string | undefined, since: string]>
> = {
  lddw: ['Loads a constant of 64 bits; takes two slots.', 'dst = (next_imm << 32) | imm', '5.4', '3.18'],
  lddw_map_fd: [
    'Loads the address of a map, given by a file descriptor.',
    'dst = map_by_fd(imm)',
    '5.4.1',
    '3.18',
  ],
  lddw_map_value: [
    'Loads the address of a byte within the only value of an array map, given by a file descriptor and an offset.',
    'dst = map_val(map_by_fd(imm)) + next_imm',
    '5.4.1',
    '5.2',
  ],
  lddw_btf_id: [
    'Loads the address of a variable of the kernel, given by its BTF id; next_imm is the BTF object of a module.',
    'dst = var_addr(imm)',
    '5.4.2',
    '5.10',
  ],
  lddw_func: [
    'Loads the address of a function of the program, for helpers that call back.',
    'dst = code_addr(pc + imm)',
    '5.4',
    '5.13',
  ],
  lddw_map_idx: [
    'Loads the address of a map, given by its place in the fd_array of the load.',
    'dst = map_by_idx(imm)',
    '5.4.1',
    '5.14',
  ],
  lddw_map_idx_value: [
    'Loads the address of a byte within the only value of an array map, given by its place in the fd_array of the load.',
    'dst = map_val(map_by_idx(imm)) + next_imm',
    '5.4.1',
    '5.14',
  ],
};

function lddw(def: InsnDef): InsnDoc {
  const [text, pseudocode, section, since] = LDDW[def.name]!;
  return { text, pseudocode, section, since };
}

function packet(def: InsnDef): InsnDoc {
  const at = def.x ? 'src + imm' : 'imm';
  return {
    text: `Reads ${bytes(def)} of a packet into r0, in the byte order of the machine; the program ends with 0 where the packet is too short. r6 must hold the context, r1 to r5 are lost. Deprecated.`,
    pseudocode: `r0 = ntoh(*(u${def.size * 8} *)(skb->data + ${at}))`,
    section: '5.5',
    since: '3.18',
  };
}

function bytes(def: InsnDef): string {
  return def.size === 1 ? 'a byte' : `${def.size} bytes`;
}

const memory = (def: InsnDef, base: string, signed = false): string =>
  `*(${signed ? 's' : 'u'}${def.size * 8} *)(${base} + off)`;

const OPERATIONS: Readonly<Record<string, string>> = {
  '+': 'Adds src to',
  '|': 'Sets the bits of src in',
  '&': 'Keeps the bits of src in',
  '^': 'Flips the bits of src in',
};

function atomic(def: InsnDef): InsnDoc {
  const at = memory(def, 'dst');
  const update = `${at} ${def.op}= src`;
  return {
    text: `${OPERATIONS[def.op]} ${def.size} bytes of memory in one step${def.fetch ? '; src gets what was there before' : ''}.`,
    pseudocode: def.fetch ? `old = ${at}; ${update}; src = old` : update,
    section: '5.3',
    since: def.name.startsWith('atomic_add') ? '3.18' : '5.12',
  };
}

const CALLS: Readonly<Record<string, InsnDoc>> = {
  call: {
    text: 'Calls a helper of the kernel by its number. Arguments are in r1 to r5, which are lost; the answer is in r0.',
    pseudocode: 'r0 = helper[imm](r1, r2, r3, r4, r5)',
    section: '4.3.1',
    since: '3.18',
  },
  call_local: {
    text: 'Calls another function of the program. It has a stack of its own, and r6 to r9 are as before when it is back.',
    pseudocode: 'r0 = (pc + imm)(r1, r2, r3, r4, r5)',
    section: '4.3.2',
    since: '4.16',
  },
  call_kfunc: {
    text: 'Calls a function of the kernel by the id of its BTF type (a kfunc); off is the place of its module in fd_array, 0 for vmlinux.',
    pseudocode: 'r0 = kfunc[imm](r1, r2, r3, r4, r5)',
    section: '4.3.1',
    since: '5.13',
  },
};

const narrowed = (def: InsnDef): string => (def.cls === InsnClass.ALU ? '(u32)' : '');

/** By kind; each is asked for the rows of its kind alone. */
const DESCRIBE: Readonly<Record<InsnKind, (def: InsnDef) => InsnDoc>> = {
  alu,
  end,
  jcond,
  lddw,
  atomic,
  ldabs: packet,
  ldind: packet,
  neg: (def) => ({
    text: `Turns the sign around${def.width === 32 ? ' (32 bits). The upper half of dst becomes 0' : ''}.`,
    pseudocode: def.width === 32 ? 'dst = (u32)-dst' : 'dst = -dst',
    section: '4.1',
    since: '3.18',
  }),
  movsx: (def) => ({
    text: `Copies the lower ${def.width} bits, extended with their sign${narrowed(def) ? ' to 32 bits. The upper half of dst becomes 0' : ''}.`,
    pseudocode: narrowed(def) ? `dst = (u32)(s32)(s${def.width})src` : `dst = (s64)(s${def.width})src`,
    section: '4.1',
    since: '6.6',
  }),
  addrSpaceCast: () => ({
    text: 'Turns a pointer into an arena from one address space into another; the upper half of imm is the new one, the lower the old one. 0 is the kernel, 1 the arena.',
    pseudocode: 'dst = addr_space_cast(src, imm >> 16, imm & 0xffff)',
    section: undefined,
    since: '6.9',
  }),
  ldx: (def) => ({
    text: `Loads ${bytes(def)} of memory${def.size < 8 ? '; the upper bits of dst become 0' : ''}.`,
    pseudocode: `dst = ${memory(def, 'src')}`,
    section: '5.1',
    since: '3.18',
  }),
  ldsx: (def) => ({
    text: `Loads ${bytes(def)} of memory, extended with the sign.`,
    pseudocode: `dst = (s64)${memory(def, 'src', true)}`,
    section: '5.2',
    since: '6.6',
  }),
  st: (def) => ({
    text: `Stores a constant in ${bytes(def)} of memory${def.size === 8 ? ', extended with its sign' : ''}.`,
    pseudocode: `${memory(def, 'dst')} = imm`,
    section: '5.1',
    since: '3.18',
  }),
  stx: (def) => ({
    text: `Stores ${def.size === 8 ? 'a register' : `the lower ${def.size * 8} bits of a register`} in memory.`,
    pseudocode: `${memory(def, 'dst')} = src`,
    section: '5.1',
    since: '3.18',
  }),
  xchg: (def) => ({
    text: `Swaps a register and ${def.size} bytes of memory in one step.`,
    pseudocode: `old = ${memory(def, 'dst')}; ${memory(def, 'dst')} = src; src = old`,
    section: '5.3',
    since: '5.12',
  }),
  cmpxchg: (def) => ({
    text: `Stores src in ${def.size} bytes of memory if they hold what r0 holds; r0 gets what was there before. All in one step.`,
    pseudocode: `old = ${memory(def, 'dst')}; if (old == ${def.size === 4 ? '(u32)' : ''}r0) ${memory(def, 'dst')} = src; r0 = old`,
    section: '5.3',
    since: '5.12',
  }),
  loadAcquire: (def) => ({
    text: `Loads ${bytes(def)} of memory; no access that stands behind it happens before it.`,
    pseudocode: `dst = ${memory(def, 'src')}  // acquire`,
    section: undefined,
    since: '6.15',
  }),
  storeRelease: (def) => ({
    text: `Stores ${bytes(def)} of memory; no access that stands before it happens after it.`,
    pseudocode: `${memory(def, 'dst')} = src  // release`,
    section: undefined,
    since: '6.15',
  }),
  ja: (def) => ({
    text: def.imm === 'branch' ? 'Jumps, with 32 bits for the distance.' : 'Jumps.',
    pseudocode: def.imm === 'branch' ? 'pc += imm' : 'pc += off',
    section: '4.3',
    since: def.imm === 'branch' ? '6.6' : '3.18',
  }),
  mayGoto: () => ({
    text: 'Jumps when the program has looped often enough (about 8 million times): a way out of loops that the verifier need not prove to end.',
    pseudocode: 'if (budget-- == 0) pc += off',
    section: undefined,
    since: '6.9',
  }),
  call: (def) => CALLS[def.name]!,
  callx: () => ({
    text: 'Calls the function whose address a register holds. LLVM emits it; no kernel takes it.',
    pseudocode: 'r0 = (*dst)(r1, r2, r3, r4, r5)',
    section: undefined,
    since: undefined,
  }),
  exit: () => ({
    text: 'Ends the function, or the program; r0 is what it returns.',
    pseudocode: 'return r0',
    section: '4.3',
    since: '3.18',
  }),
  unknown: () => ({ text: 'No instruction.', pseudocode: '', section: undefined, since: undefined }),
};

/** What an instruction does, by its row of the table. */
export function insnDoc(def: InsnDef): InsnDoc {
  return DESCRIBE[def.kind](def);
}
