import { HELPERS, InsnClass, type InsnKind, type Instruction, LddwSource } from '../../isa/index.ts';

/** How an instruction's names are told: what a rewritten call or load stands for. */
export interface XlatedNames {
  /** The kernel's function at a distance from `__bpf_call_base`. */
  readonly symbol: (distance: number) => string | undefined;
  /** The subprogram of a number, as kernel symbols call it. */
  readonly subprogram: (index: number) => string | undefined;
}

type Formatter = (insn: Instruction, names: XlatedNames) => string;

const signed = (value: number): string => (value < 0 ? `${value}` : `+${value}`);
const letter = ({ opcode }: Instruction): string =>
  (opcode & 7) === InsnClass.ALU || (opcode & 7) === InsnClass.JMP32 ? 'w' : 'r';
const unsignedSize = ({ def }: Instruction): string => `(u${def.size * 8} *)`;
const place = (register: number, { off }: Instruction): string => `(r${register} ${signed(off)})`;
const helperNames: ReadonlyMap<number, string> = new Map(HELPERS.map(({ id, name }) => [id, name]));

/** What only the kernel itself writes, and the table of instructions does not have (Linux, `include/linux/filter.h`). */
function internal({ opcode, dst, src, off }: Instruction): string {
  if (opcode === 0xbf && off === -1) return `r${dst} = &(void __percpu *)(r${src})`;
  if (opcode === 0xc2) return 'nospec';
  return `unknown opcode ${opcode.toString(16).padStart(2, '0')}`;
}

const alu: Formatter = (insn) => {
  const { def, dst, src, imm } = insn;
  const reg = letter(insn);
  return `${reg}${dst} ${def.op}= ${def.x ? `${reg}${src}` : imm}`;
};

const atomic: Formatter = (insn) => {
  const { def, dst, src } = insn;
  const target = `(u${def.size * 8} *)${place(dst, insn)}`;
  if (!def.fetch) return `lock *${target} ${def.op}= r${src}`;
  const wide = def.size === 8 ? '64' : '';
  const names: Readonly<Record<string, string>> = { '+': 'add', '&': 'and', '|': 'or', '^': 'xor' };
  return `r${src} = atomic${wide}_fetch_${names[def.op] ?? def.op}(${target}, r${src})`;
};

const exchange: Formatter = (insn) => {
  const { def, dst, src } = insn;
  const wide = def.size === 8 ? '64' : '';
  const target = `(u${def.size * 8} *)${place(dst, insn)}`;
  return def.kind === 'xchg'
    ? `r${src} = atomic${wide}_xchg(${target}, r${src})`
    : `r0 = atomic${wide}_cmpxchg(${target}, r0, r${src})`;
};

const wideLoad: Formatter = ({ dst, src, imm, nextImm }) => {
  const number = imm >>> 0;
  switch (src) {
    case LddwSource.MAP_FD:
      return `r${dst} = map[id:${number}]`;
    case LddwSource.MAP_VALUE:
      return `r${dst} = map[id:${number}][0]+${nextImm >>> 0}`;
    case LddwSource.MAP_IDX_VALUE:
      return `r${dst} = map[idx:${number}]+${nextImm >>> 0}`;
    case LddwSource.FUNC:
      return `r${dst} = subprog[${signed(imm)}]`;
    default:
      return `r${dst} = 0x${((BigInt(nextImm >>> 0) << 32n) | BigInt(number)).toString(16)}`;
  }
};

/** `src` of a call into the same program. */
const PSEUDO_CALL = 1;

/** In a dump the distance stands in the offset, and the subprogram's number in the immediate. */
const call: Formatter = ({ src, imm, off }, { symbol, subprogram }) => {
  if (src === PSEUDO_CALL) {
    const name = subprogram(imm);
    return `call pc${signed(off)}${name === undefined ? '' : `#${name}`}`;
  }
  const name = (src === 0 ? helperNames.get(imm) : undefined) ?? symbol(imm) ?? 'unknown';
  return `call ${name}#${imm}`;
};

const conditional: Formatter = (insn) => {
  const { def, dst, src, imm, off } = insn;
  const reg = letter(insn);
  const right = def.x ? `${reg}${src}` : `0x${(imm >>> 0).toString(16)}`;
  return `if ${reg}${dst} ${def.op} ${right} goto pc${signed(off)}`;
};

const store = (insn: Instruction): string => `*${unsignedSize(insn)}${place(insn.dst, insn)}`;

/** As the verifier's log and `bpftool prog dump xlated` write instructions (Linux, `kernel/bpf/disasm.c`). */
const FORMATTERS: Readonly<Record<InsnKind, Formatter>> = {
  alu,
  neg: (insn) => `${letter(insn)}${insn.dst} = -${letter(insn)}${insn.dst}`,
  end: ({ def, dst }) => `r${dst} = ${def.op} r${dst}`,
  movsx: (insn) => `${letter(insn)}${insn.dst} = (s${insn.def.width})${letter(insn)}${insn.src}`,
  addrSpaceCast: ({ dst, src, imm }) => `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`,
  lddw: wideLoad,
  ldabs: (insn) => `r0 = *${unsignedSize(insn)}skb[${insn.imm}]`,
  ldind: (insn) => `r0 = *${unsignedSize(insn)}skb[r${insn.src} + ${insn.imm}]`,
  ldx: (insn) => `r${insn.dst} = *${unsignedSize(insn)}${place(insn.src, insn)}`,
  ldsx: (insn) => `r${insn.dst} = *(s${insn.def.size * 8} *)${place(insn.src, insn)}`,
  st: (insn) => `${store(insn)} = ${insn.imm}`,
  stx: (insn) => `${store(insn)} = r${insn.src}`,
  atomic,
  xchg: exchange,
  cmpxchg: exchange,
  loadAcquire: (insn) => `r${insn.dst} = load_acquire(${unsignedSize(insn)}${place(insn.src, insn)})`,
  storeRelease: (insn) => `store_release(${unsignedSize(insn)}${place(insn.dst, insn)}, r${insn.src})`,
  ja: ({ def, imm, off }) =>
    `${def.imm === 'branch' ? 'gotol' : 'goto'} pc${signed(def.imm === 'branch' ? imm : off)}`,
  jcond: conditional,
  mayGoto: ({ off }) => `may_goto pc${signed(off)}`,
  call,
  callx: (insn, names) => call(insn, names),
  exit: () => 'exit',
  unknown: internal,
};

/** One rewritten instruction: `(7b) *(u64 *)(r10 -8) = r8`. */
export function xlatedInsn(insn: Instruction, names: XlatedNames): string {
  return `(${insn.opcode.toString(16).padStart(2, '0')}) ${FORMATTERS[insn.def.kind](insn, names)}`;
}
