/**
 * The one instruction table: RFC 9669 complete, with what Linux and LLVM have added since
 * (`may_goto`, `addr_space_cast`, `callx`, load-acquire and store-release). Encoder, decoder,
 * assembler, disassembler and documentation are derived from it.
 *
 * ```
 *   byte   0        1           2..3    4..7
 *        ┌────────┬───────────┬───────┬───────────┐   little endian: src in the high nibble of byte 1,
 *        │ opcode │ src  dst  │  off  │    imm    │   big endian: dst in the high nibble
 *        └────────┴───────────┴───────┴───────────┘
 *   opcode, ALU and JMP:   4 bits operation │ 1 bit source (K imm, X src) │ 3 bits class
 *   opcode, load and store: 3 bits mode     │ 2 bits size                 │ 3 bits class
 * ```
 */

/** Instruction classes (RFC 9669, section 3, table 3). */
export const InsnClass = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const;
export type InsnClass = (typeof InsnClass)[keyof typeof InsnClass];

/** The lowest `-mcpu` of LLVM that emits the instruction; `ext` is newer than v4 or Linux only. */
export type IsaLevel = 'v1' | 'v2' | 'v3' | 'v4' | 'ext';

/** What an operand field may hold. A number means: exactly this. */
export type RegField = 'reg' | number;
export type OffField = 's16' | 'branch' | number;
/** `helper` is a helper's id, `btf_id` a BTF type id, `call` a distance in slots. */
export type ImmField = 's32' | 'branch' | 'call' | 'helper' | 'btf_id' | 'as_cast' | 'wide' | number;

/** The shape of an instruction: what its operands mean and how it is written. */
export type InsnKind =
  | 'alu' // dst op= src|imm, width bits
  | 'neg'
  | 'end' // le16…be64, bswap16…64
  | 'movsx'
  | 'addrSpaceCast'
  | 'lddw'
  | 'ldabs'
  | 'ldind'
  | 'ldx'
  | 'ldsx'
  | 'st' // *(size *)(dst + off) = imm
  | 'stx'
  | 'atomic' // lock op, with or without fetch
  | 'xchg'
  | 'cmpxchg'
  | 'loadAcquire'
  | 'storeRelease'
  | 'ja'
  | 'jcond'
  | 'mayGoto'
  | 'call'
  | 'callx'
  | 'exit'
  | 'unknown';

/** One row of the table. */
export interface InsnDef {
  /** Unique: the mnemonic, `_k` (imm) or `_x` (src) where both exist. */
  readonly name: string;
  /** As users of RFC 9669 and ubpf write it; imm and src forms share it. */
  readonly mnemonic: string;
  readonly kind: InsnKind;
  readonly opcode: number;
  readonly cls: InsnClass;
  readonly dst: RegField;
  readonly src: RegField;
  readonly off: OffField;
  readonly imm: ImmField;
  /** The operator in C: `+`, `s/`, `==`, `&` … or the byte-swap's name. */
  readonly op: string;
  /** Operand width in bits: 64 or 32; for swaps and `movsx` the bits taken from the source. */
  readonly width: number;
  /** Bytes of memory read or written; 0 where none are. */
  readonly size: number;
  /** True where the second operand is a register. */
  readonly x: boolean;
  /** True where an atomic operation also loads the old value. */
  readonly fetch: boolean;
  /** 8-byte slots that it takes. */
  readonly slots: 1 | 2;
  readonly isa: IsaLevel;
}

type Row = Pick<InsnDef, 'name' | 'kind' | 'opcode'> & Partial<InsnDef>;

function row(parts: Row): InsnDef {
  const def: InsnDef = {
    name: parts.name,
    mnemonic: parts.mnemonic ?? parts.name,
    kind: parts.kind,
    opcode: parts.opcode,
    cls: (parts.opcode & 7) as InsnClass,
    dst: parts.dst ?? 0,
    src: parts.src ?? 0,
    off: parts.off ?? 0,
    imm: parts.imm ?? 0,
    op: parts.op ?? '',
    width: parts.width ?? 64,
    size: parts.size ?? 0,
    x: parts.x ?? false,
    fetch: parts.fetch ?? false,
    slots: parts.slots ?? 1,
    isa: parts.isa ?? 'v1',
  };
  return Object.freeze(def);
}

const K = 0x00;
const X = 0x08;

/** RFC 9669, section 4.1, table 4: mnemonic, operation code, operator. `off` tells signed from unsigned. */
const ALU_OPS: readonly (readonly [string, number, string, number])[] = [
  ['add', 0x00, '+', 0],
  ['sub', 0x10, '-', 0],
  ['mul', 0x20, '*', 0],
  ['div', 0x30, '/', 0],
  ['sdiv', 0x30, 's/', 1],
  ['or', 0x40, '|', 0],
  ['and', 0x50, '&', 0],
  ['lsh', 0x60, '<<', 0],
  ['rsh', 0x70, '>>', 0],
  ['mod', 0x90, '%', 0],
  ['smod', 0x90, 's%', 1],
  ['xor', 0xa0, '^', 0],
  ['mov', 0xb0, '', 0],
  ['arsh', 0xc0, 's>>', 0],
];

function aluRows(): InsnDef[] {
  return [64, 32].flatMap((width) =>
    ALU_OPS.flatMap(([base, code, op, off]) => {
      const mnemonic = width === 32 ? `${base}32` : base;
      const isa = off === 1 ? 'v4' : width === 32 ? 'v3' : 'v1';
      const common = { mnemonic, kind: 'alu', dst: 'reg', off, op, width, isa } as const;
      const cls = width === 64 ? InsnClass.ALU64 : InsnClass.ALU;
      return [
        row({ ...common, name: `${mnemonic}_k`, opcode: code | K | cls, imm: 's32' }),
        row({ ...common, name: `${mnemonic}_x`, opcode: code | X | cls, src: 'reg', x: true }),
      ];
    }),
  );
}

/** Negation, byte swaps (section 4.2), sign-extending moves, arena casts: ALU rows of their own shape. */
function otherAluRows(): InsnDef[] {
  const swap = (name: string, opcode: number, width: number, isa: IsaLevel): InsnDef =>
    row({ name, kind: 'end', opcode, dst: 'reg', imm: width, op: name, width, isa });
  const movsx = (name: string, opcode: number, width: number): InsnDef =>
    row({ name, kind: 'movsx', opcode, dst: 'reg', src: 'reg', off: width, width, x: true, isa: 'v4' });
  return [
    row({ name: 'neg', kind: 'neg', opcode: 0x87, dst: 'reg', op: '-' }),
    row({ name: 'neg32', kind: 'neg', opcode: 0x84, dst: 'reg', op: '-', width: 32, isa: 'v3' }),
    ...[16, 32, 64].map((width) => swap(`le${width}`, 0xd4, width, 'v1')),
    ...[16, 32, 64].map((width) => swap(`be${width}`, 0xdc, width, 'v1')),
    ...[16, 32, 64].map((width) => swap(`bswap${width}`, 0xd7, width, 'v4')),
    ...[8, 16, 32].map((width) => movsx(`movsx${width}`, 0xbf, width)),
    ...[8, 16].map((width) => movsx(`movsx${width}_32`, 0xbc, width)),
    row({
      name: 'addr_space_cast',
      kind: 'addrSpaceCast',
      opcode: 0xbf,
      dst: 'reg',
      src: 'reg',
      off: 1,
      imm: 'as_cast',
      x: true,
      isa: 'ext',
    }),
  ];
}

/** RFC 9669, section 4.3, table 9. */
const JUMP_OPS: readonly (readonly [string, number, string, IsaLevel])[] = [
  ['jeq', 0x10, '==', 'v1'],
  ['jgt', 0x20, '>', 'v1'],
  ['jge', 0x30, '>=', 'v1'],
  ['jset', 0x40, '&', 'v1'],
  ['jne', 0x50, '!=', 'v1'],
  ['jsgt', 0x60, 's>', 'v1'],
  ['jsge', 0x70, 's>=', 'v1'],
  ['jlt', 0xa0, '<', 'v2'],
  ['jle', 0xb0, '<=', 'v2'],
  ['jslt', 0xc0, 's<', 'v2'],
  ['jsle', 0xd0, 's<=', 'v2'],
];

function jumpRows(): InsnDef[] {
  const conditional = [64, 32].flatMap((width) =>
    JUMP_OPS.flatMap(([base, code, op, level]) => {
      const mnemonic = width === 32 ? `${base}32` : base;
      const isa = width === 32 ? 'v3' : level;
      const common = { mnemonic, kind: 'jcond', dst: 'reg', off: 'branch', op, width, isa } as const;
      const cls = width === 64 ? InsnClass.JMP : InsnClass.JMP32;
      return [
        row({ ...common, name: `${mnemonic}_k`, opcode: code | K | cls, imm: 's32' }),
        row({ ...common, name: `${mnemonic}_x`, opcode: code | X | cls, src: 'reg', x: true }),
      ];
    }),
  );
  return [
    row({ name: 'ja', kind: 'ja', opcode: 0x05, off: 'branch', op: 'goto' }),
    row({
      name: 'ja32',
      mnemonic: 'ja32',
      kind: 'ja',
      opcode: 0x06,
      imm: 'branch',
      op: 'gotol',
      width: 32,
      isa: 'v4',
    }),
    ...conditional,
    row({ name: 'may_goto', kind: 'mayGoto', opcode: 0xe5, off: 'branch', isa: 'ext' }),
    row({ name: 'call', kind: 'call', opcode: 0x85, imm: 'helper' }),
    row({ name: 'call_local', kind: 'call', opcode: 0x85, src: 1, imm: 'call' }),
    // For a kernel function of a module, off is an index into the load's fd_array (Linux bpf.h, BPF_PSEUDO_KFUNC_CALL).
    row({ name: 'call_kfunc', kind: 'call', opcode: 0x85, src: 2, off: 's16', imm: 'btf_id' }),
    row({ name: 'callx', kind: 'callx', opcode: 0x8d, dst: 'reg', x: true, isa: 'ext' }),
    row({ name: 'exit', kind: 'exit', opcode: 0x95 }),
  ];
}

/** Size codes (section 5): letter, code, bytes. */
const SIZES: readonly (readonly [string, number, number])[] = [
  ['b', 0x10, 1],
  ['h', 0x08, 2],
  ['w', 0x00, 4],
  ['dw', 0x18, 8],
];

/** Which of the seven meanings a 64-bit immediate has (section 5.4, table 12; Linux adds the two `idx`). */
export const LddwSource = {
  IMM64: 0,
  MAP_FD: 1,
  MAP_VALUE: 2,
  BTF_ID: 3,
  FUNC: 4,
  MAP_IDX: 5,
  MAP_IDX_VALUE: 6,
} as const;
export type LddwSource = (typeof LddwSource)[keyof typeof LddwSource];

function loadRows(): InsnDef[] {
  const lddw = (name: string, src: LddwSource): InsnDef =>
    row({ name, mnemonic: 'lddw', kind: 'lddw', opcode: 0x18, dst: 'reg', src, imm: 'wide', slots: 2 });
  const memory = { dst: 'reg', off: 's16' } as const;
  const narrow = SIZES.slice(0, 3);
  return [
    lddw('lddw', LddwSource.IMM64),
    lddw('lddw_map_fd', LddwSource.MAP_FD),
    lddw('lddw_map_value', LddwSource.MAP_VALUE),
    lddw('lddw_btf_id', LddwSource.BTF_ID),
    lddw('lddw_func', LddwSource.FUNC),
    lddw('lddw_map_idx', LddwSource.MAP_IDX),
    lddw('lddw_map_idx_value', LddwSource.MAP_IDX_VALUE),
    ...narrow.map(([s, code, size]) =>
      row({ name: `ldabs${s}`, kind: 'ldabs', opcode: 0x20 | code, imm: 's32', size }),
    ),
    ...narrow.map(([s, code, size]) =>
      row({ name: `ldind${s}`, kind: 'ldind', opcode: 0x40 | code, src: 'reg', imm: 's32', size, x: true }),
    ),
    ...SIZES.map(([s, code, size]) =>
      row({ ...memory, name: `ldx${s}`, kind: 'ldx', opcode: 0x61 | code, src: 'reg', size, x: true }),
    ),
    ...narrow.map(([s, code, size]) =>
      row({
        ...memory,
        name: `ldxs${s}`,
        kind: 'ldsx',
        opcode: 0x81 | code,
        src: 'reg',
        size,
        x: true,
        isa: 'v4',
      }),
    ),
    ...SIZES.map(([s, code, size]) =>
      row({ ...memory, name: `st${s}`, kind: 'st', opcode: 0x62 | code, imm: 's32', size, isa: 'v4' }),
    ),
    ...SIZES.map(([s, code, size]) =>
      row({ ...memory, name: `stx${s}`, kind: 'stx', opcode: 0x63 | code, src: 'reg', size, x: true }),
    ),
  ];
}

/** Section 5.3, tables 10 and 11: the operation stands in imm. */
function atomicRows(): InsnDef[] {
  const simple = [
    ['add', 0x00, '+', 'v1'],
    ['or', 0x40, '|', 'v3'],
    ['and', 0x50, '&', 'v3'],
    ['xor', 0xa0, '^', 'v3'],
  ] as const;
  return [32, 64].flatMap((width) => {
    const suffix = width === 32 ? '32' : '';
    const common = {
      opcode: width === 32 ? 0xc3 : 0xdb,
      dst: 'reg',
      src: 'reg',
      off: 's16',
      width,
      size: width / 8,
      x: true,
    } as const;
    return [
      ...simple.map(([op, imm, sign, isa]) =>
        row({ ...common, name: `atomic_${op}${suffix}`, kind: 'atomic', imm, op: sign, isa }),
      ),
      ...simple.map(([op, imm, sign]) =>
        row({
          ...common,
          name: `atomic_fetch_${op}${suffix}`,
          kind: 'atomic',
          imm: imm | 1,
          op: sign,
          fetch: true,
          isa: 'v3',
        }),
      ),
      row({ ...common, name: `xchg${suffix}`, kind: 'xchg', imm: 0xe1, op: 'xchg', fetch: true, isa: 'v3' }),
      row({
        ...common,
        name: `cmpxchg${suffix}`,
        kind: 'cmpxchg',
        imm: 0xf1,
        op: 'cmpxchg',
        fetch: true,
        isa: 'v3',
      }),
    ];
  });
}

/** Linux 6.15, `include/uapi/linux/bpf.h`: BPF_LOAD_ACQ 0x100 and BPF_STORE_REL 0x110, all four sizes. */
function orderedRows(): InsnDef[] {
  return SIZES.flatMap(([s, code, size]) => {
    const common = {
      opcode: 0xc3 | code,
      dst: 'reg',
      src: 'reg',
      off: 's16',
      size,
      x: true,
      isa: 'ext',
    } as const;
    return [
      row({
        ...common,
        name: `load_acq_${s}`,
        kind: 'loadAcquire',
        imm: 0x100,
        op: 'load_acquire',
        fetch: true,
      }),
      row({ ...common, name: `store_rel_${s}`, kind: 'storeRelease', imm: 0x110, op: 'store_release' }),
    ];
  });
}

/** Every instruction, in the order of RFC 9669. */
export const INSN_TABLE: readonly InsnDef[] = Object.freeze([
  ...aluRows(),
  ...otherAluRows(),
  ...jumpRows(),
  ...loadRows(),
  ...atomicRows(),
  ...orderedRows(),
]);

/** What decoding answers for bytes that no row matches. It is not part of the table and never encoded by name. */
export const UNKNOWN_INSN: InsnDef = row({ name: 'unknown', kind: 'unknown', opcode: 0 });

const byName: ReadonlyMap<string, InsnDef> = new Map(INSN_TABLE.map((def) => [def.name, def]));

/** The row of that name, or undefined. */
export function findInsn(name: string): InsnDef | undefined {
  return byName.get(name);
}
